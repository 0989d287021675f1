"""A store behind a spool: what the database cannot take now waits in a local SQLite file.

While the database is away, pushes are committed to the file and confirmed; from then on all go
there, in order, until a task has moved everything and the last rest under a lock. Whatever is
interrupted is done again: the database stores each sample once. A file that the disk has damaged is
put aside at the start, and what is intact of it moved with the rest.
"""

import asyncio
import fcntl
import sqlite3
from collections.abc import AsyncIterator, Iterable, Sequence
from itertools import groupby
from pathlib import Path
from typing import Any, NamedTuple, TextIO

from msgspec.structs import replace

from jmmc.core.errors import StoreError, UnusableStore
from jmmc.core.logging import logger
from jmmc.core.model import (
    Condition,
    Dialect,
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
from jmmc.stores.sqlite.recovery import damage_of, intact, put_aside
from jmmc.stores.sqlite.store import SqliteStore, sample_of
from jmmc.stores.sqlite.transaction import transaction

_log = logger(__name__)

_MOVED = 500  # Sessions' worth of samples at a time; a move holds up new pushes for 50 ms.
_REST = 200  # When no more than this many samples are left, they are moved under the lock.
_PAUSE = 1.0  # Seconds between two looks at whether the database is back.
_SILENCE = 60.0  # Seconds between two lines in the log that it is not.


class SpooledSession(NamedTuple):
    """Samples of one session in the file, as a push, and the rows that they are in."""

    push: Push
    key: int
    seqs: list[int]


class SpoolFile(SqliteStore):
    """The SQLite store, and what it takes to empty it."""

    async def oldest(self, samples: int) -> list[SpooledSession]:
        """Samples of the sessions that came first, at most `samples` of them."""
        rows = await self.read(
            "SELECT sessions.id, sessions.session, conf, uid, dialect, seq, ts, marks, readings"
            " FROM samples JOIN sessions ON sessions.id = samples.session"
            " ORDER BY samples.session, seq LIMIT ?",
            [samples],
        )
        return [_waiting(list(value)) for _, value in groupby(rows, key=lambda row: row[0])]

    async def settle(self, moved: Sequence[SpooledSession]) -> None:
        """Delete exactly the samples that were moved, and sessions that have none left."""
        await self.write(lambda connection: self._settle(connection, moved))

    async def samples(self) -> int:
        """How many samples wait."""
        return int((await self.read("SELECT count(*) FROM samples", []))[0][0])

    async def bytes(self) -> int:
        """How much of the file is in use; SQLite uses again what is free."""
        pages = "pragma_page_count(), pragma_freelist_count(), pragma_page_size()"
        rows = await self.read(f"SELECT * FROM {pages}", [])
        total, free, size = rows[0]
        return int((total - free) * size)

    async def shrink(self) -> None:
        """Give the disk back what an empty file holds."""
        await self.write(lambda connection: connection.execute("VACUUM"))
        checkpoint = "PRAGMA wal_checkpoint(TRUNCATE)"
        await self.write(lambda connection: connection.execute(checkpoint).fetchall())

    def _settle(self, connection: sqlite3.Connection, moved: Iterable[SpooledSession]) -> None:
        with transaction(connection):
            for item in moved:
                connection.executemany(
                    "DELETE FROM samples WHERE session = ? AND seq = ?",
                    [(item.key, seq) for seq in item.seqs],
                )
                emptied = connection.execute(
                    "DELETE FROM sessions WHERE id = ? AND NOT EXISTS"
                    " (SELECT 1 FROM samples WHERE session = sessions.id)",
                    [item.key],
                )
                connection.execute("DELETE FROM dirty WHERE session = ?", [item.key])
                if emptied.rowcount:
                    self._heads.pop(item.push.session, None)


class SpooledStore:
    """`Store` that goes to `store`, and to a file in `folder` while that cannot be written.

    `limit` (bytes) bounds the file; beyond, pushes are refused as by a store that is down. The
    folder belongs to one process at a time.
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
        """See `Store.reports`. What is in the spool is not seen."""
        return self.store.reports

    async def open(self) -> None:
        """See `Store.open`. A database that is away is no failure: it is waited for.

        Raises `UnusableStore` when the database will never do, or the folder is another's.
        """
        self._take_folder()
        await self._salvage()
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
        """See `Store.append`. What is spooled is confirmed, and a full sample asked for.

        The file does not know what the database has of a session.
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
        """See `Store.get`. What is in the spool is not seen."""
        return await self.store.get(ids)

    def sessions(self, selection: SessionFilter) -> AsyncIterator[Session]:
        """See `Store.sessions`. What is in the spool is not seen."""
        return self.store.sessions(selection)

    async def count(self, selection: SessionFilter) -> int:
        """See `Store.count`. What is in the spool is not seen."""
        return await self.store.count(selection)

    async def prune(self, before: int) -> int:
        """See `Store.prune`."""
        return await self.store.prune(before)

    async def pack(self, before: int) -> int:
        """See `Store.pack`."""
        return await self.store.pack(before)

    async def erase(self, selection: SessionFilter) -> Erased:
        """See `Store.erase`. What waits elsewhere is trimmed when it is moved."""
        waiting = await self._file.erase(selection)
        stored = await self.store.erase(selection)
        return Erased(waiting.sessions + stored.sessions, waiting.samples + stored.samples)

    async def scrub(self) -> None:
        """See `Store.scrub`."""
        await self._file.scrub()
        await self.store.scrub()

    async def check(self) -> Condition:
        """See `Store.check`."""
        if not self._spooling:
            try:
                return await self.store.check()
            except StoreError:
                pass  # The next push will find out, and be spooled.
        await self._file.check()
        spooled = await self._file.bytes()
        if spooled >= self._limit:
            raise StoreError("the database is away and the spool is full")
        return Condition(spooled)

    async def close(self) -> None:
        """See `Store.close`. What is in the spool waits for the next run."""
        mover, self._mover = self._mover, None
        if mover is not None and not mover.get_loop().is_closed():
            await stop(mover)
        await self._file.close()
        await self.store.close()
        self._spooling = False
        if self._lock is not None:
            self._lock.close()
            self._lock = None

    async def _salvage(self) -> None:
        """Bring out what is intact of a damaged file, and put that aside."""
        path = self._file.path
        sound = path.with_name("spool.sound.db")
        half = path.with_name("spool.half.db")
        why: str | None = "it was being replaced"
        samples = 0
        if not sound.exists():
            if self._file.is_open or (why := await asyncio.to_thread(damage_of, path)) is None:
                return
            half.unlink(missing_ok=True)
            half.with_name(half.name + "-wal").unlink(missing_ok=True)
            copy = SpoolFile(half)
            await copy.open()
            for push in await asyncio.to_thread(lambda: list(intact(path))):
                await copy.append([push])
                samples += len(push.samples)
            await copy.close()
            half.replace(sound)
        aside = put_aside(path, sound)
        _log.error("spool_damaged", why=why, samples=samples, file=aside)

    def _take_folder(self) -> None:
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
        silent_until = 0.0
        loop = asyncio.get_running_loop()
        while self._spooling:
            raise_if_cancelled()
            try:
                await self.store.open()
                await self.store.check()
                while await self._file.samples() > _REST:
                    raise_if_cancelled()
                    moved += await self._move_some()
                    _log.info("spool_moving", samples=moved)
                async with self._switching:
                    while count := await self._move_some():
                        moved += count
                    self._spooling = False
                    await self._file.shrink()
            except StoreError as error:
                if loop.time() >= silent_until:
                    silent_until = loop.time() + _SILENCE
                    _log.warning("database_away", why=error)
                await asyncio.sleep(self._pause)
        _log.warning("spool_moved", samples=moved)

    async def _move_some(self) -> int:
        waiting = await self._file.oldest(_MOVED)
        if waiting:
            erased = await forgotten(self.store.reports)
            pushes = [push for item in waiting if (push := erased.trimmed(item.push)) is not None]
            answers = await self.store.append(pushes)
            for push, answer in zip(pushes, answers, strict=True):
                if isinstance(answer, Refusal):
                    _log.error("spooled_push_refused", session=push.session, why=answer.value)
            await self._file.settle(waiting)
        return sum(len(item.seqs) for item in waiting)


def _waiting(rows: list[Any]) -> SpooledSession:
    key, session, room, browser_id, dialect_number = rows[0][:5]
    dialect = Dialect(dialect_number)
    samples = tuple(sample_of(dialect, *row[5:]) for row in rows)
    return SpooledSession(
        Push(session, room, browser_id, dialect, samples), key, [row[5] for row in rows]
    )
