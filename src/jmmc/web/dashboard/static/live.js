// A page that keeps itself up to date over server-sent events.

import { localise } from "./times.js";

export function replaceWhatChanged(target, html) {
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
