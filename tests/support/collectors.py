"""Fixtures: a collector or a whole server in this process, on a fresh SQLite file."""

from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

import pytest

from jmmc import MetricsCollector
from jmmc.core.model import Session, SessionFilter
from jmmc.settings import Settings
from jmmc.stores.sqlite.store import SqliteStore
from jmmc.web.site import Server, create_app

MakeCollector = Callable[..., MetricsCollector]


@pytest.fixture
async def make_collector(tmp_path: Path) -> AsyncIterator[MakeCollector]:
    """Make collectors on one file, with the settings given."""
    made: list[MetricsCollector] = []

    def make(**settings: Any) -> MetricsCollector:
        fields = {"store": f"sqlite:///{tmp_path}/calls.db", "secret": "test", **settings}
        made.append(MetricsCollector(**fields))
        return made[-1]

    yield make
    for collector in made:
        await collector.close()


@pytest.fixture
def store_class() -> type[SqliteStore]:
    """The class of `store`; a module may override it."""
    return SqliteStore


@pytest.fixture
def file(tmp_path: Path) -> Path:
    """The file of `store`; a module may override it."""
    return tmp_path / "calls.db"


@pytest.fixture
async def store(file: Path, store_class: type[SqliteStore]) -> AsyncIterator[SqliteStore]:
    store = store_class(file)
    await store.open()
    yield store
    await store.close()


@pytest.fixture
def settings() -> Settings:
    """The settings of `app`; a module may override them."""
    return Settings.of(secret="x")


@pytest.fixture
async def app(store: SqliteStore, settings: Settings) -> AsyncIterator[Server]:
    """A server on `store`, with `settings`."""
    app = create_app(settings, store=store)
    yield app
    await app.metrics.close()


async def stored(app: MetricsCollector) -> list[Session]:
    """The sessions in the store of a collector."""
    await app.collector.open()
    return [session async for session in app.collector.store.sessions(SessionFilter())]
