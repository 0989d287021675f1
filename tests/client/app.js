/*
 * What Jitsi's mobile apps are to a script: an engine without a page. The harness ends with what
 * it saw as one line of JSON. Hermes has no timers and no fetch of its own; time is ours.
 */
var global = globalThis;
var out = { pushes: [], said: [], handlers: 0 };
var time = 0;
var timers = [];
var lastTimer = 0;

function setTimer(deed, ms, every) {
  timers.push({ id: ++lastTimer, at: time + (ms || 0), deed: deed, every: every });
  return lastTimer;
}
global.setTimeout = function (deed, ms) { return setTimer(deed, ms, 0); };
global.setInterval = function (deed, ms) { return setTimer(deed, ms, ms); };
global.clearTimeout = global.clearInterval = function (id) {
  timers = timers.filter(function (it) { return it.id !== id; });
};
Date.now = function () { return 1700000000000 + time; };

/* Promises that need no event loop: they settle as soon as they can. */
function Settled(deed) {
  var self = this;
  self.waiting = [];
  function settle(kind) {
    return function (value) {
      if (self.kind) return;
      if (kind === "then" && value && value.then) return value.then(settle("then"), settle("catch"));
      self.kind = kind;
      self.value = value;
      self.waiting.splice(0).forEach(function (it) { it(); });
    };
  }
  try { deed(settle("then"), settle("catch")); } catch (error) { settle("catch")(error); }
}
Settled.prototype.then = function (good, bad) {
  var self = this;
  return new Settled(function (answered, failed) {
    function go() {
      var deed = self.kind === "then" ? good : bad;
      if (!deed) return (self.kind === "then" ? answered : failed)(self.value);
      try { answered(deed(self.value)); } catch (error) { failed(error); }
    }
    if (self.kind) go();
    else self.waiting.push(go);
  });
};
Settled.prototype.catch = function (bad) { return this.then(undefined, bad); };
global.Promise = Settled;

var online = true;
global.fetch = function (url, options) {
  return new Settled(function (answered, failed) {
    if (!online) return failed(new Error("offline"));
    var push = JSON.parse(options.body);
    out.pushes.push({ url: url, push: push });
    var last = push.samples[push.samples.length - 1].seq;
    answered({
      status: 200,
      headers: { get: function () { return null; } },
      json: function () {
        return new Settled(function (told) { told({ ack: last, now: 5000 + time / 1000 }); });
      },
    });
  });
};
global.console = { log: say, warn: say, error: say, info: say, debug: say };
function say(text) { out.said.push(String(text)); }

function run(seconds) {
  var until = time + seconds * 1000;
  for (;;) {
    var next = timers.slice().sort(function (a, b) { return a.at - b.at || a.id - b.id; })[0];
    if (!next || next.at > until) break;
    time = next.at;
    if (next.every) next.at += next.every;
    else timers.splice(timers.indexOf(next), 1);
    next.deed();
  }
  time = until;
}

/* As the app does it at every room: forget the handlers, evaluate the script, make them anew. */
function enterRoom(name) {
  global.JitsiMeetJS = { app: { analyticsHandlers: [] } };
  (0, eval)(SCRIPT);
  var handlers = global.JitsiMeetJS.app.analyticsHandlers.map(function (Handler) {
    return new Handler({ version: "1", envType: "dev", host: "meet.example.org" });
  });
  out.handlers = handlers.length;
  handlers.forEach(function (it) {
    it.setUserProperties({ browser_name: "react-native" });
    it.setUserProperties({ conference_name: name });
  });
  return {
    tell: function (action, attributes, source) {
      handlers.forEach(function (it) {
        it.sendEvent({
          type: "operational", action: action, actionSubject: action,
          source: source || action, attributes: attributes,
        });
      });
    },
  };
}
