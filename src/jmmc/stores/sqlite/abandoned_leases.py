"""Deletes the leases of processes that were killed, so that nobody waits until they run out.

Every process that uses the file holds a lock on it, which the operating system takes away with the
process. Whoever gets the exclusive lock knows that no other process uses the file.
"""

import fcntl
import os
import sqlite3
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager, suppress
from pathlib import Path

from jmmc.stores.contract import LEASES, SHARES

_PATIENCE = 2.0  # Seconds: processes that start at once open the file in turn.
_PAUSE = 0.01
_CHECKED = 100 * 2**20  # Bytes: about a second. Larger files are not checked at the start.
_HELD, _KINDS = "FROM records WHERE kind IN (?, ?)", (LEASES, SHARES)


@contextmanager
def without_abandoned_leases(path: Path) -> Iterator[None]:
    """Delete all leases and shares of the work at `path` if no other process uses the file.

    The caller opens the file inside, for writing. Where anything hinders the deletion, the leases
    run out by themselves.
    """
    with _turn(path.parent):
        with suppress(sqlite3.Error):
            _delete(path)
        yield


def is_in_use(path: Path) -> bool:
    """Whether another connection uses the file. Makes no log. Raises `sqlite3.Error`."""
    uri = f"{path.absolute().as_uri()}?mode=rw"
    with closing(sqlite3.connect(uri, uri=True, isolation_level=None, timeout=0)) as connection:
        connection.execute("PRAGMA locking_mode = EXCLUSIVE")  # Before anything is opened.
        try:
            connection.execute("BEGIN EXCLUSIVE")
        except sqlite3.OperationalError as error:
            if error.sqlite_errorcode & 0xFF != sqlite3.SQLITE_BUSY:
                raise
            return True
        connection.execute("ROLLBACK")
    return False


def _delete(path: Path) -> None:
    # A connection of its own: SQLite keeps newcomers out while a failed attempt is not closed.
    uri = f"{path.absolute().as_uri()}?mode=rw"
    with closing(sqlite3.connect(uri, uri=True, isolation_level=None, timeout=0)) as connection:
        connection.execute("SELECT 1 FROM records LIMIT 1").fetchone()  # Opens the log as usual:
        connection.execute("PRAGMA locking_mode = EXCLUSIVE")  # this then applies to transactions.
        connection.execute("BEGIN IMMEDIATE")
        if connection.execute(f"SELECT 1 {_HELD} LIMIT 1", _KINDS).fetchone() and (
            path.stat().st_size > _CHECKED or _is_sound(connection)
        ):
            connection.execute(f"DELETE {_HELD}", _KINDS)
        connection.execute("COMMIT")


def _is_sound(connection: sqlite3.Connection) -> bool:
    """Whether SQLite finds no damage: a damaged file is refused later, and left as it is."""
    return bool(connection.execute("PRAGMA quick_check(1)").fetchone()[0] == "ok")


@contextmanager
def _turn(folder: Path) -> Iterator[None]:
    """Wait for others in here, for a while: of two that look at once, both see the other's lock."""
    try:
        descriptor = os.open(folder, os.O_RDONLY)
    except OSError:
        yield
        return
    try:
        deadline = time.monotonic() + _PATIENCE
        while not _locks(descriptor) and time.monotonic() < deadline:
            time.sleep(_PAUSE)
        yield
    finally:
        os.close(descriptor)


def _locks(descriptor: int) -> bool:
    """Whether the lock is this process's now, or there are no such locks here."""
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    except OSError:
        return True
    return True
