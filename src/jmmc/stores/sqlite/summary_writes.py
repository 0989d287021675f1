"""Writes summaries, their names, and rollups, on the writer's connection."""

import sqlite3
from collections.abc import Iterable, Iterator, Mapping, Sequence
from functools import lru_cache
from itertools import chain
from operator import attrgetter
from typing import cast

import msgspec

from jmmc.core.parts import parts_of
from jmmc.quality.day_columns import FORM
from jmmc.quality.rollups import DAY
from jmmc.quality.summary import Summary
from jmmc.stores.searchable_names import stored_kind
from jmmc.stores.sqlite.compression import compress
from jmmc.stores.sqlite.transaction import transaction
from jmmc.stores.summary_columns import JSON_COLUMNS, SUMMARY_COLUMNS, column, json_columns

_PRUNED = 500  # Summaries per transaction: some 5 MB.
_TOGETHER = 50  # Names of a statement,
_ROWS = 32  # and summaries, at the most,
_LARGE = 50_000  # of fewer bytes: a usual one has 3,000.
_ENCODE = msgspec.json.Encoder().encode
_columns_of = attrgetter(*SUMMARY_COLUMNS)

_COLUMNS = (*map(column, SUMMARY_COLUMNS), *JSON_COLUMNS, "whole", "content")
_INTO = f"INTO summaries ({', '.join(_COLUMNS)}) VALUES"
_ROW = f"({', '.join('?' * len(_COLUMNS))})"
_GOING_ON = (
    *("ended", "last", "running", "grade", "good", "fair", "poor", "unknown"),
    *("lane", "segments", "content"),
)
"""What changes while a session goes on: a third of the indexes have one of these columns."""

_GOES_ON = (
    " ON CONFLICT (session) DO UPDATE SET "
    + ", ".join(f"{name} = excluded.{name}" for name in _GOING_ON)
    + " WHERE "
    + " AND ".join(f"{name} IS excluded.{name}" for name in _COLUMNS if name not in _GOING_ON)
)
"""Only where all else is the same: half of the work of replacing the row and all its entries."""

_COVERED = (
    "DELETE FROM dirty WHERE session IN (SELECT sessions.id FROM json_each(?)"
    " JOIN sessions ON sessions.session = value ->> 0 WHERE value ->> 1 ="
    " (SELECT count(*) FROM samples WHERE samples.session = sessions.id))"
)
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
        for part in _parts(rows):
            _put_rows(connection, part)
        for named in parts_of(names, _TOGETHER):
            connection.execute(_names_statement(len(named)), list(chain.from_iterable(named)))
        # A sample may have come since the session was read: then the session stays dirty.
        connection.execute(_COVERED, [_ENCODE(covered).decode()])


def _parts(rows: Sequence[tuple[object, ...]]) -> Iterator[Sequence[tuple[object, ...]]]:
    """Parts of 32, 16, 8, 4, 2 or 1 rows, and of one row where its summary is large.

    These are few different statements: each keeps its values until it has others.
    """
    small = [row for row in rows if len(cast(bytes, row[-1])) < _LARGE]
    start = 0
    while left := len(small) - start:
        size = min(_ROWS, 1 << left.bit_length() - 1)
        yield small[start : start + size]
        start += size
    yield from ([row] for row in rows if len(cast(bytes, row[-1])) >= _LARGE)


def _put_rows(connection: sqlite3.Connection, rows: Sequence[tuple[object, ...]]) -> None:
    """Store rows in one statement: between two, the event loop takes the interpreter lock."""
    values = list(chain.from_iterable(rows))
    stored = connection.execute(_rows_statement(len(rows)), values).rowcount
    if stored < len(rows):  # Of some, more has changed.
        connection.execute(f"INSERT OR REPLACE {_INTO} {', '.join([_ROW] * len(rows))}", values)


@lru_cache(maxsize=_ROWS)
def _rows_statement(rows: int) -> str:
    return f"INSERT {_INTO} {', '.join([_ROW] * rows)}{_GOES_ON}"


@lru_cache(maxsize=_TOGETHER)
def _names_statement(rows: int) -> str:
    return (
        f"INSERT INTO names (kind, name, last) VALUES {', '.join(['(?, ?, ?)'] * rows)}"
        " ON CONFLICT DO UPDATE SET last = max(last, excluded.last)"
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
        "INSERT OR REPLACE INTO day_columns (start, form, totals, content) VALUES (?, ?, x'', x'')",
        [start, token],
    )


def put_columns(
    connection: sqlite3.Connection, start: int, token: str, totals: bytes, columns: bytes
) -> bool:
    """See `Reports.put_columns`; both are packed."""
    statement = (
        "UPDATE day_columns SET form = ?, totals = ?, content = ? WHERE start = ? AND form = ?"
    )
    return connection.execute(statement, [FORM, totals, columns, start, token]).rowcount > 0


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
        compress(_ENCODE(summary), quick=summary.running),
    )
