// @ts-check
/*
 * When a session begins and ends: the conference that the page is in, consent, sampling, and the
 * page's own life cycle.
 */

/** @type {Session | undefined} The current one. */
let session;
let begun = false;
/** Whether the page went away. Timers may still run then. */
let gone = false;
/** When the page was shown or hidden, in ms of `clock`. */
let visibilityChanged = -Infinity;

/** The conference that events reported. @type {Place | undefined} */
let place;
/** The conference that the page is in now. An entrance may replace this. */
let findPlace = () => place;

/** What a part of the script does when a session has ended. @type {(left: Session) => void} */
let onLeft = () => {};
/** Events before the join. @type {CallEvent[]} */
let early = [];
/** Keep an event for the next sample. @param {string} name */
const onEvent = (name) => {
  if (session) session.onEvent(name);
  else early = [...early.slice(-15), { name, at: now() }];
};

/** After a sleep of the machine: nothing is known of that time, and the collector's clock has to be
 * compared again. */
function wake() {
  const at = now();
  if (fellAsleep === undefined) return;
  const before = { wall: Date.now() - (at - fellAsleep), at: fellAsleep };
  fellAsleep = undefined;
  sender.offset = null;
  sender.quickest = Infinity;
  if (!session) return;
  session.onSwitch("slept", before);
  session.close(moment());
}

/** Whether a conference is collected. All its browsers get the same result.
 * @param {string} conf */
function isSampled(conf) {
  let hash = 0x811c9dc5; // FNV-1a
  for (const character of conf) {
    hash = Math.imul(hash ^ (character.codePointAt(0) || 0), 0x01000193) >>> 0;
  }
  return hash / 2 ** 32 < settings.sample_ratio;
}

/** Whether this browser may be collected. When consent is withdrawn, everything is deleted.
 * @returns {boolean} */
function allowed() {
  if (!settings.require_consent || page.jmmc_consent === true) return true;
  if (!begun && page.jmmc_consent !== false) return false;
  begun = false;
  for (const queue of sender.queues) queue.unsent = [];
  session?.abandon();
  session = undefined;
  attempt(() =>
    keysOf(page.localStorage)
      .filter((key) => key.startsWith("jmmc_"))
      .forEach(discard),
  );
  return false;
}

/** End the session, if there is one. @returns {Session | undefined} the one that ended */
function leave() {
  const left = session;
  if (left) {
    attempt(left.end); // before `session` is unset: the last tick needs it
    attempt(() => onLeft(left));
  }
  session = undefined;
  return left;
}

/** Begin or end a session when the page is in another conference than before. */
const checkPlace = guarded(() => {
  wake();
  if (gone || !allowed()) return;
  if (!begun) sender.queues = attempt(adoptQueues) || [];
  begun = true;
  const here = findPlace();
  if (here?.room !== session?.room) {
    leave();
    if (here?.conf && isSampled(here.conf)) {
      session = openSession(here);
      discard(FAILED_KEY);
      for (const { name, at } of early) session.onEvent(name, { wall: 0, at });
      early = [];
      sender.queues.unshift(session.queue);
      session.close();
      session.push();
      session.setPushInterval(settings.push_interval);
    }
  }
  sender.pump();
});

/** Begin another session in the same conference: the collector takes no more of this one. */
function renewSession() {
  session?.abandon();
  session = undefined;
  checkPlace();
}

/** Begin to collect: check for a conference, and listen to the page's own events. */
function start() {
  /** @param {any} target @param {string} name @param {() => void} action */
  const on = (target, name, action) =>
    attempt(() => target.addEventListener(name, guarded(action)));
  on(page, "pagehide", () => {
    gone = true;
    const left = leave();
    const queue = left ? left.queue : join && reportFailure(join.reason || "gave_up");
    if (queue) sender.sendLast(queue);
  });
  on(page, "pageshow", () => {
    gone = false;
    checkPlace();
  });
  on(page, "offline", () => (session || join) && onEvent("offline"));
  on(dom, "visibilitychange", () => {
    visibilityChanged = now();
    if (!session || !isHidden()) return;
    session.settle();
    session.close();
    sender.sendLast(session.queue);
  });
  on(page, "online", () => {
    if (session || join) onEvent("online");
    sender.notBefore = 0;
    sender.pump();
  });
  checkPlace();
}
