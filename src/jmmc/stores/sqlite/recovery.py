"""A spool file that the disk has damaged: found out, and what is intact of it brought out.

SQLite's log has checksums, so a commit that was cut off by a power failure is never seen. Its file
has none: its structure is checked by SQLite, and here that each row still is what we write.
"""

import sqlite3
from collections.abc import Iterator, Sequence
from contextlib import closing, suppress
from pathlib import Path
from typing import Any

import msgspec

from jmmc.core.model import Dialect, Push
from jmmc.protocol.identity import is_session_id
from jmmc.stores.sqlite import schema
from jmmc.stores.sqlite.rows import sample_of

_MAGIC = b"SQLite format 3\0"
_SESSIONS = "SELECT id, session, conf, uid, dialect FROM sessions WHERE 1"
_SAMPLES = "SELECT seq, ts, marks, readings FROM samples WHERE session = ?"


def damage_of(path: Path) -> str | None:
    """What is wrong with the file, in a few words; None when it is sound, missing, or foreign.

    Reads all of it: some 10 s a gigabyte.
    """
    if not path.exists() or not path.stat().st_size:
        return None
    with path.open("rb") as file:
        if file.read(len(_MAGIC)) != _MAGIC:
            return "not an SQLite file"
    with closing(_connect(path)) as connection:
        try:
            (application,) = connection.execute("PRAGMA application_id").fetchone()
            if application != schema.APPLICATION_ID:
                return None
            (word,) = connection.execute("PRAGMA quick_check(1)").fetchone()
            if word != b"ok":
                return str(word.decode(errors="replace").splitlines()[-1])
            for row in connection.execute(_SESSIONS):
                for item in connection.execute(_SAMPLES, [row[0]]):
                    _push(row, [item])
        except sqlite3.DatabaseError as error:
            return str(error)
        except (ValueError, AttributeError, TypeError):  # A wrong type is damage like another.
            return "a row is not what was written"
    return None


def intact(path: Path) -> Iterator[Push]:
    """The sessions of a damaged file, each with the samples that are what was written."""
    with closing(_connect(path)) as connection:
        with suppress(sqlite3.DatabaseError):
            # Else SQLite reads nothing of a file that is shorter than its header says.
            connection.execute("PRAGMA writable_schema = ON")
        for row in _both_ways(connection, _SESSIONS, "id", []):
            its = []
            for sample in _both_ways(connection, _SAMPLES, "seq", [row[0]]):
                with suppress(ValueError, AttributeError, TypeError):
                    _push(row, [sample])
                    its.append(sample)
            if its:
                yield _push(row, its)


def put_aside(damaged: Path, sound: Path) -> Path:
    """Let `sound`, a closed file, take the place of `damaged`; where that is to be found then.

    May be broken off anywhere and done again: `sound` is there until all else is done.
    """
    number = 1
    while (aside := damaged.with_name(f"{damaged.stem}.damaged-{number}.db")).exists():
        number += 1
    for suffix in ("-wal", "-shm", ""):  # A log goes before its file: alone it would be lost.
        with suppress(FileNotFoundError):
            damaged.with_name(damaged.name + suffix).replace(aside.with_name(aside.name + suffix))
    sound.replace(damaged)
    return aside


def _connect(path: Path) -> sqlite3.Connection:
    connection = sqlite3.connect(path, isolation_level=None)
    connection.text_factory = bytes
    return connection


def _both_ways(
    connection: sqlite3.Connection, statement: str, key: str, values: Sequence[object]
) -> list[Any]:
    """Rows from the front up to the damage, and from the back."""
    found: dict[Any, Any] = {}
    for direction in ("ASC", "DESC"):
        try:
            for row in connection.execute(f"{statement} ORDER BY {key} {direction}", values):
                found[row[0]] = row
        except sqlite3.DatabaseError:
            continue
        break
    return [found[item] for item in sorted(item for item in found if isinstance(item, int))]


def _push(row: Sequence[Any], samples: Sequence[Any]) -> Push:
    """Raises `ValueError`, `AttributeError` or `TypeError` when it cannot have been written so."""
    _, session, room, browser_id, number = row
    if not is_session_id(session.decode()):
        raise ValueError("no session's id")
    dialect = Dialect(number)
    its = []
    for seq, ts, marks, readings in samples:
        if not isinstance(msgspec.json.decode(readings), dict):
            raise ValueError("no readings")
        its.append(sample_of(dialect, seq + 0, ts + 0, marks, readings.decode()))
    return Push(session.decode(), room.decode(), browser_id.decode(), dialect, tuple(its))
