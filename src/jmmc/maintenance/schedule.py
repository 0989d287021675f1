"""The background tasks of a collector: summaries, retention, archiving, erasure receipts."""

import secrets
from collections.abc import Awaitable, Callable, Sequence

from jmmc.core.errors import StoreError
from jmmc.core.logging import logger
from jmmc.core.repeating import repeat, repeat_every
from jmmc.core.supervision import Supervisor
from jmmc.ingest.counters import Counters, Job
from jmmc.maintenance.call_time_metrics import CallTimeCounters
from jmmc.maintenance.clock_guard import ClockGuard
from jmmc.maintenance.column_days import ColumnDays
from jmmc.maintenance.compression import OlderData
from jmmc.maintenance.retention import delete_old, repeat_in_pieces
from jmmc.maintenance.summarizer import Summarizer, keep_summarizing
from jmmc.quality.summary import LiveSession
from jmmc.quality.thresholds import preset
from jmmc.quality.timeline import SIGNS_OF_LIFE, Rhythm
from jmmc.settings import Settings, load_settings
from jmmc.stores import Store

_log = logger(__name__)

_PERIOD = 3600.0  # Seconds between two runs of an hourly task.
_ARCHIVE_AFTER = 25 * 3600  # Seconds. Browsers send again what is up to a day old.
_ERASURES_PERIOD = 2.0  # Seconds between two readings of the erasure receipts.
_INCIDENTS_PERIOD = 10.0  # Seconds between two looks for hours with changed problems.
_ROLLUPS_PERIOD = 1.0  # Seconds between two looks for hours with changed summaries.
_SUMMARIES_PERIOD = 5.0  # Seconds between two looks for sessions with new samples.


class Maintenance:
    """The background work on what is stored, as tasks of a supervisor.

    `counters` counts failures of the store, `call_time` the time that has passed in calls;
    `read_erasures` is called every two seconds, `clock_guard` allows retention. `clock` gives Unix
    seconds, `sender_of` the sender of a session and its number of samples, where they are known.
    """

    def __init__(
        self,
        store: Store,
        settings: Settings,
        clock: Callable[[], float],
        counters: Counters,
        call_time: CallTimeCounters,
        read_erasures: Callable[[], Awaitable[None]],
        clock_guard: ClockGuard,
        sender_of: Callable[[str], tuple[int, int] | None],
    ) -> None:
        self._store = store
        self._clock_guard = clock_guard
        self._counters = counters
        self._read_erasures = read_erasures
        self._settings = settings
        self._clock = clock
        self._summarizer = summarizer_of(store, settings, clock, call_time, sender_of)
        self._older_data = OlderData(store, lambda: self._summarizer.leading)
        self._column_days = ColumnDays(store, lambda: self._summarizer.leading, clock=clock)

    def start(self, supervisor: Supervisor) -> None:
        """Start all tasks. Stopping them is safe at any time: interrupted work is done again."""
        supervisor.start("retention", lambda: self._hourly("retention", self._apply_retention))
        supervisor.start("packing", lambda: self._hourly("packing", self._archive_quiet))
        supervisor.start("summaries", self._keep_summarizing)
        supervisor.start("rollups", self._keep_rolling_up)
        supervisor.start("compression", self._older_data.compress)
        supervisor.start("columns", self._column_days.keep_making)
        supervisor.start("incidents", self._keep_finding_incidents)
        supervisor.start("erasures", self._keep_reading_erasures)

    @property
    def upgraded(self) -> tuple[int, int] | None:
        """Sessions graded anew after an upgrade, and all of them; None without such work."""
        return self._summarizer.upgraded

    def forget_sessions(self) -> None:
        """Forget what is remembered of running sessions: something was erased."""
        self._summarizer.forget_sessions()

    async def live_sessions(self) -> Sequence[LiveSession] | None:
        """The running sessions of the store, where this process knows them; else None."""
        return await self._summarizer.live_sessions()

    @property
    def compressed(self) -> tuple[int, int] | None:
        """Rows of an earlier version that are compressed, and all; None without such work."""
        return self._older_data.progress

    @property
    def releases(self) -> Sequence[Callable[[], Awaitable[None]]]:
        """Each gives up a lease, when the tasks have ended. They raise `StoreError`."""
        summarizer = self._summarizer
        return summarizer.release_share, summarizer.release_lease, summarizer.incidents.release

    async def _keep_summarizing(self) -> None:
        await keep_summarizing(self._summarizer, self._counters, pause=_SUMMARIES_PERIOD)

    async def _keep_rolling_up(self) -> None:
        """Make rollups beside further summaries: those of a busy hour take many seconds."""

        async def step() -> float:
            await self._summarizer.roll_up()
            return _ROLLUPS_PERIOD

        def failed(error: StoreError) -> None:
            self._counters.fail("summaries")
            _log.warning("rollups_failed", why=error)

        await repeat(step, failed=failed, pause_after_failure=_SUMMARIES_PERIOD)

    async def _keep_finding_incidents(self) -> None:
        """Find the incidents of what the process with the lease for summaries has changed."""

        async def step() -> float:
            if not self._summarizer.leading:
                return _INCIDENTS_PERIOD
            return await self._summarizer.incidents.keep_up()

        def failed(error: StoreError) -> None:
            self._counters.fail("summaries")
            _log.warning("incidents_failed", why=error)

        await repeat(step, failed=failed, pause_after_failure=_INCIDENTS_PERIOD)

    async def _hourly(self, job: Job, work: Callable[[], Awaitable[None]]) -> None:
        """Do `work` once an hour; a failure of the store is logged and counted as `job`."""

        def failed(error: StoreError) -> None:
            self._counters.fail(job)
            _log.warning("maintenance_failed", job=job, why=error)

        await repeat_every(_PERIOD, work, failed=failed)

    async def _apply_retention(self) -> None:
        await delete_old(self._store, self._settings, self._clock, self._clock_guard)
        if count := await repeat_in_pieces(lambda _: self._store.release_space(), 0):
            _log.info("space_released", bytes=count)

    async def _archive_quiet(self) -> None:
        """Pack sessions to which hardly any sample comes any more."""
        before = int(self._clock()) - _ARCHIVE_AFTER
        if count := await repeat_in_pieces(self._store.pack, before):
            _log.info("sessions_archived", count=count, before=before)

    async def _keep_reading_erasures(self) -> None:
        await repeat_every(
            _ERASURES_PERIOD,
            self._read_erasures,
            failed=lambda error: _log.debug("erasures_unreadable", why=error),
        )


def rhythm_of(settings: Settings) -> Rhythm:
    """How often browsers send, by the settings."""
    return Rhythm(settings.sample_interval, SIGNS_OF_LIFE * settings.push_interval)


def usual_rhythm() -> Rhythm:
    """How often browsers send where no setting says otherwise."""
    return rhythm_of(load_settings(flags={}, environ={}, file=None))


def summarizer_of(
    store: Store,
    settings: Settings,
    clock: Callable[[], float],
    call_time: CallTimeCounters | None = None,
    sender_of: Callable[[str], tuple[int, int] | None] = lambda _: None,
) -> Summarizer:
    """A summarizer of this process, by the settings; it keeps `call_time` up to date.

    Where more is due than can be done, every sender (`sender_of`) gets the same share of the work.
    """
    return Summarizer(
        store,
        preset=preset(settings.quality_preset),
        rhythm=rhythm_of(settings),
        clock=clock,
        holder=secrets.token_hex(8),
        call_time=call_time,
        sender_of=sender_of,
    )
