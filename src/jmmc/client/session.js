// @ts-check
/*
 * The session: one stay in one conference. It turns readings into samples: the mean of each sample
 * interval, and of that only what changed.
 */

const FULL_MS = 10 * 60 * 1000;
// Which readings stay known while there is no connection; all others become unknown.
const WITHOUT_CONNECTION = /^(cq|mer|t.sr)$/;
// Which numbers are sent as they are; all others are averaged over the sample interval.
const NOT_AVERAGED = /^(t|res|mer)/;

/** 128 random bits as hex. They are predictable only in an engine without `crypto`.
 * @returns {string} */
const randomHex = () => {
  const words = new Uint32Array(4);
  if (page.crypto) page.crypto.getRandomValues(words);
  return Array.from(words, (word) =>
    (page.crypto ? word : Math.random() * 2 ** 32 >>> 0).toString(16).padStart(8, "0"),
  ).join("");
};

/** @returns {string} the browser's id, a UUID, kept in storage without an end */
function browserId() {
  const kept = load("jmmc_staticUserId");
  if (/^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/i.test(kept)) return kept;
  const uid = randomHex().replace(/(.{8})(.{4}).(.{3}).(.{3})/, "$1-$2-4$3-a$4-");
  store("jmmc_staticUserId", uid);
  return uid;
}

/** @param {any} m @param {string} path such as "u.bw" @param {any} value */
function nest(m, path, value) {
  const [group, leaf] = path.split(".");
  if (leaf) (m[group] = m[group] || {})[leaf] = value;
  else m[group] = value;
}

/** @param {Place} place */
function openSession({ room, conf, hook }) {
  const source = hook();
  const queue = makeQueue(randomHex(), browserId(), conf, []);
  let seq = 0;
  /** @type {Readings} As of the last sample: what the next one is a delta to. */
  const queuedReadings = {};
  /** @type {Object<string, [number, number]>} Sum and count since the last sample. */
  let sums = {};
  /** @type {Readings} What holds now; means as of the last sample. */
  let state = {};
  /** @type {string[]} */
  let events = [];
  let needsFull = false;
  let lastFull = now();
  let lastSample = lastFull;
  let lastTick = lastFull;
  let lastQueued = lastFull;
  let hasReadings = false; // of the call: the first sample only says who joined
  let ended = false;
  /** @type {any} */
  let timer;
  queue.onHole = () => (needsFull = true);

  /** Everything known at this moment. @returns {Readings} */
  function current() {
    for (const key of Object.keys(sums)) {
      state[key] = Math.round((100 * sums[key][0]) / sums[key][1]) / 100;
    }
    return { ...identity, ...state, ...source.describe() };
  }

  /** @param {object} m @param {Moment} when @param {boolean} [full] @param {boolean} [bye] */
  function enqueue(m, { wall, at }, full, bye) {
    if (full) {
      needsFull = false;
      lastFull = now();
    }
    queue.add({ seq: seq++, wall, at, m, full: full || undefined, bye: bye || undefined });
    lastQueued = now();
  }

  /** At each push interval: push what was queued, or an empty sample as a heartbeat.
   * @param {number} period */
  function beat(period) {
    thisSession.settle();
    if (needsFull || now() - lastSample >= settings.sample_interval * 1000) thisSession.close();
    if (now() - lastQueued >= period - 500) enqueue({}, moment());
    thisSession.push();
  }

  const thisSession = {
    room,
    queue,
    connected: false,
    cut: false,
    settle: guarded(source.settle),

    /** @param {number} seconds */
    setPushInterval(seconds) {
      clearInterval(timer);
      const period = Math.min(Math.max(seconds, 1), 3600) * 1000;
      timer = setInterval(guarded(() => beat(period)), period);
    },

    /** Take in the readings of one tick. @param {Readings} readings @param {Moment} tick */
    take(readings, tick) {
      for (const key of Object.keys({ ...state, ...readings })) {
        const value = thisSession.cut && !WITHOUT_CONNECTION.test(key) ? undefined : readings[key];
        if (typeof value !== "number" || NOT_AVERAGED.test(key)) {
          state[key] = value;
        } else {
          const [sum, count] = sums[key] || [0, 0];
          sums[key] = [sum + value, count + 1];
        }
      }
      lastTick = tick.at;
      const slack = Math.min(5000, settings.sample_interval * 500);
      if (!hasReadings || tick.at - lastSample >= settings.sample_interval * 1000 - slack) {
        thisSession.close(tick);
        if (!hasReadings) thisSession.push();
        hasReadings = true;
      }
    },

    /** The connection was interrupted, or restored. @param {boolean} cut */
    onCut(cut) {
      if (cut === thisSession.cut) return;
      thisSession.settle();
      thisSession.close();
      thisSession.cut = cut;
      // Jitsi repeats its last values, which are no longer true.
      for (const key of Object.keys(state)) {
        if (cut && !WITHOUT_CONNECTION.test(key)) state[key] = undefined;
      }
      thisSession.onEvent(cut ? "interrupted" : "restored");
    },

    /** @param {string} name */
    onEvent(name) {
      if (events.length < 16) events.push(name.slice(0, 16));
      // Events that come together, as when both tracks are muted, go into one sample.
      if (events.length === 1) setTimeout(guarded(() => thisSession.close()), 200);
    },

    /** End a sample: queue what changed since the one before, if anything did.
     * @param {Moment} [when] @param {boolean} [bye] */
    close(when = moment(), bye = false) {
      if (ended) return;
      if (now() - lastTick > source.staleAfter) state = {};
      const readings = current();
      const full = needsFull || now() - lastFull >= FULL_MS;
      /** @type {any} */
      const m = {};
      for (const key of Object.keys({ ...queuedReadings, ...readings })) {
        const value = readings[key] === undefined ? null : readings[key];
        const before = queuedReadings[key] === undefined ? null : queuedReadings[key];
        if (full ? value !== null : value !== before) nest(m, key, value);
        queuedReadings[key] = value;
      }
      if (events.length) m.ev = events;
      events = [];
      // A sample without a tick must not delay the sample of the next tick.
      if (Object.keys(sums).length) lastSample = when.at;
      sums = {};
      if (bye || full || Object.keys(m).length) enqueue(m, when, full, bye);
    },

    push() {
      queue.due = true;
      sender.pump();
    },

    /** The participant left: queue the last sample and release the page. */
    end() {
      clearInterval(timer);
      source.release();
      thisSession.settle();
      thisSession.close(undefined, true);
      ended = true;
      queue.onHole = () => {};
      queue.due = true;
    },

    /** Release the page and queue nothing. */
    abandon() {
      ended = true;
      thisSession.end();
    },
  };
  return thisSession;
}
