"""Opens the file for reading only, without writing to it or beside it.

SQLite's own `mode=ro` creates a log and its index (`-wal`, `-shm`) beside a file that no process
has open, leaves them there, and fails in a folder that cannot be written. Such a file is read
without locks here. A collector that starts meanwhile creates both files before it changes anything,
so `fingerprint` differs, and what was read is read again with SQLite's locks.
"""

import os
import sqlite3
from pathlib import Path

from jmmc.core.errors import StoreError, UnusableStore
from jmmc.stores.sqlite import schema

_Identity = tuple[int, int, int]
Fingerprint = tuple[_Identity | None, _Identity | None, _Identity | None]


def fingerprint(path: Path) -> Fingerprint | None:
    """What changes when the file or its log changes; None while a log with an index exists.

    With log and index, SQLite's own locks protect readers.
    """
    log, index = _beside(path)
    if log.exists() and index.exists():
        return None
    return _identity(path), _identity(log), _identity(index)


def open_read_only(
    path: Path, unlocked: Fingerprint | None, *, busy_seconds: float
) -> sqlite3.Connection:
    """Open the store at `path`. Creates no file. Raises `UnusableStore`, which says what to do.

    `unlocked` is the file's `fingerprint`: without one the file is read with SQLite's locks.
    """
    schema.refuse_foreign(path)
    log, index = _beside(path)
    for file in (path, log, index):
        if file.exists() and not os.access(file, os.R_OK):
            raise UnusableStore(
                f"{file}: this user may not read it: allow it, or run the command as the"
                " collector's user"
            )
    uri, pragmas = f"{path.absolute().as_uri()}?mode=ro", ["query_only = ON"]
    if unlocked is not None:
        _, log_identity, _ = unlocked
        if log_identity is None or not log_identity[1]:
            uri += "&immutable=1"  # Everything is in the file.
        else:
            # The log of a copy. With this mode SQLite keeps the log's index in memory.
            uri += "&vfs=unix-none"
            pragmas.append("locking_mode = EXCLUSIVE")
    try:
        connection = sqlite3.connect(
            uri, uri=True, isolation_level=None, timeout=busy_seconds, check_same_thread=False
        )
    except sqlite3.Error as error:
        raise _unreadable(path, error) from error
    try:
        for pragma in pragmas:
            connection.execute(f"PRAGMA {pragma}")
        (version,) = connection.execute("PRAGMA user_version").fetchone()
    except sqlite3.Error as error:
        connection.close()
        raise _unreadable(path, error) from error
    if version < (newest := len(schema.migrations())):
        connection.close()
        if not version:
            raise UnusableStore(f"{path}: empty, no collector has stored anything in it yet")
        raise UnusableStore(
            f"{path}: written by an earlier version (schema {version}; this one reads {newest}):"
            " start jmmc serve of this version once on it, or on a copy"
        )
    return connection


def refuse_write(path: Path) -> StoreError:
    """The error of a write to a store that was opened for reading only."""
    return StoreError(f"{path}: opened for reading only")


def _unreadable(path: Path, error: sqlite3.Error) -> UnusableStore:
    log, index = _beside(path)
    if log.exists():
        return UnusableStore(
            f"{path}: cannot be read beside its log {log.name} ({error}): run the command as the"
            f" collector's user, or copy {path.name} and {log.name} (not {index.name}) to a folder"
            " of your own and read the copy"
        )
    return UnusableStore(f"{path}: {error}")


def _beside(path: Path) -> tuple[Path, Path]:
    return path.with_name(path.name + "-wal"), path.with_name(path.name + "-shm")


def _identity(path: Path) -> _Identity | None:
    try:
        status = path.stat()
    except FileNotFoundError:
        return None
    return status.st_ino, status.st_size, status.st_mtime_ns
