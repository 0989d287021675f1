"""Which incident over all meetings a problem of a page is part of."""

from typing import Any

import pytest

from jmmc.quality.causes.answer import Answer, Cause, Verdict
from jmmc.quality.causes.recorded import AffectedSession, RecordedIncident
from jmmc.quality.grading import Grade
from jmmc.web.dashboard.incident_links import incident_with, shown_answer
from jmmc.web.dashboard.layout import Layout
from jmmc.web.security.sessions import LoginSigner


def _answer(kind: str, value: str = "", probability: float = 0.9) -> Answer:
    return Answer(Verdict.LIKELY, (Cause(kind, value, probability, 0, 0, 0, 0),))


def _incident(id_: str, start: int, end: int, *sessions: tuple[str, int, int], **more: Any) -> Any:
    answer = more.get("answer", _answer("line"))
    worst = tuple(
        AffectedSession(session, began, ended, Grade.POOR, ended - began)
        for session, began, ended in sessions
    )
    counts = (more.get("people", 1), 1, 1, 60)
    return RecordedIncident(
        id_, start, end, False, Grade.POOR, *counts, {"loss": 60}, answer, (), (), worst
    )


def test_a_problem_links_to_the_incident_that_has_most_of_its_sessions_then() -> None:
    recorded = [
        _incident("later", 500, 600, ("a", 500, 600), ("b", 500, 600)),
        _incident("one", 100, 200, ("a", 100, 200)),
        _incident("both", 100, 200, ("a", 100, 160), ("b", 100, 160)),
        _incident("others", 100, 200, ("x", 100, 200), ("y", 100, 200)),
    ]
    found = incident_with(recorded, {"a", "b"}, 100, 200, _answer("line"))
    assert found is not None
    assert found.id == "both"
    assert incident_with(recorded, {"a"}, 200, 300, _answer("line")) is None, "only at that time"


def test_a_session_that_is_not_listed_links_to_the_largest_incident_of_its_cause() -> None:
    region = _answer("region", "eu")
    recorded = [
        _incident("small", 100, 200, ("x", 100, 200), answer=region, people=3),
        _incident("large", 150, 250, ("y", 150, 250), answer=region, people=90),
        _incident("elsewhere", 100, 200, answer=_answer("region", "us"), people=200),
    ]
    found = incident_with(recorded, {"a"}, 100, 200, region)
    assert found is not None
    assert found.id == "large"
    unclear = _answer("region", "eu", probability=0.4)
    assert incident_with(recorded, {"a"}, 100, 200, unclear) is None
    own = [_incident("of x", 100, 200, ("x", 100, 200), answer=_answer("line", "up"))]
    assert incident_with(own, {"a"}, 100, 200, _answer("line", "up")) is None, "a line of its own"


def test_a_problem_shows_the_cause_and_the_probability_of_its_incident() -> None:
    own = _answer("region", "eu", probability=0.81)
    record = _incident("i", 0, 9, ("a", 0, 9), answer=_answer("region", "eu", probability=0.84))
    assert shown_answer(own, record, "a") == record.answer
    assert shown_answer(own, None, "a") == own, "no incident lists it"
    # What others receive badly from a participant is that one's own problem on its page.
    mine = _answer("line", "up", probability=0.7)
    seen = _incident("i", 0, 9, ("a", 0, 9), answer=_answer("other end", "a", probability=0.9))
    shown = shown_answer(mine, seen, "a").causes[0]
    assert (shown.kind, shown.value, shown.probability) == ("line", "up", 0.9)
    assert shown_answer(mine, seen, "b") == seen.answer


def test_of_several_incidents_the_one_of_the_same_cause_goes_first() -> None:
    recorded = [
        _incident("longer", 0, 100, ("a", 0, 100), answer=_answer("network", "n")),
        _incident("same cause", 0, 100, ("a", 50, 90), answer=_answer("line", "up")),
    ]
    found = incident_with(recorded, {"a"}, 0, 100, _answer("line", "up"))
    assert found is not None
    assert found.id == "same cause"


@pytest.mark.parametrize(
    ("subject", "shown"),
    [
        (
            "i0123456789abcdef",
            '<a href="/x/incidents/i0123456789abcdef">incident i0123456</a>',
        ),
        ("region eu-west", "region eu-west"),
        ("<i>", "&lt;i&gt;"),
    ],
)
def test_an_alert_of_an_incident_leads_to_it(subject: str, shown: str) -> None:
    layout = Layout(LoginSigner("secret"), lambda: "UTC")
    parts: Any = layout.templates.get_template("parts.html").module
    assert parts.alert_subject(subject, "/x", lambda text: text) == shown
