"use strict";

/*
 * A stand-in of the IFrame API, as Jitsi's handbook describes it. Answers come through postMessage,
 * so NaN and Map do not survive.
 */
class JitsiMeetExternalAPI {
  constructor() {
    this.listeners = {};
    this.participants = 2;
    this.stats = { iceConnected: false };
    this.asked = 0;
    this.commands = [];
    this.devices = {};
    this.askedDevices = 0;
    this.url = "https://meet.example.org/weekly";
  }
  getIFrame() { return { src: this.url + "#x=1" }; }
  executeCommand(...command) { this.commands.push(command); }
  async getCurrentDevices() {
    this.askedDevices++;
    return JSON.parse(JSON.stringify(this.devices));
  }
  addListener(name, listener) {
    (this.listeners[name] = this.listeners[name] || []).push(listener);
  }
  getNumberOfParticipants() { return this.participants; }
  async getConnectionStats() {
    this.asked++;
    return JSON.parse(JSON.stringify(this.stats));
  }
  raise(name, event) {
    for (const listener of this.listeners[name] || []) listener(event);
  }
  /** Set the statistics of the client in the iframe: it repeats them until they change. */
  say(record) {
    this.stats = { ...jitsi.revive(record), iceConnected: true };
  }
}
