"""Compresses what an earlier version stored, in small steps while pushes are stored."""

import asyncio
from collections.abc import Callable

from jmmc.core.errors import StoreError
from jmmc.core.logging import logger
from jmmc.core.tasks import raise_if_cancelled
from jmmc.core.yielding import LoadAwareYielder
from jmmc.stores import Store

_log = logger(__name__)

_PIECE_BREAK = 0.05  # Seconds between two pieces of work, in which pushes are stored.
_TURN = 10.0  # Seconds until it is looked whether this process has the lease now.


class OlderData:
    """Compresses the summaries, rollups and incidents that an earlier version stored.

    `leading` says whether this process has the lease for summaries.
    """

    def __init__(self, store: Store, leading: Callable[[], bool]) -> None:
        self._store = store
        self._leading = leading
        self._yielder = LoadAwareYielder()
        self.progress: tuple[int, int] | None = None
        """Rows that are done, and all of them; None without such work."""

    async def compress(self) -> None:
        """Compress until nothing is left. Raises nothing of the store: it tries again."""
        while True:
            raise_if_cancelled()
            if not self._leading():
                self.progress = None
                await asyncio.sleep(_TURN)
                continue
            try:
                progress = await self._yielder.run(self._store.reports.compress_older())
            except StoreError as error:
                _log.warning("compression_failed", why=error)
                await asyncio.sleep(_TURN)
                continue
            if progress is None:
                if self.progress is not None and self.progress[0]:
                    _log.info("older_data_compressed", count=self.progress[0])
                self.progress = None
                return
            self.progress = progress
            await asyncio.sleep(_PIECE_BREAK)
