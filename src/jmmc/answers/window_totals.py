"""Reads the sums of a window of time: whole hours from rollups, the rest from sessions.

Rollups have the values of one dimension at a time. So they answer a selection that has nothing but
a window, or besides one value of one dimension. Other selections of dimensions are answered from
the columns of days, and all others from their sessions.
"""

import operator
from collections.abc import AsyncIterator, Iterable, Sequence
from functools import partial
from typing import Any, NamedTuple

import msgspec

from jmmc.answers.column_reading import WindowColumns, read_window
from jmmc.answers.comparing import WindowTotals
from jmmc.answers.joins import joins_of_rollups
from jmmc.answers.rollup_reading import StoredValue, rollups_by_value, stored_value
from jmmc.answers.session_rows import (
    OF_MOMENTS,
    SESSION_COLUMNS,
    Moments,
    join_rows_of,
    rows_of,
    stays_of,
)
from jmmc.answers.threads import in_background
from jmmc.core.computing import paused
from jmmc.core.tasks import prefetch
from jmmc.core.timestamps import check_order
from jmmc.quality.filters import SummaryFilter
from jmmc.quality.intervals import Replicates
from jmmc.quality.joins import JoinSums, add_joins, added_joins
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
    whole_spans,
    whole_units,
    windows,
)
from jmmc.quality.window_joins import WindowJoins
from jmmc.quality.window_sums import ROW_COLUMNS, Row, WindowSums
from jmmc.stores import Reports

MAX_POINTS = 200
"""In a series."""

_ROLLUPS_TOGETHER, _FEW_TOGETHER = 24, 240  # With many values, and with few.
_FEW_ROLLUPS = 10  # Between two looks at the clock: less than a millisecond.
_EVER = -(2**62)  # Before all time.
_MAX_QUALITY_POINTS = 60  # The longer a step, the narrower its interval.
_MAX_SHORT_STEPS = 24  # The same in a short window.
_FROM_SESSIONS = 6 * HOUR  # Shorter windows come from sessions: rollups have intervals by hour.
_STEPS = (300, 900, 3600, 4 * 3600, DAY, 7 * DAY)


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


class Ends(NamedTuple):
    """What sessions tell of both ends of a window, and those that also were outside of it.

    `joins` are by value, `moments` are there with joins.
    """

    sums: list[WindowSums]
    edges: dict[str, Row]
    joins: dict[str, JoinSums]
    moments: Moments


class WindowReader:
    """Reads the sums of windows of time from one store. A selection needs `since` and `until`."""

    def __init__(self, reports: Reports) -> None:
        self._reports = reports

    async def stored(self, selection: SummaryFilter) -> StoredValue | None:
        """The value whose rollups answer a window; None where it is short, or has no whole hour."""
        since, until = window_of(selection)
        first, last = whole_units(since, until, HOUR)
        if first >= last or until - since < _FROM_SESSIONS:
            return None
        return await stored_value(self._reports, selection)

    async def totals(
        self,
        selection: SummaryFilter,
        by: str,
        length: int | None,
        *,
        joins: bool = False,
        rooms: bool = False,
        spread: bool = False,
    ) -> WindowTotals:
        """The sums of a window: by value of `by`, and over time in parts of at most `length`.

        Where rollups answer the selection (`stored_value`), whole hours come from them, and both
        ends from the sessions that were there, because intervals need more than rollups have of
        five minutes. Otherwise, and in a short window, all of it comes from sessions. Without a
        `length` there is nothing over time. `joins` is whether joins are wanted, `rooms` whether
        rooms are, and `spread` whether their bad time and the tenths of good time are, too.
        """
        since, until = window_of(selection)
        steps = QualitySteps(quality_step_of(until - since))
        stored = await self.stored(selection) if not by or selection.only_window else None
        over_time = length is not None
        if stored is None and not (over_time and step_of(until - since, MAX_POINTS) % HOUR):
            window = await read_window(
                self._reports,
                selection,
                by,
                steps if over_time else None,
                joins=joins,
                rooms=rooms,
                spread=spread,
            )
            if window is not None:
                return await in_background(lambda: _totals_of_columns(window, steps))
        if stored is None:
            whole = WindowSums(
                selection, by=by, over_time=over_time, steps=steps if over_time else None
            )
            of_joins = WindowJoins(selection, since, until, by=by) if joins else None
            moments = Moments([], []) if joins else None
            async for columns in self._columns(selection, by, joins=joins):
                await in_background(partial(_add, whole, of_joins, columns))
                if moments is not None:
                    await in_background(partial(_add_moments, moments, columns, selection))
            return await in_background(lambda: _totals_of(whole, of_joins, steps, moments))
        return await self._from_rollups(selection, by, length, stored, steps, joins=joins)

    async def _from_rollups(
        self,
        selection: SummaryFilter,
        by: str,
        length: int | None,
        stored: StoredValue,
        steps: QualitySteps,
        *,
        joins: bool,
    ) -> WindowTotals:
        since, until = window_of(selection)
        first, last = whole_units(since, until, HOUR)
        of_ends = steps if length is not None else None
        ends = await self.sides(selection, by, first, last, of_ends, joins=joins)
        parts: list[Sums] = []
        drops: dict[int, int] = {}
        # Of a long window spans have the joins, which are fewer.
        has_spans = operator.lt(*whole_spans(first, last))
        with_joins = joins and not by and length is not None and not has_spans
        if length is not None:
            parts += await in_background(
                lambda: [part for side in ends.sums for part in side.parts()]
            )
            step = step_of(until - since, MAX_POINTS)
            is_coarse = step % HOUR == 0 and steps.seconds % DAY == 0
            for size, start, end in lengths_of(first, last, DAY if is_coarse else length):
                # By hours without details, where nothing shorter than a day needs these.
                by_hours = is_coarse and size == DAY and length == HOUR
                add = partial(_add_rollups, steps, ends.joins if with_joins else None, stored.value)
                if by_hours:
                    async for rollups in self.rollups(*stored, size, start, end):
                        await in_background(partial(add, rollups))
                async for rollups in self.rollups(
                    *stored, HOUR if by_hours else size, start, end, details=not by_hours
                ):
                    parts += by_value(rollups, start, end).get(stored.value, ())
                    if not by_hours:
                        await in_background(partial(add, rollups))
                    drops |= {
                        rollup.start: of_value.counts.dropped
                        for rollup in rollups
                        if (of_value := rollup.joins.get(stored.value))
                    }
        if joins and not by and not with_joins:
            of_rollups = await joins_of_rollups(self._reports, stored, first, last)
            ends.joins.setdefault(ALL, JoinSums()).merge(of_rollups)
        by_value_of = _SumsByValue()
        for side in ends.sums if by else ():
            by_value_of.add_side(side)
        if by:
            async for rollups in rollups_by_value(self._reports, by, first, last):
                await in_background(partial(by_value_of.add_rollups, rollups, first, last))
                for rollup in rollups if joins else ():
                    of_rollup = paused(rollup.joins.items())
                    await in_background(partial(add_joins, ends.joins, of_rollup))
        return WindowTotals(
            sorted(parts, key=lambda part: part.start),
            {value: Sums(since, *sums) for value, sums in by_value_of.values.items()},
            by_value_of.replicates,
            steps,
            edges=ends.edges,
            drops=drops,
            joins=ends.joins if joins else None,
            moments=ends.moments if joins else None,
        )

    async def sides(
        self,
        selection: SummaryFilter,
        by: str,
        first: int,
        last: int,
        steps: QualitySteps | None,
        *,
        joins: bool = False,
    ) -> Ends:
        """What the sessions tell of the time before `first` and from `last` on.

        When the window has no whole unit between them, the first side has all of it. Without
        `steps` there is nothing over time.
        """
        since, until = window_of(selection)
        if first >= last:
            first = last = until
        ends = Ends([], {}, {}, Moments([], []))
        both_joins: list[WindowJoins] = []
        for part, entered, start, end in (
            # Also sessions that are there at the very moment count, when an end has no part.
            ((since, first), (_EVER, first), since, max(first, since + 1)),
            ((last, until), (last, -_EVER), min(last, until - 1), until),
        ):
            sums = WindowSums(
                selection,
                by=by,
                part=part,
                entered=entered,
                over_time=steps is not None,
                spread=False,
                steps=steps,
            )
            of_joins = WindowJoins(selection, *part, by=by) if joins else None
            at_end = msgspec.structs.replace(selection, since=start, until=end)
            async for columns in self._columns(at_end, by, joins=joins):
                add = partial(_add_end, ends.edges, sums, of_joins, columns, (since, until))
                await in_background(add)
                if joins and part[0] < part[1]:
                    of_part = msgspec.structs.replace(selection, since=part[0], until=part[1])
                    await in_background(partial(_add_moments, ends.moments, columns, of_part))
            ends.sums.append(sums)
            if of_joins is not None:
                both_joins.append(of_joins)
        if both_joins:
            found = await in_background(lambda: added_joins(end.values() for end in both_joins))
            ends.joins.update(found)
        return ends

    def _columns(
        self, selection: SummaryFilter, by: str, *, joins: bool
    ) -> AsyncIterator[Sequence[Sequence[Any]]]:
        """Yield the columns of the sessions of a selection, some thousands of these at a time.

        With `joins` also what these need, and those of attempts.
        """
        names = SESSION_COLUMNS if joins else ROW_COLUMNS
        if joins:
            selection = msgspec.structs.replace(selection, attempts=None)
        return prefetch(self._reports.columns((*names, *([by] if by else ())), selection))

    async def rollups(
        self,
        by: str,
        value: str | None,
        length: int,
        since: int,
        until: int,
        *,
        details: bool = True,
    ) -> AsyncIterator[Sequence[Rollup]]:
        """Yield rollups in small parts: one with many values takes milliseconds to decode.

        `value` and `details` as for `Reports.rollups`.
        """
        step = length * (_FEW_TOGETHER if by == ALL or value else _ROLLUPS_TOGETHER)
        for start in range(since - since % length, until, step):
            end = min(start + step, until)
            yield await self._reports.rollups(by, length, start, end, value=value, details=details)


def _add(
    sums: WindowSums, joins: WindowJoins | None, columns: Sequence[Sequence[Any]]
) -> Sequence[Row]:
    """Add the sessions in columns to the sums, and to the joins; return those without attempts."""
    stays = rows_of(columns) if joins is None else stays_of(columns)
    sums.add(paused(stays))
    if joins is not None:
        joins.add(paused(join_rows_of(columns)))
    return stays


def _add_moments(
    moments: Moments, columns: Sequence[Sequence[Any]], selection: SummaryFilter
) -> None:
    chosen = (columns[place] for place in OF_MOMENTS)
    moments.add(paused(zip(*chosen, strict=True)), selection)


def _add_end(
    edges: dict[str, Row],
    sums: WindowSums,
    joins: WindowJoins | None,
    columns: Sequence[Sequence[Any]],
    window: tuple[int, int],
) -> None:
    """The same, and add those to `edges` that also were outside of the window."""
    since, until = window
    for row in _add(sums, joins, columns):
        if row.began < since or row.ended > until:
            edges[row.session] = row


def _add_rollups(
    steps: QualitySteps,
    joins: dict[str, JoinSums] | None,
    value: str,
    rollups: Iterable[Rollup],
) -> None:
    """Add one value of rollups to the steps, and to the joins of all."""
    for rollup in paused(rollups, every=_FEW_ROLLUPS):
        steps.add_rollups([rollup], value)
        if joins is not None and (of_value := rollup.joins.get(value)):
            joins.setdefault(ALL, JoinSums()).merge(of_value)


def _totals_of(
    whole: WindowSums, joins: WindowJoins | None, steps: QualitySteps, moments: Moments | None
) -> WindowTotals:
    return WindowTotals(
        whole.parts(),
        whole.values(),
        whole.replicates,
        steps,
        whole.deciles,
        whole.rooms,
        joins=None if joins is None else joins.values(),
        moments=moments,
    )


def _totals_of_columns(window: WindowColumns, steps: QualitySteps) -> WindowTotals:
    return WindowTotals(
        window.parts(),
        window.values(),
        window.replicates(),
        steps,
        window.deciles(),
        window.rooms(),
        joins=window.joins_by_value(),
        moments=window.moments,
    )


def quality_step_of(length: int) -> int:
    """The length (seconds) of the steps of the share of bad time in a window of `length`."""
    if length < _FROM_SESSIONS:
        return step_of(length, _MAX_SHORT_STEPS)
    return max(HOUR, step_of(length, _MAX_QUALITY_POINTS))


def lengths_of(since: int, until: int, longest: int) -> Iterable[tuple[int, int, int]]:
    """The window in (length of rollups, since, until), of rollups of at most `longest`."""
    return windows(since, until) if longest == DAY else [(HOUR, since, until)]


def step_of(length: int, most: int) -> int:
    """The shortest step (seconds) that divides a window of `length` into at most `most` parts."""
    return next((step for step in _STEPS if length / step <= most), _STEPS[-1])


def window_of(selection: SummaryFilter) -> tuple[int, int]:
    """The window of a selection, which needs one."""
    since, until = selection.since, selection.until
    if since is None or until is None:
        raise ValueError("since and until are required")
    check_order(since, until)
    return since, until
