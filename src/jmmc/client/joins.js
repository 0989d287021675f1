// @ts-check
/*
 * Joins: why they fail, and why stays end. A join that failed is a session of its own, with one
 * sample: nobody was in the room.
 *
 * A join begins when Jitsi connects to its server, which it does once somebody asked to join: an open
 * prejoin page is no join. It ends in the room; or it fails, by the first error after which Jitsi
 * gives up. After other errors the join goes on (a password is asked for, somebody in the room has to
 * let one in, the library tries again): they are the reason only if the page goes. All that Jitsi
 * does before that, also over a second connection, is the same join.
 */

// Jitsi reloads the page after most errors. Within this time, failures of one room for the same
// reason are one.
const REPEATED_MS = 10 * 60 * 1000;
const FAILED_KEY = "jmmc_failed";
// An error ended the stay if it came at most so many ms before.
const DROP_MS = 60 * 1000;

/** Reasons by patterns of Jitsi's codes; the first that matches counts. "?": the join goes on.
 * @type {Object<string, string>} */
const REASONS = {
  focusD: "?focus_left",
  "ocus|quest": "focus_left",
  "iceF|ice.f": "ice_failed",
  bridge: "bridge_down",
  offer: "offer_failed",
  timeout: "accept_timeout",
  "grace|inco": "shutdown",
  "shard|restart": "?reload",
  uspend: "suspended",
  "sD|notA|eserv|Live": "not_allowed",
  max_: "room_full",
  destr: "room_closed",
  kick: "kicked",
  "n.pass|auth": "?sign_in",
  pass: "?password",
  "bers|name": "?lobby",
  "onE|drop": "connection_lost",
  rE: "server_unreachable",
  "^error": "reload",
  "": "other",
};

/** The join under way: when it was asked for, in ms of `clock` as Jitsi's own times, and why it
 * failed if the page goes now. @type {{asked: number, reason?: string} | undefined} */
let join;
/** The room that the page is in or wants to join, and what the deployment says of itself.
 * @returns {{conf?: string, ten?: string, deployment?: any}} */
let findRoom = () => ({});
/** Who wants to join, where a part of the script knows. @returns {string | undefined} */
let findName = () => undefined;

/** The room's name as the web client reports it. @param {any} name */
function safeName(name) {
  const decoded = attempt(() => decodeURIComponent(name)) || String(name);
  const normalized = attempt(() => decoded.normalize("NFKC")) || decoded;
  return encodeURIComponent(normalized.toLowerCase()).toLowerCase();
}

/** How long the join took that was asked for then. @param {any} asked @param {number} [until]
 * @returns {Readings} */
const joinTimes = (asked, until = clock.now()) => ({
  "set.ask": whole(asked - loaded),
  "set.join": whole(until - asked),
});

/** The join under way failed. @param {string} fail why
 * @returns {Queue | undefined} what is to be sent of it */
function reportFailure(fail) {
  const { conf, ten, deployment = {} } = findRoom();
  const times = joinTimes(join?.asked);
  join = undefined;
  if (!conf || !allowed() || !isSampled(conf)) return;
  const failure = [ten, conf, fail, Math.floor(Date.now() / REPEATED_MS)].join();
  if (load(FAILED_KEY) === failure) return;
  store(FAILED_KEY, failure);
  const when = moment();
  const m = { ev: takeEvents(early, when) };
  early = [];
  // Of the server, or else the region that the server takes the participant to be in.
  const region = text(deployment.region || deployment.userRegion, 64);
  const name = attempt(findName);
  const readings = { ...identity, name, "t.sr": region, ...times, fail };
  for (const [key, value] of Object.entries(readings)) nest(m, key, value);
  const queue = makeQueue(randomHex(), browserId(), conf, ten, []);
  queue.add({ seq: 0, ...when, m, bye: true });
  sender.queues.push(queue);
  queue.due = true;
  if (!gone) sender.pump();
  return queue;
}

/** Jitsi reported an error: of a join, or of a stay. @param {any} code */
const onFailure = guarded((code) => {
  const found = REASONS[keysOf(REASONS).find((pattern) => RegExp(pattern).test(code)) || ""];
  const reason = found.replace("?", "");
  const ends = reason === found;
  if (session) {
    if (!ends) return;
    session.lastFailure = { reason, at: now() };
    checkPlace();
  } else if (join) {
    if (ends) reportFailure(reason);
    else join.reason = reason;
  }
});

// --- Jitsi's analytics ---

/** Have Jitsi make a handler of its analytics, when this is a script of `scriptURLs`. */
const registerHandler = () =>
  attempt(() => page.JitsiMeetJS.app.analyticsHandlers.push(page.__jmmc));

/**
 * What the names of such events end with; all other reasons, as that another program has the
 * device, are failures. @type {Object<string, string>}
 */
const REFUSALS = {
  "gum.permission_denied": "_denied",
  "device not found": "_missing", // as the analytics say it
  "gum.not_found": "_missing", // as the IFrame API does
};
/** @param {any} reason */
const refusal = (reason) => REFUSALS[reason] || "_failed";
/** How microphone and camera together were refused. @type {string | undefined} */
let refused;

/** Take in an event of Jitsi's analytics. Some come before there is a room. @param {any} event */
function onAnalytics({ action, source, attributes = {} }) {
  const { audio_requested: audio, video_requested: video, reason } = attributes;
  if (source === "get.user.media") {
    const how = action === "error" ? refusal(reason) : undefined;
    if (audio && video) {
      refused = how;
    } else if (audio || video) {
      // After both were refused together, Jitsi asks for the microphone alone.
      const ending = how || (audio && refused);
      if (ending) onEvent((how && audio ? "mic" : "cam") + ending);
      refused = undefined;
    }
  }
  if (action === "connection.failed") onFailure(attributes.error_type);
  if (/page.rel/.test(action)) onFailure("error." + reason);
  if (/session.*timeout/.test(action) && !attributes.p2p) onFailure(action);
  if (/restart.req/.test(action)) onEvent("ice_restart");
  if (/no.data/.test(action) && attributes.value) onEvent("no_track_data");
}
