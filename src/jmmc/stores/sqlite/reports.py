"""The half of the SQLite store that keeps what was made of the samples."""

import sqlite3
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from typing import Any, Protocol, TypeVar

import msgspec

from jmmc.quality.filters import FILTERS, SummaryFilter
from jmmc.quality.rollups import Rollup, Sums
from jmmc.quality.summary import Decile, LiveSession, SearchHit, Summary
from jmmc.stores.search_names import NAMED, kind_of, names_of, stored_kind
from jmmc.stores.sqlite.transaction import transaction
from jmmc.stores.summary_columns import SUMMARY_COLUMNS, column

_T = TypeVar("_T")

_PRUNED = 500  # Summaries a transaction: some 5 MB.
_HAS_NAME = {
    "room": "SELECT 1 FROM summaries WHERE conf = ? LIMIT 1",
    "participant": "SELECT 1 FROM summaries WHERE uid = ? LIMIT 1",
    "address": "SELECT 1 FROM summaries WHERE whole ->> 'address' = ? LIMIT 1",
    "provider": "SELECT 1 FROM summaries WHERE provider = ? AND provider <> '' LIMIT 1",
}
_LAST = 2**63 - 1
_BEGAN = "began >= ? AND began < ?"
_PIECE = 2000  # Summaries looked at together: what is made of them takes the event loop some 5 ms.
_PARTS = msgspec.json.Decoder(dict[str, tuple[Sums, ...]])
_SUMMARY = msgspec.json.Decoder(Summary)
_PRESENCE = msgspec.json.Decoder(LiveSession)
_PRESENT = 500  # People read together: 2 ms.


class _File(Protocol):
    """What the store that owns the file lends us."""

    async def read(self, statement: str, values: Sequence[object]) -> list[Any]:
        """Rows, from the reader's thread."""

    async def write(self, work: Callable[[sqlite3.Connection], _T]) -> _T:
        """Do something in the writer's thread."""


class SqliteReports:
    """`Reports` in the file of an SQLite store."""

    def __init__(self, file: _File) -> None:
        self._file = file
        self._turn = 0

    async def dirty(self, limit: int) -> list[str]:
        """See `Reports.dirty`."""
        statement = (
            "SELECT id, sessions.session FROM dirty JOIN sessions ON id = dirty.session"
            " WHERE dirty.session > ? AND dirty.session <= ? ORDER BY dirty.session LIMIT ?"
        )
        rows = await self._file.read(statement, [self._turn, _LAST, limit])
        if len(rows) < limit:
            rows += await self._file.read(statement, [0, self._turn, limit - len(rows)])
        self._turn = rows[-1][0] if rows else 0
        return [row[1] for row in rows]

    async def backlog(self) -> int:
        """See `Reports.backlog`."""
        return int((await self._file.read("SELECT count(*) FROM dirty", []))[0][0])

    async def overdue(self, before: int, limit: int) -> list[str]:
        """See `Reports.overdue`."""
        rows = await self._file.read(
            "SELECT session FROM summaries WHERE running AND last < ? AND NOT EXISTS"
            " (SELECT 1 FROM sessions JOIN dirty ON dirty.session = sessions.id"
            " WHERE sessions.session = summaries.session) LIMIT ?",
            [before, limit],
        )
        return [row[0] for row in rows]

    async def put_summaries(self, summaries: Sequence[Summary]) -> None:
        """See `Reports.put_summaries`."""
        rows = [_row(summary) for summary in summaries]
        names = [
            (stored_kind(kind), name, summary.last)
            for summary in summaries
            for kind, name in names_of(summary)
        ]
        seen = [(summary.session, summary.samples) for summary in summaries]
        await self._file.write(lambda connection: _put_summaries(connection, rows, names, seen))

    async def summaries(
        self, selection: SummaryFilter, *, limit: int, after: tuple[int, str] | None = None
    ) -> list[Summary]:
        """See `Reports.summaries`."""
        where, values = await self._where(selection)
        if after is not None:
            where += " AND (began, session) < (?, ?)"
            values += after
        rows = await self._file.read(
            f"SELECT whole FROM summaries WHERE {where} ORDER BY began DESC, session DESC LIMIT ?",
            [*values, limit],
        )
        return [_SUMMARY.decode(row[0]) for row in rows]

    async def get_summaries(self, ids: Sequence[str]) -> list[Summary]:
        """See `Reports.get_summaries`."""
        rows = await self._file.read(
            "SELECT whole FROM summaries WHERE session IN (SELECT value FROM json_each(?))",
            [msgspec.json.encode(list(ids)).decode()],
        )
        return [_SUMMARY.decode(row[0]) for row in rows]

    async def live_sessions(self) -> AsyncIterator[Sequence[LiveSession]]:
        """See `Reports.live_sessions`."""
        after: tuple[int, str] = (-_LAST, "")
        while True:
            rows = await self._file.read(
                "SELECT whole FROM summaries INDEXED BY summaries_that_run"
                " WHERE running AND (began, session) > (?, ?) ORDER BY began, session LIMIT ?",
                [*after, _PRESENT],
            )
            if not rows:
                return
            people = [_PRESENCE.decode(row[0]) for row in rows]
            after = (people[-1].began, people[-1].session)
            yield people

    async def facts(
        self, columns: Sequence[str], selection: SummaryFilter
    ) -> list[tuple[Any, ...]]:
        """See `Reports.facts`."""
        where, values = await self._where(selection)
        chosen = ", ".join(map(column, columns))
        return await self._file.read(
            f"SELECT {chosen} FROM summaries WHERE {where} ORDER BY began, session", values
        )

    async def columns(
        self, names: Sequence[str], selection: SummaryFilter
    ) -> AsyncIterator[Sequence[Sequence[Any]]]:
        """See `Reports.columns`.

        SQLite makes a text of each column, which takes half the time of making rows for Python.
        """
        texts = ", ".join(f"json_group_array({column(name)})" for name in names)
        parts, values = _filters(selection)
        indexed, its = _filters(
            msgspec.structs.replace(
                SummaryFilter(), room=selection.room, browser_id=selection.browser_id
            )
        )
        start = -_LAST if selection.since is None else await self._earliest(selection.since)
        end = _LAST if selection.until is None else selection.until
        while start < end:
            edge = await self._file.read(
                f"SELECT began FROM summaries WHERE {' AND '.join([*indexed, _BEGAN])}"
                " ORDER BY began LIMIT 1 OFFSET ?",
                [*its, start, end, _PIECE],
            )
            upto = max(edge[0][0], start + 1) if edge else end
            (found,) = await self._file.read(
                f"SELECT {texts} FROM summaries WHERE {' AND '.join([*parts, _BEGAN])}",
                [*values, start, upto],
            )
            yield [msgspec.json.decode(row) for row in found]
            start = upto

    async def deciles(self, selection: SummaryFilter) -> list[Decile]:
        """See `Reports.deciles`."""
        where, values = await self._where(selection)
        rows = await self._file.read(
            "SELECT conf, CASE WHEN good + fair + poor > 0"
            " THEN min(9, good * 10 / (good + fair + poor)) END AS tenth,"
            f" count(*), sum(fair), sum(poor) FROM summaries WHERE {where} GROUP BY conf, tenth",
            values,
        )
        return [Decile(*row) for row in rows]

    async def count_rooms(self, selection: SummaryFilter) -> int:
        """See `Reports.count_rooms`."""
        where, values = await self._where(selection)
        rows = await self._file.read(
            f"SELECT count(DISTINCT conf) FROM summaries WHERE {where}", values
        )
        return int(rows[0][0])

    async def erase(self, summaries: Sequence[Summary]) -> int:
        """See `Reports.erase`."""
        ids = [(summary.session,) for summary in summaries]
        names = {
            (kind, name): str(getattr(summary, NAMED[kind]))
            for summary in summaries
            for kind, name in names_of(summary)
        }
        return await self._file.write(lambda connection: _erase(connection, ids, names))

    async def prune(self, before: int) -> int:
        """See `Reports.prune`."""
        return await self._file.write(lambda connection: _prune(connection, before))

    async def put_rollups(self, rollups: Sequence[Rollup]) -> None:
        """See `Reports.put_rollups`."""
        rows = [
            (
                rollup.dimension,
                rollup.length,
                rollup.start,
                msgspec.json.encode(rollup.values).decode(),
            )
            for rollup in rollups
        ]
        await self._file.write(lambda connection: _put_rollups(connection, rows))

    async def rollups(self, dimension: str, length: int, since: int, until: int) -> list[Rollup]:
        """See `Reports.rollups`."""
        rows = await self._file.read(
            "SELECT start, parts FROM rollups WHERE dimension = ? AND length = ?"
            " AND start >= ? AND start < ? ORDER BY start",
            [dimension, length, since, until],
        )
        return [Rollup(length, start, dimension, _PARTS.decode(parts)) for start, parts in rows]

    async def search(self, text: str, limit: int) -> list[SearchHit]:
        """See `Reports.search`."""
        rows = await self._file.read(
            "SELECT kind, name, last FROM names WHERE instr(name, ?)"
            " ORDER BY instr(name, ?) > 1, last DESC, name LIMIT ?",
            [text.lower(), text.lower(), limit],
        )
        return [SearchHit(kind_of(kind), name, last) for kind, name, last in rows]

    async def put_record(self, kind: str, name: str, content: bytes) -> None:
        """See `Reports.put_record`."""
        await self._write(
            "INSERT INTO records (kind, name, content) VALUES (?, ?, ?)"
            " ON CONFLICT DO UPDATE SET content = excluded.content",
            [kind, name, content.decode()],
        )

    async def records(self, kind: str) -> dict[str, bytes]:
        """See `Reports.records`."""
        rows = await self._file.read("SELECT name, content FROM records WHERE kind = ?", [kind])
        return {name: content.encode() for name, content in rows}

    async def delete_record(self, kind: str, name: str) -> bool:
        """See `Reports.delete_record`."""
        deleted = await self._write("DELETE FROM records WHERE kind = ? AND name = ?", [kind, name])
        return deleted > 0

    async def lease(self, name: str, holder: str, *, now: int, seconds: int) -> bool:
        """See `Reports.lease`."""
        content = msgspec.json.encode({"holder": holder, "until": now + seconds}).decode()
        taken = await self._write(
            "INSERT INTO records (kind, name, content) VALUES ('lease', ?, ?)"
            " ON CONFLICT DO UPDATE SET content = excluded.content"
            " WHERE content ->> 'holder' = ? OR content ->> 'until' <= ?",
            [name, content, holder, now],
        )
        return taken > 0

    async def _where(self, selection: SummaryFilter) -> tuple[str, list[object]]:
        parts, values = _filters(selection)
        if selection.until is not None:
            parts.append("began < ?")
            values.append(selection.until)
        if selection.since is not None:
            parts.append("began >= ?")
            values.append(await self._earliest(selection.since))
        return " AND ".join(parts) or "1", values

    async def _earliest(self, since: int) -> int:
        """When those have begun at the earliest who were there at `since`, for an index on that.

        No session is longer than the longest.
        """
        ((longest,),) = await self._file.read("SELECT max(ended - began) FROM summaries", [])
        return since - int(longest or 0)

    async def _write(self, statement: str, values: Sequence[object]) -> int:
        return await self._file.write(
            lambda connection: connection.execute(statement, values).rowcount
        )


def _filters(selection: SummaryFilter) -> tuple[list[str], list[object]]:
    """Conditions and their values, but for the time of the beginning."""
    parts: list[str] = []
    values: list[object] = []
    for row in FILTERS:
        if (value := getattr(selection, row.field)) is None:
            continue
        name = column(row.field)
        if row.prefix:
            parts.append(f"({name} = ? OR substr({name}, 1, ?) = ?)")
            values += [value, len(value) + 1, f"{value} "]
        else:
            parts.append(f"{name} = ?")
            values.append(value)
    if selection.running is not None:
        parts.append("running" if selection.running else "NOT running")
    if selection.since is not None:
        parts.append("ended >= ?")
        values.append(selection.since)
    return parts, values


def _put_summaries(
    connection: sqlite3.Connection,
    rows: Sequence[tuple[object, ...]],
    names: Sequence[tuple[str, str, int]],
    seen: Sequence[tuple[str, int]],
) -> None:
    columns = ", ".join(map(column, SUMMARY_COLUMNS))
    marks = ", ".join("?" * (len(SUMMARY_COLUMNS) + 2))
    with transaction(connection):
        connection.executemany(
            f"INSERT OR REPLACE INTO summaries ({columns}, series, whole) VALUES ({marks})",
            rows,
        )
        connection.executemany(
            "INSERT INTO names (kind, name, last) VALUES (?, ?, ?)"
            " ON CONFLICT DO UPDATE SET last = max(last, excluded.last)",
            names,
        )
        # A sample may have come since the session was read: then it stays dirty.
        connection.executemany(
            "DELETE FROM dirty WHERE session = (SELECT id FROM sessions WHERE session = ?1)"
            " AND (SELECT count(*) FROM samples WHERE session = dirty.session) = ?2",
            seen,
        )


def _erase(
    connection: sqlite3.Connection,
    ids: Sequence[tuple[str]],
    names: Mapping[tuple[str, str], str],
) -> int:
    gone = 0
    with transaction(connection):
        connection.executemany("DELETE FROM summaries WHERE session = ?", ids)
        for (kind, name), stored in names.items():
            if connection.execute(_HAS_NAME[kind], [stored]).fetchone() is None:
                gone += connection.execute(
                    "DELETE FROM names WHERE kind = ? AND name = ?", [stored_kind(kind), name]
                ).rowcount
    return gone


def _prune(connection: sqlite3.Connection, before: int) -> int:
    with transaction(connection):
        gone = connection.execute(
            "DELETE FROM summaries WHERE session IN (SELECT session FROM summaries"
            " WHERE began < ?1 AND last < ?1 AND ended < ?1 ORDER BY began LIMIT ?2)",
            [before, _PRUNED],
        ).rowcount
        if not gone:
            connection.execute("DELETE FROM names WHERE last < ?", [before])
            connection.execute("DELETE FROM rollups WHERE start < ?", [before])
    return gone


def _put_rollups(connection: sqlite3.Connection, rows: Sequence[tuple[str, int, int, str]]) -> None:
    with transaction(connection):
        connection.executemany(
            "INSERT OR REPLACE INTO rollups (dimension, length, start, parts) VALUES (?, ?, ?, ?)",
            rows,
        )


def _row(summary: Summary) -> tuple[object, ...]:
    return (
        *(getattr(summary, summary_column) for summary_column in SUMMARY_COLUMNS),
        msgspec.json.encode(summary.series).decode(),
        msgspec.json.encode(summary).decode(),
    )
