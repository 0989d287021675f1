// @ts-check
/*
 * The session: one stay in one conference. It turns readings into samples.
 */

const FULL_MS = 10 * 60 * 1000;
const LASTING = /^(cq|mer|t.sr)$/; // what is known without a connection

/** 128 random bits as hex. Only an engine without `crypto` makes them less than secret.
 * @returns {string} */
const randomHex = () => {
  const words = new Uint32Array(4);
  if (page.crypto) page.crypto.getRandomValues(words);
  return Array.from(words, (word) =>
    (page.crypto ? word : Math.random() * 2 ** 32 >>> 0).toString(16).padStart(8, "0"),
  ).join("");
};

/** @returns {string} the browser's id, a UUID, kept for ever where there is storage */
function browserId() {
  const kept = load("jmmc_staticUserId");
  if (/^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/i.test(kept)) return kept;
  const uid = randomHex().replace(/(.{8})(.{4}).(.{3}).(.{3})/, "$1-$2-4$3-a$4-");
  store("jmmc_staticUserId", uid);
  return uid;
}

/** @param {any} m @param {string} key a path such as "u.bw" @param {any} value */
function nest(m, key, value) {
  const [group, leaf] = key.split(".");
  if (leaf) (m[group] = m[group] || {})[leaf] = value;
  else m[group] = value;
}

/** @param {Place} place */
function openSession({ room, conf, hook }) {
  const source = hook();
  const queue = makeQueue(randomHex(), browserId(), conf, []);
  let seq = 0;
  /** @type {Readings} What the server has been told. */
  const told = {};
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
  let sampled = false; // readings of the call, not only who joined
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
  function queueUp(m, { wall, at }, full, bye) {
    if (full) {
      needsFull = false;
      lastFull = now();
    }
    queue.add({ seq: seq++, wall, at, m, full: full || undefined, bye: bye || undefined });
    lastQueued = now();
  }

  /** Each push interval: what was sampled, or a sign of life. @param {number} period */
  function beat(period) {
    it.settle();
    if (needsFull || now() - lastSample >= settings.sample_interval * 1000) it.close();
    if (now() - lastQueued >= period - 500) queueUp({}, moment());
    it.push();
  }

  const it = {
    room,
    queue,
    connected: false,
    cut: false,
    settle: guarded(source.settle),

    /** @param {number} seconds */
    setRhythm(seconds) {
      clearInterval(timer);
      const period = Math.min(Math.max(seconds, 1), 3600) * 1000;
      timer = setInterval(guarded(() => beat(period)), period);
    },

    /** Take in what one tick says. @param {Readings} found @param {Moment} tick */
    take(found, tick) {
      for (const key of Object.keys({ ...state, ...found })) {
        const value = it.cut && !LASTING.test(key) ? undefined : found[key];
        if (typeof value !== "number" || /^(t|res|mer)/.test(key)) {
          state[key] = value;
        } else {
          const [sum, count] = sums[key] || [0, 0];
          sums[key] = [sum + value, count + 1];
        }
      }
      lastTick = tick.at;
      const slack = Math.min(5000, settings.sample_interval * 500);
      if (!sampled || tick.at - lastSample >= settings.sample_interval * 1000 - slack) {
        it.close(tick);
        if (!sampled) it.push();
        sampled = true;
      }
    },

    /** The connection broke, or is back. @param {boolean} cut */
    onCut(cut) {
      if (cut === it.cut) return;
      it.settle();
      it.close();
      it.cut = cut;
      // Jitsi goes on saying what it said before; nobody knows any more.
      for (const key of Object.keys(state)) if (cut && !LASTING.test(key)) state[key] = undefined;
      it.onEvent(cut ? "interrupted" : "restored");
    },

    /** @param {string} name */
    onEvent(name) {
      if (events.length < 16) events.push(name.slice(0, 16));
      // What comes with it, as a mute of both tracks does, goes into the same sample.
      if (events.length === 1) setTimeout(guarded(() => it.close()), 200);
    },

    /** End a sample: queue what changed since the one before, if anything did.
     * @param {Moment} [when] @param {boolean} [bye] */
    close(when = moment(), bye = false) {
      if (ended) return;
      if (now() - lastTick > source.stale) state = {};
      const all = current();
      const full = needsFull || now() - lastFull >= FULL_MS;
      /** @type {any} */
      const m = {};
      for (const key of Object.keys({ ...told, ...all })) {
        const value = all[key] === undefined ? null : all[key];
        const before = told[key] === undefined ? null : told[key];
        if (full ? value !== null : value !== before) nest(m, key, value);
        told[key] = value;
      }
      if (events.length) m.ev = events;
      events = [];
      // A sample that no tick is in must not keep the next tick from being one.
      if (Object.keys(sums).length) lastSample = when.at;
      sums = {};
      if (bye || full || Object.keys(m).length) queueUp(m, when, full, bye);
    },

    push() {
      queue.due = true;
      sender.pump();
    },

    /** The participant left: say so, and let go of the page. */
    end() {
      clearInterval(timer);
      source.release();
      it.settle();
      it.close(undefined, true);
      ended = true;
      queue.onHole = () => {};
      queue.due = true;
    },

    /** Let go of the page without a word. */
    forget() {
      ended = true;
      it.end();
    },
  };
  return it;
}
