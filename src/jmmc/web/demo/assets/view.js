// Draws the ledger and the events into the page. Nothing here decides anything.

const MOST_PUSHES = 12;
const MOST_SAMPLES = 13;
const MOST_HAPPENINGS = 7;

const byId = (id) => document.getElementById(id);

export const say = (id, text) => {
  const element = byId(id);
  if (element.textContent !== text) element.textContent = text;
};

const clock = (ms) =>
  new Date(ms).toLocaleTimeString("en-GB", {
    hour: "2-digit",
    minute: "2-digit",
    second: "2-digit",
  });

const finite = (value) => typeof value === "number" && Number.isFinite(value);
const withUnit = (value, unit, digits = 0) =>
  finite(value) ? `${value.toFixed(digits)} ${unit}` : "–";
const counted = (count, noun) => `${count} ${noun}${count === 1 ? "" : "s"}`;

/** The bar of scenes, each as long as it lasts. */
export function drawScenes(recording) {
  const ends = [...recording.scenes.slice(1).map((it) => it.at), recording.length];
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

/** How far the recording is, in its own milliseconds. */
export function drawPlace(recording, at) {
  const ends = [...recording.scenes.slice(1).map((it) => it.at), recording.length];
  [...byId("scenes").children].forEach((part, index) => {
    const from = recording.scenes[index].at;
    const share = Math.min(1, Math.max(0, (at - from) / (ends[index] - from)));
    part.firstChild.style.transform = `scaleX(${share})`;
    part.classList.toggle("now", share > 0 && share < 1);
  });
  const scene = recording.scenes.findLast((it) => it.at <= at) ?? recording.scenes[0];
  const seconds = Math.round(at / 1000);
  say("scene", `${scene.name}, ${seconds} s of ${Math.round(recording.length / 1000)} s recorded`);
}

/** The readings of one event, and the line of all so far. `stats` has at (ms) and payload. */
export function drawReadings(recording, stats) {
  const { payload } = stats.at(-1);
  say("quality", withUnit(payload.connectionQuality, "%"));
  say("loss", withUnit(payload.packetLoss.download, "%"));
  say("up", withUnit(payload.bitrate.upload, "kbit/s"));
  say("downlink", withUnit(payload.bitrate.download, "kbit/s"));
  say("rtt", withUnit(payload.transport[0]?.rtt, "ms"));
  const sizes = Object.values(payload.resolution[recording.me] ?? {});
  say("video", sizes.length > 0 ? `${Math.max(...sizes.map((it) => it.height))} p` : "none");
  spark("quality-spark", recording.length, stats, (it) => it.connectionQuality);
  spark("loss-spark", recording.length, stats, (it) => it.packetLoss.download);
}

function spark(id, length, stats, read) {
  const points = stats
    .filter((it) => finite(read(it.payload)))
    .map((it) => [(it.at / length) * 198 + 1, 46 - (read(it.payload) / 100) * 44]);
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
  const element = document.createElementNS("http://www.w3.org/2000/svg", name);
  for (const [key, value] of Object.entries(attributes)) element.setAttribute(key, value);
  return element;
}

/** What happened in the call, newest first; each has text, kind and time. */
export function drawHappenings(happenings) {
  if (happenings.length === 0) {
    byId("happened").replaceChildren(item("li", "Nothing yet: the call is calm.", "empty"));
    return;
  }
  byId("happened").replaceChildren(
    ...happenings
      .slice(-MOST_HAPPENINGS)
      .reverse()
      .map((it) => {
        const line = item("li", "", it.kind);
        line.append(item("time", clock(it.time)), it.text);
        return line;
      }),
  );
}

/** The latest pushes and how much waits. */
export function drawPushes(pushes, ledger, down) {
  const { waiting } = ledger;
  byId("queue").dataset.empty = String(waiting === 0);
  byId("queue").dataset.down = String(down);
  say(
    "queue-text",
    waiting === 0
      ? "No sample waits in the browser"
      : `${counted(waiting, "sample")} ${waiting === 1 ? "waits" : "wait"} in the browser`,
  );
  byId("beads").replaceChildren(
    ...Array.from({ length: Math.min(waiting, 40) }, () => document.createElement("i")),
  );
  if (pushes.length === 0) {
    empty("pushes", 4, "The first push leaves as soon as the script has found the conference.");
    return;
  }
  byId("pushes").replaceChildren(
    ...pushes
      .slice(-MOST_PUSHES)
      .reverse()
      .map((push) => {
        const row = item("tr", "", push.state);
        row.append(
          item("td", clock(push.at)),
          item("td", range(push.samples)),
          item("td", String(push.bytes), "amount"),
          item("td", answered(push), "answer"),
        );
        return row;
      }),
  );
}

function range(samples) {
  if (samples.length === 0) return "–";
  const [first, last] = [samples[0].seq, samples.at(-1).seq];
  const mark = samples.some((it) => it.bye) ? ", bye" : "";
  return (first === last ? `${first}` : `${first} to ${last}`) + mark;
}

function answered(push) {
  if (push.state === "sending") return "on its way";
  if (push.state === "unanswered") return "no answer";
  if (push.state === "refused") return `${push.status} ${push.answer.error ?? ""}`;
  const dropped =
    push.answer.dropped?.length > 0 ? `, without ${push.answer.dropped.join(", ")}` : "";
  return `ack ${push.answer.ack}${dropped}`;
}

/** The latest stored samples; a reading that a sample does not have is the one before, pale. */
export function drawStored(samples) {
  if (samples.length === 0) {
    empty("samples", 7, "Nothing is stored yet.");
    say("raw", "–");
    return;
  }
  const rows = [];
  const known = new Map();
  for (const sample of samples) {
    const row = item("tr", "");
    row.append(item("td", String(sample.seq), "amount"), item("td", clock(sample.ts * 1000)));
    row.append(cell(known, sample, cq), cell(known, sample, lossDown));
    row.append(cell(known, sample, rate("u"), "rate"), cell(known, sample, rate("d"), "rate"));
    const events = [...(sample.ev ?? []), ...(sample.bye ? ["left"] : [])];
    row.append(item("td", events.join(", ").replaceAll("_", " "), "event"));
    rows.push(row);
  }
  byId("samples").replaceChildren(...rows.slice(-MOST_SAMPLES).reverse());
  say("raw", JSON.stringify(samples.at(-1), null, 1));
}

const cq = (sample) => [["cq", sample.cq]];
const lossDown = (sample) => [["d.pl", sample.d?.pl]];
const rate = (link) => (sample) => [
  [`${link}.ab`, sample[link]?.ab],
  [`${link}.vb`, sample[link]?.vb],
];

// The sum of one or more readings, pale when the sample has none of them.
function cell(known, sample, read, kind = "") {
  const parts = read(sample);
  for (const [name, value] of parts) if (value !== undefined) known.set(name, value);
  const values = parts.map(([name]) => known.get(name)).filter(finite);
  const text = values.length > 0 ? String(Math.round(values.reduce((a, b) => a + b))) : "–";
  const pale = parts.every(([, value]) => value === undefined) ? "pale" : "";
  return item("td", text, `amount ${kind} ${pale}`);
}

/** The summary: figures and one sentence. */
export function drawSummary(ledger, state, text) {
  say("said", String(ledger.said));
  say("sent", String(ledger.sent));
  say("confirmed", String(ledger.confirmed));
  say("stored", String(ledger.stored?.length ?? 0));
  byId("verdict").dataset.state = state;
  say("verdict-text", text);
}

function item(name, text, kind = "") {
  const element = document.createElement(name);
  element.textContent = text;
  if (kind) element.className = kind;
  return element;
}

function empty(id, columns, text) {
  const row = item("tr", "", "empty");
  const cell = item("td", text);
  cell.colSpan = columns;
  row.append(cell);
  byId(id).replaceChildren(row);
}
