"""Evaluates the rules, stores what was decided, and sends notifications over every channel.

A decision is stored together with its pending deliveries before anything is sent, so a collector
that is killed neither loses nor repeats a notification. Of several collectors on one store, the one
that holds a lease evaluates. Only `store_down` and `disk_full` are evaluated by each collector,
which keeps the state in memory.
"""

import asyncio
import socket
from collections.abc import Awaitable, Callable, Collection, Mapping, Sequence
from heapq import nlargest

import msgspec
from msgspec import Struct
from msgspec.structs import replace

from jmmc.alerting.channels import Channel, channels_of, refused_targets
from jmmc.alerting.decision import (
    Observation,
    State,
    decide,
    observe_disk,
    observe_failures,
    observe_incident,
    observe_share,
    observe_silence,
    observe_store,
)
from jmmc.alerting.notifications import (
    IncidentNote,
    Notification,
    explains,
    make_notification,
    note_of,
)
from jmmc.alerting.posting import NotDelivered
from jmmc.answers.model import Failures, FailureShare, Share
from jmmc.answers.queries import Queries
from jmmc.core.errors import StoreError
from jmmc.core.logging import logger
from jmmc.core.repeating import repeat
from jmmc.ingest.disk_guard import DiskGuard
from jmmc.settings import (
    LOCAL_KINDS,
    DiskFull,
    Drops,
    FailedJoins,
    GroupRule,
    IncidentBegun,
    NoPushes,
    PoorShare,
    Rule,
    Settings,
    StoreDown,
)
from jmmc.stores import Lease, Reports, Store

_log = logger(__name__)

_KIND = "alert"
_LEASE = "alerts"
_LEASE_SECONDS = 120  # Longer than the slowest round of deliveries.
_LOOK_BACK = 3600  # Seconds before a silence in which somebody must have been in a call.
_FIRST_PAUSE, _LONGEST_PAUSE = 30, 1800  # Seconds until a delivery is retried.
_GIVE_UP = 6 * 3600  # Seconds after which a delivery is abandoned.
_REST = 20  # Times as long as an evaluation took; with 10,000 participants it takes 0.15 s.
_LONGEST_REST = 30  # Seconds: slow deliveries must not delay the next evaluation for long.
_EXPLAINING = 3  # Incidents that a notification names.
_SUBJECTS = 20  # Of a rule that may fire at once, of comparable support.


class PendingDelivery(Struct, frozen=True, rename={"notification": "notice", "attempts": "tries"}):
    """A notification that some channels have not accepted yet; `due` is the next attempt.

    `due` is Unix seconds. Stored as `notice`, `channels`, `due` and `tries`.
    """

    notification: Notification
    channels: tuple[str, ...]
    due: int
    attempts: int


class Record(Struct, frozen=True, rename={"pending": "owed"}):
    """The stored state of one subject of a rule; `pending` is stored as `owed`."""

    state: State | None
    pending: tuple[PendingDelivery, ...]


Records = dict[str, Record]
"""By rule and subject."""

_Save = Callable[[str, Record | None], Awaitable[None]]

_EMPTY = Record(None, ())


class AlertEvaluator:
    """Evaluates the alert rules of one collector.

    `disk` knows the disk of the store; `pushes` counts what this collector has stored; `holder`
    names the process; `clock` gives Unix seconds.
    """

    def __init__(
        self,
        queries: Queries,
        store: Store,
        settings: Settings,
        *,
        disk: DiskGuard,
        pushes: Callable[[], int],
        holder: str,
        clock: Callable[[], float],
    ) -> None:
        self._queries = queries
        self._store = store
        self._disk = disk
        self._pushes = pushes
        self._clock = clock
        self._own_records: Records = {}
        self._host = socket.gethostname()
        self._last_push = (pushes(), clock())
        self._has_records = True  # Perhaps, of rules that were removed.
        self._lease = Lease(_LEASE, holder, seconds=_LEASE_SECONDS)
        self._refused_targets: list[tuple[str, str]] = []
        self.follow(settings)

    def follow(self, settings: Settings) -> None:
        """Apply these settings from the next evaluation on."""
        self._settings = settings
        self._channels: list[Channel] = channels_of(settings)
        refused = refused_targets(settings)
        for place, why in refused:
            if (place, why) not in self._refused_targets:
                _log.warning("alert_target_refused", target=place, why=why)
        self._refused_targets = refused

    async def step(self) -> None:
        """Evaluate every rule once, and notify. Raises `StoreError` if the store cannot be read."""
        now = int(self._clock())
        if self._pushes() != self._last_push[0]:
            self._last_push = (self._pushes(), now)
        own = [rule for rule in self._settings.alerts if rule.kind in LOCAL_KINDS]
        if own or self._own_records:
            await self._evaluate(own, self._own_records, now, self._save_own)
        shared = [rule for rule in self._settings.alerts if rule.kind not in LOCAL_KINDS]
        reports = self._store.reports
        if not (shared or self._has_records):
            return
        if await self._lease.take(reports, now):
            records = await load_records(reports)
            self._has_records = bool(shared or records)
            await self._evaluate(shared, records, now, self._save)

    async def release(self) -> None:
        """Let another collector evaluate the rules now. Raises `StoreError`."""
        await self._lease.release(self._store.reports)

    async def firing(self) -> list[State]:
        """The active alerts of the whole store, and those of this collector. Raises nothing."""
        try:
            shared = await firing(self._store.reports)
        except StoreError:
            shared = []
        return [*_firing(self._own_records), *shared]

    async def _evaluate(
        self, rules: Sequence[Rule], stored: Records, now: int, save: _Save
    ) -> None:
        records = dict(stored)
        for rule in rules:
            for observation in await self._observe(rule, records, now):
                name = f"{rule.name} {observation.subject}"
                before = records.get(name, _EMPTY)
                after = await self._next_record(rule, before, observation, now)
                if after != before:
                    await save(name, after)
                    records[name] = after
        names = {rule.name for rule in rules}
        for name, record in records.items():
            if record.state is not None and record.state.rule not in names:
                records[name] = replace(record, state=None)  # Its rule was removed.
        # A delivery may take seconds: one channel does not wait for another.
        deliveries = [self._deliver(name, record, now, save) for name, record in records.items()]
        for problem in await asyncio.gather(*deliveries, return_exceptions=True):
            if problem is not None:
                raise problem

    async def _next_record(
        self, rule: Rule, record: Record, observation: Observation, now: int
    ) -> Record:
        """Decide, and add the notification of an event to the pending deliveries."""
        decision = decide(rule, record.state, observation, now)
        pending = record.pending
        if decision.event is not None:
            state = decision.state or record.state
            assert state is not None, "only an alert that fired can resolve"
            notification = make_notification(
                decision.event,
                rule,
                replace(state, figures=observation.figures),
                at=now,
                public_url=self._settings.public_url,
                collector=self._host,
                incidents=await self._explaining(rule, state),
            )
            if decision.event == "firing":
                _log.warning("alert_fired", rule=rule.name, notification=notification.id)
            else:
                _log.warning("alert_resolved", rule=rule.name, notification=notification.id)
            channels = tuple(channel.name for channel in self._channels)
            pending = (*pending, PendingDelivery(notification, channels, now, 0))
        return Record(decision.state, pending)

    async def _explaining(self, rule: Rule, state: State) -> list[IncidentNote]:
        """The incidents that explain an alert; an alert of one incident has that one first."""
        if not isinstance(rule, GroupRule | IncidentBegun):
            return []
        own, by, value = "", "all", ""
        if isinstance(rule, IncidentBegun):
            own = state.subject
        else:
            by, value = rule.by, state.subject
        try:
            incidents = [row.incident for row in await self._queries.running_incidents()]
            if own and own not in {incident.id for incident in incidents}:
                incidents += await self._store.reports.get_incidents([own])
        except StoreError as error:  # The alert is worth more than its explanation.
            _log.warning("alert_evaluation_failed", why=error)
            return []
        explaining = [
            incident
            for incident in incidents
            if incident.id == own
            or (not own and incident.people > 1 and explains(incident, by, value))
        ]
        worst = nlargest(_EXPLAINING, explaining, key=lambda row: (row.seconds, row.id))
        return [note_of(incident, self._settings.public_url) for incident in worst]

    async def _observe_incidents(
        self, rule: IncidentBegun, records: Records, now: int
    ) -> list[Observation]:
        running = {row.incident.id: row for row in await self._queries.running_incidents()}
        states = [record.state for record in records.values() if record.state is not None]
        firing = {state.subject for state in states if state.rule == rule.name}
        meeting = {
            id_: row.support
            for id_, row in running.items()
            if observe_incident(rule, id_, row.incident, now).condition == "met"
        }
        support = {id_: row.support for id_, row in running.items()}
        subjects = firing | _supported(meeting, firing, support)
        return [
            observe_incident(
                rule, subject, running[subject].incident if subject in running else None, now
            )
            for subject in sorted(subjects)
        ]

    async def _deliver(self, name: str, record: Record, now: int, save: _Save) -> None:
        """Send what is due, after storing the next attempt: a crash does not repeat it at once."""
        due = [delivery for delivery in record.pending if _is_due(delivery, now)]
        if due:
            attempts = [_postponed(delivery, now) for delivery in due]
            later = tuple(delivery for delivery in record.pending if not _is_due(delivery, now))
            await save(name, replace(record, pending=(*later, *attempts)))
            results = await asyncio.gather(*(self._attempt(delivery, now) for delivery in attempts))
            remaining = (delivery for delivery in results if delivery.channels)
            record = replace(record, pending=(*later, *remaining))
            await save(name, record)
        if record == _EMPTY:
            await save(name, None)

    async def _attempt(self, delivery: PendingDelivery, now: int) -> PendingDelivery:
        """Send to the channels that are left, and return the delivery with those that failed."""
        channels = [channel for channel in self._channels if channel.name in delivery.channels]
        notification = delivery.notification
        accepted = await asyncio.gather(
            *(self._send(channel, notification) for channel in channels)
        )
        failed = tuple(
            channel.name for channel, sent in zip(channels, accepted, strict=True) if not sent
        )
        if failed and now - notification.at >= _GIVE_UP:
            _log.error(
                "alert_delivery_abandoned", notification=notification.id, channels=len(failed)
            )
            failed = ()
        return replace(delivery, channels=failed)

    async def _send(self, channel: Channel, notification: Notification) -> bool:
        fields = {"notification": notification.id, "channel": channel.label}
        try:
            how = await asyncio.to_thread(channel.send, notification, self._clock())
        except NotDelivered as error:
            _log.warning("alert_delivery_failed", why=error, **fields)
            return False
        except Exception:
            _log.exception("alert_delivery_failed", **fields)
            return False
        _log.info("alert_sent", how=how, **fields)
        return True

    async def _save(self, name: str, record: Record | None) -> None:
        if record is None:
            await self._store.reports.delete_record(_KIND, name)
        else:
            await self._store.reports.put_record(_KIND, name, msgspec.json.encode(record))

    async def _save_own(self, name: str, record: Record | None) -> None:
        if record is None:
            self._own_records.pop(name, None)
        else:
            self._own_records[name] = record

    async def _observe(self, rule: Rule, records: Records, now: int) -> list[Observation]:
        if isinstance(rule, StoreDown):
            try:
                down = (await self._store.check()).spooled is not None
            except StoreError:
                down = True
            return [observe_store(down or self._disk.refused == "exhausted", now)]
        if isinstance(rule, DiskFull):
            return self._observe_disk(rule, now)
        if isinstance(rule, NoPushes):
            observation = await self._observe_silence(rule, now)
            return [] if observation is None else [observation]
        if isinstance(rule, IncidentBegun):
            return await self._observe_incidents(rule, records, now)
        return await self._observe_shares(rule, records, now)

    def _observe_disk(self, rule: DiskFull, now: int) -> list[Observation]:
        disk = self._disk
        if disk.free is None:
            return []
        low = disk.level != "enough"
        return [observe_disk(rule, disk.free, low=low, until_full=disk.until_full, now=now)]

    async def _observe_shares(
        self, rule: PoorShare | FailedJoins | Drops, records: Records, now: int
    ) -> list[Observation]:
        shares = {
            share.value: share
            for share in await self._read_shares(rule, now)
            if share.value or rule.by == "all"
        }
        # Also subjects without participants: an alert that fires there must resolve.
        states = [record.state for record in records.values() if record.state is not None]
        firing = {state.subject for state in states if state.rule == rule.name}
        subjects = firing | ({rule.value} if rule.value else _candidates(rule, shares, firing, now))
        return [
            _observe_share(rule, shares.get(subject) or _nothing(rule, subject), now)
            for subject in sorted(subjects)
        ]

    async def _read_shares(
        self, rule: PoorShare | FailedJoins | Drops, now: int
    ) -> Sequence[Share | FailureShare]:
        dimension = "" if rule.by == "all" else rule.by
        since = now - rule.minutes * 60
        if isinstance(rule, PoorShare):
            return await self._queries.shares(dimension, since, now)
        kind: Failures = "joins" if isinstance(rule, FailedJoins) else "stays"
        return await self._queries.failures(kind, dimension, since, now)

    async def _observe_silence(self, rule: NoPushes, now: int) -> Observation | None:
        count, at = self._last_push
        if now - at < rule.minutes * 60:
            # This collector got a push just now, or has not listened for long enough.
            return Observation("", "clear", now, {}) if count else None
        quiet = rule.minutes * 60
        silence = await self._queries.silence(now - quiet - _LOOK_BACK, now, quiet=quiet)
        return observe_silence(rule, silence, now)


async def load_records(reports: Reports) -> Records:
    """Load what a store keeps of alerts, by rule and subject."""
    return {
        name: msgspec.json.decode(record, type=Record)
        for name, record in (await reports.records(_KIND)).items()
    }


async def firing(reports: Reports) -> list[State]:
    """Load the active alerts of a store, the latest first."""
    return _firing(await load_records(reports))


async def keep_evaluating(evaluator: AlertEvaluator, *, pause: float) -> None:
    """Evaluate every `pause` seconds, less often where an evaluation takes long. Never returns."""
    clock = asyncio.get_running_loop().time

    async def step() -> float:
        began = clock()
        try:
            await evaluator.step()
        except StoreError:
            raise
        except Exception:
            # Whatever it is: nobody would notice that alerting had stopped.
            _log.exception("alert_evaluation_crashed")
        return max(pause, min(_REST * (clock() - began), _LONGEST_REST))

    await repeat(
        step,
        failed=lambda error: _log.warning("alert_evaluation_failed", why=error),
        pause_after_failure=pause,
    )


def _firing(records: Records) -> list[State]:
    states = [record.state for record in records.values() if record.state is not None]
    return sorted(
        (state for state in states if state.fired is not None), key=lambda state: -state.since
    )


def _is_due(delivery: PendingDelivery, now: int) -> bool:
    """Whether to attempt it now. A later time than any pause allows is from a wrong clock."""
    return not now < delivery.due <= now + _LONGEST_PAUSE


def _observe_share(
    rule: PoorShare | FailedJoins | Drops, share: Share | FailureShare, now: int
) -> Observation:
    if isinstance(rule, PoorShare):
        assert isinstance(share, Share)
        return observe_share(rule, share, now)
    assert isinstance(share, FailureShare)
    return observe_failures(rule, share, now)


def _nothing(rule: GroupRule, subject: str) -> Share | FailureShare:
    """What is observed of a group in which nothing happened."""
    if isinstance(rule, PoorShare):
        return Share(subject, 0, 0, 0)
    return FailureShare(subject, 0, 0, 0)


def _candidates(
    rule: PoorShare | FailedJoins | Drops,
    shares: Mapping[str, Share | FailureShare],
    firing: Collection[str],
    now: int,
) -> set[str]:
    """The groups that may fire now: those that meet the rule, best supported first.

    Browsers report their region, and one address may make up many names. So `_SUBJECTS` groups may
    fire at once, but a group waits only for those with at least half of its support: made-up ones
    keep no place from a real one.
    """
    meeting = {
        share.value: share.support
        for share in shares.values()
        if _observe_share(rule, share, now).condition == "met"
    }
    return _supported(meeting, firing, {value: share.support for value, share in shares.items()})


def _supported(
    meeting: Mapping[str, float], firing: Collection[str], support_of: Mapping[str, float]
) -> set[str]:
    """The subjects that may fire, of those that meet a rule (with their support)."""
    support = [support_of[subject] for subject in firing if subject in support_of]
    chosen: set[str] = set()
    waiting = [subject for subject in meeting if subject not in firing]
    for subject in nlargest(_SUBJECTS, waiting, key=lambda subject: (meeting[subject], subject)):
        if sum(2 * other >= meeting[subject] for other in support) < _SUBJECTS:
            support.append(meeting[subject])
            chosen.add(subject)
    return chosen


def _postponed(delivery: PendingDelivery, now: int) -> PendingDelivery:
    pause = min(_FIRST_PAUSE * 2**delivery.attempts, _LONGEST_PAUSE)
    return replace(delivery, due=now + pause, attempts=delivery.attempts + 1)
