// @ts-check
/*
 * The entrance of a Jitsi Meet page: listens to its conference, and reads its peer connection.
 */

// ms after a tick: half of one. Where its halves are unlike, each becomes a sample.
const HALF_MS = 5000;

/** Ms of all long tasks so far, in which the page could do nothing else; NaN where the browser does
 * not tell. */
let busy = NaN;
const countLongTasks = () => {
  if (!PerformanceObserver.supportedEntryTypes.includes("longtask")) return;
  busy = 0;
  const observer = new PerformanceObserver(
    guarded((/** @type {any} */ list) => {
      for (const task of list.getEntries()) busy += task.duration;
    }),
  );
  observer.observe({ type: "longtask" });
};

/** Load another script of the collector. @param {string} name @param {() => void} [onerror] */
const loadScript = (name, onerror) =>
  attempt(() => {
    const script = dom.createElement("script");
    script.src = new URL(name, pushUrl).href;
    script.onerror = onerror;
    dom.head.appendChild(script);
  });

let isLoading = false;
/** The functions of report.js, once they are loaded. @returns {any} */
function findReader() {
  const reader = page.__jmmcReport;
  if (!reader && !isLoading) {
    isLoading = true;
    loadScript("getReport", () => (isLoading = false));
  }
  return reader;
}

/** Listen to a room, and read its peer connection at each tick and half-way between two.
 * @param {any} room @returns {Source} */
function hook(room) {
  const me = String(room.myUserId());
  /** @type {any} */
  let connection;
  /** @type {Look | undefined} Of the last tick. */
  let report;
  /** @type {string | undefined} The remote end of the selected candidate pair. */
  let selected;
  /** SSRCs that had no frames of a camera to show, at some time since the probe before.
   * @type {Set<any>} */
  let notFilmed = new Set();
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
    const current = active ? active.peerconnection || active : undefined;
    if (current === connection) return;
    if (connection && session) session.onSwitch(undefined, when);
    connection = current;
    report = selected = half = undefined;
  }

  /** Whose each SSRC is, and which are shared screens or cameras that are switched off.
   * @returns {[Map<any, any>, Set<any>]} */
  function findOwners() {
    const owners = new Map();
    const off = new Set();
    attempt(() => {
      for (const participant of room.getParticipants()) {
        for (const track of participant.getTracks()) {
          const ssrc = track.getSsrc();
          owners.set(ssrc, participant.getId());
          if (track.isMuted() || track.getVideoType() === "desktop") off.add(ssrc);
        }
      }
    });
    return [owners, off];
  }

  /** Read one report of the peer connection.
   * @returns {Promise<Look>} throws when the page gives no access */
  function look() {
    const [owners, off] = findOwners();
    const excluded = [...notFilmed, ...off];
    notFilmed = off;
    const wasHidden = isHidden() || visibilityChanged > probed;
    probed = now();
    const known = { ...moment(), busy, owners, excluded, wasHidden };
    return connection
      .getStats()
      .then((/** @type {Map<string, any>} */ latest) => ({ ...known, latest }));
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
    settle();
    // While the connection is interrupted, Jitsi sets its quality to 0 and repeats the rest.
    if (session && session.cut && !stats.connectionQuality) return;
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
    // Just before this event Jitsi raises one that repeats the statistics, with a quality of 0.
    const repeated = pending && !pending.stats.connectionQuality && now() - pending.at < 100;
    if (repeated) pending = undefined;
    if (session) session.onCut(true);
  }

  /** @param {any} track */
  function onMute(track) {
    if (!track.isLocal()) notFilmed.add(track.getSsrc());
    else if (session) session.onEvent((track.isMuted() ? "muted_" : "unmuted_") + track.getType());
  }

  /** @type {Object<string, (...args: any[]) => void>} */
  const handlers = {
    "cq.local_stats_updated": onStats,
    "conference.connectionInterrupted": onInterrupted,
    "conference.connectionRestored": () => {
      if (!session || !session.cut) return;
      session.onCut(false);
      lookBetween(true);
    },
    "conference.p2pStatus": (_, direct) => {
      if (session) session.onSwitch(direct ? "p2p" : "jvb");
      follow();
    },
    "conference.media_session.active_changed": () => follow(),
    "conference.trackMuteChanged": onMute,
    "conference.left": checkPlace,
    "conference.kicked": checkPlace,
  };
  for (const name of Object.keys(handlers)) {
    handlers[name] = guarded(handlers[name]);
    room.on(name, handlers[name]);
  }
  findReader();
  return {
    staleAfter: STALE_MS,
    settle: () => settle(),
    describe() {
      const count = attempt(() => room.getParticipantCount());
      return {
        pid: text(me, 64),
        mid: text(attempt(() => room.getMeetingUniqueId()), 64),
        n: count >= 1 ? count : undefined,
        vis: !isHidden(),
      };
    },
    release() {
      clearTimeout(halfTimer);
      for (const name of Object.keys(handlers)) attempt(() => room.off(name, handlers[name]));
    },
  };
}

if (!inApp && settings.enabled && !page.__jmmc) {
  page.__jmmc = settings.version;
  attempt(identify);
  attempt(countLongTasks);
  findPlace = () => {
    const conference = page.APP && page.APP.conference;
    const room = conference && conference._room;
    const joined = room && room.isJoined() && room.myUserId() && conference.roomName;
    return joined ? { room, conf: String(joined), hook: () => extendSource(hook(room), room) } : undefined;
  };
  start();
  // No event says that a page's conference object was replaced; a check costs a microsecond.
  setInterval(checkPlace, 1000);
}
