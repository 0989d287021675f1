/*
 * Whole calls of a Jitsi Meet page, in the engine of app.js: a page without a browser. What the call
 * is like is known for each second. Jitsi's statistics are means since the tick before, and the
 * counters of the peer connection grow as the seconds say.
 */
global.performance = { now: function () { return time; } };
global.document = {
  visibilityState: "visible",
  addEventListener: function () {},
};
global.navigator = {};
global.addEventListener = function () {};
global.location = { pathname: "/room" };
global.window = global;
var kept = {};
global.localStorage = {
  getItem: function (key) { return key in kept ? kept[key] : null; },
  setItem: function (key, content) { kept[key] = String(content); },
  removeItem: function (key) { delete kept[key]; },
};

var drawn = CALL.seed;
Math.random = function () { return (drawn = (drawn * 16807) % 2147483647) / 2147483647; };

var EPOCH = 1700000000;
reply = function (push) {
  var samples = push.samples;
  return {
    status: 200,
    content: { ack: samples[samples.length - 1].seq, now: EPOCH + time / 1000 },
  };
};

// Packets, frames and audio samples a second.
var AUDIO = 50, VIDEO = 200, FRAMES = 25, SAMPLES = 48000;

/* Sums over the seconds before a moment, of what each second had. */
function summed(amount) {
  var sums = [0];
  CALL.seconds.forEach(function (second, at) { sums.push(sums[at] + amount(second, at)); });
  return function (seconds) {
    var whole = Math.min(Math.floor(seconds), sums.length - 2);
    return sums[whole] + (sums[whole + 1] - sums[whole]) * (seconds - whole);
  };
}
/* What is noticed only when something arrives again: all of an outage, in its last moment. */
function late(amount) {
  var waiting = 0;
  return summed(function (second, at) {
    waiting += amount(second);
    var next = CALL.seconds[at + 1];
    if (second.dark && next && next.dark) return 0;
    var all = waiting;
    waiting = 0;
    return all;
  });
}
function lit(second) { return second.dark ? 0 : 1; }
var counters = {
  arrived: summed(function (second) { return lit(second) * (1 - second.down); }),
  lost: late(function (second) { return second.dark ? 1 : second.down; }),
  lostThere: late(function (second) { return second.dark ? 1 : second.up; }),
  concealed: summed(function (second) { return second.dark ? 1 : second.concealed; }),
  silent: summed(function (second) { return second.dark ? 0.8 : 0; }),
  heard: summed(lit),
  frozen: late(function (second) { return second.dark ? 1 : second.frozen; }),
  moving: summed(function (second) { return lit(second) * (1 - second.frozen); }),
};

/* The report of the peer connection at this moment. */
function report() {
  var at = (time - joined) / 1000;
  var sum = {};
  Object.keys(counters).forEach(function (name) { sum[name] = counters[name](at); });
  var now = CALL.seconds[Math.min(Math.floor(at), CALL.seconds.length - 1)];
  /* Loss at the other end, as of the last RTCP report: every second for video, every five for audio. */
  function reported(every) { return counters.lostThere(at - (at % every)); }
  var stats = [
    {
      id: "IA", type: "inbound-rtp", kind: "audio", ssrc: 11, jitter: now.jitter / 1000,
      packetsReceived: Math.round(AUDIO * sum.arrived), packetsLost: Math.round(AUDIO * sum.lost),
      totalSamplesReceived: Math.round(SAMPLES * at), totalSamplesDuration: at,
      concealedSamples: Math.round(SAMPLES * sum.concealed),
      silentConcealedSamples: Math.round(SAMPLES * sum.silent),
      totalAudioEnergy: 0.01 * sum.heard,
    },
    {
      id: "IV", type: "inbound-rtp", kind: "video", ssrc: 12, jitter: now.jitter / 1000,
      packetsReceived: Math.round(VIDEO * sum.arrived), packetsLost: Math.round(VIDEO * sum.lost),
      frameHeight: 720, frameWidth: 1280, framesDecoded: Math.round(FRAMES * sum.moving),
      totalFreezesDuration: sum.frozen,
    },
    { id: "OA", type: "outbound-rtp", kind: "audio", packetsSent: Math.round(AUDIO * at) },
    {
      id: "OV", type: "outbound-rtp", kind: "video", packetsSent: Math.round(VIDEO * at),
      qualityLimitationReason: "none",
    },
    {
      id: "RA", localId: "OA", type: "remote-inbound-rtp", kind: "audio", jitter: now.jitter / 1000,
      roundTripTime: now.rtt / 1000, packetsLost: Math.round(AUDIO * reported(5)),
    },
    {
      id: "RV", localId: "OV", type: "remote-inbound-rtp", kind: "video", jitter: now.jitter / 1000,
      roundTripTime: now.rtt / 1000, packetsLost: Math.round(VIDEO * reported(1)),
    },
  ];
  var found = new Map();
  stats.forEach(function (stat) {
    stat.timestamp = Date.now();
    found.set(stat.id, stat);
  });
  return found;
}

var handlers = {};
function raise(name, value) {
  (handlers[name] || []).slice().forEach(function (handler) { handler(value); });
}
var peer = { getStats: function () { return Promise.resolve(report()); } };
Promise.resolve = function (value) { return new Promise(function (settle) { settle(value); }); };
var room = {
  on: function (name, handler) { (handlers[name] = handlers[name] || []).push(handler); },
  off: function () {},
  isJoined: function () { return true; },
  myUserId: function () { return "d3c5b4c3"; },
  getMeetingUniqueId: function () { return undefined; },
  getParticipantCount: function () { return 3; },
  getParticipants: function () { return []; },
  getActivePeerConnection: function () { return { peerconnection: peer }; },
};

/* Jitsi's statistics: loss is a whole percentage of the packets since the tick before. */
var cut = false;
var quality = 0;
var ticked = { at: 0, arrived: 0, lost: 0, heard: 0 };
function stats(at) {
  var sum = {
    at: at, arrived: counters.arrived(at), lost: counters.lost(at), heard: counters.heard(at),
  };
  var arrived = sum.arrived - ticked.arrived, lost = sum.lost - ticked.lost;
  var share = ticked.at ? arrived / (at - ticked.at) : 0;
  var sends = ticked.at ? (sum.heard - ticked.heard) / (at - ticked.at) : 0;
  quality = cut ? 0 : Math.min(100, quality + 2 * (at - ticked.at));
  var first = !ticked.at;
  ticked = sum;
  var rtt = CALL.seconds[Math.min(Math.floor(at), CALL.seconds.length - 1)].rtt;
  function kbits(amount) { return Math.round(amount * (0.97 + 0.06 * Math.random())); }
  var audio = { upload: kbits(32 * sends), download: kbits(32 * share) };
  var video = { upload: kbits(1500 * sends), download: kbits(1900 * share) };
  return {
    connectionQuality: first ? 0 : quality,
    serverRegion: "eu-west",
    bandwidth: first ? {} : { upload: 3000, download: 4000 },
    bitrate: {
      upload: audio.upload + video.upload, download: audio.download + video.download,
      audio: audio, video: video,
    },
    packetLoss: {
      download: arrived > 0 ? Math.round((100 * lost) / (arrived + lost)) : 0, upload: 0, total: 0,
    },
    framerate: { d3c5b4c3: { 1: 30 }, other: { 12: Math.round(30 * share) } },
    resolution: { d3c5b4c3: { 1: { height: 720, width: 1280 } } },
    codec: { d3c5b4c3: { 1: { audio: "opus", video: "AV1" } } },
    transport: [{
      ip: "198.51.100.9:10000", localip: "192.0.2.7:40000", type: "udp", p2p: false, rtt: rtt,
      localCandidateType: "host", remoteCandidateType: "host", networkType: "wifi",
    }],
    maxEnabledResolution: 720,
  };
}
var latest;
function tick() {
  latest = stats((time - joined) / 1000);
  raise("cq.local_stats_updated", latest);
}
function interrupt() {
  cut = true;
  quality = 0;
  raise("cq.local_stats_updated", Object.assign({}, latest, { connectionQuality: 0 }));
  raise("conference.connectionInterrupted");
}
function restore() {
  cut = false;
  raise("conference.connectionRestored");
}

var sentAt = [];
var realFetch = global.fetch;
global.fetch = function (url, options) {
  sentAt.push(EPOCH + time / 1000);
  return realFetch(url, options);
};

global.APP = { conference: { roomName: "room", _room: undefined } };
time = Math.round(1000 * CALL.phase);
(0, eval)(SCRIPT);
run(2);
var joined = time;
global.APP.conference._room = room;
run(1); // The script looks once a second where the page is.
joined = time;
var todo = CALL.ticks.map(function (at) { return [at, tick]; })
  .concat(CALL.cuts.map(function (at) { return [at, interrupt]; }))
  .concat(CALL.restores.map(function (at) { return [at, restore]; }))
  .sort(function (a, b) { return a[0] - b[0]; });
todo.forEach(function (step) {
  run((joined - time) / 1000 + step[0]);
  step[1]();
});
run((joined - time) / 1000 + CALL.seconds.length);
global.APP.conference._room = undefined;
raise("conference.left");
run(5);
print(JSON.stringify({ pushes: out.pushes, sentAt: sentAt, joined: EPOCH + joined / 1000,
  logged: out.logged }));
