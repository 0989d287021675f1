"""Looks whether a rule fires, remembers what was decided, and tells it over every channel.

What is decided is stored with what is still to be told, before anything is told; so a collector
that is killed neither forgets nor repeats. Of several collectors on one store one does it, by a
lease. Only whether the store is down each finds out for itself, and remembers in its own memory.
"""

import asyncio
import socket
from collections.abc import Awaitable, Callable, Sequence
from heapq import nlargest

import msgspec
from msgspec import Struct
from msgspec.structs import replace

from jmmc.alerting.channels import Channel, NotDelivered, channels_of
from jmmc.alerting.notifications import Notification, notice
from jmmc.alerting.rules import (
    NoPushes,
    Rule,
    Seen,
    State,
    StoreDown,
    decide,
    see_share,
    see_silence,
    see_store,
)
from jmmc.answers.model import Share
from jmmc.answers.queries import Queries
from jmmc.core.errors import StoreError
from jmmc.core.logging import logger
from jmmc.settings import Settings
from jmmc.stores import Reports, Store

_log = logger(__name__)

_KIND = "alert"
_LEASE = 120  # Seconds; longer than the slowest round of deliveries.
_LOOK_BACK = 3600  # Seconds before a silence in which somebody must have been there.
_FIRST_PAUSE, _LONGEST_PAUSE = 30, 1800  # Seconds until a channel is tried again.
_GIVE_UP = 6 * 3600  # Seconds: later nobody needs to be told.
_REST = 20  # Times as long as a look took; with 10,000 people it takes 0.15 s.
_LONGEST_REST = 30  # Seconds: deliveries may have taken long, not the look.
_SUBJECTS = 20  # Of a rule that may be on at once.
_GONE = Share("", 0, 0, 0)


class Owed(Struct, frozen=True):
    """A notice that some channels have not taken yet; `due` is when they are tried again."""

    notice: Notification
    channels: tuple[str, ...]
    due: int
    tries: int


class Record(Struct, frozen=True):
    """What is remembered of one subject of a rule."""

    state: State | None
    owed: tuple[Owed, ...]


Records = dict[str, Record]
_Keep = Callable[[str, Record | None], Awaitable[None]]

_NOTHING = Record(None, ())


class AlertEvaluator:
    """Watches one store for one collector.

    `pushes` counts what this collector has stored; `holder` names the process; `clock` gives Unix
    seconds.
    """

    def __init__(
        self,
        queries: Queries,
        store: Store,
        settings: Settings,
        *,
        pushes: Callable[[], int],
        holder: str,
        clock: Callable[[], float],
    ) -> None:
        self._queries = queries
        self._store = store
        self._pushes = pushes
        self._holder = holder
        self._clock = clock
        self._own: Records = {}
        self._machine = socket.gethostname()
        self._pushed = (pushes(), clock())
        self._remembers = True  # Perhaps, of rules that are no more.
        self.follow(settings)

    def follow(self, settings: Settings) -> None:
        """Go by these settings from the next look on."""
        self._settings = settings
        self._channels: list[Channel] = channels_of(settings)

    async def step(self) -> None:
        """Look once, decide, and tell. Raises `StoreError` when the store cannot be asked."""
        now = int(self._clock())
        if self._pushes() != self._pushed[0]:
            self._pushed = (self._pushes(), now)
        own = [alert for alert in self._settings.alerts if isinstance(alert, StoreDown)]
        if own or self._own:
            await self._decide(own, self._own, now, self._keep_own)
        shared = [alert for alert in self._settings.alerts if not isinstance(alert, StoreDown)]
        reports = self._store.reports
        if not (shared or self._remembers):
            return
        if await reports.lease("alerts", self._holder, now=now, seconds=_LEASE):
            known = await records(reports)
            self._remembers = bool(shared or known)
            await self._decide(shared, known, now, self._keep)

    async def firing(self) -> list[State]:
        """What fires: in the whole store, and for this collector alone. Raises nothing."""
        try:
            shared = await firing(self._store.reports)
        except StoreError:
            shared = []
        return [*_firing(self._own), *shared]

    async def _decide(self, rules: Sequence[Rule], known: Records, now: int, keep: _Keep) -> None:
        found = dict(known)
        for rule in rules:
            for seen in await self._see(rule, found, now):
                name = f"{rule.name} {seen.subject}"
                before = found.get(name, _NOTHING)
                after = self._follow_up(rule, before, seen, now)
                if after != before:
                    await keep(name, after)
                    found[name] = after
        names = {item.name for item in rules}
        for name, record in found.items():
            if record.state is not None and record.state.rule not in names:
                found[name] = replace(record, state=None)  # Its rule was taken away.
        # A delivery may take seconds: one channel does not wait for another.
        telling = [self._tell(name, row, now, keep) for name, row in found.items()]
        for problem in await asyncio.gather(*telling, return_exceptions=True):
            if problem is not None:
                raise problem

    def _follow_up(self, rule: Rule, record: Record, seen: Seen, now: int) -> Record:
        """What is to be remembered; once that is done, what is new is told."""
        decision = decide(rule, record.state, seen, now)
        owed = record.owed
        if decision.event is not None:
            state = decision.state or record.state
            assert state is not None, "only what fired can be over"
            told = notice(
                decision.event,
                rule,
                replace(state, figures=seen.figures),
                at=now,
                public_url=self._settings.public_url,
                collector=self._machine,
            )
            _log.warning("alert", told=decision.event, rule=rule.name, notice=told.id)
            channels = tuple(channel.name for channel in self._channels)
            owed = (*owed, Owed(told, channels, now, 0))
        return Record(decision.state, owed)

    async def _tell(self, name: str, record: Record, now: int, keep: _Keep) -> None:
        """Deliver what is due, after noting the next try: a crash does not repeat it at once."""
        due = [item for item in record.owed if item.due <= now]
        if due:
            tried = [_later(item, now) for item in due]
            others = tuple(item for item in record.owed if item.due > now)
            await keep(name, replace(record, owed=(*others, *tried)))
            rest = await asyncio.gather(*(self._deliver(item, now) for item in tried))
            record = replace(record, owed=(*others, *(item for item in rest if item.channels)))
            await keep(name, record)
        if record == _NOTHING:
            await keep(name, None)

    async def _deliver(self, owed: Owed, now: int) -> Owed:
        channels = [channel for channel in self._channels if channel.name in owed.channels]
        taken = await asyncio.gather(*(self._send(channel, owed.notice) for channel in channels))
        left = tuple(
            channel.name for channel, fine in zip(channels, taken, strict=True) if not fine
        )
        if left and now - owed.notice.at >= _GIVE_UP:
            _log.error("alert_given_up", notice=owed.notice.id, channels=len(left))
            left = ()
        return replace(owed, channels=left)

    async def _send(self, channel: Channel, notice: Notification) -> bool:
        try:
            how = await asyncio.to_thread(channel.send, notice, self._clock())
        except NotDelivered as error:
            _log.warning("alert_not_sent", notice=notice.id, channel=channel.label, why=error)
            return False
        except Exception:
            _log.exception("alert_not_sent", notice=notice.id, channel=channel.label)
            return False
        _log.info("alert_sent", notice=notice.id, channel=channel.label, how=how)
        return True

    async def _keep(self, name: str, record: Record | None) -> None:
        if record is None:
            await self._store.reports.delete_record(_KIND, name)
        else:
            await self._store.reports.put_record(_KIND, name, msgspec.json.encode(record))

    async def _keep_own(self, name: str, record: Record | None) -> None:
        if record is None:
            self._own.pop(name, None)
        else:
            self._own[name] = record

    async def _see(self, rule: Rule, known: Records, now: int) -> list[Seen]:
        if isinstance(rule, StoreDown):
            try:
                down = (await self._store.check()).spooled is not None
            except StoreError:
                down = True
            return [see_store(down, now)]
        if isinstance(rule, NoPushes):
            seen = await self._see_silence(rule, now)
            return [] if seen is None else [seen]
        by = "" if rule.by == "all" else rule.by
        shares = {
            share.value: share
            for share in await self._queries.shares(by, now - rule.minutes * 60, now)
            if share.value or rule.by == "all"
        }
        # Also where nobody is any more: what fires there must end.
        states = [item.state for item in known.values() if item.state is not None]
        firing = {state.subject for state in states if state.rule == rule.name}
        # Browsers say where they are: whoever lies, with many names, raises a few alarms.
        free = max(0, _SUBJECTS - len(firing))
        worst = nlargest(free, shares.values(), key=lambda part: part.poor)
        subjects = firing | ({rule.value} if rule.value else {item.value for item in worst})
        return [
            see_share(rule, shares.get(subject) or replace(_GONE, value=subject), now)
            for subject in sorted(subjects)
        ]

    async def _see_silence(self, rule: NoPushes, now: int) -> Seen | None:
        if now - self._pushed[1] < rule.minutes * 60:
            # We were pushed to ourselves a moment ago, or have not listened for long enough.
            return Seen("", "clear", now, {}) if self._pushed[0] else None
        quiet = rule.minutes * 60
        silence = await self._queries.silence(now - quiet - _LOOK_BACK, now, quiet=quiet)
        return see_silence(rule, silence, now)


async def records(reports: Reports) -> Records:
    """What is remembered in a store, by rule and subject."""
    return {
        name: msgspec.json.decode(record, type=Record)
        for name, record in (await reports.records(_KIND)).items()
    }


async def firing(reports: Reports) -> list[State]:
    """What fires in a store, the latest first."""
    return _firing(await records(reports))


async def keep_evaluating(watch: AlertEvaluator, *, pause: float) -> None:
    """Look for ever, every `pause` seconds, or less often where a look takes long."""
    clock = asyncio.get_running_loop().time
    while True:
        began = clock()
        try:
            await watch.step()
        except StoreError as error:
            _log.warning("alerts_not_looked_at", why=error)
        except Exception:
            # Whatever it is: an alarm that has died of it would not be missed by anybody.
            _log.exception("alerts_failed")
        took = clock() - began
        await asyncio.sleep(max(pause, min(_REST * took, _LONGEST_REST)))


def _firing(known: Records) -> list[State]:
    states = [item.state for item in known.values() if item.state is not None]
    return sorted(
        (state for state in states if state.fired is not None), key=lambda value: -value.since
    )


def _later(owed: Owed, now: int) -> Owed:
    pause = min(_FIRST_PAUSE * 2**owed.tries, _LONGEST_PAUSE)
    return replace(owed, due=now + pause, tries=owed.tries + 1)
