// @ts-check
/*
 * What every part of the browser scripts uses: the settings, the page's globals, guards, storage
 * and the limits of readings.
 *
 * A script as served is one function made of these parts, in this order: core.js, queue.js,
 * sender.js, session.js, lifecycle.js, joins.js, then an entrance, which says where readings come
 * from: stats.js and page.js (`getClient`), app.js (`getApp`), or stats.js and embedder.js
 * (`getEmbedder`). Where a setting asks for it, people.js is before page.js, with page_people.js, and
 * before embedder.js, with embedder_people.js. report.js and question.js are scripts of their own,
 * which these load.
 * The protocol is in docs/reference/protocol.md.
 *
 * The script must never harm the call. Every function that the page calls is wrapped in `guarded`;
 * nothing is written to the console; memory, storage and requests are bounded.
 *
 * Hermes, the engine of the mobile apps, must be able to read all of it: no classes, no async
 * functions, and no function that captures the variable of a loop.
 *
 * Readings are flat: {"u.bw": 347.33, "rtt": 23}. `undefined` means unknown.
 */

/**
 * @typedef {{push_url: string, push_interval: number, sample_interval: number, enabled: boolean,
 *   sample_ratio: number, collect_ip: boolean, collect_devices: boolean, identify: string,
 *   support_code: string, ask_rating: number, collect_recorders?: boolean, require_consent: boolean,
 *   version: string}} ClientSettings
 * @typedef {number | string | boolean | any[]} Value
 * @typedef {Object<string, Value | null | undefined>} Readings
 * @typedef {{wall: number, at: number}} Moment `wall` in ms since 1970, `at` in ms of `clock`
 * @typedef {{seq: number, wall: number, at?: number, m: object, full?: boolean, bye?: boolean,
 *   size?: number}} Sample
 * @typedef {{name: string, at: number}} CallEvent
 * @typedef {ReturnType<typeof makeQueue>} Queue
 * @typedef {ReturnType<typeof openSession>} Session
 * @typedef {{describe: () => Readings, settle: () => void, release: () => void,
 *   staleAfter: number}} Source
 *   Where the readings of a session come from. `describe`: the participant and the meeting, as
 *   known now; `settle`: take in the tick that still waits; `release`: remove all listeners and
 *   timers; `staleAfter`: ms without a tick after which the readings are unknown.
 * @typedef {{room: any, conf: string, ten?: string, hook: () => Source}} Place The conference that
 *   was joined, and its tenant
 */

/** @type {ClientSettings} */
const settings = JMMC_SETTINGS;
/** @type {any} */
const page = globalThis;
const { keys: keysOf } = Object;
const { document: dom = {}, navigator: device = {} } = page;
/** Mobile apps have no document, or an imitation of one. */
const inApp = !page.document || device.product === "ReactNative";
const isHidden = () => dom.visibilityState === "hidden";

const clock = page.performance || Date;
// From so many ms on, a difference between the two clocks is a sleep of the machine.
const SLEEP_MS = 1000;
const loaded = clock.now();
let ahead = Date.now() - clock.now();
let asleep = 0;
let lastNow = 0;
/** The moment before a sleep that nothing has noticed yet. @type {number | undefined} */
let fellAsleep;

/** ms of a clock that nobody sets, and that goes on while the machine sleeps: most browsers stop
 * `performance.now()` then. @returns {number} */
function now() {
  let at = clock.now() + asleep;
  const missed = Date.now() - at - ahead;
  if (missed > SLEEP_MS) {
    if (fellAsleep === undefined) fellAsleep = lastNow;
    asleep += missed;
    at += missed;
  } else {
    ahead += missed;
  }
  return (lastNow = at);
}
/** @returns {Moment} */
const moment = () => ({ wall: Date.now(), at: now() });

/**
 * Wrap a function so that no exception reaches the page.
 * @template {any[]} A
 * @param {(...args: A) => any} action
 * @returns {(...args: A) => any}
 */
const guarded = (action) => (...args) => {
  try {
    return action(...args);
  } catch {
    return undefined;
  }
};
/** @param {() => any} action */
const attempt = (action) => guarded(action)();

/** An app cannot know where a script came from: there `push_url` must be absolute.
 * @type {string | undefined} */
const pushUrl = /^https?:/.test(settings.push_url)
  ? settings.push_url
  : attempt(() => new URL(settings.push_url, dom.currentScript?.src || dom.baseURI).href);

// --- storage: when it is absent, full or forbidden, only what it would have kept is lost ---

/** @param {string} key */
const load = (key) => attempt(() => page.localStorage.getItem(key));
const store = guarded((/** @type {string} */ key, /** @type {string} */ content) =>
  page.localStorage.setItem(key, content),
);
const discard = guarded((/** @type {string} */ key) => page.localStorage.removeItem(key));

// --- readings ---

/** @param {any} value @param {number} [most] @returns {number | undefined} */
const number = (value, most = 2 ** 53 - 1) =>
  Number.isFinite(value) ? Math.min(Math.max(value, 0), most) : undefined;

/** @param {any} value */
const whole = (value) => number(Math.round(value));

/** @param {any} value @param {number} most @returns {string | undefined} */
const text = (value, most) =>
  value !== undefined && value !== null && value !== "" ? String(value).slice(0, most) : undefined;

/** The tenant: what the path of a room has before its name. @param {string} path */
const tenantOf = (path) => text(path.split("/").slice(1, -1).join("%2f").toLowerCase(), 128);

/** @type {Readings} The browser's and the operating system's names, once they are known. */
const identity = {};
