// Tables that are wider than the page: they can be scrolled by keyboard, too.

const reach = (element) => { if (element.scrollWidth > element.clientWidth + 1 && !element.hasAttribute("tabindex")) element.tabIndex = 0; };

const resized = new ResizeObserver((entries) => { for (const { target } of entries) reach(target); });
for (const element of document.querySelectorAll(".scroll, .incident-list")) resized.observe(element);
