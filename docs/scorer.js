// Ranks what the search of the site finds: a page that is named as what was asked comes first, then
// pages that say what to do; lists and histories, which contain every word, come last. A name with
// an underscore is one of the reference: most often a setting.
"use strict";
var Scorer = {
  objNameMatch: 11,
  objPartialMatch: 6,
  objPrio: {},
  objPrioDefault: 0,
  title: 15,
  partialTitle: 7,
  term: 5,
  partialTerm: 2,
  score: ([page, , , , score]) => {
    const asked = new URLSearchParams(window.location.search).get("q") || "";
    const words = asked.toLowerCase().match(/\p{Letter}{4,}/gu) || [];
    const [kind, name] = page.split("/");
    const named = words.some((word) => name && name.includes(word)) ? 10 : 0;
    const last = ["changelog", "design"].includes(name) ? -4 : 0;
    const kinds = { tutorial: 2, "how-to": 3, reference: asked.includes("_") ? 4 : 1 };
    const setting = asked.includes("_") && name === "settings" ? 1 : 0;
    return score + named + last + setting + (kinds[kind] || 0);
  },
};
