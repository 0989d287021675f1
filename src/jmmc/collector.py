"""One running collector: the receiver, the store and the background tasks, put together.

This is where the wings meet: what happens to a push is told in `ingest.receiver`, what runs
beside it in `maintenance.schedule` and `alerting.evaluator`.
"""

import asyncio
import os
import time
from collections.abc import Awaitable, Callable, Sequence
from contextlib import suppress

from jmmc.alerting.decision import State
from jmmc.alerting.evaluator import AlertEvaluator, keep_evaluating
from jmmc.answers.queries import Queries
from jmmc.core.errors import Rejected, StoreError
from jmmc.core.forks import forks
from jmmc.core.model import Condition
from jmmc.core.supervision import Supervisor, TaskState
from jmmc.ingest.counters import Counters
from jmmc.ingest.disk_guard import DiskGuard
from jmmc.ingest.receiver import (
    Accepted,
    Receiver,
    Sender,
    SmallRequest,
    Waiting,
    new_session_id,
)
from jmmc.ingest.writer import Writer
from jmmc.maintenance.call_time_metrics import CallTimeCounters
from jmmc.maintenance.clock_guard import ClockGuard
from jmmc.maintenance.erase import count_stored, forget
from jmmc.maintenance.schedule import Maintenance, rhythm_of, summarizer_of
from jmmc.maintenance.usage_days import UsageDays
from jmmc.privacy.pseudonyms import Pseudonyms
from jmmc.privacy.receipts import Erasure, Subject
from jmmc.protocol.identity import is_session_id
from jmmc.protocol.useragent import load_rules
from jmmc.quality.summary import LiveSession
from jmmc.reporting.sending import ReportSender, Sending, latest_sending
from jmmc.settings import Change, Settings, changed
from jmmc.stores import Store
from jmmc.stores.erasure_receipts import ErasureReader

_RELEASE_PATIENCE = 2.0  # Seconds, for each lease; then they run out by themselves.
_LOAD_PERIOD = 0.1  # Seconds between two observations of the load.
_EVALUATION_PAUSE = 5.0  # Seconds between two evaluations of the alert rules.


class Collector:
    """Receives pushes and answers once they are stored.

    `secret` signs the cookie of dialect v1. `clock` gives Unix seconds, `new_id` a session id.
    `leaving` is set when the server has been told to stop: endless responses end then.
    Raises `SettingsError` for a geo database that cannot be used.
    """

    def __init__(
        self,
        settings: Settings,
        store: Store,
        *,
        secret: str,
        counters: Counters | None = None,
        clock: Callable[[], float] = time.time,
        new_id: Callable[[float], str] = new_session_id,
    ) -> None:
        self.settings = settings
        self.store = store
        self.counters = counters or Counters()
        self.call_time = CallTimeCounters(
            settings.authorized_regions, lifetime=rhythm_of(settings).lifetime
        )
        self.began = clock()
        self.leaving = False
        self.pseudonyms = Pseudonyms(settings.pseudonyms, settings.pseudonym_key or secret)
        self.disk = DiskGuard(store, settings)
        self._clock = clock
        self._clock_guard = ClockGuard(store, clock=clock)
        self._erasures: ErasureReader = getattr(store, "erasures", None) or ErasureReader(clock)
        self._writer: Writer | None = None
        self._forks: int | None = None  # When it was opened.
        self._supervisor = Supervisor()
        self._receiver = Receiver(
            settings,
            secret=secret,
            pseudonyms=self.pseudonyms,
            counters=self.counters,
            open_writer=self.open,
            disk_level=lambda: self.disk.refused,
            clock=clock,
            new_id=new_id,
        )
        self._alerts = AlertEvaluator(
            Queries(store, rhythm=rhythm_of(settings), clock=clock),
            store,
            settings,
            disk=self.disk,
            pushes=lambda: self.counters.accepted + self.counters.trimmed,
            holder=os.urandom(8).hex(),
            clock=clock,
        )
        self._usage_days = UsageDays(
            store, lambda: self.settings, clock=clock, holder=os.urandom(8).hex()
        )
        self._reports = ReportSender(
            store,
            Queries(store, rhythm=rhythm_of(settings), clock=clock),
            lambda: self.settings,
            holder=os.urandom(8).hex(),
            clock=clock,
        )
        self._followers: list[Callable[[Settings], None]] = [
            self.disk.apply,
            self._receiver.apply,
            self._alerts.follow,
        ]

    def adopt(self, settings: Settings) -> Change:
        """Use other settings from the next push on, where that needs no restart.

        To be called in the event loop: no push sees half of a change.
        """
        change = changed(self.settings, settings)
        if change.applied:
            self.settings = change.settings
            for follower in self._followers:
                follower(change.settings)
        return change

    def follow_settings(self, follower: Callable[[Settings], None]) -> None:
        """Call `follower` with the settings now, and whenever other settings are adopted."""
        self._followers.append(follower)
        follower(self.settings)

    async def open(self) -> Writer:
        """Open the store and start the writer and the background tasks. Free when done already."""
        writer = self._writer
        if self._forks not in (None, forks()):
            # Connections to a database and locks on its files do not survive a fork.
            raise StoreError(
                "the collector was opened before this process was forked; create it in each process"
                " (jmmc.PerProcess, or gunicorn without --preload)"
            )
        if writer is not None and writer.alive:
            return writer
        self._forks = forks()
        await self.store.open()
        await self.disk.look()
        with suppress(StoreError):  # Away: what the spool takes meanwhile is filtered later.
            await self.read_erasures()
            await self._clock_guard.begin()
        # Another request may have come this far while the store was opening.
        if self._writer is None or not self._writer.alive:
            self._writer = Writer(
                self.store,
                self.counters,
                limit=self.settings.queue_limit,
                trim=self._receiver.trim,
            )
            if not self._supervisor.alive:
                self._supervisor = Supervisor()
                self._start_background_tasks(self._supervisor)
                asyncio.get_running_loop().run_in_executor(None, load_rules)
            self._supervisor.watch("writer", self._writer.task)
        return self._writer

    async def close(self) -> None:
        """Commit what waits, answer it, and close the store."""
        writer, self._writer = self._writer, None
        if writer is not None and writer.alive:
            await writer.close()
        if self._supervisor.alive:
            await self._supervisor.close()
            await self._release_leases()
        await self.store.close()
        self._forks = None

    @property
    def is_open(self) -> bool:
        """Whether the background tasks run, in the event loop of the caller."""
        return self._supervisor.alive

    @property
    def background_tasks(self) -> tuple[TaskState, ...]:
        """How the background tasks are doing; empty until the collector is open."""
        return (*self._supervisor.states, *getattr(self.store, "background_tasks", ()))

    @property
    def upgraded(self) -> tuple[int, int] | None:
        """Sessions graded anew after an upgrade, and all of them; None without such work."""
        return self._maintenance.upgraded if self.is_open else None

    @property
    def compressed(self) -> tuple[int, int] | None:
        """Rows of an earlier version that are compressed, and all; None without such work."""
        return self._maintenance.compressed if self.is_open else None

    @property
    def retention_pause(self) -> float | None:
        """By how many days the clock is ahead, while retention is paused for it; else None."""
        settings = self.settings
        deletes = settings.retention_days or settings.summary_retention_days
        return self._clock_guard.days_ahead() if deletes else None

    @property
    def waiting(self) -> int:
        """Pushes that wait for their commit."""
        return 0 if self._writer is None else self._writer.waiting

    def admit(self, sender: Sender) -> None:
        """Let a sender push, before its body is read. Raises `Rejected`, and counts it."""
        self._receiver.admit(sender)

    def admit_small(self, sender: Sender, kind: SmallRequest) -> None:
        """Let a sender make a request that is no push. Raises `Rejected`."""
        self._receiver.admit_small(sender, kind)

    def is_proxy(self, peer: str | None) -> bool:
        """Whether a connection is that of a trusted proxy, or of a Unix socket."""
        return self._receiver.is_proxy(peer)

    def sender_key(self, sender: Sender) -> int | None:
        """The key of a sender for rate limits; None for one without an address."""
        return self._receiver.key(sender)

    async def receive(self, body: bytes, sender: Sender) -> Accepted:
        """Store one push that was admitted. Raises `Rejected`: then it was not stored."""
        return await self._receiver.receive(body, sender)

    @property
    def is_ready(self) -> bool:
        """Whether `begin` may be called: the store is open, and its disk has enough space."""
        writer = self._writer
        return (
            writer is not None
            and writer.alive
            and self._forks == forks()
            and self.disk.refused == "enough"
        )

    def begin(self, body: bytes, sender: Sender) -> Waiting:
        """Begin what `receive` does, without waiting for the commit: see `Receiver.begin`."""
        assert self._writer is not None
        return self._receiver.begin(body, sender, self._writer)

    def end(self, waiting: Waiting) -> Accepted:
        """See `Receiver.end`."""
        return self._receiver.end(waiting)

    def reject(self, rejected: Rejected) -> None:
        """Count a refusal; for handlers that refuse a body before it is complete."""
        self._receiver.reject(rejected)

    async def holds(self, session: str) -> bool:
        """Whether the session is stored. Raises `ValueError` when the id is not 24 hex digits."""
        if not is_session_id(session):
            raise ValueError("expected 24 hex digits")
        await self.open()
        return await self.store.holds(session.lower())

    async def read_erasures(self) -> None:
        """Read which samples may not be stored any more: browsers may still hold some."""
        before = self._receiver.erased.erasures
        self._receiver.erased = await self._erasures.read(self.store.reports)
        if self.is_open and before != self._receiver.erased.erasures:
            self._maintenance.forget_sessions()

    async def count_stored(self, subject: Subject) -> tuple[int, int]:
        """How many sessions and how many summaries of a subject are stored."""
        await self.open()
        return await count_stored(self.store, subject)

    async def forget(self, subject: Subject) -> Erasure:
        """Erase everything about a subject, and return the receipt. Raises `StoreError`."""
        await self.open()
        summarizer = summarizer_of(self.store, self.settings, self._clock)
        async for receipt in forget(self.store, subject, summarizer, clock=self._clock):
            if not receipt.finished:
                await self.read_erasures()
        return receipt

    async def live_sessions(self) -> Sequence[LiveSession] | None:
        """The running sessions of the store, where this process knows them; else None."""
        return await self._maintenance.live_sessions() if self.is_open else None

    async def firing(self) -> list[State]:
        """The alerts that are active."""
        return await self._alerts.firing()

    async def report_sending(self) -> Sending | None:
        """How the sending of the latest report by e-mail went. Raises nothing."""
        try:
            return await latest_sending(self.store.reports)
        except StoreError:
            return None

    async def check(self) -> Condition:
        """Return when the store can take a write now, else raise `StoreError`."""
        await self.open()
        condition = await self.store.check()
        if self.disk.refused == "exhausted":
            raise StoreError(self.disk.problem)
        return condition

    async def _keep_observing_load(self) -> None:
        """Observe by how much pushes are delayed: by the event loop, and by batches before them."""
        clock = asyncio.get_running_loop().time
        observed_at = clock()
        while True:
            await asyncio.sleep(_LOAD_PERIOD)
            now = clock()
            seconds, observed_at = now - observed_at, now
            queued = 0.0 if self._writer is None else self._writer.delay
            self._receiver.observe(seconds - _LOAD_PERIOD + queued, seconds)

    async def _release_leases(self) -> None:
        """Let the next process compute summaries and evaluate alerts at once."""

        async def try_to(release: Callable[[], Awaitable[None]]) -> None:
            with suppress(StoreError, TimeoutError):
                async with asyncio.timeout(_RELEASE_PATIENCE):
                    await release()

        releases = (
            self._alerts.release,
            *self._maintenance.releases,
            self._usage_days.release,
            self._reports.release,
        )
        await asyncio.gather(*map(try_to, releases))

    def _start_background_tasks(self, supervisor: Supervisor) -> None:
        self._maintenance = Maintenance(
            self.store,
            self.settings,
            self._clock,
            self.counters,
            self.call_time,
            self.read_erasures,
            self._clock_guard,
            self._receiver.senders.of,
        )
        self._maintenance.start(supervisor)
        supervisor.start("reports", self._reports.keep_sending)
        supervisor.start("usage", self._usage_days.keep_counting)
        supervisor.start("load", self._keep_observing_load)
        supervisor.start("disk", self.disk.keep_looking)
        supervisor.start("alerts", lambda: keep_evaluating(self._alerts, pause=_EVALUATION_PAUSE))
