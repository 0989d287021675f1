// What all plots share: colors, size, axes.

import { noteHooks } from "./notes.js";
import { formats, numbers, tickLabel, tickTimes, zone } from "./times.js";

// The style sheet defines colors for light and dark: a canvas needs the computed ones.
const colors = new Map();
const plots = new Set();

export function color(name) {
  if (!colors.has(name)) {
    const probe = document.body.appendChild(document.createElement("i"));
    probe.style.color = `var(--${name})`;
    colors.set(name, getComputedStyle(probe).color);
    probe.remove();
  }
  return colors.get(name);
}
/** Seconds: a step ends this much before the next one begins, so that both ends are drawn. */
export const JUST_BEFORE = 0.001;

/** Return a function for uPlot, which asks for the color at each drawing. */
export const colorOf = (name) => () => color(name);

matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => {
  colors.clear();
  for (const plot of plots) plot.redraw();
});

/** Create a plot that is redrawn when the color scheme changes. */
export function createPlot(options, data, target, size) {
  const plot = new uPlot({ plugins: [{ hooks: noteHooks(color) }], ...options, ...size() }, data, target);
  plots.add(plot);
  return plot;
}

export const timeAxis = () => ({
  stroke: colorOf("muted"), grid: { stroke: colorOf("line"), width: 1 }, ticks: { stroke: colorOf("line"), width: 1 }, size: 30,
  splits: (plot, _, low, high) => tickTimes(low, high, Math.max(2, Math.floor((plot.width - 58) / 100))),
  // A label at the very end would be cut off.
  values: ({ scales: { x } }, splits) => splits.map((at) => (x.max - at < (x.max - x.min) * 0.025 ? "" : tickLabel(at))),
});
export const valueAxis = (label) => ({
  stroke: colorOf("muted"), grid: { stroke: colorOf("line"), width: 1 }, ticks: { show: false }, size: 58,
  ...(label && { label }), labelSize: 18, labelFont: "12px system-ui, sans-serif", values: (_, splits) => splits.map((value) => numbers.format(value)),
});
/** The series of the times: its legend shows `format` of the time under the cursor. */
export const timeSeries = (format = formats.second) => ({
  value: (_, at) => (at == null ? "–" : format.format(new Date(at * 1000))), label: zone,
});

/** Keep plots as wide as their element, and destroy them when it is removed. */
export function fitToWidth(target, sizedPlots) {
  let width = target.clientWidth;
  new ResizeObserver((_, observer) => {
    if (!target.isConnected) {
      observer.disconnect();
      sizedPlots.forEach(([plot]) => { plot.destroy(); plots.delete(plot); });
    } else if (target.clientWidth !== width) {
      width = target.clientWidth;
      sizedPlots.forEach(([plot, size]) => plot.setSize(size()));
    }
  }).observe(target);
}
