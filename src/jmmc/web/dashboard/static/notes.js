// Draws the notes of a page over its plots: a line at a moment, a shade over a span, a number.

const element = document.getElementById("page-notes");
/** Each note: number, start and end in seconds. */
const notes = element ? JSON.parse(element.textContent) : [];
const RADIUS = 7; // CSS pixels

/** Return the hooks of uPlot by which a plot over time shows the notes; `color` as `plots.color`. */
export function noteHooks(color) {
  return notes.length ? { draw: [(plot) => notes.forEach((note) => drawNote(plot, note, color("second"), color("card")))] } : {};
}

function drawNote(plot, [number, start, end], stroke, ink) {
  const { min, max } = plot.scales.x;
  if (end < min || start > max) return;
  const { ctx, bbox } = plot;
  const ratio = uPlot.pxRatio;
  const at = (second) => plot.valToPos(Math.min(Math.max(second, min), max), "x", true);
  const left = at(start), right = at(end);
  ctx.save();
  ctx.fillStyle = ctx.strokeStyle = stroke;
  ctx.lineWidth = ratio;
  ctx.globalAlpha = 0.15;
  if (right > left) ctx.fillRect(left, bbox.top, right - left, bbox.height);
  ctx.globalAlpha = 1;
  ctx.setLineDash([4 * ratio, 3 * ratio]);
  ctx.beginPath();
  ctx.moveTo(left, bbox.top);
  ctx.lineTo(left, bbox.top + bbox.height);
  ctx.stroke();
  ctx.beginPath();
  ctx.arc(left, bbox.top + RADIUS * ratio, RADIUS * ratio, 0, 2 * Math.PI);
  ctx.fill();
  ctx.fillStyle = ink;
  ctx.font = `700 ${10 * ratio}px system-ui, sans-serif`;
  ctx.textAlign = "center";
  ctx.textBaseline = "middle";
  ctx.fillText(number, left, bbox.top + (RADIUS + 0.5) * ratio);
  ctx.restore();
}
