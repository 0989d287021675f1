"""The writer answers everybody who waits, however it ends."""

import asyncio
from collections.abc import Sequence
from pathlib import Path

import pytest

from jmmc.errors import Rejected
from jmmc.model import Push, Receipt, Refusal
from jmmc.stores.sqlite import SqliteStore
from jmmc.writer import Writer
from tests.builders import push


class _Buggy(SqliteStore):
    async def append(self, pushes: Sequence[Push]) -> list[Receipt | Refusal]:
        raise RuntimeError("a bug")


async def test_a_bug_in_a_commit_leaves_nobody_waiting(tmp_path: Path) -> None:
    writer = Writer(_Buggy(tmp_path / "calls.db"), limit=3000)
    waiting = [writer.commit(push(n)) for n in range(2500)]
    done, pending = await asyncio.wait(waiting, timeout=10)
    assert not pending
    assert {str(it.exception()) for it in done} == {"store_down: cannot store now"}
    with pytest.raises(RuntimeError, match="a bug"):
        await writer.close()
    assert not writer.alive


async def test_told_to_stop_it_commits_what_waits_and_refuses_what_comes(tmp_path: Path) -> None:
    store = SqliteStore(tmp_path / "calls.db")
    await store.open()
    writer = Writer(store, limit=3000)
    waiting = [writer.commit(push(n)) for n in range(2500)]
    closing = asyncio.create_task(writer.close())
    await asyncio.sleep(0)
    with pytest.raises(Rejected, match="shutting down"):
        writer.commit(push(2500))
    await closing
    assert [it.result() for it in waiting] == [Receipt(n) for n in range(2500)]
    await store.close()
