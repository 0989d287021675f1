// @ts-check
/* The names of devices, from the labels that browsers give them. */

/**
 * The name of a device. What the system has chosen is called "Default - Headset" by Chrome, in any
 * language; "Headset (0b0e:0300)" has the ids of its vendor and product.
 * @param {string | undefined} label
 * @param {string | undefined} id
 */
const deviceName = (label = "", id = "") =>
  (/^(default|communications)$/.test(id) ? label.replace(/^.*? - /, "") : label)
    .replace(/ \([\da-f]{4}:[\da-f]{4}\)$/, "")
    .slice(0, 64) || undefined;
