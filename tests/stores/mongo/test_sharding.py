"""What MongoDB does for pushes and summaries, by its own profiler: each operation names its `_id`.

`docs/scaling.md` builds on this: on a cluster with `{_id: "hashed"}` such an operation goes to one
shard.
"""

from typing import Any

import pytest
from pymongo.collection import Collection

from jmmc.maintenance.summarizer import Summarizer
from jmmc.quality.thresholds import preset
from jmmc.stores.mongo.store import MongoStore
from tests.support.builders import RHYTHM, push, sample, v1_push
from tests.support.mongod import Mongod

_NOW = 1_700_000_100


@pytest.fixture
def profiled(mongod: Mongod, request: pytest.FixtureRequest) -> Any:
    """A database of which mongod records each operation with its plan."""
    with mongod.client() as client:
        database = client[f"profiled_{request.node.name[:40]}"]
        yield database
        database.command("profile", 0)
        client.drop_database(database.name)


def _begin(database: Any) -> None:
    database.command("profile", 0)
    database["system.profile"].drop()
    database.command("profile", 2)


def _plans(profiled: Any, collection: str) -> list[tuple[str, str]]:
    """The kind and the plan of each operation on a collection, in order of time."""
    query = {"ns": f"{profiled.name}.{collection}", "op": {"$in": ["update", "query", "insert"]}}
    return [
        (entry["op"], entry.get("planSummary", ""))
        for entry in profiled["system.profile"].find(query).sort("ts")
    ]


def _names_its_id(plan: str) -> bool:
    return plan in ("IDHACK", "IXSCAN { _id: 1 }")


def _push(seq: int, number: int = 1, room: str = "room") -> Any:
    readings = sample(seq, '{"rtt":20}', ts=_NOW - 20 + seq)
    return push(session=f"{number:024x}", room=room, samples=(readings,))


async def test_a_push_names_the_id_of_each_document_that_it_touches(
    mongod: Mongod, profiled: Any
) -> None:
    url = mongod.url.replace("/jmmc", f"/{profiled.name}")
    store, later = MongoStore(url=url, name="calls"), MongoStore(url=url, name="calls")
    await store.open()
    await later.open()
    _begin(profiled)
    await store.append([_push(0), v1_push(opens=True)])
    await store.append([_push(1), _push(0, number=2), v1_push('{"cq":1}')])
    await later.append([_push(2)])  # Has to read the session first.
    await later.append([_push(5)])  # After a gap.
    await store.append([_push(60)])  # Another document.
    plans = _plans(profiled, "calls")
    await store.close()
    await later.close()
    writes = [plan for kind, plan in plans if kind == "update"]
    reads = [plan for kind, plan in plans if kind == "query"]
    assert (len(writes), len(reads) > 0) == (8, True)
    assert [plan for plan in (*writes, *reads) if not _names_its_id(plan)] == []


async def test_sessions_that_others_open_cost_no_query_of_one_that_goes_on(
    mongod: Mongod, profiled: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Those that pushed most recently are remembered, not those that began last."""
    monkeypatch.setattr("jmmc.stores.mongo.appending.MOST_RECENT", 2)
    store = MongoStore(url=mongod.url.replace("/jmmc", f"/{profiled.name}"), name="calls")
    await store.open()
    await store.append([_push(0)])
    _begin(profiled)
    for seq in range(1, 5):
        await store.append([_push(0, number=10 + seq)])
        await store.append([_push(seq)])
    kinds = [kind for kind, _ in _plans(profiled, "calls")]
    assert (kinds.count("update"), kinds.count("query")) == (8, 0)
    await store.append([_push(1, number=11)])
    assert [kind for kind, _ in _plans(profiled, "calls")].count("query") == 1
    await store.close()


async def test_summaries_are_read_by_index_and_written_by_id(mongod: Mongod, profiled: Any) -> None:
    url = mongod.url.replace("/jmmc", f"/{profiled.name}")
    store = MongoStore(url=url, name="calls")
    await store.open()
    await store.append([_push(0, number, f"room{number}") for number in range(100)])
    summarizer = Summarizer(
        store, preset=preset("jitsi"), rhythm=RHYTHM, clock=lambda: _NOW, holder="me"
    )
    await summarizer.step()
    await store.append([_push(1, number, f"room{number}") for number in range(10)])
    _begin(profiled)
    assert await summarizer.step() == 10
    assert sum([len(part) async for part in store.reports.live_sessions()]) == 100
    calls, summaries = _plans(profiled, "calls"), _plans(profiled, "calls.summaries")
    await store.close()
    marked = [plan for kind, plan in calls if kind == "update"]
    assert marked
    assert all(map(_names_its_id, marked)), "marked as clean"
    by_partition = [plan for kind, plan in calls if "{ p: 1, _id: 1 }" in plan]
    assert by_partition, calls
    following = ("IXSCAN { _id: 1 }", "s: 1, c: 1")
    others = [plan for kind, plan in calls if kind == "query" and plan not in by_partition]
    assert all(plan == "IDHACK" or any(part in plan for part in following) for plan in others)
    stored = [plan for kind, plan in summaries if kind == "update"]
    assert len(stored) == 10
    assert all(map(_names_its_id, stored))
    assert not [plan for _, plan in (*calls, *summaries) if "COLLSCAN" in plan]


async def test_a_share_reads_only_its_own_dirty_documents(store: Any, raw: Collection[Any]) -> None:
    await store.append([_push(0, number, f"room{number}") for number in range(640)])
    query = {"d": True, "p": {"$in": [None, 3, 4]}}
    found = raw.find(query, {"s": True, "conf": True}).sort("_id", 1).limit(1000).explain()
    counted = found["executionStats"]
    assert counted["nReturned"] == len(await store.reports.dirty(1000, {3, 4}))
    assert counted["totalDocsExamined"] == counted["nReturned"] < 60
