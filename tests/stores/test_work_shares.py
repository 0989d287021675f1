"""Two collectors on one store share the summaries by room; what a killed one had is taken over."""

import asyncio
import sqlite3
from collections.abc import Sequence
from contextlib import closing
from itertools import count
from pathlib import Path

import pytest

from jmmc.collector import Collector
from jmmc.core.model import Push
from jmmc.core.partitions import PARTITIONS, partition_of
from jmmc.maintenance.summarizer import Summarizer
from jmmc.maintenance.work_shares import SECONDS, WorkShare
from jmmc.quality.filters import SummaryFilter
from jmmc.quality.thresholds import preset
from jmmc.settings import Settings
from jmmc.stores import Store, open_store
from tests.support.builders import RHYTHM, push, sample
from tests.support.clock import Clock
from tests.support.waiting import wait_until_async

_NOW = 1_800_000_000


def _summarizer(store: Store, holder: str, clock: Clock) -> Summarizer:
    return Summarizer(
        store, preset=preset("jitsi"), rhythm=RHYTHM, clock=clock, holder=holder, monotonic=clock
    )


def _pushes(clock: Clock, seq: int) -> Sequence[Push]:
    """A sample in each of a hundred rooms, one session each."""
    return [
        push(
            session=f"{number:024x}",
            room=f"room{number}",
            samples=(sample(seq, '{"rtt":20}', ts=int(clock.now)),),
        )
        for number in range(100)
    ]


async def _covered(store: Store) -> list[int]:
    """How many samples each summary covers."""
    found = await store.reports.summaries(SummaryFilter(), limit=1000)
    return sorted(summary.samples for summary in found)


async def test_two_collectors_each_summarize_their_rooms_and_one_takes_over_from_a_killed_one(
    store: Store, other: Store
) -> None:
    clock = Clock(_NOW)
    leader, second = _summarizer(store, "a", clock), _summarizer(other, "b", clock)
    await store.append(_pushes(clock, 0))
    assert (await leader.step(), await second.step()) == (100, 0)
    async for _ in leader.upgrade():
        pass
    for _ in range(2):  # One gives up half of its partitions, the other one takes them.
        await leader.step()
        await second.step()

    clock.now += 10
    await other.append(_pushes(clock, 1))
    made = await leader.step(), await second.step()
    assert sum(made) == 100, "each session is summarized once"
    assert min(made) > 25
    assert await _covered(store) == [2] * 100

    clock.now += 10
    await store.append(_pushes(clock, 2))
    survived = await second.step()  # The leader was killed.
    assert survived == made[1], "what the killed one owned is not taken at once"
    clock.now += SECONDS
    assert await second.step() == 100 - survived
    assert await _covered(store) == [3] * 100


async def test_a_collector_that_stops_leaves_its_rooms_to_the_other_at_once(
    store: Store, other: Store
) -> None:
    clock = Clock(_NOW)
    leader, second = _summarizer(store, "a", clock), _summarizer(other, "b", clock)
    await store.append(_pushes(clock, 0))
    await leader.step()
    async for _ in leader.upgrade():
        pass
    await second.step()
    await leader.step()
    await leader.release()
    clock.now += 1
    await store.append(_pushes(clock, 1))
    assert await second.step() == 100
    assert await _covered(store) == [2] * 100


async def test_a_collector_that_stops_during_its_first_turn_leaves_no_share_behind(
    tmp_path: Path,
) -> None:
    store = open_store(f"sqlite:///{tmp_path}/calls.db")
    await store.open()
    with closing(sqlite3.connect(tmp_path / "calls.db")) as raw:

        def holds_share(holder: str) -> bool:
            query = "SELECT CAST(content AS TEXT) FROM records WHERE kind = 'shares'"
            return any(f'"{holder}"' in row[0] for row in raw.execute(query))

        for number in count():
            share = WorkShare(holder := f"h{number}", monotonic=Clock(1000.0))
            turn = share.take_turn(store.reports, _NOW, leads=True, may_share=False)
            task = asyncio.create_task(turn)
            await wait_until_async(lambda: task.done() or holds_share(holder), pause=0)  # noqa: B023
            was_stopped = task.cancel()  # Else it was quicker than the look into the file.
            if was_stopped:
                with pytest.raises(asyncio.CancelledError):
                    await task
            await share.release(store.reports)
            assert not holds_share(holder)
            if was_stopped:
                break
    await store.close()


async def test_dirty_and_overdue_sessions_are_those_of_the_partitions_that_are_asked_for(
    store: Store,
) -> None:
    clock = Clock(_NOW)
    pushes = _pushes(clock, 0)
    await store.append(pushes)
    chosen = set(range(PARTITIONS // 3))
    expected = sorted(push.session for push in pushes if partition_of(push.room) in chosen)
    assert sorted(await store.reports.dirty(1000, chosen)) == expected
    await _summarizer(store, "a", clock).step()
    assert sorted(await store.reports.overdue(_NOW + 1, 1000, chosen)) == expected


async def test_a_record_is_replaced_only_by_who_knows_its_content(
    store: Store, other: Store
) -> None:
    replace = other.reports.replace_record
    assert await replace("kind", "name", None, b'"1"')
    assert not await replace("kind", "name", None, b'"2"')
    assert not await replace("kind", "name", b'"0"', b'"2"')
    assert await replace("kind", "name", b'"1"', b'"2"')
    assert await store.reports.records("kind") == {"name": b'"2"'}


async def test_a_collector_whose_share_cannot_be_released_in_time_gives_up_its_lease(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def wait_for_ever(*_: object) -> None:
        await asyncio.sleep(3600)

    store = open_store(f"sqlite:///{tmp_path}/calls.db")
    collector = Collector(Settings.of(secret="x"), store, secret="x")
    await collector.open()

    def leases() -> dict[str, str]:
        with closing(sqlite3.connect(tmp_path / "calls.db")) as connection:
            return dict(
                connection.execute("SELECT name, content FROM records WHERE kind = 'lease'")
            )

    await wait_until_async(lambda: "summaries" in leases(), within=20)
    monkeypatch.setattr(WorkShare, "release", wait_for_ever)
    await collector.close()
    assert leases() == {}
