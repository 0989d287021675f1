// The API reference: shows the sections that have what is typed, and folds the contents on a phone.

const field = document.querySelector("[data-sections]");
if (field) {
  const reference = document.querySelector(".reference");
  const sections = [...reference.querySelectorAll("section")].map((section) => ({ section, text: section.textContent.toLowerCase(), link: reference.querySelector(`a[href="#${section.id}"]`) }));
  const status = document.querySelector("[data-found]");
  if (matchMedia("(max-width: 60rem)").matches) reference.querySelector(".contents").open = false;
  field.closest("[hidden]").hidden = false;
  field.addEventListener("input", () => {
    const parts = field.value.toLowerCase().split(/\s+/).filter(Boolean);
    let found = 0;
    for (const { section, text, link } of sections) {
      const isShown = parts.every((part) => text.includes(part));
      found += isShown;
      section.hidden = !isShown;
      link.parentElement.hidden = !isShown;
    }
    status.textContent = parts.length ? `${found} ${status.dataset.found}` : "";
  });
}
