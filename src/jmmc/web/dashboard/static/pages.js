// The entry of all scripts of the pages; each module sets itself up where a page has its elements.

import { drawCurves } from "./curves.js";
import "./forms.js";
import "./live.js";
import { drawHeat, drawParticipants, drawShares } from "./overview.js";
import "./reference.js";
import "./scroll.js";
import "./share.js";
import "./suggestions.js";
import "./tables.js";
import { localiseTimes } from "./times.js";
import "./values.js";
import "./waiting.js";

const drawings = {
  participants: drawParticipants,
  curves: (target, data) => drawCurves(target, data, { large: true }),
  heat: drawHeat,
  shares: drawShares,
};
for (const target of document.querySelectorAll("[data-plot]")) {
  const data = JSON.parse(target.parentElement.querySelector("script.data").textContent);
  if ((data.steps || data.times).length) drawings[target.dataset.plot](target, data);
}

localiseTimes(document);
