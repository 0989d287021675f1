"""Windows of time: totals, time series, comparisons, heat maps and the worst meetings."""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence, Set
from functools import partial
from heapq import nlargest
from typing import Any, NamedTuple

import msgspec

from jmmc.answers.column_reading import (
    PairTotals,
    add_days,
    days_of,
    read_pairs,
    rest_of,
)
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
    all_joins,
    dropped_times,
    failed_times,
    joins_by_pair,
    rates_of,
    reasons_of,
    steps_of,
)
from jmmc.answers.model import (
    Cell,
    Change,
    Comparison,
    GradeDistribution,
    Grades,
    HeatRow,
    Now,
    Outlier,
    Overview,
    Point,
    QualityPoint,
)
from jmmc.answers.rollup_reading import only_dimension
from jmmc.answers.threads import in_background
from jmmc.answers.total_reading import read_totals, rooms_with_value
from jmmc.answers.window_totals import (
    MAX_POINTS,
    WindowReader,
    lengths_of,
    quality_step_of,
    step_of,
    window_of,
)
from jmmc.answers.worst_meetings import WorstMeetings
from jmmc.core.computing import paused
from jmmc.core.errors import InvalidInput
from jmmc.core.rounding import whole_minutes
from jmmc.core.tasks import prefetch
from jmmc.core.timestamps import WordedMoment
from jmmc.quality.column_sums import ColumnSums
from jmmc.quality.day_totals import DayTotals, rooms_of, tenths_of, worst_times
from jmmc.quality.filters import DIMENSIONS, SELDOM_KNOWN, SummaryFilter
from jmmc.quality.grading import Grade
from jmmc.quality.intervals import estimate, interval_of
from jmmc.quality.joins import JoinSums
from jmmc.quality.pair_sums import Pair, PairSums
from jmmc.quality.quality_steps import QualitySteps
from jmmc.quality.rollups import (
    ALL,
    DAY,
    HOUR,
    Sums,
    by_value,
    total,
    whole_units,
)
from jmmc.quality.segments import track_of
from jmmc.quality.summary import grade_at, lane_of
from jmmc.quality.window_sums import ROW_COLUMNS, Cut, Row, WindowSums, cut_of, fitting_pieces
from jmmc.stores import Reports, Store

_MOST_ROWS = 200  # Of a heat map: the values with the most known time.
_FROM_GOOD = (Grade.GOOD, Grade.FAIR, Grade.POOR, Grade.UNKNOWN)
_MAX_CELLS = 60  # In a row of a heat map.
MOST_CROSSED = 200_000
"""Sessions of which two dimensions are crossed, where columns do not answer: each is read."""


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
        self._reader = WindowReader(store.reports)

    async def overview(self, selection: SummaryFilter) -> Overview:
        """Totals and a time series of the window, and what runs now."""
        since, until = window_of(selection)
        length = DAY if step_of(until - since, MAX_POINTS) % DAY == 0 else HOUR
        sums = await self._reader.totals(selection, ALL, length, joins=True, rooms=True)
        joins = None if sums.joins is None else sums.joins.get(ALL, JoinSums())
        if sums.edges is None:
            return await self._overview(selection, sums, len(sums.rooms), joins)
        days = await read_totals(self._reports, selection)
        of_value = await self._rooms_with_value(selection)
        if days is not None:
            rooms = len(rooms_of(days))
        elif of_value is not None:
            rooms = len(of_value)
        elif not selection.only_window and (starts := await days_of(self._reports, selection)):
            rooms = await self._rooms(selection, starts)
            return await self._overview(selection, sums, rooms, joins)
        else:
            rooms = await self._reports.count_rooms(selection)
        rooms -= len(await self._rooms_of_others(selection, sums.edges))
        return await self._overview(selection, sums, rooms, joins, days=days)

    async def _rooms_with_value(self, selection: SummaryFilter) -> set[str] | None:
        """The rooms of the only dimension's value that is selected, if days have them."""
        dimension = only_dimension(selection)
        if dimension is None:
            return None
        return await rooms_with_value(self._reports, selection, dimension)

    async def _rooms(self, selection: SummaryFilter, days: Sequence[int]) -> int:
        """How many rooms the sessions of a selection were in, by the columns of days."""
        columns = ColumnSums(selection, sums=False, rooms=True)
        rest = await add_days(self._reports, days, [columns], selection)
        others = WindowSums(selection, over_time=False)
        async for rows in rest_of(self._reports, rest, ROW_COLUMNS):
            await in_background(partial(others.add, paused(Row(*row) for row in rows)))
        return len(columns.rooms.keys() | others.rooms.keys())

    async def series(self, selection: SummaryFilter) -> tuple[Point, ...]:
        """The time series of the window, without failed joins and dropped stays."""
        since, until = window_of(selection)
        step = step_of(until - since, MAX_POINTS)
        totals = await self._reader.totals(selection, ALL, HOUR)
        return tuple(
            _point(part, step, since, until, 0, 0) for part in _by_start(totals.parts, step)
        )

    async def detail(self, selection: SummaryFilter, by: str, *, worst: int) -> OverviewDetail:
        """The overview with everything that its page shows.

        With a filter, the comparison and the distribution are read from sessions, and where rollups
        do not answer the filter, all of it is.
        """
        from_both = not selection.only_window and await self._reader.stored(selection) is not None
        length = None if from_both else HOUR
        compared_sums = await self._reader.totals(selection, by, length, joins=True, spread=True)
        joins: JoinSums | None = None
        sums = compared_sums
        if from_both:
            sums = await self._reader.totals(selection, ALL, HOUR, joins=True)
            joins = (sums.joins or {}).get(ALL, JoinSums())
        deciles, rooms = compared_sums.deciles, compared_sums.rooms
        days = None
        if (edges := compared_sums.edges) is not None:
            days = await read_totals(self._reports, selection)
            if days is None:
                deciles, rooms = await self._deciles(selection, edges)
            else:
                deciles = _corrected(tenths_of(days), selection, edges.values())
        meetings = WorstMeetings(self._reports)
        if days is None:
            number = len(rooms)
            found = await meetings.find(selection, rooms, worst)
        else:
            number = len(rooms_of(days))
            times = await in_background(partial(worst_times, days))
            found = await meetings.find_in(selection, times, worst)
        return OverviewDetail(
            await self._overview(selection, sums, number, joins, days=days),
            [_cell(part) for part in _by_start(sums.parts, HOUR)],
            await in_background(
                partial(compared, compared_sums, compared_sums.joins or {}, selection, by)
            ),
            GradeDistribution(tuple(deciles), found),
        )

    async def compare(self, by: str, selection: SummaryFilter) -> list[Comparison]:
        """The values of a dimension, those worse than the rest first (`comparing`)."""
        _check_dimension(by)
        totals = await self._reader.totals(selection, by, None, joins=True)
        joins = totals.joins or {}
        return await in_background(
            lambda: compared(*shortened(with_values(totals, joins), joins), selection, by)
        )

    async def outliers(self, selection: SummaryFilter, *, limit: int) -> tuple[list[Outlier], int]:
        """The values of all dimensions that are worse than the rest, and the number of sessions."""
        known = await self._known_dimensions(selection)
        dimensions = {name: await self._reader.totals(selection, name, None) for name in known}
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
        since, until = window_of(selection)
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
        totals = await self._reader.totals(part, by, None, joins=True)
        return Side(
            await self._whole(part),
            totals.values,
            totals.replicates,
            totals.joins or {},
            await all_joins(self._reports, part),
        )

    async def _pair_side(self, by: str, crossed: str, part: SummaryFilter) -> Side[Pair]:
        pairs = await self._pairs(by, crossed, part)
        return Side(await self._whole(part), *pairs, await all_joins(self._reports, part))

    async def _whole(self, part: SummaryFilter) -> Sums:
        """The sums of all sessions of a selection."""
        totals = await self._reader.totals(part, ALL, DAY)
        return await in_background(lambda: total(totals.parts, 0))

    async def crossed(self, by: str, crossed: str, selection: SummaryFilter) -> list[Comparison]:
        """The pairs of values of two dimensions, those worse than the rest first."""
        pairs = await self._pairs(by, crossed, selection)
        return await in_background(lambda: crossed_rows(pairs, selection, by, crossed))

    async def _pairs(self, by: str, crossed: str, selection: SummaryFilter) -> PairTotals:
        window_of(selection)
        _check_dimension(by)
        _check_dimension(crossed, "crossed")
        if by == crossed:
            raise InvalidInput("expected another dimension than by", field="crossed", given=crossed)
        if of_columns := await read_pairs(self._reports, selection, by, crossed):
            return of_columns
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
        values = await in_background(pairs.values)
        joins = await joins_by_pair(self._reports, selection, by, crossed)
        return PairTotals(values, pairs.replicates, joins)

    async def heat_by(self, by: str, selection: SummaryFilter) -> list[HeatRow]:
        """The heat map of a dimension; filters other than the window are ignored."""
        since, until = window_of(selection)
        selection = SummaryFilter(since=since, until=until)
        step = max(step_of(until - since, _MAX_CELLS), HOUR)
        first, last = whole_units(since, until, HOUR)
        ends = await self._reader.sides(selection, by, first, last, None)
        values: dict[str, list[Sums]] = {}
        for side in ends.sums:
            for value, sums in side.values().items():
                values.setdefault(value, []).append(sums)
        for length, start, end in lengths_of(first, last, DAY if step % DAY == 0 else HOUR):
            async for rollups in self._reader.rollups(by, None, length, start, end, details=False):
                for value, parts in by_value(rollups, start, end).items():
                    values.setdefault(value, []).extend(_by_start(parts, HOUR))
        values.pop("", None)
        return await in_background(lambda: _heat_rows(values, step))

    @property
    def _reports(self) -> Reports:
        return self._store.reports

    async def _now(self, selection: SummaryFilter) -> Now:
        running = msgspec.structs.replace(selection, since=None, until=None, running=True)
        names = ("room", "browser_id", "last", "lane", "segments")
        had = await self._reports.facts(names, running)
        rows = await in_background(
            lambda: [row for row in paused(had) if _fits_now(row, selection)]
        )
        grades = await in_background(
            lambda: Counter(grade_at(lane_of(row[3]), row[2]) for row in paused(rows))
        )
        return Now(
            len(rows),
            len({row[1] for row in rows}),
            len({row[0] for row in rows}),
            Grades.of(*(grades[grade] for grade in _FROM_GOOD)),
        )

    async def _deciles(
        self, selection: SummaryFilter, edges: Mapping[str, Row]
    ) -> tuple[list[int], dict[str, list[int]]]:
        """Sessions by tenth of good time, and fair and poor seconds of each room, in the window.

        The store counts whole sessions; those at the ends of the window are corrected.
        """
        since, until = window_of(selection)
        counts = [0] * 10
        rooms: dict[str, list[int]] = {}

        def count(room: str, tenth: int | None, sessions: int, fair: int, poor: int) -> None:
            if tenth is not None:
                counts[tenth] += sessions
            bad = rooms.setdefault(room, [0, 0])
            bad[0] += fair
            bad[1] += poor

        for decile in await self._reports.deciles(selection):
            count(decile.room, decile.tenth, decile.sessions, decile.fair, decile.poor)
        for row in paused(edges.values()):
            whole, cut = Cut(row.good, row.fair, row.poor, row.unknown), cut_of(row, since, until)
            count(row.room, whole.tenth, -1, -whole.fair, -whole.poor)
            count(row.room, cut.tenth, 1, cut.fair, cut.poor)
        return counts, rooms

    async def _rooms_of_others(
        self, selection: SummaryFilter, edges: Mapping[str, Row]
    ) -> Set[str]:
        """Rooms that only have sessions which were as selected, but not in the window."""
        since, until = window_of(selection)
        others = {
            row.session: row.room
            for row in paused(edges.values())
            if row.segments != "[]"
            and not fitting_pieces(track_of(row.lane, row.segments), since, until, selection)
        }
        rooms = set(others.values())
        for room in tuple(rooms):
            of_room = msgspec.structs.replace(selection, room=room)
            sessions = await self._reports.facts(("session",), of_room)
            if any(session not in others for (session,) in sessions):
                rooms.discard(room)
        return rooms

    async def _overview(
        self,
        selection: SummaryFilter,
        totals: WindowTotals,
        rooms: int,
        joins: JoinSums | None = None,
        *,
        days: Sequence[DayTotals] | None = None,
    ) -> Overview:
        since, until = window_of(selection)
        step, quality_step = step_of(until - since, MAX_POINTS), quality_step_of(until - since)
        whole = total(totals.parts, since)
        if joins is None:
            joins = await all_joins(self._reports, selection)
        if totals.moments is None or totals.edges is not None:
            times = await failed_times(self._reports, selection, days)
        else:
            times = totals.moments.failed
        failed = Counter(at - at % step for at in times)
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
            whole_minutes(whole.seconds),
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
        since, until = window_of(selection)
        from_rollups = totals.edges is not None and step >= HOUR
        if totals.moments is not None and (from_rollups or totals.edges is None):
            counts = Counter(at - at % step for at in totals.moments.dropped)
        else:
            counts = Counter()
            windows_of_sessions = [(since, until)]
            if from_rollups:
                first, last = whole_units(since, until, HOUR)
                windows_of_sessions = [(since, first), (last, until)]
            for start, end in windows_of_sessions:
                if start < end:
                    part = msgspec.structs.replace(selection, since=start, until=end)
                    times = await dropped_times(self._reports, part)
                    counts.update(at - at % step for at in times)
        if from_rollups:
            for start, dropped in totals.drops.items():
                counts[start - start % step] += dropped
        return counts


def _corrected(tenths: Sequence[int], selection: SummaryFilter, edges: Iterable[Row]) -> list[int]:
    """Sessions by tenth of their good time in the window, of those by tenth of all of their time.

    `edges` are those that also were outside of it.
    """
    since, until = window_of(selection)
    corrected = [*tenths]
    for row in edges:
        whole = Cut(row.good, row.fair, row.poor, row.unknown).tenth
        for tenth, change in ((whole, -1), (cut_of(row, since, until).tenth, 1)):
            if tenth is not None:
                corrected[tenth] += change
    return corrected


def _check_dimension(by: str, field: str = "by") -> None:
    if by not in DIMENSIONS:
        raise InvalidInput(
            "expected {allowed}", field=field, given=by, allowed=", ".join(DIMENSIONS)
        )


def _fits_now(row: Sequence[Any], selection: SummaryFilter) -> bool:
    """Whether a running session has the selected values now; its row ends with lane, segments."""
    *_, lane, segments = row
    return segments == "[]" or selection.fits(track_of(lane, segments).segments[-1].values)


def _quality_points(steps: QualitySteps, step: int, window: tuple[int, int]) -> list[QualityPoint]:
    since, until = window
    points = []
    for first, replicates in paused(steps.steps()):
        bad, poor = (estimate(replicates, grade) for grade in (Grade.FAIR, Grade.POOR))
        if bad and poor:
            start, end = max(first, since), min(first + step, until)
            points.append(
                QualityPoint(
                    start,
                    end - start,
                    replicates.totals(Grade.FAIR)[0],
                    bad.share,
                    interval_of(bad),
                    poor.share,
                    interval_of(poor),
                )
            )
    return points


def _point(
    part: Sums, step: int, since: int, until: int, failed_joins: int, dropped_stays: int
) -> Point:
    start, end = max(part.start, since), min(part.start + step, until)
    return Point(
        start,
        end - start,
        end - start < step,
        part.seconds / (end - start),
        Grades.of(part.good, part.fair, part.poor, part.unknown),
        failed_joins,
        dropped_stays,
    )


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
