// @ts-check
/*
 * The entrance of a page that embeds Jitsi Meet. It can only use the IFrame API, whose
 * `getConnectionStats()` (since July 2026) returns Jitsi's statistics of the call.
 */

const POLL_MS = 10 * 1000;

/** Collect the calls of one `JitsiMeetExternalAPI`. @param {any} api */
function watch(api) {
  /** @param {any} id of the participant @returns {Source} */
  function hook(id) {
    const me = String(id);
    let unconnected = 0; // consecutive answers without a connection
    const participants = () => attempt(() => api.getNumberOfParticipants());
    const timer = setInterval(
      guarded(() => {
        const polled = session;
        api.getConnectionStats().then(
          guarded((/** @type {any} */ stats) => {
            if (session !== polled) return;
            unconnected = stats.iceConnected === false ? unconnected + 1 : 0;
            // Without a connection, Jitsi repeats its last values. This is no interruption when the
            // participant is alone, nor at the first answer: the connection may be in the making.
            if (unconnected && !(unconnected > 1 && participants() > 1)) return;
            takeStats(unconnected ? {} : stats, moment(), me);
          }),
          () => {},
        );
      }),
      POLL_MS,
    );
    return {
      staleAfter: STALE_MS,
      settle: () => {},
      describe: () => {
        const count = participants();
        return { pid: text(me, 64), n: count >= 1 ? count : undefined, vis: !isHidden() };
      },
      release: () => clearInterval(timer),
    };
  }

  /** @param {string} kind */
  const onMute = (kind) => (/** @type {any} */ event) =>
    session && session.onEvent((event.muted ? "muted_" : "unmuted_") + kind);
  const onLeft = () => {
    place = undefined;
    checkPlace();
  };
  /** @type {Object<string, (event: any) => void>} */
  const listeners = {
    videoConferenceJoined({ roomName, id }) {
      place = roomName ? { room: {}, conf: String(roomName), hook: () => hook(id) } : undefined;
      checkPlace();
    },
    videoConferenceLeft: onLeft,
    readyToClose: onLeft,
    p2pStatusChanged: (event) => session && session.onSwitch(event.isP2p ? "p2p" : "jvb"),
    audioMuteStatusChanged: onMute("audio"),
    videoMuteStatusChanged: onMute("video"),
  };
  for (const name of Object.keys(listeners)) api.addListener(name, guarded(listeners[name]));
}

page.jmmcWatch = guarded((api) => settings.enabled && watch(api));
if (settings.enabled && !page.__jmmc) {
  page.__jmmc = settings.version;
  attempt(identify);
  start();
  setInterval(checkPlace, 1000); // consent may be given or withdrawn
}
