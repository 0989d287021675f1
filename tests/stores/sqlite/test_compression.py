"""What earlier versions stored is read as it is, and compressed in steps."""

from collections.abc import Sequence

import msgspec
import pytest

from jmmc.core.model import Dialect, Sample, Session
from jmmc.maintenance.incidents import IncidentFinder
from jmmc.quality.causes.recorded import StoredIncident
from jmmc.quality.filters import IncidentFilter, SummaryFilter
from jmmc.quality.rollups import HOUR, Rollup, Sums
from jmmc.quality.summarize import summarize
from jmmc.quality.summary import Summary
from jmmc.quality.thresholds import preset
from jmmc.stores.sqlite import older_rows
from jmmc.stores.sqlite.compression import INCIDENTS, compress, decompress
from jmmc.stores.sqlite.store import SqliteStore
from tests.support.builders import RHYTHM
from tests.support.clock import Clock
from tests.support.troubles import person

_SESSION = Session("a" * 24, "room", "u", Dialect.V2, 900, (Sample(0, 900, b'{"cq":100}'),))
_SUMMARY = summarize(_SESSION, preset=preset("jitsi"), rhythm=RHYTHM)
_SUMMARIES = [
    msgspec.structs.replace(
        _SUMMARY, session=f"{number:024x}", began=900 + number, address=f"203.0.113.{number}"
    )
    for number in range(7)
]
_ROLLUPS = [
    Rollup(HOUR, number * HOUR, "browser", {"Firefox": (Sums(number * HOUR, 1, 2, 3, 4, 5),)})
    for number in range(5)
]
_COMPRESSED_BY_THE_FIRST_VERSION = bytes.fromhex("78bbcafe1ca523a384ad050091dd0f0e")
_INCIDENT_OF_THE_FIRST_VERSION = bytes.fromhex("78bbab0da9a0a3a8e55b0b0008520ff4")


async def _store_as_before(
    store: SqliteStore, summaries: Sequence[Summary], rollups: Sequence[Rollup]
) -> None:
    """Store rows as an earlier version did."""
    await store.reports.put_summaries(summaries)
    await store.reports.put_rollups(rollups)
    for summary in summaries:
        await _execute(
            store,
            "UPDATE summaries SET content = NULL, whole = ?, lane = '[[900,1]]', segments = '',"
            " meeting = NULL WHERE session = ?",
            [msgspec.json.encode(summary).decode(), summary.session],
        )
    for rollup in rollups:
        parts = (rollup.values, rollup.replicates, rollup.joins)
        await _execute(
            store,
            "UPDATE rollups SET content = NULL, parts = ?, replicates = ?, joins = ?"
            " WHERE start = ?",
            [*(msgspec.json.encode(part).decode() for part in parts), rollup.start],
        )


async def _find_incidents(store: SqliteStore) -> list[StoredIncident]:
    """Store the summaries of five people with a problem of their own, and find the incidents."""
    summaries = [
        person(n, (36_000 + 600 * n, 36_030 + 600 * n), there=(36_000, 39_600), signs=("machine",))
        for n in range(5)
    ]
    await store.reports.put_summaries(summaries)
    finder = IncidentFinder(store, clock=Clock(10 * HOUR), holder="me")
    await finder.note({36_000})
    async for _ in finder.find_noted():
        pass
    found = await store.reports.stored_incidents(0, 100_000)
    assert len(found) == 5
    return found


async def _store_incidents_as_before(
    store: SqliteStore, incidents: Sequence[StoredIncident]
) -> None:
    for stored in incidents:
        texts = (msgspec.json.encode(part).decode() for part in (stored.incident, stored.parts))
        await _execute(
            store,
            "UPDATE incidents SET content = NULL, whole = ?, parts = ? WHERE id = ?",
            [*texts, stored.incident.id],
        )


async def _execute(store: SqliteStore, statement: str, values: Sequence[object]) -> None:
    await store.connections.write(lambda connection: connection.execute(statement, values))


async def _stored(store: SqliteStore) -> tuple[object, ...]:
    columns = ("session", "lane", "segments", "jitsi_meeting_id")
    return (
        await store.reports.summaries(SummaryFilter(), limit=100),
        await store.reports.rollups("browser", HOUR, 0, 100 * HOUR),
        await store.reports.facts(columns, SummaryFilter()),
        [session async for part in store.reports.live_sessions() for session in part],
    )


async def _raw(store: SqliteStore) -> list[tuple[bytes | None, str]]:
    """What is stored of summaries and rollups, compressed and not."""
    rows = await store.connections.read("SELECT content, whole FROM summaries", [])
    return rows + await store.connections.read("SELECT content, parts FROM rollups", [])


async def test_what_an_earlier_version_stored_is_compressed_step_by_step(
    store: SqliteStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(older_rows, "_TOGETHER", 3)
    await store.reports.put_summaries(_SUMMARIES)
    await store.reports.put_rollups(_ROLLUPS)
    expected = await _stored(store)
    await _store_as_before(store, _SUMMARIES[:5], _ROLLUPS)
    assert await _stored(store) == expected, "as an earlier version stored it"

    progress = [await store.reports.compress_older()]
    assert await _stored(store) == expected, "half of it compressed"
    await store.close()  # A restart.
    await store.open()
    while (step := await store.reports.compress_older()) is not None:
        progress.append(step)
    assert await _stored(store) == expected
    assert progress == [(done, 12) for done in (3, 6, 7, 7, 10, 12, 12, 12)]
    for content, text in await _raw(store):
        assert content
        assert len(text) < 30, "not stored twice"
    assert await store.reports.compress_older() is None, "once is enough"


async def test_incidents_of_an_earlier_version_are_read_and_compressed(store: SqliteStore) -> None:
    found = await _find_incidents(store)
    await _store_incidents_as_before(store, found)

    async def read() -> object:
        ids = [stored.incident.id for stored in found]
        return (
            await store.reports.stored_incidents(0, 100_000),
            sorted(await store.reports.get_incidents(ids), key=lambda incident: incident.start),
            await store.reports.incidents(IncidentFilter(), limit=10, order="newest"),
        )

    newest_first = [stored.incident for stored in reversed(found)]
    expected = (found, newest_first[::-1], newest_first)
    assert await read() == expected
    while await store.reports.compress_older() is not None:
        pass
    assert await read() == expected
    rows = await store.connections.read("SELECT length(content), whole, parts FROM incidents", [])
    for (length, whole, parts), stored in zip(rows, found, strict=True):
        assert length * 5 < len(msgspec.json.encode((stored.incident, stored.parts)))
        assert (whole, parts) == ("", "")


async def test_incidents_are_compressed_also_where_summaries_and_rollups_are_already(
    store: SqliteStore,
) -> None:
    found = await _find_incidents(store)
    await _store_incidents_as_before(store, found)
    done = b'{"tables":[],"after":[],"done":12,"total":12}'  # As the version before stored it.
    await store.reports.put_record("compression", "progress", done)
    assert await store.reports.compress_older() == (17, 17)
    assert await store.reports.compress_older() == (17, 17), "there are no more"
    assert await store.reports.compress_older() is None
    assert await store.connections.read(
        "SELECT count(*) FROM incidents WHERE content IS NULL", []
    ) == [(0,)]
    assert await store.reports.stored_incidents(0, 100_000) == found


async def test_an_incident_that_changes_meanwhile_keeps_its_change(store: SqliteStore) -> None:
    found = await _find_incidents(store)
    await _store_incidents_as_before(store, found)
    gone, changed = found[0], msgspec.structs.replace(found[1], parts=found[1].parts * 2)
    await store.reports.replace_incidents([gone.incident.id], [changed])
    while await store.reports.compress_older() is not None:
        pass
    assert await store.reports.stored_incidents(0, 100_000) == [changed, *found[2:]]


async def test_a_summary_that_changes_meanwhile_keeps_its_change(store: SqliteStore) -> None:
    await _store_as_before(store, _SUMMARIES, [])
    newer = msgspec.structs.replace(_SUMMARIES[3], good=77)
    await store.reports.put_summaries([newer])
    while await store.reports.compress_older() is not None:
        pass
    assert await store.reports.get_summaries([newer.session]) == [newer]


async def test_a_damaged_summary_does_not_stop_the_others(store: SqliteStore) -> None:
    await _store_as_before(store, _SUMMARIES, [])
    damaged = _SUMMARIES[2].session
    await _execute(store, "DROP INDEX summaries_by_address", [])
    await _execute(store, "UPDATE summaries SET whole = '{' WHERE session = ?", [damaged])
    while await store.reports.compress_older() is not None:
        pass
    compressed = [content for content, _ in await _raw(store) if content]
    assert len(compressed) == len(_SUMMARIES) - 1


async def test_an_address_that_no_summary_has_any_more_is_forgotten(store: SqliteStore) -> None:
    await _store_as_before(store, _SUMMARIES[:1], [])
    await store.reports.put_summaries(_SUMMARIES[1:])
    while await store.reports.compress_older() is not None:
        pass
    await store.reports.erase(_SUMMARIES[:2])
    found = await store.reports.search("203.0.113.", 10)
    assert {hit.name for hit in found} == {summary.address for summary in _SUMMARIES[2:]}


def test_what_was_compressed_once_can_be_read_for_ever() -> None:
    content = b'{"session":"0123456789abcdef01234567","conf":"room"}'
    assert decompress(_COMPRESSED_BY_THE_FIRST_VERSION) == content
    assert decompress(compress(content)) == content
    incident = b'{"id":"i0123456789abcdef","start":1790000000,"end":1790000060}'
    assert decompress(_INCIDENT_OF_THE_FIRST_VERSION) == incident
    assert decompress(compress(incident, INCIDENTS)) == incident


def test_a_summary_becomes_a_fifth_of_its_json() -> None:
    whole = msgspec.json.encode(_SUMMARY)
    assert len(compress(whole)) * 5 < len(whole)


async def test_a_summary_is_compressed_quickly_while_its_session_goes_on(
    store: SqliteStore,
) -> None:
    text = '{"session":"0123","conf":"room"}' * 40
    assert decompress(compress(text.encode(), quick=True)) == text.encode()
    running = msgspec.structs.replace(_SUMMARY, running=True)
    for summary in (running, _SUMMARY):
        await store.reports.put_summaries([summary])
        assert await store.reports.get_summaries([summary.session]) == [summary]
        ((content, _),) = await _raw(store)
        assert content == compress(msgspec.json.encode(summary), quick=summary.running)


@pytest.mark.parametrize("cut", [0, 1, 9, 20])
def test_damaged_content_is_refused(cut: int) -> None:
    content = compress(msgspec.json.encode(_SUMMARY))
    with pytest.raises(ValueError, match="damaged"):
        decompress(content[:cut] + b"\0\0\0\0\0\0" + content[cut + 6 :])
    with pytest.raises(ValueError, match="damaged"):
        decompress(content[:cut])
