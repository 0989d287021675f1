/*
 * A stand-in of Jitsi's mobile apps: an engine without a page. It records what the script does in
 * `out`. Hermes has no timers and no fetch: those here follow a clock that `run` moves.
 */
var global = globalThis;
var out = { pushes: [], logged: [], handlers: 0 };
var time = 0;
var timers = [];
var lastTimer = 0;

function setTimer(action, ms, every) {
  timers.push({ id: ++lastTimer, at: time + (ms || 0), action: action, every: every });
  return lastTimer;
}
global.setTimeout = function (action, ms) { return setTimer(action, ms, 0); };
global.setInterval = function (action, ms) { return setTimer(action, ms, ms); };
global.clearTimeout = global.clearInterval = function (id) {
  timers = timers.filter(function (timer) { return timer.id !== id; });
};
Date.now = function () { return 1700000000000 + time; };

/* A promise that needs no event loop: it settles immediately. */
function Settled(action) {
  var self = this;
  self.waiting = [];
  function settle(kind) {
    return function (value) {
      if (self.kind) return;
      if (kind === "then" && value && value.then) return value.then(settle("then"), settle("catch"));
      self.kind = kind;
      self.value = value;
      self.waiting.splice(0).forEach(function (callback) { callback(); });
    };
  }
  try { action(settle("then"), settle("catch")); } catch (error) { settle("catch")(error); }
}
Settled.prototype.then = function (onFulfilled, onRejected) {
  var self = this;
  return new Settled(function (answered, failed) {
    function go() {
      var action = self.kind === "then" ? onFulfilled : onRejected;
      if (!action) return (self.kind === "then" ? answered : failed)(self.value);
      try { answered(action(self.value)); } catch (error) { failed(error); }
    }
    if (self.kind) go();
    else self.waiting.push(go);
  });
};
Settled.prototype.catch = function (onRejected) { return this.then(undefined, onRejected); };
global.Promise = Settled;

var online = true;
var reply = function (push) {
  var last = push.samples[push.samples.length - 1].seq;
  return { status: 200, content: { ack: last, now: 5000 + time / 1000 } };
};
global.fetch = function (url, options) {
  return new Settled(function (answered, failed) {
    if (!online) return failed(new Error("offline"));
    var push = JSON.parse(options.body);
    out.pushes.push({ url: url, push: push });
    var response = reply(push);
    answered({
      status: response.status,
      headers: { get: function () { return null; } },
      json: function () {
        return new Settled(function (resolve) { resolve(response.content); });
      },
    });
  });
};
global.console = { log: say, warn: say, error: say, info: say, debug: say };
function say(text) { out.logged.push(String(text)); }

function run(seconds) {
  var until = time + seconds * 1000;
  for (;;) {
    var next = timers.slice().sort(function (a, b) { return a.at - b.at || a.id - b.id; })[0];
    if (!next || next.at > until) break;
    time = next.at;
    if (next.every) next.at += next.every;
    else timers.splice(timers.indexOf(next), 1);
    next.action();
  }
  time = until;
}

/* What the app does for each room: drop the handlers, evaluate the script, make new handlers. */
function enterRoom(name) {
  global.JitsiMeetJS = { app: { analyticsHandlers: [] } };
  (0, eval)(SCRIPT);
  var handlers = global.JitsiMeetJS.app.analyticsHandlers.map(function (Handler) {
    return new Handler({ version: "1", envType: "dev", host: "meet.example.org" });
  });
  out.handlers = handlers.length;
  handlers.forEach(function (handler) {
    handler.setUserProperties({ browser_name: "react-native" });
    handler.setUserProperties({ conference_name: name });
  });
  return {
    send: function (action, attributes, source) {
      handlers.forEach(function (handler) {
        handler.sendEvent({
          type: "operational", action: action, actionSubject: action,
          source: source || action, attributes: attributes,
        });
      });
    },
  };
}
