// @ts-check
/*
 * What every browser script of jmmc shares: the queue of what is not confirmed, the sender, and the
 * session that turns readings into samples (docs/protocol.md). An entrance follows it and says where
 * readings come from: page.js and app.js (`getClient`), embedder.js (`getEmbedder`). The parts are
 * put into one function when they are served.
 *
 * It must never harm the call. Whatever the page calls is wrapped in `guarded`; nothing is
 * written to the console; memory, storage and requests are bounded.
 *
 * The engine of the mobile apps reads this too (Hermes of React Native): no classes, no async
 * functions, and no function that keeps a variable of a loop.
 *
 * Inside, readings are flat: {"u.bw": 347.33, "rtt": 23}. `undefined` means unknown.
 */

/**
 * @typedef {{push_url: string, push_interval: number, sample_interval: number, enabled: boolean,
 *   sample_ratio: number, collect_ip: boolean, require_consent: boolean,
 *   version: string}} ClientSettings
 * @typedef {number | string | boolean | string[]} Value
 * @typedef {Object<string, Value | null | undefined>} Readings
 * @typedef {{wall: number, at: number}} Moment `wall` in ms since 1970, `at` in ms of our clock
 * @typedef {{seq: number, wall: number, at?: number, m: object, full?: boolean, bye?: boolean,
 *   size?: number}} Sample
 * @typedef {ReturnType<typeof makeQueue>} Queue
 * @typedef {ReturnType<typeof openSession>} Session
 * @typedef {{describe: () => Readings, settle: () => void, release: () => void, stale: number}} Source
 *   Where the readings of a session come from: who and where we are; take in what still waits;
 *   let go of the page; ms without a tick after which nothing is known any more.
 * @typedef {{room: any, conf: string, hook: () => Source}} Place A conference that we are in
 */

/** @type {ClientSettings} */
const settings = JMMC_SETTINGS;
/** @type {any} */
const page = globalThis;
const { document: dom = {}, navigator: device = {} } = page;
/** The apps have an imitation of a document. */
const inApp = !page.document || device.product === "ReactNative";

const QUEUE_BYTES = 192 * 1024; // about eleven hours of an outage
const STORED_BYTES = 256 * 1024; // of all sessions together; browsers give a page 5 MB
const BODY_BYTES = 60000; // keepalive requests may carry 64 KiB, and the server takes as much
const KEPT_MS = 24 * 3600 * 1000;
const FULL_MS = 10 * 60 * 1000;
const TIMEOUT_MS = 15 * 1000;
const LONGEST_WAIT_MS = 5 * 60 * 1000;
const STORAGE_KEY = "jmmc_queue_";
const LASTING = /^(cq|mer|t.sr)$/; // what is known without a connection

const clock = page.performance || Date;
const now = () => clock.now();
/** @returns {Moment} */
const moment = () => ({ wall: Date.now(), at: now() });

/**
 * Never lets an exception out into the page.
 * @template {any[]} A
 * @param {(...args: A) => any} deed
 * @returns {(...args: A) => any}
 */
const guarded = (deed) => (...args) => {
  try {
    return deed(...args);
  } catch {
    return undefined;
  }
};
/** @param {() => any} deed */
const attempt = (deed) => guarded(deed)();

/** Nobody tells an app where a script came from: there `push_url` must be absolute.
 * @type {string | undefined} */
const pushUrl = /^https?:/.test(settings.push_url)
  ? settings.push_url
  : attempt(() => new URL(settings.push_url, (dom.currentScript || {}).src || dom.baseURI).href);

// --- storage: absent, full or forbidden storage only costs what it would have kept ---

/** @param {string} key */
const load = (key) => attempt(() => page.localStorage.getItem(key));
const store = guarded((/** @type {string} */ key, /** @type {string} */ text) =>
  page.localStorage.setItem(key, text),
);
const discard = guarded((/** @type {string} */ key) => page.localStorage.removeItem(key));

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

// --- readings ---

/** @param {any} value @param {number} [most] @returns {number | undefined} */
const number = (value, most = Number.MAX_SAFE_INTEGER) =>
  Number.isFinite(value) ? Math.min(Math.max(value, 0), most) : undefined;

/** @param {any} value @param {number} most @returns {string | undefined} */
const text = (value, most) =>
  value !== undefined && value !== null && value !== "" ? String(value).slice(0, most) : undefined;

/** @type {Readings} Browser and system as the browser itself names them, where it does. */
const identity = {};

/** @param {any} m @param {string} key a path such as "u.bw" @param {any} value */
function nest(m, key, value) {
  const [group, leaf] = key.split(".");
  if (leaf) (m[group] = m[group] || {})[leaf] = value;
  else m[group] = value;
}

/** Whether a conference is collected: all its browsers come to the same answer.
 * @param {string} conf */
function isSampled(conf) {
  let hash = 0x811c9dc5; // FNV-1a
  for (const character of conf) {
    hash = Math.imul(hash ^ (character.codePointAt(0) || 0), 0x01000193) >>> 0;
  }
  return hash / 2 ** 32 < settings.sample_ratio;
}

// --- the queue: what is not confirmed ---

/** The unconfirmed samples of one session, in memory and in storage.
 * @param {string} sid @param {string} uid @param {string} conf @param {Sample[]} samples
 * @param {string} [adopted] what storage held when the queue was taken over from another page */
function makeQueue(sid, uid, conf, samples, adopted) {
  const key = STORAGE_KEY + sid;
  /** @param {Sample} it */
  const sizeOf = (it) => (it.size = it.size || JSON.stringify(it.m).length + 60);

  function save() {
    if (adopted) {
      // Its own page may still live and have added to it: then the record is not ours to remove.
      if (!queue.samples.length && load(key) === adopted) discard(key);
    } else if (queue.samples.length) {
      const kept = queue.samples.map(({ at, size, ...rest }) => rest);
      store(key, JSON.stringify({ uid, conf, samples: kept }));
    } else {
      discard(key);
    }
  }

  const queue = {
    key,
    samples,
    adopted,
    due: false,
    atOnce: 1e4, // samples a push; halved when the server finds a push too large
    /** The session asks to be told when samples are lost for good, or missed by the server. */
    onHole: () => {},

    /** @param {Sample} sample */
    add(sample) {
      queue.samples.push(sample);
      let bytes = queue.samples.reduce((sum, it) => sum + sizeOf(it), 0);
      while (bytes > QUEUE_BYTES && queue.samples[1]) {
        bytes -= (queue.samples.shift() || {}).size || 0;
        queue.onHole();
      }
      save();
    },

    /** @param {(sample: Sample) => boolean} isDone */
    drop(isDone) {
      queue.samples = queue.samples.filter((it) => !isDone(it));
      save();
    },

    /** The next push: as many samples, oldest first, as fit. @returns {[string, Sample[]]} */
    next() {
      let bytes = 300 + conf.length;
      let count = 0;
      for (const it of queue.samples) {
        bytes += sizeOf(it);
        if (count && (bytes > BODY_BYTES || count >= queue.atOnce)) break;
        count++;
      }
      const batch = queue.samples.slice(0, count);
      const sent = batch.map(({ seq, at, wall, m, full, bye }) => {
        const age = at === undefined ? Date.now() - wall : now() - at;
        return { seq, age: Math.round(age) / 1000, m, full, bye };
      });
      const js = batch[0].seq ? undefined : settings.version;
      const body = { v: 2, sid, uid, conf, now: sender.serverClock(), js, samples: sent };
      return [JSON.stringify(body), batch];
    },
  };
  return queue;
}

/** Queues that closed, reloaded or crashed pages left behind, the newest first.
 * @returns {Queue[]} */
function leftQueues() {
  const keys = Object.keys(page.localStorage).filter((it) => it.startsWith(STORAGE_KEY));
  const read = guarded((/** @type {string} */ key) => {
    const kept = load(key);
    const { uid, conf, samples } = JSON.parse(kept);
    const fresh = samples.filter((/** @type {Sample} */ it) => Date.now() - it.wall < KEPT_MS);
    const queue = makeQueue(key.slice(STORAGE_KEY.length), uid, conf, fresh, kept);
    queue.due = fresh.length > 0;
    return queue;
  });
  let bytes = 0;
  const fit = keys
    .map(read)
    .filter((it) => it && it.due)
    .sort((a, b) => b.samples[0].wall - a.samples[0].wall)
    .filter((it) => (bytes += it.adopted.length) <= STORED_BYTES);
  keys.filter((key) => !fit.some((it) => key === it.key)).forEach(discard);
  return fit;
}

// --- the sender: one request at a time ---

const sender = {
  /** @type {Queue[]} The live session's first. */
  queues: [],
  busy: false,
  failures: 0,
  notBefore: 0,
  /** Server's clock less ours, in ms, as the quickest exchange told it. @type {number | null} */
  offset: null,
  quickest: Infinity,

  /** @returns {number | undefined} the server's clock in seconds, as far as we know */
  serverClock() {
    return sender.offset === null ? undefined : Math.round(now() + sender.offset) / 1000;
  },

  pump() {
    if (!allowed() || sender.busy || now() < sender.notBefore) return;
    sender.queues = sender.queues.filter(
      (it) => it.samples.length || it === (session && session.queue),
    );
    const queue = sender.queues.find((it) => it.due && it.samples.length);
    if (!queue) return;
    const [body, batch] = queue.next();
    sender.busy = true;
    sender.post(queue, body, batch, false).then(
      guarded((/** @type {number} */ wait) => {
        sender.busy = false;
        if (wait) {
          sender.notBefore = now() + wait;
          setTimeout(guarded(sender.pump), wait + 1);
        } else {
          sender.failures = 0;
          queue.due = queue.samples.length > 0;
          sender.pump();
        }
      }),
    );
  },

  /**
   * Send one push and act on its answer.
   * @param {Queue} queue @param {string} body @param {Sample[]} batch @param {boolean} keepalive
   * @returns {Promise<number>} ms to wait before the next push, 0 after progress
   */
  post(queue, body, batch, keepalive) {
    const started = now();
    const abort = page.AbortController && !keepalive ? new AbortController() : undefined;
    const first = batch[0].seq;
    const last = batch[batch.length - 1].seq;
    /** @type {Promise<Response>} */
    const asked = new Promise((answered, failed) => {
      // An engine that cannot abort a request still does not wait for it.
      setTimeout(() => {
        if (abort) abort.abort();
        failed();
      }, TIMEOUT_MS);
      fetch(String(pushUrl), {
        method: "POST",
        // A type that needs no preflight on another origin.
        headers: { "Content-Type": "text/plain;charset=UTF-8" },
        body,
        credentials: "omit",
        keepalive,
        signal: abort && abort.signal,
      }).then(answered, failed);
    });
    return asked
      .then((answer) => {
        const { status } = answer;
        if (status === 200) {
          return answer.json().then((told) => {
            if (!(told.ack >= first)) return sender.backOff();
            sender.learnClock(told.now, started);
            queue.drop((it) => it.seq <= told.ack);
            if (told.resync) {
              queue.onHole();
              if (session) session.close();
            }
            if (told.interval > 0 && session) session.setRhythm(told.interval);
            return 0;
          });
        }
        if (status === 400 || (status === 413 && first === last)) {
          queue.drop((it) => it.seq >= first && it.seq <= last);
          queue.onHole();
          return 0;
        }
        if (status === 413) {
          queue.atOnce = batch.length >> 1;
          queue.due = true;
          return 0;
        }
        return sender.backOff(answer.headers.get("Retry-After"));
      })
      .catch(() => sender.backOff());
  },

  /** @param {string | null} [retryAfter] @returns {number} ms */
  backOff(retryAfter) {
    const asked = retryAfter
      ? (/^\d+$/.test(retryAfter) ? +retryAfter * 1000 : Date.parse(retryAfter) - Date.now()) || 0
      : 0;
    const most = Math.min(1000 * 2 ** sender.failures++, LONGEST_WAIT_MS);
    return Math.min(Math.max(asked, 0) + Math.random() * most + 1, LONGEST_WAIT_MS);
  },

  /** @param {any} clock the server's, in seconds @param {number} started */
  learnClock(clock, started) {
    const trip = now() - started;
    if (!Number.isFinite(clock) || trip > sender.quickest) return;
    sender.quickest = trip;
    sender.offset = clock * 1000 - (started + trip / 2);
  },

  /** The last chance: everything unconfirmed of the live session, as far as one push carries.
   * @param {Queue} queue */
  sendLast(queue) {
    if (!allowed() || !queue.samples.length) return;
    const [body, batch] = queue.next();
    sender.post(queue, body, batch, true).then((wait) => {
      if (wait) attempt(() => device.sendBeacon(pushUrl, body));
    });
  },
};

// --- the session: one stay in one conference ---

/** @type {Session | undefined} */
let session;

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

let begun = false;

/** Whether this browser may be collected. Once it may not any more, nothing is left of it.
 * @returns {boolean} */
function allowed() {
  if (!settings.require_consent || page.jmmc_consent === true) return true;
  if (!begun && page.jmmc_consent !== false) return false;
  begun = false;
  for (const queue of sender.queues) queue.samples = [];
  if (session) session.forget();
  session = undefined;
  attempt(() =>
    Object.keys(page.localStorage)
      .filter((it) => it.startsWith("jmmc_"))
      .forEach(discard),
  );
  return false;
}

/** Leave the conference, if we are in one. @returns {Session | undefined} */
function leave() {
  const left = session;
  if (left) attempt(left.end); // it takes in what still waits
  session = undefined;
  return left;
}

/** Where events said that we are. @type {Place | undefined} */
let place;
/** Where we are now. */
let find = () => place;

/** Begin or end a session when the conference is another than before. */
const look = guarded(() => {
  if (!allowed()) return;
  // What other pages left.
  if (!begun) sender.queues = attempt(leftQueues) || [];
  begun = true;
  const here = find();
  if ((here && here.room) !== (session && session.room)) {
    leave();
    if (here && isSampled(here.conf)) {
      session = openSession(here);
      sender.queues.unshift(session.queue);
      session.close();
      session.push();
      session.setRhythm(settings.push_interval);
    }
  }
  sender.pump();
});

/** Begin to look, and watch the page come and go. */
function start() {
  /** @param {any} target @param {string} name @param {() => void} deed */
  const on = (target, name, deed) => attempt(() => target.addEventListener(name, guarded(deed)));
  on(page, "pagehide", () => {
    const left = leave();
    if (left) sender.sendLast(left.queue);
  });
  on(dom, "visibilitychange", () => {
    if (!session) return;
    session.settle();
    session.close();
    if (isHidden()) sender.sendLast(session.queue);
  });
  on(page, "online", () => {
    sender.notBefore = 0;
    sender.pump();
  });
  look();
}

const isHidden = () => dom.visibilityState === "hidden";
