// The reader's language, time zone and formats; times and time axes.

const pageLanguage = document.documentElement.lang;
/** The reader's own variant of the page's language, such as en-GB. */
export const locale = navigator.languages.find((tag) => tag.startsWith(pageLanguage)) || pageLanguage;
export const zone = Intl.DateTimeFormat().resolvedOptions().timeZone;
export const formats = {
  clock: new Intl.DateTimeFormat(locale, { hour: "2-digit", minute: "2-digit" }),
  second: new Intl.DateTimeFormat(locale, { hour: "2-digit", minute: "2-digit", second: "2-digit" }),
  day: new Intl.DateTimeFormat(locale, { weekday: "short", day: "numeric", month: "short" }),
  moment: new Intl.DateTimeFormat(locale, { weekday: "short", day: "numeric", month: "short", hour: "2-digit", minute: "2-digit" }),
  dated: new Intl.DateTimeFormat(locale, { day: "numeric", month: "short", year: "numeric", hour: "2-digit", minute: "2-digit" }),
};
export const numbers = new Intl.NumberFormat(locale, { maximumFractionDigits: 2 });

/** Write the times below `element`, which the server has written in UTC, in the reader's zone. */
export function localiseTimes(element) {
  const year = new Date().getFullYear();
  for (const time of element.querySelectorAll("time[datetime]")) {
    const moment = new Date(time.dateTime);
    const format = moment.getFullYear() === year ? formats.moment : formats.dated;
    time.textContent = (time.classList.contains("clock") ? formats.clock : format).format(moment);
    time.title = moment.toISOString();
  }
  for (const label of element.querySelectorAll(".zone")) label.textContent = zone.replaceAll("_", " ");
  for (const axis of element.querySelectorAll(".ticks")) drawTicks(axis);
}

const TICK_STEPS = [60, 120, 300, 600, 900, 1800, 3600, 7200, 10800, 21600, 43200, 86400, 2 * 86400, 7 * 86400]; // Seconds

/** Return moments at whole steps of the reader's clock, at most `maxCount` of them. */
export function tickTimes(since, until, maxCount) {
  const step = TICK_STEPS.find((seconds) => (until - since) / seconds <= maxCount) || TICK_STEPS.at(-1);
  const shift = -new Date(since * 1000).getTimezoneOffset() * 60;
  const times = [];
  for (let at = Math.ceil((since + shift) / step) * step - shift; at <= until; at += step) times.push(at);
  return times;
}

/** Return the time of a tick, the day at midnight. */
export function tickLabel(at) {
  const moment = new Date(at * 1000);
  return moment.getHours() || moment.getMinutes() ? formats.clock.format(moment) : formats.day.format(moment);
}

function drawTicks(axis) {
  const [since, until] = [Number(axis.dataset.since), Number(axis.dataset.until)];
  if (until <= since) return;
  const maxCount = Math.max(2, Math.floor(axis.clientWidth / 95));
  const margin = (until - since) * 0.02;
  const times = tickTimes(since, until, maxCount).filter((at) => at - since > margin && until - at > margin);
  axis.classList.add("drawn");
  axis.replaceChildren(...times.map((at) => {
    const tick = Object.assign(document.createElement("span"), { textContent: tickLabel(at) });
    tick.style.left = `${((at - since) / (until - since)) * 100}%`;
    return tick;
  }));
}
