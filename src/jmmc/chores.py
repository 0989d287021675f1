"""What a collector does beside collecting, now and then."""

import asyncio
import secrets
from collections.abc import Awaitable, Callable

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
_LEARNING = 2.0  # Seconds between two looks for what was erased.
_REFRESH = 5.0  # Seconds between two looks for what is new.


class Chores:
    """Keeps summaries up to date, deletes what is old, and looks for what may not come back.

    `counters` hears of failures, `tally` of the time that has passed in calls. `learn` is called
    every two seconds.
    """

    def __init__(
        self,
        store: Store,
        settings: Settings,
        clock: Callable[[], float],
        counters: Counters,
        tally: Tally,
        learn: Callable[[], Awaitable[None]],
    ) -> None:
        self._store = store
        self._counters = counters
        self._learn = learn
        self._retention_days = settings.retention_days
        self._summary_retention_days = settings.summary_retention_days
        self._clock = clock
        summarizer = summarizer_of(store, settings, clock, tally)
        self._tasks = [
            asyncio.create_task(self._delete_what_is_old(), name="jmmc-retention"),
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
                    await _prune(self._store.prune, now - days * _DAY, "sessions")
                if days := self._summary_retention_days:
                    # Whole days: sums are deleted together with all that they were made of.
                    before = now - days * _DAY
                    prune = self._store.reports.prune
                    await _prune(prune, before - before % _DAY, "summaries")
            except StoreError as error:
                self._counters.fail("retention")
                _log.warning("retention_failed", why=error)
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


async def _prune(prune: Callable[[int], Awaitable[int]], before: int, what: str) -> None:
    """Delete what is older, a little at a time."""
    pruned = 0
    while deleted := await prune(before):
        pruned += deleted
        heed_cancellation()
        await asyncio.sleep(_BREATH)
    if pruned:
        _log.info("old_deleted", what=what, count=pruned, before=before)


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
