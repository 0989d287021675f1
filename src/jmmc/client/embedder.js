// @ts-check
/*
 * The entrance of a page that embeds Jitsi Meet. It can only use the IFrame API, whose
 * `getConnectionStats()` (since July 2026) returns Jitsi's statistics of the call.
 */

const POLL_MS = 10 * 1000;

/** @param {string} device */
const onRefused = (device) => (/** @type {any} */ { type }) =>
  onEvent(device + refusal(type));

/** Collect the calls of one `JitsiMeetExternalAPI`. @param {any} api */
function watch(api) {
  onWatch(api);
  /** @param {any} id of the participant @param {Readings} steps of the join @returns {Source} */
  function hook(id, steps) {
    const me = String(id);
    let unconnected = 0; // consecutive answers without a connection
    const participants = () => attempt(() => api.getNumberOfParticipants());
    const timer = setInterval(
      guarded(() => {
        const polled = session;
        api.getConnectionStats().then(
          guarded((/** @type {any} */ stats) => {
            wake();
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
        return { ...steps, pid: text(me, 64), n: count >= 1 ? count : undefined, vis: !isHidden() };
      },
      release: () => clearInterval(timer),
    };
  }

  /** Before the join, the API says how it begins. @param {string} kind */
  const onMute = (kind) => (/** @type {any} */ event) =>
    session && onEvent((event.muted ? "muted_" : "unmuted_") + kind);
  const onLeft = () => {
    place = undefined;
    checkPlace();
  };
  /** @type {string | undefined} The participant. */
  let me;
  const path = () => attempt(() => new URL(api.getIFrame().src).pathname) || "";
  // A page that goes says nothing of a join: nobody knows whether one was asked for.
  findRoom = () =>
    gone ? {} : { conf: safeName(path().split("/").pop()), ten: tenantOf(path()) };
  // Embedding is asking to join, unless the prejoin page asks for more.
  join = { asked: clock.now() };
  /** @type {Object<string, (event: any) => void>} */
  const listeners = {
    prejoinScreenLoaded: () => (join = undefined),
    videoConferenceJoined({ roomName, id }) {
      me = id;
      const steps = join ? joinTimes(join.asked) : {};
      join = undefined;
      place = roomName
        ? { ...findRoom(), room: {}, conf: safeName(roomName), hook: () => extendSource(hook(id, steps), api) }
        : undefined;
      checkPlace();
    },
    errorOccurred({ error, ...rest }) {
      const { name, isFatal } = error || rest;
      if (isFatal || !session) onFailure(name);
    },
    suspendDetected() {
      onEvent("suspended");
      onFailure("suspended");
    },
    participantKickedOut: ({ kicked }) => kicked.local && onFailure("kicked"),
    micError: onRefused("mic"),
    cameraError: onRefused("cam"),
    dominantSpeakerChanged: ({ id }) => id === me && onEvent("speaking"),
    screenSharingStatusChanged: ({ on }) => onEvent(on ? "share_began" : "share_ended"),
    dataChannelClosed: () => onEvent("channel_closed"),
    videoConferenceLeft: onLeft,
    readyToClose: onLeft,
    p2pStatusChanged: (event) => session && session.onSwitch(event.isP2p ? "p2p" : "jvb"),
    audioMuteStatusChanged: onMute("audio"),
    videoMuteStatusChanged: onMute("video"),
  };
  for (const name of keysOf(listeners)) api.addListener(name, guarded(listeners[name]));
}

page.jmmcWatch = guarded((api) => settings.enabled && watch(api));
if (settings.enabled && !page.__jmmc) {
  page.__jmmc = settings.version;
  attempt(identify);
  start();
  setInterval(checkPlace, 1000); // consent may be given or withdrawn
}
