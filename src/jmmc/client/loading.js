// @ts-check
/* Loads the other scripts of the collector, for parts that are not needed in each page. */

/** Load another script of the collector. @param {string} name @param {() => void} [onDone] */
const loadScript = (name, onDone) =>
  attempt(() => {
    const script = dom.createElement("script");
    script.src = new URL(name, pushUrl).href;
    script.onload = script.onerror = onDone;
    dom.head.appendChild(script);
  });
