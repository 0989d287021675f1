"""The MongoDB store alone: its documents, its indexes, and what it refuses."""

import asyncio
import json
import logging
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import msgspec
import pymongo
import pytest
from bson import Decimal128, Int64, ObjectId
from msgspec.structs import replace
from pymongo import AsyncMongoClient

from jmmc import MetricsCollector
from jmmc.answers.export import stored_form
from jmmc.core.errors import StoreError
from jmmc.core.model import Dialect, Erased, Session, SessionFilter
from jmmc.core.partitions import partition_of
from jmmc.quality.filters import SummaryFilter
from jmmc.quality.summarize import summarize
from jmmc.quality.thresholds import preset
from jmmc.stores import open_store
from jmmc.stores.mongo import indexes, opening, reading
from jmmc.stores.mongo.connection import Connection
from jmmc.stores.mongo.documents import Document
from jmmc.stores.mongo.selection import session_query, summary_query
from jmmc.stores.mongo.store import MongoStore
from jmmc.stores.mongo.upkeep import free_in
from tests.stores.mongo.conftest import Collection
from tests.support.builders import RHYTHM, UID, body, call, push, sample, v1_push
from tests.support.mongod import Mongod, started
from tests.support.servers import free_port
from tests.support.waiting import wait_until_async

_SESSION = "0" * 23 + "1"


async def test_a_summary_of_an_earlier_version_has_no_provider_and_no_country(
    store: MongoStore, mongod: Mongod, raw: Collection
) -> None:
    session = Session(_SESSION, "room", UID, Dialect.V2, 900, (sample(0, ts=900),))
    summary = summarize(session, preset=preset("jitsi"), rhythm=RHYTHM)
    await store.reports.put_summaries([summary])
    whole = json.loads(msgspec.json.encode(summary))
    del whole["provider"], whole["country"]
    older = {"$set": {"whole": json.dumps(whole).encode()}, "$unset": {"provider": 1, "country": 1}}
    with mongod.client() as client:
        changed = client.jmmc[f"{raw.name}.summaries"].update_one({"_id": _SESSION}, older)
        assert changed.modified_count == 1
    nameless = SummaryFilter(provider="", country="")
    assert await store.reports.summaries(nameless, limit=5) == [summary]
    assert await store.reports.facts(("provider", "country"), SummaryFilter()) == [("", "")]


async def test_a_summary_of_an_earlier_version_has_the_meeting_of_the_whole(
    store: MongoStore, mongod: Mongod, raw: Collection
) -> None:
    readings = '{"mid":"8b4139fa"}'
    session = Session(_SESSION, "room", UID, Dialect.V2, 900, (sample(0, readings, ts=900),))
    summary = summarize(session, preset=preset("jitsi"), rhythm=RHYTHM)
    later = msgspec.structs.replace(summary, session="f" * 24, began=901)
    await store.reports.put_summaries([summary, later])
    with mongod.client() as client:
        stored = client.jmmc[f"{raw.name}.summaries"]
        assert stored.update_one({"_id": _SESSION}, {"$unset": {"meeting": 1}}).modified_count == 1
    rows = await store.reports.facts(("session", "jitsi_meeting_id"), SummaryFilter())
    assert rows == [(_SESSION, "8b4139fa"), ("f" * 24, "8b4139fa")]


@pytest.mark.parametrize("selection", [{"code": "0AB12Z"}, {"rated": True}, {"name": "anna"}])
async def test_people_are_found_by_an_index(
    store: MongoStore, raw: Collection, selection: dict[str, Any]
) -> None:
    session = Session(_SESSION, "room", UID, Dialect.V2, 900, (sample(0, ts=900),))
    summary = summarize(session, preset=preset("jitsi"), rhythm=RHYTHM)
    others = [msgspec.structs.replace(summary, session=f"{n:024x}") for n in range(200)]
    known = {"code": "0AB12Z", "rating": 5, "name": "Anna Berg"}
    await store.reports.put_summaries([*others, msgspec.structs.replace(summary, **known)])
    query = summary_query(SummaryFilter(**selection, attempts=None), 0)
    plan = raw.database[f"{raw.name}.summaries"].find(query).explain()
    assert plan["executionStats"]["nReturned"] == 1
    assert plan["executionStats"]["totalDocsExamined"] == 1


async def test_a_short_session_is_one_document_in_the_form_of_the_express_middleware(
    store: MongoStore, raw: Collection
) -> None:
    readings = '{"pid":"8b4139fa","t":{"rip":3221225986},"u":{"bw":347.33}}'
    await store.append([push(samples=(sample(0, readings), sample(1, "{}", full=True)))])

    assert raw.find_one() == {
        "_id": ObjectId(_SESSION),
        "conf": "room",
        "uid": UID,
        "v": 2,
        "at": datetime(2023, 11, 14, 22, 13, 20),
        "d": True,
        "p": partition_of("room"),
        "m": [
            {
                "ts": 1_700_000_000,
                "seq": 0,
                "pid": "8b4139fa",
                "t": {"rip": 3221225986},
                "u": {"bw": 347.33},
            },
            {"ts": 1_700_000_030, "seq": 1, "full": True},
        ],
    }


async def test_no_document_grows_beyond_sixty_samples(store: MongoStore, raw: Collection) -> None:
    for seq in range(200):
        await store.append([push(seq)])

    documents = list(raw.find().sort("at"))
    assert [len(document["m"]) for document in documents] == [60, 60, 60, 20]
    assert {(document["conf"], document["uid"]) for document in documents} == {("room", UID)}
    assert [document.get("s") for document in documents] == [None, *[ObjectId(_SESSION)] * 3]
    assert [document.get("c") for document in documents] == [None, 1, 2, 3]


_V1_DOCUMENTS: list[dict[str, Any]] = [
    {
        "_id": ObjectId("62065be5c8b4a1d2e3f40001"),
        "conf": "old",
        "uid": UID,
        "m": [
            {
                "ts": 1644583909,
                "br": "Chrome 98",
                "os": "Windows 10",
                "pid": "8b4139fa",
                "t": {"rip": Int64(3221225986)},
            },
            {"ts": 1644583939.0, "cq": 100.0, "u": {"bw": 347.33, "pl": 0}, "d": {"bw": None}},
            {"ts": 1644583939, "cq": "100"},
        ],
        "__v": 0,
    },
    {
        "_id": ObjectId("62065be6c8b4a1d2e3f40002"),
        "conf": "huge",
        "uid": UID,
        "m": [{"ts": 1644583910 + n, "cq": n % 101, "pid": "x" * 60} for n in range(150_000)],
    },
]


async def test_a_collection_of_the_express_middleware_is_read_in_place_and_never_rewritten(
    store: MongoStore, raw: Collection
) -> None:
    """The second of its documents has 15 MB; MongoDB allows 16."""
    raw.insert_many(_V1_DOCUMENTS)
    await store.append([push(0), v1_push(opens=True)])
    await store.append([v1_push('{"cq":1}'), push(1)])

    sessions = [session async for session in store.sessions(SessionFilter())]
    assert [session.room for session in sessions] == ["old", "huge", "room", "room"]
    assert stored_form(sessions[0]) == (
        b'{"_id":"62065be5c8b4a1d2e3f40001","conf":"old","uid":"%b","m":['
        b'{"ts":1644583909,"br":"Chrome 98","os":"Windows 10","pid":"8b4139fa",'
        b'"t":{"rip":3221225986}},'
        b'{"ts":1644583939,"cq":100.0,"u":{"bw":347.33,"pl":0},"d":{"bw":null}},'
        b'{"ts":1644583939,"cq":"100"}]}' % UID.encode()
    )
    assert len(sessions[1].samples) == 150_000
    assert await store.holds("62065be5c8b4a1d2e3f40001")
    between = SessionFilter(since=1644583909, until=1644583910)
    assert [session.room async for session in store.sessions(between)] == ["old"]
    assert list(raw.find({"at": None})) == _V1_DOCUMENTS


async def test_a_session_of_the_express_middleware_continues_in_a_new_document(
    store: MongoStore, raw: Collection
) -> None:
    raw.insert_many(_V1_DOCUMENTS)
    more = replace(v1_push('{"cq":7}', session=str(_V1_DOCUMENTS[1]["_id"])), room="huge")
    await store.append([more])

    (session,) = await store.get([more.session])
    assert len(session.samples) == 150_001
    assert session.samples[-1].readings == b'{"cq":7}'
    assert list(raw.find({"at": None})) == _V1_DOCUMENTS


async def test_of_long_sessions_few_are_read_at_a_time(
    store: MongoStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    lengths = (40, 60, 1, 200, 30, 30, 30, 30)
    for number, length in enumerate(lengths):
        samples = tuple(sample(seq, ts=1000 + number) for seq in range(length))
        await store.append([push(session=f"{number:024x}", samples=samples)])
    monkeypatch.setattr(reading, "_SAMPLES", 100)
    together: list[int] = []
    sessions_of = reading._sessions_of

    async def noted(connection: Connection, firsts: Sequence[Document]) -> list[Session]:
        sessions = await sessions_of(connection, firsts)
        together.append(sum(len(session.samples) for session in sessions))
        return sessions

    monkeypatch.setattr(reading, "_sessions_of", noted)
    sessions = [session async for session in store.sessions(SessionFilter())]
    assert [len(session.samples) for session in sessions] == list(lengths)
    assert together == [100, 1, 200, 90, 30]


@pytest.mark.parametrize(
    "foreign",
    [
        {"_id": ObjectId(), "name": "a bird"},
        {"_id": "text", "conf": "a", "uid": "b", "m": [{"ts": 1}]},
        {"_id": ObjectId(), "conf": 5, "uid": None, "m": [{"ts": 1}]},
        {"_id": ObjectId(), "conf": "a", "uid": "b", "m": []},
        {"_id": ObjectId(), "conf": "a", "uid": "b", "m": {"ts": 1}},
        {"_id": ObjectId(), "conf": "a", "uid": "b", "m": [{"cq": 1}]},
        {"_id": ObjectId(), "conf": "a", "uid": "b", "m": [{"ts": "now"}, 7]},
    ],
)
async def test_documents_of_other_programs_are_reported_skipped_and_left_alone(
    mongod: Mongod, raw: Collection, foreign: dict[str, Any], caplog: pytest.LogCaptureFixture
) -> None:
    raw.delete_many({})
    raw.insert_one(foreign)
    store = MongoStore(url=mongod.url, name=raw.name)
    await store.open()
    assert "documents_unrecognized" in caplog.text
    await store.append([push(0)])

    assert [session.room async for session in store.sessions(SessionFilter())] == ["room"]
    assert "documents_skipped" in caplog.text
    assert "documents=1" in caplog.text
    assert raw.find_one({"_id": foreign["_id"]}) == foreign
    await store.close()


async def test_values_that_json_does_not_have_are_read_as_text(
    store: MongoStore, raw: Collection
) -> None:
    strange = {"ts": 1, "a": Decimal128("1.5"), "b": b"\x01", "c": datetime(2024, 1, 1), "d": None}
    raw.insert_one({"_id": ObjectId(_SESSION), "conf": "a", "uid": "b", "m": [strange]})

    (session,) = [session async for session in store.sessions(SessionFilter())]
    assert session.samples[0].readings == (
        b'{"a":"1.5","b":"AQ==","c":"2024-01-01T00:00:00","d":null}'
    )


async def test_a_deleted_session_is_created_again_and_a_full_sample_asked_for(
    store: MongoStore, raw: Collection
) -> None:
    await store.append([push(0)])
    raw.delete_many({})
    (receipt,) = await store.append([push(1)])

    assert receipt.gap  # type: ignore[union-attr]
    assert await store.count(SessionFilter()) == 1


async def test_an_erasure_deletes_later_documents_without_a_first_one_and_no_others(
    store: MongoStore, raw: Collection
) -> None:
    """As another collector makes them that writes while the first one is being deleted."""
    ids = [f"{number:024x}" for number in range(1, 4)]
    late = {"browser_id": "00000000-0000-0000-0000-000000000000"}
    await store.append([push(*range(70), session=ids[0])])
    await store.append([push(*range(70), session=ids[1])])
    await store.append([push(*range(70), session=ids[2], **late)])
    raw.delete_many({"_id": {"$in": [ObjectId(ids[0]), ObjectId(ids[2])]}})
    before = 1_700_000_000  # When all of them began: it selects none.
    erased = await store.erase(SessionFilter(browser_id=UID, until=before))

    assert erased == Erased(0, 10)
    assert [document["_id"] for document in raw.find({"s": None})] == [ObjectId(ids[1])]
    assert {document["s"] for document in raw.find({"s": {"$ne": None}})} == {
        ObjectId(ids[1]),
        ObjectId(ids[2]),
    }, "only those of the erased browser"


async def test_indexes_exist_after_the_start(store: MongoStore, raw: Collection) -> None:
    assert set(raw.index_information()) == {
        "_id_",
        "jmmc_at",
        "jmmc_conf",
        "jmmc_uid",
        "jmmc_following",
        "jmmc_dirty_by_partition",
        "jmmc_retention",
    }


async def test_new_collections_are_compressed_and_existing_ones_left_as_they_are(
    mongod: Mongod, raw: Collection
) -> None:
    name = raw.name
    raw.database[f"{name}.summaries"].insert_one({"made": "before"})
    store = MongoStore(url=mongod.url, name=name)
    for _ in range(2):  # The second time both exist.
        await store.open()
        await store.close()
    compressed = {
        item: "block_compressor=zstd"
        in raw.database.command("collStats", f"{name}{item}")["wiredTiger"]["creationString"]
        for item in ("", ".summaries", ".rollups", ".incidents")
    }
    assert compressed == {"": True, ".summaries": False, ".rollups": True, ".incidents": True}


async def test_every_query_uses_an_index(store: MongoStore, raw: Collection) -> None:
    await store.append([push(0, session=f"{n:024x}") for n in range(500)])
    for expected_filters in (
        SessionFilter(room="other"),
        SessionFilter(browser_id="other"),
        SessionFilter(since=1_800_000_000),
    ):
        plan = raw.find(session_query(expected_filters)).sort([("at", 1), ("_id", 1)]).explain()
        assert plan["executionStats"]["totalDocsExamined"] == 0
    plan = raw.find({"s": {"$in": [ObjectId(_SESSION)]}}).sort("c").explain()
    assert plan["executionStats"]["totalKeysExamined"] == 0


async def test_retention_is_a_ttl_index(mongod: Mongod, raw: Collection) -> None:
    async def lifetime(days: int) -> Any:
        store = MongoStore(url=mongod.url, name=raw.name, retention_days=days)
        await store.open()
        await store.close()
        return raw.index_information()["jmmc_retention"]["expireAfterSeconds"]

    assert await lifetime(30) == 30 * 86400
    assert await lifetime(7) == 7 * 86400
    assert await lifetime(0) == 2**31 - 1


async def test_mongodb_deletes_only_sessions_older_than_the_retention(tmp_path: Path) -> None:
    with started(tmp_path, "--setParameter", "ttlMonitorSleepSecs=1") as mongod:
        store = MongoStore(url=mongod.url, retention_days=30)
        await store.open()
        now = int(datetime.now(UTC).timestamp())
        await store.append([push(session="a" * 24, samples=(sample(0, ts=now - 40 * 86400),))])
        await store.append([push(session="b" * 24, samples=(sample(0, ts=now - 20 * 86400),))])

        async def is_pruned() -> bool:
            return await store.count(SessionFilter()) == 1

        await wait_until_async(is_pruned)
        assert [session.id async for session in store.sessions(SessionFilter())] == ["b" * 24]
        await store.close()


async def test_a_large_collection_takes_pushes_while_its_indexes_are_built(
    mongod: Mongod, raw: Collection, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(indexes, "_INDEX_PATIENCE", 0.0)
    raw.insert_many(
        {"conf": f"c{n}", "uid": UID, "m": [{"ts": n, "cq": 1}], "at": datetime(2024, 1, 1)}
        for n in range(50_000)
    )
    store = MongoStore(url=mongod.url, name=raw.name)
    await store.open()
    assert store.connection.indexing is not None
    assert not store.connection.indexing.done(), "the start waited for the indexes"
    await store.append([push(0)])
    await store.connection.indexing
    assert "jmmc_retention" in raw.index_information()
    await store.close()


async def test_building_indexes_is_not_bounded_by_the_timeout_of_operations(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(indexes, "_INDEX_PATIENCE", 0.0)
    with (
        started(tmp_path, "--setParameter", "enableTestCommands=1") as mongod,
        mongod.client() as client,
    ):
        raw = client.jmmc["large"]
        raw.insert_one({"conf": "c", "uid": UID, "m": [], "at": datetime(2024, 1, 1)})
        held = {"configureFailPoint": "hangAfterStartingIndexBuild"}
        client.admin.command({**held, "mode": "alwaysOn"})
        store = MongoStore(url=mongod.url, name=raw.name, timeout=1.0)
        await store.open()
        await asyncio.sleep(1.5)
        client.admin.command({**held, "mode": "off"})
        assert store.connection.indexing is not None
        await store.connection.indexing
        assert "jmmc_retention" in raw.index_information()
        await store.close()


async def test_the_client_of_a_host_is_not_closed(mongod: Mongod, raw: Collection) -> None:
    client: AsyncMongoClient[Any] = AsyncMongoClient(mongod.url)
    app = MetricsCollector(store=MongoStore(client.jmmc[raw.name]), secret="x")
    assert (await call(app, "POST", "/push", body())).status == 200
    await app.close()

    assert await client.jmmc[raw.name].count_documents({}) == 1, "its client still works"
    await client.close()


async def test_a_client_that_is_not_asynchronous_is_refused(raw: Collection) -> None:
    with pytest.raises(TypeError, match="AsyncMongoClient"):
        MongoStore(raw)  # type: ignore[arg-type]


async def test_a_confirmation_waits_for_the_majority_and_the_journal(store: MongoStore) -> None:
    assert store.connection.collection().write_concern.document == {"w": "majority", "j": True}


async def test_indexes_of_earlier_versions_are_dropped(mongod: Mongod, raw: Collection) -> None:
    former = {"jmmc_dirty", "jmmc_dirty_in_turn"}
    for name, keys in zip(sorted(former), ([("d", 1)], [("d", 1), ("_id", 1)]), strict=True):
        raw.create_index(keys, name=name)
    store = MongoStore(url=mongod.url, name=raw.name)
    await store.open()
    await store.close()
    assert not former & raw.index_information().keys()


async def test_an_index_of_an_earlier_versions_summaries_is_dropped_when_its_heir_is_there(
    mongod: Mongod, raw: Collection
) -> None:
    summaries = raw.database[f"{raw.name}.summaries"]
    summaries.create_index([("conf", 1), ("began", -1), ("_id", -1)], name="jmmc_conf")
    store = MongoStore(url=mongod.url, name=raw.name)
    await store.open()
    await store.close()
    names = summaries.index_information().keys()
    assert "jmmc_conf" not in names
    assert "jmmc_room" in names


async def test_a_write_concern_in_the_url_is_respected(mongod: Mongod) -> None:
    store = MongoStore(url=mongod.url + "&w=1", name="own-concern")
    await store.open()
    assert store.connection.collection().write_concern.document == {"w": 1}
    await store.close()


async def test_timeouts_in_the_url_are_respected(mongod: Mongod) -> None:
    url = f"{mongod.url}&serverselectiontimeoutms=1234&appname=mine"
    store = MongoStore(url=url, name="own-timeouts", timeout=5)
    await store.open()
    assert store.connection.client is not None
    options = store.connection.client.options
    assert options.server_selection_timeout == 1.234
    assert options.pool_options.connect_timeout == 5
    assert options.pool_options.appname == "mine"
    await store.close()


async def _refusal(store: Any) -> str:
    try:
        with pytest.raises(StoreError) as refused:
            await store.open()
            await store.append([push(0)])
    finally:
        await store.close()
    return f"{type(refused.value).__name__}: {refused.value}"


async def test_an_unreachable_server_is_named() -> None:
    port = free_port()
    message = await _refusal(open_store(f"mongodb://127.0.0.1:{port}/jmmc", timeout=0.5))
    assert message.startswith("StoreError: MongoDB: no server that takes writes: 127.0.0.1")
    assert str(port) in message
    assert "Topology" not in message
    assert "configured" not in message


@pytest.mark.parametrize(
    ("url", "words"),
    [
        ("mongodb://127.0.0.1", "names no database"),
        ("mongodb://127.0.0.1:abc/x", "Port contains non-digit"),
        ("mongodb://127.0.0.1/x?replicaSet=", "MongoDB"),
    ],
)
async def test_an_unusable_url_is_refused_with_a_reason(url: str, words: str) -> None:
    assert words in await _refusal(open_store(url, timeout=0.5))


async def test_a_server_that_is_too_old_is_refused(
    mongod: Mongod, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(opening, "_OLDEST", (99, 0))
    message = await _refusal(MongoStore(url=mongod.url, name="old"))
    assert message == "UnusableStore: MongoDB 6.0.5 is too old: 99.0 or newer is needed"


@pytest.mark.parametrize(
    ("name", "options"),
    [
        ("capped", {"capped": True, "size": 100_000}),
        ("view", {"viewOn": "other"}),
        ("timeseries", {"timeseries": {"timeField": "t"}}),
    ],
)
async def test_a_collection_of_another_kind_is_refused(
    mongod: Mongod, name: str, options: dict[str, Any]
) -> None:
    with mongod.client() as client:
        client.jmmc.create_collection(name, **options)
    message = await _refusal(MongoStore(url=mongod.url, name=name))
    assert message == f"UnusableStore: jmmc.{name}: a plain collection is needed ({name})"


@pytest.fixture(scope="module")
def guarded(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Mongod]:
    """A server that asks who one is: `reader` may read, `writer` may write."""
    with started(tmp_path_factory.mktemp("guarded"), "--auth") as mongod:
        with mongod.client() as client:
            client.admin.command("createUser", "root", pwd="pw", roles=["root"])
        with pymongo.MongoClient[Any](
            mongod.url, username="root", password="pw", authSource="admin"
        ) as root:
            root.jmmc.command("createUser", "reader", pwd="pw", roles=["read"])
            root.jmmc.command("createUser", "writer", pwd="pw", roles=["readWrite"])
        yield mongod


@pytest.mark.parametrize(
    ("user", "words"),
    [
        ("", "requires authentication"),
        ("reader:pw@", "not authorized on jmmc"),
        ("writer:wrong@", "Authentication failed"),
    ],
)
async def test_a_user_without_the_right_to_write_is_refused_at_the_start(
    guarded: Mongod, user: str, words: str
) -> None:
    url = guarded.url.replace("mongodb://", f"mongodb://{user}")
    message = await _refusal(MongoStore(url=url))
    assert message.startswith("UnusableStore: MongoDB refuses this user")
    assert words in message
    assert "pw" not in message


async def test_a_user_with_the_right_to_write_to_the_database_is_enough(guarded: Mongod) -> None:
    store = MongoStore(url=guarded.url.replace("mongodb://", "mongodb://writer:pw@"))
    await store.open()
    await store.append([push(0)])
    await store.check()
    assert await store.count(SessionFilter()) == 1
    await store.close()


async def test_a_clock_that_goes_backwards_changes_no_stored_sample(
    store: MongoStore,
) -> None:
    await store.append([push(samples=(sample(0, ts=2000),))])
    await store.append([push(samples=(sample(1, ts=1000),))])

    (session,) = [session async for session in store.sessions(SessionFilter())]
    assert [sample.ts for sample in session.samples] == [2000, 1000]


async def test_a_failure_to_build_indexes_is_logged(
    mongod: Mongod, raw: Collection, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    raw.create_index("conf", name="jmmc_conf")
    message = await _refusal(MongoStore(url=mongod.url, name=raw.name))
    assert "jmmc_conf" in message


def test_the_free_space_is_that_of_the_fullest_shard_or_unknown() -> None:
    small = {"fsTotalSize": 100.0, "fsUsedSize": 70.0}
    large = {"fsTotalSize": 1000.0, "fsUsedSize": 10.0}
    assert free_in(small) == 30
    assert free_in({"raw": {"a:1": large, "b:1": small}, **large}) == 30
    assert free_in({"raw": {"a:1": large, "b:1": {}}}) == 990
    for stats in ({}, {"storageSize": 7}, {"fsTotalSize": 0.0, "fsUsedSize": 0.0}, {"raw": {}}):
        assert free_in(stats) is None
