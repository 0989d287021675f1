"""Writes summaries, their names, and rollups, on the writer's connection."""

import sqlite3
from collections.abc import Mapping, Sequence

import msgspec

from jmmc.quality.summary import Summary
from jmmc.stores.searchable_names import stored_kind
from jmmc.stores.sqlite.transaction import transaction
from jmmc.stores.summary_columns import SUMMARY_COLUMNS, column

_PRUNED = 500  # Summaries per transaction: some 5 MB.
_HAS_NAME = {
    "room": "SELECT 1 FROM summaries WHERE conf = ? LIMIT 1",
    "participant": "SELECT 1 FROM summaries WHERE uid = ? LIMIT 1",
    "address": "SELECT 1 FROM summaries WHERE whole ->> 'address' = ? LIMIT 1",
    "provider": "SELECT 1 FROM summaries WHERE provider = ? AND provider <> '' LIMIT 1",
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
        # A sample may have come since the session was read: then the session stays dirty.
        connection.executemany(
            "DELETE FROM dirty WHERE session = (SELECT id FROM sessions WHERE session = ?1)"
            " AND (SELECT count(*) FROM samples WHERE session = dirty.session) = ?2",
            covered,
        )


def erase(
    connection: sqlite3.Connection,
    ids: Sequence[tuple[str]],
    names: Mapping[tuple[str, str], str],
) -> int:
    """Delete summaries, and those of `names` that no other summary has; how many names.

    `names` has the value of the summary's field by kind and name.
    """
    deleted = 0
    with transaction(connection):
        connection.executemany("DELETE FROM summaries WHERE session = ?", ids)
        for (kind, name), stored in names.items():
            if connection.execute(_HAS_NAME[kind], [stored]).fetchone() is None:
                deleted += connection.execute(
                    "DELETE FROM names WHERE kind = ? AND name = ?", [stored_kind(kind), name]
                ).rowcount
    return deleted


def prune(connection: sqlite3.Connection, before: int) -> int:
    """See `Reports.prune`."""
    with transaction(connection):
        deleted = connection.execute(
            "DELETE FROM summaries WHERE session IN (SELECT session FROM summaries"
            " WHERE began < ?1 AND last < ?1 AND ended < ?1 ORDER BY began LIMIT ?2)",
            [before, _PRUNED],
        ).rowcount
        if not deleted:
            connection.execute("DELETE FROM names WHERE last < ?", [before])
            connection.execute("DELETE FROM rollups WHERE start < ?", [before])
    return deleted


def put_rollups(connection: sqlite3.Connection, rows: Sequence[tuple[str, int, int, str]]) -> None:
    """Store rows of `rollups`."""
    with transaction(connection):
        connection.executemany(
            "INSERT OR REPLACE INTO rollups (dimension, length, start, parts) VALUES (?, ?, ?, ?)",
            rows,
        )


def summary_row(summary: Summary) -> tuple[object, ...]:
    """The row of a summary: its columns, its series and all of it as JSON."""
    return (
        *(getattr(summary, field) for field in SUMMARY_COLUMNS),
        msgspec.json.encode(summary.series).decode(),
        msgspec.json.encode(summary).decode(),
    )
