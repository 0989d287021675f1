// @ts-check
/*
 * What the entrances of pages share: the browser's identity, and the readings of Jitsi's own
 * statistics of a call, made every ten seconds. A Jitsi Meet page gets them as the event
 * `cq.local_stats_updated`, an embedding page as the answer of `getConnectionStats()`.
 */

// --- identity ---

/** What a part of the script adds to a source of readings.
 * @type {(source: Source, room: any) => Source} */
let extendSource = (source) => source;
/** What a part of the script does when the functions of report.js are there. */
let onReader = () => {};
/** The names of the devices in use, where a part of the script knows them.
 * @type {(room: any) => Readings} */
let findDevices = () => ({});
/** What a part of the script does first with an API that is watched. @type {(api: any) => void} */
let onWatch = () => {};

/** Ask for the browser's and the operating system's names, where the browser gives them. */
function identify() {
  const hints = device.userAgentData;
  /** @type {any[]} */
  const brands = hints.brands;
  const real = brands.filter((entry) => !/not.?a.?brand/i.test(entry.brand));
  const own = real.find((entry) => entry.brand !== "Chromium") || real[0];
  const name = own.brand.replace("Google ", "").replace("Microsoft ", "");
  identity.br = text(name + " " + own.version, 64);
  hints.getHighEntropyValues(["platformVersion"]).then(
    (/** @type {any} */ values) => {
      // https://learn.microsoft.com/microsoft-edge/web-platform/how-to-detect-win11
      const major = parseInt(values.platformVersion, 10);
      const windows = hints.platform === "Windows";
      const version = windows ? (major >= 13 ? 11 : 10) : major || "";
      identity.os = text((hints.platform + " " + version).trim(), 64);
    },
    () => {},
  );
}

// --- readings of Jitsi's statistics ---

const STALE_MS = 25 * 1000; // two and a half times Jitsi's interval of ten seconds

/** @param {any} group @returns {any[]} */
const values = (group) => (group ? Object.values(group) : []);

/** @param {(number | undefined)[]} numbers @returns {number | undefined} */
const highest = (numbers) => {
  const known = numbers.filter((value) => value !== undefined);
  return known.length ? Math.max(...known) : undefined;
};

/**
 * Take an address and a port apart. Jitsi joins them, IPv6 without brackets; either may be missing.
 * An IPv4 address becomes a number.
 * @param {any} joined @returns {[number | string | undefined, number | undefined]}
 */
function endpoint(joined) {
  const [, address = "", port] = /^\[?(.*?)\]?:(\d+)$/.exec(joined) || [];
  if (/^(\d+\.){3}\d+$/.test(address))
    return [address.split(".").reduce((sum, byte) => sum * 256 + +byte, 0), number(+port)];
  return [address.includes(":") ? address : undefined, number(+port)];
}

/** Whether nothing is sent and nothing received at this tick. @param {any} stats */
const isIdle = ({ bitrate: rate = {} }) => !rate.upload && !rate.download;

/** Whether the page has no connection at all at this tick. @param {any} stats */
const isCut = (stats) => !(stats.transport || []).length && isIdle(stats);

/**
 * The readings of one `cq.local_stats_updated`. Jitsi's own upload loss is left out: it is always 0
 * in current browsers.
 * @param {any} stats @param {string} me
 * @param {string} [selected] remote end of the selected candidate pair
 * @returns {Readings}
 */
function readStats(stats, me, selected) {
  /** @type {Readings} */
  const readings = {
    cq: number(stats.connectionQuality, 100),
    mer: number(stats.maxEnabledResolution),
    "t.sr": text(stats.serverRegion, 64),
  };
  if (isCut(stats)) return readings;
  const { bitrate: rate = {}, bandwidth = {}, resolution = {}, framerate: frames = {} } = stats;
  for (const [group, direction] of [["u", "upload"], ["d", "download"]]) {
    readings[group + ".bw"] = number(bandwidth[direction]);
    readings[group + ".ab"] = number((rate.audio || {})[direction]);
    readings[group + ".vb"] = number((rate.video || {})[direction]);
  }
  readings["d.pl"] = number((stats.packetLoss || {}).download, 100);

  const sent = values(resolution[me]);
  const height = highest(sent.map((size) => number(size.height)));
  readings["res.h"] = height;
  readings["res.w"] = number((sent.find((size) => size.height === height) || {}).width);
  readings["u.fr"] = highest(values(frames[me]).map((rate) => number(rate)));
  const others = keysOf(frames).filter((id) => id !== me);
  const received = others.flatMap((id) => values(frames[id]));
  readings["d.fr"] = highest(received.map((rate) => number(rate)));
  for (const codec of values((stats.codec || {})[me])) {
    readings["cdc.a"] = readings["cdc.a"] || text(codec.audio, 32);
    readings["cdc.v"] = readings["cdc.v"] || text(codec.video, 32);
  }

  /** @type {any[]} */
  const paths = stats.transport || [];
  const path = paths.find((candidate) => candidate.ip === selected) || paths[0] || {};
  readings.rtt = number(path.rtt);
  if (readings.rtt === undefined && !path.p2p) readings.rtt = number(stats.jvbRTT);
  if (settings.collect_ip) {
    [readings["t.ip"], readings["t.p"]] = endpoint(path.ip);
    [readings["t.lip"], readings["t.lp"]] = endpoint(path.localip);
  }
  // A bridge is a server: its address is nobody's.
  if (path.p2p === false) [, readings["t.brg"]] = /^\[?([^\]]+)\]?:\d+$/.exec(path.ip) || [];
  readings["t.tp"] = text(path.type && path.type.toLowerCase(), 16);
  readings["t.p2p"] = path.p2p;
  readings["t.net"] = text(path.networkType, 32);
  readings["t.lct"] = text(path.localCandidateType, 5);
  readings["t.rct"] = text(path.remoteCandidateType, 5);
  return readings;
}

/** Take in one tick: Jitsi's statistics, and what the peer connection said beside them.
 * @param {any} stats @param {Moment} tick @param {string} me
 * @param {Readings} [probed] @param {string} [selected] */
function takeStats(stats, tick, me, probed = {}, selected) {
  if (!session) return;
  const cut = isCut(stats);
  // Until ICE has connected, everything is zero. What comes after describes the time from here on.
  if (cut && !session.connected) return session.close(tick);
  session.connected = true;
  // The first tick of a connection has no tick before it, so no bitrates and no quality either;
  // a connection that replaces another has one more, before ICE has connected.
  const newTicks = cut ? 1 : 0;
  if (isIdle(stats) && session.newTicks > newTicks) {
    session.newTicks = newTicks;
    return;
  }
  session.newTicks = 0;
  const readings = readStats(stats, me, selected);
  if (cut !== session.cut && (cut || stats.transport.length)) {
    // Without bitrates, the connection was lost at the tick before.
    session.onCut(cut, cut ? session.lastClosed : tick);
  }
  for (const key of keysOf(probed)) {
    if (probed[key] !== undefined) readings[key] = probed[key];
  }
  session.take(readings, tick);
}
