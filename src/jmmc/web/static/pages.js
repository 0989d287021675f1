// What the pages cannot do without a script: local times, curves, suggestions, and keeping up to date.
"use strict";

const root = document.documentElement.dataset.root; // Where the pages are mounted.

const colour = (name) => {
  // Colours of the style sheet are written for light and dark: a canvas needs the one in force.
  const probe = document.body.appendChild(document.createElement("i"));
  probe.style.color = `var(--${name})`;
  const found = getComputedStyle(probe).color;
  probe.remove();
  return found;
};

function localise(part) {
  for (const it of part.querySelectorAll("time[datetime]")) {
    const moment = new Date(it.dateTime);
    const time = { hour: "2-digit", minute: "2-digit" };
    const date = { year: "numeric", month: "short", day: "numeric" };
    const options = it.classList.contains("clock") ? time : { ...date, ...time };
    it.textContent = moment.toLocaleString(document.documentElement.lang, options);
    it.title = moment.toISOString();
  }
}

// --- curves ---

const axes = (unit) => [
  { stroke: colour("quiet"), grid: { stroke: colour("line"), width: 1 } },
  { stroke: colour("quiet"), grid: { stroke: colour("line"), width: 1 }, size: 60, label: unit, labelSize: 18 },
];

function drawCurves(target, data, window) {
  const palette = ["good", "poor"].map(colour);
  const size = () => ({ width: target.clientWidth, height: 150 });
  const plots = [];
  for (const plot of data.plots) {
    const title = target.appendChild(document.createElement("h3"));
    title.textContent = plot.unit ? `${plot.title} (${plot.unit})` : plot.title;
    const series = plot.series.map((it, i) => ({
      label: it.name, stroke: palette[i], width: 1.5, dash: i ? [6, 3] : [],
      paths: uPlot.paths.stepped({ align: 1 }), points: { show: false },
    }));
    plots.push(new uPlot({
      ...size(), cursor: { sync: { key: "session" } }, scales: { x: { time: true, ...(window && { range: window }) }, y: { range: (_, low, high) => [Math.min(0, low), high || 1] } },
      series: [{}, ...series], axes: axes(""),
    }, [data.times, ...plot.series.map((it) => it.values)], target));
  }
  new ResizeObserver(() => plots.forEach((it) => it.setSize(size()))).observe(target);
}

function drawStack(target, data) {
  const parts = ["poor", "fair", "good", "unknown"];
  const shares = data.seconds.map(([known, unknown, good, fair, poor]) => {
    const all = known + unknown || 1;
    return { good: good * known / all, fair: fair * known / all, poor: poor * known / all, unknown: unknown / all };
  });
  // Gaps in which nobody was there are zero people, not a line drawn across.
  const times = [], rows = parts.map(() => []);
  data.times.forEach((time, i) => {
    const before = data.times[i - 1];
    if (i && time - before > data.step) for (const at of [before + data.step, time - 1]) { times.push(at); rows.forEach((row) => row.push(0)); }
    times.push(time);
    let sum = 0;
    parts.forEach((name, n) => { sum += data.people[i] * shares[i][name]; rows[n].push(sum); });
  });
  const names = { good: data.names[0], fair: data.names[1], poor: data.names[2], unknown: data.names[3] };
  const size = () => ({ width: target.clientWidth, height: 270 });
  const series = parts.map((name, n) => ({
    label: names[name], stroke: colour(name), fill: colour(name), width: 1,
    paths: uPlot.paths.stepped({ align: 1 }), points: { show: false },
    value: (plot, value, _, i) => value == null || i == null ? "" : (value - (n ? plot.data[n][i] : 0)).toFixed(1),
  }));
  // The first one is drawn last: each covers what is below its own sum.
  const plot = new uPlot({ ...size(), series: [{}, ...series], bands: [[2, 1], [3, 2], [4, 3]].map((it) => ({ series: it, fill: colour(parts[it[0] - 1]) })), axes: axes("") }, [times, ...rows], target);
  new ResizeObserver(() => plot.setSize(size())).observe(target);
}

// Days of the reader's own calendar, the newest first.
function drawHeat(target, data) {
  const days = new Map();
  for (const [start, known, bad] of data.times) {
    const moment = new Date(start * 1000);
    const day = moment.toLocaleDateString(document.documentElement.lang, { weekday: "short", day: "numeric", month: "numeric" });
    if (!days.has(day)) days.set(day, Array(24).fill(null));
    const hours = days.get(day), at = moment.getHours();
    hours[at] = [(hours[at]?.[0] || 0) + known, (hours[at]?.[1] || 0) + bad];
  }
  const table = document.createElement("table");
  const head = table.createTHead().insertRow();
  head.append(document.createElement("th"));
  for (let hour = 0; hour < 24; hour++) head.append(Object.assign(document.createElement("th"), { textContent: hour % 6 ? "" : hour }));
  for (const [day, hours] of [...days].reverse()) {
    const row = table.createTBody().insertRow();
    row.append(Object.assign(document.createElement("th"), { textContent: day }));
    hours.forEach((it, hour) => {
      const cell = row.insertCell();
      if (!it || !it[0]) return;
      const share = it[1] / it[0];
      cell.className = `heat${[0, 0.02, 0.05, 0.15].filter((limit) => share > limit).length}`;
      cell.title = `${day}, ${hour} h: ${(share * 100).toFixed(1)} %`;
    });
  }
  target.append(table);
}

const drawers = { stack: drawStack, curves: drawCurves, heat: drawHeat };
for (const target of document.querySelectorAll("[data-plot]")) {
  const data = JSON.parse(target.parentElement.querySelector("script.data").textContent);
  if (data.times.length) drawers[target.dataset.plot](target, data);
}

// --- a meeting: curves under the lane, on the same axis ---

const shown = { quality: "quality", rtt_ms: "ms", down_loss_percent: "%", up_bitrate_video_kbps: "kbit/s", down_bitrate_video_kbps: "kbit/s" };
for (const button of document.querySelectorAll("[data-curves]")) {
  button.hidden = false;
  button.addEventListener("click", async () => {
    const open = button.getAttribute("aria-expanded") === "true";
    button.setAttribute("aria-expanded", String(!open));
    const lane = button.closest(".lane-row");
    if (open) { lane.querySelector(".panel").remove(); return; }
    const panel = lane.appendChild(Object.assign(document.createElement("div"), { className: "panel" }));
    panel.setAttribute("aria-busy", "true");
    panel.textContent = "…";
    const answer = await fetch(`${root}/api/v1/sessions/${button.dataset.curves}`);
    panel.removeAttribute("aria-busy");
    if (!answer.ok) { panel.textContent = (await answer.json()).title; return; }
    const session = await answer.json();
    panel.textContent = "";
    const times = session.times.map((it) => Date.parse(it) / 1000);
    const plots = Object.entries(shown).filter(([name]) => session.curves[name]).map(([name, unit]) => ({ title: name, unit, series: [{ name, values: session.curves[name] }] }));
    drawCurves(panel, { times, plots }, [Number(button.dataset.since), Number(button.dataset.until)]);
  });
}

// --- this moment ---

function replaceWhatChanged(target, html) {
  const fresh = document.createElement("div");
  fresh.innerHTML = html;
  localise(fresh);
  merge(target, fresh);
}

function merge(target, fresh) {
  const known = new Map([...target.children].map((it) => [it.dataset.key, it]));
  const kept = new Set();
  [...fresh.children].forEach((it, place) => {
    const old = known.get(it.dataset.key);
    kept.add(it.dataset.key);
    if (old && it.classList.contains("tiles")) merge(old, it);
    else if (old && old.outerHTML !== it.outerHTML) old.replaceWith(it);
    const now = old && old.isConnected ? old : it;
    if (target.children[place] !== now) target.insertBefore(now, target.children[place] || null);
  });
  for (const it of [...target.children]) if (!kept.has(it.dataset.key)) it.remove();
}

const live = document.getElementById("live");
if (live) {
  const state = document.getElementById("live-state");
  const source = new EventSource(live.dataset.source);
  source.onmessage = (event) => { state.textContent = ""; replaceWhatChanged(live, event.data); };
  source.onerror = () => { state.textContent = live.dataset.down; };
  source.addEventListener("down", source.onerror);
  addEventListener("pagehide", () => source.close());
}

// --- a window from and to, in the reader's own time ---

for (const form of document.querySelectorAll("form[data-window]")) {
  form.querySelector(".zone").textContent = Intl.DateTimeFormat().resolvedOptions().timeZone;
  form.addEventListener("submit", (event) => {
    event.preventDefault();
    const query = new URLSearchParams(new FormData(form));
    for (const name of ["since", "until"]) query.set(name, new Date(query.get(name)).toISOString().slice(0, 19) + "Z");
    location.assign(`${form.getAttribute("action")}?${query}`);
  });
}

// --- suggestions ---

const box = document.getElementById("q");
const suggestions = document.getElementById("suggestions");
let asked = 0;
const day = 86_400_000;
// The 30 days before it was last there: an old name leads to where it was, not to an empty page.
const around = (last) => {
  const at = (moment) => new Date(moment).toISOString().slice(0, 10);
  return `since=${at(Date.parse(last) - 30 * day)}&until=${at(Date.parse(last) + day)}`;
};
const targetOf = (it) => it.kind === "participant"
  ? `${root}/participants/${encodeURIComponent(it.name)}?${around(it.last)}`
  : `${root}/find?${around(it.last)}&q=${encodeURIComponent(it.name)}`;
box.addEventListener("input", async () => {
  const mine = ++asked;
  const text = box.value.trim();
  if (!text) { suggestions.hidden = true; return; }
  const answer = await fetch(`${root}/api/v1/search?q=${encodeURIComponent(text)}`);
  if (mine !== asked || !answer.ok) return;
  const found = (await answer.json()).slice(0, 8);
  suggestions.replaceChildren(...found.map((it) => {
    const link = document.createElement("a");
    link.href = targetOf(it);
    link.textContent = it.name;
    return link;
  }));
  suggestions.hidden = !found.length;
});
box.addEventListener("keydown", (event) => {
  if (event.key === "Escape") suggestions.hidden = true;
  if (event.key === "ArrowDown" && !suggestions.hidden) { suggestions.firstChild.focus(); event.preventDefault(); }
});
suggestions.addEventListener("keydown", (event) => {
  const step = { ArrowDown: "nextSibling", ArrowUp: "previousSibling" }[event.key];
  if (step) { (document.activeElement[step] || box).focus(); event.preventDefault(); }
  if (event.key === "Escape") { suggestions.hidden = true; box.focus(); }
});

// --- tables that sort ---

for (const table of document.querySelectorAll("table[data-sortable]")) {
  [...table.tHead.rows[0].cells].forEach((head, column) => {
    const button = document.createElement("button");
    button.textContent = head.textContent;
    head.replaceChildren(button);
    button.addEventListener("click", () => {
      const down = head.getAttribute("aria-sort") !== "descending";
      for (const it of table.tHead.rows[0].cells) it.removeAttribute("aria-sort");
      head.setAttribute("aria-sort", down ? "descending" : "ascending");
      const value = (row) => { const text = row.cells[column].textContent; const number = parseFloat(text); return Number.isNaN(number) || column === 0 ? text : number; };
      const rows = [...table.tBodies[0].rows].sort((a, b) => { const x = value(a), y = value(b); return (x < y ? -1 : x > y ? 1 : 0) * (down ? -1 : 1); });
      table.tBodies[0].append(...rows);
    });
  });
}

localise(document);
