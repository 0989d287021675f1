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

_T = TypeVar("_T")

_WRITER_PRAGMAS = (
    "journal_mode = WAL",  # Neither the writer nor readers wait for each other.
    "synchronous = FULL",  # A commit is an fsync.
    "foreign_keys = ON",
    "secure_delete = ON",  # What is deleted is overwritten, and cannot be read from the file.
    "cache_size = -65536",  # KiB: for the last page of each of 16,000 sessions.
)
BUSY_SECONDS = 10.0  # Another process may be committing, which takes milliseconds.


class Connections:
    """The file at `path`: opened at the first use, made when it does not exist."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._writer = _Worker("jmmc-sqlite-writer")
        self._reader = _Worker("jmmc-sqlite-reader")

    @property
    def are_open(self) -> bool:
        """Whether the file is open."""
        return self._writer.connection is not None

    async def open(self) -> None:
        """Open both, and bring the schema up to date. Raises `UnusableStore`."""
        await self._writer.run(self._open_writer)
        await self._reader.run(self._open_reader)

    async def read(self, statement: str, values: Sequence[object]) -> list[Any]:
        """Run a query in the reader's thread, and return its rows."""
        return await self._reader.run(
            lambda: self._open_reader().execute(statement, values).fetchall()
        )

    async def write(self, work: Callable[[sqlite3.Connection], _T]) -> _T:
        """Do `work` with the writer's connection, in its thread. One piece of work at a time."""
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

    def _open_reader(self) -> sqlite3.Connection:
        if self._reader.connection is None:
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
