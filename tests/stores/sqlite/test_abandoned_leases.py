"""Leases and shares of the work that processes leave which were killed."""

import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from jmmc.core.errors import StoreError
from jmmc.stores.contract import LEASES, SHARES
from jmmc.stores.sqlite.store import SqliteStore
from tests.support.builders import push

# Opens the store, takes the lease, and says so; takes it again whenever it is asked.
_PROCESS = """
import asyncio, sys
from jmmc.stores import open_store

async def hold(url, holder):
    store = open_store(url)
    for line in sys.stdin:
        await store.open()
        taken = await store.reports.lease("summaries", holder, now=1000, seconds=60)
        if taken:
            await store.reports.put_record("shares", "summaries", b"1")
        print(taken, flush=True)

asyncio.run(hold(*sys.argv[1:]))
"""

Start = Callable[[str], subprocess.Popen[str]]


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "calls.db"


@pytest.fixture
def start(path: Path) -> Iterator[Start]:
    """Start a process that wants the lease. It opens the store when it is asked."""
    processes: list[subprocess.Popen[str]] = []

    def start(holder: str) -> subprocess.Popen[str]:
        process = subprocess.Popen(
            [sys.executable, "-c", _PROCESS, f"sqlite:///{path}", holder],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        processes.append(process)
        return process

    yield start
    for process in processes:
        process.kill()
        process.communicate()


def _ask(process: subprocess.Popen[str]) -> None:
    assert process.stdin is not None
    process.stdin.write("\n")
    process.stdin.flush()


def _answer(process: subprocess.Popen[str]) -> bool:
    """Whether the process has the lease."""
    assert process.stdout is not None
    return {"True\n": True, "False\n": False}[process.stdout.readline()]


def _leads(process: subprocess.Popen[str]) -> bool:
    _ask(process)
    return _answer(process)


async def test_what_a_killed_process_held_is_free_when_the_file_is_opened_next(
    path: Path, start: Start
) -> None:
    dead = start("dead")
    assert _leads(dead)
    dead.kill()
    dead.wait()
    store = SqliteStore(path)
    await store.open()
    assert await store.reports.records(LEASES) == await store.reports.records(SHARES) == {}
    assert await store.reports.lease("summaries", "next", now=1001, seconds=60)
    await store.append([push(0)])
    await store.close()


async def test_what_a_living_process_holds_stays_whoever_opens_the_file(
    path: Path, start: Start
) -> None:
    living = start("living")
    assert _leads(living)
    stores = [SqliteStore(path) for _ in range(3)]
    for store in stores:  # Each fails to get the lock, and keeps nobody else out.
        await store.open()
        assert not await store.reports.lease("summaries", "other", now=1001, seconds=60)
        await store.append([push(0)])
    for store in stores:
        await store.close()
    assert _leads(living)


async def test_an_idle_reader_of_another_process_keeps_what_a_killed_one_held(
    path: Path, start: Start
) -> None:
    """Nobody knows then that the file is not in use, and the lease runs out by itself."""
    dead, idle = start("dead"), start("idle")
    assert _leads(dead)
    assert not _leads(idle)
    dead.kill()
    dead.wait()
    store = SqliteStore(path)
    await store.open()
    assert not await store.reports.lease("summaries", "next", now=1001, seconds=60)
    assert await store.reports.lease("summaries", "next", now=1060, seconds=60)
    await store.close()


async def test_reading_deletes_no_lease(path: Path, start: Start) -> None:
    dead = start("dead")
    assert _leads(dead)
    dead.kill()
    dead.wait()
    files = {file.name: file.read_bytes() for file in path.parent.glob("calls.db*")}
    store = SqliteStore(path, read_only=True)
    await store.open()
    with pytest.raises(StoreError):
        await store.reports.lease("summaries", "reader", now=1001, seconds=60)
    assert "summaries" in await store.reports.records(LEASES)
    await store.close()
    files.pop("calls.db-shm", None)  # SQLite's index of the log has the readers.
    assert {name: (path.parent / name).read_bytes() for name in files} == files


def test_of_processes_that_start_at_once_after_a_kill_exactly_one_leads(
    start: Start,
) -> None:
    dead = start("dead")
    assert _leads(dead)
    dead.kill()
    dead.wait()
    processes = [start(f"process {number}") for number in range(6)]
    for process in processes:
        _ask(process)
    leaders = [process for process in processes if _answer(process)]
    assert len(leaders) == 1
    assert [process for process in processes if _leads(process)] == leaders
