"""Reads the compressed part of stored rows, and compresses those of earlier versions."""

import sqlite3
from typing import Any

import msgspec

from jmmc.stores.sqlite.compression import INCIDENTS, SUMMARIES, compress, decompress
from jmmc.stores.sqlite.selection import read_column
from jmmc.stores.sqlite.transaction import transaction

SUMMARY_JSON = "content, whole"
"""The columns of which `summary_json` makes the JSON of a summary."""

_TOGETHER = 100  # Rows in one transaction, for which pushes wait some 10 ms.
_COMPRESS = {
    "summaries": (
        "UPDATE summaries SET content = compressed(whole),"
        f" lane = {read_column('lane')}, segments = {read_column('segments')},"
        f" meeting = {read_column('jitsi_meeting_id')},"
        " whole = json_object('address', coalesce(whole ->> '$.address', ''))"
        " WHERE rowid > ? AND rowid <= ? AND content IS NULL AND json_valid(whole)"
    ),
    "rollups": (
        "UPDATE rollups SET"
        " content = compressed('[' || parts || ',' || replicates || ',' || joins || ']'),"
        " parts = '', replicates = '', joins = ''"
        " WHERE (dimension, length, start) > (?, ?, ?) AND (dimension, length, start) <= (?, ?, ?)"
        " AND content IS NULL"
    ),
    "incidents": (
        "UPDATE incidents SET content = compressed('[' || whole || ',' || parts || ']'),"
        " whole = '', parts = '' WHERE rowid > ? AND rowid <= ? AND content IS NULL"
    ),
}
_KEYS = {
    "summaries": ("rowid",),
    "rollups": ("dimension", "length", "start"),
    "incidents": ("rowid",),
}
_FIRST: dict[str, tuple[int | str, ...]] = {
    "summaries": (0,),
    "rollups": ("", 0, 0),
    "incidents": (0,),
}
_DICTIONARIES = {"summaries": SUMMARIES, "rollups": SUMMARIES, "incidents": INCIDENTS}


class _Progress(msgspec.Struct):
    """How far it came: the key of the last row that was looked at in the first of `tables`.

    `known`: the tables that were, or are, to be compressed; a version before knew fewer.
    """

    tables: list[str]
    after: tuple[int | str, ...]
    done: int
    total: int
    known: tuple[str, ...] = ("summaries", "rollups")


def summary_json(content: bytes | None, whole: str) -> bytes | str:
    """The JSON of a summary, from its columns `SUMMARY_JSON`."""
    return whole if content is None else decompress(content)


def rollup_json(content: bytes | None, parts: str, replicates: str, joins: str) -> bytes | str:
    """The JSON array of a rollup's parts, replicates and joins, from these columns."""
    return f"[{parts},{replicates},{joins}]" if content is None else decompress(content)


def incident_json(content: bytes | None, whole: str, parts: str) -> bytes | str:
    """The JSON array of an incident and its parts, from these columns."""
    return f"[{whole},{parts}]" if content is None else decompress(content)


def compress_older(connection: sqlite3.Connection) -> tuple[int, int] | None:
    """See `Reports.compress_older`."""
    progress = _read_progress(connection)
    if not progress.tables:
        return None
    table = progress.tables[0]
    key = ", ".join(_KEYS[table])
    marks = ", ".join("?" * len(_KEYS[table]))
    connection.create_function(
        "compressed",
        1,
        lambda text: compress(text.encode(), _DICTIONARIES[table]),
        deterministic=True,
    )
    with transaction(connection):
        rows = connection.execute(
            f"SELECT {key} FROM {table} WHERE ({key}) > ({marks}) ORDER BY {key} LIMIT ?",
            [*progress.after, _TOGETHER],
        ).fetchall()
        if rows:
            connection.execute(_COMPRESS[table], [*progress.after, *rows[-1]])
            progress.after = rows[-1]
            progress.done += len(rows)
        else:
            progress.tables = progress.tables[1:]
            progress.after = _FIRST[progress.tables[0]] if progress.tables else ()
        _write_progress(connection, progress)
    return progress.done, max(progress.done, progress.total)


def _read_progress(connection: sqlite3.Connection) -> _Progress:
    row: Any = connection.execute(
        "SELECT content FROM records WHERE kind = 'compression' AND name = 'progress'"
    ).fetchone()
    progress = (
        msgspec.json.decode(row[0], type=_Progress) if row else _Progress([], (), 0, 0, known=())
    )
    if new := [table for table in _COMPRESS if table not in progress.known]:
        if not progress.tables:
            progress.after = _FIRST[new[0]]
        progress.tables += new
        progress.known = (*progress.known, *new)
        progress.total += sum(_rows_of(connection, table) for table in new)
    return progress


def _rows_of(connection: sqlite3.Connection, table: str) -> int:
    (count,) = connection.execute(f"SELECT count(*) FROM {table}").fetchone()
    return int(count)


def _write_progress(connection: sqlite3.Connection, progress: _Progress) -> None:
    connection.execute(
        "INSERT OR REPLACE INTO records (kind, name, content)"
        " VALUES ('compression', 'progress', ?)",
        [msgspec.json.encode(progress).decode()],
    )
