"""The live view from what a collector keeps is the one that its store gives."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from msgspec.structs import replace

from jmmc.answers.model import Live
from jmmc.answers.queries import Queries
from jmmc.core.model import SessionFilter
from jmmc.maintenance.summarizer import Summarizer
from jmmc.quality.filters import SummaryFilter
from jmmc.quality.thresholds import preset
from jmmc.simulation.scenario import Scenario, simulate
from jmmc.stores.sqlite.store import SqliteStore
from tests.support.builders import RHYTHM

_BEGAN = 1_700_000_000
_SCENARIO = Scenario(100, 20, 30, seed=7, start=_BEGAN)


class _Calls:
    """Simulated calls whose samples arrive as they are taken, and who summarizes them."""

    def __init__(self, store: SqliteStore) -> None:
        self.store = store
        self.now = _BEGAN
        self._sessions = [session for item in simulate(_SCENARIO) for session in item.sessions]
        self.summarizer = self.another("first")

    def another(self, holder: str) -> Summarizer:
        return Summarizer(
            self.store,
            preset=preset("jitsi"),
            rhythm=RHYTHM,
            clock=lambda: self.now,
            holder=holder,
        )

    async def go_on(self, seconds: int) -> None:
        await self.arrive(seconds)
        await self.summarizer.step()
        while await self.store.reports.backlog():
            await self.summarizer.step()

    async def arrive(self, seconds: int) -> None:
        since, self.now = self.now, self.now + seconds
        arrived = [
            replace(session, samples=samples).as_push()
            for session in self._sessions
            if (samples := tuple(item for item in session.samples if since < item.ts <= self.now))
        ]
        await self.store.append(arrived)

    async def live(self, *, kept: bool) -> Live:
        known = self.summarizer.live_sessions if kept else None
        return await Queries(self.store, clock=lambda: self.now, known_live=known).live()


@pytest.fixture
async def calls(tmp_path: Path) -> AsyncIterator[_Calls]:
    store = SqliteStore(tmp_path / "calls.db")
    await store.open()
    yield _Calls(store)
    await store.close()


async def test_the_live_view_is_the_same_from_memory_and_from_the_store(calls: _Calls) -> None:
    people = []
    for seconds in (600, 30, 30, 200, 40, 3000):  # At last all have left.
        await calls.go_on(seconds)
        assert await calls.summarizer.live_sessions() is not None
        live = await calls.live(kept=True)
        assert live == await calls.live(kept=False)
        people.append(live.people)
    assert people[0] > 5 and people[-1] == 0


async def test_what_was_erased_is_not_kept_and_a_collector_with_a_share_reads_the_store(
    calls: _Calls,
) -> None:
    await calls.go_on(700)
    reports = calls.store.reports
    (gone, *_) = await reports.summaries(SummaryFilter(running=True), limit=1)
    while any(await calls.store.erase(SessionFilter(room=gone.room))):
        pass
    await reports.erase(await reports.summaries(SummaryFilter(room=gone.room), limit=100))
    calls.summarizer.forget_sessions()
    assert await calls.summarizer.live_sessions() is None
    await calls.summarizer.step()
    live = await calls.live(kept=True)
    assert live.people and gone.room not in {meeting.room for meeting in live.meetings}
    assert live == await calls.live(kept=False)
    await calls.summarizer.release()
    assert await calls.another("second").leads()
    await calls.summarizer.step()
    assert await calls.summarizer.live_sessions() is None


async def test_what_another_process_sums_up_is_in_the_live_view_at_once(calls: _Calls) -> None:
    """As `jmmc rebuild` does beside a server: those who came are there, and those who left gone."""
    await calls.go_on(600)
    before = await calls.live(kept=True)
    await calls.arrive(300)
    async for _ in calls.another("rebuild").rebuild():
        pass
    for _ in range(2):  # At once from the store; after a step from memory.
        live = await calls.live(kept=True)
        assert live.meetings != before.meetings
        assert live == await calls.live(kept=False)
        await calls.summarizer.step()
        assert await calls.summarizer.live_sessions() is not None
