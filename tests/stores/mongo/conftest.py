"""A collection of its own for each test, and store objects on it."""

from collections.abc import AsyncIterator, Iterator
from typing import Any

import pymongo
import pytest

from jmmc.stores.mongo.store import MongoStore
from tests.support.mongod import Mongod

Collection = pymongo.collection.Collection[dict[str, Any]]


@pytest.fixture
def raw(mongod: Mongod, request: pytest.FixtureRequest) -> Iterator[Collection]:
    """The collection as another program sees it."""
    with mongod.client() as client:
        yield client.jmmc[f"mongo-{abs(hash(request.node.name))}"]


async def _opened(mongod: Mongod, name: str) -> MongoStore:
    store = MongoStore(url=mongod.url, name=name)
    await store.open()
    return store


@pytest.fixture
async def store(mongod: Mongod, raw: Collection) -> AsyncIterator[MongoStore]:
    store = await _opened(mongod, raw.name)
    yield store
    await store.close()


@pytest.fixture
async def other(mongod: Mongod, raw: Collection) -> AsyncIterator[MongoStore]:
    """The store of another collector on the same collection."""
    store = await _opened(mongod, raw.name)
    yield store
    await store.close()
