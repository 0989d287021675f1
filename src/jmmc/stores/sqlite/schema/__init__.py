"""The schema of the SQLite file: numbered migrations, and the check that a file is ours."""

import sqlite3
import struct
from functools import cache
from importlib.resources import files
from pathlib import Path

from jmmc.core.errors import UnusableStore
from jmmc.stores.sqlite.transaction import transaction

APPLICATION_ID = 0x4A4D4D43  # "JMMC"

_MAGIC = b"SQLite format 3\0"
_HEADER = 100  # Bytes; https://www.sqlite.org/fileformat.html#the_database_header


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
        with path.open("rb") as file:
            header = file.read(_HEADER)
    except FileNotFoundError:
        if not path.parent.is_dir():
            raise UnusableStore(f"{path}: the folder {path.parent} does not exist") from None
        return
    except OSError as error:
        raise UnusableStore(f"{path}: {error.strerror}") from error
    if not header:
        return
    if len(header) < _HEADER or not header.startswith(_MAGIC):
        raise UnusableStore(f"{path}: not an SQLite file, or damaged")
    version, application = struct.unpack(">I4xI", header[60:72])
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
