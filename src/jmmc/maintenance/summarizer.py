"""Keeps summaries and rollups up to date. All of them can be rebuilt at any time."""

import asyncio
import math
import time
from collections.abc import (
    AsyncGenerator,
    AsyncIterator,
    Awaitable,
    Callable,
    Hashable,
    Iterable,
    Mapping,
    Sequence,
    Set,
)
from contextlib import aclosing, asynccontextmanager
from typing import TypeVar

import msgspec

from jmmc.core.errors import StoreError
from jmmc.core.logging import logger
from jmmc.core.model import Session, SessionFilter
from jmmc.core.partitions import partition_of
from jmmc.core.parts import parts_of, parts_within
from jmmc.core.repeating import repeat
from jmmc.core.yielding import LoadAwareYielder
from jmmc.ingest.counters import Counters
from jmmc.maintenance.call_time_metrics import CallTimeCounters
from jmmc.maintenance.incidents import IncidentFinder
from jmmc.maintenance.live_sessions import LiveSessions
from jmmc.maintenance.rollups import RollupMaker
from jmmc.maintenance.running_sessions import RunningSessions
from jmmc.maintenance.set_aside import SetAside, isolate, reason_of
from jmmc.maintenance.summary_due_times import (
    DueTimes,
    pause_of_quick_session,
    pushes_of_summary,
)
from jmmc.maintenance.summing_up import SessionSums, SummedUp
from jmmc.maintenance.waiting_sessions import SESSION_WORK, WaitingSessions
from jmmc.maintenance.work_shares import WorkShare
from jmmc.quality.accumulator import Formula
from jmmc.quality.filters import SummaryFilter
from jmmc.quality.rollup_hours import changed_hours, hours_of
from jmmc.quality.summary import LiveSession, Summary
from jmmc.quality.thresholds import Preset
from jmmc.quality.timeline import MOST_AHEAD, SIGNS_OF_LIFE, Rhythm
from jmmc.stores import EVERY_PARTITION, Lease, Store
from jmmc.stores.searchable_names import names_of

_T = TypeVar("_T")

_log = logger(__name__)

_STEP_SESSIONS = 2000  # In one step: half a second, of which reading what is dirty takes 0.03.
_REBUILT_SESSIONS = 500  # In memory at a time, with all of their samples:
_REBUILT_SAMPLES = 100_000  # of long sessions fewer, 100 MB while they are read.
_STEP_SECONDS = 10  # After these, those that are due are read again.
_DIRTY_IDS = 10_000  # Changed sessions that are read together: 30 ms, mostly in a thread.
_DIRTY_READS = 2  # In one step: of 60,000 that wait each is found by the third step.
_OVERDUE_PERIOD = 3  # Seconds: to look through 10,000 running sessions takes 2 ms.
_AHEAD_PERIOD = 60  # Seconds: of those that a wrong clock dated, some may really run for hours.
_OVERDUE_IDS = 2000  # In one step, of sessions that may have ended.
_GROUP_SESSIONS = 100  # In memory at a time: of a busy loop each way to the store takes 0.1 s.
_GROUP_SAMPLES = 20_000  # Of these, read at a time: 20 MB. To sum them up takes 0.4 s of CPU.
_USUAL_SAMPLES = 200  # Of a session of which nothing is known yet: half an hour has as many.
_LEAST_SHARE = 0.1  # Of a busy loop: 500 summaries a second, of 15,000 sessions that go on.
_LEASE = "summaries"
_LEASE_SECONDS = 120
_LEASE_RENEWED_AFTER = 5  # Seconds: a renewal is a commit.
_HAND_OVER_PAUSE = 0.5  # Seconds between two looks whether others have given up their shares.
_BUSY_PAUSE = 0.7  # Seconds between two steps while sessions go on.
_LATE_PUSH = 2.0  # Seconds until a push is looked for again that did not come in time.
_TRANSIT = 0.5  # Seconds that a push may take.
_ENDED = object()


class Summarizer:
    """Makes the summaries of sessions with new samples, and the rollups that these change.

    `holder` names this process. Processes on one store share the work by room (`work_shares`); the
    one with the lease makes the rollups, and upgrades alone. `clock` gives Unix seconds.
    `call_time` counts the time that passes in calls. `monotonic` gives seconds of a clock that
    nobody sets, `sender_of` the sender of a session and its number of samples.

    Running sessions are remembered as summed up so far, so that of those only new samples are read.
    """

    def __init__(
        self,
        store: Store,
        *,
        preset: Preset,
        rhythm: Rhythm,
        clock: Callable[[], float],
        holder: str,
        call_time: CallTimeCounters | None = None,
        monotonic: Callable[[], float] = time.monotonic,
        sender_of: Callable[[str], tuple[int, int] | None] = lambda _: None,
    ) -> None:
        self._store = store
        self._formula = Formula.of(preset, rhythm)
        self._sessions = RunningSessions()
        self._live = LiveSessions()
        self._none_overdue_at = (-math.inf, -math.inf)  # In Unix seconds, and by `monotonic`.
        self._looked_ahead_at = -math.inf  # By `monotonic`.
        self._pushing = 0  # Sessions that have changed, where these are very many.
        self._expected: set[str] = set()  # Those that may have pushed again.
        self._live_mark: bytes | None = None  # Of the share, when these were read.
        self._rhythm = rhythm
        self._clock = clock
        self._call_time = call_time
        self._yielder = LoadAwareYielder(least=_LEAST_SHARE)
        self._sums = SessionSums(self._formula)
        self._due_times = DueTimes()
        self._waiting = WaitingSessions(self._work_of)
        self._sender_of = sender_of
        self._failed_sessions = SetAside[str]()
        self._share = WorkShare(holder, monotonic=monotonic)
        self._counted: frozenset[int] = frozenset()  # Partitions whose call time is counted here.
        self._upgrading = False
        self._has_begun = False
        self._is_current = False  # What is stored is as this version makes it.
        self._has_time = False  # For rollups, which this process makes.
        self.upgraded: tuple[int, int] | None = None
        """Sessions that `upgrade` has graded anew, and all of them; None when it has no work."""
        self._monotonic = monotonic
        self._leased_at = 0.0  # By the monotonic clock,
        self._leased_from = 0  # and in Unix seconds.
        self._lease = Lease(_LEASE, holder, seconds=_LEASE_SECONDS)
        self.rollups = RollupMaker(
            store.reports, clock=clock, monotonic=monotonic, works=self._store_works
        )
        """Makes the rollups of the hours whose summaries have changed."""
        self.incidents = IncidentFinder(
            store, clock=clock, holder=holder, summary_at_hand=self._sessions.summary
        )
        """Finds the incidents in the hours whose problems have changed."""

    async def step(self) -> int:
        """Summarize some sessions, and make the rollups that are due; return how many sessions."""
        made = await self.summarize()
        await self.roll_up()
        return made

    async def roll_up(self) -> None:
        """Make the rollups that are due, if the last `summarize` left time for them.

        May run beside `summarize`: what changes meanwhile is noted, and rolled up again.
        """
        if self._has_time:
            await self.rollups.keep_up(self._clock())

    async def summarize(self) -> int:
        """Summarize some sessions that have changed or ended, and are due; return how many.

        While more is due than fits into a step, ended sessions and rollups wait for up to a
        minute. Does only what is in the share of this process.
        """
        reports = self._store.reports
        now = self._clock()
        if not self._has_begun:
            await self._begin()
        leads = self._leads_surely(now) or await self.leads()
        await self._take_turn()
        partitions = self._share.partitions
        await self._take_over(partitions, leads=leads)
        if not partitions:
            self.forget_sessions()
            self._has_time = False
            return 0
        dirty = await self._dirty(partitions)
        self._pushing = 0 if len(dirty) < _DIRTY_IDS else await reports.backlog()
        became_due = self._due_times.become_due(now, _STEP_SESSIONS)
        self._expected |= {id_ for id_ in became_due if id_ in self._sessions}
        self._expected -= dirty.keys()
        found = [id_ for id_ in (*self._expected, *dirty) if id_ not in self._waiting]
        self._waiting.add(self._due_times.due(self._due(found, now), now))
        ids = [*self._waiting.first(_STEP_SESSIONS)]
        has_time = len(ids) < _STEP_SESSIONS and not self._upgrading
        has_time = has_time or self.rollups.is_overdue
        if has_time:
            ids += self._due(await self._overdue(partitions, now), now)
        await self._summarize_in_groups(ids, now)
        self._has_time = has_time and leads
        if self._call_time is not None:
            self._call_time.catch_up(now)
        return len(ids)

    async def _begin(self) -> None:
        """Note that a store without sessions has nothing of an earlier version to rebuild."""
        if await self.formula() is None and not await self._store.count(SessionFilter()):
            await self._put_formula()
        self._has_begun = True

    async def _dirty(self, partitions: frozenset[int]) -> dict[str, None]:
        """Sessions that have changed, of very many the next ones in turn."""
        found: dict[str, None] = {}
        for number in range(1, _DIRTY_READS + 1):
            found |= dict.fromkeys(await self._store.reports.dirty(_DIRTY_IDS, partitions))
            if len(found) < number * _DIRTY_IDS:
                break
        return found

    async def _overdue(self, partitions: frozenset[int], now: float) -> list[str]:
        """Sessions that have ended. After a search without any, the next one is seconds later.

        Once a minute also those whose last sample a wrong clock dated long after `now`.
        """
        monotonic = self._monotonic()
        by_clock, by_monotonic = self._none_overdue_at
        if 0 <= now - by_clock < _OVERDUE_PERIOD and monotonic - by_monotonic < _OVERDUE_PERIOD:
            return []
        looks_ahead = monotonic - self._looked_ahead_at >= _AHEAD_PERIOD
        found = await self._store.reports.overdue(
            int(now - self._rhythm.lifetime),
            _OVERDUE_IDS,
            partitions,
            after=int(now + MOST_AHEAD) if looks_ahead else None,
        )
        if looks_ahead:
            self._looked_ahead_at = monotonic
        if not found:
            self._none_overdue_at = (now, monotonic)
        return found

    async def _summarize_in_groups(self, ids: Sequence[str], now: float) -> None:
        """Summarize as many of these sessions as there is time for, and yield to pushes."""
        done, began = 0, self._monotonic()
        while done < len(ids) and await self._still_may_work():
            following = ids[done : done + _GROUP_SESSIONS]
            group = next(parts_within(following, _GROUP_SAMPLES, self._unread_samples))
            await self._yielder.run(self._try_to_summarize(group, now))
            self._waiting.remove(group)
            self._expected.difference_update(group)
            done += len(group)
            if self._monotonic() - began > _STEP_SECONDS:
                break  # Others may be due by now.

    def forget_sessions(self) -> None:
        """Forget what is remembered of running sessions; they are read from the store again."""
        self._sessions.clear()
        self._live.leave(EVERY_PARTITION)

    async def live_sessions(self) -> Sequence[LiveSession] | None:
        """The running sessions of the store, where this process makes all summaries; else None.

        None also where another process has changed some since the last step. Raises `StoreError`.
        """
        if not self._share.is_fresh:
            return None
        if await self._share.newest_mark(self._store.reports) != self._live_mark:
            return None
        return self._live.everybody()

    @property
    def leading(self) -> bool:
        """Whether this process held the lease when it looked last."""
        return self._lease.may_hold

    async def upgrade(self) -> AsyncGenerator[None]:
        """Bring what an earlier version stored to today's formulas and dimensions.

        Yields after each piece of work, and leaves time to pushes. Continues where an earlier call
        was interrupted. Free when there is nothing to do.
        """
        self._upgrading = True
        try:
            if await self.formula() != self._formula.name:
                while self.leading and not self._share.is_whole:
                    yield  # Others give up their shares now.
                    await asyncio.sleep(_HAND_OVER_PAUSE)
                logged, total = 0, await self._store.count(SessionFilter())
                async with aclosing(self.rebuild(together=_GROUP_SESSIONS)) as pieces:
                    while (done := await self._yielder.run(_next(pieces))) is not None:
                        self.upgraded = (done, max(done, total))
                        if done >= logged + _REBUILT_SESSIONS:
                            _log.info("summaries_made", sessions=done)
                            logged = done
                        yield
            async for done in self.rollups.complete():
                _log.info("rollups_made", hours=done)
                yield
            async for _ in self.incidents.upgrade():
                yield
            self._is_current = True
        finally:
            self._upgrading = False
            self.upgraded = None

    async def rebuild(self, *, together: int | None = None) -> AsyncGenerator[int]:
        """Rebuild all summaries and rollups from the samples; yield how many sessions are done.

        Works on `together` sessions at a time, on fewer long ones. Continues where an earlier call
        was interrupted.
        """
        together = together or _REBUILT_SESSIONS
        reports = self._store.reports
        formula = self._formula.name
        records = await reports.records("rebuild")
        since = int(records[formula]) if formula in records else None
        done = await self._store.count(SessionFilter(until=since)) if since is not None else 0
        batch: list[Session] = []
        samples = 0
        async with aclosing(self._store.sessions(SessionFilter(since=since))) as sessions:
            async for session in sessions:
                batch.append(session)
                samples += len(session.samples)
                if len(batch) >= together or samples >= _REBUILT_SAMPLES:
                    await self._rebuild(batch)
                    await reports.put_record("rebuild", formula, b"%d" % session.began)
                    done += len(batch)
                    batch, samples = [], 0
                    yield done
        await self._rebuild(batch)
        yield done + len(batch)
        await self.rollups.roll_up()
        async for _ in self.incidents.find_noted():
            yield done + len(batch)
        async for _ in self.incidents.upgrade():  # Also of hours whose samples are gone.
            yield done + len(batch)
        await self._put_formula()
        await reports.delete_record("rebuild", formula)

    async def _put_formula(self) -> None:
        formula = msgspec.json.encode(self._formula.name)
        await self._store.reports.put_record("formula", "current", formula)

    async def formula(self) -> str | None:
        """Return the formula of the stored summaries; None when there are none."""
        record = (await self._store.reports.records("formula")).get("current")
        return None if record is None else str(msgspec.json.decode(record))

    async def leads(self) -> bool:
        """Take or renew the lease for two minutes; return whether this process holds it."""
        now, asked_at = int(self._clock()), self._monotonic()
        if not await self._lease.take(self._store.reports, now):
            return False
        self._leased_at, self._leased_from = asked_at, now
        return True

    def _leads_surely(self, now: float) -> bool:
        """Whether the lease was taken so recently, by both clocks, that nobody has to be asked."""
        passed = max(self._monotonic() - self._leased_at, abs(now - self._leased_from))
        return self.leading and passed < _LEASE_RENEWED_AFTER

    async def release(self) -> None:
        """Let others do the work of this process now. Raises `StoreError`."""
        await self.release_share()
        await self.release_lease()

    async def release_share(self) -> None:
        """Let others summarize the sessions of this process now. Raises `StoreError`."""
        await self._share.release(self._store.reports)

    async def release_lease(self) -> None:
        """Let another process lead now. Raises `StoreError`."""
        await self._lease.release(self._store.reports)

    async def _take_turn(self) -> None:
        share = self._share
        before = (share.partitions, share.mark) if share.is_fresh else None
        await share.take_turn(
            self._store.reports,
            int(self._clock()),
            leads=self._lease.may_hold,
            may_share=self._is_current and not self._upgrading,
        )
        if (share.partitions, share.mark) != before:
            self._sessions.forget_summaries()
            self._due_times.wait_no_more()
            self._waiting.clear()
            self._expected.clear()

    async def _still_may_work(self) -> bool:
        """Renew lease and share in time: a step of long sessions may take longer than they last."""
        if self.leading and self._monotonic() - self._leased_at >= _LEASE_SECONDS / 2:
            await self.leads()
        partitions = self._share.partitions
        if not self._share.is_fresh:
            await self._take_turn()
        return partitions <= self._share.partitions

    async def _take_over(self, partitions: frozenset[int], *, leads: bool) -> None:
        """Know who is in a call in the rooms of this process, and count the time there."""
        if self._share.mark != self._live_mark:
            self._live_mark = self._share.mark
            self._live.leave(EVERY_PARTITION)
            if self._call_time is not None:
                self._call_time.leave(self._counted)
            self._counted = frozenset()
        self._live.leave(self._live.partitions - partitions)
        unknown = partitions - self._live.partitions
        lost, gained = self._counted - partitions, partitions - self._counted
        if self._call_time is None:
            gained = frozenset()
        running = [summary async for summary in self._running(unknown | gained)]
        self._live.take(unknown, _in_partitions(running, unknown))
        if self._call_time is None:
            return
        self._call_time.leads = leads
        if lost:
            self._call_time.leave({*lost})
        if gained:
            self._call_time.take(_in_partitions(running, gained))
        self._call_time.counts = bool(partitions)
        self._counted = partitions

    def _work_of(self, session: str) -> tuple[Hashable, int] | None:
        """The sender of a session, and the work for its summary; None where it is not known."""
        known = self._sender_of(session)
        if known is None:
            return None
        sender, samples = known
        return sender, SESSION_WORK + (0 if session in self._sessions else samples)

    def _unread_samples(self, session: str) -> int:
        """How many samples are read for a summary: all of a session that is not remembered."""
        known = self._sender_of(session)
        samples = _USUAL_SAMPLES if known is None else known[1]
        return max(0, samples - self._sessions.samples(session))

    def _due(self, ids: Sequence[str], now: float) -> list[str]:
        """Leave out the sessions that are set aside."""
        return [id_ for id_ in ids if self._failed_sessions.is_due(id_, now)]

    async def _try_to_summarize(self, ids: Sequence[str], now: float) -> None:
        """Summarize these sessions, and set aside those for which that fails."""

        async def summarize(part: Sequence[str]) -> None:
            await self._summarize_ids(part, now)

        await self._isolate(ids, summarize, lambda id_: id_)

    async def _rebuild(self, sessions: Sequence[Session]) -> None:
        """Summarize these sessions anew, and set aside those for which that fails."""
        await self._isolate(sessions, self._summarize_anew, lambda session: session.id)

    async def _isolate(
        self,
        items: Sequence[_T],
        work: Callable[[Sequence[_T]], Awaitable[None]],
        id_of: Callable[[_T], str],
    ) -> None:
        def set_aside(item: _T, error: Exception) -> None:
            session = id_of(item)
            pause = self._failed_sessions.add(session, self._clock())
            why = reason_of(error)
            _log.error("session_set_aside", session=session, why=why, retry_seconds=pause)

        await isolate(
            items,
            work,
            works=self._store_works,
            failed=set_aside,
            succeeded=lambda item: self._failed_sessions.remove(id_of(item)),
        )

    async def _store_works(self) -> bool:
        """Whether the store takes a write: then what failed is at fault, and not the store."""
        try:
            await self.leads()
        except StoreError:
            return False
        return True

    async def _summarize_ids(self, ids: Sequence[str], now: float) -> None:
        """Summarize sessions, from their new samples where they are remembered."""
        before = {id_: summary for id_ in ids if (summary := self._sessions.summary(id_))}
        before |= await self._stored_summaries([id_ for id_ in ids if id_ not in before])
        remembered = {
            session: found
            for session, summary in before.items()
            if summary.formula == self._formula.name
            and (found := self._sessions.get(session, summary.samples))
        }
        new = await self._store.samples_after([found.progress for found in remembered.values()])
        summed_up = [
            await self._sums.go_on(remembered[session], samples, now)
            for session, samples in new.items()
            if samples or not self._is_expected(before[session], now)
        ]
        unread = [session for session in ids if session not in new]
        lengths = await self._store.lengths(unread) if unread else {}
        for part in parts_within(unread, _GROUP_SAMPLES, lambda session: lengths.get(session, 0)):
            sessions = await self._store.get(part)
            if gone := before.keys() & {*part} - {session.id for session in sessions}:
                await self._end_summaries(await self._stored_summaries([*gone]))
            summed_up += [await self._sums.start(session, now) for session in sessions]
            await self._store_summaries(summed_up, before, before, now)
            summed_up = []
        await self._store_summaries(summed_up, before, before, now)

    async def _stored_summaries(self, ids: Sequence[str]) -> dict[str, Summary]:
        stored = await self._store.reports.get_summaries(ids) if ids else ()
        return {summary.session: summary for summary in stored}

    async def _end_summaries(self, last_known: Mapping[str, Summary]) -> None:
        """End sessions whose samples were deleted: the summary of before is the last one.

        An erasure deletes the summary, too.
        """
        ended = [
            msgspec.structs.replace(summary, running=False, ended=summary.last)
            for summary in last_known.values()
        ]
        async with self._knowing_what_is_stored(), self.incidents.changing(last_known, ended):
            await self._store.reports.put_summaries(ended)
        for summary in ended:
            self._sessions.forget(summary.session)
            self._live.note(summary)

    async def _running(self, partitions: Set[int]) -> AsyncIterator[Summary]:
        if not partitions:
            return
        reports = self._store.reports
        rows = await reports.facts(("session", "room"), SummaryFilter(running=True))
        running = [session for session, room in rows if partition_of(room) in partitions]
        for part in parts_of(running, _REBUILT_SESSIONS):
            for summary in await reports.get_summaries(part):
                yield summary

    async def _summarize_anew(self, sessions: Sequence[Session]) -> None:
        """Store summaries from all samples, and note every hour that they touch."""
        if not sessions:
            return
        now = self._clock()
        summed_up = [await self._sums.start(session, now) for session in sessions]
        stored = await self._store.reports.get_summaries([session.id for session in sessions])
        before = {summary.session: summary for summary in stored}
        touched = {hour for summary in stored for hour in hours_of(summary)}
        async with self.rollups.changing(touched, now):
            await self._store_summaries(summed_up, before, {}, now)

    async def _store_summaries(
        self,
        summed_up: Sequence[SummedUp],
        before: Mapping[str, Summary],
        compared_with: Mapping[str, Summary],
        now: float,
    ) -> None:
        """Store summaries, and note the hours that they change: a crash loses none.

        `before` are the summaries that they replace. An hour changes where they differ from
        `compared_with`.
        """
        if not summed_up:
            return
        reports = self._store.reports
        summaries = [item.summary.after(before.get(item.summary.session)) for item in summed_up]
        hours: set[int] = set()
        for summary in summaries:
            hours |= changed_hours(compared_with.get(summary.session), summary)
        async with (
            self._knowing_what_is_stored(),
            self.rollups.changing(hours, now),
            self.incidents.changing(compared_with, summaries),
            self._telling_owners(before, summaries),
        ):
            await reports.put_summaries(summaries)
            # A name that no summary has would stay behind when the participant is erased.
            if renamed := [
                before[summary.session]
                for summary in summaries
                if summary.session in before and _is_renamed(before[summary.session], summary)
            ]:
                await reports.drop_names(renamed)
        for item, summary in zip(summed_up, summaries, strict=True):
            self._live.note(summary)
            self._remember(item, summary, now)
        if self._call_time is not None:  # Stored now, so no process counts it again.
            for summary, (_, spans, _) in zip(summaries, summed_up, strict=True):
                self._call_time.count(before.get(summary.session), summary, spans, now)

    @asynccontextmanager
    async def _knowing_what_is_stored(self) -> AsyncIterator[None]:
        """Read again what is remembered of summaries if a change of these fails.

        Some of them may be stored then, and who has ended by them is found by no other search.
        """
        try:
            yield
        except BaseException:
            self._live.leave(EVERY_PARTITION)
            self._sessions.forget_summaries()
            raise

    @asynccontextmanager
    async def _telling_owners(
        self, before: Mapping[str, Summary], after: Iterable[Summary]
    ) -> AsyncIterator[None]:
        """Tell the owners of rooms around a change of running sessions that are not in the share.

        Also afterwards: an owner may be reading just now what was stored before.
        """
        is_of_others = any(
            partition_of(summary.room) not in self._share.partitions
            for summary in after
            if summary.running or (summary.session in before and before[summary.session].running)
        )
        if is_of_others:
            await self._share.leave_mark(self._store.reports)
        try:
            yield
        finally:
            if is_of_others:
                await self._share.leave_mark(self._store.reports)

    def _remember(self, summed_up: SummedUp, summary: Summary, now: float) -> None:
        """Remember a running session with its stored summary, and when its next one is due."""
        remembered = summed_up.remembered
        pause = pause_of_quick_session(summary.samples, int(now) - summary.began)
        if remembered is None:
            self._sessions.forget(summary.session)
        else:
            self._sessions.put(remembered, summary)
        self._due_times.summarized(
            summary.session,
            length=0 if remembered else summary.ended - summary.began,
            running=summary.running,
            now=now,
            earliest=max(now + pause, self._after_pushes(summary.last)),
        )

    def _is_expected(self, summary: Summary, now: float) -> bool:
        """Whether a session without new samples may push soon; then it waits once more."""
        if summary.session not in self._expected or not self._rhythm.may_go_on(summary.last, now):
            return False
        self._due_times.summarized(
            summary.session, length=0, running=True, now=now, earliest=now + _LATE_PUSH
        )
        return True

    def _after_pushes(self, last: int) -> float:
        """When a session is due whose last sample was at `last`: after one push, or after more."""
        interval = self._rhythm.lifetime / SIGNS_OF_LIFE
        pushes = pushes_of_summary(max(self._pushing, len(self._live)), interval)
        return last + pushes * interval + _TRANSIT if pushes > 1 else 0.0


async def _next(pieces: AsyncIterator[_T]) -> _T | None:
    return await anext(pieces, None)


def _in_partitions(summaries: Iterable[Summary], partitions: Set[int]) -> list[Summary]:
    return [summary for summary in summaries if partition_of(summary.room) in partitions]


def _is_renamed(before: Summary, after: Summary) -> bool:
    """Whether a session had a name, or an address, that it has no more."""
    return not {*names_of(before)} <= {*names_of(after)}


async def keep_summarizing(summarizer: Summarizer, counters: Counters, *, pause: float) -> None:
    """Summarize for ever: at once while more is due, then again after `pause` seconds.

    While sessions go on, the pause is shorter. What an earlier version stored is brought up to date
    meanwhile, piece by piece.
    """
    upgrade: AsyncGenerator[None] | None = summarizer.upgrade()

    async def step() -> float:
        nonlocal upgrade
        made = await summarizer.summarize()
        busy = made >= _STEP_SESSIONS
        if upgrade is not None and summarizer.leading:
            busy = await anext(upgrade, _ENDED) is not _ENDED
            if not busy:
                upgrade = None
        return 0 if busy else min(pause, _BUSY_PAUSE) if made else pause

    def failed(error: StoreError) -> None:
        nonlocal upgrade
        if upgrade is not None:
            upgrade = summarizer.upgrade()  # The one that raised has ended.
        counters.fail("summaries")
        _log.warning("summaries_failed", why=error)

    try:
        await repeat(step, failed=failed, pause_after_failure=pause)
    finally:
        if upgrade is not None:
            await upgrade.aclose()
