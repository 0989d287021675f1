// What the pages cannot do without a script: local times, curves, suggestions, and keeping up to date.

import { drawCurves } from "./curves.js";
import { drawHeat, drawStack } from "./overview.js";
import { localise } from "./times.js";
import "./live.js";
import "./forms.js";
import "./waiting.js";
import "./suggestions.js";
import "./tables.js";

const drawers = { stack: drawStack, curves: drawCurves, heat: drawHeat };
for (const target of document.querySelectorAll("[data-plot]")) {
  const data = JSON.parse(target.parentElement.querySelector("script.data").textContent);
  if (data.times.length) drawers[target.dataset.plot](target, data);
}

localise(document);
