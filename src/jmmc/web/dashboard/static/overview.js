// The plots of the overview: participants over time, and the heat map.

import { follow, inked, plotOf, timeAxis, timeLegend, valueAxis } from "./plots.js";
import { formats, numbers, zone } from "./times.js";

export function drawStack(target, data) {
  const parts = ["poor", "fair", "good", "unknown"];
  const shares = data.seconds.map(([known, unknown, good, fair, poor]) => {
    const all = known + unknown || 1;
    return { good: good * known / all, fair: fair * known / all, poor: poor * known / all, unknown: unknown / all };
  });
  // Gaps in which nobody was there are zero people, not a line drawn across.
  const times = [], counts = parts.map(() => []), percents = parts.map(() => []);
  const push = (time, people, share) => {
    times.push(time);
    let sum = 0;
    parts.forEach((name, n) => { sum += share ? share[name] : 0; counts[n].push(people * sum); percents[n].push(share ? 100 * sum : null); });
  };
  if (data.times[0] > data.since) push(data.since, 0);
  data.times.forEach((time, i) => {
    const before = data.times[i - 1];
    if (i && time - before > data.step) push(before + data.step, 0);
    push(time, data.people[i], shares[i]);
  });
  push(Math.min(data.times.at(-1) + data.step, data.until), 0);
  if (times.at(-1) < data.until) push(data.until, 0);
  const names = { good: data.names[0], fair: data.names[1], poor: data.names[2], unknown: data.names[3] };
  const plots = [[counts, data.axes[0], 240, ""], [percents, data.axes[1], 140, "\u00a0%"]].map(([rows, label, height, unit]) => {
    const size = () => ({ width: target.clientWidth, height });
    const series = parts.map((name, n) => ({
      label: names[name], stroke: inked(name), fill: inked(name), width: 0,
      paths: uPlot.paths.stepped({ align: 1 }), points: { show: false },
      value: (plot, value, _, i) => (value == null || i == null ? "–" : numbers.format(Math.round((value - (n ? plot.data[n][i] : 0)) * 10) / 10) + unit),
    }));
    // The first one is drawn last: each covers what is below its own sum.
    const y = unit ? { range: [0, 100] } : { range: (_, low, high) => [0, Math.max(1, high * 1.05)] };
    const options = { legend: { markers: { fill: (_, i) => `var(--${parts[i - 1]})` } }, cursor: { sync: { key: "window" }, y: false, drag: { x: false, y: false }, points: { show: false } }, scales: { x: { range: [data.since, data.until] }, y }, series: [{ ...timeLegend, value: (_, at) => (at == null ? "–" : formats.moment.format(new Date(at * 1000))) }, ...series], bands: [[2, 1], [3, 2], [4, 3]].map((it) => ({ series: it, fill: inked(parts[it[0] - 1]) })), axes: [timeAxis(), valueAxis(label)] };
    return [plotOf(options, [times, ...rows], target, size), size];
  });
  follow(target, plots);
}

// Days of the reader's own calendar, the newest first.
export function drawHeat(target, data) {
  const days = new Map();
  for (const [start, known, bad] of data.times) {
    const moment = new Date(start * 1000);
    const day = formats.day.format(moment);
    if (!days.has(day)) days.set(day, Array(24).fill(null));
    const hours = days.get(day), at = moment.getHours();
    hours[at] = [(hours[at]?.[0] || 0) + known, (hours[at]?.[1] || 0) + bad];
  }
  const table = document.createElement("table");
  table.createCaption().textContent = `${data.hour} (${zone})`;
  const head = table.createTHead().insertRow();
  head.append(document.createElement("th"));
  for (let hour = 0; hour < 24; hour++) head.append(Object.assign(document.createElement("th"), { textContent: hour % 3 ? "" : hour }));
  const body = table.createTBody();
  for (const [day, hours] of [...days].reverse()) {
    const row = body.insertRow();
    row.append(Object.assign(document.createElement("th"), { textContent: day, scope: "row" }));
    hours.forEach((it, hour) => {
      const cell = row.insertCell();
      if (!it || !it[0]) return;
      const share = it[1] / it[0];
      cell.className = `heat${[0, 0.02, 0.05, 0.15].filter((limit) => share > limit).length}`;
      cell.title = `${day}, ${hour} – ${hour + 1} h: ${numbers.format(Math.round(share * 1000) / 10)} %, ${numbers.format(Math.round(it[0] / 60))} min`;
    });
  }
  target.append(table);
}
