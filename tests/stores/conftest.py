"""Every store, for the suites that test what a store must do."""

from collections.abc import AsyncIterator, Callable, Coroutine, Iterator
from functools import lru_cache, partial
from itertools import count
from pathlib import Path
from typing import Any

import pymongo
import pytest

from jmmc.core.model import SessionFilter
from jmmc.quality.summarize import summarize
from jmmc.quality.thresholds import preset
from jmmc.stores import Store, open_store
from tests.support.builders import RHYTHM, push
from tests.support.mongod import Mongod, ReplicaSet

MakeStore = Callable[[], Store]
NewStores = Callable[[], MakeStore]

_NUMBERS = count()

# A replica set only differs in when it confirms a write: `test_contract` runs on one too, and
# tests/faults.
STORES = ("sqlite", "mongod")


def new_store_maker(request: pytest.FixtureRequest, folder: Path) -> MakeStore:
    """Make store objects on new, empty data, in the store that the fixture's parameter names."""
    if request.param == "sqlite":
        return partial(open_store, f"sqlite:///{folder}/calls{next(_NUMBERS)}.db")
    server = request.getfixturevalue(request.param.replace(" ", "_"))
    if request.scope == "function":
        collection = _emptied(server, next(_places(request.node)))
    else:
        collection = f"{folder.name}-{next(_NUMBERS)}"
    return partial(open_store, server.url, collection=collection, timeout=20)


@lru_cache(maxsize=1)
def _places(_test: pytest.Item) -> Iterator[int]:
    """Count the stores of a test."""
    return count()


def _emptied(server: Mongod | ReplicaSet, place: int) -> str:
    """A collection that an earlier test has left, without its documents.

    Its indexes stay: to make them again takes half a second and four times the CPU.
    """
    name = f"stores-{place}"
    with pymongo.MongoClient[dict[str, Any]](server.url) as client:
        database = client.get_default_database()
        for collection in database.list_collection_names():
            if collection.partition(".")[0] == name:
                database[collection].delete_many({})
    return name


@pytest.fixture(params=STORES)
def new_stores(request: pytest.FixtureRequest, tmp_path: Path) -> NewStores:
    """Start with new, empty data; the result makes store objects on it, as processes would."""
    return partial(new_store_maker, request, tmp_path)


@pytest.fixture
def make_store(new_stores: NewStores) -> MakeStore:
    """Make another store object on the same data, as another process would."""
    return new_stores()


@pytest.fixture
async def store(make_store: MakeStore) -> AsyncIterator[Store]:
    store = make_store()
    await store.open()
    yield store
    await store.close()


@pytest.fixture
async def other(make_store: MakeStore, store: Store) -> AsyncIterator[Store]:
    """A second store object on the same data."""
    other = make_store()
    await other.open()
    yield other
    await other.close()


async def summarize_all(store: Store) -> None:
    """Store the summary of every stored session."""
    sessions = [session async for session in store.sessions(SessionFilter())]
    await store.reports.put_summaries(
        [summarize(session, preset=preset("jitsi"), rhythm=RHYTHM) for session in sessions]
    )


def writes_to(store: Store) -> list[Coroutine[Any, Any, object]]:
    """Every kind of write, not awaited yet."""
    reports = store.reports
    return [
        store.append([push(0)]),
        store.check(),
        store.prune(2**31),
        store.erase(SessionFilter()),
        reports.put_summaries([]),
        reports.put_rollups([]),
        reports.put_usage([]),
        reports.replace_incidents([], []),
        reports.erase([]),
        reports.drop_names([]),
        reports.prune(0),
        reports.put_record("kind", "name", b"{}"),
        reports.delete_record("kind", "name"),
        reports.lease("name", "holder", now=0, seconds=1),
    ]
