"""Reads the totals of days (`quality.day_totals`), which answer long windows without a filter.

With one value selected they have the rooms.

Sessions that were there at an end of a window count with all of their time.
"""

from collections.abc import Iterator, Sequence
from functools import partial
from itertools import compress
from typing import Any, NamedTuple

import msgspec

from jmmc.answers.threads import in_background
from jmmc.core.tasks import prefetch
from jmmc.quality.day_totals import TOTAL_COLUMNS, DayTotals, totals_of
from jmmc.quality.filters import SummaryFilter
from jmmc.quality.rollups import DAY, whole_units
from jmmc.stores import Reports

_LEAST = 3 * DAY  # Seconds of whole days: with fewer, sessions are read as quickly.
_DAYS_TOGETHER = 32  # That are read at a time: some milliseconds.
_MOST_SESSIONS = 20_000  # That are read one by one; more are counted faster by the store.
_EVER = -(2**62)  # Before all time.
_BEGAN = TOTAL_COLUMNS.index("began")


class Part(NamedTuple):
    """A part of a window: the sessions selected by `selection` that began in [`since`, `until`)."""

    selection: SummaryFilter
    since: int
    until: int

    def has(self, began: int) -> bool:
        """Whether a session that began at this moment is in this part."""
        return self.since <= began < self.until


class StoredTotals(NamedTuple):
    """The stored totals of a window's days, and the parts of it that have none."""

    days: Sequence[DayTotals]
    rest: Sequence[Part]


async def stored_totals(reports: Reports, selection: SummaryFilter) -> StoredTotals | None:
    """The stored totals in a window; None without any, or with any other filter."""
    return await _stored(reports, selection) if selection.only_window else None


async def _stored(reports: Reports, selection: SummaryFilter) -> StoredTotals | None:
    since, until = selection.window
    first, last = whole_units(since, until, DAY)
    if last - first < _LEAST:
        return None
    days: list[DayTotals] = []
    for start in range(first, last, _DAYS_TOGETHER * DAY):
        end = min(start + _DAYS_TOGETHER * DAY, last)
        days += await reports.day_totals([*range(start, end, DAY)])
    return StoredTotals(days, [*_rest(selection, days)]) if days else None


async def read_totals(reports: Reports, selection: SummaryFilter) -> Sequence[DayTotals] | None:
    """The totals of all sessions and attempts of a window, in parts by time.

    None where they are stored of too little of it. What is not stored has no ratings here.
    """
    stored = await stored_totals(reports, selection)
    if stored is None:
        return None
    parts = [*stored.days]
    read = 0
    for part in stored.rest:
        rows: list[Sequence[Any]] = []
        of_part = msgspec.structs.replace(part.selection, attempts=None)
        async for columns in prefetch(reports.columns(TOTAL_COLUMNS, of_part)):
            read += len(columns[0])
            if read > _MOST_SESSIONS:
                return None
            rows += (row for row in zip(*columns, strict=True) if part.has(row[_BEGAN]))
        if rows:
            first = min(row[_BEGAN] for row in rows)
            parts.append(await in_background(partial(totals_of, rows, (), first)))
    return sorted(parts, key=lambda totals: totals.start)


async def rooms_with_value(
    reports: Reports, selection: SummaryFilter, dimension: str
) -> set[str] | None:
    """The rooms of all sessions of a window that had the selected value of one dimension.

    None where the totals of days do not have them.
    """
    stored = await _stored(reports, selection)
    if stored is None:
        return None
    rooms: set[str] = set()
    for day in stored.days:
        of_day = day.rooms_with(dimension, lambda value: selection.fits({dimension: value}))
        if of_day is None:
            return None
        rooms.update(of_day)
    read = 0
    for part in stored.rest:
        async for began, in_room in prefetch(reports.columns(("began", "room"), part.selection)):
            read += len(began)
            if read > _MOST_SESSIONS:
                return None
            rooms.update(compress(in_room, map(part.has, began)))
    return rooms


def _rest(selection: SummaryFilter, days: Sequence[DayTotals]) -> Iterator[Part]:
    """The parts without stored totals; the first one has all sessions that began before."""
    since, until = selection.window
    start = since
    for day in [*(totals.start for totals in days), until]:
        if start == since or start < day:
            part = msgspec.structs.replace(selection, since=start, until=max(day, start + 1))
            yield Part(part, _EVER if start == since else start, day)
        start = day + DAY
