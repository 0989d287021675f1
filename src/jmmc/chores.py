"""What a collector does beside collecting, now and then."""

import asyncio
import logging
from collections.abc import Callable

from jmmc.errors import StoreError
from jmmc.stores import Store

_log = logging.getLogger(__name__)

_DAY = 86_400
_PERIOD = 3600.0  # Seconds
_BREATH = 0.2  # Seconds between two deletions, in which pushes are stored.


class Chores:
    """Deletes what is older than `retention_days`, each hour; 0 keeps everything."""

    def __init__(self, store: Store, *, retention_days: int, clock: Callable[[], float]) -> None:
        self._store = store
        self._retention_days = retention_days
        self._clock = clock
        self._task = asyncio.create_task(self._run(), name="jmmc-chores")

    async def close(self) -> None:
        """Stop at once: a chore that is broken off is done again."""
        self._task.cancel()
        await asyncio.gather(self._task, return_exceptions=True)

    async def _run(self) -> None:
        while True:
            try:
                await self._prune()
            except StoreError as error:
                _log.warning("chores: %s", error)
            await asyncio.sleep(_PERIOD)

    async def _prune(self) -> None:
        if not self._retention_days:
            return
        before = int(self._clock()) - self._retention_days * _DAY
        pruned = 0
        while deleted := await self._store.prune(before):
            pruned += deleted
            await asyncio.sleep(_BREATH)
        if pruned:
            _log.info("deleted %d sessions older than %d days", pruned, self._retention_days)
