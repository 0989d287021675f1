// Keeps a page up to date: server-sent events bring its content, and what has changed is replaced.

import { localiseTimes } from "./times.js";

/** Replace those children of `target` that differ in `html`. Children are matched by data-key. */
export function replaceChanged(target, html) {
  const update = document.createElement("div");
  update.innerHTML = html;
  localiseTimes(update);
  merge(target, update);
}

/** Whether the children of an element are compared one by one, not the element as a whole. */
const isContainer = (element) => ["meetings", "meeting-cards", "with-sidebar"].includes(element.dataset.key);

function merge(target, update) {
  const children = new Map([...target.children].map((child) => [child.dataset.key, child]));
  const keys = new Set();
  [...update.children].forEach((next, position) => {
    const old = children.get(next.dataset.key);
    keys.add(next.dataset.key);
    if (old && isContainer(next)) merge(old, next);
    else if (old && old.outerHTML !== next.outerHTML) replaceKeepingFocus(old, next);
    const current = old && old.isConnected ? old : next;
    if (target.children[position] !== current) target.insertBefore(current, target.children[position] || null);
  });
  for (const child of [...target.children]) if (!keys.has(child.dataset.key)) child.remove();
}

function replaceKeepingFocus(old, next) {
  const focused = old.contains(document.activeElement) && document.activeElement.getAttribute("href");
  old.replaceWith(next);
  if (focused) [next, ...next.querySelectorAll("a")].find((link) => link.getAttribute("href") === focused)?.focus();
}

const live = document.getElementById("live");
if (live) {
  const state = document.getElementById("live-state");
  const source = new EventSource(live.dataset.source);
  const showState = (text, isLost) => {
    if (state.textContent !== text) state.textContent = text;
    state.classList.toggle("lost", isLost);
  };
  source.onmessage = (event) => { showState(live.dataset.up, false); replaceChanged(live, event.data); };
  source.onerror = () => showState(live.dataset.down, true);
  source.addEventListener("down", source.onerror);
  addEventListener("pagehide", () => source.close());
}
