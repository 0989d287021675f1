-- For wrk: each thread has its share of the sessions; each request is the next sample of one.
-- Arguments after "--": path, number of sessions, a number that makes the session ids unique, and
-- for dialect v1 a file with the cookie of one session per line.
local threads = 0

function setup(thread)
  thread:set("number", threads)
  threads = threads + 1
end

local path, sessions, run
local seqs, cookies, turn = {}, {}, 0

function init(args)
  path, sessions, run = args[1], tonumber(args[2]), tonumber(args[3])
  for i = 1, sessions do seqs[i] = 0 end
  if args[4] then
    for line in io.lines(args[4]) do cookies[#cookies + 1] = line end
  end
end

local function readings()
  return string.format(
    '{"cq":%d,"u":{"bw":%d.33,"ab":38.33,"vb":%d.67},"d":{"bw":3817.33,"ab":41,"vb":%d.67}',
    math.random(0, 100), math.random(300, 3000), math.random(100, 2000), math.random(100, 2000))
end

local function v1()
  turn = turn % #cookies + 1
  local body = string.format(
    '{"uid":"a40bcaa8-8b36-11ec-a8a3-0242ac120002","conf":"conference%d","m":%s}}', turn, readings())
  return wrk.format(
    "POST", path, {["content-type"] = "application/json", ["cookie"] = cookies[turn]}, body)
end

local function v2()
  turn = turn % sessions + 1
  local seq = seqs[turn]
  seqs[turn] = seq + 1
  local body = string.format(
    '{"v":2,"sid":"%08x%08x%016x","uid":"a40bcaa8-8b36-11ec-a8a3-0242ac120002",' ..
    '"conf":"conference%d","samples":[{"seq":%d,"age":0.05,"m":%s,"rtt":%d}}]}',
    run, number, turn, turn, seq, readings(), math.random(5, 300))
  return wrk.format(
    "POST", path,
    {["content-type"] = "text/plain;charset=UTF-8", ["connection"] = wrk.headers["Connection"]},
    body)
end

function request()
  return #cookies > 0 and v1() or v2()
end

function done(summary, latency)
  local errors = summary.errors
  io.write(string.format(
    "\nRESULT %d %d %.3f %.3f %.3f %d\n",
    summary.requests, summary.duration,
    latency:percentile(50) / 1000, latency:percentile(99) / 1000, latency:percentile(99.9) / 1000,
    errors.status + errors.connect + errors.read + errors.write + errors.timeout))
end
