"""How much a server is used, by the calendar of a time zone: from stored days and from sessions."""

from bisect import bisect_left
from collections.abc import Iterable, Mapping, Sequence
from datetime import tzinfo
from itertools import groupby
from typing import NamedTuple

from jmmc.answers.joins import rates_of
from jmmc.answers.model import Grades, Usage
from jmmc.answers.threads import in_background
from jmmc.core.calendar import Bounds, Calendar, Period
from jmmc.core.computing import paused
from jmmc.core.rounding import whole_minutes
from jmmc.maintenance.usage_days import is_affected, read_usage, stale_usage
from jmmc.quality.filters import SummaryFilter
from jmmc.quality.grading import Grade
from jmmc.quality.intervals import Replicates, interval
from jmmc.quality.joins import JoinSums
from jmmc.quality.people import STANDARD_ERROR
from jmmc.quality.rollups import DAY
from jmmc.quality.usage import (
    UsageSums,
    by_length,
    median_of,
    people_of,
    total_lengths,
)
from jmmc.stores import Reports, Store

LENGTHS = (5, 15, 30, 60, 120, 240)
"""Minutes between which the lengths of meetings and stays are counted."""

SHOWN: Mapping[Period, int] = {"day": 31, "week": 14, "month": 13, "year": 6}
"""Periods that are shown where a question names no time, with the one that runs."""

_NEGLIGIBLE = 0.01  # Of a period: the time before the first session of all makes none partial.
_NORMAL = 1.96  # Standard errors of a 95 % interval.


class _Part(NamedTuple):
    """A part of a period: a stored day, or a time whose sessions are to be read."""

    period: Bounds
    bounds: Bounds
    stored: UsageSums | None


async def usage(
    store: Store, period: Period, selection: SummaryFilter, zone: tzinfo, now: int
) -> list[Usage]:
    """Meetings of five minutes and more, by calendar periods of a time zone.

    Each second counts in its own period, a meeting in the first one in which it was there. The
    selection needs `since` and `until`; periods that are only partly in it, or of which only a part
    is stored, are `partial`. Whole days come from what is stored of them, if nothing else is
    selected; the rest is counted from sessions.
    """
    first, last = selection.window
    begins = await usage_begins(store)
    if begins is None:
        return []
    day = Calendar("day", zone)
    since = max(first, day.at(begins)[0])
    # Sessions of a browser or a collector whose clock was ahead have use, too.
    latest = await store.session_times() or (0, 0)
    until = min(last, max(now, begins, latest[1] + DAY) + 1)
    periods = list(Calendar(period, zone).periods(since, until))
    if not periods:
        return []
    days = _Days([], {}, 0)
    if selection.only_window:
        days = await _stored_days(store.reports, since, until)
    elif reduced := [part for part in await store.reports.usage(since, until) if part.reduced]:
        days = _Days([], {}, max(part.end for part in reduced))
    parts = [part for bounds in periods for part in _parts(bounds, (since, until), days, day)]
    counted = await _counted(store.reports, parts, selection)
    asked = (first, min(last, now))
    starts = [part.start for part in counted]

    def parts_of(bounds: Bounds) -> Sequence[UsageSums]:
        return counted[bisect_left(starts, bounds[0]) : bisect_left(starts, bounds[1])]

    return await in_background(
        lambda: [
            _usage(bounds, of_period, asked, begins, selection, first=bounds == periods[0])
            for bounds in paused(periods, every=10)
            if (of_period := parts_of(bounds))
            and (bounds[0] < now or any(part.seconds for part in of_period))
        ]
    )


async def usage_begins(store: Store) -> int | None:
    """When the earliest session began of which usage knows (Unix seconds); None without any."""
    times = await store.session_times()
    stored = await store.reports.usage(0, 2**40, limit=1)
    found = [*(times or ())[:1], *(day.first for day in stored)]
    return min(found, default=None)


class _Days(NamedTuple):
    """The stored days of a window.

    `stale` are days of UTC that changed since; before `kept_since` there are no summaries any more.
    """

    stale: Sequence[int]
    by_bounds: Mapping[Bounds, UsageSums]
    kept_since: int

    def of(self, bounds: Bounds) -> UsageSums | None:
        """What is stored of a day, if that is still right."""
        found = self.by_bounds.get(bounds)
        is_stale = bounds[0] >= self.kept_since and any(
            is_affected(bounds, day) for day in self.stale
        )
        return None if is_stale else found


async def _stored_days(reports: Reports, since: int, until: int) -> _Days:
    days = await reports.usage(since, until)
    kept_since = max((day.end for day in days if day.reduced), default=0)
    by_bounds = {(day.start, day.end): day for day in days}
    return _Days(sorted(await stale_usage(reports)), by_bounds, kept_since)


def _parts(period: Bounds, window: Bounds, days: _Days, calendar: Calendar) -> Iterable[_Part]:
    """The stored days of a period, and the times between them that sessions tell of."""
    start, end = max(period[0], window[0]), min(period[1], window[1])
    found: list[_Part] = []
    for bounds in calendar.periods(start, end):
        is_whole = start <= bounds[0] and bounds[1] <= end
        if is_whole and (stored := days.of(bounds)) is not None:
            found.append(_Part(period, bounds, stored))
            continue
        cut = max(start, bounds[0]), min(end, bounds[1])
        if cut[0] < days.kept_since:
            continue
        if found and found[-1].stored is None and found[-1].bounds[1] == cut[0]:
            cut = found.pop().bounds[0], cut[1]
        found.append(_Part(period, cut, None))
    return found


async def _counted(
    reports: Reports, parts: Sequence[_Part], selection: SummaryFilter
) -> list[UsageSums]:
    """The sums of all parts; those that are not stored, from the sessions of each run of them."""
    counted = [part.stored for part in parts if part.stored is not None]
    unknown = [part.bounds for part in parts if part.stored is None]
    # The people of two parts of a period may be the same.
    with_people = len({part.period for part in parts}) < len(parts)
    number = 0

    def run_of(place: int) -> int:
        """The number of the run of neighbouring times that this one is in."""
        nonlocal number
        number += place > 0 and unknown[place - 1][1] != unknown[place][0]
        return number

    for _, places in groupby(range(len(unknown)), run_of):
        spans = [unknown[place] for place in places]
        counted += await read_usage(
            reports, spans, selection, in_background, with_people=with_people
        )
    return sorted(counted, key=lambda sums: sums.start)


def _usage(
    bounds: Bounds,
    parts: Sequence[UsageSums],
    asked: Bounds,
    begins: int,
    selection: SummaryFilter,
    *,
    first: bool,
) -> Usage:
    start, end = bounds
    people, is_exact = people_of(parts)
    error = 0 if is_exact else round(_NORMAL * STANDARD_ERROR * people)
    meeting_minutes = total_lengths(part.meeting_minutes for part in parts)
    stay_minutes = total_lengths(part.stay_minutes for part in parts)
    joins, replicates = parts[0].joins, Replicates()
    if len(parts) > 1:
        joins = JoinSums()
        for part in parts:
            joins.merge(part.joins)
    for part in parts:
        replicates.add_packed(part.replicates)
    counted = sum(part.end - part.start for part in parts)
    is_known = begins - start <= (end - start) * _NEGLIGIBLE
    is_whole = asked[0] <= start and end <= asked[1] and is_known and counted == end - start
    return Usage(
        start,
        end,
        sum(part.meetings for part in parts) + (parts[0].continuing if first else 0),
        people,
        whole_minutes(sum(part.seconds for part in parts)),
        not is_whole,
        (people - error, people + error),
        max(part.peak_people for part in parts),
        max(part.peak_meetings for part in parts),
        by_length(meeting_minutes, LENGTHS),
        by_length(stay_minutes, LENGTHS),
        median_of(meeting_minutes),
        median_of(stay_minutes),
        Grades.of(
            sum(part.good for part in parts),
            sum(part.fair for part in parts),
            sum(part.poor for part in parts),
            sum(part.unknown for part in parts),
        ),
        interval(replicates, Grade.POOR) or (0.0, 1.0),
        interval(replicates, Grade.FAIR) or (0.0, 1.0),
        rates_of(joins, selection),
    )
