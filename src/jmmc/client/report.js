// @ts-check
/*
 * The readings of a peer connection's own reports: what Jitsi's statistics lack. Only a Jitsi Meet
 * page has access to it.
 */

// A mean square below this, of 1 at full scale, is silence: -60 dB over the whole interval.
const SILENCE = 1e-6;
// Packets a second: audio has 16 to 50, and 2.5 while nobody speaks and DTX is on.
const DTX_RATE = 3;
// Frames a second: a shared screen has at most 5 by default, the lowest layer of a camera 7.5.
const LOWEST_FRAME_RATE = 7;
// Shares in percent from which on a stream counts as affected.
const AFFECTED = 1;
// Beyond this, one half alone makes its tick fair: percent (the limits are 5 % and, of audio, 3 %),
// and ms, because a round-trip time is of a moment and no mean.
const BAD_HALF = { "d.pl": 10, "u.pl": 10, "d.cnc": 6, "d.frz": 10, rtt: 300 };
// A half is good that has less than this part of it.
const GOOD_PART = 0.2;

/** Whether one half of a tick was good, and the other was not.
 * @param {Readings} first @param {Readings} second */
const areUnlike = (first, second) =>
  Object.entries(BAD_HALF).some(([key, limit]) => {
    const [low, high] = [Number(first[key]), Number(second[key])].sort((a, b) => a - b);
    return high > limit && low < (key === "rtt" ? high / 2 : GOOD_PART * limit);
  });

/**
 * What two reports of one RTCPeerConnection say that Jitsi does not: upload loss, jitter, round
 * trip, freezes, concealment, limitation; and download loss, which Jitsi has of whole ticks. A
 * reading is absent when the report or the one before it lacks the fields.
 * @param {Map<string, any>} report @param {Map<string, any> | undefined} before
 * @param {(ssrc: any) => boolean} isFilmed whether a stream had frames of a camera to show
 * @returns {[Readings, string]} with the remote end of the selected candidate pair
 */
function readReport(report, before, isFilmed) {
  /** @param {string} type @param {string} [kind] */
  const all = (type, kind) =>
    [...report.values()].filter((stat) => stat.type === type && (!kind || stat.kind === kind));
  /** Growth of a counter of one stream since the report before; NaN when a report lacks it.
   * @param {any} stream @param {string} counter */
  const growth = (stream, counter) =>
    Math.max(0, stream[counter] - ((before && before.get(stream.id)) || {})[counter]);
  /** @param {any[]} streams @param {string} counter */
  const growthOfAll = (streams, counter) =>
    streams
      .map((stream) => growth(stream, counter))
      .filter(Number.isFinite)
      .reduce((sum, grown) => sum + grown, 0);
  /** @param {any} stream */
  const seconds = (stream) => growth(stream, "timestamp") / 1000;
  /** Jitter of the audio, because it is what people hear. @param {string} type */
  const jitter = (type) => {
    const known = all(type, "audio").map((stream) => stream.jitter).filter(Number.isFinite);
    return known.length
      ? number((1000 * known.reduce((sum, seconds) => sum + seconds, 0)) / known.length)
      : undefined;
  };

  const remote = all("remote-inbound-rtp");
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
  const sent = growthOfAll(all("outbound-rtp"), "packetsSent");
  if (remote.length && sent)
    readings["u.pl"] = number((100 * growthOfAll(remote, "packetsLost")) / sent, 100);

  const lost = growthOfAll(all("inbound-rtp"), "packetsLost");
  const arrived = growthOfAll(all("inbound-rtp"), "packetsReceived");
  if (lost + arrived) readings["d.pl"] = number((100 * lost) / (lost + arrived), 100);

  /** The worst of some streams, and how many are affected. @param {string} share its reading
   * @param {string} count @param {number[]} parts of each stream, 0 to 1 */
  function addWorst(share, count, parts) {
    const percents = parts.filter(Number.isFinite).map((part) => 100 * part);
    if (!percents.length) return;
    readings[share] = number(Math.max(...percents), 100);
    readings[count] = percents.filter((percent) => percent >= AFFECTED).length;
  }

  const audible = all("inbound-rtp", "audio").filter(
    (stream) =>
      growth(stream, "packetsReceived") > DTX_RATE * seconds(stream) &&
      !(growth(stream, "totalAudioEnergy") < SILENCE * growth(stream, "totalSamplesDuration")),
  );
  addWorst("d.cnc", "d.cns", audible.map((stream) => {
    const silent = growth(stream, "silentConcealedSamples") || 0;
    const concealed = Math.max(0, growth(stream, "concealedSamples") - silent);
    return concealed / growth(stream, "totalSamplesReceived");
  }));

  /** @param {any} stream */
  const area = (stream) => stream.frameWidth * stream.frameHeight;
  const decoded = all("inbound-rtp", "video").filter((stream) => growth(stream, "framesDecoded"));
  const largest = Math.max(...decoded.map(area));
  const expected = decoded.filter((stream) => {
    const frozen = growth(stream, "totalFreezesDuration");
    const moving = seconds(stream) - frozen;
    return (
      !(4 * area(stream) < largest) && // else a thumbnail
      stream.contentType !== "screenshare" &&
      isFilmed(stream.ssrc) &&
      moving > -1 && // else the stream was off before
      growth(stream, "framesDecoded") >= LOWEST_FRAME_RATE * moving
    );
  });
  addWorst("d.frz", "d.frs", expected.map(
    (stream) => growth(stream, "totalFreezesDuration") / seconds(stream),
  ));
  const address = remoteEnd.address || remoteEnd.ip;
  return [readings, address + ":" + remoteEnd.port];
}
