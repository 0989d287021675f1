"""The spool: its samples are moved in order, once. The servers here are really stopped."""

import asyncio
import gc
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

import pytest

from jmmc import MetricsCollector
from jmmc.core.errors import StoreError, UnusableStore
from jmmc.core.model import Disk, Receipt, SessionFilter
from jmmc.ingest.counters import Counters
from jmmc.ingest.writer import Writer
from jmmc.privacy.receipts import Erasure, Subject, SubjectKind, digest_of
from jmmc.settings import Settings
from jmmc.stores import configured_store, open_store
from jmmc.stores.erasure_receipts import erasure_key, put_erasure
from jmmc.stores.mongo.store import MongoStore
from jmmc.stores.spool import SpooledStore
from tests.support.builders import UID, body, call, push, sample, v1_push, wire_sample
from tests.support.mongod import Mongod, started
from tests.support.waiting import wait_until_async, wait_until_moved

_ALL = SessionFilter()

# PyMongo leaves a socket to the garbage collector when it is closed while it connects.
pytestmark = pytest.mark.filterwarnings("ignore:unclosed <socket:ResourceWarning")


@pytest.fixture(autouse=True)
def driver_garbage() -> Iterator[None]:
    yield
    gc.collect()


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Mongod]:
    with started(tmp_path_factory.mktemp("mongod")) as mongod:
        yield mongod


@pytest.fixture
async def running(server: Mongod) -> Mongod:
    if server.process is None:
        await asyncio.to_thread(server.start)
    return server


@pytest.fixture
async def store(running: Mongod, tmp_path: Path) -> AsyncIterator[SpooledStore]:
    store = _spooled(running, tmp_path)
    await store.open()
    yield store
    await store.close()


_QUICK, _PATIENT = 0.3, 10.0  # Seconds: for a server that is gone, and for one that is slow.


def _spooled(server: Mongod, folder: Path, timeout: float = _PATIENT) -> SpooledStore:
    mongo = MongoStore(url=server.url, name=folder.name, timeout=timeout)
    return SpooledStore(mongo, folder / "spool", limit=2**30, pause=0.05)


async def _stop(server: Mongod, store: SpooledStore) -> None:
    assert isinstance(store.store, MongoStore)
    store.store.connection.timeout = _QUICK
    await asyncio.to_thread(server.stop)


async def _start(server: Mongod, store: SpooledStore) -> None:
    assert isinstance(store.store, MongoStore)
    store.store.connection.timeout = _PATIENT
    await asyncio.to_thread(server.start)


async def _elements(store: SpooledStore) -> list[bytes]:
    (session,) = [session async for session in store.sessions(_ALL)]
    return [sample.readings for sample in session.samples]


async def _refuse(store: SpooledStore, allowed: dict[str, Any]) -> None:
    """Have the database refuse documents that are not as `allowed`, and take all others."""
    assert isinstance(store.store, MongoStore)
    collection = store.store.connection.collection()
    durable = {"w": "majority", "j": True}
    database = collection.database
    await database.command("collMod", collection.name, validator=allowed, writeConcern=durable)


async def test_nothing_is_spooled_while_the_database_works(store: SpooledStore) -> None:
    assert await store.append([push(0)]) == [Receipt(0)]
    assert (await store.check()).spooled is None
    assert await store.count(_ALL) == 1


async def test_v1_samples_keep_their_order_across_an_outage(
    store: SpooledStore, running: Mongod
) -> None:
    def v1(number: int) -> Any:
        return v1_push(f'{{"cq":{number}}}', opens=number == 0)

    for number in range(10):
        await store.append([v1(number)])
    await _stop(running, store)
    for number in range(10, 70):
        assert await store.append([v1(number)]) == [Receipt(None)]
    spooled = (await store.check()).spooled
    assert spooled is not None
    assert spooled > 0
    await _start(running, store)
    number = 70
    while (await store.check()).spooled is not None:
        await store.append([v1(number)])
        number += 1
    await store.append([v1(number)])

    assert await _elements(store) == [b'{"cq":%d}' % n for n in range(number + 1)]


async def test_a_spooled_session_is_asked_for_a_full_sample_and_misses_nothing(
    store: SpooledStore, running: Mongod
) -> None:
    await store.append([push(0)])
    await _stop(running, store)
    assert await store.append([push(1)]) == [Receipt(1, gap=True)]
    assert await store.append([push(2)]) == [Receipt(2)]
    await _start(running, store)
    await wait_until_moved(store)
    assert await store.append([push(3)]) == [Receipt(3)]

    (session,) = [session async for session in store.sessions(_ALL)]
    assert [sample.seq for sample in session.samples] == [0, 1, 2, 3]


async def test_a_bug_while_the_spool_is_moved_is_shown_and_the_move_is_repeated(
    running: Mongod,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    monkeypatch.setattr("jmmc.core.supervision._FIRST_PAUSE", 0.01)
    await asyncio.to_thread(running.stop)
    store = _spooled(running, tmp_path, _QUICK)
    await store.open()
    await store.append([push(0, 1)])
    move_batch, failures = store._move_batch, iter([KeyError("a bug"), KeyError("a bug")])

    async def breaks_twice(*args: Any) -> Any:
        for error in failures:
            raise error
        return await move_batch(*args)

    monkeypatch.setattr(store, "_move_batch", breaks_twice)
    await asyncio.to_thread(running.start)
    await wait_until_moved(store)
    (state,) = store.background_tasks
    assert (state.name, state.failures) == ("spool", 2)
    assert caplog.text.count("background_task_failed") == 2
    assert await store.count(_ALL) == 1
    await store.close()


async def test_samples_left_in_the_spool_are_moved_at_the_next_start(
    running: Mongod, tmp_path: Path
) -> None:
    await asyncio.to_thread(running.stop)
    store = _spooled(running, tmp_path, _QUICK)
    await store.open()
    await store.append([push(0, 1), v1_push(opens=True)])
    await store.close()
    await asyncio.to_thread(running.start)
    again = _spooled(running, tmp_path)
    await again.open()
    await wait_until_moved(again)

    assert await again.count(_ALL) == 2
    assert (tmp_path / "spool" / "spool.db").stat().st_size < 160_000, "empty tables only"
    await again.close()


async def test_samples_erased_while_they_were_spooled_are_not_moved(
    running: Mongod, tmp_path: Path
) -> None:
    """`jmmc forget` on another machine does not see this spool; who moves it knows the receipt."""
    (tmp_path / "spool").mkdir()
    left = open_store(f"sqlite:///{tmp_path}/spool/spool.db")
    await left.open()
    other = "00000000-0000-0000-0000-000000000000"
    mixed = push(samples=(sample(0, ts=1000), sample(1, ts=3000)), session="c" * 24)
    gone = push(0, session="d" * 24, room="gone")
    await left.append([push(0, 1), push(0, session="b" * 24, browser_id=other), mixed, gone])
    await left.close()
    there = MongoStore(url=running.url, name=tmp_path.name, timeout=_PATIENT)
    await there.open()
    key = await erasure_key(there.reports)
    for subject, until in (
        (Subject(SubjectKind.PARTICIPANT, UID), 2000),
        (Subject(SubjectKind.ROOM, "gone"), 2**31),
    ):
        receipt = Erasure(f"{until}", subject.kind, digest_of(subject, key), until)
        await put_erasure(there.reports, receipt)
    await there.close()
    store = _spooled(running, tmp_path)
    await store.open()
    await wait_until_moved(store)

    found = {
        session.id: [sample.ts for sample in session.samples]
        async for session in store.sessions(_ALL)
    }
    assert found["c" * 24] == [3000]
    assert set(found) == {"0" * 23 + "1", "b" * 24, "c" * 24}
    await store.close()


async def test_an_interrupted_move_is_repeated_and_stores_nothing_twice(
    running: Mongod, tmp_path: Path
) -> None:
    """Killed after the database had it all and before the file was emptied."""
    v1 = [v1_push(f'{{"cq":{n}}}', opens=n == 0) for n in range(60)]
    await asyncio.to_thread(running.stop)
    store = _spooled(running, tmp_path, _QUICK)
    await store.open()
    await store.append([push(*range(70)), *v1])
    await store.close()
    await asyncio.to_thread(running.start)
    mongo = MongoStore(url=running.url, name=tmp_path.name)
    await mongo.open()
    await mongo.append([push(*range(70)), *v1])
    await mongo.close()
    again = _spooled(running, tmp_path)
    await again.open()
    await wait_until_moved(again)

    sessions = [session async for session in again.sessions(_ALL)]
    assert sorted(len(session.samples) for session in sessions) == [60, 70]
    await again.close()


async def test_a_spool_of_many_sessions_is_moved_completely(
    store: SpooledStore, running: Mongod
) -> None:
    await _stop(running, store)
    pushes = [push(*range(100), session=f"{n:024x}") for n in range(30)]
    await store.append(pushes)
    await _start(running, store)
    await wait_until_moved(store)

    sessions = [session async for session in store.sessions(_ALL)]
    assert [list(session.samples) for session in sessions] == [[sample(n) for n in range(100)]] * 30


async def test_a_spool_folder_belongs_to_one_collector(
    store: SpooledStore, running: Mongod, tmp_path: Path
) -> None:
    second = _spooled(running, tmp_path)
    with pytest.raises(UnusableStore, match="another collector uses it"):
        await second.open()
    await second.close()


async def test_a_spool_folder_that_cannot_be_made_is_named(running: Mongod, tmp_path: Path) -> None:
    (tmp_path / "spool").write_text("a file")
    store = _spooled(running, tmp_path)
    with pytest.raises(UnusableStore, match="spool_dir"):
        await store.open()
    await store.close()


async def test_an_unusable_database_is_refused_and_not_spooled_for(tmp_path: Path) -> None:
    store = SpooledStore(open_store("mongodb://127.0.0.1:1"), tmp_path / "spool", limit=1)
    with pytest.raises(UnusableStore, match="names no database"):
        await store.open()
    await store.close()


async def test_a_full_spool_refuses_pushes(store: SpooledStore, running: Mongod) -> None:
    store._limit = 0
    await _stop(running, store)
    with pytest.raises(StoreError, match="the spool is full"):
        await store.append([push(0)])
    with pytest.raises(StoreError, match="the spool is full"):
        await store.check()


async def test_samples_that_the_database_refuses_are_put_aside_and_the_others_are_moved(
    store: SpooledStore, running: Mongod, caplog: pytest.LogCaptureFixture
) -> None:
    refused, others = ["0" * 23 + "2", "0" * 23 + "3"], [f"{n:024x}" for n in range(16, 36)]
    await store.append([push(0, session=session) for session in (*refused, *others)])
    await _refuse(store, {"m.cq": {"$ne": 13}})
    await _stop(running, store)
    bad = (sample(1), sample(2, '{"cq":13}'), sample(70))
    await store.append([push(session=session, samples=bad) for session in refused])
    await store.append([push(1, session=session) for session in others])
    await _start(running, store)
    await wait_until_async(lambda: caplog.text.count("spooled_push_refused") == 2)
    await wait_until_moved(store)

    stored = {session.id: session async for session in store.sessions(_ALL)}
    for session in refused:
        assert [sample.seq for sample in stored[session].samples] == [0, 1, 70]
    for session in others:
        assert [sample.seq for sample in stored[session].samples] == [0, 1]
    assert str(store.folder / "spool.refused.db") in caplog.text
    assert (await store.check()).put_aside == 2

    await store.close()
    copy = open_store(f"sqlite:///{store.folder}/spool.refused.db")
    await copy.open()
    kept = {session.id: session async for session in copy.sessions(_ALL)}
    assert {key: session.samples for key, session in kept.items()} == dict.fromkeys(
        refused, (bad[1],)
    )
    await copy.close()


async def test_samples_that_were_put_aside_are_counted_after_a_restart_erased_and_pruned(
    store: SpooledStore, running: Mongod
) -> None:
    await _refuse(store, {"conf": {"$nin": ["old", "erased"]}})
    await _stop(running, store)
    rooms = ("old", "erased", "good")
    await store.append(
        [push(0, session=f"{n:024x}", room=room) for n, room in enumerate(rooms, start=1)]
    )
    await _start(running, store)
    await wait_until_moved(store)
    await store.close()
    await store.open()
    assert (await store.check()).put_aside == 2

    assert (await store.erase(SessionFilter(room="erased"))).samples == 1
    assert (await store.check()).put_aside == 1
    assert await store.prune(1_800_000_000) == 1
    assert (await store.check()).put_aside == 0


async def test_spooled_samples_of_another_owners_session_are_put_aside(
    store: SpooledStore, running: Mongod
) -> None:
    await store.append([push(0)])
    await _stop(running, store)
    await store.append([push(1, room="another"), push(0, session="0" * 23 + "2")])
    await _start(running, store)
    await wait_until_moved(store)

    assert await store.count(_ALL) == 2
    assert (await store.check()).put_aside == 1


async def test_a_session_that_is_refused_alone_stays_in_the_spool_until_another_is_stored(
    store: SpooledStore, running: Mongod
) -> None:
    """While nothing is stored, it may be the database that refuses everything."""
    await _refuse(store, {"conf": {"$ne": "refused"}})
    await _stop(running, store)
    await store.append([push(0, room="refused")])
    await _start(running, store)
    await asyncio.sleep(3.0)  # Five tries take 1.6 s.
    condition = await store.check()
    assert condition.spooled is not None
    assert condition.put_aside == 0

    await store.append([push(0, session="0" * 23 + "2")])
    await wait_until_moved(store)
    assert (await store.check()).put_aside == 1


async def test_any_error_of_a_move_is_logged_with_its_stack_and_the_move_continues(
    running: Mongod, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    await asyncio.to_thread(running.stop)
    store = _spooled(running, tmp_path, _QUICK)
    await store.open()
    await store.append([push(0)])
    file = store._file
    del store._file  # An error that nobody has thought of.
    await asyncio.to_thread(running.start)
    await wait_until_async(lambda: "background_task_failed" in caplog.text)
    store._file = file
    await wait_until_moved(store)

    assert await store.count(_ALL) == 1
    await store.close()


async def test_an_outage_is_logged_once_a_minute(
    store: SpooledStore, running: Mongod, caplog: pytest.LogCaptureFixture
) -> None:
    await _stop(running, store)
    await store.append([push(0)])
    await wait_until_async(lambda: "database_away" in caplog.text)
    await asyncio.sleep(1.0)  # Two looks and more
    assert caplog.text.count("database_away") == 1


async def test_a_session_is_held_in_the_spool_or_in_the_database(
    store: SpooledStore, running: Mongod
) -> None:
    await store.append([push(0, session="a" * 24)])
    assert await store.holds("a" * 24)
    assert not await store.holds("b" * 24)
    await _stop(running, store)
    await store.append([push(0, session="b" * 24)])
    assert await store.holds("b" * 24)


async def test_a_server_that_hangs_does_not_delay_closing(
    store: SpooledStore, running: Mongod, caplog: pytest.LogCaptureFixture
) -> None:
    """The driver itself would wait until the server counts as down, 10 seconds and more."""
    await store.append([push(0)])
    mongo = store.store
    assert isinstance(mongo, MongoStore)
    mongo.connection.timeout = _QUICK
    with running.hanging():
        writer = Writer(mongo, Counters(), limit=5000)
        waiting = [writer.commit(push(n)) for n in range(1, 4001)]
        began = asyncio.get_running_loop().time()
        await writer.close()
        await store.close()
        assert asyncio.get_running_loop().time() - began < 6
    assert {str(answer.exception()) for answer in waiting} == {"store_down: cannot store now"}
    assert caplog.text.count("store_down") == 1, "the next batches are not tried"


def test_only_mongodb_gets_a_spool() -> None:
    mongo = Settings.of(store="mongodb://127.0.0.1/x")
    assert isinstance(configured_store(mongo, spool=True), SpooledStore)
    assert isinstance(configured_store(mongo, spool=False), MongoStore)
    assert not isinstance(configured_store(Settings.of(), spool=True), SpooledStore)
    without = Settings.of(store="mongodb://127.0.0.1/x", spool_dir="")
    assert isinstance(configured_store(without, spool=True), MongoStore)


async def _left(running: Mongod, folder: Path, sessions: int = 30) -> Path:
    """The spool file that a dead collector has left, with `sessions` of 100 samples each."""
    await asyncio.to_thread(running.stop)
    store = _spooled(running, folder, _QUICK)
    await store.open()
    for number in range(sessions):
        await store.append([push(*range(100), session=f"{number:024x}")])
    await store.close()
    await asyncio.to_thread(running.start)
    return folder / "spool" / "spool.db"


async def _moved(running: Mongod, folder: Path) -> list[Any]:
    """The sessions that a collector moves to the database when it is started now."""
    store = _spooled(running, folder)
    await store.open()
    await wait_until_moved(store)
    assert await store.append([push(0, session="f" * 24)]) == [Receipt(0)]
    found = [session async for session in store.sessions(_ALL) if session.id != "f" * 24]
    await store.close()
    for session in found:
        assert set(session.samples) <= {sample(n) for n in range(100)}, "something else came out"
        assert len(session.samples) == len(set(session.samples))
    return found


@pytest.mark.parametrize("how", ["a page", "the end", "the middle of a row", "all"])
async def test_the_intact_samples_of_a_damaged_spool_are_moved(
    running: Mongod, tmp_path: Path, caplog: pytest.LogCaptureFixture, how: str
) -> None:
    path = await _left(running, tmp_path)
    content = bytearray(path.read_bytes())
    if how == "a page":
        page = content.index(b'{"cq":100}', len(content) * 3 // 4) // 4096 * 4096
        content[page : page + 4096] = b"\xa5" * 4096
    elif how == "the end":
        del content[-5 * 4096 :]
    elif how == "the middle of a row":
        at = content.rindex(b'{"cq":100}')
        content[at : at + 2] = b"\xff\xfe"
    else:
        content[:] = b"\0" * len(content)
    path.write_bytes(content)
    sessions = await _moved(running, tmp_path)

    stored = sum(len(session.samples) for session in sessions)
    least = {"a page": 2500, "the end": 2000, "the middle of a row": 2999, "all": 0}[how]
    assert least <= stored < 3000
    assert "spool_damaged" in caplog.text
    assert path.with_name("spool.damaged-1.db").read_bytes() == content


async def test_a_spool_whose_log_was_truncated_gives_the_samples_before_the_cut(
    running: Mongod, tmp_path: Path
) -> None:
    """The earlier pushes, each whole. A disk that obeys a flush never truncates the log."""
    await asyncio.to_thread(running.stop)
    store = _spooled(running, tmp_path, _QUICK)
    await store.open()
    for number in range(100):
        await store.append([push(number)])
    path = tmp_path / "spool" / "spool.db-wal"
    log, file = path.read_bytes(), path.with_name("spool.db").read_bytes()
    await store.close()
    await asyncio.to_thread(running.start)
    path.with_name("spool.db").write_bytes(file)
    path.write_bytes(log[: len(log) * 2 // 3])

    (session,) = await _moved(running, tmp_path)
    assert list(session.samples) == [sample(n) for n in range(len(session.samples))]
    assert 20 < len(session.samples) < 100


async def test_an_interrupted_recovery_is_finished(running: Mongod, tmp_path: Path) -> None:
    path = await _left(running, tmp_path)
    path.with_name("spool.sound.db").write_bytes(path.read_bytes())
    path.with_name("spool.damaged-1.db-wal").write_bytes(b"put aside already")
    path.write_bytes(b"damaged")

    assert sum(len(session.samples) for session in await _moved(running, tmp_path)) == 3000
    assert path.with_name("spool.damaged-1.db").read_bytes() == b"damaged"


async def test_the_disk_of_a_spool_refuses_new_sessions_only_while_pushes_are_spooled(
    tmp_path: Path,
) -> None:
    mongo = MongoStore(url=Mongod(tmp_path / "mongod").url, name="calls", timeout=_QUICK)
    spooled = SpooledStore(mongo, tmp_path, limit=2**30)
    app = MetricsCollector(store=spooled, secret="x")
    disk = app.collector.disk
    old, new = "0" * 31 + "1", "0" * 31 + "2"

    async def set_free(mebibytes: int) -> None:
        async def measure() -> list[Disk]:
            disks = await spooled.disks()
            return [disk._replace(free=mebibytes * 2**20) for disk in disks]

        disk._measure = measure
        await disk.look()

    async def status(sid: str, seq: int) -> int:
        content = body(wire_sample(seq, {"cq": 90}), sid=sid)
        return (await call(app, "POST", "/push", content)).status

    await set_free(100)
    assert disk.refused == "enough"
    assert disk.problem.endswith("has 100 MiB free, min_free_disk is 256 MiB")
    assert await status(new, 0) == 503
    assert disk.problem.endswith(": new sessions are refused")
    assert await status(old, 7) == 200, "it began before the outage"
    assert await status(old, 8) == 200
    assert (await call(app, "GET", "/readyz")).json["status"] == "spooling"
    await set_free(10)
    assert await status(old, 9) == 503
    assert (await call(app, "GET", "/readyz")).status == 503
    await set_free(1000)
    assert await status(new, 0) == 200
    await set_free(100)
    assert await status(new, 0) == 200, "the spool has it: sent again"
    await app.close()
