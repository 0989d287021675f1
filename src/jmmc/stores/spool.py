"""A store behind a spool: what the database cannot take now waits in a local SQLite file.

While the database is unreachable, pushes are committed to the file and confirmed. From then on all
pushes go to the file, in order, until a task has moved everything to the database; the last samples
are moved under a lock. An interrupted move is repeated: the database stores each sample once. A
file that the disk has damaged is kept aside at the start, and its intact samples are moved too.

Samples that the database refuses, while it takes others, do not hold up the rest: their session is
tried again alone, and then they are moved to `spool.refused.db` beside the file. That is a store
like any other, for `jmmc show` and `jmmc copy`.
"""

import asyncio
import fcntl
from collections.abc import AsyncGenerator, Sequence
from contextlib import suppress
from pathlib import Path
from typing import TextIO

from msgspec import Struct
from msgspec.structs import replace

from jmmc.core.errors import StoreError, UnusableStore
from jmmc.core.logging import logger
from jmmc.core.model import (
    Condition,
    Disk,
    Erased,
    Progress,
    Push,
    Receipt,
    Refusal,
    Sample,
    Session,
    SessionFilter,
)
from jmmc.core.supervision import TaskState, keep_running
from jmmc.core.tasks import raise_if_cancelled, stop
from jmmc.stores.contract import OnDisk, Reports, Store
from jmmc.stores.erasure_receipts import ErasureReader
from jmmc.stores.local_disk import disk_of
from jmmc.stores.spool_file import SpooledSession, SpoolFile

_log = logger(__name__)

_MOVED = 500  # Samples at a time; a move delays new pushes by 50 ms.
_LAST = 200  # When no more samples than this are left, they are moved under the lock.
_PAUSE = 1.0  # Seconds between two checks whether the database is back.
_LOG_INTERVAL = 60.0  # Seconds between two warnings that it is not.
_LONGEST_PAUSE = 60.0  # Seconds; pauses double up to this.
_TRIES = 5  # Of a session that the database refuses, before what it refuses is put aside.
_FAILURES = 3  # Sessions refused in a row, none stored: more are not tried in this round.
_MOST_REFUSED = 1000  # Sessions that are skipped; those behind more of them wait.


class _RefusedSession(Struct):
    """A session in the file that the database has refused `tries` times.

    `next_try` is a time of the event loop; `stored_before` is how many sessions had been moved when
    it was first refused.
    """

    tries: int
    next_try: float
    stored_before: int


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
        self._put_aside = SpoolFile(folder / "spool.refused.db")
        self._refused: dict[int, _RefusedSession] = {}  # By the session's key in the file.
        self._stored = 0  # Sessions moved by this object, counted once for each batch.
        self._lock: TextIO | None = None
        self._spooling = False
        self._refusal = ""  # Why the database, which is there, will not take anything.
        self._switching = asyncio.Lock()
        self._mover: asyncio.Task[None] | None = None
        self._mover_state = TaskState("spool")
        self.erasures = ErasureReader()
        """What may not be moved; who stores pushes reads it too, so that it knows since when."""

    @property
    def reports(self) -> Reports:
        """See `Store.reports`. What is in the spool is not included."""
        return self.store.reports

    async def disks(self) -> list[Disk]:
        """See `OnDisk.disks`: that of the spool, and that of the database while it is there."""
        disks = [await disk_of(self.folder, takes_pushes=self._spooling)]
        if not self._spooling and isinstance(self.store, OnDisk):
            with suppress(StoreError):
                disks += await self.store.disks()
        return disks

    @property
    def background_tasks(self) -> tuple[TaskState, ...]:
        """The state of the task that moves the spool."""
        return (self._mover_state,)

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
        if self._put_aside.path.exists():
            await self._put_aside.open()
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
        Nor can it tell who is new: a session that is not in it, and may not be opened, is refused
        only if it sends its very first sample.

        Raises `UnusableStore` and spools nothing while the database refuses what no retry cures,
        such as a user without rights: the spool would only grow.
        """
        async with self._switching:
            if not self._spooling:
                try:
                    return await self.store.append(pushes)
                except UnusableStore:
                    raise
                except StoreError as error:
                    self._begin_spooling(error)
            if self._refusal:
                raise UnusableStore(self._refusal)
            if await self._used_bytes() >= self._limit:
                raise StoreError(
                    f"the database is away and the spool is full ({self._limit} bytes)"
                )
            return await self._file.append(
                [replace(push, opens=push.opens or push.samples[0].seq != 0) for push in pushes]
            )

    async def holds(self, session: str) -> bool:
        """See `Store.holds`."""
        return await self._file.holds(session) or await self.store.holds(session)

    async def get(self, ids: Sequence[str]) -> list[Session]:
        """See `Store.get`. What is in the spool is not included."""
        return await self.store.get(ids)

    async def lengths(self, ids: Sequence[str]) -> dict[str, int]:
        """See `Store.lengths`. What is in the spool is not included."""
        return await self.store.lengths(ids)

    async def samples_after(self, known: Sequence[Progress]) -> dict[str, tuple[Sample, ...]]:
        """See `Store.samples_after`. What is in the spool is not included."""
        return await self.store.samples_after(known)

    def sessions(self, selection: SessionFilter) -> AsyncGenerator[Session]:
        """See `Store.sessions`. What is in the spool is not included."""
        return self.store.sessions(selection)

    async def count(self, selection: SessionFilter) -> int:
        """See `Store.count`. What is in the spool is not included."""
        return await self.store.count(selection)

    async def session_times(self) -> tuple[int, int] | None:
        """See `Store.session_times`. What is in the spool is not included."""
        return await self.store.session_times()

    async def prune(self, before: int) -> int:
        """See `Store.prune`."""
        put_aside = await self._put_aside.prune(before) if self._put_aside.is_open else 0
        return put_aside + await self.store.prune(before)

    async def pack(self, before: int) -> int:
        """See `Store.pack`."""
        return await self.store.pack(before)

    async def erase(self, selection: SessionFilter) -> Erased:
        """See `Store.erase`. In the spools of other machines it is left out when they are moved."""
        erased = [await self._file.erase(selection)]
        if self._put_aside.is_open:
            erased.append(await self._put_aside.erase(selection))
        erased.append(await self.store.erase(selection))
        return Erased(sum(part.sessions for part in erased), sum(part.samples for part in erased))

    async def wipe_deleted(self) -> None:
        """See `Store.wipe_deleted`."""
        await self._file.wipe_deleted()
        if self._put_aside.is_open:
            await self._put_aside.wipe_deleted()
        await self.store.wipe_deleted()

    async def release_space(self) -> int:
        """See `Store.release_space`. The spool's file is emptied when it is drained."""
        return await self.store.release_space()

    async def check(self) -> Condition:
        """See `Store.check`."""
        put_aside = await self._put_aside.samples() if self._put_aside.is_open else 0
        if not self._spooling:
            try:
                return replace(await self.store.check(), put_aside=put_aside)
            except UnusableStore:
                raise
            except StoreError:
                pass  # The next push meets the same error, and is spooled.
        if self._refusal:
            raise UnusableStore(self._refusal)
        await self._file.check()
        if await self._used_bytes() >= self._limit:
            raise StoreError("the database is away and the spool is full")
        return Condition(await self._file.bytes(), put_aside=put_aside)

    async def close(self) -> None:
        """See `Store.close`. The spool is moved at the next start."""
        mover, self._mover = self._mover, None
        if mover is not None and not mover.get_loop().is_closed():
            await stop(mover)
        await self._file.close()
        await self._put_aside.close()
        self._refused.clear()
        await self.store.close()
        self._spooling = False
        self._refusal = ""
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
            self._mover = asyncio.create_task(
                keep_running(self._mover_state, self._move), name="jmmc-spool"
            )

    async def _used_bytes(self) -> int:
        """Bytes in use in the file, and by what was put aside."""
        put_aside = await self._put_aside.bytes() if self._put_aside.is_open else 0
        return put_aside + await self._file.bytes()

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
                while await self._file.samples() > _LAST and (count := await self._move_batch()):
                    raise_if_cancelled()
                    moved += count
                    _log.info("spool_moving", samples=moved)
                async with self._switching:
                    while count := await self._move_batch():
                        moved += count
                    self._refusal = ""
                    self._spooling = bool(await self._file.samples())
                    if not self._spooling:
                        await self._file.shrink()
            except StoreError as error:
                refused = str(error) if isinstance(error, UnusableStore) else ""
                if refused != self._refusal or loop.time() >= next_warning:
                    next_warning = loop.time() + _LOG_INTERVAL
                    if refused:
                        _log.error("database_refused", why=error)
                    else:
                        _log.warning("database_away", why=error)
                self._refusal = refused
            if self._spooling:
                await asyncio.sleep(self._pause)
        _log.warning("spool_moved", samples=moved)

    async def _move_batch(self) -> int:
        """Move some samples, and delete them from the file. Returns how many it deleted."""
        now = asyncio.get_running_loop().time()
        for key in [key for key, refused in self._refused.items() if refused.next_try <= now]:
            if count := await self._move_refused(key):
                return count
        spooled = await self._file.oldest(_MOVED, without=self._refused)
        if not spooled:
            return 0
        try:
            return await self._move_sessions(spooled)
        except UnusableStore:
            raise
        except Exception as error:
            raise_if_cancelled()
            await self.store.check()  # Raises when it is the database that fails.
            if moved := await self._move_each(spooled):
                return moved
            raise StoreError(f"every session that was tried is refused: {error}") from error

    async def _move_sessions(self, spooled: Sequence[SpooledSession]) -> int:
        """Move these samples in one batch. Raises what the database raises for it."""
        erased = await self.erasures.read(self.store.reports)
        pushes = [push for session in spooled if (push := erased.trimmed(session.push)) is not None]
        answers = await self.store.append(pushes)
        for push, answer in zip(pushes, answers, strict=True):
            if isinstance(answer, Refusal):
                await self._keep_aside(push, answer.value)
        await self._file.delete_moved(spooled)
        self._stored += 1
        return sum(len(session.seqs) for session in spooled)

    async def _move_each(self, spooled: Sequence[SpooledSession]) -> int:
        """Move the samples session by session; remember the sessions that are refused."""
        moved = failures = 0
        for session in spooled:
            raise_if_cancelled()
            try:
                moved += await self._move_sessions([session])
            except UnusableStore:
                raise
            except Exception as error:
                raise_if_cancelled()
                await self.store.check()
                self._note_refusal(session, error)
                failures += 1
                if not moved and failures >= _FAILURES:
                    break
        return moved

    def _note_refusal(self, session: SpooledSession, error: Exception) -> None:
        if session.key not in self._refused and len(self._refused) >= _MOST_REFUSED:
            return
        refused = self._refused.setdefault(session.key, _RefusedSession(0, 0.0, self._stored))
        refused.tries += 1
        pause = min(self._pause * 2**refused.tries, _LONGEST_PAUSE)
        refused.next_try = asyncio.get_running_loop().time() + pause
        _log.warning(
            "spooled_session_failed",
            session=session.push.session,
            tries=refused.tries,
            why=error,
            exc_info=not isinstance(error, StoreError),
        )

    async def _move_refused(self, key: int) -> int:
        """Try a refused session again. Returns how many samples left the file.

        What is refused is put aside when it was refused several times while the database stored
        other sessions.
        """
        refused = self._refused[key]
        spooled = await self._file.oldest(_MOVED, only=key)
        if not spooled:
            del self._refused[key]
            return 0
        if refused.tries >= _TRIES and self._stored > refused.stored_before:
            await self._sift(spooled[0])
            return len(spooled[0].seqs)
        moved = await self._move_each(spooled)
        if moved:
            del self._refused[key]
        return moved

    async def _sift(self, session: SpooledSession) -> None:
        """Move the samples that the database takes, and put the others aside."""
        try:
            await self._move_sessions([session])
        except UnusableStore:
            raise
        except Exception as error:
            raise_if_cancelled()
            await self.store.check()
            if len(session.seqs) > 1:
                for half in session.halves():
                    await self._sift(half)
                return
            await self._keep_aside(session.push, str(error))
            await self._file.delete_moved([session])

    async def _keep_aside(self, push: Push, why: str) -> None:
        """Store samples beside the spool that the database does not take."""
        if self._put_aside.is_open and not self._put_aside.path.exists():
            await self._put_aside.close()  # An operator has moved it away.
        await self._put_aside.open()
        (answer,) = await self._put_aside.append([push])
        file = None if isinstance(answer, Refusal) else self._put_aside.path
        _log.error(
            "spooled_push_refused",
            session=push.session,
            samples=len(push.samples),
            why=why,
            file=file,
        )
