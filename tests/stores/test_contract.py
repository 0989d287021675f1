"""The promises of `jmmc.stores.contract.Store`, tested on every store."""

import asyncio
import shutil
import time
from collections.abc import AsyncGenerator
from functools import partial
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from jmmc.core.model import (
    Dialect,
    Erased,
    Progress,
    Receipt,
    Refusal,
    Sample,
    Session,
    SessionFilter,
)
from jmmc.stores import OnDisk, Store
from tests.stores.conftest import (
    STORES,
    MakeStore,
    NewStores,
    new_store_maker,
    summarize_all,
)
from tests.support.builders import UID, push, sample, v1_push

_ALL = SessionFilter()
_A, _B, _C = ("a" * 24, "b" * 24, "c" * 24)


@pytest.fixture(params=(*STORES, "replica set"))
def new_stores(request: pytest.FixtureRequest, tmp_path: Path) -> NewStores:
    return partial(new_store_maker, request, tmp_path)


async def _sessions(store: Store, selection: SessionFilter = _ALL) -> list[Session]:
    return [session async for session in store.sessions(selection)]


async def _seqs(store: Store) -> list[int | None]:
    (session,) = await _sessions(store)
    return [sample.seq for sample in session.samples]


async def test_the_free_space_of_its_disk_is_that_of_the_machine(
    store: Store, tmp_path: Path
) -> None:
    assert isinstance(store, OnDisk)
    usage = shutil.disk_usage(tmp_path)  # The databases of tests are on the same disk.
    disks = await store.disks()
    assert disks
    for disk in disks:
        assert disk.free == pytest.approx(usage.free, abs=usage.total / 100)


async def test_appended_samples_are_stored_after_reopening(
    make_store: MakeStore, store: Store
) -> None:
    whole = push(
        session=_A,
        samples=(sample(0, '{"pid":"x"}'), sample(1, "{}", full=True), sample(2, bye=True)),
    )
    await store.append([whole])
    await store.close()
    again = make_store()
    await again.open()

    (session,) = await _sessions(again)
    assert session == Session(_A, "room", UID, Dialect.V2, whole.samples[0].ts, whole.samples)
    await again.close()


async def test_reading_sessions_can_end_early_and_in_another_task(store: Store) -> None:
    """As an export does whose reader has gone."""
    await store.append([push(0, session=_A), push(0, session=_B)])
    reading = store.sessions(SessionFilter())
    assert isinstance(reading, AsyncGenerator)
    await asyncio.create_task(_first(reading))
    await asyncio.create_task(reading.aclose())
    assert len([session async for session in store.sessions(SessionFilter())]) == 2


async def _first(reading: AsyncGenerator[Session]) -> Session:
    return await anext(reading)


async def test_a_closed_store_can_be_opened_again(store: Store) -> None:
    await store.append([push(0)])
    await store.close()
    await store.open()
    await store.append([push(1)])

    assert await _seqs(store) == [0, 1]


async def test_a_sample_that_comes_twice_is_stored_once_and_confirmed_twice(store: Store) -> None:
    assert await store.append([push(0, 1)]) == [Receipt(1)]
    assert await store.append([push(0, 1)]) == [Receipt(1)]
    assert await store.append([push(0, 1), push(0, 1)]) == [Receipt(1), Receipt(1)]

    assert await _seqs(store) == [0, 1]


async def test_the_first_version_of_a_sample_stays(store: Store) -> None:
    await store.append([push(samples=(sample(0, '{"cq":1}'),))])
    await store.append([push(samples=(sample(0, '{"cq":2}'),))])

    (session,) = await _sessions(store)
    assert session.samples[0].readings == b'{"cq":1}'


async def test_a_push_that_overlaps_adds_only_its_new_samples(store: Store) -> None:
    await store.append([push(0, 1, 2)])
    assert await store.append([push(1, 2, 3, 4)]) == [Receipt(4)]

    assert await _seqs(store) == [0, 1, 2, 3, 4]


async def test_a_late_resend_is_confirmed_up_to_the_next_gap(store: Store) -> None:
    await store.append([push(0), push(1, 2), push(5)])

    assert await store.append([push(0)]) == [Receipt(2)]
    assert await store.append([push(3)]) == [Receipt(3)]
    assert await store.append([push(4)]) == [Receipt(5)]


async def test_a_push_after_a_gap_is_confirmed_with_the_gap_reported(store: Store) -> None:
    await store.append([push(0)])

    assert await store.append([push(2)]) == [Receipt(2, gap=True)]
    assert await store.append([push(3)]) == [Receipt(3)]


async def test_a_jump_of_two_thousand_million_costs_no_more_than_its_samples(
    store: Store, other: Store
) -> None:
    far = push(0, 2**31 - 1)
    began = time.process_time()
    assert await store.append([far]) == [Receipt(2**31 - 1, gap=True)]
    later = await other.append([push(5), push(2**30)])
    assert [answer.ack for answer in later if isinstance(answer, Receipt)] == [5, 2**30]
    assert time.process_time() - began < 1

    assert await _seqs(other) == [0, 5, 2**30, 2**31 - 1]


async def test_a_gap_inside_a_push_is_reported(store: Store) -> None:
    assert await store.append([push(0, 1, 4)]) == [Receipt(4, gap=True)]


async def test_a_full_sample_closes_the_gap_before_it(store: Store) -> None:
    await store.append([push(0)])

    healed = push(samples=(sample(3, full=True), sample(4)))
    assert await store.append([healed]) == [Receipt(4)]


async def test_a_new_session_that_does_not_start_at_seq_0_has_a_gap(store: Store) -> None:
    assert await store.append([push(7)]) == [Receipt(7, gap=True)]


async def test_a_session_belongs_to_its_first_participant_and_room(store: Store) -> None:
    await store.append([push(0)])

    stranger = push(1, browser_id="00000000-0000-0000-0000-000000000000")
    elsewhere = push(1, room="other")
    assert await store.append([stranger, elsewhere]) == [Refusal.OTHER_OWNER] * 2
    assert await _seqs(store) == [0]


async def test_a_session_without_its_beginning_is_read_before_samples_are_added(
    store: Store, other: Store, make_store: MakeStore
) -> None:
    """By store objects that have never seen it: they may not take it for new."""
    await store.append([push(60)])
    assert await other.append([push(0, room="other")]) == [Refusal.OTHER_OWNER]
    third = make_store()
    await third.open()
    assert await third.append([push(*range(61))]) == [Receipt(60)]
    await third.close()
    assert await _seqs(store) == list(range(61))


async def test_a_push_that_may_not_open_a_session_is_refused_without_one(store: Store) -> None:
    assert await store.append([v1_push()]) == [Refusal.UNKNOWN_SESSION]
    assert await _sessions(store) == []


async def test_samples_without_a_seq_are_stored_in_the_order_given(store: Store) -> None:
    opening = v1_push('{"pid":"x"}', opens=True)
    await store.append([opening, v1_push('{"cq":1}'), v1_push('{"cq":3}')])
    await store.append([v1_push('{"cq":2}')])

    (session,) = await _sessions(store)
    assert session.dialect is Dialect.V1
    assert [sample.seq for sample in session.samples] == [None] * 4
    assert [sample.readings for sample in session.samples][1:] == [
        b'{"cq":1}',
        b'{"cq":3}',
        b'{"cq":2}',
    ]


async def test_two_processes_share_a_v1_session_without_losing_a_sample(
    store: Store, other: Store
) -> None:
    await store.append([v1_push('{"cq":0}', opens=True)])
    for number in range(1, 9):
        await (store if number % 2 else other).append([v1_push(f'{{"cq":{number}}}')])

    (session,) = await _sessions(store)
    assert [sample.readings for sample in session.samples] == [b'{"cq":%d}' % n for n in range(9)]


async def test_two_processes_share_a_v2_session_and_see_each_others_samples(
    store: Store, other: Store
) -> None:
    for number in range(8):
        receipts = await (store if number % 2 else other).append([push(number)])
        assert receipts == [Receipt(number)], "the other process's samples looked like a gap"

    assert await other.append([push(3)]) == [Receipt(7)]
    assert await _seqs(store) == list(range(8))


async def test_two_processes_may_open_the_same_session(store: Store, other: Store) -> None:
    answers = await asyncio.gather(store.append([push(0)]), other.append([push(0)]))

    assert answers == [[Receipt(0)], [Receipt(0)]]
    assert await _seqs(store) == [0]


async def test_a_batch_is_answered_in_the_order_given(store: Store) -> None:
    batch = [push(0, session=_A), v1_push(session=_B), push(5, session=_C), push(1, session=_A)]

    expected = [Receipt(0), Refusal.UNKNOWN_SESSION, Receipt(5, gap=True), Receipt(1)]
    assert await store.append(batch) == expected


async def test_an_empty_batch_stores_nothing(store: Store) -> None:
    assert await store.append([]) == []


async def test_a_batch_of_thousands_of_samples_is_stored_whole(store: Store) -> None:
    batch = [push(*range(200), session=f"{number:024x}") for number in range(12)]
    await store.append(batch)
    await store.append([push(*range(200, 400), session=f"{number:024x}") for number in range(12)])

    assert [len(session.samples) for session in await _sessions(store)] == [400] * 12


async def test_sessions_are_read_in_the_order_in_which_they_began(store: Store) -> None:
    for session, ts in ((_A, 2000), (_B, 3000), (_C, 1000)):
        await store.append([push(session=session, samples=(sample(0, ts=ts),))])
    await store.append([push(1, session=_C)])

    assert [session.id for session in await _sessions(store)] == [_C, _A, _B]


async def test_more_sessions_than_are_read_at_a_time_are_returned_once_each(store: Store) -> None:
    ids = [f"{number:024x}" for number in range(120)]
    await store.append([push(0, 1, session=session) for session in ids])

    sessions = await _sessions(store)
    assert [session.id for session in sessions] == ids
    assert all(len(session.samples) == 2 for session in sessions)


async def test_filters_select_sessions_by_room_participant_and_time(store: Store) -> None:
    other_uid = "00000000-0000-0000-0000-000000000000"
    early, late = sample(0, ts=1000), sample(0, ts=2000)
    await store.append([push(session=_A, samples=(early,))])
    await store.append([push(session=_B, room="other", samples=(late,))])
    await store.append([push(session=_C, browser_id=other_uid, samples=(late,))])

    async def selected(**selection: object) -> list[str]:
        filter_ = SessionFilter(**selection)  # type: ignore[arg-type]
        found = [session.id for session in await _sessions(store, filter_)]
        assert await store.count(filter_) == len(found)
        return found

    assert await selected() == [_A, _B, _C]
    assert await selected(room="room") == [_A, _C]
    assert await selected(browser_id=other_uid) == [_C]
    assert await selected(since=2000) == [_B, _C]
    assert await selected(until=2000) == [_A]
    assert await selected(room="room", browser_id=UID, since=0, until=5000) == [_A]
    assert await selected(room="' OR 1=1 --") == []


async def test_get_returns_sessions_in_the_order_of_the_ids(store: Store) -> None:
    await store.append([push(0, 1, session=_A), push(0, session=_B), v1_push(opens=True)])

    found = await store.get([_B, _C, _A])
    assert [session.id for session in found] == [_B, _A]
    assert found == [
        session for id_ in (_B, _A) for session in await _sessions(store) if session.id == id_
    ]
    assert await store.get([]) == []


async def test_the_length_of_sessions_is_known_without_reading_them(store: Store) -> None:
    for first in range(0, 140, 7):
        await store.append([push(*range(first, first + 7), session=_A)])
    await store.append([push(0, session=_B)])
    await store.append([v1_push('{"cq":1}', opens=True)])
    (v1_session,) = [found.id for found in await _sessions(store) if found.id not in (_A, _B)]

    assert await store.lengths([_A, _B, _C, v1_session]) == {_A: 140, _B: 1, v1_session: 1}
    assert await store.lengths([]) == {}
    while await store.pack(2**40):
        pass
    assert (await store.lengths([_A]))[_A] == 140


async def test_a_long_session_is_read_whole(store: Store) -> None:
    for first in range(0, 300, 7):
        await store.append([push(*range(first, first + 7))])

    (session,) = await _sessions(store)
    assert list(session.samples) == [sample(seq) for seq in range(301)]
    assert await store.get([session.id]) == [session]
    assert await store.count(_ALL) == 1


async def test_a_long_v1_session_is_read_whole_and_in_order(store: Store, other: Store) -> None:
    await store.append([v1_push('{"cq":0}', opens=True)])
    for number in range(1, 200):
        await (store if number % 3 else other).append([v1_push(f'{{"cq":{number}}}')])

    (session,) = await _sessions(store)
    assert [sample.readings for sample in session.samples] == [b'{"cq":%d}' % n for n in range(200)]


async def test_every_kind_of_reading_is_returned_as_it_was_stored(store: Store) -> None:
    readings = (
        '{"cq":0,"rtt":12.5,"u":{"bw":null,"ab":9007199254740991},"d":{"pl":3.0},'
        '"t":{"ip":4294967295,"lip":"2001:db8::1","p2p":false},"ev":["a","$b"],'
        '"br":"$set é \\u0000"}'
    )
    await store.append([push(samples=(sample(0, readings, full=True), sample(1, "{}", bye=True)))])

    (session,) = await _sessions(store)
    assert session.samples[0] == sample(0, readings, full=True)
    assert session.samples[1] == sample(1, "{}", bye=True)


async def test_a_store_knows_which_sessions_it_holds(store: Store) -> None:
    await store.append([push(0, session=_A)])

    assert await store.holds(_A)
    assert not await store.holds(_B)


async def test_check_succeeds_on_a_healthy_store_and_stores_no_session(store: Store) -> None:
    await store.check()

    assert await _sessions(store) == []


async def _pack(store: Store) -> None:
    await summarize_all(store)
    while await store.pack(2**31):
        pass


async def test_a_packed_session_is_read_and_counted_as_before(store: Store) -> None:
    pushes = [
        push(*range(3), session=_A),
        push(session=_B, samples=(sample(0, '{"pid":"ü"}', full=True), sample(1, bye=True))),
        v1_push(opens=True, session=_C),
    ]
    await store.append(pushes)
    before = await _sessions(store)
    await _pack(store)
    assert await _sessions(store) == before
    assert await store.get([_B]) == [session for session in before if session.id == _B]
    assert await store.count(_ALL) == 3
    assert await store.holds(_C)


async def test_late_samples_of_a_packed_session_are_stored_as_before(
    store: Store, other: Store
) -> None:
    for process in (store, other):  # Both remember the session.
        await process.append([push(*range(5))])
    await _pack(store)
    assert await other.append([push(5)]) == [Receipt(5)]
    await _pack(other)
    assert await store.append([push(3, 4, 5, 6), push(8)]) == [Receipt(6), Receipt(8, gap=True)]
    assert await _seqs(store) == [0, 1, 2, 3, 4, 5, 6, 8]


async def test_a_packed_session_belongs_to_its_owner(store: Store) -> None:
    await store.append([push(0)])
    await _pack(store)
    assert await store.append([push(1, room="elsewhere")]) == [Refusal.OTHER_OWNER]
    assert await store.append([v1_push(session=_B)]) == [Refusal.UNKNOWN_SESSION]


async def test_a_packed_session_is_erased_with_all_its_samples(store: Store) -> None:
    await store.append([push(*range(7))])
    await _pack(store)
    assert await store.erase(SessionFilter(room="room")) == Erased(1, 7)
    assert await _sessions(store) == []
    assert await store.append([push(0)]) == [Receipt(0)]
    assert await _seqs(store) == [0]


async def test_readers_do_not_wait_for_the_writer_and_see_whole_pushes(store: Store) -> None:
    async def write() -> None:
        for number in range(0, 200, 2):
            await store.append([push(number, number + 1)])

    writing = asyncio.create_task(write())
    while not writing.done():
        for session in await _sessions(store):
            assert len(session.samples) % 2 == 0
    await writing
    assert len(await _seqs(store)) == 200


@settings(
    max_examples=5, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(
    st.lists(
        st.lists(st.tuples(st.integers(0, 9), st.integers(1, 5)), min_size=1, max_size=4),
        min_size=1,
        max_size=8,
    ),
    st.sampled_from([0, 52, 55, 113]),
    st.booleans(),
)
async def test_resent_reordered_and_repeated_pushes_give_the_same_session(
    new_stores: NewStores, batches: list[list[tuple[int, int]]], begin: int, reopen: bool
) -> None:
    """Any order of any overlapping pushes, over two store objects, is the set of their samples.

    Also across the end of a document of MongoDB, that has 60 of them.
    """
    batches = [[(begin + first, count) for first, count in batch] for batch in batches]
    make_store = new_stores()
    stores = [make_store(), make_store()]
    for store in stores:
        await store.open()
    expected: set[int] = set()
    try:
        for turn, batch in enumerate(batches):
            store = stores[turn % 2]
            pushes = [push(*range(first, first + count)) for first, count in batch]
            receipts = await store.append(pushes)
            for (first, count), receipt in zip(batch, receipts, strict=True):
                expected |= set(range(first, first + count))
                assert isinstance(receipt, Receipt)
                assert receipt.ack is not None
                assert receipt.ack >= first + count - 1
                assert set(range(first, receipt.ack + 1)) <= expected | {
                    number for f, c in batch for number in range(f, f + c)
                }
            if reopen:
                await store.close()
                await store.open()
        assert await _seqs(stores[0]) == sorted(expected)
        (session,) = await _sessions(stores[1])
        assert list(session.samples) == [sample(seq) for seq in sorted(expected)]
        assert all(isinstance(sample, Sample) for sample in session.samples)
    finally:
        for store in stores:
            await store.close()


async def test_session_times_are_those_of_the_earliest_and_the_latest_session(
    store: Store,
) -> None:
    assert await store.session_times() is None
    for session, ts in ((_A, 1_700_000_300), (_B, 1_700_000_100), (_C, 1_700_000_900)):
        await store.append([push(session=session, samples=(sample(0, ts=ts),))])
    assert await store.session_times() == (1_700_000_100, 1_700_000_900)


async def test_only_the_samples_after_those_that_are_known_are_read(store: Store) -> None:
    await store.append(
        [push(*range(130), session=_A), push(0, 1, session=_B), push(0, 4, session=_C)]
    )
    known = [
        Progress(_A, 118, 117),
        Progress(_B, 2, 1),
        Progress(_C, 1, 0),
        Progress("d" * 24, 1, 0),
    ]
    found = await store.samples_after(known)
    assert {session: [sample.seq for sample in found[session]] for session in found} == {
        _A: list(range(118, 130)),
        _B: [],
        _C: [4],
    }
    (whole,) = await store.get([_A])
    assert found[_A] == whole.samples[118:]
    assert await store.samples_after([]) == {}


async def test_a_session_with_other_samples_than_those_that_are_known_is_left_out(
    store: Store,
) -> None:
    await store.append([push(0, 1, 70, session=_A), push(0, 1, 2, session=_B)])
    known = [Progress(_A, 3, 70), Progress(_B, 3, 2)]
    assert await store.samples_after(known) == {_A: (), _B: ()}
    await store.append([push(5, 71, session=_A), push(3, session=_B)])
    found = await store.samples_after(known)
    assert {session: [sample.seq for sample in found[session]] for session in found} == {_B: [3]}
