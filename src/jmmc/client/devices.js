// @ts-check
/*
 * The names of the devices of a call. It is part of the script that getClient loads when a call
 * begins; only a setting makes getClient ask for them.
 */

/** @type {string | undefined} */
let speaker;
/** @type {string | undefined} The device whose name is known. */
let speakerId;

/** Find the name of the loudspeaker, for the next time that the devices are asked for. */
function findSpeaker() {
  const { JitsiMeetJS, navigator: device } = /** @type {any} */ (globalThis);
  const id = JitsiMeetJS?.mediaDevices.getAudioOutputDevice() || "default";
  if (id === speakerId) return;
  speakerId = id;
  device.mediaDevices?.enumerateDevices().then(
    (/** @type {any[]} */ found) => {
      const own = found.find((entry) => entry.kind === "audiooutput" && entry.deviceId === id);
      speaker = own && own.label;
    },
    () => {},
  );
}

/** The names of the microphone, camera and loudspeaker in use. @param {any} room */
function readDevices(room) {
  /** @type {any[]} */
  const tracks = room.getLocalTracks();
  /** @param {string} kind */
  const labelOf = (kind) =>
    tracks
      .find((track) => track.getType() === kind && track.getVideoType() !== "desktop")
      ?.getTrack().label;
  findSpeaker();
  return { "dev.mic": labelOf("audio"), "dev.cam": labelOf("video"), "dev.spk": speaker };
}
