"""Joins that succeeded and failed, and stays that a failure ended, in a window of time."""

from collections.abc import AsyncIterator, Iterable, Mapping, Sequence
from functools import partial

import msgspec

from jmmc.answers.column_reading import read_joins
from jmmc.answers.model import JoinRates, JoinReasons, Quantiles, RecentJoins
from jmmc.answers.rollup_reading import StoredValue, rollups_by_value, stored_value
from jmmc.answers.session_rows import dropped_at
from jmmc.answers.threads import in_background
from jmmc.core.computing import paused
from jmmc.core.readings import TECHNICAL_FAILURES
from jmmc.core.tasks import prefetch
from jmmc.quality.day_totals import DayTotals, failed_times_of
from jmmc.quality.filters import SummaryFilter
from jmmc.quality.joins import KNOWN_AFTER_JOINING, JoinSums, add_joins
from jmmc.quality.outcomes import DROPPED, FAILED_JOINS, UNSUCCESSFUL
from jmmc.quality.pair_sums import Pair
from jmmc.quality.rollups import ALL, HOUR, whole_units
from jmmc.quality.sketch import Sketch, sketch_quantile
from jmmc.quality.summary import Summary
from jmmc.quality.window_joins import JOIN_COLUMNS, WindowJoins
from jmmc.stores import Reports

RECENT = 600
"""Seconds of the joins that the live view shows."""

_LATEST = 10  # Failed joins that it names.


async def all_joins(reports: Reports, selection: SummaryFilter) -> JoinSums:
    """All joins of a window together.

    Whole hours come from the rollups of the value that answers the selection, if there is one.
    """
    since, until = selection.window
    first, last = whole_units(since, until, HOUR)
    stored = await stored_value(reports, selection) if first < last else None
    if stored is None:
        if (of_columns := await read_joins(reports, selection, ALL)) is not None:
            return of_columns.get(ALL, JoinSums())
        first = last = until
    sums = JoinSums()
    async for joins in _of_ends(reports, selection, first, last, ALL):
        sums.merge(joins.get(ALL, JoinSums()))
    if stored is not None:
        sums.merge(await joins_of_rollups(reports, stored, first, last))
    return sums


async def joins_of_rollups(
    reports: Reports, stored: StoredValue, first: int, last: int
) -> JoinSums:
    """The joins of whole hours, from the rollups of a value."""
    sums = JoinSums()
    of_rollups = rollups_by_value(reports, stored.dimension, first, last, value=stored.value)
    async for rollups in of_rollups:
        of_value = [rollup.joins.get(stored.value) for rollup in rollups]
        await in_background(partial(_merge_all, sums, filter(None, of_value)))
    return sums


def _merge_all(sums: JoinSums, several: Iterable[JoinSums]) -> None:
    for more in paused(several, every=10):
        sums.merge(more)


async def _of_ends(
    reports: Reports, selection: SummaryFilter, first: int, last: int, by: str
) -> AsyncIterator[dict[str, JoinSums]]:
    """Yield the joins of a window before `first`, and those from `last` on, out of sessions."""
    since, until = selection.window
    for start, end in ((since, first), (last, until)):
        if start < end:
            yield await _of_sessions(reports, selection, start, end, by)


async def _of_sessions(
    reports: Reports, selection: SummaryFilter, since: int, until: int, by: str
) -> dict[str, JoinSums]:
    window = WindowJoins(selection, since, until, by=by)
    there = msgspec.structs.replace(selection, since=since, until=until, attempts=None)
    names = (*JOIN_COLUMNS, by) if by else JOIN_COLUMNS
    async for columns in prefetch(reports.columns(names, there)):
        rows = zip(*columns, strict=True)
        await in_background(lambda rows=rows: window.add(paused(rows)))  # type: ignore[misc]
    return await in_background(window.values)


def _add(found: dict[str, JoinSums], joins: Mapping[str, JoinSums]) -> None:
    add_joins(found, paused(joins.items()))


async def joins_by_pair(
    reports: Reports, selection: SummaryFilter, by: str, crossed: str
) -> dict[Pair, JoinSums]:
    """The joins of a window by the pairs of values of two dimensions, from its sessions."""
    window = WindowJoins(selection, *selection.window, by=by, crossed=crossed)
    names = (*JOIN_COLUMNS, by, crossed)
    async for columns in prefetch(
        reports.columns(names, msgspec.structs.replace(selection, attempts=None))
    ):
        await in_background(partial(window.add, paused(zip(*columns, strict=True))))
    return await in_background(window.pairs)


def rates_of(sums: JoinSums, selection: SummaryFilter, *by: str) -> JoinRates:
    """The figures of these sums by some dimensions, as far as they can be known.

    What becomes known after joining says nothing of failed attempts, and where sessions are
    selected by their grade, rating or outcome, neither does their share.
    """
    counts = sums.counts
    after = [name for name in KNOWN_AFTER_JOINING if getattr(selection, name) is not None]
    chosen = selection.grade or selection.outcome or selection.rating or selection.rated is not None
    tells_failed = not (after or chosen or {*by} & {*KNOWN_AFTER_JOINING})
    failed = sums.failed_interval if tells_failed else None
    dropped = None if selection.outcome else sums.dropped_interval
    setup = quantiles_of(sums.setup)
    return JoinRates(
        *counts.counts,
        failed_share=counts.failed / counts.attempts if failed else None,
        failed_interval=failed or (0.0, 1.0),
        dropped_share=counts.dropped / counts.ended if dropped else None,
        dropped_interval=dropped or (0.0, 1.0),
        setup_ms_p50=setup.p50,
        setup_ms_p95=setup.p95,
    )


def reasons_of(sums: JoinSums) -> JoinReasons:
    """Why joins failed or were refused, and why stays ended, the most frequent first."""
    failed: dict[str, int] = {}
    refused: dict[str, int] = {}
    for reason, count in sums.failures.items():
        (failed if reason in TECHNICAL_FAILURES else refused)[reason] = count
    return JoinReasons(_frequent(failed), _frequent(refused), _frequent(sums.drops))


def steps_of(sums: JoinSums) -> dict[str, Quantiles]:
    """How long the steps of a join took, of those that are known."""
    steps = {name: quantiles_of(sketch) for name, sketch in sums.steps.items() if sketch}
    return {"setup": quantiles_of(sums.setup), **steps} if sums.setup else steps


def quantiles_of(sketch: Sketch) -> Quantiles:
    """The median and the 95th percentile, in ms."""
    p50, p95 = (sketch_quantile(sketch, share) for share in (0.5, 0.95))
    return Quantiles(
        sum(sketch.values()),
        None if p50 is None else round(p50),
        None if p95 is None else round(p95),
    )


async def failed_times(
    reports: Reports, selection: SummaryFilter, days: Sequence[DayTotals] | None = None
) -> list[int]:
    """When joins failed in the window, for technical reasons; `days` have all of its attempts."""
    if days is not None:
        return [at for at in failed_times_of(days) if at >= (selection.since or 0)]
    attempts = msgspec.structs.replace(selection, attempts=True)
    return [
        began
        for began, outcome in await reports.facts(("began", "outcome"), attempts)
        if outcome in FAILED_JOINS and began >= (selection.since or 0)
    ]


async def dropped_times(reports: Reports, selection: SummaryFilter) -> list[int]:
    """When stays ended by a failure in the window: the last second of each."""
    if selection.outcome not in (None, DROPPED):
        return []
    dropped = msgspec.structs.replace(selection, outcome=DROPPED)
    rows = await reports.facts(("began", "ended", "running", "segments"), dropped)
    moments = (
        dropped_at(began, ended, segments, selection)
        for began, ended, running, segments in rows
        if not running
    )
    return [at for at in moments if at is not None]


async def recent_joins(reports: Reports, now: int) -> RecentJoins:
    """The joins of the last minutes, and the latest that failed."""
    window = SummaryFilter(since=now - RECENT, until=now + 1)
    sums = await all_joins(reports, window)
    latest = await attempts_in(reports, window, limit=_LATEST)
    return RecentJoins(RECENT, rates_of(sums, window), reasons_of(sums), tuple(latest))


async def attempts_in(reports: Reports, selection: SummaryFilter, *, limit: int) -> list[Summary]:
    """The latest joins of a selection that failed or were refused."""
    if selection.outcome not in (None, *UNSUCCESSFUL):
        return []
    attempts = msgspec.structs.replace(selection, attempts=True)
    return await reports.summaries(attempts, limit=limit)


def _frequent(reasons: Mapping[str, int]) -> dict[str, int]:
    return dict(sorted(reasons.items(), key=lambda reason: (-reason[1], reason[0])))
