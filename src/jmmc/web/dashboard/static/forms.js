// The menus with the time range, in the reader's own time zone, and the filters.

/** Return a moment as an input of type datetime-local has it. */
const inputValue = (moment) => new Date(moment - moment.getTimezoneOffset() * 60_000).toISOString().slice(0, 16);

for (const form of document.querySelectorAll("form[data-time-range]")) {
  for (const name of ["since", "until"]) if (form.dataset[name]) form.elements[name].value = inputValue(new Date(form.dataset[name]));
  form.addEventListener("submit", (event) => {
    event.preventDefault();
    const query = new URLSearchParams(new FormData(form));
    for (const name of ["since", "until"]) query.set(name, new Date(query.get(name)).toISOString().slice(0, 19) + "Z");
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
  if (event.key !== "Escape") return;
  for (const menu of menus) if (menu.open) { menu.open = false; menu.firstElementChild.focus(); }
});
