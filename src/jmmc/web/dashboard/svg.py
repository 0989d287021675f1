"""SVG that the server draws: timelines of grades and bars of shares."""

from collections.abc import Sequence

from markupsafe import Markup, escape

from jmmc.answers.model import Grades, HeatRow
from jmmc.quality.grading import Grade
from jmmc.quality.summary import GradeSpan

_WIDTH = 1000  # Units; the page stretches it.
_HEIGHT = 24
_HEIGHTS = {Grade.UNKNOWN: 3, Grade.GOOD: 8, Grade.FAIR: 16, Grade.POOR: 24}
"""The worse the grade, the taller: color is never the only sign."""


def timeline(
    grade_spans: Sequence[GradeSpan],
    since: int,
    until: int,
    title: str,
    events: Sequence[tuple[int, str]] = (),
    edges: Sequence[tuple[int, str]] = (),
) -> Markup:
    """Draw the grades from `since` to `until`.

    Each of `events` is a mark at the top, each of `edges` (joined, left) a full-height line; the
    text is their title.
    """
    length = max(1, until - since)
    shapes: list[Markup] = []
    for span in grade_spans:
        start, end = max(span.start, since), min(span.end, until)
        if start < end:
            x = (start - since) * _WIDTH / length
            width = max(1.0, (end - start) * _WIDTH / length)
            height = _HEIGHTS[span.grade]
            name = span.grade.name.lower()
            shapes.append(
                Markup('<rect class="{}" x="{:.1f}" y="{}" width="{:.1f}" height="{}"/>').format(
                    name, x, _HEIGHT - height, width, height
                )
            )
    for at, what in edges:
        x = min(max((at - since) * _WIDTH / length, 1.0), _WIDTH - 1.0)
        line = Markup('<rect class="edge" x="{:.1f}" y="0" width="1.5" height="{}">{}</rect>')
        shapes.append(line.format(x - 0.75, _HEIGHT, Markup("<title>{}</title>").format(what)))
    for at, what in events:
        if since <= at <= until:
            x = (at - since) * _WIDTH / length
            mark = Markup('<path class="mark" d="M{:.1f} 0h6l-3 8z"><title>{}</title></path>')
            shapes.append(mark.format(x - 3, what))
    return _svg(shapes, title, "timeline")


def grade_bar(grades: Grades, title: str) -> Markup:
    """Draw the shares of good, fair and poor time side by side."""
    shapes: list[Markup] = []
    x = 0.0
    shares = (grades.good_share or 0.0, grades.fair_share or 0.0, grades.poor_share or 0.0)
    for name, share in zip(("good", "fair", "poor"), shares, strict=True):
        width = share * _WIDTH
        if width:
            shapes.append(
                Markup('<rect class="{}" x="{:.1f}" y="0" width="{:.1f}" height="{}"/>').format(
                    name, x, width, _HEIGHT
                )
            )
        x += width
    return _svg(shapes, title, "bar")


def heat_row(row: HeatRow, since: int, until: int, title: str) -> Markup:
    """Draw a row of a heat map: the color of a cell is its share of time with problems."""
    length = max(1, until - since)
    shapes: list[Markup] = []
    for cell in row.cells:
        if cell.known:
            share = cell.bad / cell.known
            x = max(0.0, (cell.start - since) * _WIDTH / length)
            width = max(1.0, row.step * _WIDTH / length - 1)
            shapes.append(
                Markup(
                    '<rect class="heat{}" x="{:.1f}" y="0" width="{:.1f}" height="{}">'
                    "<title>{:.1%}</title></rect>"
                ).format(_heat_level(share), x, width, _HEIGHT, share)
            )
    return _svg(shapes, title, "timeline")


def interval_bar(low: float, share: float, high: float, axis_end: float, title: str) -> Markup:
    """Draw a share and its confidence interval, on an axis from 0 to `axis_end`."""
    scale = _WIDTH / axis_end
    left, right = min(low * scale, _WIDTH), min(high * scale, _WIDTH)
    whisker = Markup('<rect class="whisker" x="{:.1f}" y="9" width="{:.1f}" height="6"/>').format(
        left, max(2.0, right - left)
    )
    x = min(share * scale, _WIDTH - 12)
    point = Markup('<rect class="point" x="{:.1f}" y="2" width="12" height="20"/>').format(x)
    return _svg([whisker, point], title, "interval")


def count_columns(
    counts: Sequence[tuple[int, int, int]], since: int, until: int, title: str
) -> Markup:
    """Draw counts over time as columns; each has its start, its end and the count."""
    length = max(1, until - since)
    most = max((count for _, _, count in counts), default=1)
    shapes: list[Markup] = []
    for start, end, count in counts:
        if count:
            height = count * _HEIGHT / most
            shapes.append(
                Markup(
                    '<rect class="poor" x="{:.1f}" y="{:.1f}" width="{:.1f}" height="{:.1f}">'
                    "<title>{}</title></rect>"
                ).format(
                    (start - since) * _WIDTH / length,
                    _HEIGHT - height,
                    max(1.5, (end - start) * _WIDTH / length - 0.5),
                    height,
                    count,
                )
            )
    return _svg(shapes, title, "timeline columns")


def count_bar(share: float, title: str) -> Markup:
    """Draw one bar whose length is `share` (0..1) of the width."""
    bar = Markup('<rect x="0" y="0" width="{:.1f}" height="{}"/>')
    return _svg([bar.format(share * _WIDTH, _HEIGHT)], title, "count")


def _heat_level(share: float) -> int:
    """0 for none, 1 up to 2 %, 2 up to 5 %, 3 up to 15 %, 4 above."""
    return sum(share > limit for limit in (0.0, 0.02, 0.05, 0.15))


def _svg(shapes: Sequence[Markup], title: str, kind: str) -> Markup:
    return Markup(
        '<svg class="{}" viewBox="0 0 {} {}" preserveAspectRatio="none" role="img"'
        ' aria-label="{}"><title>{}</title>{}</svg>'
    ).format(kind, _WIDTH, _HEIGHT, title, escape(title), Markup("").join(shapes))
