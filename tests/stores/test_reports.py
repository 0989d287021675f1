"""The promises of `Reports`, the summaries and every answer, on every store."""

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from functools import cache, partial
from itertools import pairwise
from typing import Any

import msgspec
import pytest

from jmmc.answers import worst_meetings
from jmmc.answers.model import Grades
from jmmc.answers.queries import NotFoundError, Queries
from jmmc.core.errors import StoreError
from jmmc.core.model import Push, SessionFilter
from jmmc.maintenance import rollups, summarizer
from jmmc.maintenance.summarizer import Summarizer
from jmmc.quality.differences import NO_DIFFERENCE
from jmmc.quality.filters import DIMENSIONS, FILTERS, SummaryFilter
from jmmc.quality.rollup_hours import hours_of
from jmmc.quality.rollups import ALL, DAY, FORM, HOUR, SPAN, Rollup
from jmmc.quality.summarize import summarize
from jmmc.quality.summary import LiveSession, Summary
from jmmc.quality.thresholds import preset
from jmmc.simulation.scenario import STEP, Scenario, SimulatedSession, simulate
from jmmc.stores import Reports, Store
from jmmc.stores.contract import CLOCK_SKEW
from tests.stores.conftest import STORES, MakeStore, new_store_maker
from tests.support.builders import RHYTHM, push, sample, shifted_in_time, v1_push
from tests.support.clock import Clock
from tests.support.troubles import person

_START = 1_789_948_800  # A Monday, 00:00 UTC
_SCENARIO = Scenario(participants=150, rooms=12, minutes=2880, seed=25, start=_START)
_END = _START + 4 * DAY
_ALL = SummaryFilter(since=_START, until=_END)


@cache  # Otherwise each worker would simulate them when it collects tests.
def _simulated() -> list[SimulatedSession]:
    return list(simulate(_SCENARIO))


def _few() -> list[SimulatedSession]:
    return _simulated()[::5]


def _pushed(lives: list[SimulatedSession]) -> list[Push]:
    return [life.session.as_push() for life in lives]


def _had(life: SimulatedSession, dimension: str) -> set[str]:
    """The values that a session had, of a dimension: each second counts for its own."""
    if dimension == "region":
        return {held.value for held in life.regions}
    if dimension == "transport":
        return {held.value for held in life.paths}
    if dimension == "bridge":
        return {held.value for held in life.bridges}
    if dimension == "codec":
        codecs: dict[str, str | None] = {}
        had: set[str] = set()
        for part in life.session.samples:
            readings = msgspec.json.decode(part.readings)
            codecs = ({} if part.full else codecs) | readings.get("cdc", {})
            had.add(codecs.get("v") or codecs.get("a") or "")
        return had - {""}
    return {getattr(_expected()[life.session.id], dimension)}


def _summarizer(store: Store, now: float = _END, holder: str = "me") -> Summarizer:
    return Summarizer(store, preset=preset("jitsi"), rhythm=RHYTHM, clock=Clock(now), holder=holder)


def _with_clocks(store: Store, clock: Clock, monotonic: Clock, *, holder: str = "me") -> Summarizer:
    return Summarizer(
        store,
        preset=preset("jitsi"),
        rhythm=RHYTHM,
        clock=clock,
        holder=holder,
        monotonic=monotonic,
    )


async def _all_of(store: Store, now: float = _END) -> None:
    while await _summarizer(store, now).step():
        pass


async def _fill(store: Store, lives: list[SimulatedSession]) -> None:
    for start in range(0, len(lives), 50):
        await store.append(_pushed(lives[start : start + 50]))
    await _all_of(store)


@pytest.fixture
async def filled(store: Store) -> Store:
    """A store with a few simulated sessions, for a test that changes it."""
    await _fill(store, _few())
    return store


@pytest.fixture(scope="module", params=STORES)
def filled_stores(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> MakeStore:
    make_store = new_store_maker(request, tmp_path_factory.mktemp("filled"))

    async def fill() -> None:
        store = make_store()
        await store.open()
        assert [hours async for hours in _summarizer(store).rollups.complete()] == []
        await _fill(store, _simulated())
        await store.close()

    asyncio.run(fill())
    return make_store


@pytest.fixture
async def lives(filled_stores: MakeStore) -> AsyncIterator[Store]:
    """A store with all simulated sessions, for tests that only read."""
    store = filled_stores()
    await store.open()
    yield store
    await store.close()


def _queries(store: Store, now: float = _END) -> Queries:
    return Queries(store, rhythm=RHYTHM, clock=Clock(now))


@cache
def _expected() -> dict[str, Summary]:
    """The summary of each simulated session, by its id."""
    return {
        life.session.id: summarize(life.session, preset=preset("jitsi"), rhythm=RHYTHM, now=_END)
        for life in _simulated()
    }


async def test_every_session_is_summarized_once_and_then_none_is_dirty(
    lives: Store,
) -> None:
    found = await lives.reports.summaries(SummaryFilter(), limit=1000)
    assert sorted(found, key=lambda row: row.session) == sorted(
        _expected().values(), key=lambda summary: summary.session
    )
    assert await lives.reports.dirty(10) == []
    assert await lives.reports.backlog() == 0
    assert await _summarizer(lives).step() == 0


async def test_live_sessions_are_those_whose_summary_runs_once_each(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    for module in ("sqlite", "mongo"):
        monkeypatch.setattr(f"jmmc.stores.{module}.reports._LIVE_SESSIONS", 7)
    made = [*_expected().values()][::3]
    running = [
        msgspec.structs.replace(summary, running=number % 3 > 0, began=summary.began // 9000 * 9000)
        for number, summary in enumerate(made)
    ]
    await store.reports.put_summaries(running)
    live = [session async for part in store.reports.live_sessions() for session in part]
    expected = {summary.session: summary for summary in running if summary.running}
    assert len(live) == len(expected) > 20
    for session in live:
        summary = expected[session.session]
        assert session == msgspec.convert(msgspec.to_builtins(summary), LiveSession)
        assert session.at_present == summary.at_present


async def test_only_sessions_that_changed_are_summarized_again(filled: Store) -> None:
    life = _few()[5]
    last = life.session.samples[-1]
    more = sample((last.seq or 0) + 1, ts=last.ts + 30, bye=True)
    await filled.append([life.session.as_push((more,))])
    assert await filled.reports.dirty(10) == [life.session.id]
    assert await filled.reports.backlog() == 1
    assert await _summarizer(filled).step() == 1
    (summary,) = await filled.reports.get_summaries([life.session.id])
    assert summary.samples == len(life.session.samples) + 1


async def test_sessions_are_found_by_the_beginning_of_their_id(store: Store) -> None:
    ids = sorted(["abcd" + "f" * 20, "abce" + "0" * 20, "abcd" + "0" * 20, "b" * 24])
    await store.append([push(0, session=session) for session in ids])
    for session in [session async for session in store.sessions(SessionFilter())]:
        summary = summarize(session, preset=preset("jitsi"), rhythm=RHYTHM)
        await store.reports.put_summaries([summary])
    assert await store.reports.sessions_beginning("abcd", 10) == ids[:2]
    assert await store.reports.sessions_beginning("abc", 2) == ids[:2]
    assert await store.reports.sessions_beginning("b" * 23, 2) == ids[3:]
    assert await store.reports.sessions_beginning("abcf", 2) == []


async def test_a_sample_that_comes_while_its_session_is_summarized_keeps_it_dirty(
    store: Store,
) -> None:
    await store.append([push(0, 1)])
    (session,) = [session async for session in store.sessions(SessionFilter())]
    summary = summarize(session, preset=preset("jitsi"), rhythm=RHYTHM)
    await store.append([push(2)])
    await store.reports.put_summaries([summary])
    assert await store.reports.dirty(10) == [session.id]


async def test_every_dirty_session_has_its_turn_however_many_there_are(store: Store) -> None:
    sessions = [f"{number:024x}" for number in range(1, 8)]
    await store.append([push(0, session=session) for session in sessions])
    seen: list[str] = []
    for _ in range(4):
        seen += await store.reports.dirty(3)
    assert sorted(seen[:7]) == sessions, "nobody comes twice before the last has come"
    assert seen[7:] == seen[:5]


async def test_a_session_that_continues_rebuilds_only_the_hours_that_it_changes(
    filled: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    life = max(_few(), key=lambda summary: len(summary.session.samples))
    last = life.session.samples[-1]
    assert last.ts - life.session.began > 3600, "it touches more than one hour"
    more = sample((last.seq or 0) + 1, ts=last.ts + 30, bye=True)
    await filled.append([life.session.as_push((more,))])
    made: list[int] = []
    put = filled.reports.put_rollups

    async def noted(rollups: Sequence[Rollup]) -> None:
        made.extend(rollup.start for rollup in rollups if rollup.length == HOUR)
        await put(rollups)

    monkeypatch.setattr(filled.reports, "put_rollups", noted)
    await _all_of(filled)
    assert set(made) == {last.ts - last.ts % HOUR}


async def test_a_long_session_is_clean_when_its_summary_covers_all_samples(store: Store) -> None:
    await store.append([push(*range(150))])
    await _all_of(store)
    assert await store.reports.dirty(10) == []
    await store.append([push(150)])
    assert await store.reports.dirty(10) == ["0" * 23 + "1"]


async def test_a_v1_session_is_summarized_too(store: Store) -> None:
    await store.append([v1_push('{"pid":"x","br":"Chrome 98"}', opens=True), v1_push('{"cq":5}')])
    await _all_of(store)
    (summary,) = await store.reports.summaries(SummaryFilter(), limit=5)
    assert (summary.browser, summary.samples) == ("Chrome 98", 2), "both samples are of one second"


async def test_a_session_runs_until_its_lifetime_is_over(store: Store) -> None:
    samples = tuple(sample(n, ts=1000 + 30 * n) for n in range(3))
    await store.append([push(samples=samples)])
    await _all_of(store, now=1070)
    (summary,) = await store.reports.summaries(SummaryFilter(running=True), limit=5)
    assert (summary.running, summary.ended) == (True, 1070)
    assert (await _queries(store).overview(SummaryFilter(since=0, until=2000))).now.connections == 1

    assert await _summarizer(store, now=1135).step() == 0, "not yet"
    assert await _summarizer(store, now=1136.5).step() == 1
    (summary,) = await store.reports.summaries(SummaryFilter(), limit=5)
    assert (summary.running, summary.ended) == (False, 1060)
    assert await store.reports.overdue(10_000, 5) == []


async def _running(once: Summarizer, store: Store) -> list[str]:
    """Who runs by the store, which is who runs by what the process remembers."""
    known = await once.live_sessions()
    assert known is not None
    stored = await store.reports.summaries(SummaryFilter(running=True), limit=5)
    running = sorted(summary.session for summary in stored)
    assert sorted(session.session for session in known) == running
    return running


async def test_who_was_there_by_a_clock_days_ahead_is_not_there_when_the_clock_is_right(
    store: Store,
) -> None:
    """Who stays in the call is, until a lifetime after the last sample by the right clock."""
    gone, stays = f"{1:024x}", f"{2:024x}"
    clock, monotonic = Clock(1000.0 + 2 * DAY), Clock(50.0)
    once = _with_clocks(store, clock, monotonic)
    first = (sample(0, ts=990 + 2 * DAY),)
    await store.append([push(samples=first, session=session) for session in (gone, stays)])
    await once.step()
    assert await _running(once, store) == [gone, stays]
    clock.now = 1010.0
    await store.append([push(samples=(sample(1, ts=1000),), session=stays)])
    for now, running in ((1061.0, [stays]), (1076.0, [])):
        clock.now = now
        monotonic.now += 60
        await once.step()
        assert await _running(once, store) == running


async def test_who_ended_is_found_while_the_clock_stands(store: Store) -> None:
    """Another process, such as `jmmc rebuild`, says that a session runs that was long ago."""
    clock, monotonic = Clock(1000.0 + 2 * DAY), Clock(50.0)
    once = _with_clocks(store, clock, monotonic)
    await once.step()
    await store.append([push(samples=(sample(0, ts=1000),))])
    async for _ in _summarizer(store, now=1010, holder="another").rebuild():
        pass
    for pause, running in ((1, 1), (3, 0)):
        monotonic.now += pause
        await once.step()
        assert len(await _running(once, store)) == running


async def test_who_has_left_is_not_there_when_the_store_failed_just_then(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The summary that says so was stored; what was to be stored after it was not."""
    clock = Clock(1010.0)
    once = _with_clocks(store, clock, clock)
    await store.append([push(samples=(sample(0, ts=1000),))])
    await once.step()
    assert len(await _running(once, store)) == 1
    reports = store.reports
    is_away = False

    async def put_and_go(summaries: Sequence[Summary]) -> None:
        nonlocal is_away
        await put_summaries(summaries)
        is_away = True

    def may_fail(call: Callable[..., Awaitable[Any]]) -> Callable[..., Awaitable[Any]]:
        async def called(*values: Any, **more: Any) -> Any:
            if is_away:
                raise StoreError("away")
            return await call(*values, **more)

        return called

    put_summaries = reports.put_summaries
    monkeypatch.setattr(reports, "put_summaries", put_and_go)
    for name in ("records", "lease"):
        monkeypatch.setattr(reports, name, may_fail(getattr(reports, name)))
    clock.now = 1100.0
    with pytest.raises(StoreError, match="away"):
        await once.step()
    monkeypatch.undo()
    await once.step()
    assert await _running(once, store) == []


async def test_a_running_meeting_begins_with_who_was_first_also_if_that_is_known_late(
    store: Store,
) -> None:
    """Within a minute: until then the beginning that was read is shown."""
    clock, first, second = Clock(1130.0), f"{1:024x}", f"{2:024x}"
    once = _with_clocks(store, clock, clock)
    queries = Queries(store, rhythm=RHYTHM, clock=clock)
    stays = tuple(sample(n, ts=1000 + 30 * n) for n in range(5))
    await store.append([push(samples=stays, session=second)])
    await once.step()
    late = (sample(0, ts=960), sample(1, ts=990, bye=True))
    await store.append([push(samples=late, session=first, browser_id="another")])
    for now, found in ((1130.0, (second, 1000)), (1135.0, (second, 1000)), (1190.0, (first, 960))):
        clock.now = now
        (meeting,) = (await queries.live()).meetings
        assert (meeting.id, meeting.began) == found
        await once.step()
    (listed,) = await queries.meetings(SummaryFilter(since=0, until=2000))
    assert (listed.id, listed.began) == found


async def test_a_session_with_samples_newer_than_its_summary_is_not_ended(
    store: Store,
) -> None:
    await store.append([push(0, session=f"{n:024x}") for n in range(3)])
    assert await _summarizer(store, now=1_700_000_010).step() == 3
    later = 1_700_000_200
    assert len(await store.reports.overdue(later, 5)) == 3
    await store.append([push(1, 2, session=f"{1:024x}")])
    gone = [f"{0:024x}", f"{2:024x}"]
    assert sorted(await store.reports.overdue(later, 5)) == gone
    assert len(await store.reports.overdue(later, 1)) == 1


async def test_during_a_backlog_session_ends_and_rollups_wait_for_a_minute(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(summarizer, "_STEP_SESSIONS", 1)
    clock = Clock(1_700_000_010.0)
    once = _with_clocks(store, clock, clock)

    async def counted() -> int:
        (hour,) = await store.reports.rollups(ALL, HOUR, 1_699_999_200, 1_700_002_800)
        return sum(value.sessions for value in hour.values[ALL])

    await store.append([push(0, session=f"{n:024x}") for n in range(4)])
    steps = [(0, 1, 1), (30, 1, 1), (50, 3, 3), (0, 1, 3), (0, 0, 4)]
    for seconds, made, known in steps:
        clock.now += seconds
        assert (await once.step(), await counted()) == (made, known)
    assert await store.reports.overdue(int(clock.now), 5) == []


async def test_rollups_go_on_while_the_clock_stands_or_is_set_back(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(rollups, "_ROWS_A_SECOND", 1)  # A pause of as many seconds as sessions.
    clock, monotonic = Clock(1_700_000_010.0), Clock(50.0)
    once = _with_clocks(store, clock, monotonic)
    await store.append([push(0, session=f"{n:024x}") for n in range(4)])
    await once.step()
    assert await rollups.stale_hours(store.reports) == 0
    await store.append([push(0, session=f"{9:024x}")])
    clock.now -= 3
    for pause, stale in ((3, 1), (1, 0)):
        monotonic.now += pause
        await once.step()
        assert await rollups.stale_hours(store.reports) == stale


async def test_a_long_session_that_continues_is_summarized_at_once_and_ends_in_time(
    store: Store,
) -> None:
    clock = Clock(4600.0)
    once = Summarizer(store, preset=preset("jitsi"), rhythm=RHYTHM, clock=clock, holder="me")

    async def last() -> int:
        (summary,) = await store.reports.summaries(SummaryFilter(), limit=5)
        return summary.last

    await store.append([push(samples=tuple(sample(n, ts=1000 + 30 * n) for n in range(121)))])
    assert await once.step() == 1
    for number, last_sample in ((121, 4630), (122, 4660)):
        clock.now += 30
        await store.append([push(samples=(sample(number, ts=1000 + 30 * number),))])
        assert (await once.step(), await last()) == (1, last_sample)
    assert await store.reports.backlog() == 0
    clock.now += 30
    clock.now += 76
    assert await once.step() == 1
    (summary,) = await store.reports.summaries(SummaryFilter(), limit=5)
    (session,) = await store.get([summary.session])
    assert summary == summarize(session, preset=preset("jitsi"), rhythm=RHYTHM, now=clock.now)
    assert not summary.running


async def _sessions_in_rollups(store: Store) -> int:
    days = await store.reports.rollups(ALL, DAY, 0, _END + DAY)
    return sum(part.sessions for day in days for part in day.values.get(ALL, ()))


async def test_what_is_stored_while_its_hour_is_rolled_up_is_rolled_up_afterwards(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Another process stores a summary when the hour has been read, and before it is written."""
    maker = _summarizer(store).rollups
    (life, late) = _simulated()[:2]
    summaries = [_expected()[item.session.id] for item in (life, late)]
    hours = {hour for summary in summaries for hour in hours_of(summary)}
    columns = store.reports.columns

    async def read_before_the_change(*args: Any) -> AsyncIterator[Sequence[Sequence[Any]]]:
        async for part in columns(*args):
            yield part
        if not await store.reports.get_summaries([late.session.id]):
            async with _summarizer(store).rollups.changing(hours, _END):
                await store.reports.put_summaries(summaries[1:])

    async with maker.changing(hours, _END):
        await store.reports.put_summaries(summaries[:1])
    monkeypatch.setattr(store.reports, "columns", read_before_the_change)
    await maker.roll_up()
    assert await maker.roll_up() >= 1, "the hours were noted once more"
    assert await _sessions_in_rollups(store) == 2
    assert await maker.roll_up() == 0


async def test_rollups_that_a_killed_process_had_begun_are_made_by_the_next(store: Store) -> None:
    class Killed(BaseException):
        pass

    async def die(*_: Any) -> None:
        raise Killed

    life = _simulated()[0]
    summary = _expected()[life.session.id]
    killed = _summarizer(store).rollups
    async with killed.changing(hours_of(summary), _END):
        await store.reports.put_summaries([summary])
    with pytest.MonkeyPatch.context() as patched, pytest.raises(Killed):
        patched.setattr(store.reports, "put_rollups", die)
        await killed.roll_up()
    assert await _summarizer(store).rollups.roll_up() == len(hours_of(summary))
    assert await _sessions_in_rollups(store) == 1


async def test_one_process_at_a_time_summarizes(store: Store, other: Store) -> None:
    await store.append([push(0, 1)])
    assert await _summarizer(store, now=1000, holder="a").step() == 1
    await store.append([push(2)])
    assert await _summarizer(other, now=1001, holder="b").step() == 0, "a has the lease"
    assert await _summarizer(other, now=1500, holder="b").step() == 1, "a has not come back"


def _each_takes(seconds: float, reports: Reports, monkeypatch: pytest.MonkeyPatch) -> list[Clock]:
    """Let each summary take some seconds to be stored, by all of the clocks that are returned."""
    monkeypatch.setattr(summarizer, "_GROUP_SESSIONS", 1)
    put = reports.put_summaries
    clocks: list[Clock] = []

    async def slowly(summaries: Sequence[Summary]) -> None:
        for clock in clocks:
            clock.now += seconds
        await put(summaries)

    monkeypatch.setattr(reports, "put_summaries", slowly)
    return clocks


async def test_a_step_that_takes_longer_than_the_lease_keeps_it(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    clock = Clock(1_700_000_200)
    _each_takes(30, store.reports, monkeypatch).append(clock)
    slow = _with_clocks(store, clock, clock, holder="a")
    await store.append([push(0, session=f"{n:024x}") for n in range(8)])
    while await slow.step():
        pass
    assert clock.now > 1_700_000_200 + 120
    assert not await _summarizer(store, now=clock.now, holder="b").leads()


async def test_a_lease_is_renewed_in_time_also_when_the_clock_is_set(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each session takes 30 s of true time, while the clock stands."""
    clock, elapsed = Clock(1_700_000_200), Clock(0.0)
    _each_takes(30, store.reports, monkeypatch).append(elapsed)
    leases: list[float] = []
    lease = store.reports.lease

    async def noted(*args: Any, **more: Any) -> bool:
        leases.append(elapsed.now)
        return await lease(*args, **more)

    monkeypatch.setattr(store.reports, "lease", noted)
    slow = _with_clocks(store, clock, elapsed, holder="a")
    await store.append([push(0, session=f"{n:024x}") for n in range(8)])
    while await slow.step():  # A step ends after some seconds.
        pass
    assert elapsed.now == 240
    assert max(b - a for a, b in pairwise([*leases, elapsed.now])) <= 120


async def test_only_one_of_two_concurrent_processes_gets_the_lease(
    store: Store, other: Store
) -> None:
    both = await asyncio.gather(
        store.reports.lease("x", "a", now=100, seconds=60),
        other.reports.lease("x", "b", now=100, seconds=60),
    )
    assert sorted(both) == [False, True]


async def test_a_lease_that_a_clock_in_the_future_left_is_taken_over(
    store: Store, other: Store
) -> None:
    lease = partial(store.reports.lease, "x", seconds=60)
    assert await lease("ahead", now=1_000 + 3 * DAY)
    assert await other.reports.lease("x", "right", now=1_000, seconds=60)
    assert not await lease("third", now=1_030), "the right clock's lease counts"
    assert await lease("a bit ahead", now=1_060 + CLOCK_SKEW)
    assert not await lease("right", now=1_060), "clocks may differ a little"


async def test_a_released_lease_is_free_at_once_and_only_its_holder_can_release_it(
    store: Store, other: Store
) -> None:
    await store.reports.release("x", "a")
    assert await store.reports.lease("x", "a", now=1_000, seconds=60)
    await other.reports.release("x", "b")
    assert not await other.reports.lease("x", "b", now=1_001, seconds=60)
    await store.reports.release("x", "a")
    assert await other.reports.lease("x", "b", now=1_001, seconds=60)


async def _rollups(store: Store) -> list[Any]:
    rollups: list[Any] = []
    for dimension in ("", *DIMENSIONS):
        for length in (3600, DAY):
            rollups += await store.reports.rollups(dimension, length, _START, _END)
    return [rollup for rollup in rollups if rollup.values]


async def test_a_rollup_of_one_value_has_what_the_whole_one_has_of_it(lives: Store) -> None:
    for length in (HOUR, DAY):
        rollups = await lives.reports.rollups("browser", length, _START, _END)
        for value in {*rollups[0].values, "nobody's"}:
            of_value = await lives.reports.rollups("browser", length, _START, _END, value=value)
            assert of_value == [
                msgspec.structs.replace(
                    rollup,
                    values={key: sums for key, sums in rollup.values.items() if key == value},
                    replicates={
                        key: packed for key, packed in rollup.replicates.items() if key == value
                    },
                    joins={key: sums for key, sums in rollup.joins.items() if key == value},
                )
                for rollup in rollups
            ]


async def test_a_rebuild_gives_the_same_as_incremental_summaries(filled: Store) -> None:
    before = await filled.reports.summaries(SummaryFilter(), limit=1000), await _rollups(filled)
    progress = [done async for done in _summarizer(filled).rebuild()]
    assert progress[-1] == len(_few())
    assert (
        await filled.reports.summaries(SummaryFilter(), limit=1000),
        await _rollups(filled),
    ) == before
    assert await _summarizer(filled).formula() == "6-jitsi"


async def test_rollups_that_lack_a_dimension_are_rebuilt_once(
    filled: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As after a version without providers; also of sessions whose samples are pruned."""
    expected = await _rollups(filled)
    for length in (HOUR, DAY):
        kept = await filled.reports.rollups("provider", length, _START, _END)
        await filled.reports.put_rollups(
            [Rollup(length, rollup.start, "provider", {}) for rollup in kept]
        )
    while await filled.prune(_END):
        pass
    assert await _rollups(filled) != expected

    interrupted = _summarizer(filled).rollups.complete()
    assert await anext(interrupted) == 24
    await interrupted.aclose()
    progress = [done async for done in _summarizer(filled).rollups.complete()]
    assert progress[-1] == len(await filled.reports.rollups("", HOUR, _START, _END))
    assert await _rollups(filled) == expected
    assert [done async for done in _summarizer(filled).rollups.complete()] == []


async def test_an_interrupted_rebuild_continues_where_it_was(filled: Store) -> None:
    expected = await filled.reports.summaries(SummaryFilter(), limit=1000), await _rollups(filled)
    rebuild = _summarizer(filled).rebuild(together=10)
    assert [await anext(rebuild), await anext(rebuild)] == [10, 20]
    await rebuild.aclose()

    progress = [done async for done in _summarizer(filled).rebuild()]
    assert progress[0] > 20, "what was done is not done again"
    assert progress[-1] == len(_few())
    assert (
        await filled.reports.summaries(SummaryFilter(), limit=1000),
        await _rollups(filled),
    ) == (expected)


async def test_rollups_are_the_sums_of_the_summaries(lives: Store) -> None:
    summaries = [*_expected().values()]
    overview = await _queries(lives).overview(_ALL)
    assert overview.sessions == len(_simulated())
    seconds = sum(summary.ended - summary.began for summary in summaries)
    assert overview.minutes == (seconds + 30) // 60
    grades = ("good", "fair", "poor", "unknown")
    expected = Grades.of(
        *(sum(getattr(summary, grade) for summary in summaries) for grade in grades)
    )
    assert overview.grades == expected
    assert overview.rooms == len({summary.room for summary in summaries})
    assert sum(point.grades.known_seconds for point in overview.series) == expected.known_seconds


async def test_an_overview_with_a_filter_covers_the_selected_sessions(lives: Store) -> None:
    """A session that changes between paths is in each, with its seconds on it."""
    everything = await _queries(lives).overview(_ALL)
    known = 0
    for path in ("udp", "tcp", "relay", "p2p", ""):
        selection = SummaryFilter(since=_START, until=_END, transport=path)
        part = await _queries(lives).overview(selection)
        stays = [held for life in _simulated() for held in life.paths if held.value == path]
        assert part.sessions == sum(path in _had(life, "transport") for life in _simulated())
        # Phones tell a change of path by their next sample.
        seconds = part.grades.known_seconds + part.grades.unknown_seconds
        assert seconds == pytest.approx(sum(end - start for start, end, _ in stays), abs=200)
        known += part.grades.known_seconds
    assert known == everything.grades.known_seconds


@pytest.mark.parametrize("field", ["browser", "region", "bridge"])
async def test_an_overview_with_a_filter_is_the_same_from_rollups_and_from_sessions(
    lives: Store, field: str
) -> None:
    """Sessions answer it while rollups of an earlier version are being made again."""
    window = SummaryFilter(since=_START + 5 * HOUR + 1234, until=_START + 2 * DAY - 4321)
    value = max(await lives.reports.count_values(field, window))
    selection = msgspec.structs.replace(window, **{field: value})
    from_rollups = await _queries(lives).overview(selection)
    await lives.reports.delete_record("dimensions", "current")
    from_sessions = await _queries(lives).overview(selection)
    await lives.reports.put_record("dimensions", "current", FORM)
    assert from_rollups == from_sessions
    assert from_rollups.sessions > 0


@pytest.mark.parametrize("by", DIMENSIONS)
async def test_a_comparison_is_the_same_from_rollups_and_from_sessions(
    lives: Store, by: str
) -> None:
    queries = _queries(lives)
    compared = await queries.compare(by, _ALL)
    assert {comparison.value: comparison.sessions for comparison in compared} == Counter(
        value for life in _simulated() for value in _had(life, by)
    )
    for comparison in compared[:3]:
        filtered = await queries.compare(
            by, SummaryFilter(since=_START, until=_END, **{by: comparison.value})
        )
        # With a filter there is no rest to differ from.
        alone = {"bad_difference": NO_DIFFERENCE, "poor_difference": NO_DIFFERENCE}
        assert msgspec.structs.replace(comparison, **alone) in [
            msgspec.structs.replace(row, **alone) for row in filtered
        ]
    assert all(
        comparison.poor_interval[0]
        <= (comparison.grades.poor_share or 0)
        <= comparison.poor_interval[1]
        for comparison in compared
    )


async def test_a_long_comparison_is_the_same_from_spans_from_days_and_from_sessions(
    store: Store,
) -> None:
    now = _START + 60 * DAY
    window = SummaryFilter(since=_START + 4321, until=_START + 58 * DAY - 17)
    # A filter that every session passes: then no rollup is read.
    every_session = msgspec.structs.replace(window, min_seconds=0)
    expected = [*_expected().values()]
    summaries = [
        shifted_in_time(summary, place * 4 * DAY + 7 * HOUR)
        for place, summary in enumerate([*expected[:9], *expected[-5:]])
    ]
    maker = _summarizer(store, now).rollups

    async def stored(added: Sequence[Any]) -> None:
        async with maker.changing({hour for summary in added for hour in hours_of(summary)}, now):
            await store.reports.put_summaries(added)
        while await maker.roll_up():
            pass

    async def compared(selection: SummaryFilter) -> list[list[Any]]:
        return [await _queries(store, now).compare(by, selection) for by in ("network", "region")]

    await stored(summaries[:-3])
    from_days = await compared(window)
    assert from_days == await compared(every_session)
    assert await maker.join_spans(most=1) == 1
    assert await compared(window) == from_days
    assert await maker.join_spans(most=9) >= 2
    assert await maker.join_spans(most=9) == 0
    assert await compared(window) == from_days
    days = await store.reports.rollups("network", DAY, _START + 20 * DAY, _START + 40 * DAY)
    await store.reports.put_rollups([Rollup(DAY, day.start, "network", {}) for day in days])
    assert await compared(window) == from_days, "spans were read in place of days"
    await store.reports.put_rollups(days)
    await stored([shifted_in_time(summary, -20 * DAY) for summary in summaries[-3:]])
    changed = await compared(window)
    assert changed != from_days
    assert changed == await compared(every_session)
    assert await maker.join_spans(most=9) > 0
    assert await compared(window) == changed
    while await store.reports.prune(_START + 50 * DAY):
        pass
    assert await store.reports.rollups("network", SPAN, 0, _START + 50 * DAY) == []


@pytest.mark.parametrize("filters", [{}, {"transport": "udp"}])
async def test_the_worst_meetings_are_the_same_however_rooms_are_read(
    lives: Store, monkeypatch: pytest.MonkeyPatch, filters: dict[str, str]
) -> None:
    window = SummaryFilter(since=_START + 40_000, until=_START + DAY + 30_000, **filters)

    async def worst() -> Sequence[Any]:
        detail = await _queries(lives).overview_detail(window, "browser", worst=4)
        return detail.spread.worst

    room_by_room = await worst()
    assert len(room_by_room) == 4
    monkeypatch.setattr(worst_meetings, "_SINGLY", 0)
    assert await worst() == room_by_room, "by the times in which rooms were occupied"
    monkeypatch.setattr(worst_meetings, "_MOST_OCCUPIED", 0)
    assert await worst() == room_by_room, "all stays at once"


def _in_outage(life: SimulatedSession) -> bool:
    start, end = _SCENARIO.outage_window
    return any(
        problem.cause == "interrupted" and problem.start < end and start < problem.end
        for problem in life.problems
    )


async def test_the_simulated_outage_is_found_where_it_was(lives: Store) -> None:
    start, end = _SCENARIO.outage_window
    regions = {
        region.value: region
        for region in await _queries(lives).compare("region", SummaryFilter(since=start, until=end))
    }
    struck = [life for life in _simulated() if _in_outage(life)]
    assert struck
    assert (regions.pop("eu-west").grades.poor_share or 0) > 0.5
    assert all((region.grades.poor_share or 0) < 0.5 for region in regions.values())


async def test_a_window_counts_whole_days_and_partial_days_once(lives: Store) -> None:
    queries = _queries(lives)
    cut = _START + DAY + 5 * 3600
    parts = [
        await queries.compare("browser", SummaryFilter(since=_START - 7200, until=cut)),
        await queries.compare("browser", SummaryFilter(since=cut, until=_END)),
    ]
    totals = await queries.compare("browser", SummaryFilter(since=_START - 7200, until=_END))
    for total in totals:
        both = [browser for part in parts for browser in part if browser.value == total.value]
        assert sum(browser.sessions for browser in both) == total.sessions
        assert sum(browser.grades.known_seconds for browser in both) == total.grades.known_seconds


async def test_pages_of_sessions_are_newest_first_without_gap_or_repetition(lives: Store) -> None:
    queries = _queries(lives)
    seen: list[str] = []
    after = None
    while True:
        page = await queries.sessions(SummaryFilter(), limit=17, after=after)
        seen += [summary.session for summary in page.items]
        after = page.after
        if after is None:
            break
    expected = sorted(
        ((life.session.began, life.session.id) for life in _simulated()), reverse=True
    )
    assert seen == [session for _, session in expected]
    with pytest.raises(ValueError, match="cursor"):
        await queries.sessions(SummaryFilter(), limit=17, after="nonsense")


async def test_filters_narrow_the_list_of_sessions(lives: Store) -> None:
    summaries = [*_expected().values()]
    rated = next(summary for summary in summaries if summary.rating)
    for filter_ in FILTERS:
        name = "devices_key" if filter_.field == "device" else filter_.field
        value = getattr(rated, name)
        selection = SummaryFilter(**{filter_.field: str(value)})
        found = await lives.reports.facts(("session",), selection)
        assert {session for (session,) in found} == {
            summary.session
            for life, summary in zip(_simulated(), summaries, strict=True)
            if value in (_had(life, name) if name in DIMENSIONS else {getattr(summary, name)})
        }
    chrome = await lives.reports.summaries(SummaryFilter(browser="Chrome"), limit=1000)
    assert {summary.browser for summary in chrome} == {"Chrome 131", "Chrome 130"}
    assert await lives.reports.summaries(SummaryFilter(browser="Chro"), limit=9) == []
    cable = await lives.reports.summaries(SummaryFilter(provider="AS64496"), limit=1000)
    assert {summary.provider for summary in cable} == {"AS64496 Example Cable"}
    assert await lives.reports.summaries(SummaryFilter(provider="AS6449"), limit=9) == []
    window = SummaryFilter(since=_START + 40_000, until=_START + 50_000)
    found = await lives.reports.summaries(window, limit=1000)
    assert {summary.session for summary in found} == {
        summary.session
        for summary in summaries
        if summary.ended >= _START + 40_000 and summary.began < _START + 50_000
    }


async def test_a_room_has_one_meeting_for_each_time_that_people_met(store: Store) -> None:
    def stay(number: int, began: int, minutes: int) -> Push:
        samples = tuple(
            sample(n, ts=began + 30 * n, bye=n == minutes * 2) for n in range(minutes * 2 + 1)
        )
        uid = f"00000000-0000-4000-8000-{number:012}"
        return push(session=f"{number:024x}", samples=samples, browser_id=uid)

    monday, later = _START, _START + 7 * DAY
    await store.append([stay(1, monday, 10), stay(2, monday + 300, 10), stay(3, monday + 1499, 5)])
    await store.append([stay(4, monday + 1799 + 600, 5), stay(5, later, 30), stay(6, later, 2)])
    await _all_of(store, now=_START + 8 * DAY)
    queries = _queries(store)
    window = SummaryFilter(since=monday, until=later + DAY)
    meetings = await queries.meetings(window)
    assert [
        (meeting.began - monday, meeting.sessions, meeting.peak_people) for meeting in meetings
    ] == [
        (7 * DAY, 2, 2),
        (2399, 1, 1),
        (0, 3, 2),
    ]
    detail = await queries.meeting(f"{2:024x}")
    assert detail.meeting == meetings[2]
    assert [lane.session.session for lane in detail.lanes] == [f"{n:024x}" for n in (1, 2, 3)]
    (room,) = (await queries.rooms(window, limit=5)).items
    assert (room.sessions, room.participants, room.minutes) == (6, 6, 62)
    week, next_week = await queries.usage("week", window)
    assert (week.start, week.meetings, week.participants) == (monday, 2, 4)
    assert (next_week.start, next_week.meetings, next_week.minutes) == (later, 1, 32)
    days = await queries.usage("day", window)
    assert [day.meetings for day in days if day.meetings] == [2, 1]
    assert len(await queries.usage("month", window)) == 1


@pytest.mark.parametrize("singly", [0, 50])
async def test_the_worst_meetings_are_those_with_the_most_affected_time(
    lives: Store, monkeypatch: pytest.MonkeyPatch, singly: int
) -> None:
    monkeypatch.setattr("jmmc.answers.worst_meetings._SINGLY", singly)
    queries = _queries(lives)
    meetings = await queries.meetings(_ALL)

    def affected(meeting: Any) -> float:
        shares = (meeting.grades.poor_share or 0.0) + 0.3 * (meeting.grades.fair_share or 0.0)
        return float(round(meeting.grades.known_seconds * shares, -1))

    spread = (await queries.overview_detail(_ALL, "network", worst=5)).spread
    assert [affected(meeting) for meeting in spread.worst] == sorted(
        map(affected, meetings), reverse=True
    )[:5]
    known = [summary for summary in _expected().values() if summary.known]
    assert sum(spread.sessions) == len(known)
    assert spread.sessions[-1] == sum(s.good * 10 // s.known >= 9 for s in known)


async def test_pairs_and_changes_have_the_sessions_and_the_time_of_the_comparison(
    lives: Store,
) -> None:
    queries = _queries(lives)
    for selection in (_ALL, msgspec.structs.replace(_ALL, transport="tcp")):
        pairs = await queries.crossed("browser", "transport", selection)
        for by, name in (("browser", "value"), ("transport", "crossed")):
            known = Counter[str]()
            for row in pairs:
                known[getattr(row, name)] += row.grades.known_seconds
            assert known == {
                row.value: row.grades.known_seconds for row in await queries.compare(by, selection)
            }
    cut = _START + 5 * 3600 + 17
    whole, *rows = await queries.changes("browser", cut, _ALL)
    before = await queries.overview(msgspec.structs.replace(_ALL, until=cut))
    after = await queries.overview(msgspec.structs.replace(_ALL, since=cut))
    assert (whole.before_grades, whole.grades) == (before.grades, after.grades)
    assert (whole.before_sessions, whole.sessions) == (before.sessions, after.sessions)
    assert {row.value for row in rows} == {life.browser for life in _simulated()}
    with pytest.raises(ValueError, match="between since and until"):
        await queries.changes("browser", _END + 1, _ALL)
    with pytest.raises(ValueError, match="another dimension"):
        await queries.crossed("browser", "browser", _ALL)


async def test_a_heat_map_has_the_time_of_every_hour(lives: Store) -> None:
    queries = _queries(lives)
    overview, cells, *_ = await queries.overview_detail(_ALL, "region", worst=1)
    assert sum(cell.known for cell in cells) == overview.grades.known_seconds
    rows = await queries.heat_by("region", _ALL)
    regions = await queries.compare("region", _ALL)
    assert {row.value for row in rows} == {region.value for region in regions if region.value}
    for row in rows:
        (region,) = [region for region in regions if region.value == row.value]
        assert sum(cell.known for cell in row.cells) == region.grades.known_seconds


async def test_rooms_of_a_window_are_counted_once_each_and_by_the_second(store: Store) -> None:
    stays = {  # By room: from when to when sessions were there, and their outcome.
        "before": [(100, 200, "joined")],
        "until the window": [(100, 1000, "joined")],
        "into the window": [(100, 1001, "joined")],
        "into and in it": [(100, 1500, "joined"), (1200, 1300, "joined")],
        "over all of it": [(100, 5000, "joined")],
        "twice in it": [(1000, 1100, "joined"), (1100, 1200, "")],
        "failed only": [(1100, 1110, "failed"), (1200, 1210, "refused")],
        "failed at first": [(1100, 1110, "failed"), (1200, 1300, "dropped")],
        "at its end": [(2000, 2100, "joined")],
    }
    summaries = [
        msgspec.structs.replace(person(room * 10 + number, there=there, room=name), outcome=outcome)
        for room, (name, listed) in enumerate(stays.items())
        for number, (*there, outcome) in enumerate(listed)
    ]
    await store.reports.put_summaries(summaries)

    async def count(since: int | None, until: int | None, **more: str) -> int:
        return await store.reports.count_rooms(SummaryFilter(since=since, until=until, **more))

    assert await count(1000, 2000) == 5
    assert await count(1000, 1001) == 4
    assert await count(1000, None) == 6
    assert await count(None, 1000) == 5
    assert await count(None, None) == 8
    assert await count(1000, 2000, room="over all of it") == 1
    assert await count(1000, 2000, room="failed only") == 0


async def test_several_answers_read_together_equal_the_answers_read_one_by_one(
    lives: Store,
) -> None:
    queries = _queries(lives)
    for selection in (_ALL, msgspec.structs.replace(_ALL, browser="Chrome 131")):
        detail = await queries.overview_detail(selection, "network", worst=3)
        assert detail.overview == await queries.overview(selection)
        assert detail.compared == await queries.compare("network", selection)
        sessions_compared = sum(comparison.sessions for comparison in detail.compared)
        assert sessions_compared == detail.overview.sessions > 0
        known = sum(point.known_seconds for point in detail.overview.quality)
        assert known == detail.overview.grades.known_seconds
        assert detail.overview.rooms == await lives.reports.count_rooms(selection) > 0
        deciles = await lives.reports.deciles(selection)
        for number, sessions in enumerate(detail.spread.sessions):
            assert sessions == sum(decile.sessions for decile in deciles if decile.tenth == number)


@pytest.mark.parametrize("size", [7, 100_000])
async def test_columns_returns_each_summary_once_over_all_parts(
    lives: Store, monkeypatch: pytest.MonkeyPatch, size: int
) -> None:
    for module in ("sqlite", "mongo"):
        monkeypatch.setattr(f"jmmc.stores.{module}.reports._PART", size)
    monkeypatch.setattr("jmmc.stores.mongo.reports._PART_VALUES", 0)
    names = ("session", "began", "room", "poor", "lane", "segments", "network")
    selections: list[SummaryFilter] = [
        SummaryFilter(),
        msgspec.structs.replace(_ALL, browser="Chrome", grade="good"),
        SummaryFilter(room=_simulated()[0].session.room, until=_simulated()[40].session.began),
        SummaryFilter(since=_START + DAY, until=_START + DAY + HOUR),
        SummaryFilter(browser_id="nobody"),
    ]
    for selection in selections:
        parts = [part async for part in lives.reports.columns(names, selection)]
        rows = [row for columns in parts for row in zip(*columns, strict=True)]
        facts = await lives.reports.facts(names, selection)
        assert sorted(rows) == sorted(facts)
        assert all(len(columns[0]) <= size for columns in parts)
        assert len(parts) >= len(facts) / size


async def test_a_session_has_its_curves_and_its_grade_spans(lives: Store) -> None:
    """A spell is where its problem was, to one sample at each edge, of which the mean decides."""
    life = next(life for life in _simulated() if life.problems and life.problems[0].cause == "rtt")
    detail = await _queries(lives).session(life.session.id)
    assert (detail.times[0], detail.times[-1]) == (life.began, life.ended)
    assert set(detail.times) <= {sample.ts for sample in life.session.samples}
    assert len(detail.times) > 0.3 * len(life.session.samples)
    spell, problem = detail.spells[0].spell, life.problems[0]
    assert spell.start == pytest.approx(problem.start, abs=STEP)
    assert spell.end == pytest.approx(problem.end, abs=STEP)
    assert "rtt" in spell.reasons
    for at, rtt in zip(detail.times, detail.curves["rtt_ms"], strict=True):
        if problem.start <= at <= problem.end - STEP:
            assert isinstance(rtt, int | float)
            assert rtt >= 700
    assert set(detail.curves["server_region"]) - {None} == {life.region}


async def test_a_participant_has_all_of_its_sessions(lives: Store) -> None:
    uid = _simulated()[0].session.browser_id
    sessions = {life.session.id for life in _simulated() if life.session.browser_id == uid}
    participant = await _queries(lives).participant(uid, _ALL)
    assert participant.sessions == len(sessions)
    assert {summary.session for summary in participant.latest} == sessions


async def test_a_participant_has_its_best_and_its_worst_session(lives: Store) -> None:
    by_uid = Counter(life.session.browser_id for life in _simulated())
    uid = by_uid.most_common(1)[0][0]
    participant = await _queries(lives).participant(uid, _ALL)
    affected = {
        summary.session: (summary.poor + 0.3 * summary.fair) / summary.known
        for summary in participant.latest
        if summary.known
    }
    assert len(affected) == by_uid[uid] > 2
    assert participant.best is not None
    assert participant.worst is not None
    assert affected[participant.best.session] == min(affected.values())
    assert affected[participant.worst.session] == max(affected.values())


async def test_a_meeting_shows_what_went_wrong_and_for_whom(lives: Store) -> None:
    start, _ = _SCENARIO.outage_window
    affected = next(life.session.id for life in _simulated() if _in_outage(life))
    meeting = await _queries(lives).meeting(affected)
    incident = next(incident for incident in meeting.incidents if affected in incident.sessions)
    assert incident.start >= start
    assert "interrupted" in incident.reasons
    in_incidents = {session for incident in meeting.incidents for session in incident.sessions}
    assert in_incidents == {lane.session.session for lane in meeting.lanes if lane.session.spells}


async def test_a_missing_session_participant_or_meeting_is_not_found(lives: Store) -> None:
    queries = _queries(lives)
    for query in (
        queries.session("f" * 24),
        queries.meeting("f" * 24),
        queries.participant("nobody", _ALL),
    ):
        with pytest.raises(NotFoundError):
            await query
    with pytest.raises(ValueError, match="by = 'weather'"):
        await queries.compare("weather", _ALL)
    with pytest.raises(ValueError, match="since must be earlier than until"):
        await queries.overview(SummaryFilter(since=5, until=5))


async def test_names_are_found_by_what_people_type(lives: Store) -> None:
    queries = _queries(lives)
    assert {hit.kind for hit in await queries.search("room-1")} == {"room"}
    hits = await queries.search("Réunion")
    assert hits
    assert all(hit.name.startswith("réunion-") for hit in hits), "shown as people read it"
    (provider,) = await queries.search("example cable")
    assert (provider.kind, provider.name) == ("provider", "as64496 example cable")
    address = (await queries.search("198.18."))[0]
    assert (address.kind, address.name.startswith("198.18.")) == ("address", True)
    uid = _simulated()[0].session.browser_id
    assert [hit.name for hit in await queries.search(uid[3:20].upper())] == [uid]
    assert await queries.search("  ") == []
    assert await queries.search("%") == []
    assert await queries.search(".*") == []
    assert await queries.search("room\0") == []
    nobody = SummaryFilter(since=0, until=2**31, browser="Chrome\0", provider="AS64496\0")
    assert (await queries.sessions(nobody, limit=5)).items == []


async def test_records_are_stored_by_kind_and_name(store: Store, other: Store) -> None:
    await store.reports.put_record("token", "a", b'{"x":1}')
    await store.reports.put_record("token", "a", b'{"x":2}')
    await store.reports.put_record("other", "a", b"{}")
    assert await other.reports.records("token") == {"a": b'{"x":2}'}
    assert await store.reports.delete_record("token", "a")
    assert not await store.reports.delete_record("token", "a")
    assert await other.reports.records("token") == {}


async def test_old_sessions_are_pruned_and_their_summaries_kept(make_store: MakeStore) -> None:
    store = make_store()
    await store.open()
    await store.append([push(samples=(sample(0, ts=1000), sample(1, ts=1030)), session="a" * 24)])
    await store.append([push(samples=(sample(0, ts=9000),), session="b" * 24)])
    await _all_of(store)
    while await store.prune(5000):
        pass
    left = {session.id async for session in store.sessions(SessionFilter())}
    if type(store).__name__ == "SqliteStore":
        assert left == {"b" * 24}
    assert len(await store.reports.summaries(SummaryFilter(), limit=5)) == 2
    await store.close()
