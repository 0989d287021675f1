// @ts-check
/*
 * The entrance of a page that embeds Jitsi Meet. It may only use the IFrame API, whose
 * `getConnectionStats()` (since July 2026) says what Jitsi says inside.
 */

const POLL_MS = 10 * 1000;

/** Collect the calls of one `JitsiMeetExternalAPI`. @param {any} api */
function watch(api) {
  /** @param {any} id of the participant @returns {Source} */
  function hook(id) {
    const me = String(id);
    let unconnected = 0; // answers in a row
    const participants = () => attempt(() => api.getNumberOfParticipants());
    const timer = setInterval(
      guarded(() => {
        const asking = session;
        api.getConnectionStats().then(
          guarded((/** @type {any} */ stats) => {
            if (session !== asking) return;
            unconnected = stats.iceConnected === false ? unconnected + 1 : 0;
            // Jitsi repeats what it said last. Who is alone has no connection and misses none, and
            // a connection that is being made is not broken.
            if (unconnected && !(unconnected > 1 && participants() > 1)) return;
            takeStats(unconnected ? {} : stats, moment(), me);
          }),
          () => {},
        );
      }),
      POLL_MS,
    );
    return {
      stale: STALE_MS,
      settle: () => {},
      describe: () => {
        const count = participants();
        return { pid: text(me, 64), n: count >= 1 ? count : undefined, vis: !isHidden() };
      },
      release: () => clearInterval(timer),
    };
  }

  /** @param {string} kind */
  const muted = (kind) => (/** @type {any} */ told) =>
    session && session.onEvent((told.muted ? "muted_" : "unmuted_") + kind);
  const gone = () => {
    place = undefined;
    look();
  };
  /** @type {Object<string, (told: any) => void>} */
  const listeners = {
    videoConferenceJoined({ roomName, id }) {
      place = roomName ? { room: {}, conf: String(roomName), hook: () => hook(id) } : undefined;
      look();
    },
    videoConferenceLeft: gone,
    readyToClose: gone,
    p2pStatusChanged: (told) => session && session.onEvent(told.isP2p ? "p2p" : "jvb"),
    audioMuteStatusChanged: muted("audio"),
    videoMuteStatusChanged: muted("video"),
  };
  for (const name of Object.keys(listeners)) api.addListener(name, guarded(listeners[name]));
}

page.jmmcWatch = guarded((api) => settings.enabled && watch(api));
if (settings.enabled && !page.__jmmc) {
  page.__jmmc = settings.version;
  attempt(identify);
  start();
  setInterval(look, 1000); // consent may come, or go
}
