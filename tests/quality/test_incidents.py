"""What went wrong in a meeting, and to how many at once."""

from itertools import pairwise

import msgspec
import pytest

from jmmc.core.model import Dialect, Session
from jmmc.quality.grading import Grade, Spell
from jmmc.quality.incidents import incidents
from jmmc.quality.summarize import summarize
from jmmc.quality.summary import GradeSpan, Summary
from jmmc.quality.thresholds import preset
from tests.support.builders import RHYTHM


def _person(number: int, *bad: tuple[int, int], room: str = "room", region: str = "eu") -> Summary:
    """Somebody who was there from 1000 to 2000, and poor in some stretches."""
    session = Session(f"{number:024}", room, f"uid-{number}", Dialect.V2, 1000, ())
    edges = [1000, *(moment for spell in bad for moment in spell), 2000]
    lane = tuple(
        GradeSpan(start, end, Grade.POOR if place % 2 else Grade.GOOD)
        for place, (start, end) in enumerate(pairwise(edges))
    )
    return msgspec.structs.replace(
        summarize(session, preset=preset("jitsi"), rhythm=RHYTHM),
        began=1000,
        ended=2000,
        grade_spans=lane,
        spells=tuple(
            Spell(item[0], item[1], Grade.POOR, {"loss": item[1] - item[0]}) for item in bad
        ),
        region=region,
        network=f"n{number}",
        browser=f"b{number}",
    )


_ELSEWHERE = [_person(100 + n, room=f"c{n}", region="us") for n in range(20)]


def test_an_outage_is_one_incident_however_many_are_affected() -> None:
    room = [_person(n, (1400, 1600 + n)) for n in range(4)]
    neighbours = [_person(50 + n, (1400, 1600), room=f"d{n}") for n in range(4)]
    (incident,) = incidents(room, [*room, *neighbours, *_ELSEWHERE])
    assert incident.attribution.cause == "region"
    assert (incident.start, incident.end) == (1400, 1603)
    assert set(incident.sessions) == {summary.session for summary in room}
    assert incident.reasons == {"loss": 806}, "seconds of everybody"


def test_problems_of_two_participants_alone_are_two_incidents_in_order_of_time() -> None:
    room = [_person(0, (1700, 1800)), _person(1, (1200, 1300)), *(_person(n) for n in (2, 3, 4))]
    found = incidents(room, [*room, *_ELSEWHERE])
    assert [row.attribution.cause for row in found] == ["alone", "alone"]
    assert [row.sessions for row in found] == [(room[1].session,), (room[0].session,)]


def test_the_same_cause_at_another_time_is_another_incident() -> None:
    room = [_person(n, (1100, 1200), (1700, 1800)) for n in range(8)]
    found = incidents(room, [*room, *_ELSEWHERE])
    assert [(row.start, row.end) for row in found] == [(1100, 1200), (1700, 1800)]


def test_a_meeting_without_spells_has_no_incident() -> None:
    assert incidents(_ELSEWHERE, _ELSEWHERE) == ()


def test_of_many_incidents_the_worst_are_reported() -> None:
    room = [_person(n, (1000 + 10 * n, 1005 + 10 * n + n)) for n in range(40)]
    found = incidents(room, room)
    assert len(found) == 20
    assert {row.sessions[0] for row in found} == {summary.session for summary in room[20:]}


def _spells(summary: Summary, *spells: Spell) -> Summary:
    return msgspec.structs.replace(summary, spells=spells)


def test_an_incident_has_the_reasons_and_the_worst_grade_of_all_that_is_in_it() -> None:
    room = [
        _spells(_person(n, (1400, 1600)), Spell(1400, 1600, grade, {reason: 200}))
        for n, (grade, reason) in enumerate(
            [(Grade.FAIR, "rtt"), (Grade.POOR, "loss"), (Grade.FAIR, "jitter"), (Grade.FAIR, "rtt")]
        )
    ]
    (incident,) = incidents(room, [*room, *_ELSEWHERE])
    assert incident.reasons == {"rtt": 400, "loss": 200, "jitter": 200}
    assert incident.grade is Grade.POOR


@pytest.mark.parametrize("first", [0, 10])
def test_a_spell_that_begins_as_another_ends_is_another_incident(first: int) -> None:
    """Those who were struck first have left when the others are."""
    early = [_person(first + n, (1100, 1200)) for n in range(5)]
    early = [
        msgspec.structs.replace(summary, ended=1200, grade_spans=summary.grade_spans[:2])
        for summary in early
    ]
    late = [_person(10 - first + n, (1200, 1300)) for n in range(5)]
    late = [
        msgspec.structs.replace(summary, began=1200, grade_spans=summary.grade_spans[1:])
        for summary in late
    ]
    room = [*early, *late]
    found = incidents(room, [*room, *_ELSEWHERE])
    assert [(row.start, row.end, row.attribution.cause) for row in found] == [
        (1100, 1200, "room"),
        (1200, 1300, "room"),
    ]


def test_of_many_spells_poor_seconds_weigh_more_than_fair_ones() -> None:
    """A fair second is three tenths of a poor one; where in the meeting it was is all the same."""
    short = [_person(n, (1800, 1820)) for n in range(60)]
    fair = [
        _spells(_person(100 + n, (1000, 1060)), Spell(1000, 1060, Grade.FAIR, {"rtt": 60}))
        for n in range(60)
    ]
    long = [
        _spells(_person(200 + n, (1900, 1980)), Spell(1900, 1980, Grade.FAIR, {"rtt": 80}))
        for n in range(60)
    ]
    assert {incident.grade for incident in incidents([*fair, *short], [])} == {Grade.POOR}
    assert {incident.grade for incident in incidents([*long, *short], [])} == {Grade.FAIR}
