"""The file of a spool: an SQLite store that is emptied from its oldest session on."""

import asyncio
import sqlite3
from collections.abc import Iterable, Sequence
from itertools import groupby
from pathlib import Path
from typing import Any, NamedTuple

from msgspec.structs import replace

from jmmc.core.model import Dialect, Push
from jmmc.stores.sqlite.recovery import damage_of, intact, put_aside
from jmmc.stores.sqlite.rows import sample_of
from jmmc.stores.sqlite.store import SqliteStore
from jmmc.stores.sqlite.transaction import transaction


class SpooledSession(NamedTuple):
    """Samples of one session in the file, as a push; the session's key and their seqs there."""

    push: Push
    key: int
    seqs: list[int]

    def halves(self) -> "tuple[SpooledSession, SpooledSession]":
        """The first and the second half of the samples, in two."""
        push, middle = self.push, len(self.seqs) // 2
        return (
            SpooledSession(
                replace(push, samples=push.samples[:middle]), self.key, self.seqs[:middle]
            ),
            SpooledSession(
                replace(push, samples=push.samples[middle:]), self.key, self.seqs[middle:]
            ),
        )


class Recovered(NamedTuple):
    """A damaged file that was replaced: why, where it is kept, and how many samples were intact."""

    why: str
    kept: Path
    samples: int


class SpoolFile(SqliteStore):
    """An SQLite store that can be emptied, and recovered when the disk has damaged it."""

    async def recover(self) -> Recovered | None:
        """Replace a damaged file by one with its intact samples; None when it is not damaged.

        Call it before `open`. Can be interrupted and repeated at any time.
        """
        path = self.path
        sound = path.with_name("spool.sound.db")
        half = path.with_name("spool.half.db")
        why = "it was being replaced"
        samples = 0
        if not sound.exists():
            if self.is_open or (damage := await asyncio.to_thread(damage_of, path)) is None:
                return None
            why = damage
            half.unlink(missing_ok=True)
            half.with_name(half.name + "-wal").unlink(missing_ok=True)
            copy = SpoolFile(half)
            await copy.open()
            for push in await asyncio.to_thread(lambda: list(intact(path))):
                await copy.append([push])
                samples += len(push.samples)
            await copy.close()
            half.replace(sound)
        return Recovered(why, put_aside(path, sound), samples)

    async def oldest(
        self, samples: int, *, without: Iterable[int] = (), only: int | None = None
    ) -> list[SpooledSession]:
        """At most `samples` samples, of the sessions that came first.

        `without` are keys of sessions to leave out, `only` is the key of the only session.
        """
        keys = f"[{','.join(map(str, without))}]"
        rows = await self.connections.read(
            "SELECT sessions.id, sessions.session, conf, uid, dialect, seq, ts, marks, readings"
            " FROM samples JOIN sessions ON sessions.id = samples.session"
            " WHERE samples.session NOT IN (SELECT value FROM json_each(?))"
            " AND samples.session = coalesce(?, samples.session)"
            " ORDER BY samples.session, seq LIMIT ?",
            [keys, only, samples],
        )
        return [_spooled_session(list(group)) for _, group in groupby(rows, key=lambda row: row[0])]

    async def delete_moved(self, moved: Sequence[SpooledSession]) -> None:
        """Delete exactly the samples that were moved, and sessions that have none left."""
        await self.connections.write(lambda connection: self._delete(connection, moved))

    async def samples(self) -> int:
        """How many samples wait."""
        return int((await self.connections.read("SELECT count(*) FROM samples", []))[0][0])

    async def bytes(self) -> int:
        """How many bytes of the file are in use; SQLite reuses the rest."""
        pages = "pragma_page_count(), pragma_freelist_count(), pragma_page_size()"
        rows = await self.connections.read(f"SELECT * FROM {pages}", [])
        total, free, size = rows[0]
        return int((total - free) * size)

    async def shrink(self) -> None:
        """Return the space of an empty file to the disk."""
        await self.connections.write(lambda connection: connection.execute("VACUUM"))
        checkpoint = "PRAGMA wal_checkpoint(TRUNCATE)"
        await self.connections.write(lambda connection: connection.execute(checkpoint).fetchall())

    def _delete(self, connection: sqlite3.Connection, moved: Iterable[SpooledSession]) -> None:
        with transaction(connection):
            for session in moved:
                connection.executemany(
                    "DELETE FROM samples WHERE session = ? AND seq = ?",
                    [(session.key, seq) for seq in session.seqs],
                )
                emptied = connection.execute(
                    "DELETE FROM sessions WHERE id = ? AND NOT EXISTS"
                    " (SELECT 1 FROM samples WHERE session = sessions.id)",
                    [session.key],
                )
                connection.execute("DELETE FROM dirty WHERE session = ?", [session.key])
                if emptied.rowcount:
                    self.appender.forget([session.push.session])


def _spooled_session(rows: list[Any]) -> SpooledSession:
    key, session, room, browser_id, dialect_number = rows[0][:5]
    dialect = Dialect(dialect_number)
    samples = tuple(sample_of(dialect, *row[5:]) for row in rows)
    return SpooledSession(
        Push(session, room, browser_id, dialect, samples), key, [row[5] for row in rows]
    )
