// The demo page: plays a recorded conference into the script and shows where each sample went.

import { Room, enter, leave, play } from "./jitsi.js";
import { Ledger } from "./ledger.js";
import { watchPushes } from "./pushes.js";
import * as view from "./view.js";

const PACE = 2;
const READ_EVERY = 1000;
// The script looks for the conference once a second.
const FOUND_WITHIN = 8000;
const STATS = "cq.local_stats_updated";

const mount = new URL(`.${document.body.dataset.prefix}/`, document.baseURI);
const pushUrl = new URL("push", mount).href;
const readFetch = window.fetch.bind(window);
const exportLine = document.getElementById("export-line").textContent;

let recording;
let conf = "";
let ledger = new Ledger();
let pushes = [];
let stats = [];
let happenings = [];
let failure = "";
/** The most samples that ever waited for a collector that was down. */
let waited = 0;

const line = watchPushes(
  (url) => new URL(url, document.baseURI).href === pushUrl,
  (push) => {
    // The script may still deliver what an earlier visit left behind: not of this conference.
    if (push.conf !== conf) return;
    if (!pushes.includes(push)) pushes.push(push);
    ledger.record(push);
    if (push.state === "unanswered") waited = Math.max(waited, ledger.waiting);
    draw();
  },
);

/** One word for the state, one sentence for the reader. */
function verdict() {
  const { said, sent, confirmed, waiting, stored } = ledger;
  if (failure) return ["wrong", failure];
  if (ledger.refusal) return ["wrong", `The collector refused a push. ${ledger.refusal}`];
  if (!ledger.exact) {
    const faults = `${ledger.lost} lost, ${ledger.doubled} stored twice, ${ledger.altered} altered`;
    return ["wrong", `This must not happen: ${faults}.`];
  }
  if (line.down) return ["down", "The collector is down. The browser keeps every sample."];
  if (!ledger.readable) {
    return ["down", "The collector does not answer. The browser keeps every sample."];
  }
  if (!stored?.length) return ["waiting", "Waiting for the first sample."];
  if (ledger.over && ledger.settled) {
    const all = `${sent} samples: ${confirmed} confirmed, ${stored.length} stored`;
    const proof = "each reading as it was sent. Nothing lost, nothing twice.";
    return ["done", `${said} events became ${all}, ${proof}`];
  }
  if (pushes.at(-1)?.state === "unanswered" && waiting > 0) {
    return ["waiting", "The collector is back. The browser is about to try again."];
  }
  if (waited > 0) return ["ok", `Delivered: ${waited} samples had waited. Nothing lost.`];
  return ["ok", "Nothing lost so far."];
}

function draw() {
  view.drawPushes(pushes, ledger, line.down);
  view.drawSummary(ledger, ...verdict());
}

async function readStore() {
  const asked = conf;
  const { ack } = ledger;
  try {
    const response = await readFetch(`demo/stored?room=${asked}`, { cache: "no-store" });
    if (!response.ok) throw new Error(String(response.status));
    const sessions = await response.json();
    if (asked !== conf) return;
    ledger.read(
      sessions.flatMap((it) => it.m),
      ack,
    );
    view.drawStored(ledger.stored);
  } catch {
    ledger.readable = false;
  }
  draw();
}

async function keepReading() {
  for (;;) {
    if (conf && !(ledger.over && ledger.settled && ledger.readable)) await readStore();
    await new Promise((resolve) => setTimeout(resolve, READ_EVERY));
  }
}

function happened(moment, args) {
  const time = Date.now();
  const note = (text, kind) => happenings.push({ text, kind, time });
  if (moment.event === "conference.trackMuteChanged") {
    note(args[0].isMuted() ? "The camera was switched off" : "The camera is on again", "calm");
  }
  if (moment.event === "conference.userJoined") note("Another participant joined", "calm");
  if (moment.event === "conference.connectionInterrupted")
    note("The connection was interrupted", "bad");
  // Jitsi raises it at the first connection, too.
  if (moment.event === "conference.connectionRestored") {
    note(
      stats.length > 3 ? "The connection was restored" : "The connection was established",
      "good",
    );
  }
  if (moment.event === STATS) {
    const loss = args[0].packetLoss.download;
    const before = stats.at(-1)?.payload.packetLoss.download ?? 0;
    if (loss > 2 && before <= 2) note(`${loss} % of the packets sent here got lost`, "fair");
    ledger.said += 1;
    stats.push({ at: moment.at, payload: { ...args[0] } });
    view.drawReadings(recording, stats);
  }
  view.drawHappenings(happenings);
  view.drawPlace(recording, moment.at);
  draw();
}

async function found(room) {
  const until = performance.now() + FOUND_WITHIN;
  while (!room.isHeard(STATS)) {
    if (performance.now() > until) throw new Error("The script did not find the conference.");
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
}

async function playOnce() {
  const random = crypto.getRandomValues(new Uint8Array(8));
  conf = `demo-${[...random].map((it) => it.toString(16).padStart(2, "0")).join("")}`;
  ledger = new Ledger();
  [pushes, stats, happenings, waited] = [[], [], [], 0];
  view.say("export-line", `${exportLine} --conf ${conf}`);
  view.drawHappenings(happenings);
  view.drawStored([]);
  draw();
  const room = new Room(recording.me);
  enter(room, conf);
  await found(room);
  await play(recording, room, PACE, happened);
  leave();
  happenings.push({ text: "The participant left", kind: "calm", time: Date.now() });
  view.drawHappenings(happenings);
  view.say("scene", "The recording is over");
  ledger.over = true;
}

async function begin() {
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
      reject(new Error("The script could not be loaded. Is the collector still running?"));
    document.head.append(script);
  });
}

async function copy(button) {
  const source = document.getElementById(button.dataset.copy);
  try {
    await navigator.clipboard.writeText(source.textContent);
    button.textContent = "Copied";
  } catch {
    // Without https there is no clipboard: then the text is marked, ready for Ctrl+C.
    getSelection().selectAllChildren(source);
    button.textContent = "Marked";
  }
  setTimeout(() => (button.textContent = "Copy"), 2000);
}

for (const button of document.querySelectorAll("[data-copy]")) {
  button.addEventListener("click", () => copy(button));
}
document.getElementById("again").addEventListener("click", begin);
document.getElementById("down").addEventListener("change", (event) => {
  line.down = event.target.checked;
  // What a browser says when its network is back; the script need not wait for its next try.
  if (!line.down) window.dispatchEvent(new Event("online"));
  draw();
});

const scriptUrl = new URL("getClient", mount).href;
view.say("config-line", `config.analytics = { scriptURLs: ['${scriptUrl}'] };`);
try {
  const response = await readFetch("demo/recording.json");
  recording = await response.json();
  view.drawScenes(recording);
  await loadScript();
  keepReading();
  await begin();
} catch (error) {
  failure = error.message;
  draw();
}
