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
const isHidden = () => dom.visibilityState === "hidden";

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

// --- readings ---

/** @param {any} value @param {number} [most] @returns {number | undefined} */
const number = (value, most = Number.MAX_SAFE_INTEGER) =>
  Number.isFinite(value) ? Math.min(Math.max(value, 0), most) : undefined;

/** @param {any} value @param {number} most @returns {string | undefined} */
const text = (value, most) =>
  value !== undefined && value !== null && value !== "" ? String(value).slice(0, most) : undefined;

/** @type {Readings} Browser and system as the browser itself names them, where it does. */
const identity = {};
