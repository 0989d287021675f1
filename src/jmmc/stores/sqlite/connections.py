"""The two connections to the file, one that writes and one that reads, each with a thread."""

import asyncio
import sqlite3
import weakref
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, TypeVar

from jmmc.core.errors import StoreError, UnusableStore
from jmmc.stores.sqlite import schema
from jmmc.stores.sqlite.read_only import Fingerprint, fingerprint, open_read_only, refuse_write

_T = TypeVar("_T")

_WRITER_PRAGMAS = (
    "journal_mode = WAL",  # Neither the writer nor readers wait for each other.
    "synchronous = FULL",  # A commit is an fsync.
    "foreign_keys = ON",
    "secure_delete = ON",  # What is deleted is overwritten, and cannot be read from the file.
    "cache_size = -65536",  # KiB: for the last page of each of 16,000 sessions.
)
BUSY_SECONDS = 10.0  # Another process may be committing, which takes milliseconds.
_TRIES = 5  # Of a query on a file that other processes open and close meanwhile.


class Connections:
    """The file at `path`: opened at the first use, made when it does not exist.

    With `read_only` nothing is made or written, neither the file nor others beside it, and there is
    no connection that writes.
    """

    def __init__(self, path: Path, *, read_only: bool = False) -> None:
        self.path = path
        self.read_only = read_only
        self._fingerprint: Fingerprint | None = None
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

    async def write(self, work: Callable[[sqlite3.Connection], _T]) -> _T:
        """Do `work` with the writer's connection, in its thread. One piece of work at a time."""
        if self.read_only:
            raise refuse_write(self.path)
        return await self._writer.run(lambda: work(self._open_writer()))

    async def close(self) -> None:
        """Close both, when their threads have done their work."""
        await self._reader.close()
        await self._writer.close()

    def _open_writer(self) -> sqlite3.Connection:
        if self._writer.connection is None:
            schema.refuse_foreign(self.path)
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
            weakref.finalize(self, connection.close)  # Also at exit: empties the WAL into the file.
            self._writer.connection = connection
        return self._writer.connection

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
