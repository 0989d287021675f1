// Suggestions under the search box.

import { closesOnLeaving } from "./forms.js";

const root = document.documentElement.dataset.root; // Where the pages are mounted.
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
