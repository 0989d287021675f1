// Stand-ins for the objects of a Jitsi Meet page, on which a recorded meeting is played.

/** Emits events as a JitsiConference does, which has two names for each method. */
export class Conference {
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

  /** Return whether an event has a listener. */
  hasListener(event) {
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

  // As in Jitsi: after leaving there is no id.
  myUserId() {
    return this.#joined ? this.#me : null;
  }

  getParticipantCount() {
    return this.#others.size + (this.#joined ? 1 : 0);
  }

  // The recording has no peer connection: readings that need one are absent.
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

/** Put a conference on the page and join it, as Jitsi Meet does. */
export function enter(conference, roomName) {
  window.APP = {
    API: {},
    conference: {
      _room: conference,
      roomName,
      getMyUserId: () => conference.myUserId(),
      isJoined: () => conference.isJoined(),
    },
  };
  conference.join();
}

/** Hang up. */
export function leave() {
  window.APP.conference._room.leave();
  window.APP.conference._room = undefined;
}

/**
 * Play a recording on a conference, `speed` times as fast as it was recorded.
 * Resolves after the last moment; calls `onMoment` with each one.
 */
export async function play(recording, conference, speed, onMoment) {
  const began = performance.now();
  const stats = {};
  let muted = false;
  for (const moment of recording.moments) {
    const wait = moment.at / speed - (performance.now() - began);
    if (wait > 0) await new Promise((resolve) => setTimeout(resolve, wait));
    if (moment.event === "conference.trackMuteChanged") muted = !muted;
    let args = moment.args.map((arg) => standIn(arg, muted));
    if (moment.event === "cq.local_stats_updated") {
      // Jitsi emits the same object each time: a script that keeps it would be wrong.
      for (const key of Object.keys(stats)) delete stats[key];
      args = [Object.assign(stats, payload(moment))];
    }
    onMoment(moment, args);
    conference.emit(moment.event, args);
  }
}

/** Restore a recorded payload: NaN, undefined and Map, which JSON has not, are marked in it. */
function payload(moment) {
  const value = JSON.parse(JSON.stringify(moment.args[0]), (_key, item) =>
    item === "$NaN" ? NaN : item,
  );
  for (const path of moment.undefined ?? []) {
    const keys = path.split(".");
    const last = keys.pop();
    const parent = keys.reduce((object, key) => object?.[key], value);
    if (parent) parent[last] = undefined;
  }
  for (const key of moment.maps ?? []) value[key] = new Map(Object.entries(value[key] ?? {}));
  return value;
}

/** Return an object for one that the recording only names. */
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
