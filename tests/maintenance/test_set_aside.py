"""One session or hour that cannot be stored delays no other."""

import sqlite3
from collections.abc import AsyncIterator, Callable
from contextlib import closing
from pathlib import Path

import pytest

from jmmc.core.errors import StoreError
from jmmc.maintenance.set_aside import SetAside
from jmmc.maintenance.summarizer import Summarizer
from jmmc.quality.filters import SummaryFilter
from jmmc.quality.rollups import ALL, HOUR
from jmmc.quality.thresholds import preset
from jmmc.stores import Store, open_store
from tests.support.builders import RHYTHM, push, sample

_START = 1_700_002_800 - 1_700_002_800 % HOUR
_SESSIONS = 20

Refuse = Callable[[str, bool], None]
"""Have the database refuse `summaries` of the room `hostile`, or `rollups`; or take them again."""


@pytest.fixture(params=["sqlite", "mongod"])
async def store_and_refuse(
    request: pytest.FixtureRequest, tmp_path: Path
) -> AsyncIterator[tuple[Store, Refuse]]:
    if request.param == "sqlite":
        store = open_store(f"sqlite:///{tmp_path}/calls.db")

        def refuse(table: str, on: bool) -> None:
            condition = "new.conf = 'hostile'" if table == "summaries" else f"new.start = {_START}"
            with sqlite3.connect(tmp_path / "calls.db") as connection:
                connection.execute("DROP TRIGGER IF EXISTS refuse")
                if on:
                    connection.execute(
                        f"CREATE TRIGGER refuse BEFORE INSERT ON {table} WHEN {condition}"
                        " BEGIN SELECT RAISE(ABORT, 'too large'); END"
                    )
            connection.close()

    else:
        server = request.getfixturevalue("mongod")
        store = open_store(server.url, collection=tmp_path.name, timeout=20)

        def refuse(table: str, on: bool) -> None:
            rule = (
                {"conf": {"$ne": "hostile"}}
                if table == "summaries"
                else {"_id": {"$not": {"$regex": f" {_START:012}$"}}}
            )
            with server.client() as client:
                client.jmmc[f"{tmp_path.name}.{table}"].insert_one({"_id": "made"})
                client.jmmc[f"{tmp_path.name}.{table}"].delete_one({"_id": "made"})
                client.jmmc.command(
                    "collMod", f"{tmp_path.name}.{table}", validator=rule if on else {}
                )

    await store.open()
    yield store, refuse
    await store.close()


class _Clock:
    now = float(_START + 7 * HOUR)

    def __call__(self) -> float:
        return self.now


async def _append(store: Store, room: str, number: int, start: int = _START) -> None:
    samples = tuple(sample(seq, ts=start + 30 * seq) for seq in range(10))
    await store.append([push(session=f"{number:024x}", room=room, samples=samples)])


def _summarizer(store: Store, clock: _Clock) -> Summarizer:
    return Summarizer(store, preset=preset("jitsi"), rhythm=RHYTHM, clock=clock, holder="me")


async def test_a_session_that_is_refused_is_set_aside_and_others_are_summarized(
    store_and_refuse: tuple[Store, Refuse], caplog: pytest.LogCaptureFixture
) -> None:
    store, refuse = store_and_refuse
    for number in range(_SESSIONS):
        await _append(store, "hostile" if number in (3, 11) else "innocent", number)
    refuse("summaries", True)
    clock = _Clock()
    work = _summarizer(store, clock)
    await work.step()
    stored = await store.reports.summaries(SummaryFilter(), limit=100)
    assert len(stored) == _SESSIONS - 2
    assert caplog.text.count("session_set_aside") == 2
    assert f"session={3:024x}" in caplog.text
    assert f"session={11:024x}" in caplog.text
    (whole,) = await store.reports.rollups(ALL, HOUR, _START, _START + HOUR)
    assert whole.values[ALL][0].sessions == _SESSIONS - 2

    await _append(store, "innocent", 50)
    caplog.clear()
    assert await work.step() == 1, "those that are set aside are not tried each time"
    assert not caplog.text
    refuse("summaries", False)
    clock.now += 301
    await work.step()
    assert len(await store.reports.summaries(SummaryFilter(), limit=100)) == _SESSIONS + 1


async def test_an_hour_that_is_refused_is_set_aside_and_others_are_summed(
    store_and_refuse: tuple[Store, Refuse], caplog: pytest.LogCaptureFixture
) -> None:
    store, refuse = store_and_refuse
    await _append(store, "room", 1)
    await _append(store, "room", 2, _START + 2 * HOUR)
    refuse("rollups", True)
    clock = _Clock()
    work = _summarizer(store, clock)
    await work.step()
    assert caplog.text.count("hour_set_aside") == 1
    hours = await store.reports.rollups(ALL, HOUR, _START, _START + 9 * HOUR)
    assert [rollup.start for rollup in hours] == [_START + 2 * HOUR]
    refuse("rollups", False)
    clock.now += 301
    await _summarizer(store, clock).step()
    hours = await store.reports.rollups(ALL, HOUR, _START, _START + 9 * HOUR)
    assert [rollup.start for rollup in hours] == [_START, _START + 2 * HOUR]


async def test_sessions_are_not_set_aside_while_the_store_is_away(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    store = open_store(f"sqlite:///{tmp_path}/calls.db")
    await store.open()
    await _append(store, "room", 1)
    work = _summarizer(store, _Clock())
    with closing(sqlite3.connect(tmp_path / "calls.db")) as connection:
        connection.execute("ALTER TABLE summaries RENAME TO away")
        connection.execute("ALTER TABLE records RENAME TO away_too")
    with pytest.raises(StoreError):
        await work.step()
    assert not caplog.text
    await store.close()


def test_each_failure_doubles_the_pause_up_to_a_day() -> None:
    aside = SetAside[str]()
    assert aside.is_due("a", 0)
    assert [aside.add("a", 0) for _ in range(11)] == [
        300.0 * 2**times if times < 9 else 86_400.0 for times in range(11)
    ]
    assert not aside.is_due("a", 86_399)
    assert aside.is_due("a", 86_400)
    assert aside.is_due("a", -1), "a clock that was set back delays nothing"
    aside.remove("a")
    assert aside.add("a", 0) == 300
    for number in range(10_001):
        aside.add(str(number), 0)
    assert aside.is_due("a", 1)
