"""SVG that the server draws: timelines of grades and bars of shares."""

from collections.abc import Callable, Iterable, Sequence

from markupsafe import Markup, escape

from jmmc.answers.model import Grades, HeatRow, SessionMark
from jmmc.answers.notes import Note
from jmmc.quality.differences import Difference
from jmmc.quality.grading import Grade
from jmmc.quality.summary import GradeSpan
from jmmc.web.dashboard.tracks import Track

MOST_NOTES = 30
"""Notes that a chart shows."""

_LEAST_AXIS = 0.01  # Of a share.
_WIDTH = 1000  # Units; the page stretches it.
_HEIGHT = 24
_HEIGHTS = {Grade.UNKNOWN: 3, Grade.GOOD: 8, Grade.FAIR: 16, Grade.POOR: 24}
"""The worse the grade, the taller: color is never the only sign."""

_NARROW_TRACK = 200  # Pixels of a track on the narrowest phone.
_CHARACTER = 7  # Pixels of a character, at most on average.
_MARK = 4.0  # Units: the width of the shortest session on a strip of days.


def timeline(
    grade_spans: Sequence[GradeSpan],
    since: int,
    until: int,
    title: str,
    events: Sequence[tuple[int, str]] = (),
    edges: Sequence[tuple[int, str]] = (),
    attempts: Sequence[tuple[int, str]] = (),
) -> Markup:
    """Draw the grades from `since` to `until`.

    Each of `events` is a mark at the top, each of `edges` (joined, left) a full-height line, each
    of `attempts` (a join that failed) a cross; the text is their title.
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
    for at, what in attempts:
        x = min(max((at - since) * _WIDTH / length, 4.0), _WIDTH - 4.0)
        cross = Markup(
            '<path class="attempt" d="M{:.1f} 6l8 12m0-12l-8 12"><title>{}</title></path>'
        )
        shapes.append(cross.format(x - 4, what))
    return _svg(shapes, title, "timeline")


def track(row: Track, since: int, until: int, title: str) -> Markup:
    """Draw a track from `since` to `until`; a value is written where it surely fits."""
    length = max(1, until - since)
    shapes: list[Markup] = []
    for span in row.spans:
        start, end = max(span.start, since), min(span.end, until)
        if end < start:
            continue
        share = (end - start) / length
        fits = share * _NARROW_TRACK >= _CHARACTER * len(span.value) + 2 * _CHARACTER
        text = Markup('<text x="6" y="13">{}</text>').format(span.value) if fits else ""
        shapes.append(
            Markup(
                '<svg x="{:.3f}%" width="{:.3f}%"><rect class="{}" width="100%" height="100%"/>'
                "{}</svg>"
            ).format(
                (start - since) * 100 / length,
                max(0.25, share * 100),
                f"in-{row.kind} {'known' if span.value or row.kind == 'state' else 'unknown'}",
                text,
            )
        )
    for at in row.moments:
        x = min(max((at - since) * 100 / length, 0.0), 99.6)
        shapes.append(
            Markup('<rect class="at-event" x="{:.3f}%" width="3" height="100%"/>').format(x)
        )
    return Markup('<svg class="track" role="img" aria-label="{}">{}</svg>').format(
        title, Markup("").join(shapes)
    )


def strip(
    marks: Sequence[SessionMark],
    since: int,
    until: int,
    title: str,
    described: Callable[[SessionMark], str],
    root: str,
    current: str = "",
) -> Markup:
    """Draw one mark for each session, linked to it; `described` gives its text.

    Tab passes the marks by: pages list the sessions beside it.
    """
    length = max(1, until - since)
    shapes: list[Markup] = []
    for mark in marks:
        x = min(max(0.0, (mark.began - since) * _WIDTH / length), _WIDTH - _MARK)
        width = max(_MARK, (mark.ended - mark.began) * _WIDTH / length)
        height = _HEIGHTS[Grade[mark.grade.upper()]]
        shapes.append(
            Markup(
                '<a href="{}/sessions/{}" tabindex="-1"{}><title>{}</title>'
                '<rect class="hit" x="{:.1f}" y="0" width="{:.1f}" height="{}"/>'
                '<rect class="{}" x="{:.1f}" y="{}" width="{:.1f}" height="{}"/></a>'
            ).format(
                root,
                mark.session,
                Markup(' class="current"') if mark.session == current else "",
                described(mark),
                x,
                width,
                _HEIGHT,
                mark.grade,
                x,
                _HEIGHT - height,
                width,
                height,
            )
        )
    return Markup(
        '<svg class="timeline strip" viewBox="0 0 {} {}" preserveAspectRatio="none" role="group"'
        ' aria-label="{}">{}</svg>'
    ).format(_WIDTH, _HEIGHT, title, Markup("").join(shapes))


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


def heat_row(
    row: HeatRow,
    since: int,
    until: int,
    title: str,
    address: Callable[[int, int], str],
    label: Callable[[int, float, int], str],
) -> Markup:
    """Draw a row of a heat map: the color of a cell is its share of time with problems.

    A cell leads to the `address` of its start and end; its `label` is of its start, its share and
    its known seconds. Tab stops at the first cell only: the script moves from there by arrow keys.
    """
    length = max(1, until - since)
    shapes: list[Markup] = []
    for cell in row.cells:
        if not cell.known:
            continue
        share = cell.bad / cell.known
        start, end = max(cell.start, since), min(cell.start + row.step, until)
        text = label(start, share, cell.known)
        shapes.append(
            Markup(
                '<a href="{}" tabindex="{}" aria-label="{}"><rect class="heat{}" x="{:.1f}" y="0"'
                ' width="{:.1f}" height="{}"><title>{}</title></rect></a>'
            ).format(
                address(start, end),
                -1 if shapes else 0,
                text,
                heat_level(share),
                (start - since) * _WIDTH / length,
                max(1.0, (end - start) * _WIDTH / length - 1),
                _HEIGHT,
                text,
            )
        )
    return _svg(shapes, title, "timeline cells", role="group")


def axis_end_of(differences: Iterable[Difference]) -> float:
    """The end of an axis on which differences are seen, from a point on; intervals may be cut."""
    largest = max((abs(row.share) for row in differences if row.share is not None), default=0.0)
    return max(_LEAST_AXIS, 1.5 * largest)


def difference_bar(difference: Difference, axis_end: float, title: str) -> Markup:
    """Draw a difference and its interval, on an axis from -`axis_end` to `axis_end`."""

    def place(share: float) -> float:
        return min(max((share / axis_end + 1) * _WIDTH / 2, 0.0), _WIDTH)

    low, high = map(place, difference.interval)
    whisker = Markup('<rect class="whisker" x="{:.1f}" y="9" width="{:.1f}" height="6"/>').format(
        low, max(2.0, high - low)
    )
    zero = Markup('<rect class="edge" x="{:.1f}" y="0" width="2" height="24"/>').format(
        _WIDTH / 2 - 1
    )
    x = min(max(place(difference.share or 0.0) - 6, 0.0), _WIDTH - 12)
    point = Markup('<rect class="point" x="{:.1f}" y="2" width="12" height="20"/>').format(x)
    kind = f"interval {difference.mark.value}"
    return _svg([whisker, zero, point], title, kind)


def count_columns(
    counts: Sequence[tuple[int, int, int]],
    since: int,
    until: int,
    title: str,
    address: Callable[[int, int], str],
) -> Markup:
    """Draw counts over time as columns; each has its start, its end and the count.

    A column leads to the `address` of its start and end.
    """
    length = max(1, until - since)
    most = max((count for _, _, count in counts), default=1)
    shapes: list[Markup] = []
    for start, end, count in counts:
        if count:
            height = count * _HEIGHT / most
            shapes.append(
                Markup(
                    '<a href="{}" tabindex="{}" aria-label="{}"><rect class="poor" x="{:.1f}"'
                    ' y="{:.1f}" width="{:.1f}" height="{:.1f}"><title>{}</title></rect></a>'
                ).format(
                    address(start, end),
                    -1 if shapes else 0,
                    f"{title}: {count}",
                    (start - since) * _WIDTH / length,
                    _HEIGHT - height,
                    max(1.5, (end - start) * _WIDTH / length - 0.5),
                    height,
                    count,
                )
            )
    return _svg(shapes, title, "timeline columns", role="group")


def sparkline(
    values: Sequence[tuple[int, int, float]], since: int, until: int, most: float, title: str
) -> Markup:
    """Draw values over time as an area; each has its start, its end and its value up to `most`."""
    length = max(1, until - since)
    shapes = [
        Markup('<rect x="{:.1f}" y="{:.1f}" width="{:.1f}" height="{:.1f}"/>').format(
            (start - since) * _WIDTH / length,
            _HEIGHT - (height := min(value / (most or 1), 1.0) * _HEIGHT),
            max(1.0, (end - start) * _WIDTH / length),
            height,
        )
        for start, end, value in values
        if value
    ]
    return _svg(shapes, title, "spark")


def count_bar(share: float, title: str) -> Markup:
    """Draw one bar whose length is `share` (0..1) of the width."""
    bar = Markup('<rect x="0" y="0" width="{:.1f}" height="{}"/>')
    return _svg([bar.format(share * _WIDTH, _HEIGHT)], title, "count")


def heat_level(share: float) -> int:
    """0 for none, 1 up to 2 %, 2 up to 5 %, 3 up to 15 %, 4 above."""
    return sum(share > limit for limit in (0.0, 0.02, 0.05, 0.15))


def note_marks(notes: Sequence[Note], since: int, until: int, title: str) -> Markup:
    """Draw numbered marks of notes over a chart of that time; it is not stretched."""
    length = max(1, until - since)
    shapes: list[Markup] = []
    for number, note in enumerate(notes[:MOST_NOTES], 1):
        if note.end < since or note.at > until:
            continue
        start = max(0.0, (note.at - since) * 100 / length)
        width = min(100.0, (note.end - since) * 100 / length) - start
        span = Markup('<rect class="span" x="{0:.2f}%" y="0" width="{1:.2f}%" height="100%"/>')
        mark = Markup(
            '<g><title>{1}</title><line class="stem" x1="{0:.2f}%" x2="{0:.2f}%" y1="8" y2="100%"/>'
            '<circle cx="{0:.2f}%" cy="8" r="8"/><text x="{0:.2f}%" y="12">{2}</text></g>'
        )
        if width > 0:
            shapes.append(span.format(start, width))
        shapes.append(mark.format(start, note.text, number))
    return Markup('<svg class="notes" role="img" aria-label="{}">{}</svg>').format(
        title, Markup("").join(shapes)
    )


def plot_notes(notes: Sequence[Note]) -> list[tuple[int, int, int]]:
    """The number, the start and the end of each note, for the plots of a page."""
    return [(number, note.at, note.end) for number, note in enumerate(notes[:MOST_NOTES], 1)]


def _svg(shapes: Sequence[Markup], title: str, kind: str, *, role: str = "img") -> Markup:
    if not title:  # It repeats a figure beside it.
        return Markup(
            '<svg class="{}" viewBox="0 0 {} {}" preserveAspectRatio="none" aria-hidden="true">'
            "{}</svg>"
        ).format(kind, _WIDTH, _HEIGHT, Markup("").join(shapes))
    return Markup(
        '<svg class="{}" viewBox="0 0 {} {}" preserveAspectRatio="none" role="{}"'
        ' aria-label="{}"><title>{}</title>{}</svg>'
    ).format(kind, _WIDTH, _HEIGHT, role, title, escape(title), Markup("").join(shapes))
