// @ts-check
/*
 * The readings of a peer connection's own reports: what Jitsi's statistics lack. Only a Jitsi Meet
 * page has access to it. This is a script of its own, which getClient loads when a call begins, so
 * that pages without a call are spared it.
 */

// A mean square below this, of 1 at full scale, is silence: -60 dB over the whole interval.
const SILENCE = 1e-6;
// Packets a second: audio has 16 to 50, and 2.5 while nobody speaks and DTX is on.
const DTX_RATE = 3;
// Frames a second: a shared screen has at most 5 by default, the lowest layer of a camera 7.5.
const LOWEST_FRAME_RATE = 7;
// Shares in percent from which on a stream counts as affected.
const AFFECTED = 1;
// Shares in percent from which on a sender is named, and how many are.
const NAMED = 2;
const MOST_NAMED = 3;
// Packets without which 2 % would be less than one.
const FEW_PACKETS = 50;
// ms in which each video is limited by the bandwidth, until its size has grown to what it may be.
const RAMP_MS = 30000;
// Beyond this, one half alone makes its tick fair: percent (the limits are 5 % and, of audio, 3 %),
// and ms, because a round-trip time is of a moment and no mean.
const BAD_HALF = {
  "d.pl": 10,
  "u.pl": 10,
  "d.apl": 10,
  "u.apl": 10,
  "d.cnc": 6,
  "d.frz": 10,
  rtt: 300,
};
// A half is good that has less than this part of it.
const GOOD_PART = 0.2;

// What limits a sent video, the most telling first.
const LIMITS = ["cpu", "bandwidth", "other", "none"];

/**
 * @typedef {Moment & {latest: Map<string, any>, busy: number, owners: Map<any, any>,
 *   excluded: any[], wasHidden: boolean, began?: number}} Look
 *   A report of the peer connection, its moment, and what the page knew then: `busy`, the ms of all
 *   long tasks so far; `owners`, the endpoint ids of SSRCs; which SSRCs had no frames of a camera to
 *   show, or whether the page had none to show, at some time since the report before. `began` is
 *   when the sent video began.
 */

/** Ms of all long tasks so far, in which the page could do nothing else; NaN where the browser does
 * not tell. */
let busy = NaN;
function countLongTasks() {
  if (!PerformanceObserver.supportedEntryTypes.includes("longtask")) return;
  busy = 0;
  const observer = new PerformanceObserver((/** @type {any} */ list) => {
    for (const task of list.getEntries()) busy += task.duration;
  });
  observer.observe({ type: "longtask" });
}

/** Whose each SSRC is, and which are shared screens or cameras that are switched off.
 * @param {any} room @returns {[Map<any, any>, any[]]} */
function findOwners(room) {
  const owners = new Map();
  const off = [];
  try {
    for (const participant of room.getParticipants()) {
      for (const track of participant.getTracks()) {
        const ssrc = track.getSsrc();
        owners.set(ssrc, participant.getId());
        if (track.isMuted() || track.getVideoType() === "desktop") off.push(ssrc);
      }
    }
  } catch {
    // What was found until then is known.
  }
  return [owners, off];
}

/** Read one report of a peer connection.
 * @param {any} room @param {any} connection
 * @param {Set<any>} notFilmed SSRCs that had no frames of a camera to show, at some time since the
 *   report before; afterwards, those that have none now
 * @param {Moment & {wasHidden: boolean}} known
 * @returns {Promise<Look>} throws when the page gives no access */
function look(room, connection, notFilmed, known) {
  const [owners, off] = findOwners(room);
  const excluded = [...notFilmed, ...off];
  notFilmed.clear();
  for (const ssrc of off) notFilmed.add(ssrc);
  const seen = { ...known, busy, owners, excluded };
  return connection
    .getStats()
    .then((/** @type {Map<string, any>} */ latest) => ({ ...seen, latest }));
}

/** Whether one half of a tick was good, and the other was not.
 * @param {Readings} first @param {Readings} second */
const areUnlike = (first, second) =>
  Object.entries(BAD_HALF).some(([key, limit]) => {
    const [low, high] = [Number(first[key]), Number(second[key])].sort((a, b) => a - b);
    return high > limit && low < (key === "rtt" ? high / 2 : GOOD_PART * limit);
  });

/** @param {any} value @param {number} [most] @returns {number | undefined} */
const bounded = (value, most = Infinity) =>
  Number.isFinite(value) ? Math.min(Math.max(value, 0), most) : undefined;

/** @param {number} part @param {number} whole @returns {number | undefined} percent */
const share = (part, whole) => (whole ? bounded((100 * part) / whole, 100) : undefined);

/** @param {number[]} numbers unknown ones are NaN */
const sum = (numbers) => numbers.filter(Number.isFinite).reduce((total, next) => total + next, 0);

/** The nearest multiple of a step: noise below it is not worth a reading.
 * @param {number | undefined} value @param {number} step */
const nearest = (value, step) => bounded(step * Math.round(Number(value) / step));

/**
 * What two reports of one RTCPeerConnection say that Jitsi does not: loss and jitter of audio and of
 * video, round trip, freezes, concealment, the worst senders, the work of the machine; and pooled
 * loss, which Jitsi has of whole ticks and of one direction. A reading is absent when the report or
 * the one before it lacks the fields.
 * @param {Look[]} looks all since the earlier one; the last is the one that is read
 * @param {Look | undefined} before
 * @returns {[Readings, string]} with the remote end of the selected candidate pair
 */
function readReport(looks, before) {
  const last = looks[looks.length - 1];
  const { latest } = last;
  /** @param {string} type @param {string} [kind] */
  const all = (type, kind) =>
    [...latest.values()].filter((stat) => stat.type === type && (!kind || stat.kind === kind));
  /** A stream in the report before. @param {any} stream */
  const past = (stream) => (before && before.latest.get(stream.id)) || {};
  /** Growth of a counter of one stream since the report before; NaN when a report lacks it.
   * @param {any} stream @param {string} counter */
  const growth = (stream, counter) => Math.max(0, stream[counter] - past(stream)[counter]);
  /** @param {any[]} streams @param {string} counter */
  const growthOfAll = (streams, counter) => sum(streams.map((stream) => growth(stream, counter)));
  /** @param {any} stream */
  const seconds = (stream) => growth(stream, "timestamp") / 1000;
  /** @param {any} stream */
  const area = (stream) => stream.frameWidth * stream.frameHeight;

  const remote = all("remote-inbound-rtp");
  const heard = all("inbound-rtp", "audio");
  const seen = all("inbound-rtp", "video");
  const film = all("outbound-rtp", "video");
  const transport = all("transport").find((stat) => stat.selectedCandidatePairId) || {};
  const pair = latest.get(transport.selectedCandidatePairId) || {};
  const remoteEnd = latest.get(pair.remoteCandidateId) || {};
  const roundTrips = remote.map((stat) => stat.roundTripTime).concat(pair.currentRoundTripTime);

  /** Mean ms of work for one frame.
   * @param {any[]} streams @param {string} work @param {string} frames */
  function perFrame(streams, work, frames) {
    const mean = (1000 * growthOfAll(streams, work)) / growthOfAll(streams, frames);
    return nearest(mean, mean < 3 ? 0.5 : 1);
  }

  /** Packets lost and packets received of some streams. @param {any[]} streams */
  const arrivals = (streams) => [
    growthOfAll(streams, "packetsLost"),
    growthOfAll(streams, "packetsReceived"),
  ];

  const [lost, arrived] = arrivals([...heard, ...seen]);
  /** @type {Readings} */
  const readings = {
    rtt: bounded(1000 * roundTrips.reverse().find(Number.isFinite)),
    "u.pl": remote.length
      ? share(growthOfAll(remote, "packetsLost"), growthOfAll(all("outbound-rtp"), "packetsSent"))
      : undefined,
    "d.pl": share(lost, lost + arrived),
    "u.enc": perFrame(film, "totalEncodeTime", "framesEncoded"),
    "d.dec": perFrame(seen, "totalDecodeTime", "framesDecoded"),
    "d.drp": share(growthOfAll(seen, "framesDropped"), growthOfAll(seen, "framesReceived")),
    lt: before && share(last.busy - before.busy, last.at - before.at),
  };

  /** Packets of a stream that its receiver could miss. The browser counts retransmissions and probes
   * among those that it sent. @param {any} stat of the receiver */
  function countSent(stat) {
    const stream = latest.get(stat.localId) || {};
    const missed = growth(stat, "packetsLost");
    const arrived = growth(stat, "packetsReceived"); // Firefox has it.
    if (arrived >= 0) return arrived + missed;
    const own = growth(stream, "packetsSent") - (growth(stream, "retransmittedPacketsSent") || 0);
    if (stat.kind === "audio") return own;
    // Chromium does not count probes apart. The share that the receiver reported of its last second
    // is one of the video alone: when it was larger at every look, the video had fewer packets.
    const least = Math.min(past(stat).fractionLost, ...looks.map(({ latest: seen }) =>
      (seen.get(stat.id) || {}).fractionLost,
    ));
    return Math.max(growth(stream, "framesSent") || 0, Math.min(own, missed / least || own));
  }

  /** @type {Object<string, any[]>} Shares of each sender, by endpoint id. */
  const senders = {};
  /** @param {any} stream @param {number} place in the row of its sender @param {any} percent */
  function note(stream, place, percent) {
    const id = last.owners.get(stream.ssrc);
    if (!id || !(percent >= 0)) return;
    const row = (senders[id] = senders[id] || [id, null, null, null, null]);
    row[place] = Math.max(row[place], Math.round(Math.min(percent, 100)));
  }

  /** @param {string} letter @param {string} jitter @param {number} step of it @param {any[]} streams
   * @param {number} place */
  function addKind(letter, jitter, step, streams, place) {
    const receivers = remote.filter((stat) => stat.kind === (place < 3 ? "audio" : "video"));
    /** @param {any[]} chosen */
    const lossOf = (chosen) => {
      const [lost, arrived] = arrivals(chosen);
      const media = lost + arrived - growthOfAll(chosen, "retransmittedPacketsReceived");
      return share(lost, media);
    };
    /** @param {any[]} chosen @returns {number | undefined} mean jitter in ms */
    const jitterOf = (chosen) => {
      const known = chosen.map((stream) => stream.jitter).filter(Number.isFinite);
      return nearest((1000 * sum(known)) / known.length, step);
    };
    const lost = share(growthOfAll(receivers, "packetsLost"), sum(receivers.map(countSent)));
    readings["u." + letter] = nearest(lost, 0.5);
    readings["d." + letter] = nearest(lossOf(streams), 0.5);
    readings["u." + jitter] = jitterOf(receivers);
    readings["d." + jitter] = jitterOf(streams);
    for (const stream of streams) {
      if (growth(stream, "packetsReceived") >= FEW_PACKETS) note(stream, place, lossOf([stream]));
    }
  }
  addKind("apl", "jit", 1, heard, 1);
  addKind("vpl", "vjt", 10, seen, 3);

  /** The worst of some streams, and how many are affected. @param {string} reading
   * @param {string} count @param {number} place @param {any[]} streams
   * @param {(stream: any) => number} partOf of a stream, 0 to 1 */
  function addWorst(reading, count, place, streams, partOf) {
    const percents = streams.map((stream) => {
      const percent = 100 * partOf(stream);
      note(stream, place, percent);
      return percent;
    });
    const known = percents.filter(Number.isFinite);
    if (!known.length) return;
    readings[reading] = bounded(Math.max(...known), 100);
    readings[count] = known.filter((percent) => percent >= AFFECTED).length;
  }

  const audible = heard.filter(
    (stream) =>
      growth(stream, "packetsReceived") > DTX_RATE * seconds(stream) &&
      !(growth(stream, "totalAudioEnergy") < SILENCE * growth(stream, "totalSamplesDuration")),
  );
  addWorst("d.cnc", "d.cns", 2, audible, (stream) => {
    const silent = growth(stream, "silentConcealedSamples") || 0;
    const concealed = Math.max(0, growth(stream, "concealedSamples") - silent);
    return concealed / growth(stream, "totalSamplesReceived");
  });

  const decoded = seen.filter((stream) => growth(stream, "framesDecoded"));
  const largest = Math.max(...decoded.map(area));
  const expected = decoded.filter((stream) => {
    const frozen = growth(stream, "totalFreezesDuration");
    const moving = seconds(stream) - frozen;
    return (
      !(4 * area(stream) < largest) && // else a thumbnail
      stream.contentType !== "screenshare" &&
      !looks.some((look) => look.wasHidden || look.excluded.includes(stream.ssrc)) &&
      moving > -1 && // else the stream was off before
      growth(stream, "framesDecoded") >= LOWEST_FRAME_RATE * moving
    );
  });
  addWorst("d.frz", "d.frs", 4, expected, (stream) =>
    growth(stream, "totalFreezesDuration") / seconds(stream),
  );
  const large = decoded.find((stream) => area(stream) === largest) || {};
  const encoded = film.filter((stream) => growth(stream, "framesEncoded"));
  readings["d.pe"] = large.powerEfficientDecoder;
  readings["u.pe"] = (encoded[encoded.length - 1] || {}).powerEfficientEncoder;

  /** @param {any[]} row */
  const worst = (row) => Math.max(...row.slice(1));
  const named = Object.values(senders).filter((row) => worst(row) >= NAMED);
  named.sort((a, b) => worst(b) - worst(a));
  if (named.length) readings["d.by"] = named.slice(0, MOST_NAMED);

  last.began = before && encoded.length ? before.began : last.at;
  const ramps = !before || !(before.at - Number(before.began) >= RAMP_MS);
  const limit = LIMITS.find((name) => film.some((stream) => stream.qualityLimitationReason === name));
  readings["u.lim"] = ramps && limit === "bandwidth" ? "none" : limit;
  const durations = LIMITS.map((name) =>
    sum(
      film.map((stream) => {
        const [now, then] = [stream, past(stream)].map((of) => of.qualityLimitationDurations || {});
        return now[name] - then[name];
      }),
    ),
  );
  readings["u.lcp"] = share(ramps ? 0 : durations[0], sum(durations));
  readings["u.lbw"] = share(ramps ? 0 : durations[1], sum(durations));
  const address = remoteEnd.address || remoteEnd.ip;
  return [readings, address + ":" + remoteEnd.port];
}

/**
 * Report what has changed without an event of the room.
 * @param {any} room
 * @param {any} before as returned by the last call
 * @param {string | undefined} region
 * @param {string | undefined} bridge its address
 * @param {(name: string) => void} onEvent
 * @returns {any}
 */
function watch(room, before, region, bridge, onEvent) {
  const state = /** @type {any} */ (globalThis).APP.store?.getState() || {};
  const devices = state["features/base/settings"] || {};
  /** @type {any[]} */
  const tracks = room.getLocalTracks?.() || [];
  /** @type {any} */
  const after = {
    mic: devices.micDeviceId,
    cam: devices.cameraDeviceId,
    speaker: devices.audioOutputDeviceId,
    region: region || before.region,
    bridge: bridge || before.bridge,
    audio_only: state["features/base/audio-only"]?.enabled ? "_on" : "_off",
    // The track of a shared screen that ended may stay, muted.
    share: tracks.some((track) => track.getVideoType() === "desktop" && !track.isMuted())
      ? "_began"
      : "_ended",
  };
  for (const key in after) {
    const current = after[key];
    if (before[key] && current && before[key] !== current)
      onEvent((key + (current[0] === "_" ? current : "_changed")).replace(/_on$/, ""));
  }
  return after;
}

try {
  countLongTasks();
} catch {
  // Its reading stays unknown.
}
/** @type {any} */
const reader = [readReport, areUnlike, look];
reader.watch = watch;
/** @type {any} */ (globalThis).__jmmcReport = reader;
