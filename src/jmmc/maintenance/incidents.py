"""Keeps incidents up to date beside the summaries, an hour at a time.

Whoever changes summaries notes the hours in which their problems begin, before the change is
stored; a crash repeats work and loses none. A noted hour is found anew from all sessions of that
time, and its parts take the place of those that were stored.
"""

import asyncio
import time
from collections.abc import (
    AsyncGenerator,
    AsyncIterator,
    Callable,
    Iterable,
    Mapping,
    Sequence,
    Set,
)
from contextlib import asynccontextmanager
from functools import partial
from typing import NamedTuple, TypeVar

import msgspec

from jmmc.core.computing import pause
from jmmc.core.errors import StoreError
from jmmc.core.logging import logger
from jmmc.core.parts import parts_of
from jmmc.core.tasks import raise_if_cancelled
from jmmc.core.timestamps import to_iso
from jmmc.core.yielding import LoadAwareYielder
from jmmc.maintenance.cause_records import read_records
from jmmc.maintenance.set_aside import SetAside
from jmmc.maintenance.threads import in_background
from jmmc.quality.causes import Records
from jmmc.quality.causes.clipping import Clipping
from jmmc.quality.causes.incidents import APART_OF_ONE
from jmmc.quality.causes.recorded import (
    AFTER,
    BEFORE,
    VERSION,
    Change,
    HourAnswers,
    StoredIncident,
    change_of_hour,
    earlier_of,
    parts_of_hour,
)
from jmmc.quality.filters import SummaryFilter
from jmmc.quality.rollups import ALL, DAY, HOUR
from jmmc.quality.summary import Summary
from jmmc.stores import Lease, Reports, Store

_T = TypeVar("_T")

_log = logger(__name__)

_NOTED = "stale incidents"  # Kinds of records; a noted hour becomes one that is being found.
_FINDING = "finding incidents"
_LEASE_SECONDS = 120
_PATIENCE = 600  # Looks for the lease, half a second apart: longer than it lasts.
_MOST_PRESENT = 20_000  # Sessions of an hour that are taken into account, the latest.
_TOGETHER = 200  # Summaries read together: their decoding takes the event loop some 10 ms.
_TOGETHER_AT_HAND = 300  # Summaries that are in memory: looking through them takes some 2 ms.
_MOST_PEOPLE = 200  # Whose calls of the last days are read, of an hour: those affected longest.
_SETTLED = 150  # Seconds after which everybody's summary of a moment is there.
_LATE = 2 * DAY  # Seconds of a late session, from its end on, that count in what was found.
_KEPT_HOURS = 3  # Of which answers are kept in memory.
_KEPT_RECORDS = 300.0  # Seconds for which the records of an hour are kept.
_SHARE = 40  # Finding takes at most one part in so many of the time.
_HOURS_OF_ROUND = 24
_PERIOD = 10.0, 300.0  # Seconds between two rounds without a backlog: shortest and longest.


class IncidentFinder:
    """Finds the incidents of noted hours. `clock` gives Unix seconds, `holder` names the process.

    `summary_at_hand` gives the stored summary of a session where it is in memory. One process at a
    time finds incidents: the one with the lease.
    """

    def __init__(
        self,
        store: Store,
        *,
        clock: Callable[[], float],
        holder: str,
        summary_at_hand: Callable[[str], Summary | None] = lambda _: None,
    ) -> None:
        self._store = store
        self._summary_at_hand = summary_at_hand
        self._clock = clock
        self._lease = Lease("incidents", holder, seconds=_LEASE_SECONDS)
        self._one_at_a_time = asyncio.Lock()
        self._answers: dict[int, HourAnswers] = {}
        self._records: dict[int, _KnownRecords] = {}
        self._failed_hours = SetAside[int]()
        self._found: set[int] = set()  # Hours that this process has found, by this version.
        self._started = clock()  # Earlier hours were found by others.
        self._unsettled: dict[int, float] = {}  # When an hour is to be found once more.
        self._yielder = LoadAwareYielder()

    async def note(self, hours: Set[int]) -> None:
        """Note hours to be found anew. Raises `StoreError`."""
        reports = self._store.reports
        if hours:
            for hour in hours - {int(name) for name in await reports.records(_NOTED)}:
                await reports.put_record(_NOTED, str(hour), b"{}")

    @asynccontextmanager
    async def changing(
        self, before: Mapping[str, Summary], after: Iterable[Summary]
    ) -> AsyncIterator[None]:
        """Note the hours in which problems begin that change, around the change of summaries.

        Also afterwards: an hour may be found just now from what was stored before.
        """
        hours: set[int] = set()
        for summary in after:
            known = before.get(summary.session)
            hours |= _changed_hours(known, summary)
            hours |= self._hours_of_late(known.ended if known else summary.began, summary.ended)
        await self.note(hours)
        yield
        await self.note(hours)

    def _hours_of_late(self, since: int, until: int) -> set[int]:
        """The hours found before with which the new time of a session is compared.

        What is less than `_SETTLED` seconds late is there when an hour is found once more.
        """
        until = min(until, int(self._clock()) - _SETTLED)
        since = max(since, until - _LATE)
        if since >= until:
            return set()
        first = ((since - AFTER) // HOUR) * HOUR
        return {
            hour
            for hour in range(first, until + BEFORE, HOUR)
            if hour in self._found or hour + HOUR <= self._started
        }

    async def note_erased(self, hours: Set[int]) -> None:
        """Note these hours, and all of incidents that touch them: nothing of them may stay."""
        noted = {moment for hour in hours for moment in (hour - HOUR, hour)}
        for hour in sorted(hours):
            for stored in await self._stored(hour):
                noted |= {part.hour for part in stored.parts}
        await self.note(noted)

    async def find_noted(self) -> AsyncGenerator[int]:
        """Find the incidents of all noted hours, the latest day first; yield how many are done.

        Raises `StoreError`.
        """
        done = 0
        failed: set[int] = set()
        while hours := [hour for hour in await self._due() if hour not in failed]:
            for hour in hours:
                if not await self._try(hour):
                    failed.add(hour)
                done += 1
                yield done

    async def upgrade(self) -> AsyncIterator[None]:
        """Note all hours, a day at a time, where another version found the incidents."""
        reports = self._store.reports
        state = (await reports.records("incidents")).get("current")
        version, reached = msgspec.json.decode(state) if state else ("", 0)
        if version != VERSION:
            reached = int(self._clock()) + 2 * DAY
        if not reached:
            return
        everything = await reports.rollups(ALL, HOUR, 0, reached)
        days = sorted({rollup.start - rollup.start % DAY for rollup in everything}, reverse=True)
        for day in days:
            hours = {rollup.start for rollup in everything if day <= rollup.start < day + DAY}
            await self.note(hours - self._found)
            async for _ in self.find_noted():
                yield
            await self._put_state(day)
        await self._put_state(0)

    async def _put_state(self, reached: int) -> None:
        """Store from which moment on incidents are up to date; 0 for all."""
        state = msgspec.json.encode((VERSION, reached))
        await self._store.reports.put_record("incidents", "current", state)

    async def keep_up(self) -> float:
        """Find what was noted since; return how many seconds to wait before the next round."""
        began = time.monotonic()
        now = self._clock()
        for hour in [hour for hour, due in self._unsettled.items() if due <= now]:
            del self._unsettled[hour]
            await self.note({hour})
        for stored in await self._store.reports.running_incidents():
            if stored.parts[-1].end < now - _SETTLED:
                await self.note({part.hour for part in stored.parts if part.is_open})
        due = await self._due()
        for hour in due[:_HOURS_OF_ROUND]:
            await self._try(hour)
        worked = time.monotonic() - began
        if len(due) > _HOURS_OF_ROUND:
            return worked
        shortest, longest = _PERIOD
        return min(longest, max(shortest, _SHARE * worked))

    async def release(self) -> None:
        """Give up the lease, if this process may hold it. Raises `StoreError`."""
        await self._lease.release(self._store.reports)

    async def _due(self) -> list[int]:
        noted, now = await _noted(self._store.reports), self._clock()
        hours = [hour for hour in map(int, noted) if self._failed_hours.is_due(hour, now)]
        return sorted(hours, key=lambda hour: (-(hour // DAY), hour))

    async def _try(self, hour: int) -> bool:
        """Find an hour, or set it aside where that fails. Raises `StoreError`."""
        try:
            async with self._one_at_a_time:
                await self._take_lease()
                try:
                    await self._find(hour)
                finally:
                    await self.release()
        except StoreError:
            raise
        except Exception as error:
            raise_if_cancelled()
            wait = self._failed_hours.add(hour, self._clock())
            why = f"{type(error).__name__}: {error}"[:300]
            _log.error("incidents_set_aside", hour=to_iso(hour), why=why, retry_seconds=wait)
            return False
        self._failed_hours.remove(hour)
        self._found.add(hour)
        return True

    async def _take_lease(self) -> None:
        for _ in range(_PATIENCE):
            if await self._lease.take(self._store.reports, int(self._clock())):
                return
            await asyncio.sleep(0.5)
        raise StoreError("another process has kept finding incidents for minutes")

    async def _find(self, hour: int) -> None:
        reports = self._store.reports
        await reports.put_record(_FINDING, str(hour), b"{}")
        await reports.delete_record(_NOTED, str(hour))  # What is noted from now on counts anew.
        present = await self._present(hour)
        stored = await self._stored(hour)
        records = await self._records_of(hour, present)
        answers = self._answers_of(hour)
        change = await in_background(partial(_change, hour, present, stored, records, answers))
        await reports.replace_incidents(change.gone, change.changed)
        if change.continues:
            await self.note({hour + HOUR})
        await reports.delete_record(_FINDING, str(hour))
        now = self._clock()
        ends = [spell.end for summary in present for spell in summary.spells]
        if any(now - _SETTLED < end <= now + _SETTLED for end in ends):
            self._unsettled[hour] = now + _SETTLED

    async def _present(self, hour: int) -> list[Summary]:
        """The sessions that were there around an hour, as far as its incidents need them."""
        since, until = hour - BEFORE, hour + HOUR + AFTER
        around = SummaryFilter(since=since, until=until)
        rows = await self._store.reports.facts(("session",), around)
        sessions = [session for (session,) in reversed(rows)][:_MOST_PRESENT]
        clipped = Clipping(since, until)
        found: dict[str, Summary] = {}
        unknown: list[str] = []
        for part in parts_of(sessions, _TOGETHER_AT_HAND):
            for session in part:
                summary = self._summary_at_hand(session)
                if summary is None:
                    unknown.append(session)
                else:
                    found[session] = clipped(summary)
            await asyncio.sleep(0)

        async def read(part: Sequence[str]) -> None:
            for summary in await self._store.reports.get_summaries(part):
                found[summary.session] = clipped(summary)

        for part in parts_of(unknown, _TOGETHER):
            await self._yielder.run(read(part))
        return [found[session] for session in sessions if session in found]

    async def _stored(self, hour: int) -> list[StoredIncident]:
        since, until = hour - APART_OF_ONE, hour + HOUR + APART_OF_ONE
        return await self._store.reports.stored_incidents(since, until)

    async def _records_of(self, hour: int, present: Sequence[Summary]) -> Records:
        known: dict[str, int] = {}
        subjects = []
        for summary in present:
            seconds = sum(
                spell.end - spell.start
                for spell in summary.spells
                if hour <= spell.start < hour + HOUR
            )
            if seconds:
                subjects.append(summary)
                known[summary.browser_id] = known.get(summary.browser_id, 0) + seconds
        if not subjects:
            return Records()
        people = sorted(known, key=lambda person: (-known[person], person))[:_MOST_PEOPLE]
        kept, now = self._records.get(hour), self._clock()
        if kept and now - kept.at < _KEPT_RECORDS and {*people} <= kept.people:
            return kept.records
        records = await read_records(
            self._store.reports, subjects, people, hour, most_people=_MOST_PEOPLE
        )
        _keep(self._records, hour, _KnownRecords(now, frozenset(people), records))
        return records

    def _answers_of(self, hour: int) -> HourAnswers:
        if hour not in self._answers:
            _keep(self._answers, hour, HourAnswers())
        return self._answers[hour]


async def hours_to_find(reports: Reports) -> int:
    """How many hours have problems that incidents do not have yet, as they are now."""
    return len(await _noted(reports))


async def _noted(reports: Reports) -> set[str]:
    return {*await reports.records(_NOTED), *await reports.records(_FINDING)}


class _KnownRecords(NamedTuple):
    at: float
    people: frozenset[str]
    records: Records


def _keep(kept: dict[int, _T], hour: int, value: _T) -> None:
    """Keep a value of an hour, of the last few hours that were found."""
    kept.pop(hour, None)
    kept[hour] = value
    while len(kept) > _KEPT_HOURS:
        del kept[next(iter(kept))]


def _change(
    hour: int,
    present: Sequence[Summary],
    stored: Sequence[StoredIncident],
    records: Records,
    answers: HourAnswers,
) -> Change:
    found = [earlier for incident in stored if (earlier := earlier_of(incident, hour))]
    parts = parts_of_hour(hour, present, records, found, answers, pause=pause)
    return change_of_hour(hour, parts, stored)


def _changed_hours(before: Summary | None, after: Summary) -> set[int]:
    """The hours in which problems begin that one of two summaries has, or that goes on in one."""
    old = {(spell.start, spell.end, spell.grade) for spell in before.spells} if before else set()
    new = {(spell.start, spell.end, spell.grade) for spell in after.spells}
    starts = {start for start, *_ in old ^ new}
    going_on = {before.bad_since if before else None, after.bad_since}
    if len(going_on) > 1:
        starts |= {start for start in going_on if start is not None}
    return {start - start % HOUR for start in starts}
