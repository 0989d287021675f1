"""Incidents that are kept, against troubles that were planned by the second, on every store."""

from collections.abc import Iterable, Sequence

import msgspec
import pytest

from jmmc.answers.list_filters import ListFilter
from jmmc.answers.queries import Queries
from jmmc.maintenance.erase import forget
from jmmc.maintenance.incidents import IncidentFinder
from jmmc.maintenance.summarizer import Summarizer
from jmmc.privacy.receipts import Subject, SubjectKind
from jmmc.quality.causes import recorded
from jmmc.quality.causes.recorded import RecordedIncident
from jmmc.quality.filters import IncidentFilter, SummaryFilter
from jmmc.quality.rollups import DAY, HOUR
from jmmc.quality.summary import Summary
from jmmc.quality.thresholds import preset
from jmmc.stores import Store
from tests.support.builders import RHYTHM
from tests.support.clock import Clock
from tests.support.troubles import person

_H = 1_789_948_800  # A Monday, 00:00 UTC
_THERE = (_H + 60, _H + 3500)


def _finder(store: Store) -> IncidentFinder:
    return IncidentFinder(store, clock=Clock(_H + 10 * DAY), holder="me")


async def _change(store: Store, summaries: Sequence[Summary]) -> list[RecordedIncident]:
    """Store summaries, find the incidents, and return all of them, the worst first."""
    finder = _finder(store)
    former = await store.reports.get_summaries([summary.session for summary in summaries])
    async with finder.changing({summary.session: summary for summary in former}, summaries):
        await store.reports.put_summaries(summaries)
    return await _find(store, finder)


async def _find(store: Store, finder: IncidentFinder | None = None) -> list[RecordedIncident]:
    async for _ in (finder or _finder(store)).find_noted():
        pass
    return await store.reports.incidents(IncidentFilter(), limit=100, order="affected")


def _good(numbers: Iterable[int], **more: str) -> list[Summary]:
    return [person(number, there=_THERE, **more) for number in numbers]


def _region_outage(start: int = _H + 1800, end: int = _H + 2000) -> list[Summary]:
    """Of 30 people in 10 meetings of a region the connection is cut, for 200 seconds at most."""
    return [
        person(
            n, (start + n % 5, end), there=_THERE, signs=("cut",), region="eu", room=f"r{n // 3}"
        )
        for n in range(30)
    ]


async def test_the_outage_of_a_region_is_one_incident_of_all_its_meetings(store: Store) -> None:
    (incident,) = await _change(store, [*_region_outage(), *_good(range(100, 140))])
    assert (incident.cause.kind, incident.cause.value) == ("region", "eu")
    assert incident.cause.probability > 0.9
    assert (incident.people, incident.meetings, incident.sessions) == (30, 10, 30)
    assert (incident.start, incident.end) == (_H + 1800, _H + 2000)
    # Six people each had 200, 199, 198, 197 and 196 seconds.
    assert incident.seconds == 6 * (200 + 199 + 198 + 197 + 196)
    assert incident.reasons == {"interrupted": incident.seconds}
    assert not incident.running
    assert {meeting.room for meeting in incident.worst_meetings} == {f"r{n}" for n in range(10)}
    (share,) = (share for share in incident.shares if share.kind == "region")
    queries = Queries(store, rhythm=RHYTHM, clock=Clock(_H + 10 * DAY))
    hour, of_region = SummaryFilter(since=_H, until=_H + HOUR), ListFilter(cause="region")
    listed = await queries.sessions(hour, limit=100, also=of_region)
    assert {session.region for session in listed.items} == {"eu"}
    assert len(listed.items) == 30
    for found in (
        await queries.meetings(hour, also=of_region),
        [row.meeting for row in (await queries.meeting_list(hour, limit=99, also=of_region)).items],
    ):
        assert sorted(meeting.room for meeting in found) == sorted(f"r{n}" for n in range(10))
    assert await queries.meetings(hour, also=ListFilter(cause="bridge")) == []
    # All but the one whose view it is.
    assert (share.value, share.affected, share.known) == ("eu", 29, 29)
    assert (share.others_affected, share.others_known) == (0, 40)


async def test_two_independent_troubles_at_the_same_time_are_two_incidents(store: Store) -> None:
    office = [
        person(50 + n, (_H + 1850, _H + 2050), there=_THERE, network="office", room="standup")
        for n in range(4)
    ]
    outage, wifi = await _change(store, [*_region_outage(), *office, *_good(range(100, 140))])
    assert (outage.cause.kind, outage.people) == ("region", 30)
    assert (wifi.cause.kind, wifi.cause.value) == ("network", "office")
    assert (wifi.people, wifi.meetings, wifi.seconds) == (4, 1, 800)


async def test_a_whole_server_that_is_down_is_one_incident(store: Store) -> None:
    everybody = [
        person(
            n,
            (_H + 600 + n % 4, _H + 700),
            there=_THERE,
            signs=("cut",),
            region=f"r{n % 3}",
            bridge=f"b{n % 6}",
        )
        for n in range(40)
    ]
    (incident,) = await _change(store, everybody)
    assert incident.cause.kind == "service"
    assert (incident.people, incident.meetings) == (40, 40)
    assert incident.seconds == 10 * (100 + 99 + 98 + 97)


async def test_a_small_trouble_of_one_person_is_an_incident_that_ranks_last(store: Store) -> None:
    alone = person(60, (_H + 900, _H + 930), there=_THERE, signs=("machine",))
    *_, last = await _change(store, [*_region_outage(), alone, *_good(range(100, 140))])
    assert (last.people, last.seconds) == (1, 30)
    assert last.cause.kind in ("machine", "line", "chance")


async def test_an_incident_keeps_its_id_while_it_grows(store: Store) -> None:
    others = _good(range(100, 140))
    (first,) = await _change(store, [*_region_outage(end=_H + 1900), *others])
    (grown,) = await _change(store, _region_outage(end=_H + 2400))
    assert grown.id == first.id
    assert (grown.start, grown.end) == (_H + 1800, _H + 2400)
    more = [
        person(200 + n, (_H + 1795, _H + 2400), there=_THERE, signs=("cut",), region="eu")
        for n in range(5)
    ]
    (joined,) = await _change(store, more)  # Which began earlier, and came later.
    assert (joined.id, joined.people, joined.start) == (first.id, 35, _H + 1795)


async def test_problems_that_turn_out_to_be_none_leave_no_incident_behind(store: Store) -> None:
    await _change(store, [*_region_outage(), *_good(range(100, 140))])
    well = [person(n, there=_THERE, region="eu", room=f"r{n // 3}") for n in range(30)]
    assert await _change(store, well) == []


async def test_an_incident_over_several_hours_is_one_also_when_found_hour_by_hour(
    store: Store,
) -> None:
    there = (_H + 60, _H + 4 * HOUR)

    def office(*spans: tuple[int, int]) -> list[Summary]:
        return [person(n, *spans, there=there, network="office") for n in range(4)]

    others = [person(100 + n, there=there) for n in range(20)]
    first = (_H + 3000, _H + 3590)
    second = (_H + 3620, _H + 7190)
    third = (_H + 7210, _H + 7500)
    (found,) = await _change(store, [*office(first), *others])
    (longer,) = await _change(store, office(first, second))
    (longest,) = await _change(store, office(first, second, third))
    assert found.id == longer.id == longest.id
    assert (longest.start, longest.end, longest.people) == (_H + 3000, _H + 7500, 4)
    assert longest.seconds == 4 * (590 + 3570 + 290)
    # The hour in the middle turns out to have been well: now these are two incidents.
    late, early = sorted(await _change(store, office(first, third)), key=lambda row: row.seconds)
    assert {early.id, late.id} >= {found.id}
    assert (early.start, early.end, late.start, late.end) == (*first, *third)
    # And one again.
    (again,) = await _change(store, office(first, second, third))
    assert again.id == found.id


async def test_whoever_is_summarized_late_counts_in_an_incident_that_was_found(
    store: Store,
) -> None:
    clock = Clock(_H)
    running = IncidentFinder(store, clock=clock, holder="me")
    clock.now = _H + 10 * DAY
    for finder, summaries, known in (
        (running, _region_outage() + _good(range(100, 120)), 20),
        (running, _good([120]), 21),
        (_finder(store), _good([121]), 22),  # After a restart.
    ):
        async with finder.changing({}, summaries):
            await store.reports.put_summaries(summaries)
        (incident,) = await _find(store, finder)
        assert incident.cause.others_known == known
        await finder.note({_H + hours * HOUR for hours in range(10, 15)})
        await _find(store, finder)  # Others, so that this one is not at hand any more.


async def test_of_a_late_session_of_years_two_days_count_in_what_was_found(store: Store) -> None:
    finder = _finder(store)
    (session,) = _good([1])
    years = msgspec.structs.replace(session, began=_H - 3000 * DAY, ended=_H)
    async with finder.changing({}, [years]):
        await store.reports.put_summaries([years])
    noted = [done async for done in finder.find_noted()]
    assert len(noted) == 50, "48 hours, and those beside them"


async def test_finding_all_hours_again_changes_nothing(store: Store) -> None:
    alone = person(60, (_H + 900, _H + 930), there=_THERE, signs=("machine",))
    before = await _change(store, [*_region_outage(), alone, *_good(range(100, 140))])
    finder = _finder(store)
    await finder.note({_H, _H + HOUR})
    assert await _find(store, finder) == before


async def test_summaries_in_memory_are_not_read_and_find_the_same(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    summaries = [*_region_outage(), *_good(range(100, 140))]
    before = await _change(store, summaries)
    at_hand = {summary.session: summary for summary in summaries[::2]}
    read: list[str] = []
    get_summaries = store.reports.get_summaries

    async def noting_get_summaries(ids: Sequence[str]) -> list[Summary]:
        read.extend(ids)
        return await get_summaries(ids)

    finder = IncidentFinder(
        store, clock=Clock(_H + 10 * DAY), holder="me", summary_at_hand=at_hand.get
    )
    await finder.note({_H})
    monkeypatch.setattr(store.reports, "get_summaries", noting_get_summaries)
    assert await _find(store, finder) == before
    assert sorted(read) == sorted(summary.session for summary in summaries[1::2])


async def test_incidents_of_another_version_are_found_anew_once(store: Store) -> None:
    before = await _change(store, [*_region_outage(), *_good(range(100, 140))])
    summarizer = Summarizer(
        store, preset=preset("jitsi"), rhythm=RHYTHM, clock=Clock(_H + 10 * DAY), holder="other"
    )
    await summarizer.rollups.note({_H})
    await summarizer.rollups.roll_up()
    await store.reports.replace_incidents([incident.id for incident in before], [])
    await store.reports.put_record("incidents", "current", b'["0.0",0]')
    assert [hour async for hour in _finder(store).upgrade()]
    assert await _find(store) == before
    assert [hour async for hour in _finder(store).upgrade()] == []


async def test_incidents_are_selected_by_time_cause_size_and_state(store: Store) -> None:
    office = [
        person(50 + n, (_H + 2850, _H + 3050), there=_THERE, network="office", room="standup")
        for n in range(4)
    ]
    outage, wifi = await _change(store, [*_region_outage(), *office, *_good(range(100, 140))])

    async def ids(**fields: object) -> list[str]:
        selection = msgspec.convert(fields, IncidentFilter)
        found = await store.reports.incidents(selection, limit=10, order="newest")
        return [incident.id for incident in found]

    assert await ids() == [wifi.id, outage.id]
    assert await ids(since=_H + 2000) == [wifi.id]
    assert await ids(since=_H + 1999, until=_H + 2850) == [outage.id]
    assert await ids(until=_H + 1800) == []
    assert await ids(cause="network") == [wifi.id]
    assert await ids(cause="region", value="eu") == [outage.id]
    assert await ids(value="us") == []
    assert await ids(min_people=5) == [outage.id]
    assert await ids(min_probability=0.5) == [wifi.id, outage.id]
    assert await ids(running=True) == []
    page = await store.reports.incidents(
        IncidentFilter(), limit=1, order="newest", after=(wifi.start, wifi.id)
    )
    assert [incident.id for incident in page] == [outage.id]
    known = await store.reports.get_incidents([outage.id, "i0"])
    assert known == [outage]


async def test_an_incident_runs_while_a_problem_of_it_goes_on(store: Store) -> None:
    there = (_H + 60, _H + 900)
    ongoing = [
        person(n, (_H + 600, _H + 900), there=there, network="office", running=True)
        for n in range(4)
    ]
    # A summary is made some seconds after the last sample, and says that until then.
    ongoing = [msgspec.structs.replace(summary, ended=summary.last + 7) for summary in ongoing]
    (running,) = await _change(store, [*ongoing, *_good(range(100, 120))])
    assert running.running
    left = [msgspec.structs.replace(summary, running=False) for summary in ongoing]
    (over,) = await _change(store, left)
    assert (over.id, over.running) == (running.id, False)


async def test_an_incident_is_over_when_those_who_had_it_are_well_again(store: Store) -> None:
    """They go on calling: their samples have no problem any more."""
    there = (_H + 60, _H + 900)
    ongoing = [
        person(n, (_H + 600, _H + 900), there=there, network="office", running=True)
        for n in range(4)
    ]
    (running,) = await _change(store, [*ongoing, *_good(range(100, 120))])
    assert running.running
    well = [
        msgspec.structs.replace(summary, last=summary.last + 10, ended=summary.last + 12)
        for summary in ongoing
    ]
    (over,) = await _change(store, well)
    assert (over.id, over.running) == (running.id, False)


async def test_incidents_are_pruned_with_their_time(store: Store) -> None:
    await _change(store, [*_region_outage(), *_good(range(100, 140))])
    while await store.reports.prune(_H):
        pass
    assert await store.reports.incidents(IncidentFilter(), limit=10, order="affected")
    while await store.reports.prune(_H + DAY):
        pass
    assert await store.reports.incidents(IncidentFilter(), limit=10, order="affected") == []


async def test_what_one_network_makes_up_is_bounded_and_crowds_out_nobody(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(recorded, "MOST_PROBLEMS", 60)
    monkeypatch.setattr(recorded, "MOST_INCIDENTS", 20)
    monkeypatch.setattr(recorded, "MOST_LISTED", 5)
    starts = [_H + 100 + 400 * n for n in range(8)]
    liars = [
        person(
            1000 + n,
            *((start + 7 * n, start + 7 * n + 30) for start in starts),
            there=_THERE,
            signs=("machine",),
            network="liars",
        )
        for n in range(15)
    ]
    honest = person(1, (_H + 900, _H + 905), there=_THERE, signs=("up",))
    found = await _change(store, [*liars, honest, *_good(range(100, 110))])
    assert len(found) <= 20
    assert all(len(incident.worst_sessions) <= 5 for incident in found)
    affected = {session.session for incident in found for session in incident.worst_sessions}
    assert honest.session in affected


async def test_nothing_of_an_erased_participant_stays_in_an_incident(store: Store) -> None:
    receivers = [
        person(n, (_H + 900, _H + 1100), there=_THERE, signs=("media",), senders=(9,), room="r")
        for n in range(4)
    ]
    sender = person(9, (_H + 900, _H + 1100), there=_THERE, signs=("up",), room="r")
    (incident,) = await _change(store, [*receivers, sender, *_good(range(100, 120))])
    assert (incident.people, incident.cause.value) == (5, sender.session)
    summarizer = Summarizer(
        store, preset=preset("jitsi"), rhythm=RHYTHM, clock=Clock(_H + 10 * DAY), holder="other"
    )
    subject = Subject(SubjectKind.PARTICIPANT, sender.browser_id)
    async for _ in forget(store, subject, summarizer, clock=Clock(_H + 10 * DAY), settle=0):
        pass
    left = await store.reports.stored_incidents(0, 2**40)
    assert left
    assert sum(stored.incident.people for stored in left) == 4
    text = msgspec.json.encode(left).decode()
    assert sender.session not in text
    assert sender.browser_id not in text
    assert await store.reports.records("stale incidents") == {}


async def test_a_round_of_the_background_task_finds_what_was_noted(store: Store) -> None:
    finder = _finder(store)
    outage = [*_region_outage(), *_good(range(100, 140))]
    async with finder.changing({}, outage):
        await store.reports.put_summaries(outage)
    pause = await finder.keep_up()
    assert 10 <= pause <= 300
    (incident,) = await store.reports.incidents(IncidentFilter(), limit=10, order="affected")
    assert incident.people == 30
    assert await store.reports.records("stale incidents") == {}
    assert await store.reports.records("finding incidents") == {}
