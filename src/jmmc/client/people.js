// @ts-check
/*
 * What the operator may choose to know of people: a name, a support code, devices, and how they say
 * the call was. The script has this part only when a setting asks for some of it.
 */

// Where it is kept whom to ask, and when the browser was asked last.
const RATING_KEY = "jmmc_rating";
const ASKED_KEY = "jmmc_asked";
const SHORTEST_CALL_MS = 3 * 60 * 1000;
const DAY_MS = 24 * 3600 * 1000;
const ASK_WITHIN_MS = 5 * 60 * 1000;
// When a call has ended, Jitsi goes to its welcome page within three seconds, or stays.
const SETTLED_MS = 4000;

/** When the call began. */
let joined = 0;
/** Whether a call has ended in this page. */
let hadCall = false;

// --- names, support codes and devices ---

/** @param {string} feature of Jitsi's store */
const jitsiState = (feature) => page.APP.store.getState()["features/base/" + feature];

/** @type {Object<string, (room: any) => any>} Who the participant is, by the setting. */
const NAMES = {
  stats_id: (room) => room._statsCurrentId,
  display_name: () => jitsiState("participants").local.name,
  jwt: () => jitsiState("jwt").user.name || jitsiState("jwt").user.id,
};

// Crockford's base 32: no letter that may be read as another one or as a digit.
const DIGITS = "0123456789ABCDEFGHJKMNPQRSTVWXYZ";
/** A number of 30 random bits. */
function makeCode() {
  const bits = parseInt(randomHex().slice(0, 8), 16);
  return [25, 20, 15, 10, 5, 0].map((place) => DIGITS[(bits >>> place) & 31]).join("");
}

const api = attempt(() => (page.jmmc = Object(page.jmmc))) || {};
/** @type {string | undefined} Of the current session, or else of the last one. */
let code;
if (settings.support_code !== "off") attempt(() => (api.code = () => code));

/** Show the support code by Jitsi's own notifications. */
const showCode = () =>
  page.APP.store.dispatch({
    type: "SHOW_NOTIFICATION",
    uid: "jmmc-code",
    timeout: 10000,
    props: {
      appearance: "normal",
      title: (/^fr/.test(dom.documentElement.lang) ? "Code d’assistance : " : "Support code: ") + code,
    },
  });

extendSource = (source, room) => {
  joined = now();
  discard(RATING_KEY);
  if (settings.support_code !== "off") code = makeCode();
  if (settings.support_code === "notice") attempt(showCode);
  return {
    ...source,
    describe() {
      const readings = source.describe();
      const known = NAMES[settings.identify];
      if (known) readings.name = attempt(() => text(known(room), 64));
      readings.code = code;
      if (settings.collect_devices) {
        const labels = attempt(() => findReader()[2](room)) || {};
        for (const key of Object.keys(labels)) readings[key] = text(labels[key], 64);
      }
      return readings;
    },
  };
};

findName = () => text(NAMES[settings.identify](lastRoom), 64);

// --- how the call was ---

/** Whether the participant is to be asked is decided when the session ends. The question may be
 * asked by the next page. */
onLeft = (left) => {
  hadCall = true;
  const { seq, wall } = left.queue.samples[left.queue.samples.length - 1];
  if (
    now() - joined < SHORTEST_CALL_MS ||
    !left.connected ||
    Math.random() >= settings.ask_rating ||
    Date.now() - Number(load(ASKED_KEY)) < DAY_MS
  )
    return;
  const { sid, uid, conf, ten } = JSON.parse(left.queue.next()[0]);
  store(RATING_KEY, JSON.stringify({ sid, uid, conf, ten, seq: seq + 1, wall }));
  setTimeout(ask, SETTLED_MS);
};

/** Ask how the last call was, unless another one has begun or is about to. */
const ask = guarded(() => {
  if (session || !allowed() || (!hadCall && attempt(() => page.APP.conference.roomName))) return;
  const { sid, uid, conf, ten, seq, wall } = JSON.parse(load(RATING_KEY));
  discard(RATING_KEY);
  if (Date.now() - wall > ASK_WITHIN_MS) return;
  store(ASKED_KEY, String(Date.now()));
  let next = seq;
  api.rate = guarded((/** @type {number} */ rate, /** @type {string | undefined} */ why) => {
    let queue = sender.queues.find(({ key }) => key === STORAGE_KEY + sid);
    if (!queue) sender.queues.push((queue = makeQueue(sid, uid, conf, ten, [])));
    queue.add({ seq: next++, wall, m: { rate, why }, bye: true });
    queue.due = true;
    sender.pump();
  });
  loadScript("getQuestion");
});

if (settings.ask_rating) setTimeout(ask, SETTLED_MS);
