// @ts-check
/*
 * The queue: the samples of one session that the collector has not confirmed, in memory and in
 * storage.
 */

const QUEUE_BYTES = 192 * 1024; // about eleven hours of an outage
const STORED_BYTES = 256 * 1024; // of all sessions together; browsers give a page 5 MB
const BODY_BYTES = 60000; // keepalive requests may carry 64 KiB, and the server takes as much
const KEPT_MS = 24 * 3600 * 1000;
const STORAGE_KEY = "jmmc_queue_";

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
