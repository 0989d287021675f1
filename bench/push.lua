-- wrk: each thread plays its share of the sessions, each request is the next sample of one of them.
-- Arguments after "--": path, dialect (2 or 1), sessions, a number that makes the run's ids its own.
local threads = 0

function setup(thread)
  thread:set("number", threads)
  threads = threads + 1
end

local path, dialect, sessions, run
local seqs, turn = {}, 0

function init(args)
  path, dialect, sessions, run = args[1], args[2], tonumber(args[3]), tonumber(args[4])
  for i = 1, sessions do seqs[i] = 0 end
end

local function readings()
  return string.format(
    '{"cq":%d,"u":{"bw":%d.33,"ab":38.33,"vb":%d.67},"d":{"bw":3817.33,"ab":41,"vb":%d.67},"rtt":%d}',
    math.random(0, 100), math.random(300, 3000), math.random(100, 2000), math.random(100, 2000),
    math.random(5, 300))
end

function request()
  turn = turn % sessions + 1
  local seq = seqs[turn]
  seqs[turn] = seq + 1
  local body = string.format(
    '{"v":2,"sid":"%08x%08x%016x","uid":"a40bcaa8-8b36-11ec-a8a3-0242ac120002",' ..
    '"conf":"conference%d","samples":[{"seq":%d,"age":0.05,"m":%s}]}',
    run, number, turn, turn, seq, readings())
  return wrk.format("POST", path, {["content-type"] = "text/plain;charset=UTF-8"}, body)
end

function done(summary, latency)
  local errors = summary.errors
  io.write(string.format(
    "\nRESULT %d %d %.3f %.3f %.3f %d\n",
    summary.requests, summary.duration,
    latency:percentile(50) / 1000, latency:percentile(99) / 1000, latency:percentile(99.9) / 1000,
    errors.status + errors.connect + errors.read + errors.write + errors.timeout))
end
