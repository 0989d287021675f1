"""What is erased is gone, from every store, and does not come back."""

import sqlite3
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from jmmc import MetricsCollector, open_store
from jmmc.answers.queries import Queries
from jmmc.core.errors import StoreError
from jmmc.core.model import Erased, Receipt, Session, SessionFilter
from jmmc.maintenance.erase import forget, selection
from jmmc.maintenance.summarizer import Summarizer
from jmmc.privacy.receipts import Erasure, Subject, SubjectKind
from jmmc.quality.filters import DIMENSIONS, SummaryFilter
from jmmc.quality.rollups import DAY, HOUR
from jmmc.quality.thresholds import preset
from jmmc.settings import Settings
from jmmc.simulation.scenario import Scenario, simulate
from jmmc.stores import Store
from jmmc.stores.erasure_receipts import ErasureReader, erasures, put_erasure
from tests.support.builders import RHYTHM, UID, body, call, push, sample, wire_sample

_START = 1_789_948_800
_LIVES = list(simulate(Scenario(participants=60, rooms=6, minutes=600, seed=5, start=_START)))
_END = _START + 2 * DAY
_SOMEBODY = Subject(SubjectKind.PARTICIPANT, _LIVES[7].session.browser_id)
_ROOM = Subject(SubjectKind.ROOM, _LIVES[3].session.room)


def _now() -> float:
    return _END


def _summarizer(store: Store) -> Summarizer:
    return Summarizer(store, preset=preset("jitsi"), rhythm=RHYTHM, clock=_now, holder="me")


async def _fill(store: Store, sessions: list[Session]) -> None:
    await store.append([session.as_push() for session in sessions])
    while await _summarizer(store).step():
        pass


async def _erase(store: Store, subject: Subject) -> Erasure:
    steps = forget(store, subject, _summarizer(store), clock=_now, settle=0)
    return [step async for step in steps][-1]


@pytest.fixture
async def filled(store: Store) -> AsyncIterator[Store]:
    await _fill(store, [life.session for life in _LIVES])
    yield store


@pytest.mark.parametrize("subject", [_SOMEBODY, _ROOM], ids=["a person", "a conference"])
async def test_after_an_erasure_the_store_is_as_if_the_data_had_never_been_stored(
    filled: Store, subject: Subject, tmp_path: Path
) -> None:
    erased = [
        life.session
        for life in _LIVES
        if subject.name in (life.session.browser_id, life.session.room)
    ]
    receipt = await _erase(filled, subject)
    samples = sum(len(session.samples) for session in erased)
    assert (receipt.sessions, receipt.samples) == (len(erased), samples)
    assert receipt.summaries == len(erased)
    assert receipt.hours > 0
    assert receipt.names > 0
    assert await filled.count(selection(subject)) == 0
    assert await filled.reports.search(subject.name[:8], 5) == []

    never = open_store(f"sqlite:///{tmp_path}/never.db")
    await never.open()
    await _fill(never, [life.session for life in _LIVES if life.session not in erased])
    window = SummaryFilter(since=_START, until=_END)
    for by in DIMENSIONS:
        expected = await Queries(never, rhythm=RHYTHM, clock=_now).compare(by, window)
        assert await Queries(filled, rhythm=RHYTHM, clock=_now).compare(by, window) == expected
    everything = await never.reports.summaries(SummaryFilter(), limit=1000)
    assert await filled.reports.summaries(SummaryFilter(), limit=1000) == everything
    for text in ("", "a", "1", "-"):
        hits = await never.reports.search(text, 500)
        assert await filled.reports.search(text, 500) == hits
    await never.close()


async def test_a_receipt_names_nobody_and_a_second_erasure_finds_nothing(filled: Store) -> None:
    first = await _erase(filled, _SOMEBODY)
    again = await _erase(filled, _SOMEBODY)
    assert again.subject == first.subject
    assert (again.sessions, again.samples, again.summaries, again.names) == (0, 0, 0, 0)
    kept = await erasures(filled.reports)
    assert sorted(receipt.id for receipt in kept) == sorted([first.id, again.id])
    assert _SOMEBODY.name not in str(await filled.reports.records("erasure"))


async def test_an_interrupted_erasure_is_finished_by_repeating_it(filled: Store) -> None:
    """The process dies when the sessions are deleted, but not yet their summaries."""
    steps = forget(filled, _ROOM, _summarizer(filled), clock=_now, settle=0)
    half = await anext(steps)
    await steps.aclose()
    assert half.sessions
    assert not half.summaries
    (known,) = await erasures(filled.reports)
    assert known.finished is None

    receipt = await _erase(filled, _ROOM)
    assert receipt.id == known.id
    in_room = [life for life in _LIVES if life.session.room == _ROOM.name]
    assert (receipt.sessions, receipt.summaries) == (len(in_room), len(in_room))
    assert await filled.reports.summaries(SummaryFilter(room=_ROOM.name), limit=1) == []


async def test_a_long_session_is_erased_whole_and_no_other_session(store: Store) -> None:
    other = "00000000-0000-0000-0000-000000000000"
    await store.append([push(*range(200)), push(0, session="b" * 24, browser_id=other)])
    assert await store.erase(SessionFilter(browser_id=UID)) == Erased(1, 200)
    assert await store.erase(SessionFilter(browser_id=UID)) == Erased(0, 0)
    assert [session.browser_id async for session in store.sessions(SessionFilter())] == [other]


async def test_another_process_continues_a_session_whose_beginning_was_erased(
    store: Store, other: Store
) -> None:
    await other.append([push(*range(70))])
    assert (await store.erase(SessionFilter(browser_id=UID))).samples == 70
    (receipt,) = await other.append([push(70)])
    assert (receipt.ack, receipt.gap) == (70, True)  # type: ignore[union-attr]
    await other.append([push(samples=(sample(71, full=True),))])
    (session,) = [session async for session in store.sessions(SessionFilter())]
    assert {sample.seq for sample in session.samples} <= {70, 71}
    assert 71 in {sample.seq for sample in session.samples}
    while any(await store.erase(SessionFilter(browser_id=UID))):
        pass
    assert await store.count(SessionFilter()) == 0


@pytest.mark.parametrize("stored", [59, 60, 61, 120])
async def test_a_collector_continues_a_session_that_another_process_erased(
    store: Store, other: Store, stored: int
) -> None:
    """Sessions are stored in pieces of 60 samples: also when the next sample begins a piece."""
    for seq in range(stored):
        await store.append([push(seq)])
    while any(await other.erase(SessionFilter(browser_id=UID))):
        pass
    for seq in range(stored, stored + 3):
        (receipt,) = await store.append([push(seq)])
        assert isinstance(receipt, Receipt)
        assert receipt.ack == seq
        (session,) = [session async for session in other.sessions(SessionFilter())]
        assert [sample.seq for sample in session.samples] == list(range(stored, seq + 1))


async def test_old_summaries_are_pruned_with_their_names_and_rollups(filled: Store) -> None:
    before = _START + DAY
    kept = [life.session for life in _LIVES if life.session.samples[-1].ts >= before]
    while await filled.reports.prune(before):
        pass
    summaries = await filled.reports.summaries(SummaryFilter(), limit=1000)
    assert {summary.session for summary in summaries} == {session.id for session in kept}
    names = {hit.name for hit in await filled.reports.search("-", 500) if hit.kind == "participant"}
    assert names == {session.browser_id for session in kept}
    assert await filled.reports.rollups("", HOUR, 0, before) == []
    assert await filled.reports.rollups("", DAY, 0, before) == []


async def test_erased_data_is_left_neither_in_the_file_nor_in_its_log(tmp_path: Path) -> None:
    store = open_store(f"sqlite:///{tmp_path}/calls.db")
    await store.open()
    await _fill(store, [life.session for life in _LIVES])
    uid = _SOMEBODY.name.encode()

    def places() -> list[str]:
        return [path.name for path in tmp_path.iterdir() if uid in path.read_bytes()]

    assert places()
    await _erase(store, _SOMEBODY)
    assert places() == []
    await store.close()


async def test_deleted_data_cannot_be_wiped_while_a_reader_uses_the_log(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("jmmc.stores.sqlite.store._WIPE_TRIES", 2)
    store = open_store(f"sqlite:///{tmp_path}/calls.db")
    await store.open()
    await store.append([push(0)])
    reader = sqlite3.connect(tmp_path / "calls.db", isolation_level=None)
    reader.execute("BEGIN")
    reader.execute("SELECT * FROM sessions").fetchall()
    await store.append([push(1)])
    with pytest.raises(StoreError, match="a reader keeps the log in use"):
        await store.wipe_deleted()
    reader.close()
    await store.wipe_deleted()
    await store.close()


async def test_erased_samples_that_a_browser_still_holds_do_not_come_back(tmp_path: Path) -> None:
    """It is confirmed, so that the browser lets go of it; what is new is stored."""
    moment = [1000.0]
    store = open_store(f"sqlite:///{tmp_path}/calls.db")
    app = MetricsCollector(Settings.of(secret="x"), store=store)
    app.collector._receiver._clock = lambda: moment[0]
    await call(app, "POST", "/push", body(wire_sample(0, {"pid": "old"})))
    moment[0] = 1010
    async for _ in forget(
        store,
        Subject(SubjectKind.PARTICIPANT, UID),
        _summarizer(store),
        clock=lambda: 1005,
        settle=0,
    ):
        pass
    await app.collector.read_erasures()

    held = {"seq": 1, "age": 8, "m": {"cq": 1}}
    answer = await call(app, "POST", "/push", body(held))
    assert (answer.status, answer.json["ack"], answer.json["resync"]) == (200, 1, True)
    answer = await call(app, "POST", "/push", body(held, wire_sample(2, {"cq": 2}, full=True)))
    assert (answer.status, answer.json["ack"]) == (200, 2)
    await call(app, "POST", "/push", body(held, wire_sample(2, {"cq": 2}, full=True)))
    (session,) = [session async for session in store.sessions(SessionFilter())]
    assert [sample.seq for sample in session.samples] == [2]
    await app.close()


async def test_erasing_one_participant_keeps_the_others(store: Store) -> None:
    await put_erasure(store.reports, Erasure("x", SubjectKind.PARTICIPANT, "nobody", 5000))
    known = await ErasureReader().read(store.reports)
    assert known
    assert known.trimmed(push(0)) == push(0)
    assert known.until(UID, "room") is None


async def test_sessions_and_summaries_from_the_future_are_erased(filled: Store) -> None:
    """A clock that was ahead stored them, or the clock of the erasure is behind."""
    browser_id = _SOMEBODY.name
    ahead = push(samples=[sample(0, ts=_END + 40 * DAY)], session="f" * 24, browser_id=browser_id)
    other = push(samples=[sample(0, ts=_END + 40 * DAY)], session="e" * 24)
    await filled.append([ahead, other])
    while await _summarizer(filled).step():
        pass
    receipt = await _erase(filled, _SOMEBODY)
    assert receipt.until == _END
    assert await filled.count(selection(_SOMEBODY)) == 0
    summaries = await filled.reports.get_summaries(["f" * 24, "e" * 24])
    assert [summary.session for summary in summaries] == ["e" * 24]
    assert len(await filled.get(["e" * 24])) == 1


async def test_an_erasure_by_a_clock_that_is_ahead_drops_no_later_sample(store: Store) -> None:
    times = [1000.0]
    reader = ErasureReader(lambda: times[0])
    receipts = [
        step
        async for step in forget(
            store,
            Subject(SubjectKind.PARTICIPANT, UID),
            _summarizer(store),
            clock=lambda: times[0] + 40 * DAY,
            settle=0,
        )
    ]
    assert receipts[-1].until == 1000 + 40 * DAY
    for moment in (1000.0, 1020.0):
        times[0] = moment
        erased = await reader.read(store.reports)
        assert erased.trimmed(push(samples=(sample(0, ts=1000),))) is None
        later = push(samples=(sample(1, ts=1001),))
        assert erased.trimmed(later) == later
    times[0] += 40 * DAY  # Now the receipt is not from the future any more.
    assert (await reader.read(store.reports)).until(UID, "room") == 1000 + 40 * DAY
