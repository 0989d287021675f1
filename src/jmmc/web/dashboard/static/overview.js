// The plots of the overview: participants and shares of bad time over time, and the heat maps.

import { colorOf, createPlot, fitToWidth, JUST_BEFORE, timeAxis, timeSeries, valueAxis } from "./plots.js";
import { formats, numbers, wallTime, zone } from "./times.js";

const HOUR = 3600; // Seconds
const GRADES = ["poor", "fair", "good", "unknown"]; // From the bottom of the stack to its top.

/** Draw the number of participants over time, stacked by grade. */
export function drawParticipants(target, data) {
  const { times, counts } = stack(data);
  const names = { good: data.names[0], fair: data.names[1], poor: data.names[2], unknown: data.names[3] };
  const series = GRADES.map((name, n) => ({
    label: names[name], stroke: colorOf(name), fill: colorOf(name), width: 0,
    paths: uPlot.paths.stepped({ align: 1 }), points: { show: false },
    value: (plot, value, _, i) => (value == null || i == null ? "–" : numbers.format(Math.round((value - (n ? plot.data[n][i] : 0)) * 10) / 10)),
  }));
  drawBrushed(target, data, [times, ...counts], {
    legend: { markers: { fill: (_, i) => `var(--${GRADES[i - 1]})` } },
    y: { range: (_, low, high) => [0, Math.max(1, high * 1.05)] },
    series,
    bands: [[2, 1], [3, 2], [4, 3]].map((band) => ({ series: band, fill: colorOf(GRADES[band[0] - 1]) })),
    label: data.axes[0],
    height: 240,
  });
}

/** Draw the shares of bad time, with its interval, and of poor time, on an axis that fits them. */
export function drawShares(target, data) {
  const rows = [[], [], [], [], []];
  const push = (time, values) => [time, ...values].forEach((value, n) => rows[n].push(value));
  const nothing = Array(4).fill(null);
  let drawn = data.since;
  for (const [start, end, ...shares] of data.steps) {
    const percents = shares.slice(0, 4).map((share) => 100 * share);
    if (start > drawn) push(drawn, nothing);
    push(start, percents);
    push(end - JUST_BEFORE, percents);
    drawn = end;
  }
  push(drawn, nothing);
  // The intervals of quiet hours are wide: the shares have a third of the height, and they are cut.
  const most = Math.max(...data.steps.map((step) => 100 * step[2]));
  const limit = data.steps.map((step) => 100 * step[4]).sort((a, b) => a - b)[data.steps.length >> 1];
  const highest = Math.max(2, 1.5 * most, Math.min(3 * most, 1.1 * limit));
  const stepped = { paths: uPlot.paths.stepped({ align: 1 }), points: { show: false } };
  const limits = [0, 1].map(() => ({ ...stepped, label: "", width: 0, stroke: colorOf("fair") }));
  const of = (row) => (plot, value, _, i) => (value == null || i == null ? "–" : row(plot, value, i));
  const bad = (plot, value, i) => `${percent(value)} (${percent(plot.data[2][i])} – ${percent(plot.data[3][i])})`;
  drawBrushed(target, data, rows, {
    legend: { markers: { fill: (_, i) => `var(--${i < 4 ? "fair" : "poor"})` } },
    y: { range: [0, Math.min(100, highest)] },
    series: [
      { ...stepped, label: data.names[0], stroke: colorOf("fair"), width: 2, value: of(bad) },
      ...limits,
      { ...stepped, label: data.names[1], stroke: colorOf("poor"), width: 2, value: of((_, value) => percent(value)) },
    ],
    bands: [{ series: [3, 2], fill: colorOf("fair-band") }],
    label: data.axis,
    height: 180,
  });
}

const colon = document.documentElement.lang === "fr" ? "\u00a0:" : ":";
const percent = (value) => `${numbers.format(Math.round(value * 10) / 10)}\u00a0%`;

/** Draw a plot over the window: a drag opens the chosen time range, a click lists its sessions. */
function drawBrushed(target, data, rows, { legend, y, series, bands, label, height }) {
  const size = () => ({ width: target.clientWidth, height });
  const options = {
    legend,
    cursor: { sync: { key: "overview" }, y: false, drag: { x: true, y: false, setScale: false }, points: { show: false } },
    scales: { x: { range: [data.since, data.until] }, y },
    series: [timeSeries(formats.moment), ...series],
    bands,
    axes: [timeAxis(), valueAxis(label)],
    hooks: {
      setSelect: [(plot) => {
        const { left, width } = plot.select;
        if (width >= LEAST_BRUSH) open("", ...[left, left + width].map((x) => Math.round(plot.posToVal(x, "x"))));
      }],
      ready: [(plot) => plot.over.addEventListener("click", () => {
        const at = plot.posToVal(plot.cursor.left, "x");
        const step = data.steps.find(([start, end]) => start <= at && at < end);
        if (step) open("/sessions", step[0], step[1]);
      })],
    },
  };
  fitToWidth(target, [[createPlot(options, rows, target, size), size]]);
}

const LEAST_BRUSH = 6; // Pixels: less is a click.

/** Go to a page ("" is this one) with another time range and the same filters. */
function open(path, since, until) {
  location.assign(addressOf(path, since, until));
}

const isoOf = (second) => new Date(second * 1000).toISOString().slice(0, 19) + "Z";

function addressOf(path, since, until) {
  const query = new URLSearchParams(location.search);
  query.delete("cursor");
  query.set("since", isoOf(since));
  query.set("until", isoOf(until));
  return `${path ? document.documentElement.dataset.root + path : location.pathname}?${query}`;
}

/** Return the times, and for each grade the number of it and of those below it in the stack. */
function stack(data) {
  const shares = data.seconds.map(([known, unknown, good, fair, poor]) => {
    const total = known + unknown || 1;
    return { good: good * known / total, fair: fair * known / total, poor: poor * known / total, unknown: unknown / total };
  });
  const times = [], counts = GRADES.map(() => []);
  const push = (time, participants, share) => {
    times.push(time);
    let sum = 0;
    GRADES.forEach((name, n) => {
      sum += share ? share[name] : 0;
      counts[n].push(participants * sum);
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
  return { times, counts };
}

/** Draw the share of time with problems by hour and day of the reader's zone, newest day first. */
export function drawHeat(target, data) {
  const days = new Map();
  for (const [start, known, bad] of data.times) {
    const moment = new Date(start * 1000);
    const day = formats.day.format(moment);
    if (!days.has(day)) days.set(day, Array(24).fill(null));
    const hours = days.get(day), hour = Number(wallTime(moment).slice(11, 13));
    // An hour that the clock has twice is one cell: from the start of the first to the end of the second.
    const [sum, sumBad, first] = hours[hour] || [0, 0, start];
    hours[hour] = [sum + known, sumBad + bad, Math.min(first, start), start + HOUR];
  }
  const table = document.createElement("table");
  table.createCaption().textContent = `${data.hour} (${zone})`;
  const head = table.createTHead().insertRow();
  head.append(document.createElement("td"));
  for (let hour = 0; hour < 24; hour++) head.append(Object.assign(document.createElement(hour % 3 ? "td" : "th"), { textContent: hour % 3 ? "" : hour }));
  const body = table.createTBody();
  for (const [day, hours] of [...days].reverse()) {
    const row = body.insertRow();
    row.append(Object.assign(document.createElement("th"), { textContent: day, scope: "row" }));
    hours.forEach((sums, hour) => {
      const cell = row.insertCell();
      const [known, bad, start, end] = sums || [0];
      if (!known) return;
      const share = bad / known;
      cell.className = `heat${[0, 0.02, 0.05, 0.15].filter((limit) => share > limit).length}`;
      // Where the zone is off by half an hour, a cell is from half past to half past.
      const past = wallTime(new Date(start * 1000)).slice(13, 16);
      const when = past === ":00" ? `${hour} – ${hour + 1} h` : `${hour}${past} – ${(hour + 1) % 24}${past}`;
      const title = `${day}, ${when}${colon} ${percent(share * 100)}, ${numbers.format(Math.round(known / 60))}\u00a0min`;
      const href = addressOf("/sessions", Math.max(start, data.since), Math.min(end, data.until));
      const link = Object.assign(document.createElement("a"), { href, title, tabIndex: body.querySelector("a") ? -1 : 0 });
      link.setAttribute("aria-label", title);
      cell.append(link);
    });
  }
  target.append(table);
  moveByArrows(table);
}

const MOVES = { ArrowLeft: -1, ArrowRight: 1, Home: -Infinity, End: Infinity };

/** Let arrow keys move between the links of an element, of which Tab visits one. */
function moveByArrows(element) {
  const links = [...element.querySelectorAll("a")];
  const focus = (link) => {
    for (const other of links) other.setAttribute("tabindex", other === link ? 0 : -1);
    link.focus();
  };
  element.addEventListener("keydown", (event) => {
    const at = links.indexOf(document.activeElement);
    if (at < 0) return;
    let next;
    if (event.key in MOVES) next = links[Math.min(links.length - 1, Math.max(0, at + MOVES[event.key]))];
    const row = links[at].closest("tr"), column = links[at].closest("td")?.cellIndex;
    if (row && event.key === "ArrowDown") next = row.nextElementSibling?.cells[column].querySelector("a");
    if (row && event.key === "ArrowUp") next = row.previousElementSibling?.cells[column].querySelector("a");
    if (!next) return;
    event.preventDefault();
    focus(next);
  });
}

for (const cells of document.querySelectorAll("svg.cells, svg.columns")) {
  moveByArrows(cells);
  for (const link of cells.querySelectorAll("a")) {
    // The server writes "2026-09-21 08:00 UTC: …".
    const text = link.getAttribute("aria-label").replace(/^(\S+) (\S+) UTC:/, (_, day, time) => formats.moment.format(new Date(`${day}T${time}Z`)) + colon);
    link.setAttribute("aria-label", text);
    link.querySelector("title").textContent = text;
  }
}
