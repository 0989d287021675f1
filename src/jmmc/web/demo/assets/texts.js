// The texts of the demo in the language of the page.

const texts = JSON.parse(document.getElementById("demo-texts").textContent);

/** Return a text in the reader's language, with `values` in place of the names in braces. */
export const t = (text, values = {}) =>
  (texts[text] ?? text).replace(/\{(\w+)\}/g, (_, name) => values[name]);
