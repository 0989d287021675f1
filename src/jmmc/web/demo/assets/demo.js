// The demo page: plays a recorded meeting into the browser script, and follows each sample.

import { Conference, enter, leave, play } from "./jitsi.js";
import { Ledger } from "./ledger.js";
import { watchPushes } from "./pushes.js";
import { t } from "./texts.js";
import * as view from "./view.js";

const SPEED = 2;
const READ_INTERVAL = 1000; // Milliseconds
// The script looks for the conference once a second.
const DETECTION_TIMEOUT = 8000; // Milliseconds
const STATS = "cq.local_stats_updated";

const collectorUrl = new URL(`.${document.querySelector(".demo").dataset.prefix}/`, document.baseURI);
const pushUrl = new URL("push", collectorUrl).href;
const plainFetch = window.fetch.bind(window); // Pushes go through a wrapped one.
const exportCommand = document.getElementById("export-line").textContent;

let recording;
let roomName = "";
let ledger = new Ledger();
let pushes = [];
let stats = [];
let events = [];
let failure = "";
/** The most samples that were queued while the collector did not answer. */
let maxQueued = 0;

const connection = watchPushes(
  (url) => new URL(url, document.baseURI).href === pushUrl,
  (push) => {
    // The script may still deliver samples of an earlier visit, which belong to another room.
    if (push.room !== roomName) return;
    if (!pushes.includes(push)) pushes.push(push);
    ledger.record(push);
    if (push.state === "unanswered") maxQueued = Math.max(maxQueued, ledger.queued);
    draw();
  },
);

/** Return the state as a word for the style sheet and as a sentence. */
function currentState() {
  const { raised, sent, confirmed, queued, stored } = ledger;
  if (failure) return ["wrong", failure];
  if (ledger.rejection) return ["wrong", t("The collector rejected a push: {reason}", { reason: ledger.rejection })];
  if (!ledger.isExact) {
    const { lost, doubled, altered } = ledger;
    const text = "The store differs from what was sent: {lost} lost, {doubled} stored twice, {altered} altered.";
    return ["wrong", t(text, { lost, doubled, altered })];
  }
  if (connection.down) return ["down", t("The collector is down. The browser keeps all samples.")];
  if (!ledger.isReadable) {
    return ["down", t("The collector does not answer. The browser keeps all samples.")];
  }
  if (!stored?.length) return ["waiting", t("Waiting for the first sample.")];
  if (ledger.isOver && ledger.isSettled) {
    const text = "{raised} events, {sent} samples sent, {confirmed} confirmed, {stored} stored. Every reading is as it was sent. Nothing lost, nothing duplicated.";
    return ["done", t(text, { raised, sent, confirmed, stored: stored.length })];
  }
  if (pushes.at(-1)?.state === "unanswered" && queued > 0) {
    return ["waiting", t("The collector is back. The browser will retry shortly.")];
  }
  if (maxQueued > 0) return ["ok", t("{count} queued samples were delivered. Nothing lost.", { count: maxQueued })];
  return ["ok", t("Nothing lost so far.")];
}

function draw() {
  view.drawPushes(pushes, ledger, connection.down);
  view.drawSummary(ledger, ...currentState());
}

async function readStore() {
  const room = roomName;
  const { ack } = ledger;
  try {
    const response = await plainFetch(`demo/stored?room=${room}`, { cache: "no-store" });
    if (!response.ok) throw new Error(String(response.status));
    const sessions = await response.json();
    if (room !== roomName) return;
    ledger.read(
      sessions.flatMap((session) => session.m),
      ack,
    );
    view.drawStored(ledger.stored);
  } catch {
    ledger.isReadable = false;
  }
  draw();
}

async function keepReading() {
  for (;;) {
    if (roomName && !(ledger.isOver && ledger.isSettled && ledger.isReadable)) await readStore();
    await new Promise((resolve) => setTimeout(resolve, READ_INTERVAL));
  }
}

function showMoment(moment, args) {
  const time = Date.now();
  const addEvent = (text, kind) => events.push({ text, kind, time });
  if (moment.event === "conference.trackMuteChanged") {
    addEvent(args[0].isMuted() ? t("Camera switched off") : t("Camera switched on"), "neutral");
  }
  if (moment.event === "conference.userJoined") addEvent(t("Another participant joined"), "neutral");
  if (moment.event === "conference.connectionInterrupted") addEvent(t("Connection lost"), "poor");
  // Jitsi raises it at the first connection, too.
  if (moment.event === "conference.connectionRestored") {
    addEvent(stats.length > 3 ? t("Connection restored") : t("Connection established"), "good");
  }
  if (moment.event === STATS) {
    const loss = args[0].packetLoss.download;
    const before = stats.at(-1)?.payload.packetLoss.download ?? 0;
    if (loss > 2 && before <= 2) addEvent(t("{loss} % packet loss on the download", { loss }), "fair");
    ledger.raised += 1;
    stats.push({ at: moment.at, payload: { ...args[0] } });
    view.drawReadings(recording, stats);
  }
  view.drawEvents(events);
  view.drawProgress(recording, moment.at);
  draw();
}

async function waitForScript(conference) {
  const until = performance.now() + DETECTION_TIMEOUT;
  while (!conference.hasListener(STATS)) {
    if (performance.now() > until) throw new Error(t("The script did not find the conference."));
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
}

async function playOnce() {
  const random = crypto.getRandomValues(new Uint8Array(8));
  roomName = `demo-${[...random].map((byte) => byte.toString(16).padStart(2, "0")).join("")}`;
  ledger = new Ledger();
  [pushes, stats, events, maxQueued] = [[], [], [], 0];
  view.setText("export-line", `${exportCommand} --room ${roomName}`);
  view.drawEvents(events);
  view.drawStored([]);
  draw();
  const conference = new Conference(recording.me);
  enter(conference, roomName);
  await waitForScript(conference);
  await play(recording, conference, SPEED, showMoment);
  leave();
  events.push({ text: t("The participant left"), kind: "neutral", time: Date.now() });
  view.drawEvents(events);
  view.setText("scene", t("The recording has ended"));
  ledger.isOver = true;
}

async function start() {
  const again = document.getElementById("again");
  again.disabled = true;
  failure = "";
  try {
    await playOnce();
    again.disabled = false;
  } catch (error) {
    failure = error.message;
  }
  draw();
}

function loadScript() {
  return new Promise((resolve, reject) => {
    const script = document.createElement("script");
    script.src = "demo/getClient";
    script.onload = resolve;
    script.onerror = () =>
      reject(new Error(t("The script could not be loaded. Is the collector still running?")));
    document.head.append(script);
  });
}

async function copy(button) {
  const source = document.getElementById(button.dataset.copy);
  try {
    await navigator.clipboard.writeText(source.textContent);
    button.textContent = t("Copied");
  } catch {
    // Without https there is no clipboard: the text is selected, ready for Ctrl+C.
    getSelection().selectAllChildren(source);
    button.textContent = t("Selected");
  }
  setTimeout(() => (button.textContent = t("Copy")), 2000);
}

for (const button of document.querySelectorAll("[data-copy]")) {
  button.addEventListener("click", () => copy(button));
}
document.getElementById("again").addEventListener("click", start);
document.getElementById("down").addEventListener("change", (event) => {
  connection.down = event.target.checked;
  // The event of a browser whose network is back: the script retries immediately.
  if (!connection.down) window.dispatchEvent(new Event("online"));
  draw();
});

const scriptUrl = new URL("getClient", collectorUrl).href;
// Adds to an existing config.analytics, as `jmmc snippet` does.
const configLines = [
  "config.analytics = config.analytics || {};",
  `config.analytics.scriptURLs = (config.analytics.scriptURLs || []).concat('${scriptUrl}');`,
];
view.setText("config-line", configLines.join("\n"));
try {
  const response = await plainFetch("demo/recording.json");
  recording = await response.json();
  view.drawScenes(recording);
  await loadScript();
  keepReading();
  await start();
} catch (error) {
  failure = error.message;
  draw();
}
