// Suggestions under the search field.

import { closeOnLeave } from "./forms.js";

const MAX_SUGGESTIONS = 8;
const DAY = 86_400_000; // Milliseconds

const root = document.documentElement.dataset.root; // Where the pages are mounted.
const field = document.getElementById("q");
const list = document.getElementById("suggestions");
const kindNames = JSON.parse(list.dataset.kinds);
let request = 0; // The number of the newest request; answers to older ones are dropped.

function hideSuggestions() {
  request++;
  list.hidden = true;
}

/** Return a query from 30 days before a moment to one day after it: where an old name was seen. */
function daysAround(last) {
  const date = (moment) => new Date(moment).toISOString().slice(0, 10);
  return `since=${date(Date.parse(last) - 30 * DAY)}&until=${date(Date.parse(last) + DAY)}`;
}

function hitUrl({ kind, name, last, session }) {
  if (kind === "code") return `${root}/sessions/${session}`;
  const encoded = encodeURIComponent(name);
  if (kind === "participant") return `${root}/participants/${encoded}?${daysAround(last)}`;
  if (kind === "room") return `${root}/meetings?${daysAround(last)}&typed=1&room=${encoded}`;
  return `${root}/${kind === "name" ? "sessions" : "find"}?${daysAround(last)}&${kind === "name" ? "name" : "q"}=${encoded}`;
}

function hitLink(hit) {
  const link = document.createElement("a");
  link.href = hitUrl(hit);
  link.append(Object.assign(document.createElement("span"), { className: "kind", textContent: kindNames[hit.kind] || hit.kind }), hit.name);
  return link;
}

field.addEventListener("input", async () => {
  const text = field.value.trim();
  if (!text) { hideSuggestions(); return; }
  const number = ++request;
  const response = await fetch(`${root}/api/v1/search?q=${encodeURIComponent(text)}`);
  if (!response.ok) return;
  const hits = (await response.json()).slice(0, MAX_SUGGESTIONS);
  if (number !== request) return;
  list.replaceChildren(...hits.map(hitLink));
  list.hidden = !hits.length;
});

addEventListener("keydown", (event) => {
  if (event.key !== "/" || event.ctrlKey || event.metaKey || event.target.closest("input, textarea, select")) return;
  event.preventDefault();
  field.focus();
  field.select();
});
closeOnLeave(field.form, hideSuggestions);
field.addEventListener("keydown", (event) => {
  if (event.key === "Escape") hideSuggestions();
  if (event.key === "ArrowDown" && !list.hidden) { list.firstChild.focus(); event.preventDefault(); }
});
list.addEventListener("focusin", () => { request++; });
list.addEventListener("keydown", (event) => {
  const sibling = { ArrowDown: "nextSibling", ArrowUp: "previousSibling" }[event.key];
  if (sibling) { (document.activeElement[sibling] || field).focus(); event.preventDefault(); }
  if (event.key === "Escape") { hideSuggestions(); field.focus(); }
});
