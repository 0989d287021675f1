"""Windows of time: totals, time series, comparisons, heat maps and the worst meetings."""

import asyncio
from collections.abc import AsyncIterator, Collection, Iterable, Mapping, Sequence
from heapq import nlargest
from typing import NamedTuple

import msgspec

from jmmc.answers.meetings import Room, Stay, badness, by_room, meeting_of, split
from jmmc.answers.model import (
    Cell,
    Comparison,
    GradeDistribution,
    Grades,
    HeatRow,
    Meeting,
    Now,
    Overview,
    Point,
)
from jmmc.answers.stays import read_stays
from jmmc.answers.threads import in_background, paused
from jmmc.core.label_values import OTHER
from jmmc.core.tasks import prefetch
from jmmc.core.timestamps import to_iso
from jmmc.quality.filters import DIMENSIONS, SummaryFilter
from jmmc.quality.rollups import (
    ALL,
    DAY,
    HOUR,
    TOTALS_COLUMNS,
    FilteredTotals,
    Rollup,
    Sums,
    by_value,
    total,
    windows,
)
from jmmc.quality.summary import BUCKET, slices_of
from jmmc.stores import Reports, Store

MOST_COMPARED = 2000
"""Values of a comparison; the rest is `other`."""

_MOST_ROWS = 200  # Of a heat map: the values with the most known time.
_ROLLUPS_TOGETHER, _FEW_TOGETHER = 24, 240  # With many values, and with few.
_MAX_CELLS = 60  # In a row of a heat map.
_MAX_POINTS = 200  # In a series.
_SINGLY = 50  # Rooms that are read one by one; more are read faster in one query.
_STEPS = (300, 900, 3600, 4 * 3600, DAY, 7 * DAY)


class OverviewDetail(NamedTuple):
    """An overview, its hours with anybody there, a comparison and the distribution of grades."""

    overview: Overview
    heat: Sequence[Cell]
    compared: Sequence[Comparison]
    spread: GradeDistribution


class Overviews:
    """Answers about windows of time from one store. A selection needs `since` and `until`."""

    def __init__(self, store: Store) -> None:
        self._store = store

    async def overview(self, selection: SummaryFilter) -> Overview:
        """Totals and a time series of the window, and what runs now."""
        if _only_window(selection):
            rooms = await self._reports.count_rooms(selection)
            return await self._overview(selection, await self._parts(selection), rooms)
        filtered = await self._filtered_totals(selection, ALL)
        return await self._overview(selection, filtered.parts, len(filtered.rooms))

    async def detail(self, selection: SummaryFilter, by: str, *, worst: int) -> OverviewDetail:
        """The overview with everything that its page shows.

        With a filter, sessions are read once for all parts.
        """
        if _only_window(selection):
            parts = await self._parts(selection)
            compared = _compared(await self._values(by, selection))
            deciles, rooms = await self._deciles(selection)
        else:
            filtered = await self._filtered_totals(selection, by)
            parts, compared = filtered.parts, _compared(filtered.values)
            deciles = filtered.deciles
            rooms = {room: badness(*seconds) for room, seconds in filtered.rooms.items()}
        return OverviewDetail(
            await self._overview(selection, parts, len(rooms)),
            [_cell(part) for part in _by_start(parts, HOUR)],
            compared,
            GradeDistribution(tuple(deciles), await self._worst(selection, rooms, worst)),
        )

    async def compare(self, by: str, selection: SummaryFilter) -> list[Comparison]:
        """The values of a dimension, the most used first: `MOST_COMPARED` and the rest as one."""
        values = await self._values(by, selection)
        return await in_background(lambda: _compared(_shortened(values)))

    async def _values(self, by: str, selection: SummaryFilter) -> Mapping[str, Sums]:
        """The sums of the window by value of a dimension."""
        if by not in DIMENSIONS:
            raise ValueError(f"by = {by!r}: expected {', '.join(DIMENSIONS)}")
        if not _only_window(selection):
            return (await self._filtered_totals(selection, by)).values
        values: dict[str, Sums] = {}
        for length, since, until in windows(*_window(selection)):
            async for rollups in self._rollups(by, length, since - since % length, until):
                for value, parts in paused(by_value(rollups).items()):
                    inside = _inside(parts, since, until)
                    if value in values:
                        inside.append(values[value])
                    values[value] = total(inside, 0)
                await asyncio.sleep(0)
        return values

    async def heat_by(self, by: str, selection: SummaryFilter) -> list[HeatRow]:
        """The heat map of a dimension; filters other than the window are ignored."""
        since, until = _window(selection)
        step = max(_step(until - since, _MAX_CELLS), HOUR)
        values: dict[str, list[Sums]] = {}
        async for rollups in self._rollups(by, HOUR, since - since % HOUR, until):
            for value, parts in by_value(rollups).items():
                values.setdefault(value, []).extend(_by_start(parts, HOUR))
        values.pop("", None)
        return await in_background(lambda: _heat_rows(values, step))

    @property
    def _reports(self) -> Reports:
        return self._store.reports

    async def _now(self, selection: SummaryFilter) -> Now:
        running = msgspec.structs.replace(selection, since=None, until=None, running=True)
        rows = await self._reports.facts(("room", "browser_id", "series"), running)
        latest = await in_background(
            lambda: [slices[-1] for row in paused(rows) if (slices := slices_of(row[2]))]
        )
        return Now(
            len(rows),
            len({row[1] for row in rows}),
            len({row[0] for row in rows}),
            Grades.of(
                sum(slice_.good for slice_ in latest),
                sum(slice_.fair for slice_ in latest),
                sum(slice_.poor for slice_ in latest),
                sum(slice_.unknown for slice_ in latest),
            ),
        )

    async def _parts(self, selection: SummaryFilter) -> list[Sums]:
        """The sums of a window without filters, by five minutes, from rollups."""
        since, until = _window(selection)
        parts: list[Sums] = []
        async for rollups in self._rollups(ALL, HOUR, since - since % HOUR, until):
            parts += _inside(by_value(rollups).get("", ()), since, until)
        return parts

    async def _rollups(
        self, by: str, length: int, since: int, until: int
    ) -> AsyncIterator[Sequence[Rollup]]:
        """Yield rollups in small parts: one with many values takes milliseconds to decode."""
        step = length * (_FEW_TOGETHER if by == ALL else _ROLLUPS_TOGETHER)
        for start in range(since, until, step):
            yield await self._reports.rollups(by, length, start, min(start + step, until))

    async def _filtered_totals(self, selection: SummaryFilter, by: str) -> FilteredTotals:
        """The sums of a window with filters; yields to pushes between chunks."""
        filtered = FilteredTotals(*_window(selection))
        names = (*TOTALS_COLUMNS, by) if by else TOTALS_COLUMNS
        async for columns in prefetch(self._reports.columns(names, selection)):
            filtered.add(columns)
        return filtered

    async def _deciles(self, selection: SummaryFilter) -> tuple[list[int], dict[str, int]]:
        """The number of sessions by tenth of good time, and the badness of each room."""
        counts = [0] * 10
        rooms: dict[str, int] = {}
        for decile in await self._reports.deciles(selection):
            if decile.tenth is not None:
                counts[decile.tenth] += decile.sessions
            rooms[decile.room] = rooms.get(decile.room, 0) + badness(decile.fair, decile.poor)
        return counts, rooms

    async def _overview(
        self, selection: SummaryFilter, parts: Sequence[Sums], rooms: int
    ) -> Overview:
        since, until = _window(selection)
        step = _step(until - since, _MAX_POINTS)
        whole = total(parts, since)
        points = tuple(
            Point(
                part.start,
                round(
                    part.seconds / max(1, min(part.start + step, until) - max(part.start, since)), 2
                ),
                Grades.of(part.good, part.fair, part.poor, part.unknown),
            )
            for part in _by_start(parts, step)
        )
        return Overview(
            since,
            until,
            await self._now(selection),
            whole.sessions,
            rooms,
            whole.seconds // 60,
            round(max((part.seconds / BUCKET for part in parts), default=0.0), 2),
            Grades.of(whole.good, whole.fair, whole.poor, whole.unknown),
            step,
            points,
        )

    async def _worst(
        self, selection: SummaryFilter, rooms: Mapping[str, int], worst: int
    ) -> tuple[Meeting, ...]:
        """The worst meetings of the window; `rooms` has the badness of each room.

        No meeting is worse than its room in total, so only the worst rooms are read.
        """
        worst_rooms = sorted(rooms, key=lambda room: (rooms[room], room), reverse=True)
        found: list[tuple[int, Room]] = []
        looked = 0
        while looked < len(worst_rooms):
            least = found[worst - 1][0] if len(found) >= worst else 0
            if found and rooms[worst_rooms[looked]] < max(least, 1):
                break
            size = worst if looked < _SINGLY else len(worst_rooms)
            found += await self._bad_meetings(selection, worst_rooms[looked : looked + size])
            found.sort(key=lambda meeting: _order(*meeting), reverse=True)
            looked += size
        return tuple(meeting_of(stays) for _, stays in found[:worst])

    async def _bad_meetings(
        self, selection: SummaryFilter, worst_rooms: Collection[str]
    ) -> list[tuple[int, Room]]:
        """The meetings of these rooms that had problems: badness and stays."""
        if len(worst_rooms) > _SINGLY:
            looked_for = set(worst_rooms)
            every_stay = await read_stays(self._reports, selection)
            stays = await in_background(
                lambda: [stay for stay in paused(every_stay) if stay.room in looked_for]
            )
        else:
            stays = []
            for worst_room in worst_rooms:
                stays += await read_stays(
                    self._reports, msgspec.structs.replace(selection, room=worst_room)
                )
        return await in_background(lambda: _with_badness(stays))


def _with_badness(stays: Iterable[Stay]) -> list[tuple[int, Room]]:
    """The meetings of these stays that had problems: badness and stays."""
    return [
        (bad, meeting_stays)
        for room_stays in by_room(paused(stays)).values()
        for meeting_stays in split(room_stays)
        if (bad := sum(badness(stay.fair, stay.poor) for stay in meeting_stays))
    ]


def _step(length: int, most: int) -> int:
    """The shortest step (seconds) that divides a window of `length` into at most `most` parts."""
    return next((step for step in _STEPS if length / step <= most), _STEPS[-1])


def _order(bad: int, stays: Room) -> tuple[int, str, int]:
    return bad, stays[0].room, stays[0].began


def _window(selection: SummaryFilter) -> tuple[int, int]:
    since, until = selection.since, selection.until
    if since is None or until is None:
        raise ValueError("since and until are required")
    if since >= until:
        raise ValueError(f"since must be earlier than until (got {to_iso(since)}, {to_iso(until)})")
    return since, until


def _only_window(selection: SummaryFilter) -> bool:
    return selection == SummaryFilter(since=selection.since, until=selection.until)


def _heat_rows(values: Mapping[str, Sequence[Sums]], step: int) -> list[HeatRow]:
    """The rows of the values with the most known time, by value."""
    known = {value: sum(part.known for part in parts) for value, parts in values.items()}
    rows = [
        HeatRow(value, step, tuple(_cell(part) for part in _by_start(values[value], step)))
        for value in paused(sorted(nlargest(_MOST_ROWS, known, key=lambda value: known[value])))
    ]
    return [row for row in rows if row.cells]


def _shortened(values: Mapping[str, Sums]) -> dict[str, Sums]:
    """The `MOST_COMPARED` most used values; the sums of the others are those of `OTHER`."""
    if len(values) <= MOST_COMPARED:
        return dict(values)
    used = sorted(values, key=lambda value: (-values[value].seconds, value))
    shortened = {value: values[value] for value in used[:MOST_COMPARED]}
    rest = [values[value] for value in used[MOST_COMPARED:]]
    shortened[OTHER] = total([*rest, *filter(None, [shortened.get(OTHER)])], 0)
    return shortened


def _cell(part: Sums) -> Cell:
    return Cell(part.start, part.known, part.fair + part.poor)


def _compared(values: Mapping[str, Sums]) -> list[Comparison]:
    compared = [Comparison.of(value, sums) for value, sums in values.items()]
    compared = [comparison for comparison in compared if comparison.sessions or comparison.minutes]
    return sorted(
        compared,
        key=lambda comparison: (-comparison.minutes, -comparison.sessions, comparison.value),
    )


def _inside(parts: Iterable[Sums], since: int, until: int) -> list[Sums]:
    """The parts that begin in a window, which is widened to whole five minutes."""
    return [part for part in parts if since - since % BUCKET <= part.start < until]


def _by_start(parts: Iterable[Sums], step: int) -> list[Sums]:
    steps: dict[int, list[Sums]] = {}
    for part in parts:
        steps.setdefault(part.start - part.start % step, []).append(part)
    return [total(steps[start], start) for start in sorted(steps)]
