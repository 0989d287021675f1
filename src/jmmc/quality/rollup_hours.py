"""Which hours a summary is part of, and which ones a new summary changes."""

from collections.abc import Iterator
from operator import attrgetter

from jmmc.quality.filters import DIMENSIONS
from jmmc.quality.grading import Grade
from jmmc.quality.joins import JoinEvent, join_events
from jmmc.quality.rollups import DAY, HOUR
from jmmc.quality.summary import Setup, Summary

_LONG_UNKNOWN = 3 * DAY  # Seconds: a clock was set meanwhile; decades would be gigabytes.


def hours_of(summary: Summary, since: int | None = None) -> set[int]:
    """The hours whose rollups a summary is part of, as Unix seconds of their start.

    With `since`, those from then on. Of very long unknown time only the first and the last one.
    """
    since = summary.began if since is None else since
    hours = {since - since % HOUR}
    for span in summary.grade_spans:
        start, end = max(span.start, since), span.end
        if start >= end:
            continue
        every = range(start - start % HOUR, end, HOUR)
        if span.grade is Grade.UNKNOWN and end - start > _LONG_UNKNOWN:
            every = every[:: len(every) - 1]
        hours.update(every)
    return hours


def changed_hours(before: Summary | None, after: Summary) -> set[int]:
    """The hours whose rollups are out of date: of a long session, mostly the last one."""
    if before is None:
        return hours_of(after)
    if _rollup_key(before) != _rollup_key(after):
        return hours_of(before) | hours_of(after)
    end = max(before.ended, after.ended)
    if before.ended != after.ended and (hour := end - end % HOUR) <= after.began:
        return {hour}  # All of the session is in one hour.
    joins = set(_joins_of(before)) ^ set(_joins_of(after))
    of_joins = {event.at - event.at % HOUR for event, *_ in joins}
    changed = end if before.ended == after.ended else min(before.ended, after.ended)
    for old, new in zip(_marks(before), _marks(after), strict=False):
        if old != new:
            same = old[0] == new[0] and old[2] == new[2]
            changed = min(changed, *((old[1], new[1]) if same else (old[0], new[0])))
            break
    if changed >= end:
        return of_joins
    return of_joins | hours_of(before, changed) | hours_of(after, changed)


def _joins_of(summary: Summary) -> Iterator[tuple[JoinEvent, str, Setup]]:
    """What a session counts for in rollups of joins, with its reason and its times."""
    for event in join_events(
        summary.outcome, summary.began, summary.ended, running=summary.running
    ):
        yield event, summary.failure, summary.setup


def _marks(summary: Summary) -> list[tuple[int, int, object]]:
    """What a session's part of rollups is made of, by time."""
    spans = [(span.start, span.end, span.grade) for span in summary.grade_spans]
    moves = [(part.start, part.end, part.values) for part in summary.segments]
    return sorted([*spans, *moves], key=lambda mark: mark[0])


_rollup_key = attrgetter("began", *DIMENSIONS)
"""What decides in which rows of a rollup a session counts."""
