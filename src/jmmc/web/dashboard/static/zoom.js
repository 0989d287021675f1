// One time range for all charts of a page: what is selected in one is shown in all, on the tracks, and
// in the address, so that it can be shared and the back button leads to the range before.

import { formats } from "./times.js";

const plots = new Map(); // Each plot with its whole range.
const back = document.querySelector("[data-zoom-back]");
const tracks = document.querySelector("[data-tracks]");
let zoomed = rangeOfAddress();

/** Return the range that is shown, null for all of it. */
export const zoomedTo = () => zoomed;

/** Show a range [since, until] in all charts; null shows all of it. */
export function zoomTo(range) {
  const whole = range && [Math.floor(range[0]), Math.ceil(range[1])];
  setInAddress("zoom", whole && whole.join("-"), "pushState");
  show(range);
}

/** The range that the address has, null for none. */
function rangeOfAddress() {
  const found = /^(\d{1,11})-(\d{1,11})$/.exec(new URLSearchParams(location.search).get("zoom") || "");
  const range = found && [Number(found[1]), Number(found[2])];
  return range && range[0] < range[1] ? range : null;
}

/** Put a parameter into the address of the page, null for none; `change` is a method of history. */
export function setInAddress(name, value, change = "replaceState") {
  const address = new URL(location.href);
  if (address.searchParams.get(name) === value) return;
  if (value) address.searchParams.set(name, value);
  else address.searchParams.delete(name);
  history[change](null, "", address);
}

function show(range) {
  zoomed = range;
  for (const [plot, whole] of plots) {
    if (!plot.root.isConnected) { plots.delete(plot); continue; }
    const [min, max] = range || whole;
    plot.setSelect({ left: 0, width: 0 }, false);
    plot.setScale("x", { min, max });
  }
  place("zoom-window", range);
  if (!back) return;
  back.hidden = !range;
  if (range) back.querySelector("span").textContent = range.map((at) => formats.second.format(new Date(at * 1000))).join(" – ");
}

/** Let a plot follow the range that is shown. */
export function follow(plot, whole) {
  plots.set(plot, whole);
}

/** Show a moment on the tracks; null shows none. */
export function pointAt(moment) {
  place("pointer", moment == null ? null : [moment, moment]);
}

/** Place a mark over the tracks, from one moment to another. */
function place(name, range) {
  if (!tracks) return;
  const mark = tracks.querySelector(`.${name}`);
  mark.hidden = !range;
  if (!range) return;
  const { since, until } = tracks.dataset;
  const [left, right] = range.map((at) => Math.min(1, Math.max(0, (at - since) / (until - since))) * 100);
  Object.assign(mark.style, { left: `${left}%`, width: `${right - left}%` });
}

/** Zoom to the range in the URL, and open the charts of a session. */
function showAddress() {
  const range = rangeOfAddress();
  const details = document.querySelector("details[data-charts]");
  if (range && details) details.open = true;
  show(range);
}

if (back) {
  addEventListener("popstate", showAddress);
  if (zoomed) showAddress();
  back.addEventListener("click", () => zoomTo(null));
  document.addEventListener("keydown", ({ key }) => { if (key === "Escape" && zoomed) zoomTo(null); });
}
for (const button of document.querySelectorAll("[data-zoom]")) {
  button.hidden = false;
  button.addEventListener("click", () => {
    const details = document.querySelector("details[data-charts]");
    if (details) details.open = true;
    zoomTo(button.dataset.zoom.split(",").map(Number));
  });
}
