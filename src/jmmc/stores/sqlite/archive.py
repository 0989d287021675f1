"""Packs sessions that have long had no new samples: each becomes one compressed row.

A packed session takes a sixth of the space. It is read as before, and a late sample unpacks it.
"""

import sqlite3
import zlib
from collections.abc import Iterable, Sequence

import msgspec

Row = tuple[int, int, int, str]
"""A sample in the table `samples`: seq, ts, marks, readings."""

QUIET = """
    WITH RECURSIVE loose (id) AS (
        SELECT min(session) FROM samples
        UNION ALL
        SELECT (SELECT min(session) FROM samples WHERE session > id) FROM loose WHERE id IS NOT NULL
    )
    SELECT sessions.id, sessions.session FROM loose CROSS JOIN sessions ON sessions.id = loose.id
    WHERE began < ? AND loose.id NOT IN (SELECT session FROM dirty)
    AND NOT EXISTS (SELECT 1 FROM samples WHERE samples.session = loose.id AND ts >= ?)
    LIMIT ?
"""
"""Key and id of some sessions that are neither packed nor dirty, without samples since a time.

Its values: that time twice, and how many sessions at most.

Each step to the next session is one search in the index; packed sessions cost nothing. `CROSS JOIN`
keeps the order of the tables: otherwise SQLite reads all sessions before it returns the first.
"""

_SAMPLES = 5000  # Per transaction, for which pushes wait some 30 ms.
_ROWS = msgspec.json.Decoder(list[tuple[int, int, int, msgspec.Raw]])


def pack(connection: sqlite3.Connection, keys: Iterable[int]) -> list[int]:
    """Pack sessions, within a transaction, until it has enough samples.

    Returns the keys that were looked at. A dirty session is not packed.
    """
    seen: list[int] = []
    total = 0
    for key in keys:
        seen.append(key)
        rows = connection.execute(
            "SELECT seq, ts, marks, readings FROM samples WHERE session = ?"
            " AND NOT EXISTS (SELECT 1 FROM dirty WHERE session = ?) ORDER BY seq",
            [key, key],
        ).fetchall()
        if not rows:
            continue
        connection.execute("DELETE FROM samples WHERE session = ?", [key])
        connection.execute(
            "INSERT INTO packed (session, count, last, samples) VALUES (?, ?, ?, ?)",
            [key, len(rows), max(ts for _, ts, _, _ in rows), packed(rows)],
        )
        total += len(rows)
        if total >= _SAMPLES:
            break
    return seen


def unpack(connection: sqlite3.Connection, key: int) -> int:
    """Unpack a session to rows, within a transaction. Returns its highest seq."""
    (content,) = connection.execute(
        "SELECT samples FROM packed WHERE session = ?", [key]
    ).fetchone()
    rows = unpacked(content)
    connection.execute("DELETE FROM packed WHERE session = ?", [key])
    connection.executemany(
        "INSERT INTO samples (session, seq, ts, marks, readings) VALUES (?, ?, ?, ?, ?)",
        [(key, *row) for row in rows],
    )
    return rows[-1][0]


def packed(rows: Sequence[Row]) -> bytes:
    """The content of the column `packed.samples` for these rows."""
    values = [(*numbers, msgspec.Raw(readings.encode())) for *numbers, readings in rows]
    return zlib.compress(msgspec.json.encode(values), 9)


def unpacked(content: bytes) -> list[Row]:
    """The rows that `packed` has packed."""
    return [
        (seq, ts, marks, bytes(readings).decode())
        for seq, ts, marks, readings in _ROWS.decode(zlib.decompress(content))
    ]
