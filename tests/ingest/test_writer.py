"""The writer answers everybody who waits, and takes nobody who would wait too long."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from msgspec.structs import replace

from jmmc.core.errors import Rejected
from jmmc.core.model import Push, Receipt, Refusal, SessionFilter
from jmmc.ingest.counters import Counters
from jmmc.ingest.writer import Writer
from jmmc.stores.sqlite.store import SqliteStore
from tests.support.builders import push, sample


class _Buggy(SqliteStore):
    async def append(self, pushes: Sequence[Push]) -> list[Receipt | Refusal]:
        raise RuntimeError("a bug")


async def test_a_bug_in_a_commit_leaves_no_push_unanswered(tmp_path: Path) -> None:
    writer = Writer(_Buggy(tmp_path / "calls.db"), Counters(), limit=3000)
    waiting = [writer.commit(push(n)) for n in range(2500)]
    done, pending = await asyncio.wait(waiting, timeout=10)
    assert not pending
    assert {str(item.exception()) for item in done} == {"store_down: cannot store now"}
    with pytest.raises(RuntimeError, match="a bug"):
        await writer.close()
    assert not writer.alive


async def test_a_closing_writer_commits_waiting_pushes_and_refuses_new_ones(tmp_path: Path) -> None:
    async with _writing(tmp_path) as (writer, _):
        waiting = [writer.commit(push(n)) for n in range(2500)]
        closing = asyncio.create_task(writer.close())
        await asyncio.sleep(0)
        with pytest.raises(Rejected, match="shutting down"):
            writer.commit(push(2500))
        await closing
        assert [item.result() for item in waiting] == [Receipt(n) for n in range(2500)]


async def test_samples_that_are_erased_while_they_wait_are_confirmed_and_not_stored(
    tmp_path: Path,
) -> None:
    erased: list[int] = []

    def trim(push: Push) -> Push | None:
        kept = tuple(sample for sample in push.samples if sample.seq not in erased)
        return replace(push, samples=kept) if kept else None

    store = SqliteStore(tmp_path / "calls.db")
    await store.open()
    writer = Writer(store, Counters(), limit=3000, trim=trim)
    waiting = [writer.commit(push(0, 1, 2)), writer.commit(push(0, session="f" * 24))]
    erased += [0, 1]
    assert await asyncio.gather(*waiting) == [Receipt(2, gap=True), Receipt(0, gap=True)]
    (session,) = [session async for session in store.sessions(SessionFilter())]
    assert [sample.seq for sample in session.samples] == [2]
    await writer.close()
    await store.close()


async def test_pushes_a_few_milliseconds_apart_share_a_commit(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("jmmc.ingest.writer._LINGER", 1)
    async with _writing(tmp_path) as (writer, counters):
        waiting = []
        for number in range(5):
            waiting.append(writer.commit(_push(number)))
            await asyncio.sleep(0)
        await asyncio.gather(*waiting)
        assert (counters.batches.count, counters.batches.sum) == (1, 5)


async def test_enough_waiting_pushes_are_committed_at_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("jmmc.ingest.writer._LINGER", 3600)
    async with _writing(tmp_path) as (writer, _), asyncio.timeout(30):
        waiting = [writer.commit(_push(number)) for number in range(30)]
        await asyncio.sleep(0.05)
        assert not any(item.done() for item in waiting)
        waiting += [writer.commit(_push(number)) for number in range(30, 40)]
        assert set(await asyncio.gather(*waiting)) == {Receipt(0)}


async def test_a_push_waits_longer_where_others_come_too_and_not_where_it_is_alone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("jmmc.ingest.writer._LONG_LINGER", 3600)
    async with _writing(tmp_path) as (writer, counters), asyncio.timeout(30):
        for number in range(2):
            assert await writer.commit(_push(number)) == Receipt(0)
        await asyncio.gather(*(writer.commit(_push(number)) for number in range(2, 4)))
        waiting = [writer.commit(_push(4))]
        await asyncio.sleep(0.05)
        assert not waiting[0].done()
        waiting += [writer.commit(_push(number)) for number in range(5, 44)]
        await asyncio.gather(*waiting)
        assert counters.batches.count == 4


async def test_a_commit_is_bounded_in_samples(tmp_path: Path) -> None:
    async with _writing(tmp_path) as (writer, counters):
        pushes = [push(*range(10), session=f"{number:024x}") for number in range(990)]
        await asyncio.gather(*(writer.commit(item) for item in pushes))
        assert counters.batches.count == 2  # 500 pushes have 5,000 samples.
        large = [push(*range(400), session=f"{number:024x}") for number in range(1000, 1010)]
        await asyncio.gather(*(writer.commit(item) for item in large))
        assert counters.batches.count == 2 + 4  # The third large push reaches 1,000 samples.


async def test_small_pushes_overtake_large_ones_and_a_commit_has_few_of_these(
    tmp_path: Path,
) -> None:
    batches: list[list[int]] = []

    class Recording(_Stalling):
        async def append(self, pushes: Sequence[Push]) -> list[Receipt | Refusal]:
            batches.append([len(item.samples) for item in pushes])
            return await super().append(pushes)

    store = Recording(tmp_path / "calls.db")
    await store.open()
    writer = Writer(store, Counters(), limit=3000)
    try:
        waiting = [writer.commit(push(0, session="f" * 24))]
        await store.asked.wait()
        assert writer.delay == 0
        waiting += [writer.commit(push(*range(700), session=f"{n:024x}")) for n in range(5)]
        waiting += [writer.commit(push(0, session=f"{n:024x}")) for n in range(10, 14)]
        store.gate.set()
        await asyncio.gather(*waiting)
        assert batches == [[1], [1, 1, 1, 1, 700, 700], [700, 700], [700]]
    finally:
        await writer.close()
        await store.close()


async def test_many_small_pushes_do_not_hold_up_a_large_one_for_ever(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("jmmc.ingest.writer._BATCH", 10)
    async with _writing(tmp_path) as (writer, _):
        large = writer.commit(push(*range(700)))
        small = [writer.commit(_push(number)) for number in range(1, 31)]
        done, _ = await asyncio.wait([large, small[-1]], return_when=asyncio.FIRST_COMPLETED)
        assert done == {large}
        await asyncio.gather(*small)


async def test_pushes_are_delayed_when_several_batches_wait_and_not_by_a_slow_disk(
    tmp_path: Path,
) -> None:
    store = _Stalling(tmp_path / "calls.db")
    await store.open()
    writer = Writer(store, Counters(), limit=3000)
    try:
        waiting = [writer.commit(_push(0))]
        await store.asked.wait()
        await asyncio.sleep(0.05)
        store.gate.set()
        await asyncio.gather(*waiting)
        assert writer.delay == 0
        waiting = [writer.commit(_push(number)) for number in range(2500)]
        assert writer.delay >= 2 * 0.05
        await asyncio.gather(*waiting)
    finally:
        await writer.close()
        await store.close()


async def test_a_queue_is_full_when_it_has_as_many_samples_as_20_for_each_push(
    tmp_path: Path,
) -> None:
    async with _writing(tmp_path) as (writer, _):
        large = push(*range(2000))
        waiting = [writer.commit(large) for _ in range(30)]
        with pytest.raises(Rejected, match="too many pushes are waiting"):
            writer.commit(push(0))
        await asyncio.gather(*waiting)
        assert await writer.commit(push(2000)) == Receipt(2000)


async def test_a_closing_writer_does_not_linger(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("jmmc.ingest.writer._LINGER", 3600)
    async with _writing(tmp_path) as (writer, _), asyncio.timeout(30):
        waiting = writer.commit(_push(1))
        await asyncio.sleep(0.05)
        await writer.close()
        assert await waiting == Receipt(0)


@asynccontextmanager
async def _writing(folder: Path) -> AsyncIterator[tuple[Writer, Counters]]:
    store = SqliteStore(folder / "calls.db")
    await store.open()
    counters = Counters()
    writer = Writer(store, counters, limit=3000)
    try:
        yield writer, counters
    finally:
        await writer.close()
        await store.close()


class _Stalling(SqliteStore):
    """A store on a disk that stalls while the gate is shut."""

    def __init__(self, path: Path) -> None:
        super().__init__(path)
        self.gate = asyncio.Event()
        self.asked = asyncio.Event()

    async def append(self, pushes: Sequence[Push]) -> list[Receipt | Refusal]:
        self.asked.set()
        await self.gate.wait()
        return await super().append(pushes)


async def test_while_the_disk_stalls_pushes_are_refused_before_a_browser_gives_up(
    tmp_path: Path,
) -> None:
    store = _Stalling(tmp_path / "calls.db")
    await store.open()
    writer = Writer(store, Counters(), limit=100, patience=0.05)
    try:
        first = writer.commit(_push(1))
        await store.asked.wait()
        second = writer.commit(_push(2))
        await asyncio.sleep(0.1)
        with pytest.raises(Rejected, match="the store is slow") as refused:
            writer.commit(_push(3))
        assert (refused.value.reason, refused.value.retry_after) == ("busy", 5)

        store.gate.set()
        assert [await first, await second] == [Receipt(0), Receipt(0)]
        assert await writer.commit(_push(3)) == Receipt(0), "a disk that is well again is trusted"
    finally:
        await writer.close()
        await store.close()


async def test_after_a_slow_commit_the_queue_is_limited_to_what_the_next_commits_can_take(
    tmp_path: Path,
) -> None:
    store = _Stalling(tmp_path / "calls.db")
    await store.open()
    writer = Writer(store, Counters(), limit=10_000, patience=2.5)
    try:
        slow = writer.commit(_push(0))
        await asyncio.sleep(1.0)
        store.gate.set()
        await slow
        store.gate.clear()
        store.asked.clear()
        waiting = [writer.commit(_push(1))]
        await store.asked.wait()
        refused = None
        for number in range(2, 4000):
            try:
                waiting.append(writer.commit(_push(number)))
            except Rejected as rejected:
                refused = rejected
                break
        assert refused is not None and refused.reason == "busy"
        assert 1000 < len(waiting) <= 2001, "a commit took a second, and a batch is a thousand"
        store.gate.set()
        assert set(await asyncio.gather(*waiting)) == {Receipt(0)}
    finally:
        await writer.close()
        await store.close()


def _push(number: int) -> Push:
    return push(session=f"{number:024x}", samples=(sample(0),))
