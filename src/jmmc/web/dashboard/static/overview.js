// The plots of the overview: participants over time, and the heat map.

import { colorOf, createPlot, fitToWidth, JUST_BEFORE, timeAxis, timeSeries, valueAxis } from "./plots.js";
import { formats, numbers, wallTime, zone } from "./times.js";

const GRADES = ["poor", "fair", "good", "unknown"]; // From the bottom of the stack to its top.

/** Draw participants over time twice, stacked by grade: their number, and their share. */
export function drawParticipants(target, data) {
  const { times, counts, percents } = stack(data);
  const names = { good: data.names[0], fair: data.names[1], poor: data.names[2], unknown: data.names[3] };
  const sizedPlots = [[counts, data.axes[0], 240, ""], [percents, data.axes[1], 140, "\u00a0%"]].map(([rows, label, height, unit]) => {
    const size = () => ({ width: target.clientWidth, height });
    const series = GRADES.map((name, n) => ({
      label: names[name], stroke: colorOf(name), fill: colorOf(name), width: 0,
      paths: uPlot.paths.stepped({ align: 1 }), points: { show: false },
      value: (plot, value, _, i) => (value == null || i == null ? "–" : numbers.format(Math.round((value - (n ? plot.data[n][i] : 0)) * 10) / 10) + unit),
    }));
    const y = unit ? { range: [0, 100] } : { range: (_, low, high) => [0, Math.max(1, high * 1.05)] };
    const options = {
      legend: { markers: { fill: (_, i) => `var(--${GRADES[i - 1]})` } },
      cursor: { sync: { key: "overview" }, y: false, drag: { x: false, y: false }, points: { show: false } },
      scales: { x: { range: [data.since, data.until] }, y },
      series: [timeSeries(formats.moment), ...series],
      bands: [[2, 1], [3, 2], [4, 3]].map((band) => ({ series: band, fill: colorOf(GRADES[band[0] - 1]) })),
      axes: [timeAxis(), valueAxis(label)],
    };
    return [createPlot(options, [times, ...rows], target, size), size];
  });
  fitToWidth(target, sizedPlots);
}

/** Return the times, and for each grade the sum of it and of those below it in the stack. */
function stack(data) {
  const shares = data.seconds.map(([known, unknown, good, fair, poor]) => {
    const total = known + unknown || 1;
    return { good: good * known / total, fair: fair * known / total, poor: poor * known / total, unknown: unknown / total };
  });
  const times = [], counts = GRADES.map(() => []), percents = GRADES.map(() => []);
  const push = (time, participants, share) => {
    times.push(time);
    let sum = 0;
    GRADES.forEach((name, n) => {
      sum += share ? share[name] : 0;
      counts[n].push(participants * sum);
      percents[n].push(share ? 100 * sum : null);
    });
  };
  // Each step is drawn from its start to its end. A gap without calls is drawn as zero participants,
  // not as a line across it.
  let drawn = data.since;
  data.steps.forEach(([start, end], i) => {
    if (start > drawn) push(drawn, 0);
    if (start > drawn) push(start - JUST_BEFORE, 0);
    push(start, data.participants[i], shares[i]);
    push(end - JUST_BEFORE, data.participants[i], shares[i]);
    drawn = end;
  });
  push(drawn, 0);
  if (drawn < data.until) push(data.until, 0);
  return { times, counts, percents };
}

/** Draw the share of time with problems by hour and day of the reader's zone, newest day first. */
export function drawHeat(target, data) {
  const days = new Map();
  for (const [start, known, bad] of data.times) {
    const moment = new Date(start * 1000);
    const day = formats.day.format(moment);
    if (!days.has(day)) days.set(day, Array(24).fill(null));
    const hours = days.get(day), hour = Number(wallTime(moment).slice(11, 13));
    hours[hour] = [(hours[hour]?.[0] || 0) + known, (hours[hour]?.[1] || 0) + bad];
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
    hours.forEach((sums, hour) => {
      const cell = row.insertCell();
      const [known, bad] = sums || [0, 0];
      if (!known) return;
      const share = bad / known;
      cell.className = `heat${[0, 0.02, 0.05, 0.15].filter((limit) => share > limit).length}`;
      cell.title = `${day}, ${hour} – ${hour + 1} h: ${numbers.format(Math.round(share * 1000) / 10)} %, ${numbers.format(Math.round(known / 60))} min`;
    });
  }
  target.append(table);
}
