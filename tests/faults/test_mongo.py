"""MongoDB is killed, stopped and cut off while browsers push: real servers, real signals."""

import asyncio
import signal
from collections.abc import AsyncIterator, Callable, Iterator
from pathlib import Path
from typing import Any

import pymongo
import pytest

from jmmc.core.errors import StoreError
from jmmc.core.model import Receipt
from jmmc.stores.mongo.store import MongoStore
from tests.support.builders import push
from tests.support.mongod import Mongod, ReplicaSet, started
from tests.support.senders import Load, Sender, assert_stored_once
from tests.support.servers import Serve
from tests.support.waiting import wait_until_async

_TIMEOUT = 2.0  # Seconds: store_timeout
_NO_SPOOL = ("--spool-dir", "", "--store-timeout", str(_TIMEOUT))
_LONGEST = 3 * _TIMEOUT  # A push may wait for a batch that fails, and fail with the next.

pytestmark = pytest.mark.timeout(110)


@pytest.fixture
def senders(request: pytest.FixtureRequest) -> list[Sender]:
    return [Sender(f"{request.node.name}-{number}", number) for number in range(20)]


@pytest.fixture
def alone(tmp_path: Path) -> Iterator[Mongod]:
    """A MongoDB server that the test may stop."""
    with started(tmp_path / "mongod") as mongod:
        yield mongod


@pytest.fixture(scope="module")
def three(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ReplicaSet]:
    """A replica set whose members a test may stop, and must start again."""
    replica_set = ReplicaSet(tmp_path_factory.mktemp("replica-set"))
    replica_set.start()
    yield replica_set
    replica_set.close()


@pytest.fixture
async def serve_on(tmp_path: Path) -> AsyncIterator[Callable[..., Any]]:
    """Start a collector on a MongoDB URL."""
    made: list[Serve] = []

    async def start(url: str, *options: str) -> Serve:
        folder = tmp_path / f"collector{len(made)}"
        made.append(await asyncio.to_thread(Serve, folder, *options, store=url))
        return made[-1]

    yield start
    for serve in made:
        serve.close()


async def _until_status(serve: Serve, status: str) -> dict[str, Any]:
    async def has_status() -> dict[str, Any] | None:
        content = await asyncio.to_thread(serve.readiness, timeout=20)
        return content if content["status"] == status else None

    content: dict[str, Any] = await wait_until_async(has_status, lambda: f"never {status}")
    return content


async def _until_refused(senders: list[Sender]) -> None:
    await wait_until_async(lambda: all(sender.refused for sender in senders))


async def test_a_killed_primary_loses_no_sample(
    three: ReplicaSet, serve_on: Callable[..., Any], senders: list[Sender]
) -> None:
    serve = await serve_on(three.url, *_NO_SPOOL)
    async with Load(senders, serve.port) as load:
        await load.confirms()
        primary = await asyncio.to_thread(three.primary)
        await asyncio.to_thread(primary.stop)
        await load.confirms()
        await asyncio.to_thread(primary.start)
    assert_stored_once(await asyncio.to_thread(serve.export), senders)
    assert max(sender.slowest for sender in senders) < _LONGEST


async def test_without_a_majority_pushes_get_503_and_continue_when_it_is_back(
    three: ReplicaSet, serve_on: Callable[..., Any], senders: list[Sender]
) -> None:
    serve = await serve_on(three.url, *_NO_SPOOL)
    async with Load(senders, serve.port) as load:
        await load.confirms()
        primary = await asyncio.to_thread(three.primary)
        secondaries = [node for node in three.nodes if node is not primary]
        for node in secondaries:
            await asyncio.to_thread(node.stop)
        await _until_refused(senders)
        assert (await asyncio.to_thread(serve.readiness, timeout=20))["status"] == "store_down"
        for node in secondaries:
            await asyncio.to_thread(node.start)
        await load.confirms()
    assert_stored_once(await asyncio.to_thread(serve.export), senders)
    assert max(sender.slowest for sender in senders) < _LONGEST


async def test_a_write_that_too_few_servers_confirm_is_not_confirmed(three: ReplicaSet) -> None:
    client: pymongo.AsyncMongoClient[dict[str, Any]] = pymongo.AsyncMongoClient(three.url)
    collection = client.jmmc["too-few"]
    first, then = MongoStore(collection), MongoStore(collection)
    await first.open()
    await then.open()
    # As a host may have it, whose replica set has lost a member.
    then.connection._sessions = collection.with_options(write_concern=pymongo.WriteConcern(4))
    with pytest.raises(StoreError, match="did not confirm"):
        await then.append([push(0)])
    (receipt,) = await first.append([push(0)])
    assert receipt == Receipt(0), "stored already: sending again is harmless"
    for store in (first, then):
        await store.close()
    await client.close()


async def test_a_hanging_database_delays_no_request_beyond_the_timeout(
    alone: Mongod, serve_on: Callable[..., Any], senders: list[Sender]
) -> None:
    serve = await serve_on(alone.url, *_NO_SPOOL)
    async with Load(senders, serve.port) as load:
        await load.confirms()
        with alone.hanging():
            await _until_refused(senders)
        await load.confirms()
    assert_stored_once(await asyncio.to_thread(serve.export), senders)
    assert max(sender.slowest for sender in senders) < _LONGEST


async def test_the_spool_takes_pushes_during_an_outage_and_drains_afterwards(
    alone: Mongod, serve_on: Callable[..., Any], senders: list[Sender], tmp_path: Path
) -> None:
    spool = tmp_path / "spool"
    options = ("--spool-dir", str(spool), "--store-timeout", str(_TIMEOUT))
    serve = await serve_on(alone.url, *options)
    async with Load(senders, serve.port) as load:
        await load.confirms()
        await asyncio.to_thread(alone.stop)
        await load.confirms(20)
        content = await _until_status(serve, "spooling")
        assert content["spooled_bytes"] > 0
        await asyncio.to_thread(alone.start)
        await _until_status(serve, "ready")
        await load.confirms()
    assert sum(sender.refused for sender in senders) == 0, "the spool accepts every push"
    assert_stored_once(await asyncio.to_thread(serve.export), senders)


async def test_the_spool_survives_kills_of_the_collector_in_any_state(
    alone: Mongod, serve_on: Callable[..., Any], senders: list[Sender], tmp_path: Path
) -> None:
    spool = tmp_path / "spool"
    options = ("--spool-dir", str(spool), "--store-timeout", "1")
    serve = await serve_on(alone.url, *options)

    async def kill_and_start() -> None:
        await asyncio.to_thread(serve.stop, signal.SIGKILL)
        await asyncio.to_thread(serve.start)

    async with Load(senders, serve.port) as load:
        await load.confirms()
        await asyncio.to_thread(alone.stop)
        await load.confirms(10)
        await kill_and_start()
        await load.confirms(10)
        await asyncio.to_thread(alone.start)
        for pause in (0.05, 0.3, 1.1):
            await asyncio.sleep(pause)
            await kill_and_start()
        await load.confirms()
        await _until_status(serve, "ready")
        await load.confirms()
    assert_stored_once(await asyncio.to_thread(serve.export), senders)


async def test_a_full_spool_rejects_pushes_until_the_database_is_back(
    alone: Mongod, serve_on: Callable[..., Any], tmp_path: Path
) -> None:
    senders = [Sender(f"conference{number}", number, pause=0) for number in range(20)]
    options = ("--spool-dir", str(tmp_path / "spool"), "--spool-limit", "1")
    serve = await serve_on(alone.url, *options, "--store-timeout", "1")
    async with Load(senders, serve.port) as load:
        await load.confirms()
        await asyncio.to_thread(alone.stop)
        await _until_refused(senders)
        assert "spool is full" in (await asyncio.to_thread(serve.readiness, timeout=20))["detail"]
        await asyncio.to_thread(alone.start)
        await _until_status(serve, "ready")
        await load.confirms()
    assert_stored_once(await asyncio.to_thread(serve.export), senders)
