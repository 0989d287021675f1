// What all plots share: colours, size, axes.

import { formats, numbers, ticksOf, tickText, zone } from "./times.js";

// Colours of the style sheet are written for light and dark: a canvas needs those in force.
const colours = new Map();
const plotted = new Set();
export const colour = (name) => {
  if (!colours.has(name)) {
    const probe = document.body.appendChild(document.createElement("i"));
    probe.style.color = `var(--${name})`;
    colours.set(name, getComputedStyle(probe).color);
    probe.remove();
  }
  return colours.get(name);
};
export const inked = (name) => () => colour(name);
matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => {
  colours.clear();
  for (const it of plotted) it.redraw();
});

/** A plot that follows the width of its place and the colours of the reader. */
export function plotOf(options, data, target, size) {
  const it = new uPlot({ ...options, ...size() }, data, target);
  plotted.add(it);
  return it;
}

export const timeAxis = () => ({
  stroke: inked("quiet"), grid: { stroke: inked("line"), width: 1 }, ticks: { stroke: inked("line"), width: 1 }, size: 30,
  splits: (plot, _, low, high) => ticksOf(low, high, Math.max(2, Math.floor((plot.width - 58) / 100))),
  // A name at the very end would be cut off.
  values: ({ scales: { x } }, splits) => splits.map((at) => (x.max - at < (x.max - x.min) * 0.025 ? "" : tickText(at))),
});
export const valueAxis = (label) => ({
  stroke: inked("quiet"), grid: { stroke: inked("line"), width: 1 }, ticks: { show: false }, size: 58,
  ...(label && { label }), labelSize: 18, labelFont: "12px system-ui, sans-serif", values: (_, splits) => splits.map((it) => numbers.format(it)),
});
export const timeLegend = { value: (_, at) => (at == null ? "–" : formats.second.format(new Date(at * 1000))), label: zone };

/** Plots are as wide as their place, and forgotten with it. */
export function follow(target, plots) {
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
