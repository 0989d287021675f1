"""Finds damage in a spool file, and reads what is intact.

SQLite's log has checksums, so a commit that a power failure cut off is never read. Its file has
none: SQLite checks the structure, and this module that each row is as it was written.
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

_SESSIONS = "SELECT id, session, conf, uid, dialect FROM sessions WHERE 1"
_SAMPLES = "SELECT seq, ts, marks, readings FROM samples WHERE session = ?"


def damage_of(path: Path) -> str | None:
    """What is wrong with the file, in a few words; None when it is sound, missing or not ours.

    Reads the whole file, at about 10 s per gigabyte.
    """
    if not path.exists() or not path.stat().st_size:
        return None
    with closing(_connect(path)) as connection:
        try:
            (application,) = connection.execute("PRAGMA application_id").fetchone()
            if application != schema.APPLICATION_ID:
                return None
            (problem,) = connection.execute("PRAGMA quick_check(1)").fetchone()
            if problem != b"ok":
                return str(problem.decode(errors="replace").splitlines()[-1])
            for row in connection.execute(_SESSIONS):
                for sample in connection.execute(_SAMPLES, [row[0]]):
                    _push(row, [sample])
        except sqlite3.DatabaseError as error:
            is_foreign = error.sqlite_errorcode == sqlite3.SQLITE_NOTADB
            return "not an SQLite file" if is_foreign else str(error)
        except (ValueError, AttributeError, TypeError):  # A wrong type is damage too.
            return "a row is not what was written"
    return None


def intact(path: Path) -> Iterator[Push]:
    """The sessions of a damaged file, each with its samples that are intact."""
    with closing(_connect(path)) as connection:
        with suppress(sqlite3.DatabaseError):
            # Otherwise SQLite reads nothing of a file that is shorter than its header says.
            connection.execute("PRAGMA writable_schema = ON")
        for row in _from_both_ends(connection, _SESSIONS, "id", []):
            samples = []
            for sample in _from_both_ends(connection, _SAMPLES, "seq", [row[0]]):
                with suppress(ValueError, AttributeError, TypeError):
                    _push(row, [sample])
                    samples.append(sample)
            if samples:
                yield _push(row, samples)


def put_aside(damaged: Path, sound: Path) -> Path:
    """Replace `damaged` by `sound`, a closed file. Returns where the damaged file is kept.

    Can be interrupted and repeated: `sound` is moved last.
    """
    number = 1
    while (aside := damaged.with_name(f"{damaged.stem}.damaged-{number}.db")).exists():
        number += 1
    for suffix in ("-wal", "-shm", ""):  # The log before its file: left alone, it would be lost.
        with suppress(FileNotFoundError):
            damaged.with_name(damaged.name + suffix).replace(aside.with_name(aside.name + suffix))
    sound.replace(damaged)
    return aside


def _connect(path: Path) -> sqlite3.Connection:
    connection = sqlite3.connect(path, isolation_level=None)
    connection.text_factory = bytes
    return connection


def _from_both_ends(
    connection: sqlite3.Connection, statement: str, key: str, values: Sequence[object]
) -> list[Any]:
    """Rows from the first one up to the damage, and from the last one back to it."""
    rows: dict[Any, Any] = {}
    for direction in ("ASC", "DESC"):
        try:
            for row in connection.execute(f"{statement} ORDER BY {key} {direction}", values):
                rows[row[0]] = row
        except sqlite3.DatabaseError:
            continue
        break
    return [rows[number] for number in sorted(n for n in rows if isinstance(n, int))]


def _push(row: Sequence[Any], samples: Sequence[Any]) -> Push:
    """The push of these rows. Raises `ValueError`, `AttributeError` or `TypeError` for damage."""
    _, session, room, browser_id, number = row
    if not is_session_id(session.decode()):
        raise ValueError("not the id of a session")
    dialect = Dialect(number)
    push_samples = []
    for seq, ts, marks, readings in samples:
        if not isinstance(msgspec.json.decode(readings), dict):
            raise ValueError("not readings")
        push_samples.append(sample_of(dialect, seq + 0, ts + 0, marks, readings.decode()))
    return Push(session.decode(), room.decode(), browser_id.decode(), dialect, tuple(push_samples))
