// @ts-check
/*
 * What the operator may choose to know of people, as far as only calls need it: the names of their
 * devices, and showing the support code. getClient loads this part when a call begins, if a setting
 * needs it.
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
      speaker = deviceName(own?.label, id);
    },
    () => {},
  );
}

/** The names of the microphone, camera and loudspeaker in use. @param {any} room */
function readDevices(room) {
  /** @type {any[]} */
  const tracks = room.getLocalTracks();
  /** @param {string} kind */
  const labelOf = (kind) => {
    const own = tracks.find(
      (track) => track.getType() === kind && track.getVideoType() !== "desktop",
    );
    // With an effect (a virtual background, less noise, the sound of a shared screen) the track is one
    // of the page's own making, and not called as the device.
    const track = own?._originalStream?.getTracks()[0] || own?.getTrack();
    return deviceName(track?.label, track?.getSettings?.().deviceId);
  };
  findSpeaker();
  return { "dev.mic": labelOf("audio"), "dev.cam": labelOf("video"), "dev.spk": speaker };
}

/** Show a support code by Jitsi's own notifications. @param {string} code */
function showCode(code) {
  const { APP, document: dom } = /** @type {any} */ (globalThis);
  const isFrench = /^fr/.test(dom.documentElement.lang);
  APP.store.dispatch({
    type: "SHOW_NOTIFICATION",
    uid: "jmmc-code",
    timeout: 10000,
    props: {
      appearance: "normal",
      title: (isFrench ? "Code d’assistance : " : "Support code: ") + code,
    },
  });
}

/** @type {any} */ (globalThis).__jmmcReport.push(readDevices, showCode);
