"""Of long sessions, few are in memory at a time, however many of them wait."""

from collections.abc import Sequence
from pathlib import Path

import pytest

from jmmc.core.model import Session
from jmmc.maintenance.summarizer import Summarizer
from jmmc.quality.thresholds import preset
from jmmc.stores import Store, open_store
from tests.support.builders import RHYTHM, push, sample

_START = 1_700_000_000
_LONG = 60  # Samples of a session.


async def _filled_store(folder: Path) -> Store:
    store = open_store(f"sqlite:///{folder}/calls.db")
    await store.open()
    samples = tuple(sample(seq, ts=_START + 10 * seq) for seq in range(_LONG))
    await store.append([push(session=f"{number:024x}", samples=samples) for number in range(20)])
    return store


def _summarizer(store: Store) -> Summarizer:
    return Summarizer(
        store,
        preset=preset("jitsi"),
        rhythm=RHYTHM,
        clock=lambda: _START + 10.0 * _LONG,
        holder="x",
    )


async def test_sessions_that_waited_for_a_restart_are_read_in_parts(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("jmmc.maintenance.summarizer._GROUP_SAMPLES", 3 * _LONG)
    monkeypatch.setattr("jmmc.maintenance.summarizer._USUAL_SAMPLES", 1)
    store = await _filled_store(tmp_path)
    read_together: list[int] = []
    get = store.get

    async def recorded_get(ids: Sequence[str]) -> list[Session]:
        sessions = await get(ids)
        read_together.append(sum(len(session.samples) for session in sessions))
        return sessions

    monkeypatch.setattr(store, "get", recorded_get)
    await _summarizer(store).step()
    assert await store.reports.backlog() == 0
    assert sum(read_together) == 20 * _LONG
    assert max(read_together) == 3 * _LONG
    await store.close()


async def test_a_rebuild_has_few_long_sessions_in_memory(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("jmmc.maintenance.summarizer._REBUILT_SAMPLES", 8 * _LONG)
    store = await _filled_store(tmp_path)
    done = [done async for done in _summarizer(store).rebuild()]
    assert done[:3] == [8, 16, 20]
    await store.close()
