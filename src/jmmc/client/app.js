// @ts-check
/*
 * The entrance of Jitsi's mobile apps. They read the scripts of `analytics.scriptURLs` into React
 * Native's engine, at every room anew; there is no page. What they tell are the events of Jitsi's
 * analytics: `rtp.stats` has the means of the last `avgRtpStatsN` ticks.
 */

const QUIET_MS = 375 * 1000; // two and a half of the default 15 ticks of ten seconds

/** What an `rtp.stats` event calls our readings. @type {Object<string, string>} */
const FACTS = {
  cq: "connection_quality_avg",
  "u.ab": "bitrate_audio_upload_avg",
  "d.ab": "bitrate_audio_download_avg",
  "u.vb": "bitrate_video_upload_avg",
  "d.vb": "bitrate_video_download_avg",
  "u.bw": "bandwidth_upload_avg",
  "d.bw": "bandwidth_download_avg",
  "d.pl": "packet_loss_download_avg",
  "u.fr": "framerate_local_avg",
  "d.fr": "framerate_remote_avg",
};

/** The room's name as the web client says it. @param {any} name */
function safeName(name) {
  const plain = attempt(() => decodeURIComponent(name)) || String(name);
  const normal = attempt(() => plain.normalize("NFKC")) || plain;
  return encodeURIComponent(normal.toLowerCase()).toLowerCase();
}

/** The app makes one for each room. @this {any} */
function Handler() {
  const gone = guarded(() => {
    place = undefined;
    look();
  });
  gone();
  /** @type {string | undefined} */
  let conf;
  /** @type {Readings} */
  let known = {};
  /** @type {Readings} */
  const meeting = {};
  /** @type {any} */
  let quiet;
  /** @returns {Source} */
  const hook = () => ({
    stale: QUIET_MS,
    settle: () => {},
    describe: () => meeting,
    release: () => clearTimeout(quiet),
  });

  /** @param {Session} session
   * @param {any} facts of one event, about the connection that is in use or about another */
  function learn(session, facts) {
    const whole = FACTS.cq in facts;
    const direct = known["t.p2p"];
    if (facts.p2p !== direct) {
      // The bridge's connection goes on measuring its round trip beside one that is direct.
      if (facts.rtt_avg !== undefined && direct !== undefined) return;
      known = { "t.p2p": facts.p2p };
      if (direct !== undefined) session.onEvent(facts.p2p ? "p2p" : "jvb");
    }
    if (whole) {
      for (const key of Object.keys(FACTS)) {
        known[key] = number(facts[FACTS[key]], /cq|pl/.test(key) ? 100 : undefined);
      }
    }
    if (facts.rtt_avg !== undefined) known.rtt = number(facts.rtt_avg);
    known["t.tp"] = text(facts.transport_type && facts.transport_type.toLowerCase(), 16);
    known["t.lct"] = text(facts.local_candidate_type, 5);
    known["t.rct"] = text(facts.remote_candidate_type, 5);
    meeting.n = facts.conference_size >= 1 ? facts.conference_size : meeting.n;
  }

  this.setUserProperties = guarded((/** @type {any} */ told) => {
    if (told.conference_name) conf = safeName(told.conference_name);
  });
  this.dispose = gone;
  this.sendEvent = guarded((/** @type {any} */ event) => {
    const { action, attributes: facts = {} } = event;
    const inRoom = event.source === "conference";
    if (inRoom && action === "left") return gone();
    const joined = inRoom && action === "joined";
    if (!conf || !(joined || /^(rtp|transport).stats$/.test(action))) return;
    if (joined) meeting.mid = text(facts.meetingId, 64);
    if (!place) known = {};
    place = place || { room: {}, conf, hook };
    look();
    if (!session) return;
    // An app says nothing while it is alone, nor that it has left for another server.
    clearTimeout(quiet);
    quiet = setTimeout(gone, QUIET_MS);
    if (joined) return;
    learn(session, facts);
    session.take(known, moment());
    session.close();
  });
}

if (inApp && settings.enabled && pushUrl) {
  if (!page.__jmmc) {
    page.__jmmc = Handler;
    const agent = String(device.userAgent);
    const [, sdk] = /JitsiMeetSDK\/(\d+)/.exec(agent) || [];
    const [, system, level] = /\b(android|ios)\/(\d+)/.exec(agent) || [];
    if (sdk) identity.br = "Jitsi Meet app " + sdk;
    if (system) identity.os = (system === "ios" ? "iOS " : "Android API ") + level;
    start();
  }
  attempt(() => page.JitsiMeetJS.app.analyticsHandlers.push(page.__jmmc));
}
