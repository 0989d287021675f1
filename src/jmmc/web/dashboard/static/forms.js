// The menus with the time range, in the zone of the page, and the filters.

import { momentOf, wallTime } from "./times.js";

for (const form of document.querySelectorAll("form[data-time-range]")) {
  for (const name of ["since", "until"]) if (form.dataset[name]) form.elements[name].value = wallTime(new Date(form.dataset[name])).slice(0, 16);
  form.addEventListener("submit", (event) => {
    event.preventDefault();
    const query = new URLSearchParams(new FormData(form));
    query.delete("wall");
    for (const name of ["since", "until"]) query.set(name, momentOf(query.get(name)).toISOString().slice(0, 19) + "Z");
    location.assign(`${form.getAttribute("action")}?${query}`);
  });
}

for (const form of document.querySelectorAll("form[data-split]")) {
  if (form.dataset.at) form.elements.at.value = wallTime(new Date(form.dataset.at)).slice(0, 16);
  form.addEventListener("submit", (event) => {
    event.preventDefault();
    const query = new URLSearchParams([...new FormData(form)].filter(([, value]) => value));
    if (query.has("at")) query.set("at", momentOf(query.get("at")).toISOString().slice(0, 19) + "Z");
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
