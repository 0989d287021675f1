"""Copies the SQLite file while other processes write to it."""

import os
import sqlite3
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import NamedTuple

from jmmc.core.errors import JmmcError, StoreError, UnusableStore
from jmmc.stores.sqlite import schema

_PAGES = 2000  # 8 MB per step: enough for the disk, few enough for a smooth progress bar.
_SESSIONS = "SELECT count(*) FROM sessions"
_SAMPLES = "SELECT count(*) FROM samples"
_PACKED = "SELECT coalesce(sum(count), 0) FROM packed"
_HAS_PACKED = "SELECT count(*) FROM sqlite_schema WHERE name = 'packed'"


class BackupRefused(JmmcError):
    """The copy cannot be written to that file."""


class BackedUp(NamedTuple):
    """What a copy contains; `size` in bytes."""

    sessions: int
    samples: int
    size: int


def back_up(
    source: Path, target: Path, *, replace: bool, progress: Callable[[int, int], object]
) -> BackedUp:
    """Copy the store at `source` as it is at this moment to the new file `target`.

    Pushes are stored meanwhile without waiting; they are not in the copy. The copy is one file,
    checked by SQLite and on stable storage before it gets its name; a failure leaves no file.
    `progress` is called with the pages copied and their total. With `replace` an existing `target`
    is replaced, unless a collector has it open. Raises `BackupRefused`, `StoreError`, `OSError`.
    """
    if not source.exists():
        raise UnusableStore(f"{source}: no such file")
    schema.refuse_foreign(source)
    _refuse_overwriting(target, replace)
    partial = target.with_name(f".{target.name}.{os.getpid()}.part")
    try:
        os.close(os.open(partial, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600))
        copied = _copy(source, partial, progress)
        sync(partial)
        _refuse_overwriting(target, replace)
        partial.replace(target)
        sync(target.parent)
    except sqlite3.Error as error:
        raise StoreError(f"{source}: {error}") from error
    finally:
        partial.unlink(missing_ok=True)
    return copied


def _refuse_overwriting(target: Path, replace: bool) -> None:
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


def _copy(source: Path, partial: Path, progress: Callable[[int, int], object]) -> BackedUp:
    with (
        closing(_open_source(source)) as reader,
        closing(sqlite3.connect(partial, isolation_level=None)) as writer,
    ):
        # One read transaction around all steps: without it SQLite restarts the copy after each
        # commit of a collector, and under load it would never end.
        reader.execute("BEGIN")
        expected = _count(reader, _SESSIONS)
        reader.backup(
            writer, pages=_PAGES, progress=lambda _, left, total: progress(total - left, total)
        )
        writer.execute(
            "PRAGMA journal_mode = DELETE"
        )  # So that the copy is one file, without a log.
        problems = [row[0] for row in writer.execute("PRAGMA integrity_check(10)")]
        if problems != ["ok"]:
            raise StoreError(f"the copy of {source} is damaged: {'; '.join(problems)}")
        sessions, samples = _count(writer, _SESSIONS), _count(writer, _SAMPLES)
        if _count(writer, _HAS_PACKED):  # A file of an earlier version has no such table.
            samples += _count(writer, _PACKED)
    if sessions != expected:
        raise StoreError(f"the copy of {source} has {sessions} sessions, expected {expected}")
    return BackedUp(sessions, samples, partial.stat().st_size)


def _open_source(source: Path) -> sqlite3.Connection:
    """A connection that reads the source, and leaves no log beside it.

    Every reader of a WAL file makes a log, and the last connection removes it, unless that may only
    read: what it leaves looks like that of a killed collector.
    """
    mode = "rw" if os.access(source, os.W_OK) and os.access(source.parent, os.W_OK) else "ro"
    reader = sqlite3.connect(f"{source.absolute().as_uri()}?mode={mode}", uri=True)
    reader.execute("PRAGMA query_only = ON")
    return reader


def _count(connection: sqlite3.Connection, statement: str) -> int:
    return int(connection.execute(statement).fetchone()[0])


def sync(path: Path) -> None:
    """Bring a file or a folder to the disk."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
