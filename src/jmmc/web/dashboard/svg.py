"""Drawings that the server makes: lanes of grades and bars of shares, as SVG."""

from collections.abc import Sequence

from markupsafe import Markup, escape

from jmmc.answers.model import Grades, HeatRow
from jmmc.quality.grading import Grade
from jmmc.quality.summary import GradeSpan

_WIDTH = 1000  # Units; the page stretches it.
_HEIGHT = 24
_HEIGHTS = {Grade.UNKNOWN: 3, Grade.GOOD: 8, Grade.FAIR: 16, Grade.POOR: 24}
"""The worse, the taller: colour is never the only sign."""


def lane(
    stretches: Sequence[GradeSpan],
    since: int,
    until: int,
    title: str,
    events: Sequence[tuple[int, str]] = (),
    edges: Sequence[tuple[int, str]] = (),
) -> Markup:
    """A time line from `since` to `until`, coloured and as tall as the grade is bad.

    A mark at the top stands for each thing that happened, a line from top to bottom for each
    edge of a stay, both with their name.
    """
    length = max(1, until - since)
    parts: list[Markup] = []
    for stretch in stretches:
        start, end = max(stretch.start, since), min(stretch.end, until)
        if start < end:
            x = (start - since) * _WIDTH / length
            width = max(1.0, (end - start) * _WIDTH / length)
            height = _HEIGHTS[stretch.grade]
            name = stretch.grade.name.lower()
            parts.append(
                Markup('<rect class="{}" x="{:.1f}" y="{}" width="{:.1f}" height="{}"/>').format(
                    name, x, _HEIGHT - height, width, height
                )
            )
    for at, what in edges:
        x = min(max((at - since) * _WIDTH / length, 1.0), _WIDTH - 1.0)
        line = Markup('<rect class="edge" x="{:.1f}" y="0" width="1.5" height="{}">{}</rect>')
        parts.append(line.format(x - 0.75, _HEIGHT, Markup("<title>{}</title>").format(what)))
    for at, what in events:
        if since <= at <= until:
            x = (at - since) * _WIDTH / length
            mark = Markup('<path class="mark" d="M{:.1f} 0h6l-3 8z"><title>{}</title></path>')
            parts.append(mark.format(x - 3, what))
    return _svg(parts, title, "lane")


def bar(grades: Grades, title: str) -> Markup:
    """Shares side by side: good, fair, poor of what is known."""
    parts: list[Markup] = []
    x = 0.0
    shares = (grades.good_share or 0.0, grades.fair_share or 0.0, grades.poor_share or 0.0)
    for name, share in zip(("good", "fair", "poor"), shares, strict=True):
        width = share * _WIDTH
        if width:
            parts.append(
                Markup('<rect class="{}" x="{:.1f}" y="0" width="{:.1f}" height="{}"/>').format(
                    name, x, width, _HEIGHT
                )
            )
        x += width
    return _svg(parts, title, "bar")


def heat_row(row: HeatRow, since: int, until: int, title: str) -> Markup:
    """A row of a heat map: the darker a cell, the more of its time was bad."""
    length = max(1, until - since)
    parts: list[Markup] = []
    for cell in row.cells:
        if cell.known:
            share = cell.bad / cell.known
            x = max(0.0, (cell.start - since) * _WIDTH / length)
            width = max(1.0, row.step * _WIDTH / length - 1)
            parts.append(
                Markup(
                    '<rect class="heat{}" x="{:.1f}" y="0" width="{:.1f}" height="{}">'
                    "<title>{:.1%}</title></rect>"
                ).format(_level(share), x, width, _HEIGHT, share)
            )
    return _svg(parts, title, "lane")


def interval(low: float, middle: float, high: float, most: float, title: str) -> Markup:
    """A share and its interval, on an axis from 0 to `most`."""
    scale = _WIDTH / most
    ends = (min(low * scale, _WIDTH), min(high * scale, _WIDTH))
    whisker = Markup('<rect class="whisker" x="{:.1f}" y="9" width="{:.1f}" height="6"/>').format(
        ends[0], max(2.0, ends[1] - ends[0])
    )
    x = min(middle * scale, _WIDTH - 12)
    point = Markup('<rect class="point" x="{:.1f}" y="2" width="12" height="20"/>').format(x)
    return _svg([whisker, point], title, "interval")


def length(share: float, title: str) -> Markup:
    """One bar, as long as the share."""
    part = Markup('<rect x="0" y="0" width="{:.1f}" height="{}"/>')
    return _svg([part.format(share * _WIDTH, _HEIGHT)], title, "length")


def _level(share: float) -> int:
    """0 to 4: nothing, up to 2, 5, 15 percent, more."""
    return sum(share > number for number in (0.0, 0.02, 0.05, 0.15))


def _svg(parts: Sequence[Markup], title: str, kind: str) -> Markup:
    return Markup(
        '<svg class="{}" viewBox="0 0 {} {}" preserveAspectRatio="none" role="img"'
        ' aria-label="{}"><title>{}</title>{}</svg>'
    ).format(kind, _WIDTH, _HEIGHT, title, escape(title), Markup("").join(parts))
