// Shows a bar at the top while the next page loads.

const showWaiting = () => { document.body.dataset.waiting = ""; };

addEventListener("click", (event) => {
  const link = event.target.closest?.("a[href]");
  const loadsPage = link && link.origin === location.origin && !link.hasAttribute("download") && !link.getAttribute("href").startsWith("#");
  if (loadsPage && !event.defaultPrevented && !event.ctrlKey && !event.metaKey && !event.shiftKey && event.button === 0) showWaiting();
});
addEventListener("submit", showWaiting);
addEventListener("pageshow", () => { delete document.body.dataset.waiting; });
