"""The positions of samples in MongoDB's documents, with one collector and with two."""

from bson import ObjectId
from msgspec.structs import replace

from jmmc.core.model import Receipt, Refusal, SessionFilter
from jmmc.stores.mongo.store import MongoStore
from tests.stores.mongo.conftest import Collection
from tests.support.builders import UID, push, sample, v1_push

_ID = ObjectId("0" * 23 + "1")


def _seqs(raw: Collection) -> list[list[int]]:
    return [[element["seq"] for element in document["m"]] for document in raw.find().sort("c")]


async def test_samples_in_order_are_at_their_positions_in_all_documents(
    store: MongoStore, raw: Collection
) -> None:
    for first in range(0, 130, 5):
        await store.append([push(samples=[sample(seq) for seq in range(first, first + 5)])])

    assert _seqs(raw) == [[*range(60)], [*range(60, 120)], [*range(120, 130)]]
    assert not any("o" in document for document in raw.find())


async def test_a_sample_out_of_order_marks_its_document_and_the_next_document_is_in_order_again(
    store: MongoStore, raw: Collection
) -> None:
    await store.append([push(0)])
    await store.append([push(samples=[sample(2, full=True), sample(3)])])
    await store.append([push(1)])
    await store.append([push(samples=[sample(seq) for seq in range(4, 62)])])
    await store.append([push(62)])

    assert _seqs(raw) == [[0, 2, 3, 1, *range(4, 60)], [60, 61, 62]]
    assert [document.get("o") for document in raw.find().sort("c")] == [True, None]


async def test_a_collector_that_has_not_read_the_mark_overwrites_nothing(
    store: MongoStore, other: MongoStore, raw: Collection
) -> None:
    """A push that was delayed, when its browser has dropped it and sent the next one elsewhere."""
    for seq in range(3):
        await store.append([push(seq)])
    await other.append([push(samples=[sample(5, '{"cq":5}', full=True)])])
    assert _seqs(raw) == [[0, 1, 2, 5]]

    assert await store.append([push(3)]) == [Receipt(3)]
    assert await other.append([push(4)]) == [Receipt(5)]
    assert _seqs(raw) == [[0, 1, 2, 5, 3, 4]]


async def test_a_sample_that_two_collectors_set_at_its_position_is_stored_once(
    store: MongoStore, other: MongoStore, raw: Collection
) -> None:
    for seq in range(3):
        await store.append([push(seq)])
    assert await other.append([push(3), push(4)]) == [Receipt(3), Receipt(4)]

    assert await store.append([push(3)]) == [Receipt(3)]
    assert await store.append([push(4), push(5)]) == [Receipt(4), Receipt(5)]
    assert _seqs(raw) == [[0, 1, 2, 3, 4, 5]]


async def test_only_sessions_whose_documents_are_gone_report_a_gap(
    store: MongoStore, raw: Collection
) -> None:
    sessions = [f"{number:024x}" for number in range(1, 4)]
    await store.append([push(0, session=session) for session in sessions])
    raw.delete_one({"_id": ObjectId(sessions[1])})

    receipts = await store.append([push(1, session=session) for session in sessions])
    assert receipts == [Receipt(1), Receipt(1, gap=True), Receipt(1)]
    stored = {
        session.id: [sample.seq for sample in session.samples]
        async for session in store.sessions(SessionFilter())
    }
    assert stored == {sessions[0]: [0, 1], sessions[1]: [1], sessions[2]: [0, 1]}


async def test_a_session_continues_after_the_gap_that_a_restored_backup_left(
    store: MongoStore, raw: Collection
) -> None:
    for seq in range(4):
        await store.append([push(seq)])
    raw.update_one({"_id": _ID}, {"$pop": {"m": 1}})
    raw.update_one({"_id": _ID}, {"$pop": {"m": 1}})

    await store.append([push(4)])
    await store.append([push(samples=[sample(6, full=True)])])
    (session,) = await store.get([str(_ID)])
    assert [sample.seq for sample in session.samples] == [0, 1, 4, 6]


async def test_an_unordered_document_of_an_earlier_version_is_not_extended_by_position(
    store: MongoStore, raw: Collection
) -> None:
    elements = [{"ts": 1_700_000_000 + seq, "seq": seq} for seq in (0, 2, 3)]
    raw.insert_one({"_id": _ID, "conf": "room", "uid": UID, "v": 2, "m": elements})

    for seq in (4, 5):
        await store.append([push(seq)])
    assert _seqs(raw) == [[0, 2, 3, 4, 5]]


async def test_a_collector_that_has_not_read_a_v1_session_adds_nothing_to_another_owners(
    store: MongoStore, other: MongoStore, raw: Collection
) -> None:
    await store.append([v1_push(opens=True)])
    other_room = replace(v1_push(opens=True), room="elsewhere")

    assert await other.append([other_room]) == [Refusal.OTHER_OWNER]
    (document,) = raw.find()
    assert len(document["m"]) == 1


async def test_a_v1_session_deleted_by_another_collector_is_not_created_without_its_beginning(
    store: MongoStore, other: MongoStore, raw: Collection
) -> None:
    await store.append([v1_push(opens=True)])
    assert (await other.erase(SessionFilter())).sessions == 1

    assert await store.append([v1_push('{"cq":1}')]) == [Refusal.UNKNOWN_SESSION]
    assert raw.count_documents({}) == 0


async def test_a_v1_session_that_was_deleted_when_a_document_was_full_is_not_continued(
    store: MongoStore, other: MongoStore, raw: Collection
) -> None:
    for number in range(60):
        await store.append([v1_push(f'{{"cq":{number}}}', opens=not number)])
    assert (await other.erase(SessionFilter())).samples == 60

    assert await store.append([v1_push('{"cq":60}')]) == [Refusal.UNKNOWN_SESSION]
    assert raw.count_documents({}) == 0


async def test_two_collectors_that_share_a_v1_session_end_its_document_together(
    store: MongoStore, other: MongoStore, raw: Collection
) -> None:
    times = [1_700_000_000 + 30 * number for number in range(150)]
    for number, ts in enumerate(times):
        sample_ = replace(sample(0, f'{{"cq":{number % 100}}}', ts=ts), seq=None)
        extending = replace(v1_push(opens=number == 0), samples=(sample_,))
        collector = other if number % 2 else store
        assert await collector.append([extending]) == [Receipt(None)]

    first, second = raw.find().sort("c")
    assert [element["ts"] for element in (*first["m"], *second["m"])] == times
    assert (first["f"], "f" in second) == (True, False)
    assert len(first["m"]) < 120  # Each adds to it until it has counted sixty itself.


async def test_a_batch_that_is_too_large_for_one_command_is_stored_by_several(
    store: MongoStore, raw: Collection
) -> None:
    """A command has at most 16 MB."""
    readings = f'{{"ev":"{"x" * 450_000}"}}'
    sessions = [f"{number:024x}" for number in range(1, 41)]
    pushes = [push(samples=(sample(0, readings),), session=session) for session in sessions]
    await store.append([pushes[7]])
    pushes[7] = push(1, session=sessions[7])
    pushes[35] = replace(pushes[35], opens=False)

    expected: list[Receipt | Refusal] = [Receipt(0)] * 40
    expected[7], expected[35] = Receipt(1), Refusal.UNKNOWN_SESSION
    assert await store.append(pushes) == expected
    assert raw.count_documents({}) == 39
