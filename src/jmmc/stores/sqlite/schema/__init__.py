"""The schema of the SQLite file: numbered migrations, and the check that a file is ours."""

import os
import sqlite3
from contextlib import closing
from functools import cache
from importlib.resources import files
from pathlib import Path
from stat import S_ISDIR

from jmmc.core.errors import UnusableStore
from jmmc.stores.sqlite.transaction import transaction

APPLICATION_ID = 0x4A4D4D43  # "JMMC"


@cache
def migrations() -> tuple[str, ...]:
    """The migration scripts in order; script N migrates a file from version N - 1 to N."""
    scripts = [path for path in files(__name__).iterdir() if path.name.endswith(".sql")]
    return tuple(script.read_text() for script in sorted(scripts, key=lambda script: script.name))


def refuse_foreign(path: Path) -> None:
    """Raise `UnusableStore` unless the file is missing, empty, or usable.

    Only reads, mostly only the header: a refused file is left as it was.
    """
    try:
        is_folder = S_ISDIR(path.stat().st_mode)
    except FileNotFoundError:
        if not path.parent.is_dir():
            raise UnusableStore(f"{path}: the folder {path.parent} does not exist") from None
        return
    except OSError as error:
        raise UnusableStore(f"{path}: {error.strerror}") from error
    if is_folder:
        raise UnusableStore(f"{path}: is a directory")
    try:
        version, application = _version_and_application(path)
    except sqlite3.Error as error:
        raise UnusableStore(f"{path}: {_reason(path, error)}") from error
    if (version, application) == (0, 0) and _is_blank(path):
        return
    if application != APPLICATION_ID:
        raise UnusableStore(f"{path}: an SQLite file of another program")
    newest = len(migrations())
    if version > newest:
        raise UnusableStore(
            f"{path}: written by a newer version (schema {version}; this one knows {newest}):"
            " install that version again, or restore the backup from before the upgrade"
        )


def migrate(connection: sqlite3.Connection) -> None:
    """Apply the migrations that are missing, each in its own transaction; to a new file in one.

    `connection` enforces no foreign keys afterwards: a table that others refer to can be replaced.
    """
    connection.execute("PRAGMA foreign_keys = OFF")
    while _version(connection) < len(migrations()):
        with transaction(connection):
            version = _version(connection)  # Another process may have migrated the file.
            scripts = migrations()[version:]
            if version:
                scripts = scripts[:1]
            for script in scripts:
                for statement in script.split(";\n"):
                    connection.execute(statement)
            connection.execute(f"PRAGMA application_id = {APPLICATION_ID}")
            connection.execute(f"PRAGMA user_version = {version + len(scripts)}")


def _version(connection: sqlite3.Connection) -> int:
    """The number of the last migration that the file has had."""
    return int(connection.execute("PRAGMA user_version").fetchone()[0])


def _version_and_application(path: Path) -> tuple[int, int]:
    """What the header says.

    SQLite reads it, without locks and without the log. A process that closes a file that it has
    opened past SQLite loses all its locks on that file (POSIX), also those of an open store.
    """
    uri = f"{path.absolute().as_uri()}?mode=ro&immutable=1"
    with closing(sqlite3.connect(uri, uri=True)) as connection:
        (version,) = connection.execute("PRAGMA user_version").fetchone()
        (application,) = connection.execute("PRAGMA application_id").fetchone()
    return version, application


def _reason(path: Path, error: sqlite3.Error) -> str:
    if error.sqlite_errorcode == sqlite3.SQLITE_NOTADB:
        return "not an SQLite file, or damaged"
    return str(error) if os.access(path, os.R_OK) else "this user may not read it"


def _is_blank(path: Path) -> bool:
    """Whether the first migration was never committed, as after `kill -9` at the first start."""
    if path.with_name(path.name + "-journal").exists():
        return True  # SQLite rolls it back when the file is opened for writing.
    try:
        connection = sqlite3.connect(f"{path.absolute().as_uri()}?mode=ro", uri=True)
        try:
            (tables,) = connection.execute("SELECT count(*) FROM sqlite_schema").fetchone()
        finally:
            connection.close()
    except sqlite3.Error as error:
        raise UnusableStore(f"{path}: {error}") from error
    return bool(tables == 0)
