"""Upkeep of the file. Each function is one bounded step on the writer's connection."""

import sqlite3
from collections.abc import Mapping, Sequence
from typing import NamedTuple

from jmmc.core.model import SessionFilter
from jmmc.core.parts import parts_within
from jmmc.stores.sqlite import archive
from jmmc.stores.sqlite.connections import BUSY_SECONDS
from jmmc.stores.sqlite.selection import session_conditions
from jmmc.stores.sqlite.transaction import transaction

INCREMENTAL = 2
"""The mode of `PRAGMA auto_vacuum` in which free pages can be given back in steps."""

_RELEASED = 250  # Pages per transaction, for which pushes wait some 10 ms.
_SPARE_PAGES = 4096  # 16 MB that are kept for new data, and a tenth of the file.
_DELETED = 50  # Sessions per transaction,
_DELETED_SAMPLES = 5000  # and of those as many as have so many: pushes wait some 20 ms.
_LENGTH = "(SELECT coalesce(max(seq) + 1, 0) FROM samples WHERE samples.session = sessions.id)"


class Changed(NamedTuple):
    """The ids of sessions that a step changed or deleted, and how many samples it deleted."""

    sessions: Sequence[str]
    samples: int = 0


def prune(connection: sqlite3.Connection, before: int) -> Changed:
    """See `Store.prune`."""
    with transaction(connection):
        quiet = connection.execute(
            f"SELECT id, session, {_LENGTH} FROM sessions WHERE began < ? AND NOT EXISTS"
            " (SELECT 1 FROM samples WHERE session = sessions.id AND ts >= ?) AND NOT EXISTS"
            " (SELECT 1 FROM packed WHERE session = sessions.id AND last >= ?)"
            f" ORDER BY began LIMIT {_DELETED}",
            [before] * 3,
        ).fetchall()
        return _delete(connection, quiet)


def pack(connection: sqlite3.Connection, quiet: Mapping[int, str]) -> Changed:
    """See `Store.pack`. `quiet` has the keys and ids of sessions that `archive.QUIET` found."""
    with transaction(connection):
        return Changed([quiet[key] for key in archive.pack(connection, quiet)])


def erase(connection: sqlite3.Connection, selection: SessionFilter) -> Changed:
    """See `Store.erase`."""
    where, values = session_conditions(selection)
    with transaction(connection):
        rows = connection.execute(
            f"SELECT id, session, {_LENGTH} FROM sessions WHERE {where} LIMIT {_DELETED}", values
        ).fetchall()
        return _delete(connection, rows)


def release_space(connection: sqlite3.Connection) -> int:
    """See `Store.release_space`. The file itself shrinks when its log is moved into it."""
    (mode,) = connection.execute("PRAGMA auto_vacuum").fetchone()
    (pages,) = connection.execute("PRAGMA page_count").fetchone()
    (free,) = connection.execute("PRAGMA freelist_count").fetchone()
    (size,) = connection.execute("PRAGMA page_size").fetchone()
    released = min(_RELEASED, free - max(_SPARE_PAGES, pages // 10))
    if mode != INCREMENTAL or released <= 0:
        return 0
    # A row for each page, without columns: `execute` would stop after the first one.
    connection.executescript(f"PRAGMA incremental_vacuum({released})")
    return int(released * size)


def probe(connection: sqlite3.Connection) -> None:
    """Commit a write that stores nothing of a session."""
    with transaction(connection):
        connection.execute(
            "INSERT INTO probe (id, at) VALUES (1, unixepoch())"
            " ON CONFLICT DO UPDATE SET at = excluded.at"
        )


def empty_log(connection: sqlite3.Connection) -> bool:
    """Empty the write-ahead log; False when a reader uses it: pushes must not wait for readers."""
    connection.execute("PRAGMA busy_timeout = 0")
    try:
        (busy, _, _) = connection.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()
    finally:
        connection.execute(f"PRAGMA busy_timeout = {int(BUSY_SECONDS * 1000)}")
    return not busy


def _delete(connection: sqlite3.Connection, rows: Sequence[tuple[int, str, int]]) -> Changed:
    """Delete the first of these sessions, given by key, id and number of unpacked samples."""
    part = next(parts_within(rows, _DELETED_SAMPLES, lambda row: row[2]), [])
    samples = 0
    for key, *_ in part:
        samples += connection.execute("DELETE FROM samples WHERE session = ?", [key]).rowcount
        for (count,) in connection.execute("SELECT count FROM packed WHERE session = ?", [key]):
            samples += count
        connection.execute("DELETE FROM packed WHERE session = ?", [key])
        connection.execute("DELETE FROM dirty WHERE session = ?", [key])
        connection.execute("DELETE FROM sessions WHERE id = ?", [key])
    return Changed([session for _, session, _ in part], samples)
