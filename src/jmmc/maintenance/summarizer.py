"""Keeps summaries and rollups up to date. All of them can be rebuilt at any time."""

import asyncio
import time
from collections.abc import (
    AsyncGenerator,
    AsyncIterator,
    Awaitable,
    Callable,
    Iterable,
    Iterator,
    Mapping,
    Sequence,
    Set,
)
from contextlib import aclosing
from typing import Any, NamedTuple, TypeVar

import msgspec

from jmmc.core.errors import StoreError
from jmmc.core.logging import logger
from jmmc.core.model import Progress, Sample, Session, SessionFilter
from jmmc.core.tasks import raise_if_cancelled
from jmmc.core.timestamps import to_iso
from jmmc.core.yielding import LoadAwareYielder, batch_size_for
from jmmc.ingest.counters import Counters
from jmmc.maintenance.call_time_metrics import CallTimeCounters
from jmmc.maintenance.incidents import IncidentFinder
from jmmc.maintenance.running_sessions import RememberedSession, RunningSessions
from jmmc.maintenance.set_aside import SetAside
from jmmc.maintenance.summary_due_times import DueTimes, in_fair_order
from jmmc.maintenance.usage_days import note_usage
from jmmc.quality.accumulator import Formula, SessionAccumulator
from jmmc.quality.filters import DIMENSIONS, SummaryFilter
from jmmc.quality.grading import Grade
from jmmc.quality.joins import JoinEvent, join_events
from jmmc.quality.rollups import ALL, DAY, HOUR, Fact, Rollup, day_of, hour_of
from jmmc.quality.segments import track_of
from jmmc.quality.summarize import sum_up
from jmmc.quality.summary import Setup, Summary
from jmmc.quality.thresholds import Preset
from jmmc.quality.timeline import Rhythm, Span
from jmmc.stores import Lease, Store
from jmmc.stores.searchable_names import names_of

_T = TypeVar("_T")

_log = logger(__name__)

_STEP_SESSIONS = 2000  # In one step: half a second, of which reading what is dirty takes 0.03.
_REBUILT_SESSIONS = 500  # In memory at a time, with all of their samples.
_STEP_SECONDS = 10  # After these, those that are due are read again.
_DIRTY_IDS = 10_000  # Changed sessions that are read, of which the due ones are taken.
_OVERDUE_IDS = 2000  # In one step, of sessions that may have ended.
_LONG_SESSION = 250  # Samples: 5 ms. A longer timeline in the event loop would delay pushes.
_FIXED_WORK = 20  # Of a summary besides its samples, in samples.
_SHORT_WORK = 100  # Samples: 2 ms.
_GROUP_SESSIONS = 50  # In memory at a time. With 20 the way to the store took twice as long.
_WORK_SECONDS = 0.05  # Without a rest: of long sessions fewer are taken at a time.
_LEASE = "summaries"
_LEASE_SECONDS = 120
_ROLLUP_SECONDS = 60  # Between rollups while more is due: of 100,000 sessions one takes 2 s.
_ROLLED_UP = 500  # Sessions for each second between rollups: they take 2 to 4 % of a core.
_BUSY_PAUSE = 2.0  # Seconds between two steps while sessions go on.
_HOURS_PER_LEASE = 24  # Rebuilt before the lease is renewed.
_THREAD_ROWS = 100  # Of an hour: 1 ms in a thread, which then sleeps,
_THREAD_BREAK = 0.002  # in seconds. Without it 1 % of the pushes waited 0.7 s for the interpreter.
_LONGEST_REASON = 300  # Characters: a driver may quote the whole document.
_ENDED = object()
_LONG_UNKNOWN = 3 * DAY  # Seconds: a clock was set meanwhile; decades would be gigabytes.
_STALE_HOUR = "stale hour"  # A kind of record.
_COLUMNS = (
    *("began", "ended", "running", "outcome", "failure", "setup_steps"),
    *("browser_id", "room", "lane", "segments"),
    *DIMENSIONS,
)


class Summarizer:
    """Makes the summaries of sessions with new samples, and the rollups that these change.

    `holder` names this process for the lease: one process at a time does the work. `clock` gives
    Unix seconds. `call_time` counts the time that passes in calls. `monotonic` gives seconds of a
    clock that nobody sets, `sender_of` the sender of a session and its number of samples.

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
        self._rhythm = rhythm
        self._clock = clock
        self._call_time = call_time
        self._yielder = LoadAwareYielder()
        self._due_times = DueTimes()
        self._sender_of = sender_of
        self._group_size = 1  # Sessions in the next group.
        self._in_a_row = 0  # Samples, since pushes were let through.
        self._failed_sessions = SetAside[str]()
        self._failed_hours = SetAside[int]()
        self._rolled_up = 0.0  # Unix seconds of the last rollups.
        self._rows_rolled_up = 0  # Sessions of the hours that were rolled up then,
        self._rollup_pause = 0  # and for how many seconds that is enough.
        self._upgrading = False
        self.upgraded: tuple[int, int] | None = None
        """Sessions that `upgrade` has graded anew, and all of them; None when it has no work."""
        self._monotonic = monotonic
        self._leased_at = 0.0  # By the monotonic clock.
        self._lease = Lease(_LEASE, holder, seconds=_LEASE_SECONDS)
        self.incidents = IncidentFinder(store, clock=clock, holder=holder)
        """Finds the incidents in the hours whose problems have changed."""

    async def step(self) -> int:
        """Summarize some sessions that have changed or ended, and are due; return how many.

        While more is due than fits into a step, ended sessions and rollups wait for up to a
        minute. Does nothing while another process holds the lease.
        """
        reports = self._store.reports
        now = self._clock()
        if not await self.leads():
            self.forget_sessions()
            if self._call_time is not None:
                self._call_time.leave()
            return 0
        if self._call_time is not None and not self._call_time.leads:
            self._call_time.lead([summary async for summary in self._running()])
        dirty = self._due(await reports.dirty(_DIRTY_IDS), now)
        due = self._due_times.due(dirty, now)
        ids = in_fair_order(due, self._sender_of)[:_STEP_SESSIONS]
        has_time = len(ids) < _STEP_SESSIONS and not self._upgrading
        passed = now - self._rolled_up
        has_time = has_time or not 0 <= passed < _ROLLUP_SECONDS
        rolls_up = has_time and not 0 <= passed < self._rollup_pause
        if has_time:
            overdue = await reports.overdue(int(now - self._rhythm.lifetime), _OVERDUE_IDS)
            ids += self._due(overdue, now)
        self._yielder.begin()
        done, began = 0, self._monotonic()
        while done < len(ids) and await self._still_leads():
            group = self._next_group(ids[done : done + _GROUP_SESSIONS])
            await self._try_to_summarize(group, now)
            worked = await self._yielder.pause()
            self._group_size = batch_size_for(
                len(group), worked, seconds=_WORK_SECONDS, most=_GROUP_SESSIONS
            )
            done += len(group)
            if self._monotonic() - began > _STEP_SECONDS:
                break  # Others may be due by now that come before the rest.
        if rolls_up:
            self._rows_rolled_up = 0
            await self.roll_up()
            self._rolled_up = now
            self._rollup_pause = min(self._rows_rolled_up // _ROLLED_UP, _ROLLUP_SECONDS)
        if self._call_time is not None:
            self._call_time.catch_up(now)
        return len(ids)

    def forget_sessions(self) -> None:
        """Forget what is remembered of running sessions; they are read from the store again."""
        self._sessions.clear()

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
                logged, total = 0, await self._store.count(SessionFilter())
                self._yielder.begin()
                async with aclosing(self.rebuild(together=_GROUP_SESSIONS)) as pieces:
                    async for done in pieces:
                        self.upgraded = (done, max(done, total))
                        if done >= logged + _REBUILT_SESSIONS:
                            _log.info("summaries_made", sessions=done)
                            logged = done
                        await self._yielder.pause()
                        yield
                        self._yielder.begin()
            async for done in self.complete():
                _log.info("rollups_made", hours=done)
                yield
            async for _ in self.incidents.upgrade():
                yield
        finally:
            self._upgrading = False
            self.upgraded = None

    async def rebuild(self, *, together: int | None = None) -> AsyncGenerator[int]:
        """Rebuild all summaries and rollups from the samples; yield how many sessions are done.

        Works on `together` sessions at a time. Continues where an earlier call was interrupted.
        """
        together = together or _REBUILT_SESSIONS
        reports = self._store.reports
        formula = self._formula.name
        records = await reports.records("rebuild")
        since = int(records[formula]) if formula in records else None
        done = await self._store.count(SessionFilter(until=since)) if since is not None else 0
        batch: list[Session] = []
        async with aclosing(self._store.sessions(SessionFilter(since=since))) as sessions:
            async for session in sessions:
                batch.append(session)
                if len(batch) >= together:
                    await self._rebuild(batch)
                    await reports.put_record("rebuild", formula, b"%d" % session.began)
                    done += len(batch)
                    batch = []
                    yield done
        await self._rebuild(batch)
        yield done + len(batch)
        await self.roll_up()
        async for _ in self.incidents.find_noted():
            yield done + len(batch)
        async for _ in self.incidents.upgrade():  # Also of hours whose samples are gone.
            yield done + len(batch)
        await reports.put_record("formula", "current", msgspec.json.encode(formula))
        await reports.delete_record("rebuild", formula)

    async def complete(self) -> AsyncIterator[int]:
        """Rebuild rollups that were made without one of today's dimensions; yield hours done.

        Reads the summaries, so also those whose samples are gone. Free when none is missing.
        """
        reports = self._store.reports
        names = msgspec.json.encode(DIMENSIONS)
        if (await reports.records("dimensions")).get("current") == names:
            return
        everything = await reports.rollups(ALL, HOUR, 0, int(self._clock()) + DAY)
        hours = [span.start for span in everything]
        for done in range(0, len(hours), _HOURS_PER_LEASE):
            await self._roll_up(hours[done : done + _HOURS_PER_LEASE])
            yield min(done + _HOURS_PER_LEASE, len(hours))
        await reports.put_record("dimensions", "current", names)

    async def formula(self) -> str | None:
        """Return the formula of the stored summaries; None when there are none."""
        record = (await self._store.reports.records("formula")).get("current")
        return None if record is None else str(msgspec.json.decode(record))

    async def leads(self) -> bool:
        """Take or renew the lease for two minutes; return whether this process holds it."""
        now, asked_at = int(self._clock()), self._monotonic()
        if not await self._lease.take(self._store.reports, now):
            return False
        self._leased_at = asked_at
        return True

    async def release(self) -> None:
        """Give up the lease, if this process may hold it. Raises `StoreError`."""
        await self._lease.release(self._store.reports)

    async def _still_leads(self) -> bool:
        """Renew the lease in time: a step of long sessions may take longer than it lasts."""
        return self._monotonic() - self._leased_at < _LEASE_SECONDS / 2 or await self.leads()

    async def note(self, hours: Set[int], now: float | None = None) -> None:
        """Note hours whose rollups are to be rebuilt, before their summaries change.

        `now` is Unix seconds; None asks the clock.
        """
        reports = self._store.reports
        for hour in hours - {int(record) for record in await reports.records(_STALE_HOUR)}:
            await reports.put_record(_STALE_HOUR, str(hour), b"{}")
        await note_usage(reports, hours, int(self._clock() if now is None else now))

    async def roll_up(self) -> int:
        """Make the rollups of all hours that were noted; return how many these were."""
        now = self._clock()
        records = await self._store.reports.records(_STALE_HOUR)
        hours = [hour for hour in map(int, records) if self._failed_hours.is_due(hour, now)]
        await self._roll_up(hours)
        return len(hours)

    def _next_group(self, ids: Sequence[str]) -> Sequence[str]:
        """Take sessions from the front: all that are known to be short, or as many as take 50 ms.

        Under load the time is mostly waiting, which more sessions at a time do not make longer.
        """
        short = 0
        for id_ in ids:
            known = self._sender_of(id_)
            if known is None or known[1] > _LONG_SESSION:
                break
            short += 1
        return ids[: max(short, self._group_size)]

    def _due(self, ids: Sequence[str], now: float) -> list[str]:
        """Leave out the sessions that are set aside."""
        return [id_ for id_ in ids if self._failed_sessions.is_due(id_, now)]

    async def _try_to_summarize(self, ids: Sequence[str], now: float) -> None:
        """Summarize these sessions, and set aside those for which that fails."""

        async def summarize(part: Sequence[str]) -> None:
            await self._summarize_ids(part, now)

        await self._isolate(ids, summarize, lambda id_: id_)

    async def _rebuild(self, sessions: Sequence[Session]) -> None:
        async def summarize(part: Sequence[Session]) -> None:
            await self._summarize_anew(part)

        await self._isolate(sessions, summarize, lambda session: session.id)

    async def _isolate(
        self,
        items: Sequence[_T],
        work: Callable[[Sequence[_T]], Awaitable[None]],
        id_of: Callable[[_T], str],
    ) -> None:
        """Do `work` on all items together, or where that fails on each half, down to each item.

        Raises the error when the store does not work at all.
        """
        try:
            await work(items)
        except Exception as error:
            raise_if_cancelled()
            if not await self._store_works():
                raise
            if len(items) > 1:
                middle = len(items) // 2
                await self._isolate(items[:middle], work, id_of)
                await self._isolate(items[middle:], work, id_of)
                return
            for item in items:
                pause = self._failed_sessions.add(id_of(item), self._clock())
                _log.error(
                    "session_set_aside", session=id_of(item), why=_why(error), retry_seconds=pause
                )
            return
        for item in items:
            self._failed_sessions.remove(id_of(item))

    async def _store_works(self) -> bool:
        """Whether the store takes a write: then what failed is at fault, and not the store."""
        try:
            await self.leads()
        except StoreError:
            return False
        return True

    async def _summarize_ids(self, ids: Sequence[str], now: float) -> None:
        """Summarize sessions, from their new samples where they are remembered."""
        reports = self._store.reports
        before = {summary.session: summary for summary in await reports.get_summaries(ids)}
        remembered = {
            session: found
            for session, summary in before.items()
            if summary.formula == self._formula.name
            and (found := self._sessions.get(session, summary.samples))
        }
        new = await self._store.samples_after([found.progress for found in remembered.values()])
        sessions = await self._store.get([session for session in ids if session not in new])
        gone = before.keys() - new.keys() - {session.id for session in sessions}
        if gone:
            # Their samples were deleted by retention: the summary of before is the last one.
            last_known = {session: before[session] for session in gone}
            ended = [
                msgspec.structs.replace(summary, running=False, ended=summary.last)
                for summary in last_known.values()
            ]
            await self.incidents.note_changes(last_known, ended)
            await reports.put_summaries(ended)
        summed_up = [
            *[await self._continue(remembered[session], new[session], now) for session in new],
            *[await self._start(session, now) for session in sessions],
        ]
        await self._store_summaries(summed_up, before, before, now)

    async def _continue(
        self, remembered: RememberedSession, samples: Sequence[Sample], now: float
    ) -> "_SummedUp":
        """Sum up a session that is remembered, with its new samples."""

        def sum_up_more() -> _SummedUp:
            accumulator = SessionAccumulator.decode(remembered.accumulated, self._formula)
            accumulator.advance(samples)
            return _SummedUp.of(accumulator, now)

        return await self._compute(sum_up_more, len(samples))

    async def _start(self, session: Session, now: float) -> "_SummedUp":
        """Sum up a session from all of its samples."""
        return await self._compute(
            lambda: _SummedUp.of(SessionAccumulator.of(session, self._formula), now),
            len(session.samples),
        )

    async def _compute(self, work: Callable[[], _T], samples: int) -> _T:
        """Do work of so many samples, where it delays pushes least."""
        if samples > _LONG_SESSION:
            return await asyncio.to_thread(work)
        self._in_a_row += _FIXED_WORK + samples
        if self._in_a_row > _SHORT_WORK:
            self._in_a_row = 0
            await asyncio.sleep(0)  # Let pushes through.
        return work()

    async def _running(self) -> AsyncIterator[Summary]:
        reports = self._store.reports
        rows = await reports.facts(("session",), SummaryFilter(running=True))
        for start in range(0, len(rows), _REBUILT_SESSIONS):
            ids = [row[0] for row in rows[start : start + _REBUILT_SESSIONS]]
            for summary in await reports.get_summaries(ids):
                yield summary

    async def _summarize_anew(self, sessions: Sequence[Session]) -> None:
        """Store summaries from all samples, and note every hour that they touch."""
        if not sessions:
            return
        now = self._clock()
        summed_up = [await self._start(session, now) for session in sessions]
        stored = await self._store.reports.get_summaries([session.id for session in sessions])
        before = {summary.session: summary for summary in stored}
        await self.note({hour for summary in stored for hour in hours_of(summary)}, now)
        await self._store_summaries(summed_up, before, {}, now)

    async def _store_summaries(
        self,
        summed_up: Sequence["_SummedUp"],
        before: Mapping[str, Summary],
        compared_with: Mapping[str, Summary],
        now: float,
    ) -> None:
        """Store summaries, after noting the hours that they change: a crash loses none.

        `before` are the summaries that they replace. An hour changes where they differ from
        `compared_with`.
        """
        if not summed_up:
            return
        reports = self._store.reports
        summaries = [item.summary.after(before.get(item.summary.session)) for item in summed_up]
        hours: set[int] = set()
        for summary in summaries:
            hours |= _changed_hours(compared_with.get(summary.session), summary)
        await self.note(hours, now)
        await self.incidents.note_changes(compared_with, summaries)
        await reports.put_summaries(summaries)
        # A name that no summary has would stay behind when the participant is erased.
        if renamed := [
            before[summary.session]
            for summary in summaries
            if summary.session in before and _is_renamed(before[summary.session], summary)
        ]:
            await reports.drop_names(renamed)
        for item in summed_up:
            self._remember(item, now)
        if self._call_time is not None:  # Stored now, so no process counts it again.
            for summary, (_, spans, _) in zip(summaries, summed_up, strict=True):
                self._call_time.count(before.get(summary.session), summary, spans, now)

    def _remember(self, summed_up: "_SummedUp", now: float) -> None:
        """Remember a running session, and when its next summary is due."""
        summary, _, remembered = summed_up
        if remembered is None:
            self._sessions.forget(summary.session)
        else:
            self._sessions.put(remembered)
        self._due_times.summarized(
            summary.session,
            length=0 if remembered else summary.ended - summary.began,
            running=summary.running,
            now=now,
        )

    async def _roll_up(self, hours: Iterable[int]) -> None:
        reports = self._store.reports
        stale = sorted(hours)
        failed: set[int] = set()
        for hour in stale:
            try:
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
                await reports.delete_record(_STALE_HOUR, str(hour))

    async def _roll_up_hour(self, hour: int) -> None:
        reports = self._store.reports
        self._yielder.begin()
        selection = SummaryFilter(since=hour, until=hour + HOUR, attempts=None)
        rows = await reports.facts(_COLUMNS, selection)
        self._rows_rolled_up += len(rows)
        await self._yielder.pause()
        # In a thread: 100,000 sessions of an hour take seconds.
        rollups = await asyncio.to_thread(_hour_of, rows, hour)
        self._yielder.begin()
        await reports.put_rollups(rollups)
        await self._yielder.pause()

    async def _roll_up_day(self, day: int) -> None:
        reports = self._store.reports
        days: list[Rollup] = []
        for dimension in (ALL, *DIMENSIONS):
            self._yielder.begin()
            parts = await reports.rollups(dimension, HOUR, day, day + DAY)
            await self._yielder.pause()
            days.append(await asyncio.to_thread(day_of, parts, day, dimension))
        await reports.put_rollups(days)

    async def _set_hours_aside(self, hours: Sequence[int], error: Exception) -> None:
        """Keep these hours noted, for a later attempt. Raises the error if the store is down."""
        raise_if_cancelled()
        if not await self._store_works():
            raise error
        await self.note(set(hours))
        for hour in hours:
            pause = self._failed_hours.add(hour, self._clock())
            _log.error("hour_set_aside", hour=to_iso(hour), why=_why(error), retry_seconds=pause)


class _SummedUp(NamedTuple):
    """A session summed up: its summary, the spans of its new samples, and how it goes on.

    `remembered` is None when it is over, or cannot be continued.
    """

    summary: Summary
    spans: Sequence[Span]
    remembered: RememberedSession | None

    @staticmethod
    def of(accumulator: SessionAccumulator, now: float) -> "_SummedUp":
        """Sum up a session so far, to which nothing can be added afterwards."""
        accumulated, encoded = accumulator.accumulated, accumulator.encode()
        summary = sum_up(accumulator, now)
        if encoded is None or accumulated.seq is None or not summary.running:
            return _SummedUp(summary, accumulator.spans, None)
        progress = Progress(summary.session, summary.samples, accumulated.seq)
        return _SummedUp(summary, accumulator.spans, RememberedSession(progress, encoded))


def _why(error: Exception) -> str:
    return f"{type(error).__name__}: {error}"[:_LONGEST_REASON]


def hours_of(summary: Summary, since: int | None = None) -> set[int]:
    """The hours whose rollups a summary is part of, as Unix seconds of their start.

    With `since`, those from then on. Of very long unknown time only the first and the last one.
    """
    since = summary.began if since is None else since
    hours = {since - since % HOUR}
    for span in summary.grade_spans:
        start, end = max(span.start, since), span.end
        if start >= end:
            continue
        every = range(start - start % HOUR, end, HOUR)
        if span.grade is Grade.UNKNOWN and end - start > _LONG_UNKNOWN:
            every = every[:: len(every) - 1]
        hours.update(every)
    return hours


def _is_renamed(before: Summary, after: Summary) -> bool:
    """Whether a session had a name, or an address, that it has no more."""
    return not {*names_of(before)} <= {*names_of(after)}


def _changed_hours(before: Summary | None, after: Summary) -> set[int]:
    """The hours whose rollups are out of date: of a long session, mostly the last one."""
    if before is None:
        return hours_of(after)
    if _rollup_key(before) != _rollup_key(after):
        return hours_of(before) | hours_of(after)
    joins = set(_joins_of(before)) ^ set(_joins_of(after))
    of_joins = {event.at - event.at % HOUR for event, *_ in joins}
    end = max(before.ended, after.ended)
    changed = end if before.ended == after.ended else min(before.ended, after.ended)
    for old, new in zip(_marks(before), _marks(after), strict=False):
        if old != new:
            same = old[0] == new[0] and old[2] == new[2]
            changed = min(changed, *((old[1], new[1]) if same else (old[0], new[0])))
            break
    if changed >= end:
        return of_joins
    return of_joins | hours_of(before, changed) | hours_of(after, changed)


def _joins_of(summary: Summary) -> Iterator[tuple[JoinEvent, str, Setup]]:
    """What a session counts for in rollups of joins, with its reason and its times."""
    for event in join_events(
        summary.outcome, summary.began, summary.ended, running=summary.running
    ):
        yield event, summary.failure, summary.setup


def _marks(summary: Summary) -> list[tuple[int, int, object]]:
    """What a session's part of rollups is made of, by time."""
    spans = [(span.start, span.end, span.grade) for span in summary.grade_spans]
    moves = [(part.start, part.end, part.values) for part in summary.segments]
    return sorted([*spans, *moves], key=lambda mark: mark[0])


def _rollup_key(summary: Summary) -> tuple[object, ...]:
    """What decides in which rows of a rollup a session counts."""
    return (summary.began, *(getattr(summary, dimension) for dimension in DIMENSIONS))


def _hour_of(rows: Sequence[Sequence[Any]], hour: int) -> list[Rollup]:
    return hour_of(_Facts(rows), hour)


class _Facts(Sequence[Fact]):
    """Rows as facts, which may be read more than once."""

    def __init__(self, rows: Sequence[Sequence[Any]]) -> None:
        self._rows = rows

    def __len__(self) -> int:
        return len(self._rows)

    def __getitem__(self, place: Any) -> Any:
        return _fact(self._rows[place])

    def __iter__(self) -> Iterator[Fact]:
        return map(_fact, _yielding_rows(self._rows))


def _fact(row: Sequence[Any]) -> Fact:
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


def _yielding_rows(rows: Sequence[_T]) -> Iterator[_T]:
    """Yield rows in a thread, sleeping now and then: the event loop needs the interpreter more."""
    for start in range(0, len(rows), _THREAD_ROWS):
        yield from rows[start : start + _THREAD_ROWS]
        time.sleep(_THREAD_BREAK)


async def keep_summarizing(summarizer: Summarizer, counters: Counters, *, pause: float) -> None:
    """Summarize for ever: at once while more is due, then again after `pause` seconds.

    While sessions go on, the pause is shorter. What an earlier version stored is brought up to date
    meanwhile, piece by piece.
    """
    upgraded = False
    while True:
        async with aclosing(summarizer.upgrade()) as upgrade:
            raise_if_cancelled()
            try:
                while True:
                    made = await summarizer.step()
                    busy = made >= _STEP_SESSIONS
                    if summarizer.leading and not upgraded:
                        busy = await anext(upgrade, _ENDED) is not _ENDED
                        upgraded = not busy
                    raise_if_cancelled()
                    rest = min(pause, _BUSY_PAUSE) if made else pause
                    await asyncio.sleep(0 if busy else rest)
            except StoreError as error:
                counters.fail("summaries")
                _log.warning("summaries_failed", why=error)
        await asyncio.sleep(pause)
