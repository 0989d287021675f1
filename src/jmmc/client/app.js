// @ts-check
/*
 * The entrance of Jitsi's mobile apps. They evaluate the scripts of `analytics.scriptURLs` in React
 * Native's engine, again for each room; there is no page. The readings come from the events of
 * Jitsi's analytics: `rtp.stats` has the means of the last `avgRtpStatsN` ticks.
 */

// Two and a half times the default interval of `rtp.stats`: 15 ticks of ten seconds.
const SILENCE_MS = 375 * 1000;

// Events of Jitsi's analytics that come within this time are about the same time.
const TOGETHER_MS = 1000;

/** Our readings, by their names in an `rtp.stats` event. @type {Object<string, string>} */
const ATTRIBUTES = {
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

/** Events by the actions that only apps are told of in this way. @type {Object<string, string>} */
const APP_EVENTS = { restart: "media_restart", "bridge-channel.error": "channel_closed" };

/** An analytics handler, as Jitsi's apps expect one: they make one for each room.
 * @this {any} @param {any} [options] among them the user of the JSON Web Token */
function Handler(options = {}) {
  const onLeft = guarded(() => {
    place = undefined;
    checkPlace();
  });
  onLeft();
  /** @type {string | undefined} */
  let conf;
  /** @type {string | undefined} */
  let ten;
  /** @type {any} */
  let deployment;
  findRoom = () => ({ conf, ten, deployment });
  let hasFailed = false;
  /** @type {Object<string, number>} When the steps of the join were reached. */
  const stages = {};
  /** @type {Readings} */
  let readings = {};
  /** @type {Readings} */
  const meeting = {};
  if (settings.identify === "jwt") findName = () => text(options.user, 64);
  /** @type {any} */
  let silenceTimer;
  /** @type {Moment | undefined} Of the first event whose readings are not in a sample yet. */
  let pending;
  // An app sends no event while it is alone, and none when it leaves for another server.
  const awaitEvent = () => {
    clearTimeout(silenceTimer);
    silenceTimer = setTimeout(onLeft, SILENCE_MS);
  };

  /** Take in the events that came together: they are about the same time. */
  const settle = guarded(() => {
    const tick = pending;
    pending = undefined;
    if (!tick || !session) return;
    session.take(readings, tick);
    session.close(tick);
  });
  /** @returns {Source} */
  const hook = () => {
    awaitEvent();
    meeting.name = attempt(findName);
    if (settings.support_code) {
      const code = (meeting.code = makeCode());
      attempt(() => ((page.jmmc = Object(page.jmmc)).code = () => code));
    }
    return {
      staleAfter: SILENCE_MS,
      settle,
      describe: () => meeting,
      release: () => clearTimeout(silenceTimer),
    };
  };

  /** @param {Session} session
   * @param {any} attributes of one event, about the connection in use or about another one */
  function readAttributes(session, attributes) {
    const hasMeans = ATTRIBUTES.cq in attributes;
    const direct = readings["t.p2p"];
    if (attributes.p2p !== direct) {
      // During a direct call the bridge's connection continues to report its round trip.
      if (attributes.rtt_avg !== undefined && direct !== undefined) return;
      if (direct !== undefined) session.onSwitch(attributes.p2p ? "p2p" : "jvb");
      readings = { "t.p2p": attributes.p2p };
    }
    if (hasMeans) {
      for (const key of keysOf(ATTRIBUTES)) {
        readings[key] = number(attributes[ATTRIBUTES[key]], /cq|pl/.test(key) ? 100 : undefined);
      }
    }
    if (attributes.rtt_avg !== undefined) readings.rtt = number(attributes.rtt_avg);
    const transport = attributes.transport_type;
    readings["t.tp"] = text(transport && transport.toLowerCase(), 16);
    readings["t.lct"] = text(attributes.local_candidate_type, 5);
    readings["t.rct"] = text(attributes.remote_candidate_type, 5);
    meeting.n = attributes.conference_size >= 1 ? attributes.conference_size : meeting.n;
  }

  this.setUserProperties = guarded((/** @type {any} */ properties) => {
    if (properties.conference_name) conf = safeName(properties.conference_name);
    // Jitsi says "/" where there is none.
    ten = tenantOf("/" + String(properties.tenant || "").replace(/^\/$/, "") + "/");
    deployment = properties;
  });
  this.dispose = onLeft;
  this.sendEvent = guarded((/** @type {any} */ event) => {
    const { action, attributes = {} } = event;
    const inRoom = event.source === "conference";
    stages[event.actionSubject] = attributes.value;
    const asked = stages.xmpp_connecting;
    if (!session && !hasFailed && action === "connection.failed") {
      hasFailed = true; // Jitsi says it more than once.
      join = { asked };
    }
    onAnalytics(event);
    if (APP_EVENTS[action]) onEvent(APP_EVENTS[action]);
    if (/^(jvb|bridge|focus)\./.test(action)) onFailure(action);
    if (inRoom && action === "left") return onLeft();
    const joined = inRoom && action === "joined";
    if (!conf || !(joined || /^(rtp|transport).stats$/.test(action))) return;
    if (joined) meeting.mid = text(attributes.meetingId, 64);
    meeting["set.join"] = whole(stages["conference_muc.joined"] - asked);
    if (!place) readings = {};
    place = place || { room: {}, conf, ten, hook };
    checkPlace();
    if (!session) return;
    awaitEvent();
    if (joined) return;
    readAttributes(session, attributes);
    if (!pending) setTimeout(settle, TOGETHER_MS);
    pending = pending || moment();
  });
}

if (inApp && settings.enabled && pushUrl) {
  if (!page.__jmmc) {
    page.__jmmc = Handler;
    const agent = String(device.userAgent);
    const [, sdk] = /JitsiMeetSDK\/(\d+)/.exec(agent) || [];
    const [, os, level] = /\b(android|ios)\/(\d+)/.exec(agent) || [];
    if (sdk) identity.br = "Jitsi Meet app " + sdk;
    if (os) identity.os = (os === "ios" ? "iOS " : "Android API ") + level;
    start();
  }
  registerHandler();
}
