"""The two connections to the file, one that writes and one that reads, each with a thread."""

import asyncio
import sqlite3
import time
import weakref
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path
from typing import Any, TypeVar

from jmmc.core.errors import StoreError, UnusableStore
from jmmc.core.logging import logger
from jmmc.stores.sqlite import schema
from jmmc.stores.sqlite.abandoned_leases import is_in_use, without_abandoned_leases
from jmmc.stores.sqlite.read_only import Fingerprint, fingerprint, open_read_only, refuse_write

_T = TypeVar("_T")

_log = logger(__name__)

_WRITER_PRAGMAS = (
    "journal_mode = WAL",  # Neither the writer nor readers wait for each other.
    "synchronous = FULL",  # A commit is an fsync.
    "foreign_keys = ON",
    "secure_delete = ON",  # What is deleted is overwritten, and cannot be read from the file.
    "cache_size = -32768",  # KiB: for the last page of each of 8,000 sessions.
)
_LOOK_INTERVAL = 0.5  # Seconds between two looks at the path: each costs the event loop some µs.
BUSY_SECONDS = 10.0  # Another process may be committing, which takes milliseconds.
_TRIES = 5  # Of a query on a file that other processes open and close meanwhile.


class Connections:
    """The file at `path`: opened at the first use, made when it does not exist.

    A file that is deleted, moved or replaced while it is open is noticed: then writes raise
    `StoreError`, until the file is back or the one in its place has been opened. When its log is
    deleted, what is in it is moved into the file, which is then opened anew. `generation` counts
    how often a file was opened; keys of rows are true within one generation.

    With `read_only` nothing is made or written, neither the file nor others beside it, and there is
    no connection that writes.
    """

    def __init__(self, path: Path, *, read_only: bool = False) -> None:
        self.path = path
        self.read_only = read_only
        self._fingerprint: Fingerprint | None = None
        self.generation = 0
        self._identities: dict[str, tuple[int, int] | None] = {}  # By suffix of the path.
        self._lost: str | None = None  # Why the open file is not the one at `path`.
        self._log_is_lost = False  # That of the file at `path`.
        self._looked_at = 0.0
        self._recovering = asyncio.Lock()  # A new one for each loss: loops may come and go.
        self._writer = _Worker("jmmc-sqlite-writer")
        self._reader = _Worker("jmmc-sqlite-reader")

    @property
    def are_open(self) -> bool:
        """Whether the file is open."""
        worker = self._reader if self.read_only else self._writer
        return worker.connection is not None

    async def open(self) -> None:
        """Open both, and bring the schema up to date. Raises `UnusableStore`."""
        if not self.read_only:
            await self._writer.run(self._open_writer)
        await self._reader.run(self._open_reader)

    async def read(self, statement: str, values: Sequence[object]) -> list[Any]:
        """Run a query in the reader's thread, and return its rows."""
        return await self._reader.run(lambda: self._query(statement, values))

    async def read_as(
        self, make: Callable[[list[Any]], _T], statement: str, values: Sequence[object]
    ) -> _T:
        """Run a query, and return what `make` makes of its rows: in the thread, too."""
        return await self._reader.run(lambda: make(self._query(statement, values)))

    async def write(self, work: Callable[[sqlite3.Connection], _T]) -> _T:
        """Do `work` with the writer's connection, in its thread. One piece of work at a time."""
        if self.read_only:
            raise refuse_write(self.path)
        if self._lost is not None:
            await self._recover()
        return await self._writer.run(lambda: self._write(work))

    async def close(self) -> None:
        """Close both, when their threads have done their work."""
        if self._lost is None and self._writer.connection is not None:
            with suppress(StoreError):
                self._look()
        # The last one to close that can write deletes the log, by its name. When that belongs to
        # another file now, it must not be the last one.
        last = (self._writer, self._reader) if self._lost else (self._reader, self._writer)
        for worker in last:
            await worker.close()
        self._lost = None

    def _write(self, work: Callable[[sqlite3.Connection], _T]) -> _T:
        """Do `work`; raise `StoreError` if what it wrote went into a file that is lost."""
        if self._lost is not None:
            raise StoreError(self._lost)
        result = work(self._open_writer())
        now = time.monotonic()
        if now - self._looked_at >= _LOOK_INTERVAL:
            self._looked_at = now
            self._look()
        return result

    def _look(self) -> None:
        """Raise `StoreError` if the open file is not the one at the path any more."""
        for suffix, identity in self._identities.items():
            present = self._identity(suffix)
            if identity is None:  # SQLite makes its log at the first write.
                self._identities[suffix] = present
            elif present != identity:
                file = f"{self.path}{suffix}"
                self._recovering = asyncio.Lock()
                self._lost = f"{file}: deleted, moved or replaced while it is open"
                self._log_is_lost = bool(suffix)
                _log.error("store_file_lost", file=file)
                raise StoreError(self._lost)

    async def _recover(self) -> None:
        """Use the file again if it is back, or the one in its place. Raises `StoreError`."""
        async with self._recovering:
            identity = self._identity()
            if self._lost is None:
                return
            if identity is None:
                raise StoreError(f"{self._lost}; put it back, or restore a backup")
            if self._log_is_lost:
                await self._close_after_lost_log()
                await self.open()
            elif not self.are_open or identity != self._identities[""]:
                if self.are_open:
                    await self._writer.run(self._finish_lost_file)
                    await self._writer.close()  # Before the reader: see `close`.
                    await self._reader.close()
                    self._delete_old_logs()
                await self.open()
            self._log_is_lost = False
            self._lost = None
            _log.warning("store_file_found", file=self.path)

    async def _close_after_lost_log(self) -> None:
        """Close the file, when all of its log is in it. Raises `StoreError` while others use it.

        A process that opened it now would make a new log beside the one that they write to.
        """
        if self.are_open:
            if self._identity("-wal") not in (None, self._identities["-wal"]):
                raise StoreError(f"{self._lost}; stop every process that uses it")
            await self._writer.run(self._finish_lost_file)
            await self._writer.close()
            await self._reader.close()
        if await self._writer.run(lambda: is_in_use(self.path)):
            raise StoreError(f"{self._lost}; other processes still use the old log: stop them")

    def _finish_lost_file(self) -> None:
        """Move the log into the open file, wherever that is: nothing of it is needed then."""
        assert self._writer.connection is not None
        (busy, _, _) = self._writer.connection.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()
        if busy:
            raise StoreError(f"{self._lost}; other processes still read the old file")

    def _delete_old_logs(self) -> None:
        """Delete the log and its index where they are still those of the lost file."""
        for suffix in ("-wal", "-shm"):
            old = self._identities[suffix]
            if old is not None and self._identity(suffix) == old:
                Path(f"{self.path}{suffix}").unlink(missing_ok=True)

    def _identity(self, suffix: str = "") -> tuple[int, int] | None:
        """Device and inode of the file that has the path now; None when there is none."""
        try:
            status = Path(f"{self.path}{suffix}").stat()
        except OSError:
            return None
        return status.st_dev, status.st_ino

    def _open_writer(self) -> sqlite3.Connection:
        if self._writer.connection is None:
            schema.refuse_foreign(self.path)
            with without_abandoned_leases(self.path):
                connection = self._connect_writer()
            weakref.finalize(self, connection.close)  # Also at exit: empties the WAL into the file.
            self._writer.connection = connection
            self._identities = {suffix: self._identity(suffix) for suffix in ("", "-wal", "-shm")}
            self.generation += 1
        return self._writer.connection

    def _connect_writer(self) -> sqlite3.Connection:
        before = self._identity()
        try:
            connection = sqlite3.connect(
                self.path,
                isolation_level=None,
                timeout=BUSY_SECONDS,
                check_same_thread=False,
                cached_statements=256,
            )
        except sqlite3.Error as error:
            raise UnusableStore(f"{self.path}: {error}") from error
        try:
            if not connection.execute("PRAGMA page_count").fetchone()[0]:
                # Only a new file takes it: pages that become free can be given back.
                connection.execute("PRAGMA auto_vacuum = INCREMENTAL")
            # Before WAL, so that the header of the file itself has our id from the start.
            schema.migrate(connection)
            for pragma in _WRITER_PRAGMAS:
                connection.execute(f"PRAGMA {pragma}")
        except sqlite3.Error as error:
            connection.close()
            raise UnusableStore(f"{self.path}: {error}") from error
        except BaseException:
            connection.close()
            raise
        if before not in (None, self._identity()):
            connection.close()
            raise StoreError(f"{self.path}: replaced while it was opened; try again")
        return connection

    def _query(self, statement: str, values: Sequence[object]) -> list[Any]:
        """Run a query; again if another process has changed a file that is read without locks."""
        for _ in range(_TRIES):
            connection = self._open_reader()
            problem: sqlite3.Error | None = None
            rows: list[Any] = []
            try:
                rows = connection.execute(statement, values).fetchall()
            except sqlite3.Error as error:
                problem = error
            if self._fingerprint is None or self._fingerprint == fingerprint(self.path):
                if problem is not None:
                    raise problem
                return rows
            connection.close()
            self._reader.connection = None
        raise StoreError(f"{self.path}: other processes keep changing it; try again")

    def _open_reader(self) -> sqlite3.Connection:
        if self._reader.connection is None and self.read_only:
            self._fingerprint = fingerprint(self.path)
            self._reader.connection = open_read_only(
                self.path, self._fingerprint, busy_seconds=BUSY_SECONDS
            )
        elif self._reader.connection is None:
            self._reader.connection = sqlite3.connect(
                f"{self.path.absolute().as_uri()}?mode=ro",
                uri=True,
                isolation_level=None,
                timeout=BUSY_SECONDS,
                check_same_thread=False,
            )
            # Opens the log that the writer has: later, another one may be at its path.
            self._reader.connection.execute("SELECT 1 FROM sqlite_schema LIMIT 1").fetchone()
        return self._reader.connection


class _Worker:
    """A thread that owns a connection: SQLite blocks, the event loop must not."""

    def __init__(self, name: str) -> None:
        self._name = name
        self._thread: ThreadPoolExecutor | None = None
        self.connection: sqlite3.Connection | None = None

    async def run(self, work: Callable[[], _T]) -> _T:
        """Do `work` in the thread; SQLite's errors come back as `StoreError`."""
        if self._thread is None:
            self._thread = ThreadPoolExecutor(1, self._name)
        try:
            return await asyncio.get_running_loop().run_in_executor(self._thread, work)
        except sqlite3.Error as error:
            raise StoreError(str(error)) from error

    async def close(self) -> None:
        """Close the connection and end the thread, when its work is done."""
        thread, connection = self._thread, self.connection
        self._thread = self.connection = None
        if thread is not None:
            if connection is not None:
                await asyncio.get_running_loop().run_in_executor(thread, connection.close)
            thread.shutdown(wait=False)
