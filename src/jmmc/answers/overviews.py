"""Windows of time: totals, time series, comparisons, heat maps and the worst meetings."""

from collections import Counter
from collections.abc import AsyncIterator, Collection, Iterable, Mapping, Sequence
from functools import partial
from heapq import nlargest
from itertools import repeat
from typing import NamedTuple

import msgspec

from jmmc.answers.joins import failed_times, joins_by, rates_of, reasons_of, steps_of
from jmmc.answers.meetings import Room, Stay, badness, meeting_of
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
from jmmc.quality.grading import Grade
from jmmc.quality.intervals import Replicates
from jmmc.quality.joins import JoinSums
from jmmc.quality.meetings import by_room, split
from jmmc.quality.rollups import (
    ALL,
    BUCKET,
    DAY,
    HOUR,
    ReplicatesByValue,
    Rollup,
    Sums,
    add_replicates,
    by_value,
    joined_replicates,
    total,
    windows,
)
from jmmc.quality.summary import grade_at, lane_of
from jmmc.quality.window_sums import ROW_COLUMNS, Cut, Row, WindowSums, cut_of
from jmmc.stores import Reports, Store

MOST_COMPARED = 2000
"""Values of a comparison; the rest is `other`."""

_MOST_ROWS = 200  # Of a heat map: the values with the most known time.
_ROLLUPS_TOGETHER, _FEW_TOGETHER = 24, 240  # With many values, and with few.
_EVER = -(2**62)  # Before all time.
_FROM_GOOD = (Grade.GOOD, Grade.FAIR, Grade.POOR, Grade.UNKNOWN)
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


class _Sums(NamedTuple):
    """The sums of a window by five minutes and by value.

    `edges`: the sessions at its ends, when the rest came from rollups; else `deciles` and `rooms`.
    """

    parts: Sequence[Sums]
    values: Mapping[str, Sums]
    replicates: Mapping[str, Replicates]
    deciles: Sequence[int] = ()
    rooms: Mapping[str, Sequence[int]] = {}
    edges: Mapping[str, Row] | None = None


class _Compared:
    """Sums and replicates by value, over any number of sides and rollups."""

    def __init__(self) -> None:
        self.values: dict[str, list[int]] = {}
        self.replicates = ReplicatesByValue(Replicates)

    def add_side(self, side: WindowSums) -> None:
        """Add the sums of one end of a window."""
        for value, sums in side.values().items():
            self._add(value, sums)
        for value, replicates in side.replicates.items():
            self.replicates[value].merge(replicates)

    def add_rollups(self, rollups: Iterable[Rollup], since: int, until: int) -> None:
        """Add the parts that begin in a window, and the replicates of all of it."""
        for rollup in paused(rollups, every=1):
            for value, parts in rollup.values.items():
                for part in parts:
                    if since <= part.start < until:
                        self._add(value, part)
            add_replicates(self.replicates, [rollup])

    def _add(self, value: str, sums: Sums) -> None:
        if value not in self.values:
            self.values[value] = [0, 0, 0, 0, 0]
        mine = self.values[value]
        mine[0] += sums.sessions
        mine[1] += sums.good
        mine[2] += sums.fair
        mine[3] += sums.poor
        mine[4] += sums.unknown


class Overviews:
    """Answers about windows of time from one store. A selection needs `since` and `until`."""

    def __init__(self, store: Store) -> None:
        self._store = store

    async def overview(self, selection: SummaryFilter) -> Overview:
        """Totals and a time series of the window, and what runs now."""
        since, until = _window(selection)
        length = DAY if _step(until - since, _MAX_POINTS) % DAY == 0 else HOUR
        sums = await self._sums(selection, ALL, length)
        rooms = len(sums.rooms) if sums.rooms else await self._reports.count_rooms(selection)
        return await self._overview(selection, sums.parts, rooms)

    async def detail(self, selection: SummaryFilter, by: str, *, worst: int) -> OverviewDetail:
        """The overview with everything that its page shows.

        With a filter, sessions are read once for all parts.
        """
        sums = await self._sums(selection, by, HOUR)
        deciles, rooms = sums.deciles, sums.rooms
        if sums.edges is not None:
            deciles, rooms = await self._deciles(selection, sums.edges)
        joins = await joins_by(self._reports, selection, by)
        return OverviewDetail(
            await self._overview(selection, sums.parts, len(rooms)),
            [_cell(part) for part in _by_start(sums.parts, HOUR)],
            _compared(sums, joins, selection, by),
            GradeDistribution(tuple(deciles), await self._worst(selection, rooms, worst)),
        )

    async def compare(self, by: str, selection: SummaryFilter) -> list[Comparison]:
        """The values of a dimension, the most used first: `MOST_COMPARED` and the rest as one."""
        if by not in DIMENSIONS:
            raise ValueError(f"by = {by!r}: expected {', '.join(DIMENSIONS)}")
        sums = await self._sums(selection, by, None)
        joins = await joins_by(self._reports, selection, by)
        return await in_background(
            lambda: _compared(*_shortened(_with_values(sums, joins), joins), selection, by)
        )

    async def heat_by(self, by: str, selection: SummaryFilter) -> list[HeatRow]:
        """The heat map of a dimension; filters other than the window are ignored."""
        since, until = _window(selection)
        selection = SummaryFilter(since=since, until=until)
        step = max(_step(until - since, _MAX_CELLS), HOUR)
        first, last = _whole(since, until, HOUR)
        sides, _ = await self._sides(selection, by, first, last)
        values: dict[str, list[Sums]] = {}
        for side in sides:
            for value, sums in side.values().items():
                values.setdefault(value, []).append(sums)
        for length, start, end in _lengths(first, last, DAY if step % DAY == 0 else HOUR):
            async for rollups in self._rollups(by, length, start, end):
                for value, parts in by_value(rollups, start, end).items():
                    values.setdefault(value, []).extend(_by_start(parts, HOUR))
        values.pop("", None)
        return await in_background(lambda: _heat_rows(values, step))

    async def _sums(self, selection: SummaryFilter, by: str, length: int | None) -> "_Sums":
        """The sums of a window: by value of `by`, and over time in parts of at most `length`.

        Whole five minutes come from rollups, both ends from the sessions that were there: of
        comparisons whole hours, because intervals need more than rollups have of five minutes. With
        a filter, all of it comes from sessions. Without a `length` there are no parts.
        """
        since, until = _window(selection)
        first, last = _whole(since, until, HOUR if by else BUCKET)
        if not selection.only_window or first >= last:
            whole = WindowSums(selection, by=by)
            async for rows in self._rows(selection, by):
                await in_background(partial(_add, whole, rows))
            return await in_background(lambda: _sums_of(whole))
        sides, edges = await self._sides(selection, by, first, last)
        parts: list[Sums] = []
        if length is not None:
            parts += [part for side in sides for part in side.parts()]
            for size, start, end in _lengths(first, last, length):
                async for rollups in self._rollups(ALL, size, start, end):
                    parts += by_value(rollups, start, end).get(ALL, ())
        compared = _Compared()
        for side in sides if by else ():
            compared.add_side(side)
        for size, start, end in windows(first, last) if by else ():
            async for rollups in self._rollups(by, size, start, end):
                await in_background(partial(compared.add_rollups, rollups, start, end))
        return _Sums(
            sorted(parts, key=lambda part: part.start),
            {value: Sums(since, *sums) for value, sums in compared.values.items()},
            compared.replicates,
            edges=edges,
        )

    async def _sides(
        self, selection: SummaryFilter, by: str, first: int, last: int
    ) -> tuple[list[WindowSums], dict[str, Row]]:
        """The sums before `first` and from `last` on, and the sessions that also were outside.

        When the window has no whole unit between them, the first side has all of it.
        """
        since, until = _window(selection)
        if first >= last:
            first = last = until
        edges: dict[str, Row] = {}
        sides: list[WindowSums] = []
        for part, entered, start, end in (
            # Also sessions that are there at the very moment count, when an end has no part.
            ((since, first), (_EVER, first), since, max(first, since + 1)),
            ((last, until), (last, -_EVER), min(last, until - 1), until),
        ):
            sums = WindowSums(selection, by=by, part=part, entered=entered)
            at_end = msgspec.structs.replace(selection, since=start, until=end)
            async for rows in self._rows(at_end, by):
                kept = [*rows]
                await in_background(partial(_add, sums, kept))
                edges |= {
                    row.session: row for row in kept if row.began < since or row.ended > until
                }
            sides.append(sums)
        return sides, edges

    async def _rows(self, selection: SummaryFilter, by: str) -> AsyncIterator[Iterable[Row]]:
        """Yield the sessions of a selection, some thousands at a time."""
        names = (*ROW_COLUMNS, by) if by else ROW_COLUMNS
        async for columns in prefetch(self._reports.columns(names, selection)):
            yield map(Row._make, zip(*columns, *([] if by else [repeat(ALL)]), strict=False))

    @property
    def _reports(self) -> Reports:
        return self._store.reports

    async def _now(self, selection: SummaryFilter) -> Now:
        running = msgspec.structs.replace(selection, since=None, until=None, running=True)
        rows = await self._reports.facts(("room", "browser_id", "last", "lane"), running)
        grades = await in_background(
            lambda: Counter(grade_at(lane_of(row[3]), row[2]) for row in paused(rows))
        )
        return Now(
            len(rows),
            len({row[1] for row in rows}),
            len({row[0] for row in rows}),
            Grades.of(*(grades[grade] for grade in _FROM_GOOD)),
        )

    async def _rollups(
        self, by: str, length: int, since: int, until: int
    ) -> AsyncIterator[Sequence[Rollup]]:
        """Yield rollups in small parts: one with many values takes milliseconds to decode."""
        step = length * (_FEW_TOGETHER if by == ALL else _ROLLUPS_TOGETHER)
        for start in range(since - since % length, until, step):
            yield await self._reports.rollups(by, length, start, min(start + step, until))

    async def _deciles(
        self, selection: SummaryFilter, edges: Mapping[str, Row]
    ) -> tuple[list[int], dict[str, list[int]]]:
        """Sessions by tenth of good time, and fair and poor seconds of each room, in the window.

        The store counts whole sessions; those at the ends of the window are corrected.
        """
        since, until = _window(selection)
        counts = [0] * 10
        rooms: dict[str, list[int]] = {}

        def add(room: str, tenth: int | None, sessions: int, fair: int, poor: int) -> None:
            if tenth is not None:
                counts[tenth] += sessions
            bad = rooms.setdefault(room, [0, 0])
            bad[0] += fair
            bad[1] += poor

        for decile in await self._reports.deciles(selection):
            add(decile.room, decile.tenth, decile.sessions, decile.fair, decile.poor)
        for row in paused(edges.values()):
            whole, cut = Cut(row.good, row.fair, row.poor, row.unknown), cut_of(row, since, until)
            add(row.room, whole.tenth, -1, -whole.fair, -whole.poor)
            add(row.room, cut.tenth, 1, cut.fair, cut.poor)
        return counts, rooms

    async def _overview(
        self, selection: SummaryFilter, parts: Sequence[Sums], rooms: int
    ) -> Overview:
        since, until = _window(selection)
        step = _step(until - since, _MAX_POINTS)
        whole = total(parts, since)
        joins = (await joins_by(self._reports, selection, ALL)).get(ALL, JoinSums())
        failed = Counter(at - at % step for at in await failed_times(self._reports, selection))
        steps = {part.start: part for part in _by_start(parts, step)}
        for start in failed.keys() - steps.keys():
            steps[start] = total((), start)
        points = tuple(
            _point(steps[start], step, since, until, failed[start]) for start in sorted(steps)
        )
        return Overview(
            since,
            until,
            await self._now(selection),
            whole.sessions,
            rooms,
            whole.seconds // 60,
            whole.people,
            whole.connections,
            Grades.of(whole.good, whole.fair, whole.poor, whole.unknown),
            rates_of(joins, selection),
            reasons_of(joins),
            steps_of(joins),
            step,
            points,
        )

    async def _worst(
        self, selection: SummaryFilter, bad_seconds: Mapping[str, Sequence[int]], worst: int
    ) -> tuple[Meeting, ...]:
        """The worst meetings of the window; `bad_seconds` has the fair and poor ones of each room.

        No meeting is worse than its room in total, so only the worst rooms are read.
        """
        rooms = {room: badness(*seconds) for room, seconds in bad_seconds.items()}
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


def _add(sums: WindowSums, rows: Iterable[Row]) -> None:
    sums.add(paused(rows))


def _sums_of(whole: WindowSums) -> _Sums:
    return _Sums(whole.parts(), whole.values(), whole.replicates, whole.deciles, whole.rooms)


def _with_badness(stays: Iterable[Stay]) -> list[tuple[int, Room]]:
    """The meetings of these stays that had problems: badness and stays."""
    return [
        (bad, meeting_stays)
        for room_stays in by_room(paused(stays)).values()
        for meeting_stays in split(room_stays)
        if (bad := sum(badness(stay.fair, stay.poor) for stay in meeting_stays))
    ]


def _point(part: Sums, step: int, since: int, until: int, failed_joins: int) -> Point:
    start, end = max(part.start, since), min(part.start + step, until)
    return Point(
        start,
        end - start,
        end - start < step,
        round(part.seconds / (end - start), 2),
        Grades.of(part.good, part.fair, part.poor, part.unknown),
        failed_joins,
    )


def _whole(since: int, until: int, unit: int) -> tuple[int, int]:
    """The first and the last whole unit (seconds) in a window; not in order when there is none."""
    return since + -since % unit, until - until % unit


def _lengths(since: int, until: int, longest: int) -> Iterable[tuple[int, int, int]]:
    """The window in (length of rollups, since, until), of rollups of at most `longest`."""
    return windows(since, until) if longest == DAY else [(HOUR, since, until)]


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


def _heat_rows(values: Mapping[str, Sequence[Sums]], step: int) -> list[HeatRow]:
    """The rows of the values with the most known time, by value."""
    known = {value: sum(part.known for part in parts) for value, parts in values.items()}
    rows = [
        HeatRow(value, step, tuple(_cell(part) for part in _by_start(values[value], step)))
        for value in paused(sorted(nlargest(_MOST_ROWS, known, key=lambda value: known[value])))
    ]
    return [row for row in rows if row.cells]


def _with_values(sums: _Sums, joins: Mapping[str, JoinSums]) -> _Sums:
    """With values of which only joins are known: there everybody failed, or left before."""
    only_joins = {value: total((), 0) for value in joins if value not in sums.values}
    return sums._replace(values={**sums.values, **only_joins}) if only_joins else sums


def _shortened(sums: _Sums, joins: Mapping[str, JoinSums]) -> tuple[_Sums, Mapping[str, JoinSums]]:
    """With the `MOST_COMPARED` most used values; the sums of the others are those of `OTHER`."""
    values = sums.values
    if len(values) <= MOST_COMPARED:
        return sums, joins
    used = sorted(values, key=lambda value: (-values[value].seconds, value))
    shortened = {value: values[value] for value in used[:MOST_COMPARED]}
    rest = [values[value] for value in used[MOST_COMPARED:]]
    shortened[OTHER] = total([*rest, *filter(None, [shortened.get(OTHER)])], 0)
    replicates = joined_replicates(sums.replicates, shortened)
    kept = {value: of_value for value, of_value in joins.items() if value in shortened}
    others = kept.setdefault(OTHER, JoinSums())
    for value, of_value in joins.items():
        if value not in kept:
            others.merge(of_value)
    return sums._replace(values=shortened, replicates=replicates), kept


def _cell(part: Sums) -> Cell:
    return Cell(part.start, part.known, part.fair + part.poor)


def _compared(
    sums: _Sums, joins: Mapping[str, JoinSums], selection: SummaryFilter, by: str
) -> list[Comparison]:
    no_replicates, no_joins = Replicates(), JoinSums()
    compared = [
        Comparison.of(
            value,
            of_value,
            sums.replicates.get(value, no_replicates),
            rates_of(joins.get(value, no_joins), selection, by),
        )
        for value, of_value in paused(sums.values.items())
    ]
    compared = [
        comparison
        for comparison in compared
        if comparison.sessions or comparison.minutes or comparison.joins.are_known
    ]
    return sorted(
        compared,
        key=lambda comparison: (-comparison.minutes, -comparison.sessions, comparison.value),
    )


def _by_start(parts: Iterable[Sums], step: int) -> list[Sums]:
    steps: dict[int, list[Sums]] = {}
    for part in parts:
        steps.setdefault(part.start - part.start % step, []).append(part)
    return [total(steps[start], start) for start in sorted(steps)]
