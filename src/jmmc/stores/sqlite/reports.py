"""`Reports` in the file of an SQLite store."""

import asyncio
from bisect import bisect_left
from collections.abc import AsyncIterator, Sequence, Set
from typing import Any

import msgspec

from jmmc.core.partitions import partition_of
from jmmc.quality.causes.recorded import RecordedIncident, StoredIncident
from jmmc.quality.day_columns import FORM, DayColumns, pack, unpack
from jmmc.quality.day_totals import DayTotals, pack_totals, unpack_totals
from jmmc.quality.filters import SELDOM_KNOWN, IncidentFilter, IncidentOrder, SummaryFilter
from jmmc.quality.ordering import NEWEST_FIRST, Order
from jmmc.quality.rollups import DAY, Rollup
from jmmc.quality.summary import Decile, LiveSession, SearchHit, Summary
from jmmc.quality.usage import UsageSums
from jmmc.stores.contract import CLOCK_SKEW, EVERY_PARTITION, LEASES
from jmmc.stores.kept_days import KeptDays
from jmmc.stores.rollup_values import Values, rollup_of, rollup_without_details
from jmmc.stores.searchable_names import NAMED, kind_of, names_of, stored_kind
from jmmc.stores.sqlite import incidents, older_rows, summary_writes
from jmmc.stores.sqlite.compression import compress
from jmmc.stores.sqlite.connections import Connections
from jmmc.stores.sqlite.older_rows import SUMMARY_JSON, rollup_json, summary_json
from jmmc.stores.sqlite.selection import order_key, read_column, summary_conditions

_MAXIMUM = 2**63 - 1  # Of an integer in SQLite.
_LONGEST = "(SELECT coalesce(max(ended - began), 0) FROM summaries)"
"""The longest session: what runs at a moment began no longer before, so an index is enough."""

_BEGAN = f"began >= ? - ? * {_LONGEST} AND began < ?"

_PART = 2000  # Summaries read together: their rows take the event loop some 5 ms.
_LONG_WINDOW = 4 * DAY  # Seconds: in a shorter one, counting its sessions is quicker.
_FEW_ROOMS = 10_000  # Each takes some 10 µs to look up; a session takes 0.3 µs to count.
_VALUES = msgspec.json.Decoder(Values)
_USAGE = msgspec.json.Decoder(UsageSums)
_SUMMARY = msgspec.json.Decoder(Summary)
_LIVE_SESSION = msgspec.json.Decoder(LiveSession)
_LIVE_SESSIONS = 500  # Read together: 2 ms.


class SqliteReports:
    """`Reports` in the file that `connections` lead to."""

    def __init__(self, connections: Connections) -> None:
        self._connections = connections
        self._columns = KeptDays(unpack)
        self._totals = KeptDays(unpack_totals)
        self._last_dirty = 0

    async def dirty(self, limit: int, partitions: Set[int] = EVERY_PARTITION) -> list[str]:
        """See `Reports.dirty`."""
        statement = (
            "SELECT id, sessions.session, conf FROM dirty JOIN sessions ON id = dirty.session"
            " WHERE dirty.session > ? AND dirty.session <= ? ORDER BY dirty.session LIMIT ?"
        )
        rows = await self._connections.read(statement, [self._last_dirty, _MAXIMUM, limit])
        if len(rows) < limit:
            rows += await self._connections.read(
                statement, [0, self._last_dirty, limit - len(rows)]
            )
        self._last_dirty = rows[-1][0] if rows else 0
        if partitions == EVERY_PARTITION:
            return [session for _, session, _ in rows]
        return [session for _, session, room in rows if partition_of(room) in partitions]

    async def backlog(self) -> int:
        """See `Reports.backlog`."""
        return int((await self._connections.read("SELECT count(*) FROM dirty", []))[0][0])

    async def overdue(
        self,
        before: int,
        limit: int,
        partitions: Set[int] = EVERY_PARTITION,
        *,
        after: int | None = None,
    ) -> list[str]:
        """See `Reports.overdue`."""
        rows = await self._connections.read(
            "SELECT session, conf FROM summaries WHERE running AND (last < ? OR last > ?)"
            " AND NOT EXISTS (SELECT 1 FROM sessions JOIN dirty ON dirty.session = sessions.id"
            " WHERE sessions.session = summaries.session)",
            [before, _MAXIMUM if after is None else after],
        )
        return [session for session, room in rows if partition_of(room) in partitions][:limit]

    async def put_summaries(self, summaries: Sequence[Summary]) -> None:
        """See `Reports.put_summaries`."""
        rows = [summary_writes.summary_row(summary) for summary in summaries]
        names = [
            (stored_kind(kind), name, summary.last)
            for summary in summaries
            for kind, name in names_of(summary)
        ]
        covered = [(summary.session, summary.samples) for summary in summaries]
        await self._connections.write(
            lambda connection: summary_writes.put_summaries(connection, rows, names, covered)
        )

    async def summaries(
        self,
        selection: SummaryFilter,
        *,
        limit: int,
        order: Order = NEWEST_FIRST,
        after: tuple[Any, str] | None = None,
    ) -> list[Summary]:
        """See `Reports.summaries`."""
        where, values = _where(selection)
        key = order_key(order)
        if after is not None:
            where += f" AND ({key}, session) {'<' if order.falling else '>'} (?, ?)"
            values += after
        by = "DESC" if order.falling else "ASC"
        # The rows are sorted without their JSON, which is large.
        rows = await self._connections.read(
            f"SELECT {SUMMARY_JSON} FROM summaries JOIN"
            f" (SELECT rowid AS place, {key} AS key, session AS id FROM summaries WHERE {where}"
            f" ORDER BY key {by}, id {by} LIMIT ?) ON summaries.rowid = place"
            f" ORDER BY key {by}, id {by}",
            [*values, limit],
        )
        return [_SUMMARY.decode(summary_json(*row)) for row in rows]

    async def get_summaries(self, ids: Sequence[str]) -> list[Summary]:
        """See `Reports.get_summaries`."""
        rows = await self._connections.read(
            f"SELECT {SUMMARY_JSON} FROM summaries"
            " WHERE session IN (SELECT value FROM json_each(?))",
            [msgspec.json.encode(list(ids)).decode()],
        )
        return [_SUMMARY.decode(summary_json(*row)) for row in rows]

    async def sessions_beginning(self, prefix: str, limit: int) -> list[str]:
        """See `Reports.sessions_beginning`."""
        rows = await self._connections.read(
            "SELECT session FROM summaries WHERE session >= ? AND session < ?"
            " ORDER BY session LIMIT ?",
            [prefix, f"{prefix}g", limit],
        )
        return [session for (session,) in rows]

    async def live_sessions(self) -> AsyncIterator[Sequence[LiveSession]]:
        """See `Reports.live_sessions`."""
        after: tuple[int, str] = (-_MAXIMUM, "")
        while True:
            sessions = await self._connections.read_as(
                _live_sessions,
                f"SELECT {SUMMARY_JSON} FROM summaries INDEXED BY summaries_that_run"
                " WHERE running AND (began, session) > (?, ?) ORDER BY began, session LIMIT ?",
                [*after, _LIVE_SESSIONS],
            )
            if not sessions:
                return
            after = (sessions[-1].began, sessions[-1].session)
            yield sessions

    async def facts(
        self, columns: Sequence[str], selection: SummaryFilter
    ) -> list[tuple[Any, ...]]:
        """See `Reports.facts`."""
        where, values = _where(selection)
        fields = ", ".join(map(read_column, columns))
        return await self._connections.read(
            f"SELECT {fields} FROM summaries WHERE {where} ORDER BY began, session", values
        )

    async def columns(
        self, names: Sequence[str], selection: SummaryFilter
    ) -> AsyncIterator[Sequence[Sequence[Any]]]:
        """See `Reports.columns`.

        SQLite makes one JSON text of each column: half the time that rows for Python take. Those
        that began in the last second of a part may go on in the next one, which begins with them.
        """
        fields = ", ".join(
            f"{read_column(name)} AS c{place}" for place, name in enumerate((*names, "began"))
        )
        texts = ", ".join(f"json_group_array(c{place})" for place in range(len(names) + 1))
        conditions, values = summary_conditions(selection)
        # What was there at the beginning began no longer before than the longest session lasted.
        start, longest = (-_MAXIMUM, 0) if selection.since is None else (selection.since, 1)
        end = _MAXIMUM if selection.until is None else selection.until
        most = _PART
        while True:
            *columns, began = await self._connections.read_as(
                _columns,
                f"SELECT {texts} FROM (SELECT {fields} FROM summaries"
                f" WHERE {' AND '.join([*conditions, _BEGAN])} ORDER BY began LIMIT ?)",
                [*values, start, longest, end, most],
            )
            if len(began) < most:
                yield columns
                return
            if kept := bisect_left(began, began[-1]):
                yield [column[:kept] for column in columns]
                start, longest, most = began[-1], 0, _PART
            else:
                most *= 2

    async def count_values(self, field: str, selection: SummaryFilter) -> dict[str, int]:
        """See `Reports.count_values`."""
        where, values = _where(selection)
        if within := SELDOM_KNOWN.get(field):
            where += f" AND {within} <> ''"
        rows = await self._connections.read(
            f"SELECT {read_column(field)} AS value, count(*) FROM summaries WHERE {where}"
            " GROUP BY value",
            values,
        )
        return dict(rows)

    async def deciles(self, selection: SummaryFilter) -> list[Decile]:
        """See `Reports.deciles`."""
        where, values = _where(selection)
        rows = await self._connections.read(
            "SELECT conf, CASE WHEN good + fair + poor > 0"
            " THEN min(9, good * 10 / (good + fair + poor)) END AS tenth,"
            f" count(*), sum(fair), sum(poor) FROM summaries WHERE {where} GROUP BY conf, tenth",
            values,
        )
        return [Decile(*row) for row in rows]

    async def count_rooms(self, selection: SummaryFilter) -> int:
        """See `Reports.count_rooms`."""
        where, values = _where(selection)
        is_long = (
            selection.only_window
            and (selection.until or _MAXIMUM) - (selection.since or 0) > _LONG_WINDOW
        )
        if is_long and await self._has_few_rooms():
            # The first session of each room is found in an index, and the next room after it.
            rows = await self._connections.read(
                "WITH RECURSIVE rooms (room) AS (SELECT min(conf) FROM summaries UNION ALL"
                " SELECT (SELECT min(conf) FROM summaries WHERE conf > room) FROM rooms"
                " WHERE room IS NOT NULL)"
                " SELECT count(*) FROM rooms WHERE room IS NOT NULL AND EXISTS"
                f" (SELECT 1 FROM summaries WHERE conf = room AND {where})",
                values,
            )
            return int(rows[0][0])
        rows = await self._connections.read(
            f"SELECT count(DISTINCT conf) FROM summaries WHERE {where}", values
        )
        return int(rows[0][0])

    async def erase(self, summaries: Sequence[Summary]) -> int:
        """See `Reports.erase`."""
        return await self._erase([(summary.session,) for summary in summaries], summaries)

    async def drop_names(self, former: Sequence[Summary]) -> int:
        """See `Reports.drop_names`."""
        return await self._erase([], former)

    async def _erase(self, ids: Sequence[tuple[str]], summaries: Sequence[Summary]) -> int:
        names = {
            (kind, name): (str(getattr(summary, NAMED[kind])), summary.last)
            for summary in sorted(summaries, key=lambda summary: summary.last)
            for kind, name in names_of(summary)
        }
        return await self._connections.write(
            lambda connection: summary_writes.erase(connection, ids, names)
        )

    async def prune(self, before: int) -> int:
        """See `Reports.prune`."""
        return await self._connections.write(
            lambda connection: summary_writes.prune(connection, before)
        )

    async def put_rollups(self, rollups: Sequence[Rollup]) -> None:
        """See `Reports.put_rollups`."""
        # In a thread: an hour with hundreds of values in each dimension takes 0.1 s.
        rows = await asyncio.to_thread(_rollup_rows, rollups)
        await self._connections.write(
            lambda connection: summary_writes.put_rollups(connection, rows)
        )

    async def rollups(
        self,
        dimension: str,
        length: int,
        since: int,
        until: int,
        *,
        value: str | None = None,
        details: bool = True,
    ) -> list[Rollup]:
        """See `Reports.rollups`."""
        of_stored = rollup_of if details else rollup_without_details
        return await self._connections.read_as(
            lambda rows: [
                of_stored(length, start, dimension, _VALUES.decode(rollup_json(*stored)), value)
                for start, *stored in rows
            ],
            "SELECT start, content, parts, replicates, joins FROM rollups WHERE dimension = ?"
            " AND length = ? AND start >= ? AND start < ? ORDER BY start",
            [dimension, length, since, until],
        )

    async def compress_older(self) -> tuple[int, int] | None:
        """See `Reports.compress_older`."""
        return await self._connections.write(older_rows.compress_older)

    async def claim_columns(self, start: int, token: str) -> None:
        """See `Reports.claim_columns`."""
        await self._connections.write(
            lambda connection: summary_writes.claim_columns(connection, start, token)
        )

    async def put_columns(
        self, start: int, token: str, columns: DayColumns | None, totals: DayTotals | None
    ) -> bool:
        """See `Reports.put_columns`."""
        packed = await asyncio.to_thread(lambda: (pack_totals(totals), pack(columns)))
        return await self._connections.write(
            lambda connection: summary_writes.put_columns(connection, start, token, *packed)
        )

    async def days_with_columns(self, since: int, until: int) -> list[int]:
        """See `Reports.days_with_columns`."""
        rows = await self._connections.read(
            "SELECT start FROM day_columns WHERE start >= ? AND start < ? AND form = ?"
            " ORDER BY start",
            [since, until, FORM],
        )
        return [start for (start,) in rows]

    async def day_columns(self, starts: Sequence[int]) -> list[DayColumns]:
        """See `Reports.day_columns`."""
        return await self._connections.read_as(
            self._columns.unpacked,
            "SELECT start, content FROM day_columns WHERE form = ?"
            " AND start IN (SELECT value FROM json_each(?)) ORDER BY start",
            [FORM, msgspec.json.encode(starts).decode()],
        )

    async def day_totals(self, starts: Sequence[int]) -> list[DayTotals]:
        """See `Reports.day_totals`."""
        return await self._connections.read_as(
            self._totals.unpacked,
            "SELECT start, totals FROM day_columns WHERE form = ?"
            " AND start IN (SELECT value FROM json_each(?)) ORDER BY start",
            [FORM, msgspec.json.encode(starts).decode()],
        )

    async def put_usage(self, days: Sequence[UsageSums]) -> None:
        """See `Reports.put_usage`."""
        rows = [(day.start, day.end, msgspec.json.encode(day).decode()) for day in days]
        await self._connections.write(lambda connection: summary_writes.put_usage(connection, rows))

    async def usage(self, since: int, until: int, *, limit: int = 0) -> list[UsageSums]:
        """See `Reports.usage`."""
        return await self._connections.read_as(
            lambda rows: [_USAGE.decode(content) for (content,) in rows],
            "SELECT content FROM usage WHERE start >= ? AND start < ?"
            " ORDER BY start, until LIMIT ?",
            [since, until, limit or -1],
        )

    async def search(self, text: str, limit: int) -> list[SearchHit]:
        """See `Reports.search`."""
        parts = text.lower().split()
        contains = " AND ".join("instr(name, ?)" for _ in parts) or "1"
        rows = await self._connections.read(
            f"SELECT kind, name, last FROM names WHERE {contains}"
            " ORDER BY instr(name, ?) <> 1, last DESC, name LIMIT ?",
            [*parts, text.lower(), limit],
        )
        return [SearchHit(kind_of(kind), name, last) for kind, name, last in rows]

    async def replace_incidents(
        self, gone: Sequence[str], changed: Sequence[StoredIncident]
    ) -> None:
        """See `Reports.replace_incidents`."""
        await incidents.replace_incidents(self._connections, gone, changed)

    async def stored_incidents(self, since: int, until: int) -> list[StoredIncident]:
        """See `Reports.stored_incidents`."""
        return await incidents.stored_incidents(self._connections, since, until)

    async def running_incidents(self) -> list[StoredIncident]:
        """See `Reports.running_incidents`."""
        return await incidents.running_incidents(self._connections)

    async def incidents(
        self,
        selection: IncidentFilter,
        *,
        limit: int,
        order: IncidentOrder,
        after: tuple[int, str] | None = None,
    ) -> list[RecordedIncident]:
        """See `Reports.incidents`."""
        return await incidents.select_incidents(
            self._connections, selection, limit=limit, order=order, after=after
        )

    async def get_incidents(self, ids: Sequence[str]) -> list[RecordedIncident]:
        """See `Reports.get_incidents`."""
        return await incidents.get_incidents(self._connections, ids)

    async def put_record(self, kind: str, name: str, content: bytes) -> None:
        """See `Reports.put_record`."""
        await self._write(
            "INSERT INTO records (kind, name, content) VALUES (?, ?, ?)"
            " ON CONFLICT DO UPDATE SET content = excluded.content",
            [kind, name, content.decode()],
        )

    async def replace_record(
        self, kind: str, name: str, before: bytes | None, after: bytes
    ) -> bool:
        """See `Reports.replace_record`."""
        if before is None:
            statement = (
                "INSERT INTO records (kind, name, content) VALUES (?, ?, ?) ON CONFLICT DO NOTHING"
            )
            return await self._write(statement, [kind, name, after.decode()]) > 0
        statement = "UPDATE records SET content = ? WHERE kind = ? AND name = ? AND content = ?"
        return await self._write(statement, [after.decode(), kind, name, before.decode()]) > 0

    async def records(self, kind: str) -> dict[str, bytes]:
        """See `Reports.records`."""
        rows = await self._connections.read(
            "SELECT name, content FROM records WHERE kind = ?", [kind]
        )
        return {name: content.encode() for name, content in rows}

    async def delete_record(self, kind: str, name: str) -> bool:
        """See `Reports.delete_record`."""
        deleted = await self._write("DELETE FROM records WHERE kind = ? AND name = ?", [kind, name])
        return deleted > 0

    async def lease(self, name: str, holder: str, *, now: int, seconds: int) -> bool:
        """See `Reports.lease`."""
        content = msgspec.json.encode({"holder": holder, "until": now + seconds}).decode()
        taken = await self._write(
            "INSERT INTO records (kind, name, content) VALUES (?, ?, ?)"
            " ON CONFLICT DO UPDATE SET content = excluded.content"
            " WHERE content ->> 'holder' = ? OR content ->> 'until' NOT BETWEEN ? AND ?",
            [LEASES, name, content, holder, now + 1, now + seconds + CLOCK_SKEW],
        )
        return taken > 0

    async def release(self, name: str, holder: str) -> None:
        """See `Reports.release`."""
        await self._write(
            "DELETE FROM records WHERE kind = ? AND name = ? AND content ->> 'holder' = ?",
            [LEASES, name, holder],
        )

    async def _has_few_rooms(self) -> bool:
        rows = await self._connections.read(
            "SELECT count(*) FROM (SELECT 1 FROM names WHERE kind = ? LIMIT ?)",
            [stored_kind("room"), _FEW_ROOMS],
        )
        return int(rows[0][0]) < _FEW_ROOMS

    async def _write(self, statement: str, values: Sequence[object]) -> int:
        return await self._connections.write(
            lambda connection: connection.execute(statement, values).rowcount
        )


def _rollup_rows(rollups: Sequence[Rollup]) -> list[tuple[str, int, int, bytes]]:
    return [
        (
            rollup.dimension,
            rollup.length,
            rollup.start,
            compress(msgspec.json.encode((rollup.values, rollup.replicates, rollup.joins))),
        )
        for rollup in rollups
    ]


def _live_sessions(rows: Sequence[tuple[Any, ...]]) -> list[LiveSession]:
    return [_LIVE_SESSION.decode(summary_json(*row)) for row in rows]


def _columns(rows: Sequence[tuple[str, ...]]) -> list[list[Any]]:
    (texts,) = rows
    return [msgspec.json.decode(text) for text in texts]


def _where(selection: SummaryFilter) -> tuple[str, list[object]]:
    conditions, values = summary_conditions(selection)
    if selection.until is not None:
        conditions.append("began < ?")
        values.append(selection.until)
    if selection.since is not None:
        conditions.append(f"began >= ? - {_LONGEST}")
        values.append(selection.since)
    return " AND ".join(conditions) or "1", values
