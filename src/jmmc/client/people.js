// @ts-check
/*
 * What the operator may choose to know of people: a name, a support code, devices, and how they say
 * the call was. The script has this part only if a setting needs it. The part before this one says
 * how the page knows: page_people.js of a Jitsi Meet page, embedder_people.js of one that embeds it.
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

const api = attempt(() => (page.jmmc = Object(page.jmmc))) || {};
/** @type {string | undefined} Of the current session, or else of the last one. */
let code;
if (settings.support_code !== "off") attempt(() => (api.code = () => code));

extendSource = (source, room) => {
  joined = now();
  discard(RATING_KEY);
  if (settings.support_code !== "off") code = makeCode();
  onReader();
  return {
    ...source,
    describe() {
      const readings = source.describe();
      return { ...readings, name: attempt(findName), code, ...findDevices(room) };
    },
  };
};

// --- how the call was ---

/** Whether the participant is to be asked is decided when the session ends. The question may be
 * asked by the next page. */
onLeft = (left) => {
  hadCall = true;
  const { seq, wall } = left.queue.unsent[left.queue.unsent.length - 1];
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
  let { seq, wall, ...id } = JSON.parse(load(RATING_KEY));
  discard(RATING_KEY);
  if (Date.now() - wall > ASK_WITHIN_MS) return;
  store(ASKED_KEY, String(Date.now()));
  api.rate = guarded((/** @type {number} */ rate, /** @type {string | undefined} */ why) => {
    let queue = sender.queues.find(({ key }) => key === STORAGE_KEY + id.sid);
    if (!queue) sender.queues.push((queue = makeQueue(id.sid, id.uid, id.conf, id.ten, [])));
    queue.add({ seq: seq++, wall, m: { rate, why }, bye: true });
    queue.due = true;
    sender.pump();
  });
  loadScript("getQuestion");
});

if (settings.ask_rating) setTimeout(ask, SETTLED_MS);
