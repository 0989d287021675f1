"""Simulated sessions are what browsers would send, and their problems are graded as planted."""

import json
from collections import Counter, defaultdict
from functools import cache
from itertools import islice, pairwise
from typing import Any

import msgspec
import pytest

from jmmc.core.readings import SERVER_READINGS
from jmmc.protocol.decoding import Codec
from jmmc.quality.causes import Crowd, likely_causes
from jmmc.quality.grading import Grade, judge
from jmmc.quality.segments import segments_of, values_at
from jmmc.quality.summarize import summarize
from jmmc.quality.summary import Summary
from jmmc.quality.thresholds import preset
from jmmc.quality.timeline import Rhythm, Timeline, build_timeline
from jmmc.simulation.expected import ExpectedResults
from jmmc.simulation.scenario import STEP, Held, Scenario, SimulatedSession, simulate
from tests.support.builders import SID, UID

_DAY = Scenario(participants=400, rooms=20, minutes=1440, seed=7, start=1_789_948_800, devices=True)
_RHYTHM = Rhythm(STEP, 75)


@cache  # Otherwise each worker would simulate the day when it collects tests.
def _day() -> dict[str, SimulatedSession]:
    """The simulated sessions of the day, by their id."""
    return {simulated.session.id: simulated for simulated in simulate(_DAY)}


@cache
def _timeline(session: str) -> Timeline:
    return build_timeline(_day()[session].session, rhythm=_RHYTHM)


@cache
def _summary(session: str) -> Summary:
    return summarize(_day()[session].session, preset=preset("experience"), rhythm=_RHYTHM)


def _held_at(helds: tuple[Held, ...], moment: int) -> str:
    (value,) = [held.value for held in helds if held.start <= moment < held.end]
    return value


def _causes(simulated: SimulatedSession) -> dict[int, str]:
    """The cause of the problem of each second that has one; no second has two."""
    seconds = [
        (moment, problem.cause)
        for problem in simulated.problems
        for moment in range(problem.start, problem.end)
    ]
    assert len(dict(seconds)) == len(seconds)
    return dict(seconds)


def _grades(simulated: SimulatedSession, name: str) -> dict[int, Grade]:
    """The grade of each second, by a preset."""
    timeline = _timeline(simulated.session.id)
    return {
        moment: judged.grade
        for judged in judge(timeline.spans, preset(name))
        for moment in range(judged.start, judged.end)
    }


def test_the_same_seed_gives_the_same_sessions_and_another_seed_others() -> None:
    assert list(simulate(_DAY)) == [*_day().values()]
    others = list(simulate(msgspec.structs.replace(_DAY, seed=8, devices=False)))
    assert others != [*_day().values()]
    assert not any(
        b'"dev"' in sample.readings for call in others for sample in call.session.samples
    )


def test_each_participant_is_one_session_and_sessions_come_in_order_of_time() -> None:
    assert len(_day()) == 400
    assert len({simulated.session.id for simulated in _day().values()}) == 400
    starts = [simulated.began for simulated in _day().values()]
    assert starts == sorted(starts)
    assert min(starts) >= _DAY.start


def test_every_simulated_sample_passes_the_decoder_undropped() -> None:
    codec = Codec()
    for simulated in islice(_day().values(), 60):
        samples = [
            {"seq": sample.seq, "age": 0, "m": msgspec.Raw(sample.readings)}
            for sample in simulated.session.samples
        ]
        for sample in samples[1:]:  # The first has the readings that the collector adds.
            push = {"v": 2, "sid": SID, "uid": UID, "conf": "x", "samples": [sample]}
            dropped = codec.decode(msgspec.json.encode(push)).dropped
            assert set(dropped) <= {f"m.{row.path}" for row in SERVER_READINGS}


def test_samples_come_every_ten_seconds_and_half_of_them_change_nothing() -> None:
    steady = Counter[bool]()
    for simulated in _day().values():
        samples = simulated.session.samples
        assert [sample.seq for sample in samples] == list(range(len(samples)))
        times = [sample.ts for sample in samples]
        assert (times[0], times[-1]) == (simulated.began, simulated.ended)
        assert all(0 <= b - a <= STEP for a, b in pairwise(times))
        usual = [b - a for a, b in pairwise(times)].count(STEP)
        assert usual > 0.5 * (simulated.ended - simulated.began) / STEP
        steady.update(sample.readings == b"{}" for sample in samples)
        full = [sample.ts for sample in samples if sample.full]
        assert all(600 <= b - a <= 600 + STEP for a, b in pairwise([times[0], *full]))
    assert 0.4 < steady[True] / steady.total() < 0.7
    left = sum(simulated.session.samples[-1].bye for simulated in _day().values())
    assert 0.8 < left / len(_day()) < 0.97


def test_problems_begin_and_end_at_any_second() -> None:
    edges = [
        edge - simulated.began
        for simulated in _day().values()
        for problem in simulated.problems
        for edge in (problem.start, problem.end)
    ]
    assert {edge % STEP for edge in edges} == set(range(STEP))
    assert {problem.cause for simulated in _day().values() for problem in simulated.problems} == {
        *("loss", "rtt", "jitter", "bandwidth", "cpu", "frozen", "interrupted")
    }


@pytest.mark.parametrize("name", ["experience", "jitsi"])
def test_grades_are_fair_or_poor_where_a_problem_was_planted_and_good_elsewhere(
    name: str,
) -> None:
    """To the second, but for one sample at each edge of a problem, of which the mean decides."""
    wrong = bad = 0
    for simulated in _day().values():
        causes = _causes(simulated)
        edges = {edge for problem in simulated.problems for edge in (problem.start, problem.end)}
        near = {edge + offset for edge in edges for offset in range(-STEP, STEP)}
        for moment, grade in _grades(simulated, name).items():
            if grade is Grade.UNKNOWN:  # A connection that failed before its first readings.
                assert moment - simulated.began < STEP
                assert _DAY.outage_window[0] <= moment < _DAY.outage_window[1]
                continue
            bad += moment in causes
            if (grade >= Grade.FAIR) != (moment in causes):
                assert moment in near, (simulated, moment, grade)
                wrong += 1
    assert wrong / bad < 0.03


def test_a_cut_off_second_is_poor_and_no_reading_is_known_then() -> None:
    cut = 0
    for simulated in _day().values():
        causes = _causes(simulated)
        grades = _grades(simulated, "experience")
        for moment, cause in causes.items():
            if cause == "interrupted":
                cut += 1
                assert grades[moment] is Grade.POOR
        timeline = _timeline(simulated.session.id)
        for span in timeline.spans:
            if all(causes.get(moment) == "interrupted" for moment in range(span.start, span.end)):
                assert {"rtt", "d.pl", "t.tp"}.isdisjoint(span.state or {}) or (
                    span.end - span.start <= STEP
                )
    assert cut > 1000


def test_each_second_is_in_its_region_and_on_its_path() -> None:
    """As samples say, to one sample where the script does not know the moment of a change."""
    moved = switched = 0
    for simulated in _day().values():
        longest, segments = segments_of(_timeline(simulated.session.id))
        moved += len(simulated.regions) > 1
        switched += len(simulated.paths) > 1
        tolerance = STEP if longest["os"] == "iOS 18" else 0
        for name, helds in (("region", simulated.regions), ("transport", simulated.paths)):
            changes = [held.start for held in helds[1:]]
            for moment in range(simulated.began, simulated.ended):
                if all(abs(moment - change) > tolerance for change in changes):
                    value = values_at(longest, segments, moment)[name]
                    assert value == _held_at(helds, moment), (simulated, moment)
    assert moved >= 5
    assert switched >= 20


def test_a_move_to_another_region_is_a_short_interruption() -> None:
    for simulated in _day().values():
        for before, after in pairwise(simulated.regions):
            assert before.end == after.start
            (cut,) = [problem for problem in simulated.problems if problem.end == before.end]
            assert cut.cause == "interrupted"
            assert 4 <= cut.end - cut.start <= 25


def test_two_people_talk_from_peer_to_peer_until_a_third_one_comes() -> None:
    rooms: dict[str, list[SimulatedSession]] = defaultdict(list)
    for simulated in _day().values():
        rooms[simulated.session.room].append(simulated)
    for people in rooms.values():
        for simulated in people:
            causes = _causes(simulated)
            for start, end, path in simulated.paths:
                # In the first and the last seconds no path is seen.
                for moment in range(start + STEP, end - STEP) if path == "p2p" else ():
                    if causes.get(moment) == "interrupted":
                        continue  # Nobody switches while there is no connection.
                    present = sum(
                        other.began <= moment < other.ended + _unseen(other) for other in people
                    )
                    assert present == 2, (simulated, moment)


def _unseen(simulated: SimulatedSession) -> int:
    """For how long somebody may have stayed whose browser crashed after its last sample."""
    return 0 if simulated.session.samples[-1].bye else STEP


def test_a_shared_screen_has_few_frames_and_is_good() -> None:
    rates: list[float] = []
    for simulated in _day().values():
        timeline = _timeline(simulated.session.id)
        grades = _grades(simulated, "experience")
        causes = _causes(simulated)
        for span in timeline.spans:
            inside = any(
                screen.start <= span.start and span.end <= screen.end
                for screen in simulated.screens
            )
            state: Any = span.state or {}
            if inside and "d.fr" in state and not causes.keys() & range(span.start, span.end):
                rates.append(min(state["d.fr"], state.get("u.fr", 30)))
                assert state["d.frz"] == 0
                edges = {edge for p in simulated.problems for edge in (p.start, p.end)}
                if all(abs(span.start - edge) > STEP for edge in edges):
                    assert grades[span.start] is Grade.GOOD
    assert len(rates) > 1000
    assert max(rates) <= 5


def test_some_people_are_in_a_meeting_with_two_tabs() -> None:
    present = defaultdict(list)
    for simulated in _day().values():
        present[simulated.session.room, simulated.session.browser_id].append(simulated)
    overlapping = sum(
        second.began < first.ended
        for stays in present.values()
        for first, second in pairwise(stays)
    )
    assert overlapping >= 5


def test_the_readings_are_those_of_the_worst_stream() -> None:
    frozen = [
        problem.start
        for simulated in _day().values()
        for problem in simulated.problems
        if problem.cause == "frozen"
    ]
    assert frozen
    readings = [
        json.loads(sample.readings).get("d", {}).get("frz")
        for simulated in _day().values()
        for sample in simulated.session.samples
    ]
    assert max(reading or 0 for reading in readings) == 30


def test_an_event_has_its_age_where_no_sample_was_closed_at_its_moment() -> None:
    for simulated in _day().values():
        timeline = _timeline(simulated.session.id)
        reported = [event.at for event in timeline.events if event.what == "interrupted"]
        cuts = [problem for problem in simulated.problems if problem.cause == "interrupted"]
        assert reported == [problem.start for problem in cuts]
    ages = [
        event[1]
        for simulated in _day().values()
        for sample in simulated.session.samples
        for event in json.loads(sample.readings).get("ev", [])
        if isinstance(event, list)
    ]
    assert ages
    assert all(0 < age <= STEP for age in ages)


def test_an_outage_affects_its_region_and_no_other() -> None:
    start, end = _DAY.outage_window
    affected = [
        (problem, simulated)
        for simulated in _day().values()
        for problem in simulated.problems
        if problem.cause == "interrupted" and problem.start < end and problem.end > start
    ]
    assert len(affected) >= 3
    for problem, simulated in affected:
        assert _held_at(simulated.regions, problem.start) == "eu-west"
        assert _held_at(simulated.paths, problem.start) != "p2p", "it does not use the bridge"
        assert start <= problem.start < problem.end <= end


def test_sessions_in_the_outage_are_attributed_to_the_region() -> None:
    busy = Scenario(participants=400, rooms=30, minutes=240, seed=7, start=1_789_948_800)
    start, end = busy.outage_window
    calls = list(simulate(busy))

    def was_direct(simulated: SimulatedSession, at: int) -> bool:
        """Whether the media went from peer to peer until they were cut off: browsers say so."""
        return at > simulated.paths[0].start and _held_at(simulated.paths, at - 1) == "p2p"

    affected = {
        simulated.session.id
        for simulated in calls
        for problem in simulated.problems
        if problem.cause == "interrupted" and start <= problem.start < end
        if not was_direct(simulated, problem.start)
    }
    summaries = [
        summarize(simulated.session, preset=preset("jitsi"), rhythm=_RHYTHM, now=simulated.ended)
        for simulated in calls
    ]
    crowd = Crowd(summaries, busy.start, max(summary.ended for summary in summaries))
    causes = {
        summary.session: likely_causes(summary, spell, crowd).causes[0].kind
        for summary in summaries
        for spell in summary.spells
        if summary.session in affected
        if "interrupted" in spell.reasons and spell.start < end and spell.end > start
    }
    assert causes.keys() == affected
    assert len(affected) >= 15
    assert set(causes.values()) == {"region"}


def test_devices_are_named_and_old_cameras_are_those_of_slow_machines() -> None:
    on_slow = Counter[str]()
    for simulated in _day().values():
        summary = summarize(
            simulated.session, preset=preset("jitsi"), rhythm=_RHYTHM, now=simulated.ended
        )
        assert summary.microphone
        assert bool(summary.speaker) == (not simulated.browser.startswith("Safari"))
        assert (summary.camera or "") == simulated.camera
        on_slow[simulated.camera] += "cpu" in _causes(simulated).values()
    assert {camera for camera, slow in on_slow.items() if slow} == {"VGA Camera"}


def test_expected_results_count_each_second_once() -> None:
    expected = ExpectedResults()
    regions, paths, causes = Counter[str](), Counter[str](), Counter[str]()
    cameras = Counter[str]()
    connections = Counter[int]()
    people: dict[int, set[str]] = defaultdict(set)
    for simulated in _day().values():
        expected.add(simulated, _DAY)
        problems = _causes(simulated)
        causes.update(problems.values())
        regions.update(_held_at(simulated.regions, moment) for moment in problems)
        paths.update(_held_at(simulated.paths, moment) for moment in problems)
        cameras[simulated.camera] += len(problems)
        connections.update(range(simulated.began, simulated.ended))
        for moment in range(simulated.began, simulated.ended):
            people[moment].add(simulated.session.browser_id)
    assert expected.by_cause == causes
    assert {name: bad for name, (_, bad) in expected.by_region.items() if bad} == regions
    assert {name: bad for name, (_, bad) in expected.by_path.items() if bad} == paths
    without_camera = cameras.pop("")
    assert without_camera
    assert {name: bad for name, (_, bad) in expected.by_camera.items()} == cameras
    for seconds in (expected.by_region, expected.by_path):
        assert sum(known for known, _ in seconds.values()) == expected.seconds
    assert expected.seconds == connections.total()
    assert expected.peak_connections == max(connections.values())
    assert expected.peak_people == max(map(len, people.values())) < expected.peak_connections
    assert expected.sessions == 400


def test_joins_that_failed_are_sessions_of_their_own_in_which_nobody_was() -> None:
    failing, working = _DAY.outage_window
    attempts = [
        (summarize(attempt, preset=preset("experience"), rhythm=_RHYTHM), simulated)
        for simulated in _day().values()
        for attempt in simulated.attempts
    ]
    assert {summary.outcome for summary, _ in attempts} == {"failed", "refused"}
    for summary, simulated in attempts:
        assert summary.ended == summary.began <= simulated.began
        assert summary.browser_id == simulated.session.browser_id
        if summary.failure == "bridge_down":
            assert failing <= summary.began < working
            assert summary.region == "eu-west"
    of_relays = [simulated.attempts for simulated in _day().values() if simulated.network % 17 == 5]
    assert sum(map(len, of_relays)) / len(of_relays) > 0.05


def test_summaries_say_how_stays_went_as_they_were_planted() -> None:
    expected = ExpectedResults()
    dropped, never_connected, ratings = 0, 0, []
    for simulated in _day().values():
        expected.add(simulated, _DAY)
        summary = _summary(simulated.session.id)
        joining = simulated.joining
        assert (summary.setup.ask, summary.setup.join) == (joining.ask, joining.join)
        assert summary.setup_ms in (joining.join + joining.media, None)
        never_connected += summary.setup_ms is None
        dropped += summary.outcome == "dropped"
        ratings += [summary.rating] if summary.rating else []
        assert summary.ended == simulated.ended
    assert 0 < dropped == expected.dropped
    assert never_connected < 5  # Cut off before the first readings.
    assert len(ratings) > 20
    assert sorted(ratings) == sorted(expected.ratings)
    assert (
        sum(expected.failures.values()) == sum(len(item.attempts) for item in _day().values()) > 10
    )


def test_each_second_is_on_its_bridge() -> None:
    bridges = Counter[str]()
    for simulated in _day().values():
        longest, segments = segments_of(_timeline(simulated.session.id))
        tolerance = STEP if longest["os"] == "iOS 18" else 0
        changes = [held.start for held in simulated.bridges[1:]]
        for moment in range(simulated.began, simulated.ended):
            bridge = _held_at(simulated.bridges, moment)
            if all(abs(moment - change) > tolerance for change in changes):
                assert values_at(longest, segments, moment)["bridge"] == bridge, simulated
                bridges[bridge] += 1
    assert len(bridges) >= 6


def test_what_arrives_badly_of_somebody_names_whose_it_is() -> None:
    named = 0
    for simulated in _day().values():
        summary = _summary(simulated.session.id)
        of_others = {p.cause for p in simulated.problems} & {"jitter", "frozen"}
        assert bool(summary.senders) <= bool(of_others)
        assert all(sender.endpoint != summary.endpoint_id for sender in summary.senders)
        named += bool(summary.senders)
    assert named > 20


def test_sessions_are_generated_one_at_a_time() -> None:
    huge = Scenario(participants=40_000, rooms=1800, minutes=30, seed=1, start=0)
    assert len(list(islice(simulate(huge), 100))) == 100
