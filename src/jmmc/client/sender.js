// @ts-check
/*
 * The sender: pushes queues to the collector, one request at a time, with retries and back-off.
 */

const TIMEOUT_MS = 15 * 1000;
const LONGEST_WAIT_MS = 5 * 60 * 1000;

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
