"""Which incident a problem is part of, and the answer that is shown of it."""

from typing import Any

import msgspec

from jmmc.answers.problem_incidents import ProblemIncidents, answer_for, needs_own_answer
from jmmc.quality.causes.answer import Answer, Cause, Verdict
from jmmc.quality.causes.recorded import RecordedIncident, problem_digest
from jmmc.quality.grading import Grade, Spell


def _answer(kind: str, value: str = "", probability: float = 0.9) -> Answer:
    return Answer(Verdict.LIKELY, (Cause(kind, value, probability, 0, 0, 0, 0),))


def _incident(id_: str, start: int, end: int, answer: Answer, people: int = 3) -> RecordedIncident:
    more: Any = (people, 1, 1, 60, {"loss": 60}, answer, (), (), ())
    return RecordedIncident(id_, start, end, False, Grade.POOR, *more)


def _spell(start: int) -> Spell:
    return Spell(start, start + 30, Grade.POOR, {"loss": 30}, {}, {})


def test_a_problem_is_part_of_the_incident_that_has_it_by_session_and_beginning() -> None:
    wifi = _incident("wifi", 0, 900, _answer("network", "n"))
    recorded = ProblemIncidents({problem_digest("a", 100): wifi})
    assert recorded.incident_of("a", _spell(100)) == wifi
    assert recorded.incident_of("a", _spell(140)) is None, "another problem of that time"
    assert recorded.incident_of("b", _spell(100)) is None


def test_a_problem_beyond_those_that_are_known_is_of_the_largest_of_its_group() -> None:
    region = _answer("region", "eu")
    small, large, elsewhere = (
        _incident("small", 100, 200, region, people=3000),
        _incident("large", 90, 250, region, people=9000),
        _incident("elsewhere", 100, 200, _answer("region", "us"), people=20_000),
    )
    recorded = ProblemIncidents(large=(small, large, elsewhere))
    assert recorded.large_incident_of(_spell(120), region) == large
    assert recorded.large_incident_of(_spell(260), region) is None, "it was over"
    unclear = _answer("region", "eu", probability=0.4)
    assert recorded.large_incident_of(_spell(120), unclear) is None
    own = ProblemIncidents(large=(_incident("own", 0, 900, _answer("line", "up")),))
    assert own.large_incident_of(_spell(120), _answer("line", "up")) is None


def test_the_participant_whose_problem_it_is_reads_it_as_its_own() -> None:
    receivers = Answer(
        Verdict.LIKELY,
        (
            Cause("other end", "a", 0.75, 0, 0, 0, 0),
            Cause("browser", "Firefox 133", 0.2, 1, 2, 3, 4),
        ),
        sides={"participant": 0.3, "other participant": 0.46, "software": 0.2},
    )
    incident = _incident("i", 0, 900, receivers)
    # What is more probable by itself does not count: the incident has everybody's problems.
    by_itself = Answer(
        Verdict.LIKELY,
        (
            Cause("browser", "Firefox 133", 0.6, 1, 2, 3, 4),
            Cause("machine", "", 0.35, 0, 5, 0, 0),
        ),
        sides={"software": 0.6, "participant": 0.36},
    )
    assert needs_own_answer(incident, {"a", "a before"})
    shown = answer_for(incident, {"a", "a before"}, lambda: by_itself)
    first, second = shown.causes
    assert (first.kind, first.value, first.probability) == ("machine", "", 0.75)
    assert (first.bad, first.known) == (0, 5), "the facts of the problem by itself"
    assert second == receivers.causes[1]
    assert shown.verdict is Verdict.LIKELY
    assert shown.likely == first
    assert shown.sides == {"participant": 0.75, "other participant": 0.01, "software": 0.2}


def test_everybody_else_in_an_incident_reads_its_answer() -> None:
    receivers = _answer("other end", "a", probability=0.6)
    incident = _incident("i", 0, 900, receivers)
    assert not needs_own_answer(incident, {"b"})
    assert answer_for(incident, {"b"}, lambda: _answer("line")) == receivers
    assert needs_own_answer(None, {"b"}), "without an incident it is explained by itself"


def test_an_own_cause_that_is_not_known_is_the_connection() -> None:
    unclear = _answer("other end", "a", probability=0.4)
    shown = answer_for(_incident("i", 0, 9, unclear), {"a"}, lambda: _answer("region", "eu"))
    assert (shown.causes[0].kind, shown.causes[0].value) == ("line", "")
    assert shown.likely is None, "below 50 %, as on the page of the incident"


def test_the_incidents_that_affected_sessions_are_in_order_of_their_affected_time() -> None:
    answer = _answer("region", "eu")
    short, long = (
        msgspec.structs.replace(_incident(id_, 0, 900, answer), seconds=seconds)
        for id_, seconds in (("short", 60), ("long", 600))
    )
    assert ProblemIncidents(affecting=(short, long)).affecting == (long, short)
    assert ProblemIncidents().affecting == ()
