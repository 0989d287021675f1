"""Running sessions are remembered, and summarized from their new samples only."""

from collections.abc import Sequence
from pathlib import Path

import msgspec
import pytest
from msgspec.structs import replace

from jmmc.collector import Collector
from jmmc.core.model import Dialect, Progress, Sample, Session, SessionFilter
from jmmc.maintenance.running_sessions import RememberedSession, RunningSessions
from jmmc.maintenance.summarizer import Summarizer
from jmmc.privacy.receipts import Erasure, SubjectKind
from jmmc.quality.filters import SummaryFilter
from jmmc.quality.grading import Grade, Spell
from jmmc.quality.summarize import summarize
from jmmc.quality.thresholds import preset
from jmmc.settings import Settings
from jmmc.stores import Store
from jmmc.stores.erasure_receipts import put_erasure
from jmmc.stores.sqlite.store import SqliteStore
from tests.support.builders import RHYTHM, push, sample

_BEGAN = 1_700_000_000
_SESSION = "0" * 23 + "1"
_JITSI = preset("jitsi")


class _Stage:
    """One session in a store, summarizers, and the sessions that were read as a whole."""

    def __init__(self, store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
        self.store = store
        self.now = float(_BEGAN)
        self.read: list[str] = []
        get = store.get

        async def counted(ids: Sequence[str]) -> list[Session]:
            self.read += ids
            return await get(ids)

        monkeypatch.setattr(store, "get", counted)
        self.leader = self.summarizer("leader")

    def summarizer(self, holder: str, name: str = "jitsi") -> Summarizer:
        return Summarizer(
            self.store, preset=preset(name), rhythm=RHYTHM, clock=lambda: self.now, holder=holder
        )

    async def push(self, *seqs: int) -> None:
        await self.store.append([push(samples=tuple(map(_sample, seqs)))])
        self.now = max(self.now, _BEGAN + 30 * max(seqs) + 3)

    async def step(
        self, summarizer: Summarizer | None = None, *, resumed: bool = False
    ) -> list[str]:
        """Summarize; return which sessions were read as a whole. The summary must be right."""
        self.read.clear()
        await (summarizer or self.leader).step()
        read = [*self.read]
        assert await self.store.reports.backlog() == 0
        (session,) = [session async for session in self.store.sessions(SessionFilter())]
        stored = await self.store.reports.summaries(SummaryFilter(), limit=2)
        right = summarize(session, preset=_JITSI, rhythm=RHYTHM, now=self.now)
        assert stored == [msgspec.structs.replace(right, resumed=resumed)]
        return read


def _sample(seq: int) -> Sample:
    readings = f'{{"cq":{100 - seq % 3 * 40},"rtt":{20 + seq}}}'
    return sample(seq, readings, ts=_BEGAN + 30 * seq)


@pytest.fixture
def stage(store: Store, monkeypatch: pytest.MonkeyPatch) -> _Stage:
    return _Stage(store, monkeypatch)


async def test_only_the_first_summary_of_a_session_reads_all_of_its_samples(stage: _Stage) -> None:
    await stage.push(0, 1, 2)
    assert await stage.step() == [_SESSION]
    for seqs in ((3,), (4, 5, 6), tuple(range(7, 70))):
        await stage.push(*seqs)
        assert await stage.step() == []
    stage.now += 76
    assert await stage.step() == [], "it is over"
    await stage.push(70)
    assert await stage.step(resumed=True) == [_SESSION]


async def test_lost_samples_are_no_hindrance_and_one_that_comes_late_is_counted(
    stage: _Stage,
) -> None:
    await stage.push(0, 1)
    await stage.step()
    await stage.push(5)
    assert await stage.step() == []
    await stage.push(3)
    assert await stage.step() == [_SESSION]
    await stage.push(4, 6)  # One is late, one is new.
    assert await stage.step() == [_SESSION]
    await stage.push(5, 6)  # Sent again.
    assert await stage.step() == []


async def test_what_another_process_summarized_meanwhile_is_read_as_a_whole(
    stage: _Stage,
) -> None:
    other = stage.summarizer("other")
    await stage.push(0, 1)
    await stage.step()
    await stage.leader.release()
    await stage.push(2)
    assert await stage.step(other) == [_SESSION]
    await other.release()
    await stage.push(3)
    assert await stage.step() == [_SESSION]
    await stage.push(4)
    assert await stage.step() == []


async def test_very_many_sessions_are_summarized_after_every_second_push(
    stage: _Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each summary has the two pushes since the one before, and a silent session ends in time."""
    monkeypatch.setattr("jmmc.maintenance.summary_due_times._SUMMARIES_A_SECOND", 1 / 40)

    async def last(now: int) -> int:
        stage.now = float(_BEGAN + now)
        await stage.leader.step()
        ((at, running),) = await stage.store.reports.facts(("last", "running"), SummaryFilter())
        return int(at - _BEGAN) if running else -int(at - _BEGAN)

    await stage.push(0)
    assert await last(1) == 0
    for seq, now, known in ((1, 31, 0), (2, 61, 60), (3, 91, 60), (4, 121, 120)):
        await stage.push(seq)
        assert await last(now) == known
    assert await last(181) == 120, "the next push may come yet"
    assert await last(197) == -120


async def test_an_erased_session_that_goes_on_has_nothing_of_before(stage: _Stage) -> None:
    await stage.push(0, 1, 2)
    await stage.step()
    while any(await stage.store.erase(SessionFilter())):
        pass
    await stage.store.reports.erase(await stage.store.reports.summaries(SummaryFilter(), limit=2))
    await stage.push(3)
    assert await stage.step() == [_SESSION]


async def test_an_erasure_by_any_process_ends_what_is_remembered_of_sessions(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    forgotten: list[Summarizer] = []
    monkeypatch.setattr(
        Summarizer, "forget_sessions", lambda summarizer: forgotten.append(summarizer)
    )
    store = SqliteStore(tmp_path / "calls.db")
    collector = Collector(Settings.of(secret="x"), store, secret="x")
    await collector.open()
    await collector.read_erasures()
    assert not forgotten
    receipt = Erasure("1", SubjectKind.ROOM, "0" * 64, _BEGAN)
    for written in (receipt, replace(receipt, finished=_BEGAN + 5)):
        await put_erasure(store.reports, written)
        await collector.read_erasures()
        await collector.read_erasures()
    await collector.close()
    assert len(forgotten) == 2, "once when it begins, and once when all is erased"


async def test_another_formula_begins_anew(stage: _Stage) -> None:
    await stage.push(0, 1)
    await stage.step()
    async for _ in stage.summarizer("leader", "pexip").rebuild():
        pass
    await stage.push(2)
    assert await stage.step() == [_SESSION]


async def test_a_session_that_was_rebuilt_is_still_remembered(stage: _Stage) -> None:
    await stage.push(0, 1)
    async for _ in stage.leader.rebuild():
        pass
    await stage.push(2)
    assert await stage.step() == []


def test_of_too_many_sessions_the_one_used_least_recently_is_forgotten() -> None:
    remembered = RememberedSession(Progress("a", 1, 0), b"." * 650)
    sessions = RunningSessions(most_bytes=3000)
    for name in "abc":
        sessions.put(_named(remembered, name))
    sessions.put(_named(remembered, "a"))
    sessions.put(_named(remembered, "d"))
    assert [name for name in "abcd" if sessions.get(name, 1)] == ["a", "c", "d"]
    assert sessions.get("a", 2) is None, "the stored summary has more samples"
    sessions.forget("a")
    sessions.put(_named(remembered, "e"))
    assert len(sessions) == 3


def test_summaries_are_at_hand_unless_sessions_are_too_many_or_others_may_have_changed_them(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("jmmc.maintenance.running_sessions._MOST_SUMMARIES", 2)
    session = Session(_SESSION, "room", "0", Dialect.V2, _BEGAN, (_sample(0), _sample(1)))
    summary = summarize(session, preset=_JITSI, rhythm=RHYTHM)
    sessions = RunningSessions()
    remembered = RememberedSession(Progress("a", 2, 1), b".")

    def at_hand() -> list[str]:
        return [name for name in "abc" if sessions.summary(name) is summary]

    for name in "ab":
        sessions.put(_named(remembered, name), summary)
    assert at_hand() == ["a", "b"]
    sessions.put(_named(remembered, "c"), summary)
    assert at_hand() == []
    sessions.forget("a")
    sessions.put(_named(remembered, "c"), summary)
    assert at_hand() == ["c"]
    sessions.forget_summaries()
    assert at_hand() == []
    assert sessions.get("b", 2)


def test_a_summary_with_many_problems_is_not_at_hand_and_takes_no_memory() -> None:
    """One of 200 problems takes 126 KB; 12,000 of them would take 1.5 GB."""
    session = Session(_SESSION, "room", "0", Dialect.V2, _BEGAN, (_sample(0), _sample(1)))
    summary = summarize(session, preset=_JITSI, rhythm=RHYTHM)
    problem = Spell(_BEGAN, _BEGAN + 10, Grade.POOR, {"loss": 10})
    sessions = RunningSessions()
    remembered = RememberedSession(Progress("a", 2, 1), b".")
    for problems, is_at_hand in ((10, True), (11, False)):
        sessions.put(remembered, replace(summary, spells=(problem,) * problems))
        assert (sessions.summary("a") is not None) == is_at_hand
        assert sessions.get("a", 2) == remembered


def _named(remembered: RememberedSession, session: str) -> RememberedSession:
    return remembered._replace(progress=remembered.progress._replace(session=session))
