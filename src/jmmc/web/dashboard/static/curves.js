// The curves of a session, on its own page and under its timeline in a meeting.

import { color, colorOf, createPlot, fitToWidth, JUST_BEFORE, timeAxis, timeSeries, valueAxis } from "./plots.js";
import { numbers } from "./times.js";

const root = document.documentElement.dataset.root; // Where the pages are mounted.
const config = JSON.parse(document.getElementById("plots")?.textContent || "{}"); // See plots.html.

/** Hooks of uPlot: problems are shaded behind the curves, events are dotted lines over them. */
const shading = (data) => ({
  drawClear: [(plot) => {
    const { ctx, bbox } = plot;
    for (const [start, end, grade] of data.spells || []) {
      const left = Math.max(plot.valToPos(start, "x", true), bbox.left);
      const right = Math.min(plot.valToPos(end, "x", true), bbox.left + bbox.width);
      if (right <= left) continue;
      ctx.globalAlpha = 0.2;
      ctx.fillStyle = color(grade);
      ctx.fillRect(left, bbox.top, right - left, bbox.height);
      ctx.globalAlpha = 1;
    }
  }],
  draw: [(plot) => {
    const { ctx, bbox } = plot;
    ctx.save();
    ctx.strokeStyle = color("muted");
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
  }],
});

// By the place of a curve in its plot; a test holds the charts to so many curves.
const SERIES_COLORS = ["good-text", "second", "third", "fourth"];
const SERIES_DASHES = [[], [7, 4], [2, 3], [9, 3, 2, 3]];

/** Wait for a task after the next frame, so that what is drawn is shown before more is drawn. */
const nextFrame = () => new Promise((resolve) => { requestAnimationFrame(() => { setTimeout(resolve); }); });

/**
 * Draw all curves of a session, one plot below the other.
 *
 * `range` is [since, until] of the time axis, by default that of the data; `pause` is awaited
 * between two plots.
 */
export async function drawCurves(target, data, range = null, pause = null) {
  const times = doubled(data.times).map((time, i) => (i % 2 ? time - JUST_BEFORE : time));
  const sizedPlots = [];
  for (const plot of config.plots) {
    const series = plot.series.filter(({ name }) => data.curves[name]);
    if (!series.length) continue;
    if (sizedPlots.length && pause) await pause();
    if (!target.isConnected) return;
    const title = target.appendChild(document.createElement("h3"));
    title.append(plot.title, Object.assign(document.createElement("span"), { textContent: plot.unit }));
    sizedPlots.push(drawPlot(target, plot.unit, series, times, data, range || [times[0], times.at(-1)]));
  }
  fitToWidth(target, sizedPlots);
}

/**
 * Each value twice: where it begins, and just before the next one. Otherwise a value before a gap
 * would not be drawn. Of times the second one is the next (`shift` 1), of values the same.
 */
const doubled = (list, shift = 1) => list.slice(0, -1).flatMap((item, i) => [item, list[i + shift]]);

function drawPlot(target, unit, series, times, data, range) {
  // A curve without a unit has categories, such as the codec: they are numbered.
  const categories = unit ? null : [...new Set(series.flatMap(({ name }) => data.curves[name]))].filter((value) => value != null).map(String);
  const toNumber = (value) => (categories && value != null ? categories.indexOf(String(value)) : value);
  const toText = (value) => (value == null ? "–" : categories ? categories[value] ?? "" : numbers.format(value));
  const suffix = !unit || unit.includes("100") ? "" : ` ${unit}`;
  const rows = series.map(({ name }) => doubled(data.curves[name], 0).map(toNumber));
  const size = () => ({ width: target.clientWidth, height: categories ? 62 + 20 * categories.length : 130 });
  const isWhole = (low, high) => low === times[0] && high === times.at(-1); // Not zoomed.
  const axis = valueAxis("");
  if (categories) Object.assign(axis, { splits: () => categories.map((_, i) => i), values: (_, splits) => splits.map(toText), grid: { show: false } });
  const plot = createPlot({
    padding: [10, 0, 0, 0], cursor: { sync: { key: "session" }, y: false, drag: { x: true, y: false }, points: { size: 6 } },
    scales: {
      x: { time: true, range: (_, low, high) => (isWhole(low, high) ? range : [low, high]) },
      y: { range: (_, low, high) => (categories ? [-0.5, categories.length - 0.5] : [Math.min(0, low), high > 0 ? high * 1.08 : 1]) },
    },
    series: [timeSeries(), ...series.map(({ label }, i) => ({
      label, stroke: colorOf(SERIES_COLORS[i]), width: 2, dash: SERIES_DASHES[i], paths: uPlot.paths.stepped({ align: 1 }), points: { show: false },
      value: (_, value) => toText(value) + (value == null ? "" : suffix),
    }))],
    axes: [timeAxis(), axis], hooks: shading(data),
    legend: { markers: { stroke: (_, i) => `var(--${SERIES_COLORS[i - 1]})` } },
  }, [times, ...rows], target, size);
  return [plot, size];
}

// --- a meeting: curves under a timeline, on the same time axis ---

const seconds = (text) => Date.parse(text) / 1000;

/** Return an answer of the API in the form of `curves_of` in charts.py. */
const curveData = (session) => ({
  times: session.times.map(seconds), curves: session.curves,
  spells: session.spells.map(({ spell }) => [seconds(spell.start), seconds(spell.end), spell.grade]),
  marks: session.events.map((event) => seconds(event.at)),
});

async function showCurves(panel, { curves, since, until }) {
  panel.setAttribute("aria-busy", "true");
  panel.textContent = config.loading;
  try {
    const response = await fetch(`${root}/api/v1/sessions/${curves}`);
    const session = await response.json();
    if (!response.ok) { panel.textContent = session.title; return; }
    panel.removeAttribute("aria-busy");
    panel.textContent = session.times.length ? "" : config.deleted;
    // A dozen plots at once would block the page for a moment.
    if (session.times.length) drawCurves(panel, curveData(session), [Number(since), Number(until)], nextFrame);
  } catch {
    panel.textContent = config.failed;
  }
}

for (const button of document.querySelectorAll("[data-curves]")) {
  button.addEventListener("click", () => {
    const isOpen = button.getAttribute("aria-expanded") === "true";
    button.setAttribute("aria-expanded", String(!isOpen));
    const row = button.closest(".timeline-row");
    if (isOpen) { row.querySelector(".curves").remove(); return; }
    const panel = row.appendChild(Object.assign(document.createElement("div"), { className: "curves" }));
    showCurves(panel, button.dataset);
  });
}
