"""`Store` on one SQLite file."""

import asyncio
import sqlite3
from collections.abc import AsyncGenerator, Callable, Sequence
from pathlib import Path

from jmmc.core.errors import StoreError
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
from jmmc.stores.local_disk import disk_of
from jmmc.stores.sqlite import archive, reading, upkeep
from jmmc.stores.sqlite.appending import Appender
from jmmc.stores.sqlite.connections import Connections
from jmmc.stores.sqlite.reports import SqliteReports

_PACKED = 20  # Sessions per transaction, at most.
_WIPE_TRIES = 50  # 0.2 s apart: an answer reads for as long, an export for minutes.


class SqliteStore:
    """`Store` on the file at `path`, made when it does not exist.

    With `read_only` it must exist, and neither it nor its folder is written to: methods that write
    raise `StoreError`.
    """

    def __init__(self, path: str | Path, *, read_only: bool = False) -> None:
        self.path = Path(path)
        self.connections = Connections(self.path, read_only=read_only)
        self.appender = Appender(self.connections)
        self.reports = SqliteReports(self.connections)

    @property
    def is_open(self) -> bool:
        """Whether the file is open."""
        return self.connections.are_open

    async def disks(self) -> list[Disk]:
        """See `OnDisk.disks`."""
        return [await disk_of(self.path.resolve().parent)]

    async def open(self) -> None:
        """See `Store.open`."""
        await self.connections.open()

    async def append(self, pushes: Sequence[Push]) -> list[Receipt | Refusal]:
        """See `Store.append`."""
        return await self.appender.append(pushes)

    async def holds(self, session: str) -> bool:
        """See `Store.holds`."""
        return await reading.holds(self.connections, session)

    def sessions(self, selection: SessionFilter) -> AsyncGenerator[Session]:
        """See `Store.sessions`."""
        return reading.read_sessions(self.connections, selection)

    async def count(self, selection: SessionFilter) -> int:
        """See `Store.count`."""
        return await reading.count_sessions(self.connections, selection)

    async def get(self, ids: Sequence[str]) -> list[Session]:
        """See `Store.get`."""
        return await reading.get_sessions(self.connections, ids)

    async def lengths(self, ids: Sequence[str]) -> dict[str, int]:
        """See `Store.lengths`."""
        return await reading.lengths(self.connections, ids)

    async def samples_after(self, known: Sequence[Progress]) -> dict[str, tuple[Sample, ...]]:
        """See `Store.samples_after`."""
        return await reading.samples_after(self.connections, known)

    async def session_times(self) -> tuple[int, int] | None:
        """See `Store.session_times`."""
        return await reading.session_times(self.connections)

    async def prune(self, before: int) -> int:
        """See `Store.prune`."""
        changed = await self._change(lambda connection: upkeep.prune(connection, before))
        return len(changed.sessions)

    async def pack(self, before: int) -> int:
        """See `Store.pack`."""
        quiet = dict(await self.connections.read(archive.QUIET, [before, before, _PACKED]))
        if not quiet:
            return 0
        changed = await self._change(lambda connection: upkeep.pack(connection, quiet))
        return len(changed.sessions)

    async def erase(self, selection: SessionFilter) -> Erased:
        """See `Store.erase`."""
        changed = await self._change(lambda connection: upkeep.erase(connection, selection))
        return Erased(len(changed.sessions), changed.samples)

    async def wipe_deleted(self) -> None:
        """See `Store.wipe_deleted`. Empties the write-ahead log, which has older pages."""
        for _ in range(_WIPE_TRIES):
            if await self.connections.write(upkeep.empty_log):
                return
            await asyncio.sleep(0.2)
        raise StoreError(f"{self.path}: a reader keeps the log in use; try again when it is done")

    async def release_space(self) -> int:
        """See `Store.release_space`. Needs a file that was made, or compacted, by this version."""
        return await self.connections.write(upkeep.release_space)

    async def check(self) -> Condition:
        """See `Store.check`."""
        await self.connections.write(upkeep.probe)
        pages = "pragma_page_count(), pragma_freelist_count(), pragma_page_size()"
        ((count, free, size),) = await self.connections.read(f"SELECT * FROM {pages}", [])
        return Condition(size=count * size, reusable=free * size)

    async def verify(self) -> list[str]:
        """The problems that SQLite's own check of the file finds, none when it is sound.

        Reads the whole file, at about 10 s per gigabyte.
        """
        try:
            rows = await self.connections.read("PRAGMA quick_check(10)", [])
        except StoreError as error:
            if isinstance(error.__cause__, sqlite3.DatabaseError) and (
                error.__cause__.sqlite_errorcode == sqlite3.SQLITE_CORRUPT
            ):
                return [str(error)]  # Not even the list of tables can be read.
            raise
        lines = [line for row in rows for line in row[0].splitlines()]
        return [line for line in lines if line != "ok" and not line.startswith("***")]

    async def close(self) -> None:
        """See `Store.close`."""
        await self.connections.close()
        self.appender.forget_all()

    async def _change(self, step: Callable[[sqlite3.Connection], upkeep.Changed]) -> upkeep.Changed:
        """Do a step of upkeep; the appender forgets its sessions before the next write."""

        def change(connection: sqlite3.Connection) -> upkeep.Changed:
            changed = step(connection)
            self.appender.forget(changed.sessions)
            return changed

        return await self.connections.write(change)
