"""Makes the rollups of hours, days and spans whose summaries have changed.

Whoever changes summaries notes their hours before the change is stored, and once more afterwards:
one process makes the rollups, others may store summaries meanwhile. A noted hour becomes one that
is rolled up before it is read. So a crash at any point repeats work and loses none.

A span is joined once it is over: then a query reads it in place of its days. Before one of these
changes, the span loses its values and is noted. It is joined again in the background.
"""

import asyncio
import math
import zlib
from collections.abc import (
    AsyncIterator,
    Awaitable,
    Callable,
    Iterable,
    Iterator,
    Sequence,
    Set,
)
from contextlib import asynccontextmanager
from functools import partial
from typing import Any

import msgspec

from jmmc.core.computing import pause
from jmmc.core.logging import logger
from jmmc.core.tasks import raise_if_cancelled
from jmmc.core.timestamps import to_iso
from jmmc.core.yielding import LoadAwareYielder
from jmmc.maintenance.set_aside import SetAside, reason_of
from jmmc.maintenance.threads import in_background
from jmmc.maintenance.usage_days import note_usage
from jmmc.quality.filters import DIMENSIONS, SummaryFilter
from jmmc.quality.rollups import (
    ALL,
    DAY,
    FORM,
    HOUR,
    SPAN,
    Fact,
    Rollup,
    day_of,
    hour_of,
    span_of,
)
from jmmc.quality.segments import track_of
from jmmc.quality.summary import Setup
from jmmc.stores import Reports

_log = logger(__name__)

_NOTED = "stale hour"  # Kinds of records.
_ROLLING_UP = "rolling up hour"
_STALE_SPAN = "stale span"
_SPANS = "spans"  # That those of an earlier version's days were noted.
_FORM = ("dimensions", "current")  # Kind and name of a record: what all rollups have.
_PERIOD = 60  # Seconds between rollups while more is due: of 100,000 sessions one takes 2 s.
_ROWS_A_SECOND = 200  # Of all time between rollups: they take 2 % of a core.
_HOURS_PER_LEASE = 24  # Rebuilt before the lease is renewed.
_THREAD_ROWS = 100  # Of an hour: 1 ms in a thread.
_QUICK_LEVEL = 1  # Of zlib.
FACT_COLUMNS = (
    *("began", "ended", "running", "outcome", "failure", "setup_steps"),
    *("browser_id", "room", "lane", "segments"),
    *DIMENSIONS,
)
"""The fields of a summary of which `fact_of` makes a fact."""


class RollupMaker:
    """Keeps rollups up to date. `clock` gives Unix seconds.

    `monotonic` gives seconds of a clock that nobody sets: rounds follow it, so that no rollup waits
    for a clock that was set back. `works` says whether the store takes a write: then what failed
    is at fault, and not the store.
    """

    def __init__(
        self,
        reports: Reports,
        *,
        clock: Callable[[], float],
        monotonic: Callable[[], float],
        works: Callable[[], Awaitable[bool]],
    ) -> None:
        self._reports = reports
        self._clock = clock
        self._monotonic = monotonic
        self._works = works
        self._yielder = LoadAwareYielder()
        self._one_at_a_time = asyncio.Lock()
        self._failed_hours = SetAside[int]()
        self._made_at = -math.inf  # By the monotonic clock.
        self._rows = 0  # Sessions of the hours that were rolled up then,
        self._pause = 0  # and for how many seconds that is enough.
        self._knows_spans = False  # All days are in a span that is joined or noted.

    async def note(self, hours: Set[int], now: float | None = None) -> None:
        """Note hours whose rollups are to be rebuilt, before their summaries change.

        `now` is Unix seconds; None asks the clock.
        """
        for hour in hours - {int(record) for record in await self._reports.records(_NOTED)}:
            await self._reports.put_record(_NOTED, str(hour), b"{}")
        await note_usage(self._reports, hours, int(self._clock() if now is None else now))

    @asynccontextmanager
    async def changing(self, hours: Set[int], now: float | None = None) -> AsyncIterator[None]:
        """Note hours around a change of their summaries, which others may be reading just now."""
        await self.note(hours, now)
        yield
        await self.note(hours, now)

    @property
    def is_overdue(self) -> bool:
        """Whether rollups must not wait any longer for summaries."""
        return self._monotonic() - self._made_at >= _PERIOD

    async def keep_up(self, now: float) -> None:
        """Roll up what was noted, if enough time has passed since the last time.

        `now` is Unix seconds.
        """
        if self._monotonic() - self._made_at < self._pause:
            return
        self._rows = 0
        await self.roll_up()
        await self.join_spans(most=1, now=now)
        self._made_at = self._monotonic()
        self._pause = min(self._rows // _ROWS_A_SECOND, _PERIOD)

    async def roll_up(self) -> int:
        """Make the rollups of all hours that were noted; return how many these were."""
        now, reports = self._clock(), self._reports
        noted = {*await reports.records(_NOTED), *await reports.records(_ROLLING_UP)}
        hours = [hour for hour in map(int, noted) if self._failed_hours.is_due(hour, now)]
        await self._roll_up(hours)
        return len(hours)

    async def join_spans(self, most: int, now: float | None = None) -> int:
        """Join the days of at most `most` noted spans that are over; return how many these were.

        `now` is Unix seconds; None asks the clock.
        """
        now = self._clock() if now is None else now
        await self._note_older_spans(int(now))
        noted = sorted(map(int, await self._reports.records(_STALE_SPAN)))
        over = [span for span in noted if span + SPAN + DAY <= now][:most]
        for span in over:
            async with self._one_at_a_time:
                # If this fails, the span has no values: its days are read.
                await self._reports.delete_record(_STALE_SPAN, str(span))
                for dimension in (ALL, *DIMENSIONS):
                    await self._yielder.run(self._join_span(span, dimension))
        return len(over)

    async def _join_span(self, span: int, dimension: str) -> None:
        days = await self._reports.rollups(dimension, DAY, span, span + SPAN)
        joined = await in_background(partial(span_of, days, span, dimension))
        await self._reports.put_rollups([joined])

    async def _note_older_spans(self, now: int) -> None:
        """Note all spans with days, if an earlier version made these."""
        if self._knows_spans:
            return
        if not await self._reports.records(_SPANS):
            days = await self._reports.rollups(ALL, DAY, 0, now + DAY)
            for span in {day.start - day.start % SPAN for day in days}:
                await self._reports.put_record(_STALE_SPAN, str(span), b"{}")
            await self._reports.put_record(_SPANS, "noted", b"{}")
        self._knows_spans = True

    async def _empty_span(self, span: int) -> None:
        """Let a span have no values, and note it, before one of its days changes."""
        if str(span) not in await self._reports.records(_STALE_SPAN):
            empty = [Rollup(SPAN, span, dimension, {}) for dimension in (ALL, *DIMENSIONS)]
            await self._reports.put_rollups(empty)
            await self._reports.put_record(_STALE_SPAN, str(span), b"{}")

    async def complete(self) -> AsyncIterator[int]:
        """Rebuild rollups that an earlier version made without what today's have; yield hours done.

        Reads the summaries, so also those whose samples are gone. Free when none is missing.
        """
        reports = self._reports
        if await are_current(reports):
            return
        everything = await reports.rollups(ALL, HOUR, 0, int(self._clock()) + DAY)
        hours = [span.start for span in everything]
        for done in range(0, len(hours), _HOURS_PER_LEASE):
            await self._roll_up(hours[done : done + _HOURS_PER_LEASE])
            yield min(done + _HOURS_PER_LEASE, len(hours))
        await reports.put_record(*_FORM, FORM)

    async def _roll_up(self, hours: Iterable[int]) -> None:
        async with self._one_at_a_time:
            await self._roll_up_alone(hours)

    async def _roll_up_alone(self, hours: Iterable[int]) -> None:
        reports = self._reports
        stale = sorted(hours)
        failed: set[int] = set()
        for hour in stale:
            try:
                await reports.put_record(_ROLLING_UP, str(hour), b"{}")
                await reports.delete_record(_NOTED, str(hour))  # What is noted now counts anew.
                await self._roll_up_hour(hour)
            except Exception as error:
                failed.add(hour)
                await self._set_hours_aside([hour], error)
        for day in sorted({hour - hour % DAY for hour in stale}):
            try:
                await self._roll_up_day(day)
            except Exception as error:
                of_day = [hour for hour in stale if day <= hour < day + DAY]
                failed.update(of_day)
                await self._set_hours_aside(of_day, error)
        for hour in stale:
            if hour not in failed:
                self._failed_hours.remove(hour)
                await reports.delete_record(_ROLLING_UP, str(hour))

    async def _roll_up_hour(self, hour: int) -> None:
        sessions = await self._sessions_of(hour)
        self._rows += sessions.number
        # In a thread: 100,000 sessions of an hour take seconds.
        rollups = await in_background(partial(hour_of, sessions, hour))
        await self._yielder.run(self._reports.put_rollups(rollups))

    async def _sessions_of(self, hour: int) -> "_Sessions":
        """The sessions of an hour, read in parts."""
        sessions = _Sessions()
        selection = SummaryFilter(since=hour, until=hour + HOUR, attempts=None)
        parts = self._reports.columns(FACT_COLUMNS, selection)

        async def read() -> bool:
            columns = await anext(parts, None)
            if columns is not None:
                await in_background(partial(sessions.add, columns))
            return columns is not None

        while await self._yielder.run(read()):
            pass
        return sessions

    async def _roll_up_day(self, day: int) -> None:
        await self._empty_span(day - day % SPAN)
        days: list[Rollup] = []

        async def join(dimension: str) -> None:
            parts = await self._reports.rollups(dimension, HOUR, day, day + DAY)
            days.append(await in_background(partial(day_of, parts, day, dimension)))

        for dimension in (ALL, *DIMENSIONS):
            await self._yielder.run(join(dimension))
        await self._reports.put_rollups(days)

    async def _set_hours_aside(self, hours: Sequence[int], error: Exception) -> None:
        """Keep these hours noted, for a later attempt. Raises the error if the store is down."""
        raise_if_cancelled()
        if not await self._works():
            raise error
        await self.note(set(hours))
        for hour in hours:
            pause = self._failed_hours.add(hour, self._clock())
            _log.error(
                "hour_set_aside", hour=to_iso(hour), why=reason_of(error), retry_seconds=pause
            )


async def stale_hours(reports: Reports) -> int:
    """How many hours have rollups that do not have all summaries yet."""
    return len({*await reports.records(_NOTED), *await reports.records(_ROLLING_UP)})


async def are_current(reports: Reports) -> bool:
    """Whether all rollups have what today's have (`quality.rollups.FORM`)."""
    kind, name = _FORM
    return (await reports.records(kind)).get(name) == FORM


class _Sessions:
    """The sessions of an hour as facts, which may be read more than once: in a thread.

    There may be 100,000, of some 700 bytes each: kept compressed, they take a tenth of that.
    """

    def __init__(self) -> None:
        self.number = 0
        self._parts: list[bytes] = []

    def add(self, columns: Sequence[Sequence[Any]]) -> None:
        """Add the sessions of these `FACT_COLUMNS`."""
        number = len(columns[0])
        for start in range(0, number, _THREAD_ROWS):
            part = [column[start : start + _THREAD_ROWS] for column in columns]
            self._parts.append(zlib.compress(msgspec.json.encode(part), _QUICK_LEVEL))
            pause()
        self.number += number

    def __iter__(self) -> Iterator[Fact]:
        """Yield facts. Without pauses the event loop waited for the GIL: p99 of pushes 0.7 s."""
        for part in self._parts:
            yield from map(fact_of, zip(*msgspec.json.decode(zlib.decompress(part)), strict=True))
            pause()


def fact_of(row: Sequence[Any]) -> Fact:
    """The fact of a row of `FACT_COLUMNS`."""
    began, ended, running, outcome, failure, steps, browser_id, room, lane, segments, *values = row
    return Fact(
        began,
        ended,
        bool(running),
        outcome,
        browser_id,
        room,
        tuple(values),
        track_of(lane, segments),
        failure,
        Setup.of_text(steps),
    )
