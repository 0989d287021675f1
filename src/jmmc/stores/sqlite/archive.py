"""Sessions that have been quiet for long take a sixth of the room: each is one compressed row.

Nothing else changes. They are read as before, and a sample that comes late unpacks its session.
"""

import sqlite3
import zlib
from collections.abc import Iterable, Sequence

import msgspec

Row = tuple[int, int, int, str]
"""Seq, ts, marks, readings: a sample, as the table `samples` has it."""

QUIET = """
    WITH RECURSIVE loose (id) AS (
        SELECT min(session) FROM samples
        UNION ALL
        SELECT (SELECT min(session) FROM samples WHERE session > id) FROM loose WHERE id IS NOT NULL
    )
    SELECT sessions.id, sessions.session FROM loose CROSS JOIN sessions ON sessions.id = loose.id
    WHERE began < ?1 AND loose.id NOT IN (SELECT session FROM dirty)
    AND NOT EXISTS (SELECT 1 FROM samples WHERE samples.session = loose.id AND ts >= ?1)
    LIMIT ?2
"""
"""Key and id of at most ?2 sessions that are not packed and have been quiet since ?1.

A step from session to session is one search in the index; those that are packed cost nothing.
`CROSS JOIN` keeps the order: else SQLite walks through all before it answers with the first.
"""

_ENOUGH = 5000  # Samples a transaction, for which pushes wait some 30 ms.
_ROWS = msgspec.json.Decoder(list[tuple[int, int, int, msgspec.Raw]])


def pack(connection: sqlite3.Connection, keys: Iterable[int]) -> list[int]:
    """Pack some of these sessions, inside a transaction; which were looked at.

    One with samples that its summary does not know stays as it is.
    """
    done: list[int] = []
    total = 0
    for key in keys:
        done.append(key)
        rows = connection.execute(
            "SELECT seq, ts, marks, readings FROM samples WHERE session = ?1"
            " AND NOT EXISTS (SELECT 1 FROM dirty WHERE session = ?1) ORDER BY seq",
            [key],
        ).fetchall()
        if not rows:
            continue
        connection.execute("DELETE FROM samples WHERE session = ?", [key])
        connection.execute(
            "INSERT INTO packed (session, count, last, samples) VALUES (?, ?, ?, ?)",
            [key, len(rows), max(ts for _, ts, _, _ in rows), packed(rows)],
        )
        total += len(rows)
        if total >= _ENOUGH:
            break
    return done


def unpack(connection: sqlite3.Connection, key: int) -> int:
    """Give a packed session its rows back, inside a transaction; its highest seq."""
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
    """What `packed.samples` holds of these rows."""
    whole = [(*numbers, msgspec.Raw(readings.encode())) for *numbers, readings in rows]
    return zlib.compress(msgspec.json.encode(whole), 9)


def unpacked(content: bytes) -> list[Row]:
    """The rows that `packed` was given."""
    return [
        (seq, ts, marks, bytes(readings).decode())
        for seq, ts, marks, readings in _ROWS.decode(zlib.decompress(content))
    ]
