"""Sessions of addresses that send much do not keep the summaries of others waiting."""

from collections.abc import Callable
from pathlib import Path

import pytest

from jmmc.maintenance.summarizer import Summarizer
from jmmc.quality.filters import SummaryFilter
from jmmc.quality.thresholds import preset
from jmmc.stores import Store, open_store
from tests.support.builders import RHYTHM, push, sample

_START = 1_700_000_000


def _summarizer(store: Store, sender_of: Callable[[str], tuple[int, int] | None]) -> Summarizer:
    return Summarizer(
        store,
        preset=preset("jitsi"),
        rhythm=RHYTHM,
        clock=lambda: _START + 10.0,
        holder="x",
        sender_of=sender_of,
    )


async def test_honest_sessions_are_summarized_before_the_many_of_an_attacker(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("jmmc.maintenance.summarizer._STEP_SESSIONS", 12)
    store = open_store(f"sqlite:///{tmp_path}/calls.db")
    await store.open()
    senders: dict[str, tuple[int, int]] = {}
    for number in range(100):  # Two attackers; the sessions of the first have many samples.
        samples = tuple(sample(seq, ts=_START) for seq in range(1 if number % 2 else 300))
        session = f"{number:024x}"
        await store.append([push(session=session, room="hostile", samples=samples)])
        senders[session] = (number % 2, len(samples))
    for number in range(100, 105):
        session = f"{number:024x}"
        await store.append([push(session=session, samples=(sample(0, ts=_START),))])
        senders[session] = (number, 1)
    summarizer = _summarizer(store, senders.get)
    await summarizer.step()
    rows = await store.reports.facts(("session",), SummaryFilter())
    summarized = {int(row[0], 16) for row in rows}
    assert len(summarized) == 12
    assert summarized >= set(range(100, 105))
    for _ in range(20):
        await summarizer.step()
    assert await store.reports.backlog() == 0
    await store.close()


async def test_honest_sessions_come_first_however_many_others_wait(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """So few are read at a time that most reads have none but an attacker's sessions."""
    monkeypatch.setattr("jmmc.maintenance.summarizer._STEP_SESSIONS", 10)
    monkeypatch.setattr("jmmc.maintenance.summarizer._DIRTY_IDS", 20)
    store = open_store(f"sqlite:///{tmp_path}/calls.db")
    await store.open()
    honest = range(30, 60)
    first = (sample(0, ts=_START),)
    await store.append([push(session=f"{number:024x}", samples=first) for number in range(300)])
    summarizer = _summarizer(
        store, lambda session: (number if (number := int(session, 16)) in honest else -1, 1)
    )
    for _ in range(5):
        await summarizer.step()
    rows = await store.reports.facts(("session",), SummaryFilter())
    summarized = {int(row[0], 16) for row in rows}
    assert len(summarized) == 50
    assert summarized >= {*honest}
    for _ in range(25):
        await summarizer.step()
    assert await store.reports.backlog() == 0
    await store.close()


async def test_a_step_ends_after_some_seconds_and_the_rest_is_done_by_the_next(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("jmmc.maintenance.summarizer._STEP_SECONDS", -1)
    monkeypatch.setattr("jmmc.maintenance.summarizer._GROUP_SESSIONS", 10)
    store = open_store(f"sqlite:///{tmp_path}/calls.db")
    await store.open()
    for number in range(30):
        joined = push(session=f"{number:024x}", samples=(sample(0, ts=_START),))
        await store.append([joined])
    summarizer = _summarizer(store, lambda session: (int(session, 16), 1))
    backlogs = []
    for _ in range(3):
        await summarizer.step()
        backlogs.append(await store.reports.backlog())
    assert backlogs == [20, 10, 0]
    await store.close()
