"""Writes summaries, their names, and rollups, on the writer's connection."""

import sqlite3
from collections.abc import Iterable, Mapping, Sequence
from operator import attrgetter
from typing import cast

import msgspec

from jmmc.quality.day_columns import FORM
from jmmc.quality.rollups import DAY
from jmmc.quality.summary import Summary
from jmmc.stores.searchable_names import stored_kind
from jmmc.stores.sqlite.compression import compress
from jmmc.stores.sqlite.transaction import transaction
from jmmc.stores.summary_columns import JSON_COLUMNS, SUMMARY_COLUMNS, column, json_columns

_PRUNED = 500  # Summaries per transaction: some 5 MB.
_ENCODE = msgspec.json.Encoder().encode
_columns_of = attrgetter(*SUMMARY_COLUMNS)

_COLUMNS = (*map(column, SUMMARY_COLUMNS), *JSON_COLUMNS, "whole", "content")
_REPLACE = (
    f"INSERT OR REPLACE INTO summaries ({', '.join(_COLUMNS)})"
    f" VALUES ({', '.join('?' * len(_COLUMNS))})"
)
_GOING_ON = (
    *("ended", "last", "running", "grade", "good", "fair", "poor", "unknown"),
    *("lane", "segments", "content"),
)
"""What changes while a session goes on: a third of the indexes have one of these columns."""


def _assignments(names: Iterable[str], operator: str) -> list[str]:
    return [f"{name} {operator} ?{_COLUMNS.index(name) + 1}" for name in names]


_SAME = [name for name in _COLUMNS if name not in _GOING_ON]
_GO_ON = (
    f"UPDATE summaries SET {', '.join(_assignments(_GOING_ON, '='))}"
    f" WHERE {' AND '.join(_assignments(_SAME, 'IS'))}"
)
"""Only where all else is the same: half of the work of replacing the row and all its entries."""

_HAVE_NAME = {
    "room": "FROM summaries WHERE conf = ?",
    "participant": "FROM summaries WHERE uid = ?",
    "address": "FROM summaries WHERE whole ->> 'address' = ?",
    "provider": "FROM summaries WHERE provider = ? AND provider <> ''",
    "name": "FROM summaries WHERE name_key = ? AND name_key <> ''",
    "code": "FROM summaries WHERE code = ? AND code <> ''",
}


def put_summaries(
    connection: sqlite3.Connection,
    rows: Sequence[tuple[object, ...]],
    names: Sequence[tuple[str, str, int]],
    covered: Sequence[tuple[str, int]],
) -> None:
    """Store rows of `summaries` and of `names`.

    `covered` has each session with the number of samples that its summary covers: a session with
    exactly so many is not dirty any more.
    """
    began, session = map(SUMMARY_COLUMNS.index, ("began", "session"))
    with transaction(connection):
        _drop_columns(
            connection,
            [cast(int, row[began]) for row in rows],
            [cast(str, row[session]) for row in rows],
        )
        others = [row for row in rows if not connection.execute(_GO_ON, row).rowcount]
        connection.executemany(_REPLACE, others)
        connection.executemany(
            "INSERT INTO names (kind, name, last) VALUES (?, ?, ?)"
            " ON CONFLICT DO UPDATE SET last = max(last, excluded.last)",
            names,
        )
        # A sample may have come since the session was read: then the session stays dirty.
        connection.executemany(
            "DELETE FROM dirty WHERE session = (SELECT id FROM sessions WHERE session = ?)"
            " AND (SELECT count(*) FROM samples WHERE session = dirty.session) = ?",
            covered,
        )


def erase(
    connection: sqlite3.Connection,
    ids: Sequence[tuple[str]],
    names: Mapping[tuple[str, str], tuple[str, int]],
) -> int:
    """Delete summaries, and those of `names` that no other summary has; how many names.

    `names` has the value of the summary's field by kind and name, and when a former summary had it
    last. A name that is kept was last there when one of the other summaries was.
    """
    deleted = 0
    with transaction(connection):
        _drop_columns(connection, (), [session for (session,) in ids])
        connection.executemany("DELETE FROM summaries WHERE session = ?", ids)
        for (kind, name), (stored, last) in names.items():
            others, key = _HAVE_NAME[kind], (stored_kind(kind), name)
            if connection.execute(f"SELECT 1 {others} LIMIT 1", [stored]).fetchone() is None:
                deleted += connection.execute(
                    "DELETE FROM names WHERE kind = ? AND name = ?", key
                ).rowcount
            else:
                connection.execute(
                    f"UPDATE names SET last = (SELECT max(last) {others})"
                    " WHERE kind = ? AND name = ? AND last <= ?",
                    [stored, *key, last],
                )
    return deleted


def prune(connection: sqlite3.Connection, before: int) -> int:
    """See `Reports.prune`."""
    with transaction(connection):
        connection.execute("DELETE FROM day_columns WHERE start < ?", [before])
        deleted = connection.execute(
            "DELETE FROM summaries WHERE session IN (SELECT session FROM summaries"
            " WHERE began < ? AND last < ? AND ended < ? ORDER BY began LIMIT ?)",
            [before, before, before, _PRUNED],
        ).rowcount
        if not deleted:
            connection.execute("DELETE FROM names WHERE last < ?", [before])
            connection.execute("DELETE FROM rollups WHERE start < ?", [before])
            connection.execute("DELETE FROM incidents WHERE ended < ?", [before])
    return deleted


def put_rollups(
    connection: sqlite3.Connection, rows: Sequence[tuple[str, int, int, bytes]]
) -> None:
    """Store rows of `rollups`."""
    with transaction(connection):
        connection.executemany(
            "INSERT OR REPLACE INTO rollups"
            " (dimension, length, start, content, parts, replicates, joins)"
            " VALUES (?, ?, ?, ?, '', '', '')",
            rows,
        )


def claim_columns(connection: sqlite3.Connection, start: int, token: str) -> None:
    """See `Reports.claim_columns`."""
    connection.execute(
        "INSERT OR REPLACE INTO day_columns (start, form, content) VALUES (?, ?, x'')",
        [start, token],
    )


def put_columns(connection: sqlite3.Connection, start: int, token: str, packed: bytes) -> bool:
    """See `Reports.put_columns`."""
    statement = "UPDATE day_columns SET form = ?, content = ? WHERE start = ? AND form = ?"
    return connection.execute(statement, [FORM, packed, start, token]).rowcount > 0


def _drop_columns(
    connection: sqlite3.Connection, moments: Iterable[int], sessions: Sequence[str]
) -> None:
    """Delete the columns of the days in which sessions begin at these moments, or began so far."""
    days = {(moment - moment % DAY,) for moment in moments}
    connection.executemany("DELETE FROM day_columns WHERE start = ?", sorted(days))
    connection.execute(
        "DELETE FROM day_columns WHERE start IN (SELECT began - began % ? FROM json_each(?)"
        " JOIN summaries ON summaries.session = value)",
        [DAY, msgspec.json.encode(sessions).decode()],
    )


def put_usage(connection: sqlite3.Connection, rows: Sequence[tuple[int, int, str]]) -> None:
    """Store rows of `usage`."""
    with transaction(connection):
        connection.executemany(
            "INSERT OR REPLACE INTO usage (start, until, content) VALUES (?, ?, ?)", rows
        )


def summary_row(summary: Summary) -> tuple[object, ...]:
    """The row of a summary: its columns, and all of it, compressed."""
    return (
        *_columns_of(summary),
        *json_columns(summary),
        _ENCODE({"address": summary.address}).decode(),
        compress(_ENCODE(summary)),
    )
