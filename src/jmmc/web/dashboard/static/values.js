// The boxes of filters suggest stored values that contain what is typed: parts in any order and case.

import { closeOnLeave } from "./forms.js";
import { numbers } from "./times.js";

const root = document.documentElement.dataset.root; // Where the pages are mounted.

for (const field of document.querySelectorAll("input[data-values]")) {
  const list = document.createElement("div");
  list.hidden = true;
  let request = 0; // The number of the newest request; answers to older ones are dropped.
  const hide = () => { request++; list.hidden = true; };
  const choose = (value) => { field.value = value; hide(); field.focus(); };

  const suggest = async () => {
    const number = ++request;
    const query = new URLSearchParams({ of: field.dataset.values, q: field.value.trim() });
    const asked = new URLSearchParams(location.search);
    for (const name of ["since", "until"]) if (asked.get(name)) query.set(name, asked.get(name));
    const response = await fetch(`${root}/api/v1/values?${query}`);
    if (!response.ok || number !== request) return;
    const found = (await response.json()).filter(({ value }) => value !== field.value);
    if (number !== request) return;
    list.replaceChildren(...found.map(({ value, sessions }) => {
      const button = Object.assign(document.createElement("button"), { type: "button" });
      const text = field.name === "room" ? readable(value) : value;
      button.append(Object.assign(document.createElement("span"), { textContent: text }), Object.assign(document.createElement("small"), { textContent: numbers.format(sessions) }));
      button.addEventListener("click", () => choose(value));
      return button;
    }));
    list.hidden = !found.length;
  };

  const label = field.parentElement;
  const box = Object.assign(document.createElement("span"), { className: "values" });
  label.append(box);
  box.append(field, list);
  field.addEventListener("input", suggest);
  closeOnLeave(box, hide);
  box.addEventListener("keydown", (event) => {
    if (event.key === "Escape" && !list.hidden) { hide(); field.focus(); event.preventDefault(); }
    if (event.key !== "ArrowDown" && event.key !== "ArrowUp") return;
    const at = document.activeElement;
    const next = at === field ? (event.key === "ArrowDown" ? list.firstChild : null) : event.key === "ArrowDown" ? at.nextSibling : at.previousSibling || field;
    if (next && !list.hidden) next.focus();
    event.preventDefault();
  });
}

/** A room's name as people read it; what is no percent-encoding stays as it is. */
function readable(room) {
  try { return decodeURIComponent(room); } catch { return room; }
}
