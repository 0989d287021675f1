// @ts-check
/*
 * The queue: the samples of one session that the collector has not confirmed, in memory and in
 * storage.
 */

const QUEUE_BYTES = 192 * 1024; // about four hours of an outage
const STORED_BYTES = 256 * 1024; // of all sessions together; browsers give a page 5 MB
const BODY_BYTES = 60000; // below the 64 KiB of keepalive requests, which is the server's limit too
const KEPT_MS = 24 * 3600 * 1000;
const STORAGE_KEY = "jmmc_queue_";

/** @param {string} sid @param {string} uid @param {string} conf @param {string | undefined} ten
 * @param {Sample[]} samples
 * @param {string} [adopted] the stored record, when the queue was taken over from another page */
function makeQueue(sid, uid, conf, ten, samples, adopted) {
  const key = STORAGE_KEY + sid;
  /** @param {Sample} sample */
  const sizeOf = (sample) => (sample.size = sample.size || JSON.stringify(sample.m).length + 60);

  function save() {
    if (adopted) {
      // The page that wrote the record may still be open and have added to it: then keep it.
      if (!queue.unsent.length && load(key) === adopted) discard(key);
    } else if (queue.unsent.length) {
      const kept = queue.unsent.map(({ at, size, ...rest }) => rest);
      store(key, JSON.stringify({ uid, conf, ten, samples: kept }));
    } else {
      discard(key);
    }
  }

  const queue = {
    key,
    unsent: samples,
    adopted,
    due: false,
    batchLimit: 1e4, // samples in one push; halved when the server refuses a push as too large
    /** Called when samples are lost for good, or when the server missed some. */
    onHole: () => {},

    /** @param {Sample} sample */
    add(sample) {
      queue.unsent.push(sample);
      let bytes = queue.unsent.reduce((sum, queued) => sum + sizeOf(queued), 0);
      while (bytes > QUEUE_BYTES && queue.unsent[1]) {
        bytes -= queue.unsent.shift()?.size || 0;
        queue.onHole();
      }
      save();
    },

    /** @param {(sample: Sample) => boolean} isDone */
    dropSent(isDone) {
      queue.unsent = queue.unsent.filter((sample) => !isDone(sample));
      save();
    },

    /** The next push: the oldest samples, as many as fit. @returns {[string, Sample[]]} */
    next() {
      let bytes = 450 + conf.length;
      let count = 0;
      for (const sample of queue.unsent) {
        bytes += sizeOf(sample);
        if (count && (bytes > BODY_BYTES || count >= queue.batchLimit)) break;
        count++;
      }
      const batch = queue.unsent.slice(0, count);
      const sent = batch.map(({ seq, at, wall, m, full, bye }) => {
        const age = at === undefined ? Date.now() - wall : now() - at;
        return { seq, age: Math.round(age / 100) / 10, m, full, bye };
      });
      const js = batch[0].seq ? undefined : settings.version;
      const body = { v: 2, sid, uid, conf, ten, now: sender.serverClock(), js, samples: sent };
      return [JSON.stringify(body), batch];
    },
  };
  return queue;
}

/** Take over the queues that closed, reloaded or crashed pages left, newest first. Those that are
 * too old, unreadable or beyond `STORED_BYTES` are deleted.
 * @returns {Queue[]} */
function adoptQueues() {
  const keys = keysOf(page.localStorage).filter((key) => key.startsWith(STORAGE_KEY));
  const read = guarded((/** @type {string} */ key) => {
    const record = load(key);
    const { uid, conf, ten, samples } = JSON.parse(record);
    const fresh = samples.filter(
      (/** @type {Sample} */ sample) => Date.now() - sample.wall < KEPT_MS,
    );
    const queue = makeQueue(key.slice(STORAGE_KEY.length), uid, conf, ten, fresh, record);
    queue.due = fresh.length > 0;
    return queue;
  });
  let bytes = 0;
  const adopted = keys
    .map(read)
    .filter((queue) => queue && queue.due)
    .sort((a, b) => b.unsent[0].wall - a.unsent[0].wall)
    .filter((queue) => (bytes += queue.adopted.length) <= STORED_BYTES);
  keys.filter((key) => !adopted.some((queue) => key === queue.key)).forEach(discard);
  return adopted;
}
