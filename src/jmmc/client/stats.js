// @ts-check
/*
 * What pages share: who the browser is, and what Jitsi says of a call every ten seconds, as flat
 * readings. A Jitsi Meet page gets it as `cq.local_stats_updated`, an embedding page as the answer
 * of `getConnectionStats()`.
 */

// --- who and where ---

/** Browser and system as the browser itself names them. */
function identify() {
  const hints = device.userAgentData;
  const brands = hints.brands.filter((/** @type {any} */ it) => !/not.?a.?brand/i.test(it.brand));
  const own = brands.find((/** @type {any} */ it) => it.brand !== "Chromium") || brands[0];
  const name = own.brand.replace("Google ", "").replace("Microsoft ", "");
  identity.br = text(name + " " + own.version, 64);
  hints.getHighEntropyValues(["platformVersion"]).then(
    (/** @type {any} */ high) => {
      // https://learn.microsoft.com/microsoft-edge/web-platform/how-to-detect-win11
      const major = parseInt(high.platformVersion, 10);
      const windows = hints.platform === "Windows";
      const version = windows ? (major >= 13 ? 11 : 10) : major || "";
      identity.os = text((hints.platform + " " + version).trim(), 64);
    },
    () => {},
  );
}

// --- readings: from what Jitsi says ---

const STALE_MS = 25 * 1000; // two and a half of Jitsi's own intervals

/** @param {any} group @returns {any[]} */
const values = (group) => (group ? Object.values(group) : []);

/** @param {(number | undefined)[]} numbers @returns {number | undefined} */
const highest = (numbers) => {
  const known = numbers.filter((it) => it !== undefined);
  return known.length ? Math.max(...known) : undefined;
};

/**
 * Jitsi glues address and port together, IPv6 without brackets; either may be missing.
 * @param {any} joined @returns {[number | string | undefined, number | undefined]}
 */
function endpoint(joined) {
  const [, address = "", port] = /^\[?(.*?)\]?:(\d+)$/.exec(joined) || [];
  if (/^(\d+\.){3}\d+$/.test(address))
    return [address.split(".").reduce((sum, byte) => sum * 256 + +byte, 0), number(+port)];
  return [address.includes(":") ? address : undefined, number(+port)];
}

/** @param {any} stats whether the page has no connection at all at this tick */
function isCut(stats) {
  const rate = stats.bitrate || {};
  return !(stats.transport || []).length && !rate.upload && !rate.download;
}

/**
 * One `cq.local_stats_updated`, as flat readings. Jitsi's own upload loss is left out: it is
 * always 0 in today's browsers.
 * @param {any} stats @param {string} me @param {string} [selected] remote end of the selected pair
 * @returns {Readings}
 */
function readStats(stats, me, selected) {
  /** @type {Readings} */
  const found = {
    cq: number(stats.connectionQuality, 100),
    mer: number(stats.maxEnabledResolution),
    "t.sr": text(stats.serverRegion, 64),
  };
  if (isCut(stats)) return found;
  const { bitrate: rate = {}, bandwidth = {}, resolution = {}, framerate: frames = {} } = stats;
  for (const [link, way] of [["u", "upload"], ["d", "download"]]) {
    found[link + ".bw"] = number(bandwidth[way]);
    found[link + ".ab"] = number((rate.audio || {})[way]);
    found[link + ".vb"] = number((rate.video || {})[way]);
  }
  found["d.pl"] = number((stats.packetLoss || {}).download, 100);

  const sent = values(resolution[me]);
  const height = highest(sent.map((size) => number(size.height)));
  found["res.h"] = height;
  found["res.w"] = number((sent.find((size) => size.height === height) || {}).width);
  found["u.fr"] = highest(values(frames[me]).map((rate) => number(rate)));
  const others = Object.keys(frames).filter((id) => id !== me);
  found["d.fr"] = highest(others.flatMap((id) => values(frames[id]).map((it) => number(it))));
  for (const codec of values((stats.codec || {})[me])) {
    found["cdc.a"] = found["cdc.a"] || text(codec.audio, 32);
    found["cdc.v"] = found["cdc.v"] || text(codec.video, 32);
  }

  const paths = stats.transport || [];
  const path = paths.find((/** @type {any} */ it) => it.ip === selected) || paths[0] || {};
  found.rtt = number(path.rtt);
  if (found.rtt === undefined && !path.p2p) found.rtt = number(stats.jvbRTT);
  if (settings.collect_ip) {
    [found["t.ip"], found["t.p"]] = endpoint(path.ip);
    [found["t.lip"], found["t.lp"]] = endpoint(path.localip);
  }
  found["t.tp"] = text(path.type && path.type.toLowerCase(), 16);
  found["t.p2p"] = path.p2p;
  found["t.net"] = text(path.networkType, 32);
  found["t.lct"] = text(path.localCandidateType, 5);
  found["t.rct"] = text(path.remoteCandidateType, 5);
  return found;
}


/** Take in one tick: what Jitsi said, and what was found beside it.
 * @param {any} stats @param {Moment} tick @param {string} me
 * @param {Readings} [probed] @param {string} [selected] */
function takeStats(stats, tick, me, probed = {}, selected) {
  if (!session) return;
  const cut = isCut(stats);
  if (cut && !session.connected) return; // before ICE everything is zero
  session.connected = true;
  const found = readStats(stats, me, selected);
  if (cut !== session.cut && (cut || stats.transport.length)) session.onCut(cut);
  for (const key of Object.keys(probed)) {
    if (probed[key] !== undefined) found[key] = probed[key];
  }
  session.take(found, tick);
}
