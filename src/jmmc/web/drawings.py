"""Drawings that the server makes: lanes of grades and bars of shares, as SVG."""

from collections.abc import Sequence

from markupsafe import Markup, escape

from jmmc.answers import Grades
from jmmc.quality import Grade
from jmmc.summary import Stretch

_WIDTH = 1000  # Units; the page stretches it.
_HEIGHT = 24
_HEIGHTS = {Grade.UNKNOWN: 3, Grade.GOOD: 8, Grade.FAIR: 16, Grade.POOR: 24}
"""The worse, the taller: colour is never the only sign."""


def lane(stretches: Sequence[Stretch], since: int, until: int, title: str) -> Markup:
    """A time line from `since` to `until`, coloured and as tall as the grade is bad."""
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


def _svg(parts: Sequence[Markup], title: str, kind: str) -> Markup:
    return Markup(
        '<svg class="{}" viewBox="0 0 {} {}" preserveAspectRatio="none" role="img"'
        ' aria-label="{}"><title>{}</title>{}</svg>'
    ).format(kind, _WIDTH, _HEIGHT, title, escape(title), Markup("").join(parts))
