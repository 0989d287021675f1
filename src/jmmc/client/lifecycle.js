// @ts-check
/*
 * When a session begins and ends: consent, sampling of conferences, the page's comings and goings.
 */

/** Whether a conference is collected: all its browsers come to the same answer.
 * @param {string} conf */
function isSampled(conf) {
  let hash = 0x811c9dc5; // FNV-1a
  for (const character of conf) {
    hash = Math.imul(hash ^ (character.codePointAt(0) || 0), 0x01000193) >>> 0;
  }
  return hash / 2 ** 32 < settings.sample_ratio;
}

/** @type {Session | undefined} */
let session;

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
