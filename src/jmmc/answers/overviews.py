"""What a window of time comes to: sums and their course, comparisons, and what was worst."""

from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import NamedTuple

import msgspec

from jmmc.answers.meetings import Room, badness, by_room, meeting_of, split
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
from jmmc.core.tasks import ahead
from jmmc.quality.rollups import (
    ALL,
    CHOSEN,
    DAY,
    HOUR,
    FilteredTotals,
    Part,
    by_value,
    total,
    windows,
)
from jmmc.quality.summary import BUCKET, DIMENSIONS, SummaryFilter, slices_of
from jmmc.stores import Reports, Store

_CELLS = 60  # Of a row of a heat map, at the most.
_POINTS = 200  # Of a series, at the most.
_SINGLY = 50  # Rooms: more of them are quicker read in one go than one by one.
_STEPS = (300, 900, 3600, 4 * 3600, DAY, 7 * DAY)


class OverviewDetail(NamedTuple):
    """An overview, every hour of it in which somebody was there, a comparison, and a spread."""

    overview: Overview
    heat: Sequence[Cell]
    compared: Sequence[Comparison]
    spread: GradeDistribution


class Overviews:
    """Answers about windows of time, from one store. `selection` needs both of its ends."""

    def __init__(self, store: Store) -> None:
        self._store = store

    async def overview(self, selection: SummaryFilter) -> Overview:
        """Now, and the window: sums, and a series."""
        if _only_window(selection):
            rooms = await self._reports.count_rooms(selection)
            return await self._overview(selection, await self._parts(selection), rooms)
        chosen = await self._chosen(selection, ALL)
        return await self._overview(selection, chosen.parts, len(chosen.rooms))

    async def detail(self, selection: SummaryFilter, by: str, *, worst: int) -> OverviewDetail:
        """The overview with all that a page shows beside it.

        What has a filter is read once for all of it.
        """
        if _only_window(selection):
            parts = await self._parts(selection)
            compared = await self.compare(by, selection)
            deciles, rooms = await self._tenths(selection)
        else:
            chosen = await self._chosen(selection, by)
            parts, compared = chosen.parts, _compared(chosen.values)
            deciles = chosen.deciles
            rooms = {room: badness(*seconds) for room, seconds in chosen.rooms.items()}
        return OverviewDetail(
            await self._overview(selection, parts, len(rooms)),
            [_cell(item) for item in _by_start(parts, HOUR)],
            compared,
            GradeDistribution(tuple(deciles), await self._worst(selection, rooms, worst)),
        )

    async def compare(self, by: str, selection: SummaryFilter) -> list[Comparison]:
        """The values of a dimension, the most used first."""
        if by not in DIMENSIONS:
            raise ValueError(f"by = {by!r}: expected {', '.join(DIMENSIONS)}")
        if not _only_window(selection):
            return _compared((await self._chosen(selection, by)).values)
        values: dict[str, list[Part]] = {}
        for length, since, until in windows(*_window(selection)):
            rollups = await self._reports.rollups(by, length, since - since % length, until)
            for value, parts in by_value(rollups).items():
                values.setdefault(value, []).extend(_inside(parts, since, until))
        return _compared({value: total(v, 0) for value, v in values.items()})

    async def heat_by(self, by: str, selection: SummaryFilter) -> list[HeatRow]:
        """Bad time by a dimension, in a few dozen steps; filters but the window do not count."""
        since, until = _window(selection)
        step = next((item for item in _STEPS if (until - since) / item <= _CELLS), _STEPS[-1])
        step = max(step, HOUR)
        rollups = await self._reports.rollups(by, HOUR, since - since % HOUR, until)
        rows = [
            HeatRow(value, step, tuple(_cell(item) for item in _by_start(parts, step)))
            for value, parts in sorted(by_value(rollups).items())
            if value
        ]
        return [row for row in rows if row.cells]

    @property
    def _reports(self) -> Reports:
        return self._store.reports

    async def _now(self, selection: SummaryFilter) -> Now:
        running = msgspec.structs.replace(selection, since=None, until=None, running=True)
        rows = await self._reports.facts(("room", "browser_id", "series"), running)
        latest = [its[-1] for row in rows if (its := slices_of(row[2]))]
        return Now(
            len(rows),
            len({row[1] for row in rows}),
            len({row[0] for row in rows}),
            Grades.of(
                sum(part.good for part in latest),
                sum(part.fair for part in latest),
                sum(part.poor for part in latest),
                sum(part.unknown for part in latest),
            ),
        )

    async def _parts(self, selection: SummaryFilter) -> list[Part]:
        """The sums of a window without a filter, by five minutes."""
        since, until = _window(selection)
        rollups = await self._reports.rollups(ALL, HOUR, since - since % HOUR, until)
        return _inside(by_value(rollups).get("", ()), since, until)

    async def _chosen(self, selection: SummaryFilter, by: str) -> FilteredTotals:
        """The sums of a window with a filter. Between its pieces pushes have their turn."""
        chosen = FilteredTotals(*_window(selection))
        names = (*CHOSEN, by) if by else CHOSEN
        async for columns in ahead(self._reports.columns(names, selection)):
            chosen.add(columns)
        return chosen

    async def _tenths(self, selection: SummaryFilter) -> tuple[list[int], dict[str, int]]:
        """Sessions by how much of their time was good, and how bad each conference was."""
        counts = [0] * 10
        rooms: dict[str, int] = {}
        for decile in await self._reports.deciles(selection):
            if decile.tenth is not None:
                counts[decile.tenth] += decile.sessions
            rooms[decile.room] = rooms.get(decile.room, 0) + badness(decile.fair, decile.poor)
        return counts, rooms

    async def _overview(
        self, selection: SummaryFilter, parts: Sequence[Part], rooms: int
    ) -> Overview:
        since, until = _window(selection)
        step = next((item for item in _STEPS if (until - since) / item <= _POINTS), _STEPS[-1])
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
        """The worst meetings of the window, of rooms of which it is known how bad they were.

        No meeting is worse than all of its room: only those that may have one are looked at.
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
            found.sort(key=lambda row: (row[0], row[1][0].room, row[1][0].began), reverse=True)
            looked += size
        return tuple(meeting_of(value) for _, value in found[:worst])

    async def _bad_meetings(
        self, selection: SummaryFilter, worst_rooms: Collection[str]
    ) -> list[tuple[int, Room]]:
        """How bad the meetings of these rooms were, and who was there."""
        if len(worst_rooms) > _SINGLY:
            found = await read_stays(self._reports, selection)
            looked_for = set(worst_rooms)
            stays = [row for row in found if row.room in looked_for]
        else:
            stays = []
            for worst_room in worst_rooms:
                stays += await read_stays(
                    self._reports, msgspec.structs.replace(selection, room=worst_room)
                )
        return [
            (bad, part)
            for room_stays in by_room(stays).values()
            for part in split(room_stays)
            if (bad := sum(badness(item.fair, item.poor) for item in part))
        ]


def _window(selection: SummaryFilter) -> tuple[int, int]:
    if selection.since is None or selection.until is None or selection.since >= selection.until:
        raise ValueError("since and until are needed, since before until")
    return selection.since, selection.until


def _only_window(selection: SummaryFilter) -> bool:
    return selection == SummaryFilter(since=selection.since, until=selection.until)


def _cell(part: Part) -> Cell:
    return Cell(part.start, part.good + part.fair + part.poor, part.fair + part.poor)


def _compared(values: Mapping[str, Part]) -> list[Comparison]:
    compared = [Comparison.of(value, sums) for value, sums in values.items()]
    compared = [comparison for comparison in compared if comparison.sessions or comparison.minutes]
    return sorted(
        compared,
        key=lambda comparison: (-comparison.minutes, -comparison.sessions, comparison.value),
    )


def _inside(parts: Iterable[Part], since: int, until: int) -> list[Part]:
    """Parts that begin in a window, widened to whole five minutes."""
    return [part for part in parts if since - since % BUCKET <= part.start < until]


def _by_start(parts: Iterable[Part], step: int) -> list[Part]:
    steps: dict[int, list[Part]] = {}
    for part in parts:
        steps.setdefault(part.start - part.start % step, []).append(part)
    return [total(steps[start], start) for start in sorted(steps)]
