"""What a collector does beside collecting, now and then."""

import asyncio
import secrets
from collections.abc import Awaitable, Callable

from jmmc.core.errors import StoreError
from jmmc.core.logging import logger
from jmmc.core.tasks import heed_cancellation, stop
from jmmc.ingest.counters import Counters
from jmmc.maintenance.summarizer import Summarizer, keep_up
from jmmc.maintenance.time_totals import TimeTotals
from jmmc.quality.thresholds import preset
from jmmc.quality.timeline import SIGNS_OF_LIFE
from jmmc.settings import Settings
from jmmc.stores import Store

_log = logger(__name__)

_DAY = 86_400
_PERIOD = 3600.0  # Seconds between two looks for what is too old.
_BREATH = 0.2  # Seconds between two pieces of such work, in which pushes are stored.
_SETTLED = 25 * 3600  # Seconds. Browsers send again what is up to a day old.
_LEARNING = 2.0  # Seconds between two looks for what was erased.
_REFRESH = 5.0  # Seconds between two looks for what is new.


class Maintenance:
    """Keeps summaries up to date, deletes and packs what is old, looks for what may not come back.

    `counters` counts failures, `time_totals` the time that has passed in calls. `learn` is called
    every two seconds.
    """

    def __init__(
        self,
        store: Store,
        settings: Settings,
        clock: Callable[[], float],
        counters: Counters,
        time_totals: TimeTotals,
        learn: Callable[[], Awaitable[None]],
    ) -> None:
        self._store = store
        self._counters = counters
        self._learn = learn
        self._retention_days = settings.retention_days
        self._summary_retention_days = settings.summary_retention_days
        self._clock = clock
        summarizer = summarizer_of(store, settings, clock, time_totals)
        self._tasks = [
            asyncio.create_task(self._delete_what_is_old(), name="jmmc-retention"),
            asyncio.create_task(self._pack_what_is_quiet(), name="jmmc-packing"),
            asyncio.create_task(
                keep_up(summarizer, counters, pause=_REFRESH), name="jmmc-summaries"
            ),
            asyncio.create_task(self._keep_learning(), name="jmmc-erasures"),
        ]

    async def close(self) -> None:
        """Stop at once: a chore that is broken off is done again."""
        await stop(*self._tasks)

    async def _delete_what_is_old(self) -> None:
        while self._retention_days or self._summary_retention_days:
            try:
                now = int(self._clock())
                if days := self._retention_days:
                    before = now - days * _DAY
                    if count := await _all(self._store.prune, before):
                        _log.info("old_deleted", what="sessions", count=count, before=before)
                if days := self._summary_retention_days:
                    # Whole days: sums are deleted together with all that they were made of.
                    before = now - days * _DAY
                    before -= before % _DAY
                    if count := await _all(self._store.reports.prune, before):
                        _log.info("old_deleted", what="summaries", count=count, before=before)
            except StoreError as error:
                self._counters.fail("retention")
                _log.warning("retention_failed", why=error)
            heed_cancellation()
            await asyncio.sleep(_PERIOD)

    async def _pack_what_is_quiet(self) -> None:
        while True:
            try:
                before = int(self._clock()) - _SETTLED
                if count := await _all(self._store.pack, before):
                    _log.info("quiet_packed", what="sessions", count=count, before=before)
            except StoreError as error:
                self._counters.fail("packing")
                _log.warning("packing_failed", why=error)
            heed_cancellation()
            await asyncio.sleep(_PERIOD)

    async def _keep_learning(self) -> None:
        while True:
            try:
                await self._learn()
            except StoreError as error:
                _log.debug("erasures_unknown", why=error)
            heed_cancellation()
            await asyncio.sleep(_LEARNING)


async def _all(work: Callable[[int], Awaitable[int]], before: int) -> int:
    """Do with everything older what `work` does with a little at a time; with how many."""
    total = 0
    while done := await work(before):
        total += done
        heed_cancellation()
        await asyncio.sleep(_BREATH)
    return total


def lifetime_of(settings: Settings) -> float:
    """How long (seconds) a session lives on after a sample."""
    return SIGNS_OF_LIFE * settings.push_interval


def summarizer_of(
    store: Store,
    settings: Settings,
    clock: Callable[[], float],
    time_totals: TimeTotals | None = None,
) -> Summarizer:
    """A summarizer of this process, as the settings want it, which keeps `time_totals`."""
    return Summarizer(
        store,
        preset=preset(settings.quality_preset),
        lifetime=lifetime_of(settings),
        clock=clock,
        holder=secrets.token_hex(8),
        time_totals=time_totals,
    )
