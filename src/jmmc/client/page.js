// @ts-check
/*
 * The entrance of a Jitsi Meet page: listens to its conference, and reads its peer connection.
 */

// ms after a tick: half of one. Where its halves are unlike, each becomes a sample.
const HALF_MS = 5000;

let isLoading = false;
/** The functions of report.js, once they are loaded. @returns {any} */
function findReader() {
  const reader = page.__jmmcReport;
  if (!reader && !isLoading) {
    isLoading = true;
    loadScript("getReport", () => {
      isLoading = false;
      onReader();
    });
  }
  return reader;
}

/** Names of a room's events that we call otherwise. @type {Object<string, string>} */
const EVENTS = {
  dataChannelClosed: "channel_closed",
  lastNEndpointsChanged: "last_n",
  forwardedSourcesChanged: "last_n",
};

/** Part of the state of Jitsi's app. @param {string} feature */
const stateOf = (feature) => page.APP.store?.getState()["features/base/" + feature] || {};

/** Note the steps of a join as they become known, and what changes without an event: that only once
 * report.js is there. */
let watchRoom = () => {};

/** Listen to a room, and read its peer connection at each tick and half-way between two.
 * @param {any} room @returns {Source} */
function hook(room) {
  const me = String(room.myUserId());
  const joining = join;
  join = undefined;
  /** @type {Readings} How long the steps of the join took. */
  const steps = {};
  const entered = clock.now();
  const alone = attempt(() => room.getParticipantCount() < 2);
  let hasMedia = room.jvbJingleSession;
  /** @type {string | undefined} */
  let region;
  /** @type {string | undefined} Address of the bridge. */
  let bridge;
  /** @type {any} What may change without an event of the room, as of the last look. */
  let watched = {};
  /** @type {any} */
  let connection;
  /** @type {Look | undefined} Of the last tick. */
  let report;
  /** @type {string | undefined} The remote end of the selected candidate pair. */
  let selected;
  /** SSRCs that had no frames of a camera to show, at some time since the probe before.
   * @type {Set<any>} */
  const notFilmed = new Set();
  let probed = -Infinity; // the moment of the report before
  /** @type {(Look & {restored?: boolean}) | undefined} The report since the last tick. */
  let half;
  /** @type {any} */
  let halfTimer;
  /** @type {(Moment & {stats: any}) | undefined} The tick whose probe is under way. */
  let pending;

  /** Notice that media goes over another peer connection now. @param {Moment} [when] */
  function follow(when) {
    const active = attempt(() => room.getActivePeerConnection());
    const current = active?.peerconnection || active || undefined;
    if (current === connection) return;
    if (connection) session?.onSwitch(undefined, when);
    connection = current;
    report = selected = half = undefined;
  }

  watchRoom = guarded(() => {
    const times = attempt(() => room.getConnectionTimes()) || {};
    const joined = times["muc.joined"] || entered;
    if (joining && steps["set.join"] === undefined) {
      // What somebody typed or waited for before is no part of it.
      const asked = joining.reason ? times["muc.join.started"] : joining.asked;
      Object.assign(steps, joinTimes(asked || joined, joined));
    }
    // Alone in a room there is no connection before somebody else joins.
    const since = alone ? times["session.initiate"] : joined;
    /** @param {string} key @param {number} at */
    const add = (key, at) => {
      if (steps[key] === undefined) steps[key] = whole(at - since);
    };
    add("set.ice", times["ice.state.connected"]);
    add("set.med", Math.min(times["audio.render"] || Infinity, times["video.render"] || Infinity));
    watched = page.__jmmcReport.watch(room, watched, region, bridge, onEvent);
  });

  /** Read one report of the peer connection.
   * @returns {Promise<Look>} throws when the page gives no access */
  function look() {
    const wasHidden = isHidden() || visibilityChanged > probed;
    probed = now();
    return findReader()[2](room, connection, notFilmed, { ...moment(), wasHidden });
  }

  /** Look again between two ticks. @param {boolean} [restored] the connection, at this moment */
  function lookBetween(restored) {
    const wanted = connection;
    look().then(
      guarded((/** @type {Look} */ taken) => {
        if (wanted !== connection || !report || pending) return;
        if (restored || !half || !half.restored) half = { ...taken, restored };
      }),
      () => {},
    );
  }

  /** The readings of a tick. What is known of its first half is taken in when the second is unlike;
   * of a tick in which the connection was restored, only what came then is known.
   * @param {Look} taken @returns {Readings} */
  function readTick(taken) {
    const [readReport, areUnlike] = findReader();
    const first = half;
    const before = report;
    half = undefined;
    report = taken;
    const earlier = first && readReport([first], before)[0];
    const [readings, remoteEnd] = readReport(first ? [first, taken] : [taken], before);
    selected = remoteEnd;
    // Of the first report: a connection may find another path to its bridge.
    if (!before && !attempt(() => room.isP2PActive())) [bridge] = remoteEnd.split(/:\d+$|^un/);
    delete readings["d.pl"];
    if (!first || !earlier || !session) return readings;
    const [second] = readReport([taken], first);
    if (first.restored) {
      // The other end may report the outage's loss only now.
      for (const key of ["u.pl", "u.apl", "u.vpl"]) delete second[key];
      return second;
    }
    // A sample that ended since then has both halves.
    if (first.at <= session.lastClosed.at || !areUnlike(earlier, second)) return readings;
    session.takePart(earlier, first);
    return second;
  }

  /** @param {any} stats copied at once, because Jitsi changes and reuses the same object */
  function onStats(stats) {
    wake();
    settle();
    // While the connection is interrupted, Jitsi sets its quality to 0 and repeats the rest.
    if (session?.cut && !stats.connectionQuality) return;
    const tick = { ...moment(), stats: JSON.parse(JSON.stringify(stats)) };
    follow(tick);
    pending = tick;
    clearTimeout(halfTimer);
    halfTimer = setTimeout(guarded(() => lookBetween()), HALF_MS);
    const looking = findReader() && attempt(look);
    if (!looking) return settle();
    const settleTick = guarded((/** @type {Look | undefined} */ taken) => {
      if (pending === tick) settle(taken && attempt(() => readTick(taken)));
    });
    looking.then(settleTick, () => settleTick(undefined));
  }

  /** Take in the pending tick, with the readings of its probe. @param {Readings} [probed] */
  function settle(probed) {
    const tick = pending;
    pending = undefined;
    if (tick) takeStats(tick.stats, tick, me, probed, selected);
  }

  function onInterrupted() {
    // Just before this event Jitsi raises one that repeats the statistics, with a quality of 0. It may
    // be a while: in between, the app draws.
    if (pending && !pending.stats.connectionQuality) pending = undefined;
    session?.onCut(true);
  }

  /** @param {any} track */
  function onMute(track) {
    if (!track.isLocal()) notFilmed.add(track.getSsrc());
    // A shared screen that ends is muted; no camera was.
    else if (track.getVideoType() === "desktop") watchRoom();
    else onEvent((track.isMuted() ? "muted_" : "unmuted_") + track.getType());
  }

  /** @type {Object<string, (...args: any[]) => void>} */
  const handlers = {
    connectionInterrupted: onInterrupted,
    connectionRestored: () => {
      if (!session?.cut) return;
      session.onCut(false);
      lookBetween(true);
    },
    p2pStatus: (_, direct) => {
      session?.onSwitch(direct ? "p2p" : "jvb");
      follow();
    },
    "media_session.active_changed": () => follow(),
    trackMuteChanged: onMute,
    "media_session.started": (started) => {
      if (started.isP2P) return;
      if (hasMedia) onEvent("media_restart");
      hasMedia = true;
    },
    server_region_changed: (name) => (region = name),
    // Of a camera that was switched off, or of a screen, packets may still come.
    inbound_video_stats_received: (_, stuck) =>
      [...stuck.keys()].some((ssrc) => !notFilmed.has(ssrc)) && onEvent("no_picture"),
    dominantSpeaker: (id) => id === me && onEvent("speaking"),
    left: checkPlace,
    kicked: () => onFailure("kicked"),
    suspendDetected: () => {
      onEvent("suspended");
      onFailure("suspended");
    },
  };
  [...keysOf(EVENTS), "talk_while_muted", "no_audio_input", "noisy_mic"].forEach((name) => {
    handlers[name] = () => onEvent(EVENTS[name] || name);
  });
  /** @type {[string, (...args: any[]) => void][]} */
  const listeners = [["cq.local_stats_updated", guarded(onStats)]];
  for (const name of keysOf(handlers)) listeners.push(["conference." + name, guarded(handlers[name])]);
  for (const [name, handler] of listeners) room.on(name, handler);
  findReader();
  watchRoom();
  return {
    staleAfter: STALE_MS,
    settle: () => settle(),
    describe() {
      const count = attempt(() => room.getParticipantCount());
      return {
        ...steps,
        pid: text(me, 64),
        mid: text(attempt(() => room.getMeetingUniqueId()), 64),
        n: count >= 1 ? count : undefined,
        vis: !isHidden(),
      };
    },
    release() {
      watchRoom = () => {};
      clearTimeout(halfTimer);
      listeners.forEach(([name, handler]) => attempt(() => room.off(name, handler)));
    },
  };
}

/** Whether the page is a recorder's, or does not want to be measured. */
function isExcluded() {
  const { iAmRecorder, iAmSipGateway, analytics } = page.config || {};
  if (iAmRecorder || iAmSipGateway) return !settings.collect_recorders;
  return analytics?.disabled;
}

/** The app's objects and its error, as far as they were noticed. @type {any} */
let lastConnection;
/** @type {any} */
let lastRoom;
/** @type {any} */
let lastError;

/** Notice a join, and what Jitsi says of it. @param {any} room @param {boolean} isJoined */
const watchJoin = guarded((room, isJoined) => {
  const { connection } = page.APP;
  /** @param {number} [asked] */
  const begin = (asked) => {
    if (asked || !isJoined) join = join || { asked: asked || clock.now() };
  };
  if (connection && connection !== lastConnection) {
    lastConnection = connection;
    if (!session) begin(attempt(() => connection.getConnectionTimes().connecting));
    connection.addEventListener("connection.connectionFailed", onFailure);
    connection.addEventListener("connection.connectionEstablished", () => {
      if (session) onEvent("reconnected");
    });
  }
  if (room && room !== lastRoom) {
    lastRoom = room;
    begin();
    room.on("conference.failed", onFailure);
  }
  const { error = stateOf("conference").error } = stateOf("connection");
  if (!error || error === lastError) return;
  lastError = error;
  // In a room, it may be of the time before, and its own events tell the others.
  if (!isJoined) onFailure(error.name);
});

/** Look where the page is: in a call only after what goes on now. Jitsi leaves a room before it says
 * that somebody was thrown out of it. */
const checkSoon = () => (session ? setTimeout(checkPlace) : checkPlace());

/** The app's store, once it was noticed. @type {any} */
let lastStore;

/** Look at once when the app's store has news of the connection or the conference. */
function watchStore() {
  const { store } = page.APP;
  if (store === lastStore) return;
  lastStore = store;
  /** @type {any[]} */
  let before = [];
  store.subscribe(
    guarded(() => {
      const after = ["connection", "conference"].map(stateOf);
      const isNews = after.some((part, place) => part !== before[place]);
      before = after;
      if (isNews) checkSoon();
    }),
  );
}

if (settings.enabled) {
  if (!page.__jmmc) {
    const sendEvent = guarded((/** @type {any} */ event) => {
      checkSoon();
      onAnalytics(event);
    });
    // A handler of Jitsi's analytics, which it makes with `new`.
    page.__jmmc = function () {
      return { sendEvent, setUserProperties() {} };
    };
    attempt(identify);
    findRoom = () => ({
      conf: text(page.APP?.conference?.roomName, 999),
      ten: tenantOf(page.location.pathname),
      deployment: page.config?.deploymentInfo,
    });
    findPlace = () => {
      const room = page.APP?.conference?._room;
      if (isExcluded()) return undefined;
      const isJoined = attempt(() => room.isJoined() && room.myUserId());
      watchJoin(room, isJoined);
      // Each second: of the conference of the session nothing more is asked.
      if (isJoined && room === session?.room) return /** @type {any} */ (session);
      return isJoined && { room, ...findRoom(), hook: () => extendSource(hook(room), room) };
    };
    start();
    // No event says that a page's conference object was replaced; a check costs a microsecond.
    setInterval(() => {
      attempt(watchStore);
      checkPlace();
      watchRoom();
    }, 1000);
  }
  registerHandler();
}
