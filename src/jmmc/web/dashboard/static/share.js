// Copies a link to a view, or a text to paste. Where that is not allowed, the link opens.

/** Copy `text`; `element` says so for two seconds. */
async function copy(text, element) {
  await navigator.clipboard.writeText(text);
  const before = element.textContent;
  element.setAttribute("aria-live", "polite");
  element.textContent = element.dataset.copied;
  setTimeout(() => { element.textContent = before; }, 2000);
}

if (navigator.clipboard) {
  for (const link of document.querySelectorAll("a.share")) {
    link.setAttribute("role", "button");
    link.addEventListener("click", (event) => {
      event.preventDefault();
      copy(link.href, link).catch(() => location.assign(link.href));
    });
  }
  for (const button of document.querySelectorAll(".paste button")) {
    button.hidden = false;
    button.addEventListener("click", () => copy(button.previousElementSibling.textContent, button).catch(() => {}));
  }
}
