// The reader's own language, time zone and formats; times and axes of time.

// The reader's own way of writing times, where it is in the language of the page.
export const language = document.documentElement.lang;
export const locale = navigator.languages.find((it) => it.startsWith(language)) || language;
export const zone = Intl.DateTimeFormat().resolvedOptions().timeZone;
export const formats = {
  clock: new Intl.DateTimeFormat(locale, { hour: "2-digit", minute: "2-digit" }),
  second: new Intl.DateTimeFormat(locale, { hour: "2-digit", minute: "2-digit", second: "2-digit" }),
  day: new Intl.DateTimeFormat(locale, { weekday: "short", day: "numeric", month: "short" }),
  moment: new Intl.DateTimeFormat(locale, { weekday: "short", day: "numeric", month: "short", hour: "2-digit", minute: "2-digit" }),
  dated: new Intl.DateTimeFormat(locale, { day: "numeric", month: "short", year: "numeric", hour: "2-digit", minute: "2-digit" }),
};
export const numbers = new Intl.NumberFormat(locale, { maximumFractionDigits: 2 });

export function localise(part) {
  const year = new Date().getFullYear();
  for (const it of part.querySelectorAll("time[datetime]")) {
    const moment = new Date(it.dateTime);
    const near = moment.getFullYear() === year ? formats.moment : formats.dated;
    it.textContent = (it.classList.contains("clock") ? formats.clock : near).format(moment);
    it.title = moment.toISOString();
  }
  for (const it of part.querySelectorAll(".zone")) it.textContent = zone.replaceAll("_", " ");
  for (const it of part.querySelectorAll(".ticks")) drawTicks(it);
}

const steps = [60, 120, 300, 600, 900, 1800, 3600, 7200, 10800, 21600, 43200, 86400, 2 * 86400, 7 * 86400];

/** Moments at whole steps of the reader's clock, at most `most` of them. */
export function ticksOf(since, until, most) {
  const step = steps.find((it) => (until - since) / it <= most) || steps.at(-1);
  const shift = -new Date(since * 1000).getTimezoneOffset() * 60;
  const found = [];
  for (let at = Math.ceil((since + shift) / step) * step - shift; at <= until; at += step) found.push(at);
  return found;
}

export const tickText = (at) => {
  const moment = new Date(at * 1000);
  return moment.getHours() || moment.getMinutes() ? formats.clock.format(moment) : formats.day.format(moment);
};

function drawTicks(target) {
  const [since, until] = [Number(target.dataset.since), Number(target.dataset.until)];
  if (until <= since) return;
  const most = Math.max(2, Math.floor(target.clientWidth / 95));
  const inner = ticksOf(since, until, most).filter((at) => at - since > (until - since) * 0.02 && until - at > (until - since) * 0.02);
  target.classList.add("drawn");
  target.replaceChildren(...inner.map((at) => {
    const it = Object.assign(document.createElement("span"), { textContent: tickText(at) });
    it.style.left = `${((at - since) / (until - since)) * 100}%`;
    return it;
  }));
}
