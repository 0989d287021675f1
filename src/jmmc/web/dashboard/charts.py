"""The charts of a session: which curves each has, and under which labels."""

from typing import NamedTuple

import msgspec

from jmmc.answers.model import SessionDetail
from jmmc.core.readings import READINGS


class Plot(NamedTuple):
    """One chart: its title, unit, and the label of each of its curves by the curve's name.

    Without a unit the values are words, such as a codec.
    """

    title: str
    unit: str
    series: tuple[tuple[str, str], ...]


def _plot(title: str, unit: str) -> Plot:
    """A chart of the readings whose row has its title."""
    curves = sorted(
        ((row.chart, row.column) for row in READINGS if row.chart and row.chart.chart == title),
        key=lambda curve: curve[0].place,
    )
    return Plot(title, unit, tuple((column, series.label) for series, column in curves))


PLOTS = (
    _plot("Connection quality", "of 100"),
    _plot("Packet loss", "%"),
    _plot("Packet loss by kind", "%"),
    _plot("Round-trip time", "ms"),
    _plot("Jitter", "ms"),
    _plot("Video bitrate", "kbit/s"),
    _plot("Audio bitrate", "kbit/s"),
    _plot("Estimated bandwidth", "kbit/s"),
    _plot("Sent video height", "px"),
    _plot("Frame rate", "fps"),
    _plot("Frozen video, concealed audio", "%"),
    _plot("Streams with problems", "streams"),
    _plot("Limited video", "%"),
    _plot("Time for a frame", "ms"),
    _plot("Machine", "%"),
    _plot("Codec", ""),
    _plot("Transport", ""),
)
"""The charts in the order of the page; `core.readings` says which readings each one has."""


def curves_of(detail: SessionDetail) -> str:
    """The data that the page's script draws, as JSON."""
    names = [name for plot in PLOTS for name, _ in plot.series]
    content = {
        "times": detail.times,
        "curves": {name: detail.curves[name] for name in names if name in detail.curves},
        "spells": [
            (spell.spell.start, spell.spell.end, spell.spell.grade.name.lower())
            for spell in detail.spells
        ],
        "marks": [at for at, _ in detail.events],
    }
    return msgspec.json.encode(content).decode().replace("<", "\\u003c")
