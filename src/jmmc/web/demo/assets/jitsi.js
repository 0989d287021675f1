// The objects that a Jitsi Meet page has, and a recorded conference that plays on them.

/** An event emitter with the four names under which a JitsiConference has its two verbs. */
export class Room {
  #listeners = new Map();
  #me;
  #joined = false;
  #others = new Set();

  constructor(me) {
    this.#me = me;
  }

  on(event, listener) {
    if (!this.#listeners.has(event)) this.#listeners.set(event, new Set());
    this.#listeners.get(event).add(listener);
  }

  off(event, listener) {
    this.#listeners.get(event)?.delete(listener);
  }

  addEventListener(event, listener) {
    this.on(event, listener);
  }

  removeEventListener(event, listener) {
    this.off(event, listener);
  }

  /** Whether somebody waits for this event. */
  isHeard(event) {
    return (this.#listeners.get(event)?.size ?? 0) > 0;
  }

  emit(event, args) {
    if (event === "conference.userJoined") this.#others.add(args[0]);
    if (event === "conference.userLeft") this.#others.delete(args[0]);
    for (const listener of [...(this.#listeners.get(event) ?? [])]) listener(...args);
  }

  join() {
    this.#joined = true;
    this.emit("conference.joined", []);
  }

  leave() {
    this.#joined = false;
    this.emit("conference.left", []);
  }

  isJoined() {
    return this.#joined;
  }

  // As in Jitsi: the id is gone as soon as one has left.
  myUserId() {
    return this.#joined ? this.#me : null;
  }

  getParticipantCount() {
    return this.#others.size + (this.#joined ? 1 : 0);
  }

  // The recording has no peer connection, so what only a peer connection knows stays absent.
  getActivePeerConnection() {
    return null;
  }

  isP2PActive() {
    return false;
  }

  getMeetingUniqueId() {
    return undefined;
  }
}

/** Put a room on the page, as Jitsi Meet does on joining. */
export function enter(room, roomName) {
  window.APP = {
    API: {},
    conference: {
      _room: room,
      roomName,
      getMyUserId: () => room.myUserId(),
      isJoined: () => room.isJoined(),
    },
  };
  room.join();
}

/** Hang up. */
export function leave() {
  const room = window.APP.conference._room;
  room.leave();
  window.APP.conference._room = undefined;
}

/**
 * Play a recording's moments on a room, `pace` times as fast as they were recorded.
 * Resolves after the last one; `onMoment` is told each one as it happens.
 */
export async function play(recording, room, pace, onMoment) {
  const began = performance.now();
  const stats = {};
  let muted = false;
  for (const moment of recording.moments) {
    const wait = moment.at / pace - (performance.now() - began);
    if (wait > 0) await new Promise((resolve) => setTimeout(resolve, wait));
    if (moment.event === "conference.trackMuteChanged") muted = !muted;
    let args = moment.args.map((it) => standIn(it, muted));
    if (moment.event === "cq.local_stats_updated") {
      // Jitsi emits one and the same object each time; a script that keeps it would be wrong.
      for (const key of Object.keys(stats)) delete stats[key];
      args = [Object.assign(stats, payload(moment))];
    }
    onMoment(moment, args);
    room.emit(moment.event, args);
  }
}

/** A recorded payload as it was: JSON knows no NaN, undefined or Map, so marks stand for them. */
function payload(moment) {
  const value = JSON.parse(JSON.stringify(moment.args[0]), (_key, it) =>
    it === "$NaN" ? NaN : it,
  );
  for (const path of moment.undefined ?? []) {
    const keys = path.split(".");
    const last = keys.pop();
    const parent = keys.reduce((it, key) => it?.[key], value);
    if (parent) parent[last] = undefined;
  }
  for (const key of moment.maps ?? []) value[key] = new Map(Object.entries(value[key] ?? {}));
  return value;
}

/** An object in the place of one that the recording only names. */
function standIn(value, muted) {
  if (value === null) return undefined;
  if (value === "$JitsiLocalTrack") {
    return {
      isLocal: () => true,
      getType: () => "video",
      isMuted: () => muted,
      isVideoTrack: () => true,
    };
  }
  if (typeof value === "string" && value.startsWith("$")) return { isLocal: () => false };
  return value;
}
