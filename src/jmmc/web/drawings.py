"""Drawings that the server makes: lanes of grades and bars of shares, as SVG."""

from collections.abc import Sequence

from markupsafe import Markup, escape

from jmmc.answers import Grades, HeatRow
from jmmc.quality import Grade
from jmmc.summary import Stretch

_WIDTH = 1000  # Units; the page stretches it.
_HEIGHT = 24
_HEIGHTS = {Grade.UNKNOWN: 3, Grade.GOOD: 8, Grade.FAIR: 16, Grade.POOR: 24}
"""The worse, the taller: colour is never the only sign."""


def lane(
    stretches: Sequence[Stretch],
    since: int,
    until: int,
    title: str,
    happenings: Sequence[tuple[int, str]] = (),
) -> Markup:
    """A time line from `since` to `until`, coloured and as tall as the grade is bad.

    A mark at the top stands for each thing that happened, with its name.
    """
    length = max(1, until - since)
    parts: list[Markup] = []
    for it in stretches:
        start, end = max(it.start, since), min(it.end, until)
        if start < end:
            x = (start - since) * _WIDTH / length
            width = max(1.0, (end - start) * _WIDTH / length)
            height = _HEIGHTS[it.grade]
            name = it.grade.name.lower()
            parts.append(
                Markup('<rect class="{}" x="{:.1f}" y="{}" width="{:.1f}" height="{}"/>').format(
                    name, x, _HEIGHT - height, width, height
                )
            )
    for at, what in happenings:
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
    for it in row.cells:
        if it.known:
            share = it.bad / it.known
            x = max(0.0, (it.start - since) * _WIDTH / length)
            width = max(1.0, row.step * _WIDTH / length - 1)
            parts.append(
                Markup(
                    '<rect class="heat{}" x="{:.1f}" y="0" width="{:.1f}" height="{}">'
                    "<title>{:.1%}</title></rect>"
                ).format(_level(share), x, width, _HEIGHT, share)
            )
    return _svg(parts, title, "lane")


def histogram(counts: Sequence[int], title: str) -> Markup:
    """Bars side by side, as tall as the counts."""
    most = max(counts, default=0) or 1
    width = _WIDTH / max(1, len(counts))
    parts = [
        Markup(
            '<rect x="{:.1f}" y="{:.2f}" width="{:.1f}" height="{:.2f}"><title>{}</title></rect>'
        ).format(
            place * width + 4,
            _HEIGHT * (1 - count / most),
            width - 8,
            _HEIGHT * count / most,
            count,
        )
        for place, count in enumerate(counts)
    ]
    return _svg(parts, title, "histogram")


def _level(share: float) -> int:
    """0 to 4: nothing, up to 2, 5, 15 percent, more."""
    return sum(share > it for it in (0.0, 0.02, 0.05, 0.15))


def _svg(parts: Sequence[Markup], title: str, kind: str) -> Markup:
    return Markup(
        '<svg class="{}" viewBox="0 0 {} {}" preserveAspectRatio="none" role="img"'
        ' aria-label="{}"><title>{}</title>{}</svg>'
    ).format(kind, _WIDTH, _HEIGHT, title, escape(title), Markup("").join(parts))
