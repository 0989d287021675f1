"""A store behind a spool: what the database cannot take now waits in a local SQLite file.

While the database is unreachable, pushes are committed to the file and confirmed. From then on all
pushes go to the file, in order, until a task has moved everything to the database; the last samples
are moved under a lock. An interrupted move is repeated: the database stores each sample once. A
file that the disk has damaged is kept aside at the start, and its intact samples are moved too.
"""

import asyncio
import fcntl
from collections.abc import AsyncIterator, Sequence
from pathlib import Path
from typing import TextIO

from msgspec.structs import replace

from jmmc.core.errors import StoreError, UnusableStore
from jmmc.core.logging import logger
from jmmc.core.model import (
    Condition,
    Erased,
    Push,
    Receipt,
    Refusal,
    Session,
    SessionFilter,
)
from jmmc.core.tasks import raise_if_cancelled, stop
from jmmc.stores.contract import Reports, Store
from jmmc.stores.erasure_receipts import forgotten
from jmmc.stores.spool_file import SpoolFile

_log = logger(__name__)

_MOVED = 500  # Samples at a time; a move delays new pushes by 50 ms.
_LAST = 200  # When no more samples than this are left, they are moved under the lock.
_PAUSE = 1.0  # Seconds between two checks whether the database is back.
_LOG_INTERVAL = 60.0  # Seconds between two warnings that it is not.


class SpooledStore:
    """`Store` that writes to `store`, and to a file in `folder` while `store` takes no writes.

    `limit` (bytes) bounds the file: beyond it `append` raises, as when a store is down. The folder
    belongs to one process at a time. `pause` is the time between two checks, in seconds.
    """

    def __init__(self, store: Store, folder: Path, *, limit: int, pause: float = _PAUSE) -> None:
        self.store = store
        self.folder = folder
        self._limit = limit
        self._pause = pause
        self._file = SpoolFile(folder / "spool.db")
        self._lock: TextIO | None = None
        self._spooling = False
        self._switching = asyncio.Lock()
        self._mover: asyncio.Task[None] | None = None

    @property
    def reports(self) -> Reports:
        """See `Store.reports`. What is in the spool is not included."""
        return self.store.reports

    async def open(self) -> None:
        """See `Store.open`. An unreachable database is not an error: it is waited for.

        Raises `UnusableStore` when the database is unusable, or another process has the folder.
        """
        self._lock_folder()
        if recovered := await self._file.recover():
            _log.error(
                "spool_damaged",
                why=recovered.why,
                samples=recovered.samples,
                file=recovered.kept,
            )
        await self._file.open()
        try:
            await self.store.open()
        except UnusableStore:
            raise
        except StoreError as error:
            self._begin_spooling(error)
        if not self._spooling and await self._file.samples():
            self._begin_spooling("samples were left by an earlier run")
        elif self._spooling:
            self._watch()

    async def append(self, pushes: Sequence[Push]) -> list[Receipt | Refusal]:
        """See `Store.append`. The first spooled push of a session asks for a full sample (`gap`).

        The file does not have the samples before it, so it cannot tell whether any are missing.
        """
        async with self._switching:
            if not self._spooling:
                try:
                    return await self.store.append(pushes)
                except StoreError as error:
                    self._begin_spooling(error)
            if await self._file.bytes() >= self._limit:
                raise StoreError(
                    f"the database is away and the spool is full ({self._limit} bytes)"
                )
            return await self._file.append([replace(push, opens=True) for push in pushes])

    async def holds(self, session: str) -> bool:
        """See `Store.holds`."""
        return await self._file.holds(session) or await self.store.holds(session)

    async def get(self, ids: Sequence[str]) -> list[Session]:
        """See `Store.get`. What is in the spool is not included."""
        return await self.store.get(ids)

    def sessions(self, selection: SessionFilter) -> AsyncIterator[Session]:
        """See `Store.sessions`. What is in the spool is not included."""
        return self.store.sessions(selection)

    async def count(self, selection: SessionFilter) -> int:
        """See `Store.count`. What is in the spool is not included."""
        return await self.store.count(selection)

    async def prune(self, before: int) -> int:
        """See `Store.prune`."""
        return await self.store.prune(before)

    async def pack(self, before: int) -> int:
        """See `Store.pack`."""
        return await self.store.pack(before)

    async def erase(self, selection: SessionFilter) -> Erased:
        """See `Store.erase`. In the spools of other machines it is left out when they are moved."""
        spooled = await self._file.erase(selection)
        stored = await self.store.erase(selection)
        return Erased(spooled.sessions + stored.sessions, spooled.samples + stored.samples)

    async def wipe_deleted(self) -> None:
        """See `Store.wipe_deleted`."""
        await self._file.wipe_deleted()
        await self.store.wipe_deleted()

    async def check(self) -> Condition:
        """See `Store.check`."""
        if not self._spooling:
            try:
                return await self.store.check()
            except StoreError:
                pass  # The next push meets the same error, and is spooled.
        await self._file.check()
        spooled = await self._file.bytes()
        if spooled >= self._limit:
            raise StoreError("the database is away and the spool is full")
        return Condition(spooled)

    async def close(self) -> None:
        """See `Store.close`. The spool is moved at the next start."""
        mover, self._mover = self._mover, None
        if mover is not None and not mover.get_loop().is_closed():
            await stop(mover)
        await self._file.close()
        await self.store.close()
        self._spooling = False
        if self._lock is not None:
            self._lock.close()
            self._lock = None

    def _lock_folder(self) -> None:
        if self._lock is not None:
            return
        lock = None
        try:
            self.folder.mkdir(parents=True, exist_ok=True)
            lock = (self.folder / "lock").open("w")
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            if lock is not None:
                lock.close()
            raise UnusableStore(f"spool_dir {self.folder}: another collector uses it") from error
        except OSError as error:
            raise UnusableStore(f"spool_dir {self.folder}: {error.strerror}") from error
        self._lock = lock

    def _begin_spooling(self, why: object) -> None:
        self._spooling = True
        _log.warning("spooling", file=self._file.path, why=why)
        self._watch()

    def _watch(self) -> None:
        if self._mover is None or self._mover.done() or self._mover.get_loop().is_closed():
            self._mover = asyncio.create_task(self._move(), name="jmmc-spool")

    async def _move(self) -> None:
        """Wait until the database is back, and move everything."""
        moved = 0
        next_warning = 0.0
        loop = asyncio.get_running_loop()
        while self._spooling:
            raise_if_cancelled()
            try:
                await self.store.open()
                await self.store.check()
                while await self._file.samples() > _LAST:
                    raise_if_cancelled()
                    moved += await self._move_batch()
                    _log.info("spool_moving", samples=moved)
                async with self._switching:
                    while count := await self._move_batch():
                        moved += count
                    self._spooling = False
                    await self._file.shrink()
            except StoreError as error:
                if loop.time() >= next_warning:
                    next_warning = loop.time() + _LOG_INTERVAL
                    _log.warning("database_away", why=error)
                await asyncio.sleep(self._pause)
        _log.warning("spool_moved", samples=moved)

    async def _move_batch(self) -> int:
        """Move some samples, and delete them from the file. Returns how many it deleted."""
        spooled = await self._file.oldest(_MOVED)
        if spooled:
            erased = await forgotten(self.store.reports)
            pushes = [
                push for session in spooled if (push := erased.trimmed(session.push)) is not None
            ]
            answers = await self.store.append(pushes)
            for push, answer in zip(pushes, answers, strict=True):
                if isinstance(answer, Refusal):
                    _log.error("spooled_push_refused", session=push.session, why=answer.value)
            await self._file.delete_moved(spooled)
        return sum(len(session.seqs) for session in spooled)
