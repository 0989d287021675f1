// What the pages cannot do without a script: local times, curves, suggestions, and keeping up to date.
"use strict";

const root = document.documentElement.dataset.root; // Where the pages are mounted.

// Colours of the style sheet are written for light and dark: a canvas needs those in force.
const colours = new Map();
const plotted = new Set();
const colour = (name) => {
  if (!colours.has(name)) {
    const probe = document.body.appendChild(document.createElement("i"));
    probe.style.color = `var(--${name})`;
    colours.set(name, getComputedStyle(probe).color);
    probe.remove();
  }
  return colours.get(name);
};
const inked = (name) => () => colour(name);
matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => {
  colours.clear();
  for (const it of plotted) it.redraw();
});

/** A plot that follows the width of its place and the colours of the reader. */
function plotOf(options, data, target, size) {
  const it = new uPlot({ ...options, ...size() }, data, target);
  plotted.add(it);
  return it;
}

// The reader's own way of writing times, where it is in the language of the page.
const language = document.documentElement.lang;
const locale = navigator.languages.find((it) => it.startsWith(language)) || language;
const zone = Intl.DateTimeFormat().resolvedOptions().timeZone;
const formats = {
  clock: new Intl.DateTimeFormat(locale, { hour: "2-digit", minute: "2-digit" }),
  second: new Intl.DateTimeFormat(locale, { hour: "2-digit", minute: "2-digit", second: "2-digit" }),
  day: new Intl.DateTimeFormat(locale, { weekday: "short", day: "numeric", month: "short" }),
  moment: new Intl.DateTimeFormat(locale, { weekday: "short", day: "numeric", month: "short", hour: "2-digit", minute: "2-digit" }),
  dated: new Intl.DateTimeFormat(locale, { day: "numeric", month: "short", year: "numeric", hour: "2-digit", minute: "2-digit" }),
};
const numbers = new Intl.NumberFormat(locale, { maximumFractionDigits: 2 });

function localise(part) {
  const year = new Date().getFullYear();
  for (const it of part.querySelectorAll("time[datetime]")) {
    const moment = new Date(it.dateTime);
    const near = moment.getFullYear() === year ? formats.moment : formats.dated;
    it.textContent = (it.classList.contains("clock") ? formats.clock : near).format(moment);
    it.title = moment.toISOString();
  }
  for (const it of part.querySelectorAll(".zone")) it.textContent = zone.replaceAll("_", " ");
  for (const it of part.querySelectorAll(".ticks")) drawTicks(it);
}

// --- axes of time ---

const steps = [60, 120, 300, 600, 900, 1800, 3600, 7200, 10800, 21600, 43200, 86400, 2 * 86400, 7 * 86400];

/** Moments at whole steps of the reader's clock, at most `most` of them. */
function ticksOf(since, until, most) {
  const step = steps.find((it) => (until - since) / it <= most) || steps.at(-1);
  const shift = -new Date(since * 1000).getTimezoneOffset() * 60;
  const found = [];
  for (let at = Math.ceil((since + shift) / step) * step - shift; at <= until; at += step) found.push(at);
  return found;
}

const tickText = (at) => {
  const moment = new Date(at * 1000);
  return moment.getHours() || moment.getMinutes() ? formats.clock.format(moment) : formats.day.format(moment);
};

function drawTicks(target) {
  const [since, until] = [Number(target.dataset.since), Number(target.dataset.until)];
  if (until <= since) return;
  const most = Math.max(2, Math.floor(target.clientWidth / 95));
  const inner = ticksOf(since, until, most).filter((at) => at - since > (until - since) * 0.02 && until - at > (until - since) * 0.02);
  target.classList.add("drawn");
  target.replaceChildren(...inner.map((at) => {
    const it = Object.assign(document.createElement("span"), { textContent: tickText(at) });
    it.style.left = `${((at - since) / (until - since)) * 100}%`;
    return it;
  }));
}

// --- curves ---

const timeAxis = () => ({
  stroke: inked("quiet"), grid: { stroke: inked("line"), width: 1 }, ticks: { stroke: inked("line"), width: 1 }, size: 30,
  splits: (plot, _, low, high) => ticksOf(low, high, Math.max(2, Math.floor((plot.width - 58) / 100))),
  // A name at the very end would be cut off.
  values: ({ scales: { x } }, splits) => splits.map((at) => (x.max - at < (x.max - x.min) * 0.025 ? "" : tickText(at))),
});
const valueAxis = (label) => ({
  stroke: inked("quiet"), grid: { stroke: inked("line"), width: 1 }, ticks: { show: false }, size: 58,
  ...(label && { label }), labelSize: 18, labelFont: "12px system-ui, sans-serif", values: (_, splits) => splits.map((it) => numbers.format(it)),
});
const timeLegend = { value: (_, at) => (at == null ? "–" : formats.second.format(new Date(at * 1000))), label: zone };

/** Behind the curves: when it was bad; over them: when something happened. */
const shades = (data) => ({
  drawClear: (plot) => {
    const { ctx, bbox } = plot;
    for (const [start, end, grade] of data.spells || []) {
      const left = Math.max(plot.valToPos(start, "x", true), bbox.left);
      const right = Math.min(plot.valToPos(end, "x", true), bbox.left + bbox.width);
      if (right <= left) continue;
      ctx.globalAlpha = 0.2;
      ctx.fillStyle = colour(grade);
      ctx.fillRect(left, bbox.top, right - left, bbox.height);
      ctx.globalAlpha = 1;
    }
  },
  draw: (plot) => {
    const { ctx, bbox } = plot;
    ctx.save();
    ctx.strokeStyle = colour("quiet");
    ctx.setLineDash([2, 3]);
    for (const at of data.marks || []) {
      const x = Math.round(plot.valToPos(at, "x", true));
      if (x < bbox.left || x > bbox.left + bbox.width) continue;
      ctx.beginPath();
      ctx.moveTo(x, bbox.top);
      ctx.lineTo(x, bbox.top + bbox.height);
      ctx.stroke();
    }
    ctx.restore();
  },
});

// A task of its own after the next frame: what was drawn is seen before more is drawn.
const seen = () => new Promise((resolve) => { requestAnimationFrame(() => { setTimeout(resolve); }); });

async function drawCurves(target, data, window, breathe = null) {
  const palette = ["good-text", "second"];
  // The last value holds until the end.
  const times = [...data.times, Math.max(data.end, data.times.at(-1))];
  const range = window || [times[0], times.at(-1)];
  const plots = [];
  for (const plot of known.plots) {
    const curves = plot.series.filter((it) => data.curves[it.name]);
    if (!curves.length) continue;
    if (plots.length && breathe) await breathe();
    if (!target.isConnected) return;
    const title = target.appendChild(document.createElement("h3"));
    title.append(plot.title, Object.assign(document.createElement("span"), { textContent: plot.unit }));
    const words = plot.unit ? null : [...new Set(curves.flatMap((it) => data.curves[it.name]))].filter((it) => it != null).map(String);
    const say = (value) => (value == null ? "–" : words ? words[value] ?? "" : numbers.format(value));
    const rows = curves.map((it) => [...data.curves[it.name], data.curves[it.name].at(-1)].map((value) => (words && value != null ? words.indexOf(String(value)) : value)));
    const height = words ? 62 + 20 * words.length : 130;
    const size = () => ({ width: target.clientWidth, height });
    const bounds = words ? [-0.5, words.length - 0.5] : null;
    const axis = valueAxis("");
    if (words) Object.assign(axis, { splits: () => words.map((_, i) => i), values: (_, splits) => splits.map(say), grid: { show: false } });
    const it = plotOf({
      padding: [10, 0, 0, 0], cursor: { sync: { key: "session" }, y: false, drag: { x: true, y: false }, points: { size: 6 } },
      scales: { x: { time: true, range: (_, low, high) => (low === times[0] && high === times.at(-1) ? range : [low, high]) }, y: { range: (_, low, high) => bounds || [Math.min(0, low), high > 0 ? high * 1.08 : 1] } },
      series: [timeLegend, ...curves.map((one, i) => ({
        label: one.label, stroke: inked(palette[i]), width: 2, dash: i ? [7, 4] : [], paths: uPlot.paths.stepped({ align: 1 }), points: { show: false }, value: (_, value) => say(value) + (value == null || !plot.unit || plot.unit.includes("100") ? "" : ` ${plot.unit}`),
      }))],
      axes: [timeAxis(), axis], hooks: { drawClear: [shades(data).drawClear], draw: [shades(data).draw] },
      legend: { markers: { stroke: (_, i) => `var(--${palette[i - 1]})` } },
    }, [times, ...rows], target, size);
    plots.push([it, size]);
  }
  follow(target, plots);
}

/** Plots are as wide as their place, and forgotten with it. */
function follow(target, plots) {
  let width = target.clientWidth;
  new ResizeObserver((_, observer) => {
    if (!target.isConnected) {
      observer.disconnect();
      plots.forEach(([it]) => { it.destroy(); plotted.delete(it); });
    } else if (target.clientWidth !== width) {
      width = target.clientWidth;
      plots.forEach(([it, size]) => it.setSize(size()));
    }
  }).observe(target);
}

function drawStack(target, data) {
  const parts = ["poor", "fair", "good", "unknown"];
  const shares = data.seconds.map(([known, unknown, good, fair, poor]) => {
    const all = known + unknown || 1;
    return { good: good * known / all, fair: fair * known / all, poor: poor * known / all, unknown: unknown / all };
  });
  // Gaps in which nobody was there are zero people, not a line drawn across.
  const times = [], counts = parts.map(() => []), percents = parts.map(() => []);
  const push = (time, people, share) => {
    times.push(time);
    let sum = 0;
    parts.forEach((name, n) => { sum += share ? share[name] : 0; counts[n].push(people * sum); percents[n].push(share ? 100 * sum : null); });
  };
  if (data.times[0] > data.since) push(data.since, 0);
  data.times.forEach((time, i) => {
    const before = data.times[i - 1];
    if (i && time - before > data.step) push(before + data.step, 0);
    push(time, data.people[i], shares[i]);
  });
  push(Math.min(data.times.at(-1) + data.step, data.until), 0);
  if (times.at(-1) < data.until) push(data.until, 0);
  const names = { good: data.names[0], fair: data.names[1], poor: data.names[2], unknown: data.names[3] };
  const plots = [[counts, data.axes[0], 240, ""], [percents, data.axes[1], 140, "\u00a0%"]].map(([rows, label, height, unit]) => {
    const size = () => ({ width: target.clientWidth, height });
    const series = parts.map((name, n) => ({
      label: names[name], stroke: inked(name), fill: inked(name), width: 0,
      paths: uPlot.paths.stepped({ align: 1 }), points: { show: false },
      value: (plot, value, _, i) => (value == null || i == null ? "–" : numbers.format(Math.round((value - (n ? plot.data[n][i] : 0)) * 10) / 10) + unit),
    }));
    // The first one is drawn last: each covers what is below its own sum.
    const y = unit ? { range: [0, 100] } : { range: (_, low, high) => [0, Math.max(1, high * 1.05)] };
    const options = { legend: { markers: { fill: (_, i) => `var(--${parts[i - 1]})` } }, cursor: { sync: { key: "window" }, y: false, drag: { x: false, y: false }, points: { show: false } }, scales: { x: { range: [data.since, data.until] }, y }, series: [{ ...timeLegend, value: (_, at) => (at == null ? "–" : formats.moment.format(new Date(at * 1000))) }, ...series], bands: [[2, 1], [3, 2], [4, 3]].map((it) => ({ series: it, fill: inked(parts[it[0] - 1]) })), axes: [timeAxis(), valueAxis(label)] };
    return [plotOf(options, [times, ...rows], target, size), size];
  });
  follow(target, plots);
}

// Days of the reader's own calendar, the newest first.
function drawHeat(target, data) {
  const days = new Map();
  for (const [start, known, bad] of data.times) {
    const moment = new Date(start * 1000);
    const day = formats.day.format(moment);
    if (!days.has(day)) days.set(day, Array(24).fill(null));
    const hours = days.get(day), at = moment.getHours();
    hours[at] = [(hours[at]?.[0] || 0) + known, (hours[at]?.[1] || 0) + bad];
  }
  const table = document.createElement("table");
  table.createCaption().textContent = `${data.hour} (${zone})`;
  const head = table.createTHead().insertRow();
  head.append(document.createElement("th"));
  for (let hour = 0; hour < 24; hour++) head.append(Object.assign(document.createElement("th"), { textContent: hour % 3 ? "" : hour }));
  const body = table.createTBody();
  for (const [day, hours] of [...days].reverse()) {
    const row = body.insertRow();
    row.append(Object.assign(document.createElement("th"), { textContent: day, scope: "row" }));
    hours.forEach((it, hour) => {
      const cell = row.insertCell();
      if (!it || !it[0]) return;
      const share = it[1] / it[0];
      cell.className = `heat${[0, 0.02, 0.05, 0.15].filter((limit) => share > limit).length}`;
      cell.title = `${day}, ${hour} – ${hour + 1} h: ${numbers.format(Math.round(share * 1000) / 10)} %, ${numbers.format(Math.round(it[0] / 60))} min`;
    });
  }
  target.append(table);
}

const known = JSON.parse(document.getElementById("plots")?.textContent || "{}");
const drawers = { stack: drawStack, curves: drawCurves, heat: drawHeat };
for (const target of document.querySelectorAll("[data-plot]")) {
  const data = JSON.parse(target.parentElement.querySelector("script.data").textContent);
  if (data.times.length) drawers[target.dataset.plot](target, data);
}

// --- a meeting: curves under the lane, on the same axis ---

const seconds = (text) => Date.parse(text) / 1000;
for (const button of document.querySelectorAll("[data-curves]")) {
  button.addEventListener("click", async () => {
    const open = button.getAttribute("aria-expanded") === "true";
    button.setAttribute("aria-expanded", String(!open));
    const lane = button.closest(".lane-row");
    if (open) { lane.querySelector(".curves").remove(); return; }
    const panel = lane.appendChild(Object.assign(document.createElement("div"), { className: "curves" }));
    panel.setAttribute("aria-busy", "true");
    panel.textContent = known.loading;
    try {
      const answer = await fetch(`${root}/api/v1/sessions/${button.dataset.curves}`);
      const session = await answer.json();
      if (!answer.ok) { panel.textContent = session.title; return; }
      panel.removeAttribute("aria-busy");
      panel.textContent = session.times.length ? "" : known.gone;
      if (!session.times.length) return;
      drawCurves(panel, {
        times: session.times.map(seconds), end: seconds(session.summary.ended), curves: session.curves,
        spells: session.spells.map((it) => [seconds(it.spell.start), seconds(it.spell.end), it.spell.grade]), marks: session.events.map((it) => seconds(it.at)),
      }, [Number(button.dataset.since), Number(button.dataset.until)], seen); // A dozen plots at once would be a jerk.
    } catch {
      panel.textContent = known.failed;
    }
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
    if (old && (it.classList.contains("tiles") || it.classList.contains("side") || it.dataset.key === "meetings")) merge(old, it);
    else if (old && old.outerHTML !== it.outerHTML) {
      const focused = old.contains(document.activeElement) && document.activeElement.getAttribute("href");
      old.replaceWith(it);
      if (focused) [it, ...it.querySelectorAll("a")].find((link) => link.getAttribute("href") === focused)?.focus();
    }
    const now = old && old.isConnected ? old : it;
    if (target.children[place] !== now) target.insertBefore(now, target.children[place] || null);
  });
  for (const it of [...target.children]) if (!kept.has(it.dataset.key)) it.remove();
}

const live = document.getElementById("live");
if (live) {
  const state = document.getElementById("live-state");
  const source = new EventSource(live.dataset.source);
  const say = (text, lost) => { if (state.textContent !== text) state.textContent = text; state.classList.toggle("lost", lost); };
  source.onmessage = (event) => { say(live.dataset.up, false); replaceWhatChanged(live, event.data); };
  source.onerror = () => say(live.dataset.down, true);
  source.addEventListener("down", source.onerror);
  addEventListener("pagehide", () => source.close());
}

// --- a window from and to, in the reader's own time ---

const typed = (moment) => new Date(moment - moment.getTimezoneOffset() * 60_000).toISOString().slice(0, 16);
for (const form of document.querySelectorAll("form[data-window]")) {
  for (const name of ["since", "until"]) if (form.dataset[name]) form.elements[name].value = typed(new Date(form.dataset[name]));
  form.addEventListener("submit", (event) => {
    event.preventDefault();
    const query = new URLSearchParams(new FormData(form));
    for (const name of ["since", "until"]) query.set(name, new Date(query.get(name)).toISOString().slice(0, 19) + "Z");
    location.assign(`${form.getAttribute("action")}?${query}`);
  });
}
for (const form of document.querySelectorAll("form[data-filter]")) {
  form.addEventListener("submit", (event) => {
    event.preventDefault();
    const query = new URLSearchParams([...new FormData(form)].filter(([, value]) => value));
    location.assign(`${form.getAttribute("action")}?${query}`);
  });
}
const drops = document.querySelectorAll(".drop");
// What opens over the page closes when one goes on elsewhere, by mouse or by key.
const closesOnLeaving = (it, close) => {
  addEventListener("click", (event) => { if (!it.contains(event.target)) close(); });
  it.addEventListener("focusout", (event) => { if (event.relatedTarget && !it.contains(event.relatedTarget)) close(); });
};
for (const it of drops) closesOnLeaving(it, () => { it.open = false; });
addEventListener("keydown", (event) => {
  if (event.key !== "Escape") return;
  for (const it of drops) if (it.open) { it.open = false; it.firstElementChild.focus(); }
});

// --- a page that waits shows that it works ---

const waits = () => { document.body.dataset.waiting = ""; };
addEventListener("click", (event) => {
  const link = event.target.closest?.("a[href]");
  const here = link && link.origin === location.origin && !link.hasAttribute("download") && !link.getAttribute("href").startsWith("#");
  if (here && !event.defaultPrevented && !event.ctrlKey && !event.metaKey && !event.shiftKey && event.button === 0) waits();
});
addEventListener("submit", waits);
addEventListener("pageshow", () => { delete document.body.dataset.waiting; });

// --- suggestions ---

const box = document.getElementById("q");
const suggestions = document.getElementById("suggestions");
const kinds = JSON.parse(suggestions.dataset.kinds);
let asked = 0;
// Whoever has left the box, or chosen among what it found, has no use for answers still under way.
const closeSuggestions = () => { asked++; suggestions.hidden = true; };
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
  const text = box.value.trim();
  if (!text) { closeSuggestions(); return; }
  const mine = ++asked;
  const answer = await fetch(`${root}/api/v1/search?q=${encodeURIComponent(text)}`);
  if (!answer.ok) return;
  const found = (await answer.json()).slice(0, 8);
  if (mine !== asked) return;
  suggestions.replaceChildren(...found.map((it) => {
    const link = document.createElement("a");
    link.href = targetOf(it);
    link.append(Object.assign(document.createElement("span"), { className: "kind", textContent: kinds[it.kind] || it.kind }), it.name);
    return link;
  }));
  suggestions.hidden = !found.length;
});
addEventListener("keydown", (event) => {
  if (event.key !== "/" || event.ctrlKey || event.metaKey || event.target.closest("input, textarea, select")) return;
  event.preventDefault();
  box.focus();
  box.select();
});
closesOnLeaving(box.form, closeSuggestions);
box.addEventListener("keydown", (event) => {
  if (event.key === "Escape") closeSuggestions();
  if (event.key === "ArrowDown" && !suggestions.hidden) { suggestions.firstChild.focus(); event.preventDefault(); }
});
suggestions.addEventListener("focusin", () => { asked++; });
suggestions.addEventListener("keydown", (event) => {
  const step = { ArrowDown: "nextSibling", ArrowUp: "previousSibling" }[event.key];
  if (step) { (document.activeElement[step] || box).focus(); event.preventDefault(); }
  if (event.key === "Escape") { closeSuggestions(); box.focus(); }
});

// --- tables that sort ---

for (const table of document.querySelectorAll("table[data-sortable]")) {
  [...table.tHead.rows[0].cells].forEach((head, column) => {
    if ("fixed" in head.dataset) return;
    const button = document.createElement("button");
    button.textContent = head.textContent;
    head.replaceChildren(button);
    button.addEventListener("click", () => {
      const down = head.getAttribute("aria-sort") !== "descending";
      for (const it of table.tHead.rows[0].cells) it.removeAttribute("aria-sort");
      head.setAttribute("aria-sort", down ? "descending" : "ascending");
      const value = (row) => { const cell = row.cells[column]; return "value" in cell.dataset ? Number(cell.dataset.value) : cell.textContent; };
      const order = (x, y) => (typeof x === "string" ? x.localeCompare(y, locale, { numeric: true }) : x - y);
      const rows = [...table.tBodies[0].rows].sort((a, b) => order(value(a), value(b)) * (down ? -1 : 1));
      table.tBodies[0].append(...rows);
    });
  });
}

localise(document);
