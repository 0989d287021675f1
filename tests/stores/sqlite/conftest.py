"""The stores of these tests: files of SQLite."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from jmmc.stores.sqlite.store import SqliteStore


@pytest.fixture
async def store(tmp_path: Path) -> AsyncIterator[SqliteStore]:
    store = SqliteStore(tmp_path / "calls.db")
    await store.open()
    yield store
    await store.close()
