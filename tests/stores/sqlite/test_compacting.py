"""The room that deleted data left in the SQLite file goes back to the disk."""

import asyncio
import shutil
import sqlite3
import subprocess
import sys
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from jmmc.core.errors import StoreError
from jmmc.core.model import Push, SessionFilter
from jmmc.quality.filters import SummaryFilter
from jmmc.quality.summary import Summary
from jmmc.stores.sqlite import upkeep
from jmmc.stores.sqlite.compacting import CompactingRefused, compact
from jmmc.stores.sqlite.store import SqliteStore
from tests.stores.conftest import summarize_all
from tests.support.builders import push

_SESSIONS = [f"{number:024x}" for number in range(60)]


def _pushes() -> list[Push]:
    """Sessions of some 8 KB each."""
    return [push(*range(150), session=session, opens=True) for session in _SESSIONS]


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "calls.db"


async def _filled(path: Path) -> list[Summary]:
    store = SqliteStore(path)
    await store.open()
    await store.append(_pushes())
    await summarize_all(store)
    summaries = await store.reports.summaries(SummaryFilter(), limit=100)
    while await store.prune(2**31):
        pass
    await store.close()
    assert len(summaries) == len(_SESSIONS)
    return summaries


def _note(*_: object) -> None:
    pass


async def test_a_compacted_file_has_all_that_it_had_and_no_free_pages(path: Path) -> None:
    summaries = await _filled(path)
    path.chmod(0o640)
    steps: list[tuple[str, int, int]] = []
    done = compact(path, progress=lambda *step: steps.append(step))
    assert done.after == path.stat().st_size < done.before / 2
    assert path.stat().st_mode & 0o777 == 0o640
    assert {name for name, _, _ in steps} >= {"rows compressed"}
    assert [file.name for file in path.parent.iterdir()] == [path.name]
    store = SqliteStore(path)
    await store.open()
    assert await store.reports.summaries(SummaryFilter(), limit=100) == summaries
    assert await store.reports.compress_older() is None
    assert (await store.check()).reusable == 0
    assert await store.verify() == []
    await store.append(_pushes()[:1])
    assert await store.count(SessionFilter()) == 1
    await store.close()


def test_a_file_that_another_process_has_open_is_refused(path: Path) -> None:
    asyncio.run(_filled(path))
    before = path.read_bytes()
    program = f"""
import sqlite3, sys
connection = sqlite3.connect({str(path)!r})
connection.execute("SELECT count(*) FROM sessions").fetchone()
print("open", flush=True)
sys.stdin.read()
"""
    with subprocess.Popen(
        [sys.executable, "-c", program], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == b"open\n"
        with pytest.raises(CompactingRefused, match=r"in use .*stop the collector"):
            compact(path, progress=_note)
        process.communicate()
    assert path.read_bytes() == before


async def test_a_disk_without_enough_room_is_refused(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    await _filled(path)
    usage = shutil.disk_usage(path.parent)
    monkeypatch.setattr(shutil, "disk_usage", lambda _: usage._replace(free=50_000))
    with pytest.raises(CompactingRefused, match=r"needs \d+ MiB beside the file, .* has 0 MiB"):
        compact(path, progress=_note)


async def test_an_interrupted_compaction_leaves_the_file_as_it_was(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    summaries = await _filled(path)
    monkeypatch.setattr("jmmc.stores.sqlite.compacting._INSTRUCTIONS", 1)

    def stop(step: str, done: int, total: int) -> None:
        if step == "MiB written":
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        compact(path, progress=stop)
    assert [file.name for file in path.parent.iterdir()] == [path.name]
    store = SqliteStore(path)
    await store.open()
    assert await store.reports.summaries(SummaryFilter(), limit=100) == summaries
    await store.close()


async def test_a_new_file_shrinks_in_steps_when_much_of_it_is_free(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(upkeep, "_SPARE_PAGES", 10)
    monkeypatch.setattr(upkeep, "_RELEASED", 25)
    await _filled(path)
    size = path.stat().st_size
    store = SqliteStore(path)
    await store.open()
    free = (await store.check()).reusable
    released = []
    while step := await store.release_space():
        released.append(step)
    assert free is not None
    assert max(released) == 25 * 4096
    assert (await store.check()).reusable == free - sum(released)
    spare = max(10, (size - sum(released[:-1])) // 4096 // 10)
    assert free - sum(released) <= spare * 4096, "a tenth stays for new data"
    assert free - sum(released) > 0
    await store.wipe_deleted()
    assert path.stat().st_size == size - sum(released)
    await store.close()


async def test_an_older_file_is_left_alone_until_it_is_compacted(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(upkeep, "_SPARE_PAGES", 10)
    await _filled(path)
    with closing(sqlite3.connect(path, isolation_level=None)) as connection:
        connection.execute("PRAGMA journal_mode = DELETE")
        connection.execute("PRAGMA auto_vacuum = NONE")
        connection.execute("VACUUM")
    store = SqliteStore(path)
    await store.open()
    await store.append(_pushes())
    while await store.prune(2**31):
        pass
    assert await store.release_space() == 0
    await store.close()
    compact(path, progress=_note)
    await store.open()
    await store.append(_pushes())
    while await store.prune(2**31):
        pass
    assert await store.release_space() > 0
    await store.close()


async def test_a_file_that_is_replaced_while_it_is_opened_is_not_written_to(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """`jmmc compact` may end just then: what is written to the former file would be lost."""
    await _filled(path)
    connect = sqlite3.connect

    def connect_and_replace(*arguments: Any, **options: Any) -> sqlite3.Connection:
        connection = connect(*arguments, **options)
        if options.get("uri"):  # That of the check of the header.
            return connection
        monkeypatch.setattr(sqlite3, "connect", connect)
        connection.execute("SELECT count(*) FROM sessions").fetchone()
        shutil.copy(path, path.with_name("copy"))
        path.with_name("copy").replace(path)
        return connection

    store = SqliteStore(path)
    monkeypatch.setattr(sqlite3, "connect", connect_and_replace)
    with pytest.raises(StoreError, match="replaced while it was opened"):
        await store.open()
    await store.open()
    await store.append(_pushes()[:1])
    await store.close()
    with closing(sqlite3.connect(path)) as connection:
        assert connection.execute("SELECT count(*) FROM sessions").fetchone() == (1,)
