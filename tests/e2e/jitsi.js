"use strict";

/** The part of a JitsiConference that a script in its page uses. */
class Room {
  constructor(me, joined) {
    this.me = me;
    this.joined = joined;
    this.handlers = new Map();
    this.participants = 2;
    this.meeting = "5f0f6c1c-3f9d-4a53-9d0a-0f3c5c7f0001";
    this.pc = null;
    this.times = {}; // ms of performance.now(), by the names of lib-jitsi-meet
    this.tracks = [];
  }
  on(name, handler) {
    this.handlers.set(name, [...(this.handlers.get(name) || []), handler]);
  }
  off(name, handler) {
    this.handlers.set(name, (this.handlers.get(name) || []).filter((registered) => registered !== handler));
  }
  addEventListener(name, handler) { this.on(name, handler); }
  removeEventListener(name, handler) { this.off(name, handler); }
  emit(name, ...args) {
    for (const handler of this.handlers.get(name) || []) handler(...args);
  }
  isJoined() { return this.joined; }
  myUserId() { return this.joined === null ? null : this.me; }
  getMeetingUniqueId() { return this.meeting; }
  getParticipantCount() { return this.participants; }
  getActivePeerConnection() { return this.pc; }
  getConnectionTimes() { return this.times; }
  getLocalTracks() { return this.tracks; }
  isP2PActive() { return false; }
}

/** What the tests call. */
const jitsi = {
  /** The state of the app, without "features/base/". */
  state: {},
  /** Those of the app's store. */
  listeners: [],
  handlers: [],

  /** Change a part of the state, as the app's store does. */
  change(part, content) {
    this.state[part] = content;
    this.listeners.forEach((listener) => listener());
  },

  /** Somebody asked to join: Jitsi connects to its server. */
  connect() {
    const connecting = performance.now();
    APP.connection = new Room(null, false);
    APP.connection.times = { connecting };
  },

  /** The server cannot be reached, and the app keeps that in its state. */
  failToConnect(code) {
    this.state.connection = { error: { name: code } };
    APP.connection.emit("connection.connectionFailed", code);
  },

  /** Make the handlers that scripts registered, as the app does once all `scriptURLs` are loaded. */
  makeHandlers() {
    this.handlers = JitsiMeetJS.app.analyticsHandlers.map((Handler) => new Handler({}));
    for (const handler of this.handlers) handler.setUserProperties({ conference_name: "room" });
  },

  sendAnalytics(action, attributes = {}, source = action) {
    const event = { type: "operational", action, actionSubject: action, source, attributes };
    for (const handler of this.handlers) handler.sendEvent(event);
  },

  emitted: [],
  errors: [],
  stats: {},

  join(conf, me = "d3c5b4c3", joined = true) {
    APP.conference.roomName = conf;
    APP.conference._room = new Room(me, joined);
    return APP.conference._room;
  },

  leave() {
    const room = APP.conference._room;
    room.joined = null;
    APP.conference._room = undefined;
    room.emit("conference.left");
  },

  /** A recorded payload with its NaN, undefined fields and Map; always the same object. */
  revive(record) {
    const walk = (value, path) => {
      if (value === "$NaN") return NaN;
      if (value === null || typeof value !== "object") return value;
      if (Array.isArray(value)) return value.map((entry, i) => walk(entry, path + "." + i));
      return Object.fromEntries(Object.entries(value).map(([key, entry]) => {
        const here = path ? path + "." + key : key;
        return [key, record.undefined.includes(here) ? undefined : walk(entry, here)];
      }));
    };
    for (const key of Object.keys(this.stats)) delete this.stats[key];
    Object.assign(this.stats, walk(record.payload, ""));
    for (const key of record.maps || []) this.stats[key] = new Map();
    return this.stats;
  },

  emitStats(record) {
    const room = APP.conference._room;
    if (!room) return;
    this.emitted.push({ wall: Date.now() / 1000, index: record.index });
    room.emit("cq.local_stats_updated", this.revive(record));
  },

  /** Emit the records one after the other, `pace` ms apart. */
  async play(records, pace) {
    this.done = false;
    for (const record of records) {
      this.emitStats(record);
      await new Promise((resolve) => setTimeout(resolve, pace));
    }
    this.done = true;
  },

  /** Load a script; resolves when it, and a script that it loads, have run or failed to load. */
  async load(url) {
    const ran = (script) => new Promise((done) => {
      for (const name of ["load", "error"]) script.addEventListener(name, () => done());
    });
    const script = document.createElement("script");
    script.async = true;
    script.src = url;
    document.head.appendChild(script);
    await ran(script);
    const next = document.querySelector("script[src$=getReport]");
    if (next && !window.__jmmcReport && !next.tried) {
      next.tried = true;
      await ran(next);
    }
  },
};

window.APP = {
  conference: { _room: undefined, roomName: undefined },
  store: {
    getState: () => Object.fromEntries(
      Object.entries(jitsi.state).map(([name, part]) => ["features/base/" + name, part])
    ),
    subscribe: (listener) => jitsi.listeners.push(listener),
  },
};
window.JitsiMeetJS = { app: { analyticsHandlers: [] } };
window.addEventListener("error", (event) => jitsi.errors.push(String(event.message)));
window.addEventListener("unhandledrejection", (event) => jitsi.errors.push(String(event.reason)));
