"""The grades of a moment, and spans of time that have one."""

from collections.abc import Sequence
from enum import IntEnum

from msgspec import Struct

from jmmc.core.fields import Moment


class Grade(IntEnum):
    """From best to worst after UNKNOWN, which is a moment without readings that are graded."""

    UNKNOWN = 0
    GOOD = 1
    FAIR = 2
    POOR = 3


class GradeSpan(Struct, frozen=True, array_like=True, gc=False):
    """A span of time with one grade."""

    start: Moment
    end: Moment
    grade: Grade


def append_span(joined: list[GradeSpan], span: GradeSpan) -> None:
    """Add a span, joined with the one before where that has its grade and ends at its start."""
    if joined and joined[-1].grade == span.grade and joined[-1].end == span.start:
        span = GradeSpan(joined.pop().start, span.end, span.grade)
    joined.append(span)


def grade_at(spans: Sequence[GradeSpan], last: int) -> Grade:
    """The grade of the time before the last sample: what is after it is not known yet."""
    return next((span.grade for span in reversed(spans) if span.start < last), Grade.UNKNOWN)
