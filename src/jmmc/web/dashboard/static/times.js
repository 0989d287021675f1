// The reader's language, time zone and formats; times and time axes.

const page = document.documentElement;
const pageLanguage = page.lang;
/** The reader's own variant of the page's language, such as en-GB. */
export const locale = navigator.languages.find((tag) => tag.startsWith(pageLanguage)) || pageLanguage;
const zoneOfBrowser = Intl.DateTimeFormat().resolvedOptions().timeZone;
/** The zone that the reader chose, or else that of the browser. */
export const zone = page.dataset.zone || zoneOfBrowser;
// The server needs it for "today", for times without scripts and in files.
document.cookie = `browser_zone=${encodeURIComponent(zoneOfBrowser)}; path=${page.dataset.root}/; max-age=31536000; samesite=lax`;
// The first page of a new browser is of the server's "today".
const namesPeriods = /[?&](since|until)=(today|yesterday|this-|last-)/.test(location.search);
if (namesPeriods && zone !== page.dataset.serverZone && document.cookie.includes("browser_zone=")) location.reload();

const inZone = (options) => new Intl.DateTimeFormat(locale, { timeZone: zone, ...options });
export const formats = {
  weekdayHour: inZone({ weekday: "long", hour: "2-digit", minute: "2-digit" }),
  clock: inZone({ hour: "2-digit", minute: "2-digit" }),
  second: inZone({ hour: "2-digit", minute: "2-digit", second: "2-digit" }),
  day: inZone({ weekday: "short", day: "numeric", month: "short" }),
  moment: inZone({ weekday: "short", day: "numeric", month: "short", hour: "2-digit", minute: "2-digit" }),
  dated: inZone({ day: "numeric", month: "short", year: "numeric", hour: "2-digit", minute: "2-digit" }),
};
export const numbers = new Intl.NumberFormat(locale, { maximumFractionDigits: 2 });

// Swedish is written like ISO 8601.
const wall = new Intl.DateTimeFormat("sv-SE", { timeZone: zone, dateStyle: "short", timeStyle: "medium" });

/** Return what a clock of the zone shows at a moment, as 2026-09-21T09:00:00. */
export const wallTime = (moment) => wall.format(moment).replace(" ", "T");

/** Return by how many milliseconds clocks of the zone are before UTC at a moment. */
const offset = (moment) => Date.parse(`${wallTime(moment)}Z`) - Math.floor(moment / 1000) * 1000;

/** Return the moment at which a clock of the zone shows `text`, as wallTime writes it. */
export function momentOf(text) {
  const utc = Date.parse(`${text}Z`);
  return new Date(utc - offset(utc - offset(utc)));
}

/** Write the times below `element` in the reader's language, and in the zone of this page. */
export function localiseTimes(element) {
  const year = wallTime(Date.now()).slice(0, 4);
  for (const time of element.querySelectorAll("time[datetime]")) {
    const moment = new Date(time.dateTime);
    const format = wallTime(moment).startsWith(year) ? formats.moment : formats.dated;
    const short = { clock: "clock", second: "second", "weekday-hour": "weekdayHour" };
    const name = Object.keys(short).find((name) => time.classList.contains(name));
    time.textContent = (name ? formats[short[name]] : format).format(moment);
    time.title = moment.toISOString();
  }
  for (const label of element.querySelectorAll(".zone")) {
    label.textContent = (label.classList.contains("city") ? zone.slice(zone.lastIndexOf("/") + 1) : zone).replaceAll("_", " ");
    if (label.title) label.title = zone;
  }
  for (const axis of element.querySelectorAll(".ticks")) drawTicks(axis);
}

const TICK_STEPS = [1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1800, 3600, 7200, 10800, 21600, 43200, 86400, 2 * 86400, 7 * 86400]; // Seconds

/** Return moments at whole steps of the zone's clock, at most `maxCount` of them. */
export function tickTimes(since, until, maxCount) {
  const step = TICK_STEPS.find((seconds) => (until - since) / seconds <= maxCount) || TICK_STEPS.at(-1);
  const shift = offset(since * 1000) / 1000;
  const times = [];
  for (let at = Math.ceil((since + shift) / step) * step - shift; at <= until; at += step) {
    const changed = step > 3600 ? offset(at * 1000) / 1000 - shift : 0; // Summer time began or ended.
    if (at - changed >= since && at - changed <= until) times.push(at - changed);
  }
  return times;
}

/** Return the time of a tick, the day at midnight, with seconds between minutes. */
export function tickLabel(at) {
  const moment = new Date(at * 1000);
  if (at % 60) return formats.second.format(moment);
  return wallTime(moment).slice(11, 16) === "00:00" ? formats.day.format(moment) : formats.clock.format(moment);
}

function drawTicks(axis) {
  const [since, until] = [Number(axis.dataset.since), Number(axis.dataset.until)];
  if (until <= since) return;
  const maxCount = Math.max(2, Math.floor(axis.clientWidth / 95));
  const margin = (until - since) * Math.max(0.02, 34 / axis.clientWidth); // Half of a label.
  const times = tickTimes(since, until, maxCount).filter((at) => at - since > margin && until - at > margin);
  axis.classList.add("drawn");
  axis.replaceChildren(...times.map((at) => {
    const tick = Object.assign(document.createElement("span"), { textContent: tickLabel(at) });
    tick.style.left = `${((at - since) / (until - since)) * 100}%`;
    return tick;
  }));
}

// The names of all zones: they need no bytes of the page.
const zones = document.getElementById("zones");
zones?.closest("details").addEventListener("toggle", () => {
  if (!zones.children.length) zones.append(...Intl.supportedValuesOf("timeZone").map((value) => Object.assign(document.createElement("option"), { value })));
});
