// The menus with the time range and the moment of a change, in the zone of the page, and the filters.

import { momentOf, wallTime } from "./times.js";

const WALL_TIME = /^\d{4}-\d{2}-\d{2}T\d{2}:\d{2}/;
const MOMENTS = ["since", "until", "at"];

for (const form of document.querySelectorAll("form[data-time-range], form[data-split]")) {
  for (const name of MOMENTS) if (form.dataset[name]) form.elements[name].value = wallTime(new Date(form.dataset[name])).slice(0, 16);
  form.addEventListener("submit", (event) => {
    event.preventDefault();
    const query = new URLSearchParams([...new FormData(form)].filter(([, value]) => value));
    query.delete("wall");
    // What is no time, the server answers with what is allowed.
    for (const name of MOMENTS) if (WALL_TIME.test(query.get(name))) query.set(name, momentOf(query.get(name)).toISOString().slice(0, 19) + "Z");
    location.assign(`${form.getAttribute("action")}?${query}`);
  });
}

for (const form of document.querySelectorAll("form[data-filter]")) {
  form.addEventListener("submit", (event) => {
    event.preventDefault();
    const query = new URLSearchParams([...new FormData(form)].filter(([, value]) => value));
    location.assign(`${form.getAttribute("action")}?${query}`);
  });
}

/** Call `close` when the reader clicks outside of an element, or moves the focus out of it. */
export function closeOnLeave(element, close) {
  addEventListener("click", (event) => { if (!element.contains(event.target)) close(); });
  element.addEventListener("focusout", (event) => { if (event.relatedTarget && !element.contains(event.relatedTarget)) close(); });
}

const menus = document.querySelectorAll(".menu");
for (const menu of menus) closeOnLeave(menu, () => { menu.open = false; });
addEventListener("keydown", (event) => {
  if (event.key !== "Escape" || event.defaultPrevented) return;
  for (const menu of menus) if (menu.open) { menu.open = false; menu.firstElementChild.focus(); }
});
