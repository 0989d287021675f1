"use strict";

/*
 * What the IFrame API offers to an embedding page, as its handbook describes it: answers come
 * through postMessage, so NaN and Map do not survive.
 */
class JitsiMeetExternalAPI {
  constructor() {
    this.listeners = {};
    this.participants = 2;
    this.stats = { iceConnected: false };
    this.asked = 0;
  }
  addListener(name, listener) {
    (this.listeners[name] = this.listeners[name] || []).push(listener);
  }
  getNumberOfParticipants() { return this.participants; }
  async getConnectionStats() {
    this.asked++;
    return JSON.parse(JSON.stringify(this.stats));
  }
  raise(name, told) {
    for (const listener of this.listeners[name] || []) listener(told);
  }
  /** What the client inside said last: it goes on saying it. */
  say(record) {
    this.stats = { ...jitsi.revive(record), iceConnected: true };
  }
}
