"""Reading commands on SQLite: they write nothing, and need no permission to."""

import shutil
import signal
import sqlite3
from collections.abc import Iterator
from pathlib import Path

import pytest

from jmmc.core.errors import StoreError
from jmmc.core.model import SessionFilter
from jmmc.stores import open_store
from jmmc.stores.sqlite import schema
from tests.stores.conftest import writes_to
from tests.support.builders import body, push, wire_sample
from tests.support.commands import jmmc, jmmc_without_privileges
from tests.support.servers import Serve, post_push

_ALL = SessionFilter()
_READING = (
    ["report", "--by", "browser"],
    ["sessions"],
    ["sessions", "--cause", "line"],
    ["incidents"],
    ["top", "--once"],
    ["export"],
    ["export", "--what", "timeline"],
    ["alerts", "list"],
    ["user", "list"],
    ["token", "list"],
    ["forget", "--room", "standup", "--dry-run"],
)


def _push(serve: Serve, number: int) -> None:
    post_push(serve.url, body(wire_sample(0, {"cq": 90}), sid=f"{number:032x}"))


def _files(folder: Path) -> dict[str, tuple[int, bytes]]:
    """What is in a folder; without the content of SQLite's shared memory, which has its locks."""
    return {
        path.name: (path.stat().st_mtime_ns, path.read_bytes())
        for path in folder.iterdir()
        if not path.name.endswith("-shm")
    }


@pytest.fixture(params=["stopped", "killed", "copied with its log"])
def folder(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Path]:
    """A folder with `calls.db` of a collector that stored one session, and nothing else."""
    serve = Serve(tmp_path / "collector")
    _push(serve, 1)
    copy = tmp_path / "store"
    copy.mkdir()
    suffixes = ["", "-wal"] if request.param == "copied with its log" else ["", "-wal", "-shm"]
    if request.param == "stopped":
        assert serve.stop() == 0
    else:
        serve.stop(signal.SIGKILL)
    for suffix in suffixes:
        file = tmp_path / "collector" / f"calls.db{suffix}"
        assert file.exists() == (request.param != "stopped" or not suffix)
        if file.exists():
            shutil.copy(file, copy)
    yield copy
    copy.chmod(0o755)


@pytest.mark.parametrize("writable", [True, False])
def test_reading_commands_write_nothing_and_create_no_file(
    folder: Path, tmp_path: Path, writable: bool
) -> None:
    names = sorted(path.name for path in folder.iterdir())
    if not writable:
        for path in folder.iterdir():
            path.chmod(0o444)
        folder.chmod(0o555)
    before = _files(folder)
    store = ["--store", f"sqlite:///{folder}/calls.db"]
    commands = [[*command, *store] for command in _READING]
    if writable:
        runs = [jmmc(*command, folder=tmp_path) for command in commands]
    else:
        runs = jmmc_without_privileges(*commands, folder=tmp_path)
    for command, done in zip(_READING, runs, strict=True):
        assert done.returncode == 0, (command, done.stderr)
        if command == ["export"]:
            assert done.stdout.count("\n") == 1
    done = jmmc("copy", store[1], f"sqlite:///{tmp_path}/copy.db", folder=tmp_path)
    assert done.returncode == 0, done.stderr
    assert _files(folder) == before
    assert sorted(path.name for path in folder.iterdir()) == names


def test_a_running_collector_is_read_without_a_new_file(tmp_path: Path) -> None:
    serve = Serve(tmp_path)
    try:
        _push(serve, 1)
        names = sorted(path.name for path in tmp_path.iterdir())
        for number in (2, 3):
            _push(serve, number)
            done = jmmc("export", "--store", serve.store, folder=tmp_path)
            assert done.stdout.count("\n") == number, done.stderr
        assert sorted(path.name for path in tmp_path.iterdir()) == names
    finally:
        serve.close()


async def test_a_reader_sees_what_a_collector_stores_that_starts_meanwhile(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path}/calls.db"
    collector = open_store(url)
    await collector.open()
    await collector.append([push(0)])
    await collector.close()
    reader = open_store(url, read_only=True)
    await reader.open()
    assert await reader.count(_ALL) == 1
    assert [path.name for path in tmp_path.iterdir()] == ["calls.db"]

    await collector.open()
    for number in range(200):  # More than the log takes before it is written to the file.
        await collector.append([push(0, session=f"{number + 2:024x}")])
        assert await reader.count(_ALL) == number + 2
    await collector.close()
    assert await reader.count(_ALL) == 201
    assert len([session async for session in reader.sessions(_ALL)]) == 201
    await reader.close()


async def test_a_store_that_is_read_only_refuses_every_write(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path}/calls.db"
    collector = open_store(url)
    await collector.open()
    await collector.close()
    reader = open_store(url, read_only=True)
    await reader.open()
    for write in writes_to(reader):
        with pytest.raises(StoreError, match="opened for reading only"):
            await write
    await reader.close()


def test_a_log_that_may_not_be_read_is_named_with_what_to_do(tmp_path: Path) -> None:
    serve = Serve(tmp_path / "collector")
    _push(serve, 1)
    serve.stop(signal.SIGKILL)
    log = tmp_path / "collector" / "calls.db-wal"
    log.chmod(0)
    (done,) = jmmc_without_privileges(["report", "--store", serve.store], folder=tmp_path)
    assert done.returncode == 1
    (line,) = done.stderr.splitlines()
    assert f"{log}: this user may not read it" in line
    assert "run the command as the collector's user" in line


def test_a_file_of_an_earlier_version_is_not_migrated_by_reading_it(tmp_path: Path) -> None:
    connection = sqlite3.connect(tmp_path / "old.db")
    connection.executescript(schema.migrations()[0])
    connection.execute(f"PRAGMA application_id = {schema.APPLICATION_ID}")
    connection.execute("PRAGMA user_version = 1")
    connection.close()
    before = _files(tmp_path)
    done = jmmc("report", "--store", "sqlite:///old.db", folder=tmp_path)
    assert done.returncode == 1
    assert "written by an earlier version (schema 1" in done.stderr
    assert "start jmmc serve" in done.stderr
    assert _files(tmp_path) == before


def test_an_empty_file_is_not_filled_by_reading_it(tmp_path: Path) -> None:
    (tmp_path / "empty.db").touch()
    done = jmmc("report", "--store", "sqlite:///empty.db", folder=tmp_path)
    assert done.returncode == 1
    assert "no collector has stored anything in it yet" in done.stderr
    assert [path.name for path in tmp_path.iterdir()] == ["empty.db"]
    assert not (tmp_path / "empty.db").stat().st_size


def test_a_reading_command_makes_no_secret(tmp_path: Path) -> None:
    serve = Serve(tmp_path, "--secret", "x")
    _push(serve, 1)
    assert serve.stop() == 0
    arguments = ["export", "--room", "standup", "--store", serve.store]
    done = jmmc(*arguments, folder=tmp_path, JMMC_PSEUDONYMS="conf")
    assert done.returncode == 2
    assert "set secret or pseudonym_key" in done.stderr
    assert not (tmp_path / "calls.db.secret").exists()
