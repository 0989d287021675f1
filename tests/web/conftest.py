"""A collector or a whole server on a fresh SQLite file, and what it stored."""

from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

import pytest
from argon2 import PasswordHasher

from jmmc import MetricsCollector
from jmmc.accounts import users
from jmmc.core.model import Session, SessionFilter
from jmmc.settings import Settings
from jmmc.stores.sqlite.store import SqliteStore
from jmmc.web.site import Server, create_app

Make = Callable[..., MetricsCollector]


@pytest.fixture
async def make(tmp_path: Path) -> AsyncIterator[Make]:
    """Make collectors on one file, with the settings given."""
    made: list[MetricsCollector] = []

    def one(**settings: Any) -> MetricsCollector:
        fields = {"store": f"sqlite:///{tmp_path}/calls.db", "secret": "test", **settings}
        made.append(MetricsCollector(**fields))
        return made[-1]

    yield one
    for item in made:
        await item.close()


@pytest.fixture
def store_class() -> type[SqliteStore]:
    return SqliteStore


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "calls.db"


@pytest.fixture
async def store(file: Path, store_class: type[SqliteStore]) -> AsyncIterator[SqliteStore]:
    store = store_class(file)
    await store.open()
    yield store
    await store.close()


@pytest.fixture
def settings() -> Settings:
    return Settings.of(secret="x")


@pytest.fixture
async def app(store: SqliteStore, settings: Settings) -> AsyncIterator[Server]:
    """A server on `store`, with `settings`: a module may have its own of both."""
    app = create_app(settings, store=store)
    yield app
    await app.metrics.close()


@pytest.fixture(autouse=True)
def quick_passwords(monkeypatch: pytest.MonkeyPatch) -> None:
    """Passwords whose hashes take a thousandth of the work; how much it is, another test tells."""
    monkeypatch.setattr(users, "_HASHER", PasswordHasher(time_cost=1, memory_cost=64))


async def stored(app: MetricsCollector) -> list[Session]:
    await app.collector.open()
    return [session async for session in app.collector.store.sessions(SessionFilter())]
