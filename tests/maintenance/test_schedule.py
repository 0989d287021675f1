"""What a collector does by itself: what is too old goes, also after a failure."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from jmmc.collector import Collector
from jmmc.core.errors import StoreError
from jmmc.core.model import SessionFilter
from jmmc.maintenance import retention, schedule
from jmmc.maintenance.rollups import RollupMaker
from jmmc.maintenance.summarizer import Summarizer
from jmmc.protocol import useragent
from jmmc.quality.filters import SummaryFilter
from jmmc.settings import Settings
from jmmc.stores.sqlite.store import SqliteStore
from tests.support.builders import push, sample
from tests.support.waiting import wait_until_async

_NOW = 1_800_000_000
_DAY = 86_400
_DAYS_OLD = (0, 1, 40, 50, 60)


class Tired(SqliteStore):
    """A store that fails at the first deletion."""

    failures = 1

    async def prune(self, before: int) -> int:
        if self.failures:
            self.failures -= 1
            raise StoreError("not now")
        return await super().prune(before)


@pytest.fixture(autouse=True)
def short_breaks(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(retention, "_PORTION_BREAK", 0.01)
    monkeypatch.setattr(retention, "_PIECE_BREAK", 0.01)


@pytest.fixture
async def store(tmp_path: Path) -> AsyncIterator[Tired]:
    store = Tired(tmp_path / "calls.db")
    await store.open()
    for days in _DAYS_OLD:
        joined = sample(0, ts=_NOW - days * _DAY)
        await store.append([push(session=f"{days:024x}", room=f"room{days}", samples=(joined,))])
    yield store
    await store.close()


async def _rooms(store: SqliteStore) -> list[str]:
    return sorted([session.room async for session in store.sessions(SessionFilter())])


async def test_old_sessions_are_deleted_also_after_a_failure(
    store: Tired, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(schedule, "_PERIOD", 0.01)
    settings = Settings.of(retention_days=30)
    collector = Collector(settings, store, secret="x", clock=lambda: _NOW)
    await collector.open()

    async def is_done() -> bool:
        return await store.count(SessionFilter()) == 2

    await wait_until_async(is_done)
    assert await _rooms(store) == ["room0", "room1"]
    assert collector.counters.store_errors["retention"] == 1
    await collector.close()


async def test_summaries_have_their_own_retention(store: Tired) -> None:
    store.failures = 0
    summarizer = schedule.summarizer_of(store, Settings.of(), lambda: _NOW)
    async for _ in summarizer.rebuild():
        pass
    settings = Settings.of(retention_days=30, summary_retention_days=45)
    collector = Collector(settings, store, secret="x", clock=lambda: _NOW)
    await collector.open()

    async def confs() -> list[str]:
        found = await store.reports.summaries(SummaryFilter(), limit=10)
        return sorted(row.room for row in found)

    async def is_done() -> bool:
        return len(await confs()) == 3

    await wait_until_async(is_done)
    assert await confs() == ["room0", "room1", "room40"]
    await collector.close()


async def test_sessions_quiet_for_more_than_a_day_are_archived(
    store: Tired, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(schedule, "_PERIOD", 0.01)
    collector = Collector(Settings.of(), store, secret="x", clock=lambda: _NOW)
    await collector.open()

    async def is_done() -> bool:
        return await store.connections.read("SELECT count(*) FROM packed", []) == [(3,)]

    await wait_until_async(is_done)
    loose = await store.connections.read("SELECT ts FROM samples ORDER BY ts", [])
    assert loose == [(_NOW - _DAY,), (_NOW,)], "a browser may still have something of yesterday"
    assert await _rooms(store) == ["room0", "room1", "room40", "room50", "room60"]
    await collector.close()


async def test_summaries_go_on_after_a_bug_and_the_failure_is_shown(
    store: Tired, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("jmmc.core.supervision._FIRST_PAUSE", 0.01)
    broken = True
    summarize = Summarizer.summarize

    async def breaks_once(summarizer: Summarizer) -> int:
        nonlocal broken
        if broken:
            broken = False
            raise KeyError("a bug")
        return await summarize(summarizer)

    monkeypatch.setattr(Summarizer, "summarize", breaks_once)
    async for _ in schedule.summarizer_of(store, Settings.of(), lambda: _NOW).rebuild():
        pass
    collector = Collector(Settings.of(), store, secret="x", clock=lambda: _NOW)
    await collector.open()

    late = sample(0, ts=_NOW)
    await store.append([push(session="f" * 24, room="late", samples=(late,))])

    async def is_summarized() -> bool:
        return bool(await store.reports.get_summaries(["f" * 24]))

    await wait_until_async(is_summarized)
    failures = {task.name: task.failures for task in collector.background_tasks}
    assert {name for name, count in failures.items() if count} == {"summaries"}
    assert failures["summaries"] == 1
    await collector.close()


async def test_summaries_do_not_wait_for_rollups(
    store: Tired, monkeypatch: pytest.MonkeyPatch
) -> None:
    rolls_up = asyncio.Event()

    async def takes_long(_: RollupMaker, now: float) -> None:
        rolls_up.set()
        await asyncio.Event().wait()

    monkeypatch.setattr(RollupMaker, "keep_up", takes_long)
    monkeypatch.setattr(schedule, "_SUMMARIES_PERIOD", 0.01)
    collector = Collector(Settings.of(), store, secret="x", clock=lambda: _NOW)
    await collector.open()
    await asyncio.wait_for(rolls_up.wait(), 20)
    late = sample(0, ts=_NOW)
    await store.append([push(session="f" * 24, room="late", samples=(late,))])

    async def is_summarized() -> bool:
        return bool(await store.reports.get_summaries(["f" * 24]))

    await wait_until_async(is_summarized)
    await collector.close()


async def test_the_rules_for_user_agents_are_there_before_the_first_push(store: Tired) -> None:
    """Compiling them takes 130 ms, which a push would wait for."""
    useragent._parsed.cache_clear()
    collector = Collector(Settings.of(), store, secret="x", clock=lambda: _NOW)
    await collector.open()
    await wait_until_async(lambda: useragent._parsed.cache_info().currsize)
    await collector.close()
