"""Every store, for the one suite that holds them to their contract."""

from collections.abc import AsyncIterator, Callable
from pathlib import Path

import pytest

from jmmc.stores import Store, open_store

MakeStore = Callable[[], Store]


@pytest.fixture(params=["sqlite"])
def make_store(request: pytest.FixtureRequest, tmp_path: Path) -> MakeStore:
    """Make one more store object on the same data, as another process would."""
    assert request.param == "sqlite"
    return lambda: open_store(f"sqlite:///{tmp_path}/calls.db")


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
