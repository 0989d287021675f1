"""The charts of a session: their curves, limits and figures, and which one to show first."""

from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import Any, NamedTuple

import msgspec

from jmmc.answers.model import OthersFigure, SessionCurves
from jmmc.core.readings import METRICS, READINGS
from jmmc.quality.accumulator import preset_of
from jmmc.quality.grading import Grade, Spell
from jmmc.quality.mos import mos, twilio_mos
from jmmc.quality.quantiles import SHARES, quantiles
from jmmc.quality.summary import CallEvent, Summary
from jmmc.quality.thresholds import Preset
from jmmc.web.dashboard.tracks import TELLING


class Plot(NamedTuple):
    """One chart: its title, unit, and the label of each of its curves by the curve's name."""

    title: str
    unit: str
    series: tuple[tuple[str, str], ...]


class LimitLine(NamedTuple):
    """A line in a chart: values beyond it have `grade`; `falling`: beyond is below.

    `curves` names those that it is for, where a chart has curves with other limits.
    """

    value: float
    grade: str
    falling: bool
    curves: tuple[str, ...] = ()


class Figure(NamedTuple):
    """A metric of a session beside the others of its meeting.

    `worst` is what was exceeded, or with `falling` not reached, for 5 % of the time.
    """

    plot: Plot
    label: str
    falling: bool
    median: float
    worst: float
    others: OthersFigure | None
    limits: tuple[LimitLine, ...]

    @property
    def unit(self) -> str:
        """The unit behind a value; "" where the metric has none."""
        return "" if self.plot.unit.startswith("of ") else self.plot.unit

    def limit(self, grade: str) -> LimitLine | None:
        """The limit of a grade, None where the preset has none."""
        return next((line for line in self.limits if line.grade == grade), None)

    @property
    def beyond(self) -> str:
        """The worst grade whose limit `worst` is beyond, "" for none."""
        sign = -1 if self.falling else 1
        passed = [line for line in self.limits if sign * self.worst > sign * line.value]
        return passed[-1].grade if passed else ""


def _plot(title: str, unit: str) -> Plot:
    """A chart of the readings whose row has its title."""
    curves = sorted(
        ((row.chart, row.column) for row in READINGS if row.chart and row.chart.chart == title),
        key=lambda curve: curve[0].place,
    )
    return Plot(title, unit, tuple((column, series.label) for series, column in curves))


MOS = Plot("Estimated MOS", "of 4.5", (("mos", "MOS"),))
"""The chart of the score that is computed from round-trip time, loss and jitter."""

PLOTS = (
    MOS,
    _plot("Connection quality", "of 100"),
    _plot("Packet loss", "%"),
    _plot("Packet loss by kind", "%"),
    _plot("Round-trip time", "ms"),
    _plot("Jitter", "ms"),
    _plot("Frozen video, concealed audio", "%"),
    _plot("Streams with problems", "streams"),
    _plot("Estimated bandwidth", "kbit/s"),
    _plot("Video bitrate", "kbit/s"),
    _plot("Audio bitrate", "kbit/s"),
    _plot("Sent video height", "px"),
    _plot("Frame rate", "fps"),
    _plot("Limited video", "%"),
    _plot("Time for a frame", "ms"),
    _plot("Machine", "%"),
)
"""The charts in the order of the page; `core.readings` says which readings each one has."""

_PLOT_OF = {column: (plot, label) for plot in PLOTS for column, label in plot.series}
_REASON_OF = {row.column: row.reason for row in READINGS if row.reason} | {"mos": "mos"}
_COLUMN_OF = {row.path: row.column for row in READINGS}
_COLUMN_OF_METRIC = {name: _COLUMN_OF[path] for name, path in METRICS.items()} | {"mos": "mos"}
_FALLING = {
    *("quality", "mos", "up_bandwidth_kbps", "down_bandwidth_kbps", "sent_height_px"),
    *("up_bitrate_video_kbps", "down_bitrate_video_kbps", "up_frame_rate_fps"),
    *("down_frame_rate_fps", "up_bitrate_audio_kbps", "down_bitrate_audio_kbps"),
}
"""Curves of which lower values are worse."""

_CAUSES_FIRST = ("loss", "concealed", "frozen", "cpu", "bandwidth", "rtt", "jitter", "mos")
"""Of reasons that held for about as long, the earlier explains the later."""

_MOST_MARKS = 40  # Events in a chart: more are a grey area.
_ABOUT = 0.5  # Share of the longest reason, from which on another one held for about as long.
_LIMITED_BY = {"cpu": "up_limited_cpu_percent", "bandwidth": "up_limited_bandwidth_percent"}


def limits_of(plot: Plot, preset: Preset | None) -> tuple[LimitLine, ...]:
    """The lines of a chart by the preset with which a session was graded; none without one."""
    if preset is None:
        return ()
    curves_of_line: dict[LimitLine, list[str]] = {}
    for column, _ in plot.series:
        for line in _limits_of_curve(column, preset):
            curves_of_line.setdefault(line, []).append(column)
    return tuple(
        line if len(columns) == len(plot.series) else line._replace(curves=tuple(columns))
        for line, columns in curves_of_line.items()
    )


def _limits_of_curve(column: str, preset: Preset) -> tuple[LimitLine, ...]:
    if preset.limitation and column == "sent_height_px":
        return (LimitLine(preset.limitation.height, "fair", True),)
    if preset.limitation and column == "up_frame_rate_fps":
        return (LimitLine(preset.limitation.frame_rate, "fair", True),)
    limit = preset.limits.get(_REASON_OF.get(column, ""))
    if limit is None:
        return ()
    both = (("fair", limit.fair), ("poor", limit.poor))
    return tuple(
        LimitLine(value, grade, limit.falling) for grade, value in both if value is not None
    )


def figures_of(summary: Summary, others: Mapping[str, OthersFigure]) -> list[Figure]:
    """The metrics of a session in the order of the charts; they stay when samples are deleted."""
    preset = preset_of(summary.formula)
    metric_of = {column: name for name, column in _COLUMN_OF_METRIC.items()}
    found: list[Figure] = []
    for column, (plot, label) in _PLOT_OF.items():
        low, median, high = summary.quantiles.get(metric_of.get(column, ""), (None, None, None))
        if low is None or median is None or high is None:
            continue
        falling = column in _FALLING
        of_others = others.get(metric_of[column])
        limits = () if preset is None else _limits_of_curve(column, preset)
        worst = low if falling else high
        found.append(Figure(plot, label, falling, median, worst, of_others, limits))
    return found


def first_plot(spell: Spell, drawn: SessionCurves) -> Plot | None:
    """The chart that shows best what was bad in a spell; None where no curve shows it."""
    curves = with_mos(drawn)
    longest = max(spell.reasons.values(), default=0)
    reasons = [name for name, held in spell.reasons.items() if held >= _ABOUT * longest]
    if "interrupted" in reasons:
        return None
    for reason in sorted(reasons, key=_place_of_reason):
        candidates = [column for column, of in _REASON_OF.items() if of == reason]
        if reason in _LIMITED_BY:
            candidates = [*("sent_height_px", "up_frame_rate_fps"), _LIMITED_BY[reason]]
        known = [column for column in candidates if column in curves and column in _PLOT_OF]
        if known:
            preset = preset_of(drawn.summary.formula)
            worst = max(known, key=lambda column: _excess(column, spell, drawn, curves, preset))
            return _PLOT_OF[worst][0]
    return None


def _place_of_reason(reason: str) -> int:
    return _CAUSES_FIRST.index(reason) if reason in _CAUSES_FIRST else len(_CAUSES_FIRST)


def _excess(
    column: str,
    spell: Spell,
    drawn: SessionCurves,
    curves: Mapping[str, Sequence[Any]],
    preset: Preset | None,
) -> float:
    """How far a curve was beyond its first limit in a spell, on the mean, relative to the limit."""
    lines = () if preset is None else _limits_of_curve(column, preset)
    weighted = list(_weighted(curves[column], drawn.times, spell.start, spell.end))
    seconds = sum(length for _, length in weighted)
    if not (lines and seconds and lines[0].value):
        return 0.0
    mean = sum(value * length for value, length in weighted) / seconds
    return lines[0].value / mean if lines[0].falling and mean else mean / lines[0].value


def with_mos(drawn: SessionCurves) -> Mapping[str, Sequence[float | str | bool | None]]:
    """The curves and the estimated MOS, by the formula to which the preset's limits belong."""
    curves = drawn.curves
    rtt, jitter = curves.get("rtt_ms"), curves.get("down_jitter_ms")
    pooled = curves.get("down_loss_percent")
    audio = curves.get("down_audio_loss_percent") or pooled
    if rtt is None or jitter is None or audio is None:
        return curves
    preset = preset_of(drawn.summary.formula)
    formula = twilio_mos if preset is not None and preset.name == "twilio" else mos
    scores: list[float | None] = []
    for place, lost in enumerate(audio):
        loss = pooled[place] if lost is None and pooled else lost
        score = formula(rtt=_number(rtt[place]), loss=_number(loss), jitter=_number(jitter[place]))
        scores.append(None if score is None else round(score, 2))
    return {"mos": scores, **curves} if any(score is not None for score in scores) else curves


def has_curves(drawn: SessionCurves) -> bool:
    """Whether any chart has something to draw."""
    return not drawn.curves.keys().isdisjoint(_PLOT_OF)


def curves_of(drawn: SessionCurves, plots: Sequence[Plot] = PLOTS) -> str:
    """The data of charts, by the script's needs, as JSON that may stand in a page.

    `figures` has the quantiles of each curve (p5, p50, p95), `others` the middle half of the
    medians of the others in the meeting, their median and their number, `limits` the lines of each
    chart.
    """
    curves = with_mos(drawn)
    preset = preset_of(drawn.summary.formula)
    names = [name for plot in plots for name, _ in plot.series if name in curves]
    metric_of = {column: name for name, column in _COLUMN_OF_METRIC.items()}
    others = {name: drawn.others.get(metric_of.get(name, "")) for name in names}
    content = {
        "times": drawn.times,
        "curves": {name: curves[name] for name in names},
        "spells": [
            (spell.start, spell.end, spell.grade.name.lower())
            for spell in drawn.summary.spells
            if spell.grade >= Grade.FAIR
        ],
        "marks": [at for at, _ in _marked(drawn.events)],
        "figures": {
            name: quantiles(_weighted(curves[name], drawn.times), SHARES) for name in names
        },
        "others": {
            name: (figure.low, figure.median, figure.high, figure.sessions)
            for name, figure in others.items()
            if figure is not None
        },
        "limits": {plot.title: limits_of(_with_curves(plot, curves), preset) for plot in plots},
    }
    return msgspec.json.encode(content).decode().replace("<", "\\u003c")


def _marked(events: Sequence[CallEvent]) -> Sequence[CallEvent]:
    """The events that are marked in charts: of very many, only those of the connection."""
    if len(events) <= _MOST_MARKS:
        return events
    return [event for event in events if event.what in TELLING][:_MOST_MARKS]


def _with_curves(plot: Plot, curves: Collection[str]) -> Plot:
    """A chart with those of its curves that a session has."""
    return plot._replace(series=tuple(row for row in plot.series if row[0] in curves))


def _weighted(
    values: Sequence[Any], times: Sequence[int], since: int = 0, until: int = 2**62
) -> Iterable[tuple[float, int]]:
    """Yield the numbers of a curve with the seconds for which they held, in a window."""
    for place in range(len(times) - 1):
        value = _number(values[place])
        length = min(times[place + 1], until) - max(times[place], since)
        if value is not None and length > 0:
            yield value, length


def _number(value: object) -> float | None:
    return value if type(value) in (int, float) else None  # type: ignore[return-value]
