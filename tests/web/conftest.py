"""A collector on a fresh SQLite file, and what it stored."""

from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

import pytest

from jmmc import MetricsCollector
from jmmc.model import Session, SessionFilter

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
    for it in made:
        await it.close()


@pytest.fixture
def app(make: Make) -> MetricsCollector:
    return make()


async def stored(app: MetricsCollector) -> list[Session]:
    await app.collector.open()
    return [it async for it in app.collector.store.sessions(SessionFilter())]
