// @ts-check
/*
 * The entrance of a Jitsi Meet page: hooks into its conference, and asks its peer connection what
 * Jitsi does not say.
 */

// --- readings: from the peer connection itself ---

/**
 * What two reports of one RTCPeerConnection tell that Jitsi does not: upload loss, jitter, round
 * trip, freezes, concealment, limitation. Nothing is invented: without a report before, or
 * without the fields, the reading is absent.
 * @param {Map<string, any>} report @param {Map<string, any> | undefined} before
 * @returns {{found: Readings, selected?: string}}
 */
function readReport(report, before) {
  /** @param {string} type @param {string} [kind] */
  const all = (type, kind) =>
    [...report.values()].filter((it) => it.type === type && (!kind || it.kind === kind));
  /** Growth of a counter since the report before, over all streams that were there already.
   * @param {any[]} streams @param {(it: any) => number} count */
  const growth = (streams, count) =>
    streams
      .map((it) => [count(it), count((before && before.get(it.id)) || {})])
      .filter(([after, earlier]) => Number.isFinite(after - earlier))
      .reduce((sum, [after, earlier]) => sum + Math.max(0, after - earlier), 0);
  /** @param {number} part @param {number} whole */
  const percent = (part, whole) => (whole > 0 ? number((100 * part) / whole, 100) : undefined);
  /** Jitter of the audio where there is some: it is what people hear. @param {string} type */
  const jitter = (type) => {
    const streams = all(type, "audio").length ? all(type, "audio") : all(type);
    const known = streams.map((it) => it.jitter).filter(Number.isFinite);
    return known.length
      ? number((1000 * known.reduce((sum, it) => sum + it, 0)) / known.length)
      : undefined;
  };

  const remote = all("remote-inbound-rtp");
  const videos = all("inbound-rtp", "video");
  const audios = all("inbound-rtp", "audio");
  const transport = all("transport").find((it) => it.selectedCandidatePairId) || {};
  const pair = report.get(transport.selectedCandidatePairId) || {};
  const end = report.get(pair.remoteCandidateId) || {};
  const trips = remote.map((it) => it.roundTripTime).concat(pair.currentRoundTripTime);
  const trip = trips.reverse().find(Number.isFinite);
  const limits = all("outbound-rtp", "video").map((it) => it.qualityLimitationReason);
  /** @type {Readings} */
  const found = {
    rtt: number(1000 * trip),
    "u.jit": jitter("remote-inbound-rtp"),
    "d.jit": jitter("inbound-rtp"),
    "u.lim": ["cpu", "bandwidth", "other", "none"].find((reason) => limits.includes(reason)),
  };
  if (before) {
    const sent = growth(all("outbound-rtp"), (it) => it.packetsSent);
    if (remote.length)
      found["u.pl"] = percent(growth(remote, (it) => it.packetsLost), sent);
    const seconds = growth(videos.slice(0, 1), (it) => it.timestamp) / 1000;
    if (videos.some((it) => Number.isFinite(it.totalFreezesDuration)))
      found["d.frz"] = percent(
        growth(videos, (it) => it.totalFreezesDuration),
        seconds * videos.length,
      );
    found["d.cnc"] = percent(
      growth(audios, (it) => it.concealedSamples - (it.silentConcealedSamples || 0)),
      growth(audios, (it) => it.totalSamplesReceived),
    );
  }
  const address = end.address || end.ip;
  return { found, selected: address + ":" + end.port };
}

// --- the page: which conference are we in? ---

/** Listen to a room, and ask its peer connection at each tick.
 * @param {any} room @returns {Source} */
function hook(room) {
  const me = String(room.myUserId());
  /** @type {any} */
  let connection;
  /** @type {Map<string, any> | undefined} */
  let report;
  /** @type {string | undefined} */
  let selected;
  /** @type {(Moment & {stats: any}) | undefined} A tick that awaits its probe. */
  let pending;

  /** One report of the peer connection a tick, compared with the one before.
   * @returns {Promise<Readings> | undefined} undefined when the page gives no access */
  function probe() {
    const active = room.getActivePeerConnection();
    const current = active.peerconnection || active;
    if (current !== connection) report = selected = undefined;
    connection = current;
    return connection.getStats().then((/** @type {Map<string, any>} */ now) => {
      const read = readReport(now, report);
      report = now;
      selected = read.selected;
      return read.found;
    });
  }

  /** @param {any} stats always the same object, changed by its owner: copied at once */
  function onStats(stats) {
    settle();
    const tick = { ...moment(), stats: JSON.parse(JSON.stringify(stats)) };
    pending = tick;
    const asked = attempt(probe);
    if (!asked) return settle();
    const settleIt = guarded((/** @type {Readings} */ found) => {
      if (pending === tick) settle(found);
    });
    asked.then(settleIt, () => settleIt({}));
  }

  /** Take the waiting tick in, with what the probe found. @param {Readings} [probed] */
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
    "conference.left": look,
    "conference.kicked": look,
  };
  for (const name of Object.keys(handlers)) {
    handlers[name] = guarded(handlers[name]);
    room.on(name, handlers[name]);
  }
  return {
    stale: STALE_MS,
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
  find = () => {
    const conference = page.APP && page.APP.conference;
    const room = conference && conference._room;
    const joined = room && room.isJoined() && room.myUserId() && conference.roomName;
    return joined ? { room, conf: String(joined), hook: () => hook(room) } : undefined;
  };
  start();
  // No event tells that a page's conference object was replaced; looking costs a microsecond.
  setInterval(look, 1000);
}
