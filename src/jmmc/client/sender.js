// @ts-check
/*
 * The sender: pushes queues to the collector, one request at a time, with retries and back-off.
 */

const TIMEOUT_MS = 15 * 1000;
const MAX_WAIT_MS = 5 * 60 * 1000;

const sender = {
  /** @type {Queue[]} The current session's first. */
  queues: [],
  isSending: false,
  failures: 0,
  notBefore: 0,
  /** Server's clock minus ours, in ms, as of the quickest exchange. @type {number | null} */
  offset: null,
  quickest: Infinity,

  /** @returns {number | undefined} the server's clock in seconds, if it is known */
  serverClock() {
    return sender.offset === null ? undefined : Math.round(now() + sender.offset) / 1000;
  },

  /** Send the next push, unless one is under way or the sender has to wait. */
  pump() {
    wake();
    if (!allowed() || sender.isSending || now() < sender.notBefore) return;
    sender.queues = sender.queues.filter(
      (queue) => queue.unsent.length || queue === session?.queue,
    );
    const queue = sender.queues.find((candidate) => candidate.due && candidate.unsent.length);
    if (!queue) return;
    const [body, batch] = queue.next();
    sender.isSending = true;
    sender.post(queue, body, batch, false).then(
      guarded((/** @type {number} */ wait) => {
        sender.isSending = false;
        if (wait) {
          sender.notBefore = now() + wait;
          setTimeout(guarded(sender.pump), wait + 1);
        } else {
          sender.failures = 0;
          queue.due = queue.unsent.length > 0;
          sender.pump();
        }
      }),
    );
  },

  /**
   * Send one push and act on its response.
   * @param {Queue} queue @param {string} body @param {Sample[]} batch @param {boolean} keepalive
   * @returns {Promise<number>} ms to wait before the next push, 0 after progress
   */
  post(queue, body, batch, keepalive) {
    const started = now();
    const abort = page.AbortController && !keepalive ? new AbortController() : undefined;
    const first = batch[0].seq;
    const last = batch[batch.length - 1].seq;
    /** @type {Promise<Response>} */
    const request = new Promise((resolve, reject) => {
      // Rejected here too, for engines that cannot abort a request.
      setTimeout(() => {
        abort?.abort();
        reject();
      }, TIMEOUT_MS);
      fetch(String(pushUrl), {
        method: "POST",
        // A type that needs no preflight on another origin.
        headers: { "Content-Type": "text/plain" },
        body,
        credentials: "omit",
        keepalive,
        signal: abort?.signal,
      }).then(resolve, reject);
    });
    return request
      .then((response) => {
        const { status } = response;
        if (status === 200) {
          return response.json().then((answer) => {
            if (!(answer.ack >= first)) return sender.backOff();
            sender.learnClock(answer.now, started);
            queue.dropSent((sample) => sample.seq <= answer.ack);
            if (answer.resync) {
              queue.onHole();
              session?.close();
            }
            if (answer.interval > 0) session?.setPushInterval(answer.interval);
            return 0;
          });
        }
        if (status === 400 || status === 413) {
          return response
            .json()
            .then((refusal) => refusal.error === "session_full")
            .catch(() => false)
            .then((full) => {
              if (first !== last && (full || status === 413)) {
                queue.batchLimit = batch.length >> 1;
                queue.due = true;
                return 0;
              }
              // Of a session that is full, no later sample is stored either.
              queue.dropSent((sample) => sample.seq >= first && (full || sample.seq <= last));
              queue.onHole();
              if (full && first && session?.queue === queue) renewSession();
              return 0;
            });
        }
        return sender.backOff(response.headers.get("Retry-After"));
      })
      .catch(() => sender.backOff());
  },

  /** @param {string | null} [retryAfter] @returns {number} ms */
  backOff(retryAfter) {
    const requested = retryAfter
      ? (/^\d+$/.test(retryAfter) ? +retryAfter * 1000 : Date.parse(retryAfter) - Date.now()) || 0
      : 0;
    const most = Math.min(1000 * 2 ** sender.failures++, MAX_WAIT_MS);
    return Math.min(Math.max(requested, 0) + Math.random() * most + 1, MAX_WAIT_MS);
  },

  /** @param {any} serverSeconds @param {number} started */
  learnClock(serverSeconds, started) {
    const roundTrip = now() - started;
    if (!Number.isFinite(serverSeconds) || roundTrip > sender.quickest) return;
    sender.quickest = roundTrip;
    sender.offset = serverSeconds * 1000 - (started + roundTrip / 2);
  },

  /** Send the unconfirmed samples of a queue while the page is being hidden or closed, as many as
   * fit in one push. @param {Queue} queue */
  sendLast(queue) {
    if (!allowed() || !queue.unsent.length) return;
    const [body, batch] = queue.next();
    sender.post(queue, body, batch, true).then((wait) => {
      if (wait) attempt(() => device.sendBeacon(pushUrl, body));
    });
  },
};
