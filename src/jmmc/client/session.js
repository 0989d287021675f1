// @ts-check
/*
 * The session: one stay in one conference. It turns readings into samples: the mean of each sample
 * interval, and of that only what changed.
 *
 * A sample describes the time before it, back to the previous sample. So a sample is closed by a
 * tick, at the tick's moment, and where the connection changes: what was before and what comes
 * after do not mix. No other sample claims anything about that time.
 */

const FULL_MS = 10 * 60 * 1000;
// Which readings stay known while there is no connection; all others become unknown.
const WITHOUT_CONNECTION = /^(mer|t.sr)$/;
// Events that may repeat quickly: each is sent once a minute.
const FREQUENT = /^(talk|noi|no_[ap]|speak|last)/;
// Which numbers are sent as they are; all others are averaged over the sample interval.
const NOT_AVERAGED = /^(t|res|mer)/;
// Which means have decimals: some percentages, numbers of streams, the work for a frame.
const WITH_DECIMALS = /^d.(cn|fr)|pl$|enc|dec/;

/** A mean with the digits that it is sent with; docs/reference/protocol.md says why.
 * @param {string} key @param {number} mean */
const rounded = (key, mean) =>
  WITH_DECIMALS.test(key)
    ? Math.round(100 * mean) / 100
    : Math.round(mean < 1000 ? mean : +mean.toPrecision(3));

/** 128 random bits as hex. They are predictable only in an engine without `crypto`.
 * @returns {string} */
const randomHex = () => {
  const words = new Uint32Array(4);
  if (page.crypto) page.crypto.getRandomValues(words);
  return Array.from(words, (word) =>
    (page.crypto ? word : Math.random() * 2 ** 32 >>> 0).toString(16).padStart(8, "0"),
  ).join("");
};

/** 30 random bits in base 32, in the digits of Crockford's: no letter that may be read as another one
 * or as a digit. */
const makeCode = () =>
  (parseInt(randomHex().slice(0, 8), 16) >>> 2)
    .toString(32)
    .padStart(6, "0")
    .replace(/i/g, "w")
    .replace(/l/g, "x")
    .replace(/o/g, "y")
    .replace(/u/g, "z")
    .toUpperCase();

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

/** The events of a sample, with their ages. @param {CallEvent[]} events @param {Moment} when */
function takeEvents(events, when) {
  const past = events.filter(({ at }) => at <= when.at);
  if (!past.length) return undefined;
  return past.map(({ name, at }) => {
    const age = Math.round((when.at - at) / 100) / 10;
    return age ? [name, age] : name;
  });
}

/** @param {Place} place */
function openSession({ room, conf, ten, hook }) {
  const source = hook();
  const queue = makeQueue(randomHex(), browserId(), conf, ten, []);
  let seq = 0;
  /** @type {Readings} As of the last sample: what the next one is a delta to. */
  const queuedReadings = {};
  /** @type {Object<string, [number, number]>} Sum and count since the last sample. */
  let sums = {};
  /** @type {Readings} What holds now; means as of the last sample. */
  let state = {};
  /** @type {CallEvent[]} Those that no sample has yet. */
  let events = [];
  /** @type {Object<string, number>} The moment of the last event of a name. */
  const reported = {};
  let needsFull = false;
  let lastFull = now();
  let lastSample = lastFull;
  let lastQueued = lastFull;
  let lastTick = moment();
  /** @type {Moment | undefined} The last sample, when it was not queued because nothing changed. */
  let unchanged;
  let isKnown = false; // whether there are readings of the connection in use
  let hasReadings = false; // of the call: the first sample only says who joined
  let isSplit = false; // the tick under way: its first part is a sample
  let ended = false;
  /** @type {any} */
  let timer;
  queue.onHole = () => (needsFull = true);

  /** Everything known at this moment. @returns {Readings} */
  function current() {
    for (const key of keysOf(sums)) {
      state[key] = rounded(key, sums[key][0] / sums[key][1]);
    }
    return { ...identity, ...state, ...source.describe() };
  }

  const hasSums = () => keysOf(sums).length > 0;

  /** The connection in use ended: what is known of it does not hold any more. */
  function forget() {
    isKnown = false;
    for (const key of keysOf(state)) {
      if (!WITHOUT_CONNECTION.test(key)) state[key] = undefined;
    }
  }

  /** Whether a tick is expected. */
  const hasTicks = () =>
    hasReadings && !thisSession.cut && now() - lastTick.at <= source.staleAfter;

  /** The moment of a sample without a tick. While ticks come, it is that of the sample before: it
   * describes no time. @returns {Moment} */
  const idleMoment = () => (hasTicks() && !hasSums() ? thisSession.lastClosed : moment());

  /** @param {object} m @param {Moment} when @param {boolean} [full] @param {boolean} [bye] */
  function enqueue(m, { wall, at }, full, bye) {
    if (unchanged && unchanged.at < at) queue.add({ seq: seq++, ...unchanged, m: {} });
    unchanged = undefined;
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
    wake();
    thisSession.settle();
    if (!hasTicks()) thisSession.close();
    // A heartbeat that repeats the moment of the sample before says nothing of the time since.
    const isRecent = now() - thisSession.lastClosed.at < 2 * period;
    if (now() - lastQueued >= period - 500) enqueue({}, isRecent ? thisSession.lastClosed : moment());
    thisSession.push();
  }

  const thisSession = {
    room,
    queue,
    /** The last error after which Jitsi gives up a stay. */
    lastFailure: { reason: "", at: -Infinity },
    connected: false,
    cut: false,
    /** The moment of the last sample: the readings of the next hold from here on. */
    lastClosed: lastTick,
    /** How many ticks of a new connection may be without bitrates: those are no readings. */
    newTicks: 1,
    settle: guarded(source.settle),

    /** @param {number} seconds */
    setPushInterval(seconds) {
      clearInterval(timer);
      const period = Math.min(Math.max(seconds, 1), 3600) * 1000;
      timer = setInterval(guarded(() => beat(period)), period);
    },

    /** Take in the readings of one tick. @param {Readings} readings @param {Moment} tick */
    take(readings, tick) {
      for (const key of keysOf({ ...state, ...readings })) {
        const value = thisSession.cut && !WITHOUT_CONNECTION.test(key) ? undefined : readings[key];
        if (typeof value !== "number" || NOT_AVERAGED.test(key)) {
          state[key] = value;
        } else {
          const [sum, count] = sums[key] || [0, 0];
          sums[key] = [sum + value, count + 1];
        }
      }
      isKnown = !thisSession.cut;
      // A tick that is nearer to the end of the interval than the next one will be.
      const interval = settings.sample_interval * 1000;
      const slack = Math.min(5000, interval / 2, (tick.at - lastTick.at) / 2);
      lastTick = tick;
      if (!hasReadings || needsFull || isSplit || tick.at - lastSample >= interval - slack) {
        thisSession.close(tick);
        if (!hasReadings) thisSession.push();
        hasReadings = true;
        isSplit = false;
      }
    },

    /** Take in the first part of a tick that is unlike the rest: each is a sample.
     * @param {Readings} readings @param {Moment} when */
    takePart(readings, when) {
      if (!hasReadings || thisSession.cut) return;
      if (hasSums()) thisSession.close(lastTick);
      for (const key of keysOf(readings)) {
        const value = readings[key];
        if (typeof value === "number") sums[key] = [value, 1];
      }
      state["d.by"] = readings["d.by"];
      thisSession.close(when);
      isSplit = true;
    },

    /** The connection was interrupted, or restored. @param {boolean} cut @param {Moment} [when] */
    onCut(cut, when = moment()) {
      if (cut === thisSession.cut) return;
      thisSession.settle();
      thisSession.onEvent(cut ? "interrupted" : "restored", when);
      thisSession.close(when);
      thisSession.cut = cut;
      // Jitsi repeats its last values, which are no longer true.
      if (cut) forget();
    },

    /** Media goes over another connection from now on.
     * @param {string} [name] of the event @param {Moment} [when] */
    onSwitch(name, when = moment()) {
      thisSession.settle();
      if (name) thisSession.onEvent(name, when);
      if (isKnown) thisSession.close(when);
      forget();
      thisSession.newTicks = 2;
    },

    /** Keep an event for the next sample. @param {string} name @param {Moment} [when] */
    onEvent(name, { at } = moment()) {
      if (FREQUENT.test(name) && at - reported[name] < 60000) return;
      reported[name] = at;
      events = [...events.slice(0, 15), { name: name.slice(0, 16), at }];
    },

    /** End a sample: queue what changed since the one before, if anything did.
     * @param {Moment} [when] @param {boolean} [bye] */
    close(when = idleMoment(), bye = false) {
      if (ended) return;
      if (when.at - lastTick.at > source.staleAfter) {
        if (hasSums()) thisSession.close(lastTick); // they describe the time until then
        state = {};
      }
      const readings = current();
      const { reason, at } = thisSession.lastFailure;
      // Media that came after the time-out made up for it.
      if (bye && when.at - at < DROP_MS && !(thisSession.connected && /time/.test(reason))) {
        // A server that cannot be reached now could be before.
        readings.drop = /^server/.test(reason) ? "connection_lost" : reason;
      }
      const full = needsFull || now() - lastFull >= FULL_MS;
      /** @type {any} */
      const m = {};
      for (const key of keysOf({ ...queuedReadings, ...readings })) {
        const value = readings[key] === undefined ? null : readings[key];
        const before = queuedReadings[key] === undefined ? null : queuedReadings[key];
        // As text, because lists are equal when their elements are.
        if (full ? value !== null : "" + value !== "" + before) nest(m, key, value);
        queuedReadings[key] = value;
      }
      const past = takeEvents(events, when);
      if (past) m.ev = past;
      events = events.filter(({ at }) => at > when.at);
      if (hasSums()) lastSample = when.at;
      sums = {};
      if (bye || full || keysOf(m).length) enqueue(m, when, full, bye);
      else unchanged = when;
      thisSession.lastClosed = when;
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
      thisSession.close(moment(), true);
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
