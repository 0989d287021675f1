"""A backup is a whole store, taken while others write."""

import asyncio
from pathlib import Path

import pytest

from jmmc.core.errors import JmmcError
from jmmc.stores.sqlite.backup import BackupRefused, back_up
from jmmc.stores.sqlite.store import SqliteStore
from tests.support.builders import push
from tests.support.commands import jmmc
from tests.support.senders import Load, Sender, assert_stored_once
from tests.support.servers import Serve


def _quietly(_done: int, _total: int) -> None:
    pass


@pytest.fixture
async def source(tmp_path: Path) -> Path:
    store = SqliteStore(tmp_path / "calls.db")
    await store.open()
    await store.append([push(number) for number in range(3)])
    await store.close()
    return tmp_path / "calls.db"


async def test_a_backup_under_load_has_everything_confirmed_before_it_and_restores_with_one_command(
    tmp_path: Path,
) -> None:
    serve = await asyncio.to_thread(Serve, tmp_path / "live")
    senders = [Sender(f"conference{number}", number) for number in range(10)]
    copy = tmp_path / "copy.db"
    try:
        async with Load(senders, serve.port) as load:
            await load.confirms(20)
            confirmed = [sender.confirmed for sender in senders]
            done = await asyncio.to_thread(jmmc, "backup", "--store", serve.store, str(copy))
            assert done.returncode == 0, done.stderr
            await load.confirms(3)
        assert list(tmp_path.glob("*copy.db*")) == [copy], "a backup is one file"
        assert copy.stat().st_mode & 0o777 == 0o600
        assert "10 sessions" in done.stdout

        assert await asyncio.to_thread(serve.stop) == 0
        back = ["--store", f"sqlite:///{copy}", str(tmp_path / "live/calls.db")]
        done = await asyncio.to_thread(jmmc, "backup", "--force", *back)
        assert done.returncode == 0, done.stderr
        await asyncio.to_thread(serve.start)
        later = sum(sender.confirmed + 1 for sender in senders)
        for sender, then in zip(senders, confirmed, strict=True):
            sender.confirmed = then
        stored = await asyncio.to_thread(serve.export)
        assert_stored_once(stored, senders)
        assert sum(len(session["m"]) for session in stored) < later, "it is not of that moment"
        async with Load(senders, serve.port) as load:
            await load.confirms(3)
    finally:
        serve.close()


async def test_a_commit_during_a_backup_does_not_restart_the_copy(
    source: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("jmmc.stores.sqlite.backup._PAGES", 1)
    other = SqliteStore(source)
    await other.open()
    loop = asyncio.get_running_loop()
    steps: list[int] = []

    def write_too(copied: int, _total: int) -> None:
        asyncio.run_coroutine_threadsafe(other.append([push(100 + copied)]), loop).result(30)
        steps.append(copied)

    done = await asyncio.to_thread(
        back_up, source, tmp_path / "copy.db", replace=False, progress=write_too
    )
    await other.close()
    assert steps == sorted(set(steps))
    assert len(steps) > 5
    assert done.samples == 3


def test_a_backup_of_a_stopped_store_leaves_nothing_that_a_restore_takes_for_a_crash(
    source: Path, tmp_path: Path
) -> None:
    older, safe = tmp_path / "older.db", tmp_path / "safe.db"
    for copy in (older, safe):
        done = jmmc("backup", "--store", f"sqlite:///{source}", str(copy))
        assert done.returncode == 0, done.stderr
        assert set(tmp_path.glob("*.db*")) <= {source, older, safe}, "a log was left"
    done = jmmc("backup", "--force", "--store", f"sqlite:///{older}", str(source))
    assert done.returncode == 0, done.stderr
    assert set(tmp_path.glob("*.db*")) == {source, older, safe}


async def test_a_backup_that_outlives_the_collector_leaves_no_log(
    source: Path, tmp_path: Path
) -> None:
    """The last connection removes the log: here that of the backup."""
    store = SqliteStore(source)
    await store.open()
    await store.append([push(7)])
    loop = asyncio.get_running_loop()
    closed = False

    def stop_collector(done: int, total: int) -> None:
        nonlocal closed
        if not closed:
            closed = True
            asyncio.run_coroutine_threadsafe(store.close(), loop).result(20)

    copy = tmp_path / "copy.db"
    copied = await asyncio.to_thread(back_up, source, copy, replace=False, progress=stop_collector)
    assert (closed, copied.samples) == (True, 4)
    assert set(tmp_path.glob("*.db*")) == {source, copy}


def test_a_backup_of_a_store_that_may_only_be_read_is_complete(
    source: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("os.access", lambda *_: False)  # Tests may run as root, who may all.
    copied = back_up(source, tmp_path / "copy.db", replace=False, progress=_quietly)
    assert copied.samples == 3


def test_a_backup_replaces_an_existing_file_only_with_force(source: Path, tmp_path: Path) -> None:
    target = tmp_path / "copy.db"
    target.write_text("mine")
    done = jmmc("backup", "--store", f"sqlite:///{source}", str(target))
    assert done.returncode == 1
    assert done.stderr == f"jmmc: {target}: exists; --force replaces it\n"
    assert target.read_text() == "mine"
    assert jmmc("backup", "--force", "--store", f"sqlite:///{source}", str(target)).returncode == 0
    assert target.read_bytes().startswith(b"SQLite format 3")


async def test_a_backup_never_replaces_a_store_in_use(source: Path, tmp_path: Path) -> None:
    live = SqliteStore(tmp_path / "live.db")
    await live.open()
    await live.append([push(9)])
    with pytest.raises(BackupRefused, match="a collector writes to it"):
        back_up(source, live.path, replace=True, progress=_quietly)
    await live.close()


@pytest.mark.parametrize("damage", ["missing", "foreign", "torn"])
def test_a_failed_backup_leaves_no_file(source: Path, tmp_path: Path, damage: str) -> None:
    if damage == "missing":
        source.unlink()
    elif damage == "foreign":
        source.write_text("not a database\n" * 20)
    else:
        content = bytearray(source.read_bytes())
        content[4096 * 2 : 4096 * 5] = b"\xff" * (4096 * 3)
        source.write_bytes(content)
    with pytest.raises(JmmcError):
        back_up(source, tmp_path / "copy.db", replace=False, progress=_quietly)
    assert not list(tmp_path.glob("*copy.db*"))


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--store", "mongodb://x/y", "z.db"], "for MongoDB use mongodump"),
        (["--store", "sqlite:///x.db", "/nowhere/z.db"], "x.db: no such file"),
    ],
)
def test_a_wrong_argument_of_backup_is_refused_in_one_line(
    arguments: list[str], words: str
) -> None:
    done = jmmc("backup", *arguments)
    assert done.returncode in (1, 2)
    assert words in done.stderr
    assert len(done.stderr.splitlines()) == 1


def test_a_folder_that_takes_no_file_is_named_in_one_line(source: Path, tmp_path: Path) -> None:
    for target, why in (
        (tmp_path / "none" / "z.db", f"the folder {tmp_path / 'none'} does not exist"),
        (tmp_path, "a folder; name the file to write"),
    ):
        with pytest.raises(BackupRefused) as refused:
            back_up(source, target, replace=True, progress=_quietly)
        assert str(refused.value) == f"{target}: {why}"
