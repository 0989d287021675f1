// A page that waits shows that it works.

const waits = () => { document.body.dataset.waiting = ""; };
addEventListener("click", (event) => {
  const link = event.target.closest?.("a[href]");
  const here = link && link.origin === location.origin && !link.hasAttribute("download") && !link.getAttribute("href").startsWith("#");
  if (here && !event.defaultPrevented && !event.ctrlKey && !event.metaKey && !event.shiftKey && event.button === 0) waits();
});
addEventListener("submit", waits);
addEventListener("pageshow", () => { delete document.body.dataset.waiting; });
