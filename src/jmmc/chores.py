"""What a collector does beside collecting, now and then."""

import asyncio
import secrets
from collections.abc import Callable

from jmmc.counters import Counters
from jmmc.errors import StoreError
from jmmc.fold import SIGNS_OF_LIFE
from jmmc.logs import logger
from jmmc.settings import Settings
from jmmc.stores import Store
from jmmc.summarizer import Summarizer, keep_up
from jmmc.tally import Tally
from jmmc.tasks import heed_cancellation, stop
from jmmc.thresholds import preset

_log = logger(__name__)

_DAY = 86_400
_PERIOD = 3600.0  # Seconds between two looks for what is too old.
_BREATH = 0.2  # Seconds between two deletions, in which pushes are stored.
_REFRESH = 5.0  # Seconds between two looks for what is new.


class Chores:
    """Keeps summaries up to date, and deletes what is older than `retention_days`.

    `counters` hears of failures, `tally` of the time that has passed in calls.
    """

    def __init__(
        self,
        store: Store,
        settings: Settings,
        clock: Callable[[], float],
        counters: Counters,
        tally: Tally,
    ) -> None:
        self._store = store
        self._counters = counters
        self._retention_days = settings.retention_days
        self._clock = clock
        summarizer = summarizer_of(store, settings, clock, tally)
        self._tasks = [
            asyncio.create_task(self._delete_what_is_old(), name="jmmc-retention"),
            asyncio.create_task(
                keep_up(summarizer, counters, pause=_REFRESH), name="jmmc-summaries"
            ),
        ]

    async def close(self) -> None:
        """Stop at once: a chore that is broken off is done again."""
        await stop(*self._tasks)

    async def _delete_what_is_old(self) -> None:
        while self._retention_days:
            try:
                await self._prune()
            except StoreError as error:
                self._counters.store_errors["retention"] += 1
                _log.warning("retention_failed", why=error)
            heed_cancellation()
            await asyncio.sleep(_PERIOD)

    async def _prune(self) -> None:
        before = int(self._clock()) - self._retention_days * _DAY
        pruned = 0
        while deleted := await self._store.prune(before):
            pruned += deleted
            heed_cancellation()
            await asyncio.sleep(_BREATH)
        if pruned:
            _log.info("sessions_deleted", sessions=pruned, older_than_days=self._retention_days)


def lifetime_of(settings: Settings) -> float:
    """How long (seconds) a session lives on after a sample."""
    return SIGNS_OF_LIFE * settings.push_interval


def summarizer_of(
    store: Store, settings: Settings, clock: Callable[[], float], tally: Tally | None = None
) -> Summarizer:
    """A summarizer of this process, as the settings want it; `tally` hears of what it finds."""
    return Summarizer(
        store,
        preset=preset(settings.quality_preset),
        lifetime=lifetime_of(settings),
        clock=clock,
        holder=secrets.token_hex(8),
        tally=tally,
    )
