"""Rewrites the SQLite file without the room that deleted data left, while nobody else uses it."""

import os
import shutil
import sqlite3
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import NamedTuple

from jmmc.core.errors import JmmcError, StoreError, UnusableStore
from jmmc.stores.sqlite import schema
from jmmc.stores.sqlite.backup import sync
from jmmc.stores.sqlite.older_rows import compress_older

Progress = Callable[[str, int, int], object]
"""Called with the step, how much of it is done and how much it is in all."""

_INSTRUCTIONS = 200_000  # Of SQLite's machine between two reports of progress: some 20 ms.
_TABLES = ("sessions", "summaries", "rollups", "incidents")


class CompactingRefused(JmmcError):
    """The file is in use, or there is not enough room."""


class Compacted(NamedTuple):
    """The size of the file before and after, in bytes."""

    before: int
    after: int


def compact(path: Path, *, progress: Progress) -> Compacted:
    """Rewrite the store at `path`; it is replaced at the end, at once.

    What an earlier version stored is compressed first. Can be interrupted at any time: the file is
    then as before. Refuses while another process has the file open, and while there is less room
    than the copy needs. Raises `CompactingRefused`, `StoreError` and `OSError`.
    """
    if not path.exists():
        raise UnusableStore(f"{path}: no such file")
    schema.refuse_foreign(path)
    before = path.stat().st_size
    partial = path.with_name(f".{path.name}.compact.part")
    with closing(sqlite3.connect(path, isolation_level=None, timeout=1.0)) as connection:
        _lock(connection, path)
        try:
            needed = _needed(connection)
            _refuse_without_room(path, needed)
            schema.migrate(connection)
            while (step := compress_older(connection)) is not None:
                progress("rows compressed", *step)
            _copy(
                connection,
                path,
                partial,
                lambda size: progress("MiB written", size // 2**20, needed // 2**20),
            )
            partial.replace(path)
            sync(path.parent)
        except sqlite3.Error as error:
            if error.sqlite_errorcode == sqlite3.SQLITE_INTERRUPT:  # By the progress handler.
                raise KeyboardInterrupt from error
            raise StoreError(f"{path}: {error}") from error
        finally:
            partial.unlink(missing_ok=True)
    return Compacted(before, path.stat().st_size)


def _lock(connection: sqlite3.Connection, path: Path) -> None:
    """Keep others from the file until the connection is closed, also when they only read."""
    try:
        connection.execute("PRAGMA locking_mode = EXCLUSIVE")
        connection.execute("BEGIN EXCLUSIVE")
        connection.execute("COMMIT")
    except sqlite3.OperationalError as error:
        raise CompactingRefused(
            f"{path}: in use ({error}): stop the collector and other commands first; browsers keep"
            " their samples meanwhile, for a day"
        ) from error
    except sqlite3.Error as error:
        raise StoreError(f"{path}: {error}") from error


def _needed(connection: sqlite3.Connection) -> int:
    """Bytes that the copy has at most."""
    (pages,) = connection.execute("PRAGMA page_count").fetchone()
    (free,) = connection.execute("PRAGMA freelist_count").fetchone()
    (size,) = connection.execute("PRAGMA page_size").fetchone()
    return int((pages - free) * size)


def _refuse_without_room(path: Path, needed: int) -> None:
    folder = path.resolve().parent
    if (free := shutil.disk_usage(folder).free) < needed:
        raise CompactingRefused(
            f"{path}: needs {needed / 2**20:,.0f} MiB beside the file, {folder} has"
            f" {free / 2**20:,.0f} MiB free: free some room, or jmmc copy to another disk"
        )


def _copy(
    connection: sqlite3.Connection, path: Path, partial: Path, progress: Callable[[int], object]
) -> None:
    """Write all that the file has to `partial`, check it, and bring it to the disk."""

    def report() -> None:
        progress(partial.stat().st_size)

    connection.execute("PRAGMA journal_mode = DELETE")  # Nothing of the file is in a log.
    partial.unlink(missing_ok=True)
    os.close(os.open(partial, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600))
    connection.execute("PRAGMA auto_vacuum = INCREMENTAL")
    connection.set_progress_handler(report, _INSTRUCTIONS)
    connection.execute("VACUUM INTO ?", [str(partial)])
    connection.set_progress_handler(None, 0)
    with closing(sqlite3.connect(partial)) as copied:
        problems = [row[0] for row in copied.execute("PRAGMA quick_check(10)")]
        if problems != ["ok"]:
            raise StoreError(f"the copy of {path} is damaged: {'; '.join(problems)}")
        for table in _TABLES:
            counts = [
                side.execute(f"SELECT count(*) FROM {table}").fetchone()
                for side in (connection, copied)
            ]
            if counts[0] != counts[1]:
                raise StoreError(f"the copy of {path} has other {table} than the file")
    status = path.stat()
    if os.geteuid() == 0:
        os.chown(partial, status.st_uid, status.st_gid)
    partial.chmod(status.st_mode & 0o7777)
    sync(partial)
