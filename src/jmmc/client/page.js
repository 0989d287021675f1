// @ts-check
/*
 * The entrance of a Jitsi Meet page: listens to its conference, and reads from its peer connection
 * what Jitsi's own statistics lack.
 */

// --- readings from the peer connection ---

/**
 * What two reports of one RTCPeerConnection say that Jitsi does not: upload loss, jitter, round
 * trip, freezes, concealment, limitation. A reading is absent when the report or the one before it
 * lacks the fields.
 * @param {Map<string, any>} report @param {Map<string, any> | undefined} before
 * @returns {[Readings, string]} with the remote end of the selected candidate pair
 */
function readReport(report, before) {
  /** @param {string} type @param {string} [kind] */
  const all = (type, kind) =>
    [...report.values()].filter((stat) => stat.type === type && (!kind || stat.kind === kind));
  /** Growth of a counter since the report before, over the streams that are in both.
   * @param {any[]} streams @param {(stream: any) => number} counter */
  const growth = (streams, counter) =>
    streams
      .map((stream) => [counter(stream), counter((before && before.get(stream.id)) || {})])
      .filter(([after, earlier]) => Number.isFinite(after - earlier))
      .reduce((sum, [after, earlier]) => sum + Math.max(0, after - earlier), 0);
  /** @param {number} part @param {number} whole */
  const percent = (part, whole) => (whole > 0 ? number((100 * part) / whole, 100) : undefined);
  /** Jitter of the audio where there is some, because it is what people hear.
   * @param {string} type */
  const jitter = (type) => {
    const streams = all(type, "audio").length ? all(type, "audio") : all(type);
    const known = streams.map((stream) => stream.jitter).filter(Number.isFinite);
    return known.length
      ? number((1000 * known.reduce((sum, seconds) => sum + seconds, 0)) / known.length)
      : undefined;
  };

  const remote = all("remote-inbound-rtp");
  const videos = all("inbound-rtp", "video");
  const audios = all("inbound-rtp", "audio");
  const transport = all("transport").find((stat) => stat.selectedCandidatePairId) || {};
  const pair = report.get(transport.selectedCandidatePairId) || {};
  const remoteEnd = report.get(pair.remoteCandidateId) || {};
  const roundTrips = remote.map((stat) => stat.roundTripTime).concat(pair.currentRoundTripTime);
  const roundTrip = roundTrips.reverse().find(Number.isFinite);
  const limits = all("outbound-rtp", "video").map((stat) => stat.qualityLimitationReason);
  /** @type {Readings} */
  const readings = {
    rtt: number(1000 * roundTrip),
    "u.jit": jitter("remote-inbound-rtp"),
    "d.jit": jitter("inbound-rtp"),
    "u.lim": ["cpu", "bandwidth", "other", "none"].find((reason) => limits.includes(reason)),
  };
  if (before) {
    const sent = growth(all("outbound-rtp"), (stream) => stream.packetsSent);
    if (remote.length)
      readings["u.pl"] = percent(growth(remote, (stream) => stream.packetsLost), sent);
    const seconds = growth(videos.slice(0, 1), (stream) => stream.timestamp) / 1000;
    if (videos.some((stream) => Number.isFinite(stream.totalFreezesDuration)))
      readings["d.frz"] = percent(
        growth(videos, (stream) => stream.totalFreezesDuration),
        seconds * videos.length,
      );
    readings["d.cnc"] = percent(
      growth(audios, (stream) => stream.concealedSamples - (stream.silentConcealedSamples || 0)),
      growth(audios, (stream) => stream.totalSamplesReceived),
    );
  }
  const address = remoteEnd.address || remoteEnd.ip;
  return [readings, address + ":" + remoteEnd.port];
}

// --- the conference ---

/** Listen to a room, and read its peer connection at each tick.
 * @param {any} room @returns {Source} */
function hook(room) {
  const me = String(room.myUserId());
  /** @type {any} */
  let connection;
  /** @type {Map<string, any> | undefined} */
  let report;
  /** @type {string | undefined} The remote end of the selected candidate pair. */
  let selected;
  /** @type {(Moment & {stats: any}) | undefined} The tick whose probe is under way. */
  let pending;

  /** Read one report of the peer connection and compare it with the one before.
   * @returns {Promise<Readings>} throws when the page gives no access */
  function probe() {
    const active = room.getActivePeerConnection();
    const current = active.peerconnection || active;
    if (current !== connection) report = selected = undefined;
    connection = current;
    return connection.getStats().then((/** @type {Map<string, any>} */ latest) => {
      const [readings, remoteEnd] = readReport(latest, report);
      report = latest;
      selected = remoteEnd;
      return readings;
    });
  }

  /** @param {any} stats copied at once, because Jitsi changes and reuses the same object */
  function onStats(stats) {
    settle();
    const tick = { ...moment(), stats: JSON.parse(JSON.stringify(stats)) };
    pending = tick;
    const probing = attempt(probe);
    if (!probing) return settle();
    const settleTick = guarded((/** @type {Readings} */ readings) => {
      if (pending === tick) settle(readings);
    });
    probing.then(settleTick, () => settleTick({}));
  }

  /** Take in the pending tick, with the readings of its probe. @param {Readings} [probed] */
  function settle(probed) {
    const tick = pending;
    pending = undefined;
    if (tick) takeStats(tick.stats, tick, me, probed, selected);
  }

  /** @param {string} name */
  const onEvent = (name) => session && session.onEvent(name);
  /** @type {Object<string, (...args: any[]) => void>} */
  const handlers = {
    "cq.local_stats_updated": onStats,
    "conference.connectionInterrupted": () => session && session.onCut(true),
    "conference.connectionRestored": () => session && session.onCut(false),
    "conference.p2pStatus": (_, direct) => onEvent(direct ? "p2p" : "jvb"),
    "conference.trackMuteChanged": (track) => {
      if (track.isLocal()) onEvent((track.isMuted() ? "muted_" : "unmuted_") + track.getType());
    },
    "conference.left": checkPlace,
    "conference.kicked": checkPlace,
  };
  for (const name of Object.keys(handlers)) {
    handlers[name] = guarded(handlers[name]);
    room.on(name, handlers[name]);
  }
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
      for (const name of Object.keys(handlers)) attempt(() => room.off(name, handlers[name]));
    },
  };
}

if (!inApp && settings.enabled && !page.__jmmc) {
  page.__jmmc = settings.version;
  attempt(identify);
  findPlace = () => {
    const conference = page.APP && page.APP.conference;
    const room = conference && conference._room;
    const joined = room && room.isJoined() && room.myUserId() && conference.roomName;
    return joined ? { room, conf: String(joined), hook: () => hook(room) } : undefined;
  };
  start();
  // No event says that a page's conference object was replaced; a check costs a microsecond.
  setInterval(checkPlace, 1000);
}
