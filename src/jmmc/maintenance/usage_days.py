"""Keeps the use of each day (`quality.usage`), which outlives the summaries that it was made of.

A day of the time zone of the settings is counted once, when it has been over for half a day. What
changes afterwards, by samples that come late or by an erasure, is noted before the summaries
change, and the day is counted again. Once retention deletes the summaries of a day, the digests of
its people go, too: an estimate of their number stays.
"""

import asyncio
from collections.abc import Callable, Iterable, Sequence
from functools import partial

import msgspec

from jmmc.core.calendar import Bounds, Calendar
from jmmc.core.computing import Computations, pause
from jmmc.core.logging import logger
from jmmc.core.repeating import repeat_every
from jmmc.core.tasks import raise_if_cancelled
from jmmc.core.timestamps import zone_of
from jmmc.maintenance.retention import retention_limit
from jmmc.maintenance.threads import in_background
from jmmc.quality.filters import DIMENSIONS, SummaryFilter
from jmmc.quality.rollups import ALL, DAY, HOUR
from jmmc.quality.usage import (
    AFTER,
    BEFORE,
    ROW_COLUMNS,
    Spans,
    UsageCounter,
    UsageRow,
    UsageSums,
)
from jmmc.settings import Settings
from jmmc.stores import Lease, Reports, Store

_log = logger(__name__)

_STALE = "stale usage"  # A kind of record, by day in UTC; with the time of the latest note.
_SETTLED = AFTER + HOUR  # Seconds after a day until it is counted: its meetings have ended.
_NOTED_AFTER = 2 * HOUR  # Seconds: younger hours change all the time, and no day has them yet.
_WRITE_SECONDS = 300  # In which a change that was noted has been stored.
_PERIOD = 3600.0  # Seconds between two looks.
_DAY_BREAK = 0.05  # Seconds between two days, in which pushes are stored.
_LEASE, _LEASE_SECONDS = "usage", 600
_TOGETHER = 240  # Days of rollups read at a time.
_LANE_COLUMNS = ("lane", "segments")


async def note_usage(reports: Reports, hours: Iterable[int], now: int) -> None:
    """Note that the summaries of these hours will change; free for hours of the last two."""
    days = {hour - hour % DAY for hour in hours if hour < now - _NOTED_AFTER}
    for day in sorted(days):
        await reports.put_record(_STALE, str(day), b"%d" % now)


async def stale_usage(reports: Reports) -> dict[int, int]:
    """The days (UTC) whose use is to be counted again, and when that was noted last."""
    records = await reports.records(_STALE)
    return {int(name): int(content) for name, content in records.items()}


def is_affected(bounds: Bounds, stale_day: int) -> bool:
    """Whether a change in a day of UTC may change the use of a time: of its meetings, too."""
    start, end = bounds
    return start - BEFORE < stale_day + DAY and end + AFTER > stale_day


async def read_usage(
    reports: Reports,
    spans: Spans,
    selection: SummaryFilter,
    run: Computations,
    *,
    with_people: bool = True,
) -> list[UsageSums]:
    """The use of neighbouring spans of time, from summaries, which are read in parts.

    `run` computes in the threads of readers, or of background work. `with_people` as for
    `UsageCounter.results`.
    """
    around = msgspec.structs.replace(
        selection, since=spans[0][0] - BEFORE, until=spans[-1][1] + AFTER, attempts=None
    )
    has_dimension = any(getattr(selection, name) is not None for name in DIMENSIONS)
    lanes = {} if has_dimension else await _lanes_at(reports, spans, around)
    names = (*ROW_COLUMNS, *_LANE_COLUMNS) if has_dimension else ROW_COLUMNS
    counter = UsageCounter(spans, selection, pause=pause)
    async for columns in reports.columns(names, around):
        values, tracks = columns[: len(ROW_COLUMNS)], columns[len(ROW_COLUMNS) :]
        if has_dimension:
            lanes = dict(zip(columns[0], zip(*tracks, strict=True), strict=True))
        await run(partial(counter.add, map(UsageRow, *values), lanes))
    return await run(partial(counter.results, with_people=with_people))


async def _lanes_at(
    reports: Reports, spans: Spans, around: SummaryFilter
) -> dict[str, tuple[str, str]]:
    """Lane and segments of the sessions that cross an end of a span."""
    found: dict[str, tuple[str, str]] = {}
    for end in sorted({end for span in spans for end in span}):
        at_end = msgspec.structs.replace(around, since=end, until=end + 1, attempts=False)
        for session, lane, segments in await reports.facts(("session", *_LANE_COLUMNS), at_end):
            found[session] = lane, segments
    return found


class UsageDays:
    """Counts the days of one store, in one process at a time. `clock` gives Unix seconds."""

    def __init__(
        self,
        store: Store,
        settings: Callable[[], Settings],
        *,
        clock: Callable[[], float],
        holder: str,
    ) -> None:
        self._store = store
        self._settings = settings
        self._clock = clock
        self._lease = Lease(_LEASE, holder, seconds=_LEASE_SECONDS)
        self._complete_until: dict[str, int] = {}  # By time zone: all days before are counted.
        self._reduced_until = 0

    async def keep_counting(self) -> None:
        """Look once an hour. Never returns."""
        await repeat_every(
            _PERIOD, self.step, failed=lambda error: _log.warning("usage_failed", why=error)
        )

    async def release(self) -> None:
        """Let another process count the days now. Raises `StoreError`."""
        await self._lease.release(self._store.reports)

    async def step(self) -> int:
        """Count the days that are missing or stale; return how many. Raises `StoreError`."""
        reports, now = self._store.reports, int(self._clock())
        if not await self._leads():
            return 0
        kept_since = self._kept_since(now)
        stale = await stale_usage(reports)
        zone = self._settings().time_zone
        settled = Calendar("day", zone_of(zone)).at(now - _SETTLED)[0]
        days = await self._to_count(zone, settled, kept_since, stale)
        for bounds in days:
            if not await self._leads():
                return 0
            await reports.put_usage(
                await read_usage(reports, [bounds], SummaryFilter(), in_background)
            )
            raise_if_cancelled()
            await asyncio.sleep(_DAY_BREAK)
        self._complete_until[zone] = settled
        noted_now = await stale_usage(reports) if stale else {}
        for day, noted in stale.items():
            # A change that was noted just now may not have been stored when its day was read.
            if noted < now - _WRITE_SECONDS and noted_now.get(day) == noted:
                await reports.delete_record(_STALE, str(day))
        await self._reduce(kept_since)
        if days:
            _log.info("usage_counted", days=len(days))
        return len(days)

    async def _leads(self) -> bool:
        return await self._lease.take(self._store.reports, int(self._clock()))

    def _kept_since(self, now: int) -> int:
        """From when on retention leaves summaries; 0 when it deletes none."""
        days = self._settings().summary_retention_days
        return retention_limit(days, now, whole_days=True) if days else 0

    async def _to_count(
        self, zone: str, settled: int, kept_since: int, stale: dict[int, int]
    ) -> Sequence[Bounds]:
        """The days that have no use yet, and those whose use is stale, as far as summaries go."""
        reports, calendar = self._store.reports, Calendar("day", zone_of(zone))
        first = await self._first(settled)
        if first is None:
            return []
        since = max(self._complete_until.get(zone, first), kept_since)
        changed = [day for day in stale if day >= kept_since - DAY]
        since = min([since, *(max(first, day - DAY - AFTER) for day in changed)])
        since = calendar.at(since)[0]
        stored = {(day.start, day.end) for day in await reports.usage(since, settled)}
        return [
            bounds
            for bounds in calendar.periods(since, settled)
            if bounds[0] >= kept_since
            if bounds not in stored or any(is_affected(bounds, day) for day in changed)
        ]

    async def _first(self, until: int) -> int | None:
        """When the first session began of which there is a summary or a sample."""
        times = await self._store.session_times()
        first = times[0] if times else None
        if self._complete_until:
            return first
        for start in range(0, until, _TOGETHER * DAY):
            end = min(until, start + _TOGETHER * DAY)
            if rollups := await self._store.reports.rollups(ALL, DAY, start, end):
                return min(rollups[0].start, until if first is None else first)
        return first

    async def _reduce(self, kept_since: int) -> None:
        """Drop the digests of people of days whose summaries are gone."""
        days = await self._store.reports.usage(self._reduced_until, kept_since)
        await self._store.reports.put_usage(
            [
                msgspec.structs.replace(day, digests=b"", reduced=True)
                for day in days
                if not day.reduced
            ]
        )
        self._reduced_until = kept_since
