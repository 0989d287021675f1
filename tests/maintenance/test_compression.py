"""What an earlier version stored is compressed in the background, by one process."""

import asyncio
from pathlib import Path

import msgspec

from jmmc.maintenance.compression import OlderData
from jmmc.stores.sqlite.store import SqliteStore
from tests.stores.conftest import summarize_all
from tests.support.builders import push
from tests.support.waiting import wait_until_async

_SESSIONS = 250  # Three steps.
_NOT_COMPRESSED = "SELECT count(*) FROM summaries WHERE content IS NULL"


async def _filled(path: Path) -> SqliteStore:
    """A store with summaries as an earlier version stored them."""
    store = SqliteStore(path)
    await store.open()
    await store.append([push(0, session=f"{n:024x}", opens=True) for n in range(_SESSIONS)])
    await summarize_all(store)
    (summary,) = await store.reports.get_summaries([f"{0:024x}"])
    whole = msgspec.json.encode(summary).decode()
    await store.connections.write(
        lambda connection: connection.execute(
            "UPDATE summaries SET content = NULL, whole = ?", [whole]
        )
    )
    return store


async def test_older_data_is_compressed_until_nothing_is_left(tmp_path: Path) -> None:
    store = await _filled(tmp_path / "calls.db")
    older_data = OlderData(store, lambda: True)
    task = asyncio.create_task(older_data.compress())
    seen: set[tuple[int, int] | None] = set()

    async def is_done() -> bool:
        seen.add(older_data.progress)
        return task.done()

    await wait_until_async(is_done, lambda: str(seen))
    assert (100, _SESSIONS) in seen
    assert older_data.progress is None
    assert await store.connections.read(_NOT_COMPRESSED, []) == [(0,)]
    await store.close()


async def test_a_process_without_the_lease_compresses_nothing(tmp_path: Path) -> None:
    store = await _filled(tmp_path / "calls.db")
    older_data = OlderData(store, lambda: False)
    task = asyncio.create_task(older_data.compress())
    await asyncio.sleep(0.1)
    task.cancel()
    assert await store.connections.read(_NOT_COMPRESSED, []) == [(_SESSIONS,)]
    await store.close()
