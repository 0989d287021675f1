// Forms over a page: the window, in the reader's own time, and the filter.

const typed = (moment) => new Date(moment - moment.getTimezoneOffset() * 60_000).toISOString().slice(0, 16);
for (const form of document.querySelectorAll("form[data-window]")) {
  for (const name of ["since", "until"]) if (form.dataset[name]) form.elements[name].value = typed(new Date(form.dataset[name]));
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
const drops = document.querySelectorAll(".drop");
// What opens over the page closes when one goes on elsewhere, by mouse or by key.
export const closesOnLeaving = (it, close) => {
  addEventListener("click", (event) => { if (!it.contains(event.target)) close(); });
  it.addEventListener("focusout", (event) => { if (event.relatedTarget && !it.contains(event.relatedTarget)) close(); });
};
for (const it of drops) closesOnLeaving(it, () => { it.open = false; });
addEventListener("keydown", (event) => {
  if (event.key !== "Escape") return;
  for (const it of drops) if (it.open) { it.open = false; it.firstElementChild.focus(); }
});
