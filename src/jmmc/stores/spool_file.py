"""The file of a spool: an SQLite store that is emptied from its beginning."""

import sqlite3
from collections.abc import Iterable, Sequence
from itertools import groupby
from typing import Any, NamedTuple

from jmmc.core.model import Dialect, Push
from jmmc.stores.sqlite.rows import sample_of
from jmmc.stores.sqlite.store import SqliteStore
from jmmc.stores.sqlite.transaction import transaction


class SpooledSession(NamedTuple):
    """Samples of one session in the file, as a push, and the rows that they are in."""

    push: Push
    key: int
    seqs: list[int]


class SpoolFile(SqliteStore):
    """The SQLite store, and what it takes to empty it."""

    async def oldest(self, samples: int) -> list[SpooledSession]:
        """Samples of the sessions that came first, at most `samples` of them."""
        rows = await self.connections.read(
            "SELECT sessions.id, sessions.session, conf, uid, dialect, seq, ts, marks, readings"
            " FROM samples JOIN sessions ON sessions.id = samples.session"
            " ORDER BY samples.session, seq LIMIT ?",
            [samples],
        )
        return [_waiting(list(value)) for _, value in groupby(rows, key=lambda row: row[0])]

    async def settle(self, moved: Sequence[SpooledSession]) -> None:
        """Delete exactly the samples that were moved, and sessions that have none left."""
        await self.connections.write(lambda connection: self._settle(connection, moved))

    async def samples(self) -> int:
        """How many samples wait."""
        return int((await self.connections.read("SELECT count(*) FROM samples", []))[0][0])

    async def bytes(self) -> int:
        """How much of the file is in use; SQLite uses again what is free."""
        pages = "pragma_page_count(), pragma_freelist_count(), pragma_page_size()"
        rows = await self.connections.read(f"SELECT * FROM {pages}", [])
        total, free, size = rows[0]
        return int((total - free) * size)

    async def shrink(self) -> None:
        """Give the disk back what an empty file holds."""
        await self.connections.write(lambda connection: connection.execute("VACUUM"))
        checkpoint = "PRAGMA wal_checkpoint(TRUNCATE)"
        await self.connections.write(lambda connection: connection.execute(checkpoint).fetchall())

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
                    self.appender.forget([item.push.session])


def _waiting(rows: list[Any]) -> SpooledSession:
    key, session, room, browser_id, dialect_number = rows[0][:5]
    dialect = Dialect(dialect_number)
    samples = tuple(sample_of(dialect, *row[5:]) for row in rows)
    return SpooledSession(
        Push(session, room, browser_id, dialect, samples), key, [row[5] for row in rows]
    )
