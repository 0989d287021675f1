"""Incidents found hour by hour, from what the hour before left of each."""

import msgspec
import pytest

from jmmc.quality.causes import Answer, Cause, Explained, Records, incidents
from jmmc.quality.causes.answer import Verdict
from jmmc.quality.causes.recorded import (
    HourAnswers,
    RecordedIncident,
    StoredIncident,
    change_of_hour,
    earlier_of,
    parts_of_hour,
)
from jmmc.quality.rollups import HOUR
from jmmc.quality.summary import Summary
from tests.support.troubles import person

_H = 1_789_948_800  # A Monday, 00:00 UTC


def _found(present: list[Summary]) -> list[RecordedIncident]:
    """The incidents of two hours, the second found after the first."""
    stored: dict[str, StoredIncident] = {}
    for hour in (_H, _H + HOUR):
        known = [*stored.values()]
        earlier = [before for incident in known if (before := earlier_of(incident, hour))]
        parts = parts_of_hour(hour, present, Records(), earlier, HourAnswers())
        change = change_of_hour(hour, parts, known)
        assert not change.gone
        stored |= {incident.incident.id: incident for incident in change.changed}
    return [incident.incident for incident in stored.values()]


def _pair(first: int, second: int) -> list[Summary]:
    """Two of a meeting whose machines are slow for five minutes; nobody else is there."""
    return [
        person(n, (start, start + 300), there=(_H, _H + 7200), signs=("machine",), room="r")
        for n, start in enumerate((first, second))
    ]


def test_an_hour_keeps_no_more_answers_than_problems_that_are_explained(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("jmmc.quality.causes.recorded.MOST_PROBLEMS", 2)
    answers = HourAnswers()
    present: list[Summary] = []
    for n in range(1, 6):  # Each has a longer problem than those before.
        span = (_H + 600, _H + 700 + n)
        present.append(person(n, span, there=(_H, _H + 3600), signs=("machine",), room=f"r{n}"))
        parts_of_hour(_H, present, Records(), [], answers)
        assert len(answers) == min(n, 2)


@pytest.mark.parametrize(("rooms", "explained"), [(101, 20), (1, 10)])
def test_of_large_meetings_fewer_problems_are_explained(
    monkeypatch: pytest.MonkeyPatch, rooms: int, explained: int
) -> None:
    """101 problems; one in a meeting with 100 others takes the time of two without others."""
    monkeypatch.setattr("jmmc.quality.causes.recorded.MOST_PROBLEMS", 20)
    answers = HourAnswers()
    present = [
        person(n, (_H + 600, _H + 700), there=(_H, _H + 3600), room=f"r{n % rooms}")
        for n in range(101)
    ]
    parts_of_hour(_H, present, Records(), [], answers)
    assert len(answers) == explained


@pytest.mark.parametrize("edge", [_H + 1800, _H + HOUR])
def test_problems_of_one_moment_without_a_clear_cause_are_one_incident_also_at_a_full_hour(
    edge: int,
) -> None:
    (joined,) = _found(_pair(edge - 5, edge + 5))
    assert joined.answer.likely is None
    assert (joined.people, joined.start, joined.end) == (2, edge - 5, edge + 305)
    assert [incident.people for incident in _found(_pair(edge - 15, edge + 5))] == [1, 1]


def test_a_sender_who_came_back_in_the_next_hour_is_still_one_cause() -> None:
    edge = _H + HOUR
    there = (_H, edge + 1800)
    spans = (edge - 300, edge - 60), (edge + 10, edge + 250)
    receivers = [
        msgspec.structs.replace(
            person(n, *spans, there=there, signs=("media",), room="r"),
            spells=tuple(
                person(n, span, there=there, signs=("media",), senders=(sender,)).spells[0]
                for span, sender in zip(spans, (8, 9), strict=True)
            ),
        )
        for n in range(4)
    ]
    before = person(8, spans[0], there=(_H, edge - 50), signs=("up",), room="r")
    after = person(9, spans[1], there=(edge - 40, edge + 1800), signs=("up",), room="r")
    after = msgspec.structs.replace(after, browser_id=before.browser_id)
    others = [person(20 + n, there=there) for n in range(12)]
    (incident,) = _found([*receivers, before, after, *others])
    assert incident.people == 5
    named = [cause.value for cause in incident.answer.causes if cause.kind == "other end"]
    assert len({before.session, after.session} & {*named}) == 1
    assert incident.answer.likely is not None


@pytest.mark.parametrize(
    ("own", "of_region", "found"), [(0.3, 0.6, [2]), (0.7, 0.28, [1, 1]), (0.35, 0.4, [1, 1])]
)
def test_a_problem_joins_the_incident_of_a_group_that_is_named_for_it_and_no_other(
    own: float, of_region: float, found: list[int]
) -> None:
    def problem(number: int, start: int, **causes: float) -> Explained:
        summary = person(number, (start, start + 300), there=(_H, _H + 3600))
        ranked = [Cause(kind, "", share, 0, 0, 0, 0) for kind, share in causes.items()]
        ranked.sort(key=lambda cause: -cause.probability)
        return Explained(summary, summary.spells[0], Answer(Verdict.UNCLEAR, tuple(ranked)))

    outage = problem(1, _H + 900, region=0.9)
    during = problem(2, _H + 1000, line=own, region=of_region)
    people = {f"{number:024}": f"uid-{number}" for number in (1, 2)}
    assert [incident.people for incident in incidents([outage, during], people)] == found


def test_the_facts_and_the_table_of_an_incident_count_the_same_others() -> None:
    """Who had the longest problem still has it when some of the others have left."""
    there = (_H, _H + 3600)
    failed = [
        person(n, (_H + 600, _H + end), there=there, bridge="b-1", room=f"r{n}")
        for n, end in enumerate((800, 801, 802, 803, 804, 940))
    ]
    well = [
        person(20 + n, there=(_H, _H + (3600 if n < 5 else 760)), bridge="b-2", room=f"r{20 + n}")
        for n in range(8)
    ]
    (incident,) = _found([*failed, *well])
    cause = incident.cause
    assert (cause.kind, cause.value) == ("bridge", "b-1")
    (row,) = (share for share in incident.shares if share.kind == "bridge")
    (fact,) = (fact for fact in cause.facts if fact.name == "group")
    in_table = (row.affected, row.known, row.others_affected, row.others_known)
    assert (cause.bad, cause.known, cause.others_bad, cause.others_known) == in_table
    assert tuple(fact.numbers[key] for key in ("bad", "known", "others_bad", "others_known")) == (
        in_table
    )
    assert in_table == (5, 5, 0, 8)
