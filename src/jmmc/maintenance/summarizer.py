"""Keeps summaries and rollups up to date; what it makes can be made anew at any time."""

import asyncio
import time
from collections.abc import AsyncIterator, Callable, Iterable, Iterator, Sequence, Set
from typing import Any, TypeVar

import msgspec

from jmmc.core.errors import StoreError
from jmmc.core.logging import logger
from jmmc.core.model import Session, SessionFilter
from jmmc.core.tasks import heed_cancellation
from jmmc.core.yielding import Yielder, fitting
from jmmc.ingest.counters import Counters
from jmmc.maintenance.freshness import Freshness
from jmmc.maintenance.time_totals import TimeTotals
from jmmc.quality.rollups import ALL, DAY, HOUR, Fact, Rollup, day_of, hour_of
from jmmc.quality.summary import DIMENSIONS, Slice, Summary, SummaryFilter, formula_of, sum_up
from jmmc.quality.thresholds import Preset
from jmmc.quality.timeline import Timeline, fold
from jmmc.stores import Store

_T = TypeVar("_T")

_log = logger(__name__)

_SESSIONS = 500  # In one step: some 30,000 samples, half a second.
_LOOK = 10_000  # Ids of sessions that have changed, of which the due ones are taken.
_OVER = 2000  # In one step, of those that may have ended.
_LONG = 250  # Samples: 5 ms. To fold more would keep pushes waiting.
_MOST = 50  # Sessions in memory at a time. With 20 the way to the store took twice as long.
_WORK = 0.05  # Seconds without a rest: of long sessions fewer are taken at a time.
_LEASE = 120  # Seconds
_SETTLED = 60  # Seconds, while more is due: of 100,000 sessions a rollup takes 2 s.
_HOURS = 24  # Made anew between two looks at the lease.
_PIECE = 100  # Rows of an hour: 1 ms in a thread of their own, which then sleeps,
_BREAK = 0.002  # in seconds. Without it 1 % of the pushes waited for 0.7 s, for the interpreter.
_STALE = "stale hour"
_COLUMNS = ("began", "series", *DIMENSIONS)


class Summarizer:
    """Makes summaries of what is new in `store`, and the rollups that they touch.

    `holder` names this process: one at a time does the work. `lifetime` is in seconds, `clock`
    gives Unix seconds. `time_totals` hears of the time that has passed in calls.
    """

    def __init__(
        self,
        store: Store,
        *,
        preset: Preset,
        lifetime: float,
        clock: Callable[[], float],
        holder: str,
        time_totals: TimeTotals | None = None,
    ) -> None:
        self._store = store
        self._preset = preset
        self._lifetime = lifetime
        self._clock = clock
        self._holder = holder
        self._tally = time_totals
        self._pace = Yielder()
        self._freshness = Freshness()
        self._size = 1  # Of the next group.
        self._settled = 0.0  # When, in Unix seconds.
        self._leased = 0

    async def step(self) -> int:
        """Summarize some sessions that have changed or ended, and are due; how many.

        While more is due than fits into a step, ends and rollups wait for up to a minute. Does
        nothing while another process holds the lease.
        """
        reports = self._store.reports
        now = self._clock()
        if not await self.leads():
            if self._tally is not None:
                self._tally.leave()
            return 0
        if self._tally is not None and not self._tally.leads:
            self._tally.lead([item async for item in self._running()])
        ids = self._freshness.due(await reports.dirty(_LOOK), now)[:_SESSIONS]
        settles = len(ids) < _SESSIONS or not 0 <= now - self._settled < _SETTLED
        if settles:
            ids += await reports.overdue(int(now - self._lifetime), _OVER)
        self._pace.begin()
        done = 0
        while done < len(ids) and await self._still_leads():
            group = ids[done : done + self._size]
            await self._refresh(group, now)
            worked = await self._pace.rest()
            self._size = fitting(len(group), worked, seconds=_WORK, most=_MOST)
            done += len(group)
        if settles:
            await self.roll_up()
            self._settled = now
        if self._tally is not None:
            self._tally.catch_up(now)
        return len(ids)

    async def rebuild(self) -> AsyncIterator[int]:
        """Make everything anew from the samples; yields how many sessions are done.

        Goes on where an earlier call was broken off.
        """
        reports = self._store.reports
        formula = formula_of(self._preset)
        records = await reports.records("rebuild")
        since = int(records[formula]) if formula in records else None
        done = await self._store.count(SessionFilter(until=since)) if since is not None else 0
        batch: list[Session] = []
        async for session in self._store.sessions(SessionFilter(since=since)):
            batch.append(session)
            if len(batch) >= _SESSIONS:
                await self._summarize(batch, self._clock(), anew=True)
                await reports.put_record("rebuild", formula, b"%d" % session.began)
                done += len(batch)
                batch = []
                yield done
        await self._summarize(batch, self._clock(), anew=True)
        yield done + len(batch)
        await self.roll_up()
        await reports.put_record("formula", "current", msgspec.json.encode(formula))
        await reports.delete_record("rebuild", formula)

    async def complete(self) -> AsyncIterator[int]:
        """Make rollups anew that were made without one of the dimensions; yields how many hours.

        From the summaries, so also those whose samples are gone. Free when none is missing.
        """
        reports = self._store.reports
        names = msgspec.json.encode(DIMENSIONS)
        if (await reports.records("dimensions")).get("current") == names:
            return
        everything = await reports.rollups(ALL, HOUR, 0, int(self._clock()) + DAY)
        hours = [span.start for span in everything]
        for done in range(0, len(hours), _HOURS):
            await self._roll_up(hours[done : done + _HOURS])
            yield min(done + _HOURS, len(hours))
        await reports.put_record("dimensions", "current", names)

    async def formula(self) -> str | None:
        """By what the summaries were made; None when there are none."""
        record = (await self._store.reports.records("formula")).get("current")
        return None if record is None else str(msgspec.json.decode(record))

    async def leads(self) -> bool:
        """Whether this process is the one that does the work, for the next two minutes."""
        now = int(self._clock())
        reports = self._store.reports
        if not await reports.lease("summaries", self._holder, now=now, seconds=_LEASE):
            return False
        self._leased = now
        return True

    async def _still_leads(self) -> bool:
        """Renews the lease in time: a step of long sessions may take longer than it."""
        return 0 <= self._clock() - self._leased < _LEASE / 2 or await self.leads()

    async def note(self, hours: Set[int]) -> None:
        """Note hours whose rollups are to be made anew, before their summaries change."""
        reports = self._store.reports
        for hour in hours - {int(record) for record in await reports.records(_STALE)}:
            await reports.put_record(_STALE, str(hour), b"{}")

    async def roll_up(self) -> int:
        """Make the rollups of all hours that were noted; how many these were."""
        hours = [int(record) for record in await self._store.reports.records(_STALE)]
        await self._roll_up(hours)
        return len(hours)

    async def _refresh(self, ids: Sequence[str], now: float) -> None:
        reports = self._store.reports
        sessions = await self._store.get(ids)
        gone = set(ids) - {session.id for session in sessions}
        if gone:
            # Their samples are too old to be kept: what is known of them is all that will be.
            last_known = await reports.get_summaries(list(gone))
            await reports.put_summaries(
                [
                    msgspec.structs.replace(item, running=False, ended=item.last)
                    for item in last_known
                ]
            )
        await self._summarize(sessions, now)

    async def _running(self) -> AsyncIterator[Summary]:
        reports = self._store.reports
        rows = await reports.facts(("session",), SummaryFilter(running=True))
        for start in range(0, len(rows), _SESSIONS):
            ids = [row[0] for row in rows[start : start + _SESSIONS]]
            for summary in await reports.get_summaries(ids):
                yield summary

    async def _summarize(
        self, sessions: Sequence[Session], now: float, *, anew: bool = False
    ) -> None:
        """Summaries, after the hours that they change were noted: a crash forgets none.

        With `anew` all hours that they touch are.
        """
        if not sessions:
            return
        reports = self._store.reports
        timelines: list[Timeline] = []
        summaries: list[Summary] = []
        for session in sessions:
            if len(session.samples) > _LONG:
                timeline, summary = await asyncio.to_thread(self._made, session, now)
            else:
                timeline, summary = self._made(session, now)
                await asyncio.sleep(0)  # Pushes come first.
            timelines.append(timeline)
            summaries.append(summary)
        before = await reports.get_summaries([item.session for item in summaries])
        earlier = {item.session: item for item in before}
        known = {} if anew else earlier
        if anew:
            await self.note({hour for item in before for hour in hours_of(item)})
        await self.note({h for item in summaries for h in _changed(known.get(item.session), item)})
        await reports.put_summaries(summaries)
        for item in summaries:
            length = item.ended - item.began
            self._freshness.made(item.session, length=length, running=item.running, now=now)
        if self._tally is not None:  # What is counted is stored: nobody will count it again.
            for summary, timeline in zip(summaries, timelines, strict=True):
                self._tally.count(earlier.get(summary.session), summary, timeline, now)

    def _made(self, session: Session, now: float) -> tuple[Timeline, Summary]:
        timeline = fold(session, lifetime=self._lifetime, now=now)
        return timeline, sum_up(session, timeline, self._preset)

    async def _roll_up(self, hours: Iterable[int]) -> None:
        reports = self._store.reports
        stale = sorted(hours)
        for hour in stale:
            self._pace.begin()
            selection = SummaryFilter(since=hour, until=hour + HOUR)
            rows = await reports.facts(_COLUMNS, selection)
            await self._pace.rest()
            # Beside the loop: 100,000 sessions of an hour take seconds.
            rollups = await asyncio.to_thread(_hour_of, rows, hour)
            self._pace.begin()
            await reports.put_rollups(rollups)
            await self._pace.rest()
        for day in sorted({item - item % DAY for item in stale}):
            days: list[Rollup] = []
            for dimension in (ALL, *DIMENSIONS):
                self._pace.begin()
                parts = await reports.rollups(dimension, HOUR, day, day + DAY)
                days.append(day_of(parts, day, dimension))
                await self._pace.rest()
            await reports.put_rollups(days)
        for hour in stale:
            await reports.delete_record(_STALE, str(hour))


def hours_of(summary: Summary) -> set[int]:
    """The hours whose rollups a summary is part of, by their beginning."""
    its = summary.series or (Slice(summary.began, 0, 0, 0, 0),)
    return {item.start - item.start % HOUR for item in its}


def _changed(before: Summary | None, after: Summary) -> set[int]:
    """The hours whose rollups are not true any more: of a long session, mostly the last one."""
    if before is None:
        return hours_of(after)
    if _place(before) != _place(after) or not (before.series and after.series):
        return hours_of(before) | hours_of(after)
    return {point.start - point.start % HOUR for point in set(before.series) ^ set(after.series)}


def _place(summary: Summary) -> tuple[object, ...]:
    """Where a rollup counts a session."""
    return (summary.began, *(getattr(summary, dimension) for dimension in DIMENSIONS))


def _hour_of(rows: Sequence[Sequence[Any]], hour: int) -> list[Rollup]:
    return hour_of((Fact(row[0], tuple(row[2:]), row[1]) for row in _giving_way(rows)), hour)


def _giving_way(rows: Sequence[_T]) -> Iterator[_T]:
    """For a thread beside the event loop, which needs the interpreter more."""
    for start in range(0, len(rows), _PIECE):
        yield from rows[start : start + _PIECE]
        time.sleep(_BREAK)


async def keep_up(summarizer: Summarizer, counters: Counters, *, pause: float) -> None:
    """Work for ever: at once while there is work, then again after `pause` seconds."""
    begun = False
    while True:
        heed_cancellation()
        try:
            if not begun:
                begun = await _begin(summarizer)
            if await summarizer.step() >= _SESSIONS:
                continue
        except StoreError as error:
            counters.fail("summaries")
            _log.warning("summaries_failed", why=error)
        heed_cancellation()
        await asyncio.sleep(pause)


async def _begin(summarizer: Summarizer) -> bool:
    """What was stored before there were summaries, or all of today's dimensions."""
    if not await summarizer.leads():
        return False
    if await summarizer.formula() is None:
        async for done in summarizer.rebuild():
            await summarizer.leads()
            if done >= _SESSIONS:
                _log.info("summaries_made", sessions=done)
    async for done in summarizer.complete():
        await summarizer.leads()
        _log.info("rollups_made", hours=done)
    return True
