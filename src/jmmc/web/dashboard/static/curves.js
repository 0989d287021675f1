// The charts of a session: the one that matters, all of them on demand, and in a meeting below a lane.

import { color, colorOf, createPlot, fitToWidth, JUST_BEFORE, timeAxis, timeSeries, valueAxis } from "./plots.js";
import { numbers } from "./times.js";
import { follow, pointAt, setInAddress, zoomedTo, zoomTo } from "./zoom.js";

const root = document.documentElement.dataset.root; // Where the pages are mounted.
const config = JSON.parse(document.getElementById("plots")?.textContent || "{}"); // See plots.html.

/** Call `draw` for the part of a plot from one moment to another, in pixels; not outside of it. */
function withinPlot({ bbox, valToPos }, start, end, draw) {
  const left = Math.max(valToPos(start, "x", true), bbox.left);
  const right = Math.min(valToPos(end, "x", true), bbox.left + bbox.width);
  if (right >= left) draw(left, right);
}

/** What is behind the curves: problems as shades, and the middle half of the others as a band. */
const drawBehind = (data, bands) => (plot) => {
  const { ctx, bbox } = plot;
  const shade = (name, alpha, left, top, width, height) => {
    ctx.globalAlpha = alpha;
    ctx.fillStyle = color(name);
    ctx.fillRect(left, top, width, height);
    ctx.globalAlpha = 1;
  };
  for (const [start, end, grade] of data.spells) {
    withinPlot(plot, start, end, (left, right) => shade(grade, 0.2, left, bbox.top, right - left, bbox.height));
  }
  for (const { name, low, high } of bands) {
    const [top, bottom] = [high, low].map((value) => Math.min(Math.max(plot.valToPos(value, "y", true), bbox.top), bbox.top + bbox.height));
    shade(name, 0.14, bbox.left, top, bbox.width, Math.max(bottom - top, 1));
  }
};

/** What is over the curves: events and the medians of others as dotted lines, limits as dashed ones. */
const drawOver = (data, bands, limits) => (plot) => {
  const { ctx, bbox } = plot;
  const [right, bottom] = [bbox.left + bbox.width, bbox.top + bbox.height];
  const line = (from, to, dash, name, width = devicePixelRatio) => {
    ctx.beginPath();
    ctx.setLineDash(dash.map((length) => length * devicePixelRatio));
    ctx.lineWidth = width;
    ctx.strokeStyle = color(name);
    ctx.moveTo(...from);
    ctx.lineTo(...to);
    ctx.stroke();
  };
  ctx.save();
  for (const at of data.marks) {
    const x = Math.round(plot.valToPos(at, "x", true));
    if (x >= bbox.left && x <= right) line([x, bbox.top], [x, bottom], [2, 3], "muted");
  }
  for (const { name, median } of bands) {
    const y = plot.valToPos(median, "y", true);
    if (y >= bbox.top && y <= bottom) line([bbox.left, y], [right, y], [1, 4], name, 2 * devicePixelRatio);
  }
  ctx.font = `${11 * devicePixelRatio}px system-ui, sans-serif`;
  ctx.textAlign = "right";
  ctx.textBaseline = "alphabetic";
  const written = [];
  for (const { value, grade, text } of limits) {
    const y = Math.round(plot.valToPos(value, "y", true));
    if (y < bbox.top || y > bottom) continue;
    line([bbox.left, y], [right, y], [8, 4], grade, 1.5 * devicePixelRatio);
    // Side by side where two limits are close to each other; with a rim, as it may stand on a curve.
    const beside = written.filter((other) => Math.abs(other - y) < 14 * devicePixelRatio).length;
    const place = [text, right - (4 + 110 * beside) * devicePixelRatio, y - bbox.top > 16 * devicePixelRatio ? y - 4 : y + 12 * devicePixelRatio];
    ctx.setLineDash([]);
    ctx.lineWidth = 3 * devicePixelRatio;
    ctx.strokeStyle = color("card");
    ctx.strokeText(...place);
    ctx.fillStyle = color("ink");
    ctx.fillText(...place);
    written.push(y);
  }
  ctx.restore();
};

// By the place of a curve in its plot; a test holds the charts to so many curves.
const SERIES_COLORS = ["good-text", "second", "third", "fourth"];
const SERIES_DASHES = [[], [7, 4], [2, 3], [9, 3, 2, 3]];
const NEAR = 0.4; // Of a limit: a curve that reaches it is drawn with the limit.

/** Wait for a task after the next frame, so that what is drawn is shown before more is drawn. */
const nextFrame = () => new Promise((resolve) => { requestAnimationFrame(() => { setTimeout(resolve); }); });

/**
 * Draw the curves of a session, one plot for each chart that has any.
 *
 * `range` is [since, until] of the time axis, by default that of the data; `pause` is awaited
 * between two plots. `large`: one chart that always shows its limits.
 */
export async function drawCurves(target, data, { range = null, pause = null, large = false } = {}) {
  const times = doubled(data.times).map((time, i) => (i % 2 ? time - JUST_BEFORE : time));
  const sizedPlots = [];
  for (const plot of config.plots) {
    const series = plot.series.filter(({ name }) => data.curves[name]);
    if (!series.length) continue;
    if (sizedPlots.length && pause) await pause();
    if (!target.isConnected) return;
    const figure = target.appendChild(document.createElement("div"));
    figure.className = "chart";
    const title = figure.appendChild(document.createElement("h3"));
    title.append(plot.heading, Object.assign(document.createElement("span"), { textContent: plot.unit }));
    const limits = (data.limits[plot.title] || []).map(([value, grade, falling, curves]) => ({ value, grade, falling, text: limitText(value, grade, falling, curves, plot) }));
    sizedPlots.push(drawPlot(figure, { ...plot, series, limits, large }, times, data, range || [times[0], times.at(-1)]));
  }
  fitToWidth(target, sizedPlots);
}

function limitText(value, grade, falling, curves, { unit, series }) {
  const labels = series.filter(({ name }) => curves.includes(name)).map(({ label }) => label);
  return [labels.join(", "), config[grade], falling ? "<" : ">", numbers.format(value), /\d/.test(unit) ? "" : unit].filter(Boolean).join(" ");
}

/**
 * Each value twice: where it begins, and just before the next one. Otherwise a value before a gap
 * would not be drawn. Of times the second one is the next (`shift` 1), of values the same.
 */
const doubled = (list, shift = 1) => list.slice(0, -1).flatMap((item, i) => [item, list[i + shift]]);

function drawPlot(target, { unit, series, limits, large }, times, data, whole) {
  const rows = series.map(({ name }) => doubled(data.curves[name], 0));
  const suffix = !unit || /\d/.test(unit) ? "" : `\u00a0${unit}`;
  const size = () => ({ width: target.clientWidth, height: large ? 210 : 130 });
  const bands = series.flatMap(({ name }, i) => {
    const [low, median, high] = data.others[name] || [];
    return median == null ? [] : [{ name: SERIES_COLORS[i], low, median, high }];
  });
  const highest = Math.max(0, ...rows.flatMap((row) => row.filter((value) => value != null)));
  const shown = limits.filter(({ value, falling }) => large || falling || highest >= value * NEAR).map(({ value }) => value);
  const plot = createPlot({
    padding: [10, 0, 0, 0],
    cursor: {
      sync: { key: "session", filters: { pub: (type) => type.startsWith("mousemove") || type === "mouseleave" } },
      y: false, drag: { x: true, y: false, setScale: false }, points: { size: 6 },
      bind: { dblclick: () => () => { zoomTo(null); return null; } },
    },
    scales: {
      x: { time: true, range: () => zoomedTo() || whole },
      y: { range: (_, low, high) => [Math.min(0, low), Math.max(high, ...shown, ...bands.map((band) => band.median), 0) * 1.08 || 1] },
    },
    series: [timeSeries(), ...series.map(({ label, name }, i) => ({
      label, stroke: colorOf(SERIES_COLORS[i]), width: 2, dash: SERIES_DASHES[i], paths: uPlot.paths.stepped({ align: 1 }), points: { show: false },
      value: (_, value, __, index) => (index == null ? summary(data, name) : value == null ? "–" : numbers.format(value) + suffix),
    }))],
    axes: [timeAxis(), valueAxis("")],
    hooks: {
      drawClear: [drawBehind(data, bands)], draw: [drawOver(data, bands, limits)],
      setSelect: [({ select, posToVal }) => { if (select.width > 2) zoomTo([posToVal(select.left, "x"), posToVal(select.left + select.width, "x")]); }],
      setCursor: [({ cursor, posToVal }) => pointAt(cursor.idx == null ? null : posToVal(cursor.left, "x"))],
    },
    legend: { markers: { stroke: (_, i) => `var(--${SERIES_COLORS[i - 1]})` } },
  }, [times, ...rows], target, size);
  follow(plot, whole);
  return [plot, size];
}

/** What a legend says of a curve while nothing is pointed at: its quantiles, and the others. */
function summary(data, name) {
  const [, median, high] = data.figures[name] || [];
  if (median == null) return "–";
  const [, others, , sessions] = data.others[name] || [];
  const own = `p50\u00a0${numbers.format(median)} · p95\u00a0${numbers.format(high)}`;
  return others == null ? own : `${own} · ${config.others}\u00a0${numbers.format(others)} (${sessions})`;
}

// --- charts on demand: all of a session, or those of a lane in a meeting ---

async function showCurves(panel, session, range) {
  panel.setAttribute("aria-busy", "true");
  panel.textContent = config.loading;
  try {
    const response = await fetch(`${root}/sessions/${session}/curves`);
    if (!response.ok) throw new Error(response.statusText);
    const data = await response.json();
    panel.removeAttribute("aria-busy");
    panel.textContent = data.times.length ? "" : config.deleted;
    // A dozen plots at once would block the page for a moment.
    if (data.times.length) await drawCurves(panel, data, { range, pause: nextFrame });
  } catch {
    panel.textContent = config.failed;
  }
}

for (const details of document.querySelectorAll("details[data-charts]")) {
  details.addEventListener("toggle", () => {
    const panel = details.querySelector(".curves");
    if (details.open && !panel.hasChildNodes()) showCurves(panel, details.dataset.charts, null);
  });
}

const lanes = document.querySelectorAll("[data-curves]");
const opened = (new URLSearchParams(location.search).get("curves") || "").split("-");
for (const button of lanes) {
  button.addEventListener("click", () => {
    const isOpen = button.getAttribute("aria-expanded") === "true";
    button.setAttribute("aria-expanded", String(!isOpen));
    const open = [...lanes].filter((lane) => lane.getAttribute("aria-expanded") === "true");
    setInAddress("curves", open.map((lane) => lane.dataset.curves).join("-") || null);
    const row = button.closest(".timeline-row");
    if (isOpen) { row.querySelector(".curves").remove(); return; }
    const panel = row.appendChild(Object.assign(document.createElement("div"), { className: "curves" }));
    const { curves, since, until } = button.dataset;
    showCurves(panel, curves, [Number(since), Number(until)]);
  });
}
for (const button of lanes) if (opened.includes(button.dataset.curves)) button.click();
