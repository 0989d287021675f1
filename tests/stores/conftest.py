"""Every store, for the one suite that holds them to their contract."""

from collections.abc import AsyncIterator, Callable
from functools import partial
from itertools import count
from pathlib import Path

import pytest

from jmmc.core.model import SessionFilter
from jmmc.quality.summarize import summarize
from jmmc.quality.thresholds import preset
from jmmc.stores import Store, open_store

MakeStore = Callable[[], Store]
Place = Callable[[], MakeStore]

_NUMBERS = count()


STORES = ("sqlite", "mongod", "replica set")


def empty_place(request: pytest.FixtureRequest, folder: Path) -> MakeStore:
    """A place without data in the store that a fixture's parameter names."""
    if request.param == "sqlite":
        return partial(open_store, f"sqlite:///{folder}/calls{next(_NUMBERS)}.db")
    server = request.getfixturevalue(request.param.replace(" ", "_"))
    return partial(open_store, server.url, collection=f"{folder.name}-{next(_NUMBERS)}", timeout=20)


@pytest.fixture(params=STORES)
def place(request: pytest.FixtureRequest, tmp_path: Path) -> Place:
    """Find a place without data; its result makes store objects there, as processes would."""
    return partial(empty_place, request, tmp_path)


@pytest.fixture
def make_store(place: Place) -> MakeStore:
    """Make one more store object on the same data, as another process would."""
    return place()


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
    """Store the summary of every session that is there."""
    sessions = [session async for session in store.sessions(SessionFilter())]
    await store.reports.put_summaries(
        [summarize(session, preset=preset("jitsi"), lifetime=75) for session in sessions]
    )
