// The curves of a session, on its own page and under its lane of a meeting.

import { colour, follow, inked, plotOf, timeAxis, timeLegend, valueAxis } from "./plots.js";
import { numbers } from "./times.js";

const root = document.documentElement.dataset.root; // Where the pages are mounted.
const known = JSON.parse(document.getElementById("plots")?.textContent || "{}");

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

export async function drawCurves(target, data, window, breathe = null) {
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
