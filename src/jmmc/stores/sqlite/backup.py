"""A copy of the SQLite file, taken while others write to it."""

import os
import sqlite3
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import NamedTuple

from jmmc.core.errors import JmmcError, StoreError, UnusableStore
from jmmc.stores.sqlite import schema

_PAGES = 2000  # 8 MB a step: enough to keep a disk busy, few enough for a bar that moves.
_SESSIONS = "SELECT count(*) FROM sessions"
_SAMPLES = "SELECT count(*) FROM samples"
_PACKED = "SELECT coalesce(sum(count), 0) FROM packed"
_HAS_PACKED = "SELECT count(*) FROM sqlite_schema WHERE name = 'packed'"


class BackupRefused(JmmcError):
    """The copy would take the place of something that is there."""


class BackedUp(NamedTuple):
    """What a copy holds; `size` in bytes."""

    sessions: int
    samples: int
    size: int


def back_up(
    source: Path, target: Path, *, replace: bool, progress: Callable[[int, int], object]
) -> BackedUp:
    """Copy the store at `source` as it is at this moment to the new file `target`.

    Pushes go on being stored meanwhile; they wait for nothing and are not in the copy. The copy is
    one file, checked by SQLite and on stable storage before it gets its name; a failure leaves
    none. `progress` is told pages copied and their total. With `replace` a file at `target` gives
    way, unless a collector has it open. Raises `BackupRefused`, `StoreError` and `OSError`.
    """
    if not source.exists():
        raise UnusableStore(f"{source}: no such file")
    schema.refuse_foreign(source)
    _refuse_to_lose(target, replace)
    half = target.with_name(f".{target.name}.{os.getpid()}.part")
    try:
        os.close(os.open(half, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600))
        done = _copied(source, half, progress)
        _sync(half)
        _refuse_to_lose(target, replace)
        half.replace(target)
        _sync(target.parent)
    except sqlite3.Error as error:
        raise StoreError(f"{source}: {error}") from error
    finally:
        half.unlink(missing_ok=True)
    return done


def _refuse_to_lose(target: Path, replace: bool) -> None:
    if not target.parent.is_dir():
        raise BackupRefused(f"{target}: the folder {target.parent} does not exist")
    if target.is_dir():
        raise BackupRefused(f"{target}: a folder; name the file to write")
    log = target.with_name(target.name + "-wal")
    if log.exists():
        raise BackupRefused(
            f"{target}: a collector writes to it, or was killed (there is {log.name}); stop it, and"
            f" delete {log.name} if it is to be lost"
        )
    if target.exists() and not replace:
        raise BackupRefused(f"{target}: exists; --force replaces it")


def _copied(source: Path, half: Path, progress: Callable[[int, int], object]) -> BackedUp:
    with (
        closing(sqlite3.connect(f"{source.absolute().as_uri()}?mode=ro", uri=True)) as reader,
        closing(sqlite3.connect(half, isolation_level=None)) as writer,
    ):
        # One read transaction around all steps: without it each commit of a collector would make
        # SQLite begin the copy again, and under load it would never end.
        reader.execute("BEGIN")
        expected = _count(reader, _SESSIONS)
        reader.backup(
            writer, pages=_PAGES, progress=lambda _, left, total: progress(total - left, total)
        )
        writer.execute("PRAGMA journal_mode = DELETE")  # The copy is one file, without a log.
        complaints = [row[0] for row in writer.execute("PRAGMA integrity_check(10)")]
        if complaints != ["ok"]:
            raise StoreError(f"the copy of {source} is damaged: {'; '.join(complaints)}")
        sessions, samples = _count(writer, _SESSIONS), _count(writer, _SAMPLES)
        if _count(writer, _HAS_PACKED):  # Else it is a file of an earlier version.
            samples += _count(writer, _PACKED)
    if sessions != expected:
        raise StoreError(f"the copy of {source} has {sessions} sessions in place of {expected}")
    return BackedUp(sessions, samples, half.stat().st_size)


def _count(connection: sqlite3.Connection, statement: str) -> int:
    return int(connection.execute(statement).fetchone()[0])


def _sync(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
