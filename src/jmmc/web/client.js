// @ts-check
/*
 * The browser's half of jmmc: hooks into a Jitsi Meet page, samples what it says about the call,
 * and pushes what changed until it is confirmed (docs/protocol.md).
 *
 * It must never harm the call. Whatever the page calls is wrapped in `guarded`; nothing is
 * written to the console; memory, storage and requests are bounded.
 *
 * Inside, readings are flat: {"u.bw": 347.33, "rtt": 23}. `undefined` means unknown.
 */

/**
 * @typedef {{push_url: string, push_interval: number, sample_interval: number, enabled: boolean,
 *   sample_ratio: number, collect_ip: boolean, require_consent: boolean,
 *   version: string}} ClientSettings
 * @typedef {number | string | boolean | string[]} Value
 * @typedef {Object<string, Value | null | undefined>} Readings
 * @typedef {{seq: number, wall: number, at?: number, m: object, full?: boolean, bye?: boolean,
 *   size?: number}} Sample `wall` in ms since 1970, `at` in ms of performance.now()
 */
(function () {
  "use strict";

  /** @type {ClientSettings} */
  const settings = JMMC_SETTINGS;
  /** @type {any} */
  const page = globalThis;
  if (!settings.enabled || page.__jmmc) return;
  page.__jmmc = settings.version;

  const QUEUE_BYTES = 192 * 1024; // about eleven hours of an outage
  const STORED_BYTES = 256 * 1024; // of all sessions together; browsers give a page 5 MB
  const BODY_BYTES = 60000; // keepalive requests may carry 64 KiB, and the server takes as much
  const KEPT_MS = 24 * 3600 * 1000;
  const FULL_MS = 10 * 60 * 1000;
  const STALE_MS = 25 * 1000; // two and a half of Jitsi's own intervals
  const TIMEOUT_MS = 15 * 1000;
  const LONGEST_WAIT_MS = 5 * 60 * 1000;
  const STORAGE_KEY = "jmmc_queue_";
  const LASTING = /^(cq|mer|t.sr)$/; // what is known without a connection

  const script = page.document?.currentScript;
  const pushUrl = new URL(settings.push_url, script?.src || page.location.href).href;

  const now = () => performance.now();

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

  // --- storage: absent, full or forbidden storage only costs what it would have kept ---

  /** @param {string} key */
  const load = (key) => guarded(() => page.localStorage.getItem(key))();
  const store = guarded((/** @type {string} */ key, /** @type {string} */ text) =>
    page.localStorage.setItem(key, text),
  );
  const discard = guarded((/** @type {string} */ key) => page.localStorage.removeItem(key));

  /** @returns {string} the browser's id, kept for ever where there is storage */
  function browserId() {
    const kept = load("jmmc_staticUserId");
    if (/^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/i.test(kept)) return kept;
    const uid = crypto.randomUUID();
    store("jmmc_staticUserId", uid);
    return uid;
  }

  /** @returns {string} 128 random bits as hex */
  const newSid = () =>
    Array.from(crypto.getRandomValues(new Uint32Array(4)), (word) =>
      word.toString(16).padStart(8, "0"),
    ).join("");

  // --- readings: from what Jitsi says ---

  /** @param {any} value @param {number} [most] @returns {number | undefined} */
  const number = (value, most = Number.MAX_SAFE_INTEGER) =>
    Number.isFinite(value) ? Math.min(Math.max(value, 0), most) : undefined;

  /** @param {any} value @param {number} most @returns {string | undefined} */
  const text = (value, most) =>
    (value ?? "") !== "" ? String(value).slice(0, most) : undefined;

  /** @param {any} group @returns {any[]} */
  const values = (group) => (group ? Object.values(group) : []);

  /** @param {(number | undefined)[]} numbers @returns {number | undefined} */
  const highest = (numbers) => {
    const known = numbers.filter((it) => it !== undefined);
    return known.length ? Math.max(...known) : undefined;
  };

  /**
   * Jitsi glues address and port together, IPv6 without brackets; either may be missing.
   * @param {any} joined @returns {[number | string | undefined, number | undefined]}
   */
  function endpoint(joined) {
    const [, address = "", port] = /^\[?(.*?)\]?:(\d+)$/.exec(joined) || [];
    if (/^(\d+\.){3}\d+$/.test(address))
      return [address.split(".").reduce((sum, byte) => sum * 256 + +byte, 0), number(+port)];
    return [address.includes(":") ? address : undefined, number(+port)];
  }

  /** @param {any} stats whether the page has no connection at all at this tick */
  function isCut(stats) {
    const rate = stats.bitrate || {};
    return !stats.transport?.length && !rate.upload && !rate.download;
  }

  /**
   * One `cq.local_stats_updated`, as flat readings. Jitsi's own upload loss is left out: it is
   * always 0 in today's browsers.
   * @param {any} stats @param {string} me @param {string} [selected] remote end of the selected pair
   * @returns {Readings}
   */
  function readStats(stats, me, selected) {
    /** @type {Readings} */
    const found = {
      cq: number(stats.connectionQuality, 100),
      mer: number(stats.maxEnabledResolution),
      "t.sr": text(stats.serverRegion, 64),
    };
    if (isCut(stats)) return found;
    const { bitrate: rate = {}, bandwidth = {}, resolution = {}, framerate: frames = {} } = stats;
    for (const [link, way] of [["u", "upload"], ["d", "download"]]) {
      found[link + ".bw"] = number(bandwidth[way]);
      found[link + ".ab"] = number((rate.audio || {})[way]);
      found[link + ".vb"] = number((rate.video || {})[way]);
    }
    found["d.pl"] = number((stats.packetLoss || {}).download, 100);

    const sent = values(resolution[me]);
    const height = highest(sent.map((size) => number(size.height)));
    found["res.h"] = height;
    found["res.w"] = number((sent.find((size) => size.height === height) || {}).width);
    found["u.fr"] = highest(values(frames[me]).map((rate) => number(rate)));
    const others = Object.keys(frames).filter((id) => id !== me);
    found["d.fr"] = highest(others.flatMap((id) => values(frames[id]).map((it) => number(it))));
    for (const codec of values((stats.codec || {})[me])) {
      found["cdc.a"] ||= text(codec.audio, 32);
      found["cdc.v"] ||= text(codec.video, 32);
    }

    const paths = stats.transport || [];
    const path = paths.find((/** @type {any} */ it) => it.ip === selected) || paths[0] || {};
    found.rtt = number(path.rtt);
    if (!path.p2p) found.rtt ??= number(stats.jvbRTT);
    if (settings.collect_ip) {
      [found["t.ip"], found["t.p"]] = endpoint(path.ip);
      [found["t.lip"], found["t.lp"]] = endpoint(path.localip);
    }
    found["t.tp"] = text(path.type?.toLowerCase(), 16);
    found["t.p2p"] = path.p2p;
    found["t.net"] = text(path.networkType, 32);
    found["t.lct"] = text(path.localCandidateType, 5);
    found["t.rct"] = text(path.remoteCandidateType, 5);
    return found;
  }

  // --- readings: from the peer connection itself ---

  /**
   * What two reports of one RTCPeerConnection tell that Jitsi does not: upload loss, jitter, round
   * trip, freezes, concealment, limitation. Nothing is invented: without a report before, or
   * without the fields, the reading is absent.
   * @param {Map<string, any>} report @param {Map<string, any> | undefined} before
   * @returns {{found: Readings, selected?: string}}
   */
  function readReport(report, before) {
    /** @param {string} type @param {string} [kind] */
    const all = (type, kind) =>
      [...report.values()].filter((it) => it.type === type && (!kind || it.kind === kind));
    /** Growth of a counter since the report before, over all streams that were there already.
     * @param {any[]} streams @param {(it: any) => number} count */
    const growth = (streams, count) =>
      streams
        .map((it) => [count(it), count(before?.get(it.id) || {})])
        .filter(([after, earlier]) => Number.isFinite(after - earlier))
        .reduce((sum, [after, earlier]) => sum + Math.max(0, after - earlier), 0);
    /** @param {number} part @param {number} whole */
    const percent = (part, whole) => (whole > 0 ? number((100 * part) / whole, 100) : undefined);
    /** Jitter of the audio where there is some: it is what people hear. @param {string} type */
    const jitter = (type) => {
      const streams = all(type, "audio").length ? all(type, "audio") : all(type);
      const known = streams.map((it) => it.jitter).filter(Number.isFinite);
      return known.length
        ? number((1000 * known.reduce((sum, it) => sum + it, 0)) / known.length)
        : undefined;
    };

    const remote = all("remote-inbound-rtp");
    const videos = all("inbound-rtp", "video");
    const audios = all("inbound-rtp", "audio");
    const transport = all("transport").find((it) => it.selectedCandidatePairId) || {};
    const pair = report.get(transport.selectedCandidatePairId) || {};
    const end = report.get(pair.remoteCandidateId) || {};
    const trips = remote.map((it) => it.roundTripTime).concat(pair.currentRoundTripTime);
    const trip = trips.reverse().find(Number.isFinite);
    const limits = all("outbound-rtp", "video").map((it) => it.qualityLimitationReason);
    /** @type {Readings} */
    const found = {
      rtt: number(1000 * trip),
      "u.jit": jitter("remote-inbound-rtp"),
      "d.jit": jitter("inbound-rtp"),
      "u.lim": ["cpu", "bandwidth", "other", "none"].find((reason) => limits.includes(reason)),
    };
    if (before) {
      const sent = growth(all("outbound-rtp"), (it) => it.packetsSent);
      if (remote.length)
        found["u.pl"] = percent(growth(remote, (it) => it.packetsLost), sent);
      const seconds = growth(videos.slice(0, 1), (it) => it.timestamp) / 1000;
      if (videos.some((it) => Number.isFinite(it.totalFreezesDuration)))
        found["d.frz"] = percent(
          growth(videos, (it) => it.totalFreezesDuration),
          seconds * videos.length,
        );
      found["d.cnc"] = percent(
        growth(audios, (it) => it.concealedSamples - (it.silentConcealedSamples || 0)),
        growth(audios, (it) => it.totalSamplesReceived),
      );
    }
    return { found, selected: (end.address || end.ip) + ":" + end.port };
  }

  // --- who and where ---

  /** @type {Readings} Browser and system as the browser itself names them, where it does. */
  const identity = {};
  guarded(() => {
    const hints = page.navigator.userAgentData;
    const brands = hints.brands.filter((/** @type {any} */ it) => !/not.?a.?brand/i.test(it.brand));
    const own = brands.find((/** @type {any} */ it) => it.brand !== "Chromium") || brands[0];
    const name = own.brand.replace("Google ", "").replace("Microsoft ", "");
    identity.br = text(name + " " + own.version, 64);
    hints.getHighEntropyValues(["platformVersion"]).then(
      (/** @type {any} */ high) => {
        // https://learn.microsoft.com/microsoft-edge/web-platform/how-to-detect-win11
        const major = parseInt(high.platformVersion, 10);
        const windows = hints.platform === "Windows";
        const version = windows ? (major >= 13 ? 11 : 10) : major || "";
        identity.os = text((hints.platform + " " + version).trim(), 64);
      },
      () => {},
    );
  })();

  /** Whether a conference is collected: all its browsers come to the same answer.
   * @param {string} conf */
  function isSampled(conf) {
    let hash = 0x811c9dc5; // FNV-1a
    for (const character of conf) {
      hash = Math.imul(hash ^ (character.codePointAt(0) || 0), 0x01000193) >>> 0;
    }
    return hash / 2 ** 32 < settings.sample_ratio;
  }

  // --- the queue: what is not confirmed ---

  /** The unconfirmed samples of one session, in memory and in storage. */
  class Queue {
    /** @param {string} sid @param {string} uid @param {string} conf @param {Sample[]} samples */
    constructor(sid, uid, conf, samples) {
      this.sid = sid;
      this.uid = uid;
      this.conf = conf;
      this.samples = samples;
      this.due = false;
      this.atOnce = 1e4; // samples a push; halved when the server finds a push too large
      /** What storage held when this queue was taken over from another page. */
      this.adopted = "";
      /** The session asks to be told when samples are lost for good, or missed by the server. */
      this.onHole = () => {};
    }

    /** @param {Sample} sample */
    add(sample) {
      sample.size = JSON.stringify(sample.m).length + 60;
      this.samples.push(sample);
      let bytes = this.samples.reduce((sum, it) => sum + (it.size || 0), 0);
      while (bytes > QUEUE_BYTES && this.samples.length > 1) {
        bytes -= this.samples.shift()?.size || 0;
        this.onHole();
      }
      this.save();
    }

    /** @param {(sample: Sample) => boolean} isDone */
    drop(isDone) {
      this.samples = this.samples.filter((it) => !isDone(it));
      this.save();
    }

    save() {
      const key = STORAGE_KEY + this.sid;
      if (this.adopted) {
        // Its own page may still live and have added to it: then the record is not ours to remove.
        if (!this.samples.length && load(key) === this.adopted) discard(key);
      } else if (this.samples.length) {
        const samples = this.samples.map(({ at, size, ...kept }) => kept);
        store(key, JSON.stringify({ uid: this.uid, conf: this.conf, samples }));
      } else {
        discard(key);
      }
    }

    /** The next push: as many samples, oldest first, as fit. @returns {[string, Sample[]]} */
    next() {
      /** @type {Sample[]} */
      const batch = [];
      let bytes = 300 + this.conf.length;
      for (const it of this.samples) {
        bytes += it.size || JSON.stringify(it.m).length + 60;
        if (batch.length && (bytes > BODY_BYTES || batch.length >= this.atOnce)) break;
        batch.push(it);
      }
      const samples = batch.map(({ seq, at, wall, m, full, bye }) => {
        const age = Math.round(at ? now() - at : Date.now() - wall) / 1000;
        return { seq, age, m, full, bye };
      });
      const clock = sender.serverClock();
      const { sid, uid, conf } = this;
      const js = batch[0].seq ? undefined : settings.version;
      return [JSON.stringify({ v: 2, sid, uid, conf, now: clock, js, samples }), batch];
    }
  }

  /** Queues that closed, reloaded or crashed pages left behind, the newest first.
   * @returns {Queue[]} */
  function leftQueues() {
    const keys = Object.keys(page.localStorage).filter((it) => it.startsWith(STORAGE_KEY));
    const read = guarded((/** @type {string} */ key) => {
      const kept = load(key);
      const { uid, conf, samples } = JSON.parse(kept);
      const fresh = samples.filter((/** @type {Sample} */ it) => Date.now() - it.wall < KEPT_MS);
      const queue = new Queue(key.slice(STORAGE_KEY.length), uid, conf, fresh);
      queue.adopted = kept;
      queue.due = fresh.length > 0;
      return queue;
    });
    let bytes = 0;
    const fit = keys
      .map(read)
      .filter((it) => it && it.due)
      .sort((a, b) => b.samples[0].wall - a.samples[0].wall)
      .filter((it) => (bytes += it.adopted.length) <= STORED_BYTES);
    keys.filter((key) => !fit.some((it) => key.endsWith(it.sid))).forEach(discard);
    return fit;
  }

  // --- the sender: one request at a time ---

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
      return this.offset === null ? undefined : Math.round(now() + this.offset) / 1000;
    },

    pump() {
      if (!allowed() || this.busy || now() < this.notBefore) return;
      this.queues = this.queues.filter((it) => it.samples.length || it === session?.queue);
      const queue = this.queues.find((it) => it.due && it.samples.length);
      if (!queue) return;
      const [body, batch] = queue.next();
      this.busy = true;
      this.post(queue, body, batch, false).then(
        guarded((/** @type {number} */ wait) => {
          this.busy = false;
          this.notBefore = now() + wait;
          if (wait) return;
          this.failures = 0;
          queue.due = queue.samples.length > 0;
          this.pump();
        }),
      );
    },

    /**
     * Send one push and act on its answer.
     * @param {Queue} queue @param {string} body @param {Sample[]} batch @param {boolean} keepalive
     * @returns {Promise<number>} ms to wait before the next push, 0 after progress
     */
    async post(queue, body, batch, keepalive) {
      const started = now();
      const abort = new AbortController();
      const timer = setTimeout(() => abort.abort(), TIMEOUT_MS);
      try {
        const answer = await fetch(pushUrl, {
          method: "POST",
          // A type that needs no preflight on another origin.
          headers: { "Content-Type": "text/plain;charset=UTF-8" },
          body,
          credentials: "omit",
          keepalive,
          signal: keepalive ? undefined : abort.signal,
        });
        const last = batch[batch.length - 1].seq;
        const first = batch[0].seq;
        if (answer.status === 200) {
          const told = await answer.json();
          if (!(told.ack >= first)) return this.backOff();
          this.learnClock(told.now, started);
          queue.drop((it) => it.seq <= told.ack);
          if (told.resync) {
            queue.onHole();
            session?.close();
          }
          if (told.interval > 0) session?.setRhythm(told.interval);
          return 0;
        }
        if (answer.status === 400 || (answer.status === 413 && batch.length === 1)) {
          queue.drop((it) => it.seq >= first && it.seq <= last);
          queue.onHole();
          return 0;
        }
        if (answer.status === 413) {
          queue.atOnce = Math.floor(batch.length / 2);
          queue.due = true;
          return 0;
        }
        return this.backOff(answer.headers.get("Retry-After"));
      } catch {
        return this.backOff();
      } finally {
        clearTimeout(timer);
      }
    },

    /** @param {any} [retryAfter] @returns {number} ms */
    backOff(retryAfter) {
      const asked = retryAfter > 0 ? retryAfter * 1000 : Date.parse(retryAfter) - Date.now() || 0;
      const most = Math.min(1000 * 2 ** this.failures++, LONGEST_WAIT_MS);
      return Math.min(Math.max(asked, 0) + Math.random() * most + 1, LONGEST_WAIT_MS);
    },

    /** @param {any} clock the server's, in seconds @param {number} started */
    learnClock(clock, started) {
      const trip = now() - started;
      if (!Number.isFinite(clock) || trip > this.quickest) return;
      this.quickest = trip;
      this.offset = clock * 1000 - (started + trip / 2);
    },

    /** The last chance: everything unconfirmed of the live session, as far as one push carries.
     * @param {Queue} queue */
    sendLast(queue) {
      if (!allowed() || !queue.samples.length) return;
      const [body, batch] = queue.next();
      this.post(queue, body, batch, true).then((wait) => {
        if (wait) guarded(() => page.navigator.sendBeacon(pushUrl, body))();
      });
    },
  };

  // --- the session: one stay in one conference ---

  class Session {
    /** @param {any} room @param {string} conf */
    constructor(room, conf) {
      this.room = room;
      this.me = String(room.myUserId());
      this.queue = new Queue(newSid(), browserId(), conf, []);
      this.queue.onHole = () => (this.needsFull = true);
      /** @type {any} */
      this.connection = undefined;
      /** @type {Map<string, any> | undefined} */
      this.report = undefined;
      /** @type {string | undefined} */
      this.selected = undefined;
      this.seq = 0;
      /** @type {Readings} What the server has been told. */
      this.told = {};
      /** @type {Object<string, [number, number]>} Sum and count since the last sample. */
      this.sums = {};
      /** @type {Readings} What holds now; means as of the last sample. */
      this.state = {};
      /** @type {string[]} */
      this.events = [];
      this.needsFull = false;
      this.lastFull = this.lastSample = this.lastTick = this.lastQueued = now();
      this.sampled = false; // readings of the call, not only who joined
      this.connected = this.cut = this.ended = false;
      /** @type {{wall: number, at: number, stats: any} | undefined} A tick that awaits its probe. */
      this.pending = undefined;
      /** @type {any} */
      this.timer = undefined;
      /** @type {[string, (...args: any[]) => any][]} */
      this.listeners = [];
      this.listen();
      this.close();
      this.push();
      this.setRhythm(settings.push_interval);
    }

    /** @param {number} seconds */
    setRhythm(seconds) {
      clearInterval(this.timer);
      const period = Math.min(Math.max(seconds, 1), 3600) * 1000;
      this.timer = setInterval(guarded(() => this.beat(period)), period);
    }

    listen() {
      /** @type {Object<string, (...args: any[]) => void>} */
      const handlers = {
        "cq.local_stats_updated": (stats) => this.onStats(stats),
        "conference.connectionInterrupted": () => this.onCut(true),
        "conference.connectionRestored": () => this.onCut(false),
        "conference.p2pStatus": (_, direct) => this.onEvent(direct ? "p2p" : "jvb"),
        "conference.trackMuteChanged": (track) => {
          if (track.isLocal()) {
            this.onEvent((track.isMuted() ? "muted_" : "unmuted_") + track.getType());
          }
        },
        "conference.left": () => look(),
        "conference.kicked": () => look(),
      };
      this.listeners = Object.entries(handlers).map(([name, it]) => [name, guarded(it)]);
      for (const [name, listener] of this.listeners) this.room.on(name, listener);
    }

    /** One report of the peer connection a tick, compared with the one before.
     * @returns {Promise<Readings> | undefined} undefined when the page gives no access */
    probe() {
      const active = this.room.getActivePeerConnection();
      const connection = active.peerconnection || active;
      if (connection !== this.connection) this.report = this.selected = undefined;
      this.connection = connection;
      return connection.getStats().then((/** @type {Map<string, any>} */ report) => {
        const { found, selected } = readReport(report, this.report);
        this.report = report;
        this.selected = selected;
        return found;
      });
    }

    /** @param {any} stats always the same object, changed by its owner: copied at once */
    onStats(stats) {
      this.settle();
      const pending = { wall: Date.now(), at: now(), stats: copy(stats) };
      this.pending = pending;
      const asked = guarded(() => this.probe())();
      if (!asked) {
        this.settle();
        return;
      }
      const settle = guarded((/** @type {Readings} */ found) => {
        if (this.pending === pending) this.settle(found);
      });
      asked.then(settle, () => settle({}));
    }

    /** Take the waiting tick in, with what the probe found. @param {Readings} [probed] */
    settle(probed = {}) {
      const tick = this.pending;
      if (!tick) return;
      this.pending = undefined;
      const cut = isCut(tick.stats);
      if (cut && !this.connected) return; // before ICE everything is zero
      this.connected = true;
      const found = readStats(tick.stats, this.me, this.selected);
      if (cut !== this.cut && (cut || tick.stats.transport.length)) this.onCut(cut);
      for (const [key, value] of Object.entries(probed)) {
        if (value !== undefined) found[key] = value;
      }
      this.take(found);
      this.lastTick = tick.at;
      const slack = Math.min(5000, settings.sample_interval * 500);
      if (!this.sampled || tick.at - this.lastSample >= settings.sample_interval * 1000 - slack) {
        this.close(tick);
        if (!this.sampled) this.push();
        this.sampled = true;
      }
    }

    /** @param {Readings} found */
    take(found) {
      for (const key of Object.keys({ ...this.state, ...found })) {
        const value = this.cut && !LASTING.test(key) ? undefined : found[key];
        if (typeof value !== "number" || /^(t|res|mer)/.test(key)) {
          this.state[key] = value;
        } else {
          const [sum, count] = this.sums[key] || [0, 0];
          this.sums[key] = [sum + value, count + 1];
        }
      }
    }

    /** The connection broke, or is back. @param {boolean} cut */
    onCut(cut) {
      if (cut === this.cut) return;
      this.settle();
      this.close();
      this.cut = cut;
      // Jitsi goes on saying what it said before; nobody knows any more.
      for (const key in this.state) if (cut && !LASTING.test(key)) this.state[key] = undefined;
      this.onEvent(cut ? "interrupted" : "restored");
    }

    /** @param {string} name */
    onEvent(name) {
      if (this.events.length < 16) this.events.push(name.slice(0, 16));
      // What comes with it, as a mute of both tracks does, goes into the same sample.
      if (this.events.length === 1) setTimeout(guarded(() => this.close()), 200);
    }

    /** Everything known at this moment. @returns {Readings} */
    current() {
      const { room, state } = this;
      for (const [key, [sum, count]] of Object.entries(this.sums)) {
        state[key] = Math.round((100 * sum) / count) / 100;
      }
      const count = guarded(() => room.getParticipantCount())();
      return {
        ...identity,
        ...state,
        pid: text(this.me, 64),
        mid: text(guarded(() => room.getMeetingUniqueId())(), 64),
        n: count >= 1 ? count : undefined,
        vis: page.document.visibilityState !== "hidden",
      };
    }

    /**
     * End a sample: queue what changed since the one before, if anything did.
     * @param {{wall: number, at: number}} [when] @param {boolean} [bye]
     */
    close(when = { wall: Date.now(), at: now() }, bye = false) {
      if (this.ended) return;
      if (now() - this.lastTick > STALE_MS) this.state = {};
      const all = this.current();
      const full = this.needsFull || now() - this.lastFull >= FULL_MS;
      /** @type {any} */
      const m = {};
      for (const key of new Set([...Object.keys(this.told), ...Object.keys(all)])) {
        const value = all[key] ?? null;
        const before = this.told[key] ?? null;
        if (full ? value !== null : value !== before) nest(m, key, value);
        this.told[key] = value;
      }
      if (this.events.length) m.ev = this.events;
      this.events = [];
      // A sample that no tick is in must not keep the next tick from being one.
      if (Object.keys(this.sums).length) this.lastSample = when.at;
      this.sums = {};
      if (!bye && !full && !Object.keys(m).length) return;
      this.queueUp(m, when, full, bye);
    }

    /** @param {object} m @param {{wall: number, at: number}} when @param {boolean} [full] @param {boolean} [bye] */
    queueUp(m, { wall, at }, full, bye) {
      /** @type {Sample} */
      const sample = { seq: this.seq++, wall, at, m };
      if (full) {
        sample.full = true;
        this.needsFull = false;
        this.lastFull = now();
      }
      if (bye) sample.bye = true;
      this.queue.add(sample);
      this.lastQueued = now();
    }

    push() {
      this.queue.due = true;
      sender.pump();
    }

    /** Each push interval: what was sampled, or a sign of life. @param {number} period */
    beat(period) {
      this.settle();
      if (this.needsFull || now() - this.lastSample >= settings.sample_interval * 1000) this.close();
      if (now() - this.lastQueued >= period - 500) {
        this.queueUp({}, { wall: Date.now(), at: now() });
      }
      this.push();
    }

    /** The participant left: say so, and let go of the room. */
    end() {
      clearInterval(this.timer);
      for (const [name, listener] of this.listeners) {
        guarded(() => this.room.off(name, listener))();
      }
      guarded(() => this.settle())();
      this.close(undefined, true);
      this.ended = true;
      this.queue.onHole = () => {};
      this.queue.due = true;
    }
  }

  /** @param {any} stats @returns {any} */
  const copy = (stats) => JSON.parse(JSON.stringify(stats));

  /** @param {any} m @param {string} key a path such as "u.bw" @param {any} value */
  function nest(m, key, value) {
    const [group, leaf] = key.split(".");
    if (leaf) (m[group] = m[group] || {})[leaf] = value;
    else m[group] = value;
  }

  // --- the page: which conference are we in? ---

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
    if (session) {
      session.ended = true;
      session.end();
      session = undefined;
    }
    guarded(() =>
      Object.keys(page.localStorage)
        .filter((it) => it.startsWith("jmmc_"))
        .forEach(discard),
    )();
    return false;
  }

  /** Begin or end a session when the page's conference is another than before. */
  const look = guarded(() => {
    if (!allowed()) return;
    if (!begun) sender.queues = guarded(leftQueues)() || [];
    begun = true;
    const conference = page.APP?.conference;
    const room = conference?._room;
    const joined = room?.isJoined() && room.myUserId() ? room : undefined;
    if (joined !== session?.room) {
      if (session) {
        const ended = session;
        session = undefined;
        ended.end();
      }
      const conf = joined && String(conference.roomName);
      if (joined && conf && isSampled(conf)) {
        session = new Session(joined, conf);
        sender.queues.unshift(session.queue);
      }
    }
    sender.pump();
  });

  page.addEventListener(
    "pagehide",
    guarded(() => {
      const ended = session;
      if (!ended) return;
      session = undefined;
      ended.end();
      sender.sendLast(ended.queue);
    }),
  );
  page.document.addEventListener(
    "visibilitychange",
    guarded(() => {
      if (!session) return;
      session.settle();
      session.close();
      if (page.document.visibilityState === "hidden") sender.sendLast(session.queue);
    }),
  );
  page.addEventListener(
    "online",
    guarded(() => {
      sender.notBefore = 0;
      sender.pump();
    }),
  );
  // No event tells that a page's conference object was replaced; looking costs a microsecond.
  setInterval(look, 1000);
  look();
})();
