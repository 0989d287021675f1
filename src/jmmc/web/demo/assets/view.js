// Writes the state of the demo into the page.

import { t } from "./texts.js";

const MAX_PUSHES = 12;
const MAX_SAMPLES = 13;
const MAX_EVENTS = 7;

const byId = (id) => document.getElementById(id);

export const setText = (id, text) => {
  const element = byId(id);
  if (element.textContent !== text) element.textContent = text;
};

const clock = (ms) =>
  new Date(ms).toLocaleTimeString(document.documentElement.lang === "fr" ? "fr" : "en-GB", {
    hour: "2-digit",
    minute: "2-digit",
    second: "2-digit",
  });

const isNumber = (value) => typeof value === "number" && Number.isFinite(value);
const withUnit = (value, unit, digits = 0) =>
  isNumber(value) ? `${value.toFixed(digits)} ${unit}` : "–";

/** Draw the bar of scenes; the width of each is its duration. */
export function drawScenes(recording) {
  const ends = [...recording.scenes.slice(1).map((scene) => scene.at), recording.length];
  byId("scenes").replaceChildren(
    ...recording.scenes.map((scene, index) => {
      const part = document.createElement("span");
      part.dataset.scene = scene.name;
      part.style.flexGrow = String(ends[index] - scene.at);
      part.append(document.createElement("i"), scene.name);
      return part;
    }),
  );
}

/** Draw the progress; `at` is in milliseconds of the recording. */
export function drawProgress(recording, at) {
  const ends = [...recording.scenes.slice(1).map((scene) => scene.at), recording.length];
  [...byId("scenes").children].forEach((part, index) => {
    const from = recording.scenes[index].at;
    const share = Math.min(1, Math.max(0, (at - from) / (ends[index] - from)));
    part.firstChild.style.transform = `scaleX(${share})`;
    part.classList.toggle("now", share > 0 && share < 1);
  });
  const scene = recording.scenes.findLast((each) => each.at <= at) ?? recording.scenes[0];
  const seconds = Math.round(at / 1000);
  const length = Math.round(recording.length / 1000);
  setText("scene", t("{scene}, {seconds} of {length} s", { scene: scene.name, seconds, length }));
}

/** Draw the newest readings, and the curves of all so far. `stats` has at (ms) and payload. */
export function drawReadings(recording, stats) {
  const { payload } = stats.at(-1);
  setText("quality", withUnit(payload.connectionQuality, "%"));
  setText("loss", withUnit(payload.packetLoss.download, "%"));
  setText("up", withUnit(payload.bitrate.upload, "kbit/s"));
  setText("downlink", withUnit(payload.bitrate.download, "kbit/s"));
  setText("rtt", withUnit(payload.transport[0]?.rtt, "ms"));
  const sizes = Object.values(payload.resolution[recording.me] ?? {});
  setText("video", sizes.length > 0 ? `${Math.max(...sizes.map((size) => size.height))} p` : t("none"));
  spark("quality-spark", recording.length, stats, (payload) => payload.connectionQuality);
  spark("loss-spark", recording.length, stats, (payload) => payload.packetLoss.download);
}

function spark(id, length, stats, read) {
  const points = stats
    .filter(({ payload }) => isNumber(read(payload)))
    .map(({ at, payload }) => [(at / length) * 198 + 1, 46 - (read(payload) / 100) * 44]);
  const line = points.map(([x, y]) => `${x.toFixed(1)},${y.toFixed(1)}`).join(" L");
  const last = points.at(-1);
  byId(id).replaceChildren(
    shape("path", { class: "ground", d: "M1,46 H199" }),
    shape("path", {
      class: "area",
      d: `M${points[0][0].toFixed(1)},46 L${line} L${last[0].toFixed(1)},46 Z`,
    }),
    shape("path", { class: "curve", d: `M${line}` }),
    shape("path", { class: "end", d: `M${last[0].toFixed(1)},${last[1].toFixed(1)} h0` }),
  );
}

function shape(name, attributes) {
  const created = document.createElementNS("http://www.w3.org/2000/svg", name);
  for (const [key, value] of Object.entries(attributes)) created.setAttribute(key, value);
  return created;
}

/** Draw the events of the call, newest first; each has text, kind and time. */
export function drawEvents(events) {
  if (events.length === 0) {
    byId("events").replaceChildren(element("li", t("No events yet."), "empty"));
    return;
  }
  byId("events").replaceChildren(
    ...events
      .slice(-MAX_EVENTS)
      .reverse()
      .map((event) => {
        const line = element("li", "", event.kind);
        line.append(element("time", clock(event.time)), event.text);
        return line;
      }),
  );
}

/** Draw the latest pushes and the queue of the browser. */
export function drawPushes(pushes, ledger, down) {
  const { queued } = ledger;
  byId("queue").dataset.empty = String(queued === 0);
  byId("queue").dataset.down = String(down);
  setText(
    "queue-text",
    queued === 0
      ? t("No samples queued in the browser")
      : t(queued === 1 ? "1 sample queued in the browser" : "{count} samples queued in the browser", { count: queued }),
  );
  byId("beads").replaceChildren(
    ...Array.from({ length: Math.min(queued, 40) }, () => document.createElement("i")),
  );
  if (pushes.length === 0) {
    drawEmptyRow("pushes", 4, t("The first push is sent when the script has detected the meeting."));
    return;
  }
  byId("pushes").replaceChildren(
    ...pushes
      .slice(-MAX_PUSHES)
      .reverse()
      .map((push) => {
        const row = element("tr", "", push.state);
        row.append(
          element("td", clock(push.at)),
          element("td", range(push.samples)),
          element("td", String(push.bytes), "amount"),
          element("td", responseText(push), "response"),
        );
        return row;
      }),
  );
}

function range(samples) {
  if (samples.length === 0) return "–";
  const [first, last] = [samples[0].seq, samples.at(-1).seq];
  const mark = samples.some((sample) => sample.bye) ? ", bye" : "";
  return (first === last ? `${first}` : t("{first} to {last}", { first, last })) + mark;
}

function responseText(push) {
  if (push.state === "sending") return t("sending");
  if (push.state === "unanswered") return t("no answer");
  if (push.state === "rejected") return `${push.status} ${push.answer.error ?? ""}`;
  const dropped =
    push.answer.dropped?.length > 0 ? `, without ${push.answer.dropped.join(", ")}` : "";
  return `ack ${push.answer.ack}${dropped}`;
}

/** Draw the latest stored samples; a reading that did not change is repeated in gray. */
export function drawStored(samples) {
  if (samples.length === 0) {
    drawEmptyRow("samples", 7, t("No samples stored yet."));
    setText("raw", "–");
    return;
  }
  const rows = [];
  const known = new Map();
  for (const sample of samples) {
    const row = element("tr", "");
    row.append(element("td", String(sample.seq), "amount"), element("td", clock(sample.ts * 1000)));
    row.append(cell(known, sample, cq), cell(known, sample, lossDown));
    row.append(cell(known, sample, rate("u"), "rate"), cell(known, sample, rate("d"), "rate"));
    const events = [...(sample.ev ?? []), ...(sample.bye ? ["left"] : [])];
    row.append(element("td", events.join(", ").replaceAll("_", " "), "event"));
    rows.push(row);
  }
  byId("samples").replaceChildren(...rows.slice(-MAX_SAMPLES).reverse());
  setText("raw", JSON.stringify(samples.at(-1), null, 1));
}

const cq = (sample) => [["cq", sample.cq]];
const lossDown = (sample) => [["d.pl", sample.d?.pl]];
const rate = (link) => (sample) => [
  [`${link}.ab`, sample[link]?.ab],
  [`${link}.vb`, sample[link]?.vb],
];

// The sum of one or more readings, gray if the sample has none of them.
function cell(known, sample, read, kind = "") {
  const parts = read(sample);
  for (const [name, value] of parts) if (value !== undefined) known.set(name, value);
  const values = parts.map(([name]) => known.get(name)).filter(isNumber);
  const text = values.length > 0 ? String(Math.round(values.reduce((a, b) => a + b))) : "–";
  const unchanged = parts.every(([, value]) => value === undefined) ? "unchanged" : "";
  return element("td", text, `amount ${kind} ${unchanged}`);
}

/** Draw the counts and the state. */
export function drawSummary(ledger, state, text) {
  setText("raised", String(ledger.raised));
  setText("sent", String(ledger.sent));
  setText("confirmed", String(ledger.confirmed));
  setText("stored", String(ledger.stored?.length ?? 0));
  byId("state").dataset.state = state;
  setText("state-text", text);
}

function element(name, text, className = "") {
  const created = document.createElement(name);
  created.textContent = text;
  if (className) created.className = className;
  return created;
}

function drawEmptyRow(id, columns, text) {
  const row = element("tr", "", "empty");
  const cell = element("td", text);
  cell.colSpan = columns;
  row.append(cell);
  byId(id).replaceChildren(row);
}
