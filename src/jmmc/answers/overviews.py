"""Windows of time: totals, time series, comparisons, heat maps and the worst meetings."""

from collections import Counter
from collections.abc import AsyncIterator, Collection, Iterable, Mapping, Sequence, Set
from functools import partial
from heapq import nlargest
from itertools import repeat
from typing import NamedTuple

import msgspec

from jmmc.answers.comparing import (
    Side,
    WindowTotals,
    changed,
    compared,
    crossed_rows,
    outliers,
    shortened,
    with_values,
)
from jmmc.answers.joins import (
    dropped_times,
    failed_times,
    joins_by,
    joins_by_pair,
    rates_of,
    reasons_of,
    steps_of,
)
from jmmc.answers.meetings import Room, Stay, badness, meeting_of
from jmmc.answers.model import (
    Cell,
    Change,
    Comparison,
    GradeDistribution,
    Grades,
    HeatRow,
    Meeting,
    Now,
    Outlier,
    Overview,
    Point,
    QualityPoint,
)
from jmmc.answers.rollup_reading import rollups_by_value
from jmmc.answers.stays import read_stays
from jmmc.answers.threads import in_background, paused
from jmmc.core.errors import InvalidInput
from jmmc.core.tasks import prefetch
from jmmc.core.timestamps import WordedMoment
from jmmc.quality.filters import DIMENSIONS, SELDOM_KNOWN, SummaryFilter
from jmmc.quality.grading import Grade
from jmmc.quality.intervals import Replicates, estimate, interval
from jmmc.quality.joins import JoinSums, add_joins
from jmmc.quality.meetings import by_room, split, until_empty
from jmmc.quality.pair_sums import Pair, PairSums
from jmmc.quality.quality_steps import QualitySteps
from jmmc.quality.rollups import (
    ALL,
    DAY,
    HOUR,
    ReplicatesByValue,
    Rollup,
    Sums,
    add_replicates,
    by_value,
    total,
    windows,
)
from jmmc.quality.summary import grade_at, lane_of
from jmmc.quality.window_sums import ROW_COLUMNS, Cut, Row, WindowSums, cut_of
from jmmc.stores import Reports, Store

_MOST_ROWS = 200  # Of a heat map: the values with the most known time.
_ROLLUPS_TOGETHER, _FEW_TOGETHER = 24, 240  # With many values, and with few.
_EVER = -(2**62)  # Before all time.
_FROM_GOOD = (Grade.GOOD, Grade.FAIR, Grade.POOR, Grade.UNKNOWN)
_MAX_CELLS = 60  # In a row of a heat map.
MOST_CROSSED = 200_000
"""Sessions of which two dimensions are crossed: no rollup has pairs, so each of them is read."""

_MAX_QUALITY_POINTS = 60  # The longer a step, the narrower its interval.
_MAX_POINTS = 200  # In a series.
_MAX_SHORT_STEPS = 24  # The same in a short window.
_FROM_SESSIONS = 6 * HOUR  # Shorter windows come from sessions: rollups have intervals by hour.
_MOST_OCCUPIED = 100  # Times of which the meetings are read one by one.
_SINGLY = 50  # Rooms that are read one by one; more are read faster in one query.
_STEPS = (300, 900, 3600, 4 * 3600, DAY, 7 * DAY)


class OverviewDetail(NamedTuple):
    """An overview, its hours with anybody there, a comparison and the distribution of grades."""

    overview: Overview
    heat: Sequence[Cell]
    compared: Sequence[Comparison]
    spread: GradeDistribution


class _BadStay(NamedTuple):
    """What decides when a room was occupied, and how bad that was."""

    room: str
    began: int
    ended: int
    jitsi_meeting_id: str
    fair: int
    poor: int


class _Occupied(NamedTuple):
    """A time in which a room was never empty for ten minutes: no meeting in it is worse."""

    bad: int
    room: str
    began: int
    ended: int


class _SumsByValue:
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
        sums = await self.totals(selection, ALL, length)
        rooms = len(sums.rooms) if sums.rooms else await self._reports.count_rooms(selection)
        return await self._overview(selection, sums, rooms)

    async def series(self, selection: SummaryFilter) -> tuple[Point, ...]:
        """The time series of the window, without failed joins and dropped stays."""
        since, until = _window(selection)
        step = _step(until - since, _MAX_POINTS)
        totals = await self.totals(selection, ALL, HOUR)
        return tuple(
            _point(part, step, since, until, 0, 0) for part in _by_start(totals.parts, step)
        )

    async def detail(self, selection: SummaryFilter, by: str, *, worst: int) -> OverviewDetail:
        """The overview with everything that its page shows.

        With a filter, sessions are read once for all parts.
        """
        sums, joins = await self._with_joins(selection, by, HOUR)
        deciles, rooms = sums.deciles, sums.rooms
        if sums.edges is not None:
            deciles, rooms = await self._deciles(selection, sums.edges)
        return OverviewDetail(
            await self._overview(selection, sums, len(rooms)),
            [_cell(part) for part in _by_start(sums.parts, HOUR)],
            await in_background(partial(compared, sums, joins, selection, by)),
            GradeDistribution(tuple(deciles), await self._worst(selection, rooms, worst)),
        )

    async def compare(self, by: str, selection: SummaryFilter) -> list[Comparison]:
        """The values of a dimension, those worse than the rest first (`comparing`)."""
        _check_dimension(by)
        totals, joins = await self._with_joins(selection, by, None)
        return await in_background(
            lambda: compared(*shortened(with_values(totals, joins), joins), selection, by)
        )

    async def outliers(self, selection: SummaryFilter, *, limit: int) -> tuple[list[Outlier], int]:
        """The values of all dimensions that are worse than the rest, and the number of sessions."""
        known = await self._known_dimensions(selection)
        dimensions = {name: await self.totals(selection, name, None) for name in known}
        # No session changes its browser: each counts for one value.
        sessions = sum(sums.sessions for sums in dimensions["browser"].values.values())
        return await in_background(lambda: outliers(dimensions, limit)), sessions

    async def _known_dimensions(self, selection: SummaryFilter) -> list[str]:
        """The dimensions, but for those of which no session of the selection knows anything."""
        return [
            name
            for name in DIMENSIONS
            if name not in SELDOM_KNOWN or any(await self._reports.count_values(name, selection))
        ]

    async def changes(
        self, by: str, at: int, selection: SummaryFilter, crossed: str = ""
    ) -> list[Change]:
        """All sessions and the values of a dimension before and after the moment `at`.

        With `crossed`, the pairs of values of both dimensions.
        """
        since, until = _window(selection)
        _check_dimension(by)
        if not since < at < until:
            raise InvalidInput(
                "at must be between since and until (got {at}, not between {since} and {until})",
                field="at",
                at=WordedMoment(at),
                since=WordedMoment(since),
                until=WordedMoment(until),
            )
        parts = [
            msgspec.structs.replace(selection, since=start, until=end)
            for start, end in ((since, at), (at, until))
        ]
        if crossed:
            first, second = [await self._pair_side(by, crossed, part) for part in parts]
            return await in_background(lambda: changed((by, crossed), first, second, selection))
        before, after = [await self._side(by, part) for part in parts]
        return await in_background(lambda: changed((by,), before, after, selection))

    async def _side(self, by: str, part: SummaryFilter) -> Side[str]:
        totals = await self.totals(part, by, None)
        joins = await joins_by(self._reports, part, by)
        return Side(totals.values, totals.replicates, joins, await self._all_joins(part))

    async def _pair_side(self, by: str, crossed: str, part: SummaryFilter) -> Side[Pair]:
        pairs, joins = await self._pairs(by, crossed, part)
        values = await in_background(pairs.values)
        return Side(values, pairs.replicates, joins, await self._all_joins(part))

    async def _all_joins(self, selection: SummaryFilter) -> JoinSums:
        return (await joins_by(self._reports, selection, ALL)).get(ALL, JoinSums())

    async def crossed(self, by: str, crossed: str, selection: SummaryFilter) -> list[Comparison]:
        """The pairs of values of two dimensions, those worse than the rest first."""
        pairs, joins = await self._pairs(by, crossed, selection)
        return await in_background(lambda: crossed_rows(pairs, joins, selection, by, crossed))

    async def _pairs(
        self, by: str, crossed: str, selection: SummaryFilter
    ) -> tuple[PairSums, dict[Pair, JoinSums]]:
        _window(selection)
        _check_dimension(by)
        _check_dimension(crossed, "crossed")
        if by == crossed:
            raise InvalidInput("expected another dimension than by", field="crossed", given=crossed)
        pairs = PairSums(selection, by, crossed)
        names = (*ROW_COLUMNS, by, crossed)
        read = 0
        async for columns in prefetch(self._reports.columns(names, selection)):
            read += len(columns[0])
            if read > MOST_CROSSED:
                raise InvalidInput(
                    "more than {most:,} sessions are too many to cross two dimensions: ask for a"
                    " shorter time range, or set a filter",
                    field="crossed",
                    most=MOST_CROSSED,
                )
            await in_background(partial(pairs.add, paused(zip(*columns, strict=True))))
        return pairs, await joins_by_pair(self._reports, selection, by, crossed)

    async def heat_by(self, by: str, selection: SummaryFilter) -> list[HeatRow]:
        """The heat map of a dimension; filters other than the window are ignored."""
        since, until = _window(selection)
        selection = SummaryFilter(since=since, until=until)
        step = max(_step(until - since, _MAX_CELLS), HOUR)
        first, last = _whole(since, until, HOUR)
        steps = QualitySteps(selection, step)
        sides, _ = await self._sides(selection, by, first, last, steps)
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

    async def _with_joins(
        self, selection: SummaryFilter, by: str, length: int | None
    ) -> tuple[WindowTotals, dict[str, JoinSums]]:
        """The sums and the joins of a window by value; each rollup is read once for both."""
        joins: dict[str, JoinSums] = {}
        totals = await self.totals(selection, by, length, joins=joins)
        read = joins if by and totals.edges is not None else None
        return totals, await joins_by(self._reports, selection, by, of_whole_hours=read)

    async def totals(
        self,
        selection: SummaryFilter,
        by: str,
        length: int | None,
        *,
        joins: dict[str, JoinSums] | None = None,
    ) -> WindowTotals:
        """The sums of a window: by value of `by`, and over time in parts of at most `length`.

        Whole hours come from rollups, both ends from the sessions that were there, because
        intervals need more than rollups have of five minutes. With a filter, and in a short window,
        all of it comes from sessions. Without a `length` there are no parts. The joins of the
        rollups that are read by value are added to `joins`.
        """
        since, until = _window(selection)
        first, last = _whole(since, until, HOUR)
        steps = QualitySteps(selection, _quality_step(until - since))
        if not selection.only_window or first >= last or until - since < _FROM_SESSIONS:
            whole = WindowSums(selection, by=by)
            async for rows in self._rows(selection, by):
                await in_background(partial(_add, whole, steps, rows, since, until))
            return await in_background(lambda: _totals_of(whole, steps))
        sides, edges = await self._sides(selection, by, first, last, steps)
        parts: list[Sums] = []
        drops: dict[int, int] = {}
        if length is not None:
            parts += [part for side in sides for part in side.parts()]
            for size, start, end in _lengths(first, last, length):
                async for rollups in self._rollups(ALL, size, start, end):
                    parts += by_value(rollups, start, end).get(ALL, ())
                    steps.add_rollups(rollups)
                    drops |= {
                        rollup.start: of_all.counts.dropped
                        for rollup in rollups
                        if (of_all := rollup.joins.get(ALL))
                    }
        by_value_of = _SumsByValue()
        for side in sides if by else ():
            by_value_of.add_side(side)
        if by:
            async for rollups in rollups_by_value(self._reports, by, first, last):
                await in_background(partial(by_value_of.add_rollups, rollups, first, last))
                if joins is not None:
                    for rollup in rollups:
                        await in_background(partial(add_joins, joins, paused(rollup.joins.items())))
        return WindowTotals(
            sorted(parts, key=lambda part: part.start),
            {value: Sums(since, *sums) for value, sums in by_value_of.values.items()},
            by_value_of.replicates,
            steps,
            edges=edges,
            drops=drops,
        )

    async def _sides(
        self, selection: SummaryFilter, by: str, first: int, last: int, steps: QualitySteps
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
                await in_background(partial(_add, sums, steps, kept, *part))
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
        self, selection: SummaryFilter, totals: WindowTotals, rooms: int
    ) -> Overview:
        since, until = _window(selection)
        step, quality_step = _step(until - since, _MAX_POINTS), _quality_step(until - since)
        whole = total(totals.parts, since)
        joins = await self._all_joins(selection)
        failed = Counter(at - at % step for at in await failed_times(self._reports, selection))
        dropped = await self._dropped(selection, totals, step)
        steps = {part.start: part for part in _by_start(totals.parts, step)}
        for start in (failed.keys() | (+dropped).keys()) - steps.keys():
            steps[start] = total((), start)
        points = tuple(
            _point(steps[start], step, since, until, failed[start], dropped[start])
            for start in sorted(steps)
        )
        quality = await in_background(
            partial(_quality_points, totals.steps, quality_step, (since, until))
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
            quality_step=quality_step,
            quality=tuple(quality),
        )

    async def _dropped(
        self, selection: SummaryFilter, totals: WindowTotals, step: int
    ) -> Counter[int]:
        """How many stays were dropped by the step in which that was.

        Where a step has whole hours, from their rollups: no index has dropped stays.
        """
        since, until = _window(selection)
        windows_of_sessions = [(since, until)]
        counts: Counter[int] = Counter()
        if totals.edges is not None and step >= HOUR:
            first, last = _whole(since, until, HOUR)
            windows_of_sessions = [(since, first), (last, until)]
            for start, dropped in totals.drops.items():
                counts[start - start % step] += dropped
        for start, end in windows_of_sessions:
            if start < end:
                part = msgspec.structs.replace(selection, since=start, until=end)
                times = await dropped_times(self._reports, part)
                counts.update(at - at % step for at in times)
        return counts

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
            rooms_of_part = worst_rooms[looked : looked + size]
            found += await self._bad_meetings(selection, rooms_of_part, worst, least)
            found.sort(key=lambda meeting: _order(*meeting), reverse=True)
            looked += size
        return tuple(meeting_of(stays) for _, stays in found[:worst])

    async def _occupied(self, selection: SummaryFilter, rooms: Set[str]) -> list[_Occupied]:
        rows = await self._reports.facts(_BadStay._fields, selection)
        return await in_background(partial(_occupied_of, rows, rooms))

    async def _meetings_between(
        self, selection: SummaryFilter, room: str, began: int, ended: int
    ) -> list[tuple[int, Room]]:
        since, until = _window(selection)
        occupied = msgspec.structs.replace(
            selection, room=room, since=max(since, began), until=min(until, ended + 1)
        )
        stays = await read_stays(self._reports, occupied)
        return await in_background(lambda: _with_badness(stays))

    async def _bad_meetings(
        self, selection: SummaryFilter, worst_rooms: Collection[str], worst: int, least: int
    ) -> list[tuple[int, Room]]:
        """The meetings of these rooms that had problems: badness and stays.

        Of many rooms some that are not among the `worst` ones, or less bad than `least`, are left
        out.
        """
        if len(worst_rooms) > _SINGLY:
            looked_for = set(worst_rooms)
            occupied = await self._occupied(selection, looked_for)
            found: list[tuple[int, Room]] = []
            for bad, room, began, ended in occupied[:_MOST_OCCUPIED]:
                if bad < least:
                    return found
                found += await self._meetings_between(selection, room, began, ended)
                if len(found) >= worst:
                    found.sort(key=lambda meeting: meeting[0], reverse=True)
                    least = max(least, found[worst - 1][0])
            if len(occupied) <= _MOST_OCCUPIED or occupied[_MOST_OCCUPIED].bad < least:
                return found
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


def _occupied_of(
    rows: Iterable[tuple[str, int, int, str, int, int]], rooms: Set[str]
) -> list[_Occupied]:
    """The times with problems, the worst first."""
    stays = (_BadStay(*row) for row in paused(rows) if row[0] in rooms)
    occupied = [
        _Occupied(bad, room, together[0].began, max(stay.ended for stay in together))
        for room, room_stays in by_room(stays).items()
        for together in until_empty(room_stays)
        if (bad := sum(badness(stay.fair, stay.poor) for stay in together))
    ]
    return sorted(occupied, reverse=True)


def _check_dimension(by: str, field: str = "by") -> None:
    if by not in DIMENSIONS:
        raise InvalidInput(
            "expected {allowed}", field=field, given=by, allowed=", ".join(DIMENSIONS)
        )


def _add(
    sums: WindowSums, steps: QualitySteps, rows: Iterable[Row], since: int, until: int
) -> None:
    kept = [*rows]
    sums.add(paused(kept))
    steps.add_rows(paused(kept), since, until)


def _totals_of(whole: WindowSums, steps: QualitySteps) -> WindowTotals:
    return WindowTotals(
        whole.parts(), whole.values(), whole.replicates, steps, whole.deciles, whole.rooms
    )


def _quality_step(length: int) -> int:
    """The length (seconds) of the steps of the share of bad time in a window of `length`."""
    if length < _FROM_SESSIONS:
        return _step(length, _MAX_SHORT_STEPS)
    return max(HOUR, _step(length, _MAX_QUALITY_POINTS))


def _quality_points(steps: QualitySteps, step: int, window: tuple[int, int]) -> list[QualityPoint]:
    since, until = window
    points = []
    for first, replicates in paused(steps.steps()):
        bad, poor = (estimate(replicates, grade) for grade in (Grade.FAIR, Grade.POOR))
        bad_interval, poor_interval = (
            interval(replicates, grade) for grade in (Grade.FAIR, Grade.POOR)
        )
        if bad and poor and bad_interval and poor_interval:
            start, end = max(first, since), min(first + step, until)
            points.append(
                QualityPoint(
                    start,
                    end - start,
                    replicates.totals(Grade.FAIR)[0],
                    round(bad.share, 4),
                    bad_interval,
                    round(poor.share, 4),
                    poor_interval,
                )
            )
    return points


def _with_badness(stays: Iterable[Stay]) -> list[tuple[int, Room]]:
    """The meetings of these stays that had problems: badness and stays."""
    return [
        (bad, meeting_stays)
        for room_stays in by_room(paused(stays)).values()
        for meeting_stays in split(room_stays)
        if (bad := sum(badness(stay.fair, stay.poor) for stay in meeting_stays))
    ]


def _point(
    part: Sums, step: int, since: int, until: int, failed_joins: int, dropped_stays: int
) -> Point:
    start, end = max(part.start, since), min(part.start + step, until)
    return Point(
        start,
        end - start,
        end - start < step,
        round(part.seconds / (end - start), 2),
        Grades.of(part.good, part.fair, part.poor, part.unknown),
        failed_joins,
        dropped_stays,
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
        raise InvalidInput(
            "since must be earlier than until (got {since}, {until})",
            field="since",
            since=WordedMoment(since),
            until=WordedMoment(until),
        )
    return since, until


def _heat_rows(values: Mapping[str, Sequence[Sums]], step: int) -> list[HeatRow]:
    """The rows of the values with the most known time, by value."""
    known = {value: sum(part.known for part in parts) for value, parts in values.items()}
    rows = [
        HeatRow(value, step, tuple(_cell(part) for part in _by_start(values[value], step)))
        for value in paused(sorted(nlargest(_MOST_ROWS, known, key=lambda value: known[value])))
    ]
    return [row for row in rows if row.cells]


def _cell(part: Sums) -> Cell:
    return Cell(part.start, part.known, part.fair + part.poor)


def _by_start(parts: Iterable[Sums], step: int) -> list[Sums]:
    steps: dict[int, list[Sums]] = {}
    for part in parts:
        steps.setdefault(part.start - part.start % step, []).append(part)
    return [total(steps[start], start) for start in sorted(steps)]
