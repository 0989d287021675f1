"""Reads the columns of days, and the sessions that are not in them one by one.

Not in them are sessions that were there at an end of the window, those of days without columns
(today has none), and those that are `apart`.
"""

from collections.abc import AsyncIterator, Iterable, Iterator, Mapping, Sequence
from functools import partial
from itertools import starmap
from operator import add
from typing import Any, NamedTuple

import msgspec

from jmmc.answers.session_rows import OF_JOINS, OF_MOMENTS, OUTCOME, SESSION_COLUMNS, Moments
from jmmc.answers.threads import in_background
from jmmc.core.computing import paused
from jmmc.core.tasks import prefetch
from jmmc.quality.column_sums import ColumnSums, Key, has_columns
from jmmc.quality.day_columns import DayColumns
from jmmc.quality.filters import SummaryFilter
from jmmc.quality.intervals import Replicates
from jmmc.quality.joins import JoinSums, added_joins
from jmmc.quality.outcomes import ATTEMPTS
from jmmc.quality.pair_sums import Pair, PairSums
from jmmc.quality.people import digest_of
from jmmc.quality.quality_steps import QualitySteps
from jmmc.quality.rollups import ALL, DAY, HOUR, ReplicatesByValue, Sums, total
from jmmc.quality.window_joins import WindowJoins
from jmmc.quality.window_sums import ROW_COLUMNS, Row, WindowSums
from jmmc.stores import Reports

_LEAST = 6 * HOUR  # Seconds: sessions of shorter windows are read as quickly one by one.
_DAYS_TOGETHER = 8  # That are read at a time.
_APART_TOGETHER = 500


class Rest(NamedTuple):
    """The sessions of a window that are not in columns.

    `days` are the parts of the window of days without columns; `apart` are ids.
    """

    selection: SummaryFilter
    days: Sequence[tuple[int, int]]
    apart: Sequence[str]


async def days_of(reports: Reports, selection: SummaryFilter) -> Sequence[int]:
    """The days whose columns answer a selection with a window; none where they do not."""
    since, until = selection.window
    if until - since < _LEAST or not has_columns(selection):
        return ()
    return await reports.days_with_columns(since - since % DAY, until)


async def add_days(
    reports: Reports, days: Sequence[int], sums: Sequence[ColumnSums], selection: SummaryFilter
) -> Rest:
    """Add the columns of days to all of these sums; return what is left to be read."""
    since, until = selection.window
    present: set[int] = set()
    apart: list[str] = []

    async def parts() -> AsyncIterator[Sequence[DayColumns]]:
        for first in range(0, len(days), _DAYS_TOGETHER):
            yield await reports.day_columns(days[first : first + _DAYS_TOGETHER])

    async for columns in prefetch(parts()):
        for of_sums in sums:
            await in_background(partial(_add, of_sums, columns))
        present.update(day.start for day in columns)
        apart += [session for day in columns for session in day.apart]
    missing: list[tuple[int, int]] = []
    for start in range(since - since % DAY, until, DAY):
        if start in present:
            continue
        if missing and missing[-1][1] == start:
            missing[-1] = missing[-1][0], min(start + DAY, until)
        else:
            missing.append((max(start, since), min(start + DAY, until)))
    return Rest(selection, missing, apart)


def _add(sums: ColumnSums, columns: Iterable[DayColumns]) -> None:
    for day in paused(columns, every=1):
        sums.add(day)


async def rest_of(
    reports: Reports, rest: Rest, names: Sequence[str], *, attempts: bool | None = False
) -> AsyncIterator[Sequence[Sequence[Any]]]:
    """Yield the rows of these sessions, each once; `names` begin with session, began and ended.

    `attempts` as in `SummaryFilter`.
    """
    assert names[:3] == ("session", "began", "ended")
    selection = msgspec.structs.replace(rest.selection, attempts=attempts)
    since, until = selection.window
    at_ends: dict[str, Sequence[Any]] = {}
    for start, end in ((since, since + 1), (until - 1, until)):
        part = msgspec.structs.replace(selection, since=start, until=end)
        async for columns in prefetch(reports.columns(names, part)):
            for row in zip(*columns, strict=True):
                if row[1] < since or row[2] > until:
                    at_ends[row[0]] = row
    yield list(at_ends.values())
    for start, end in rest.days:
        part = msgspec.structs.replace(selection, since=start, until=end)
        async for columns in prefetch(reports.columns(names, part)):
            yield [
                row
                for row in zip(*columns, strict=True)
                if start <= row[1] < end and row[2] <= until
            ]
    for first in range(0, len(rest.apart), _APART_TOGETHER):
        ids = tuple(rest.apart[first : first + _APART_TOGETHER])
        part = msgspec.structs.replace(selection, sessions=ids)
        async for columns in prefetch(reports.columns(names, part)):
            yield [
                row
                for row in zip(*columns, strict=True)
                if since <= row[1] < until and row[2] <= until
            ]


class WindowColumns(NamedTuple):
    """All sums of a window: from columns, and of the rest from its sessions."""

    columns: ColumnSums
    sessions: WindowSums
    joins: WindowJoins | None
    moments: Moments | None

    def values(self) -> dict[str, Sums]:
        """The sums by value; "" is that of all, where there is no dimension."""
        found = {value_of(key): sums for key, sums in self.columns.values().items()}
        for value, sums in self.sessions.values().items():
            found[value] = total([sums, found[value]], sums.start) if value in found else sums
        return found

    def replicates(self) -> dict[str, Replicates]:
        """The replicates by value."""
        found = ReplicatesByValue(Replicates)
        for key, replicates in self.columns.replicates().items():
            found[value_of(key)].merge(replicates)
        for value, replicates in self.sessions.replicates.items():
            found[value].merge(replicates)
        return found

    def joins_by_value(self) -> dict[str, JoinSums] | None:
        """The joins by value; None where they are not wanted."""
        if self.joins is None:
            return None
        columns = {value_of(key): sums for key, sums in self.columns.joins().items()}
        return added_joins([columns, self.joins.values()])

    def parts(self) -> list[Sums]:
        """The sums over time, by hour or less. The first one has the most at once of all."""
        parts = [*self.columns.parts(), *self.sessions.parts()]
        people, connections = self.columns.peak(
            (at, end, digest_of(browser_id)) for at, end, browser_id in self.sessions.present
        )
        if parts:
            first = msgspec.structs.replace(parts[0], people=people, connections=connections)
            parts[0] = first
        return parts

    def deciles(self) -> list[int]:
        """Sessions by tenth of good time."""
        return list(map(add, self.columns.deciles, self.sessions.deciles))

    def rooms(self) -> dict[str, list[int]]:
        """Fair and poor seconds by room."""
        rooms = {room: [*bad] for room, bad in self.columns.rooms.items()}
        for room, bad in self.sessions.rooms.items():
            rooms[room] = list(map(add, bad, rooms.get(room, (0, 0))))
        return rooms


def value_of(key: Key) -> str:
    """The value of a key of one dimension; "" of that without any."""
    return key[0] if key else ALL


async def read_window(
    reports: Reports,
    selection: SummaryFilter,
    by: str,
    steps: QualitySteps | None,
    *,
    joins: bool,
    rooms: bool,
    spread: bool,
) -> WindowColumns | None:
    """The sums of a window by value of a dimension, or of all; None where columns do not answer.

    `steps` takes what is over time, if that is wanted: then by hours. `joins`, `rooms` and `spread`
    are whether these are wanted, as for `ColumnSums`.
    """
    days = await days_of(reports, selection)
    if not days:
        return None
    since, until = selection.window
    window = WindowColumns(
        ColumnSums(
            selection, (by,) if by else (), steps=steps, rooms=rooms, spread=spread, joins=joins
        ),
        WindowSums(selection, by=by, over_time=steps is not None, steps=steps),
        WindowJoins(selection, since, until, by=by) if joins else None,
        None if steps is None else Moments([], []),
    )
    rest = await add_days(reports, days, [window.columns], selection)
    names = (*SESSION_COLUMNS, by) if by else SESSION_COLUMNS
    async for rows in rest_of(reports, rest, names, attempts=None):
        await in_background(partial(_add_rows, window, selection, rows))
    if window.moments is not None:
        window.moments.failed.extend(window.columns.failed)
        window.moments.dropped.extend(window.columns.dropped)
    return window


class PairTotals(NamedTuple):
    """The sums of a window by the pairs of values of two dimensions."""

    values: Mapping[Pair, Sums]
    replicates: Mapping[Pair, Replicates]
    joins: Mapping[Pair, JoinSums]


async def read_pairs(
    reports: Reports, selection: SummaryFilter, by: str, crossed: str
) -> PairTotals | None:
    """All sums of a window by pairs of values; None where columns do not answer."""
    days = await days_of(reports, selection)
    if not days:
        return None
    since, until = selection.window
    columns = ColumnSums(selection, (by, crossed), joins=True)
    pairs = PairSums(selection, by, crossed)
    joins = WindowJoins(selection, since, until, by=by, crossed=crossed)
    rest = await add_days(reports, days, [columns], selection)
    async for rows in rest_of(reports, rest, (*SESSION_COLUMNS, by, crossed), attempts=None):
        await in_background(partial(_add_pairs, pairs, joins, rows))
    return await in_background(lambda: _pair_totals(columns, pairs, joins))


def _add_pairs(pairs: PairSums, joins: WindowJoins, rows: Sequence[Sequence[Any]]) -> None:
    pairs.add(_stay_rows(rows))
    joins.add(_join_row(row) for row in paused(rows))


def _pair_totals(columns: ColumnSums, pairs: PairSums, joins: WindowJoins) -> PairTotals:
    values: dict[Pair, Sums] = {}
    replicates: dict[Pair, Replicates] = {}
    for of_pairs in (columns.values(), pairs.values()):
        for (value, crossed), sums in of_pairs.items():
            pair = value, crossed
            values[pair] = total([sums, values[pair]], sums.start) if pair in values else sums
    for of_side in (columns.replicates(), pairs.replicates):
        for (value, crossed), more in of_side.items():
            replicates.setdefault((value, crossed), Replicates()).merge(more)
    found = {(value, crossed): sums for (value, crossed), sums in columns.joins().items()}
    for pair, of_pair in joins.pairs().items():
        found.setdefault(pair, JoinSums()).merge(of_pair)
    return PairTotals(values, replicates, found)


async def read_joins(
    reports: Reports, selection: SummaryFilter, by: str
) -> dict[str, JoinSums] | None:
    """The joins of a window by value, or of all; None where columns do not answer."""
    days = await days_of(reports, selection)
    if not days:
        return None
    since, until = selection.window
    columns = ColumnSums(selection, (by,) if by else (), sums=False, joins=True)
    joins = WindowJoins(selection, since, until, by=by)
    rest = await add_days(reports, days, [columns], selection)
    names = (*SESSION_COLUMNS, by) if by else SESSION_COLUMNS
    async for rows in rest_of(reports, rest, names, attempts=None):
        await in_background(partial(joins.add, map(_join_row, paused(rows))))
    return await in_background(
        lambda: added_joins(
            [{value_of(key): sums for key, sums in columns.joins().items()}, joins.values()]
        )
    )


def _stay_rows(rows: Sequence[Sequence[Any]]) -> Iterator[Sequence[Any]]:
    """The `ROW_COLUMNS` and dimensions of sessions, without the attempts."""
    size = len(ROW_COLUMNS)
    for row in paused(rows):
        if row[OUTCOME] not in ATTEMPTS:
            yield (*row[:size], *row[len(SESSION_COLUMNS) :])


def _join_row(row: Sequence[Any]) -> Sequence[Any]:
    return [*(row[place] for place in OF_JOINS), *row[len(SESSION_COLUMNS) :]]


def _add_rows(
    window: WindowColumns, selection: SummaryFilter, rows: Sequence[Sequence[Any]]
) -> None:
    window.sessions.add(starmap(Row, _stay_rows(rows)))
    if window.joins is not None:
        window.joins.add(map(_join_row, paused(rows)))
    if window.moments is not None:
        chosen = ([row[place] for place in OF_MOMENTS] for row in paused(rows))
        window.moments.add(chosen, selection)
