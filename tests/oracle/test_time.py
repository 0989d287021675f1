"""Item 1: a sample describes the time before it, and events keep their own moments."""

from typing import Any

import pytest

from tests.oracle import cases
from tests.oracle.asking import Asked, counted, near, unix
from tests.oracle.expected import by_value, totals
from tests.oracle.truth import Call

_EXACT = [
    pytest.param(call, id=call.room)
    for call in (
        cases.HANGS_UP,
        cases.SHORT,
        cases.SPELL,
        cases.NO_BYE,
        cases.SILENT,
        cases.LOST,
        cases.CUT,
        cases.AGED_EVENTS,
        cases.WORDS,
        cases.NULL_GROUPS,
        cases.V1,
    )
]


def _detail(asked: Asked, call: Call) -> dict[str, Any]:
    return asked.session(call.room, call.uid, call.joined - 60, call.left + 60)


def _spells(detail: dict[str, Any]) -> list[tuple[int, int]]:
    """Start and end of each spell."""
    spells = [item["spell"] for item in detail["spells"]]
    return [(unix(spell["start"]), unix(spell["end"])) for spell in spells]


def _spans(detail: dict[str, Any], grade: str) -> list[tuple[int, int]]:
    spans = detail["grade_spans"]
    return [(unix(s["start"]), unix(s["end"])) for s in spans if s["grade"] == grade]


@pytest.mark.parametrize("call", _EXACT)
def test_the_seconds_of_each_grade_are_those_of_the_call(asked: Asked, call: Call) -> None:
    """Bad for the last 25 s and then hang-up: 25 s poor. 40 s, bad from second 11: 30 s poor."""
    summary = _detail(asked, call)["summary"]
    total = totals([call], call.joined, call.left)
    seconds = {name: summary[name] for name in ("good", "fair", "poor", "unknown")}
    assert seconds == {
        "good": total.good,
        "fair": 0,
        "poor": total.poor,
        "unknown": total.unknown,
    }
    assert (unix(summary["began"]), unix(summary["ended"])) == (call.joined, call.left)


@pytest.mark.parametrize("call", _EXACT)
def test_a_spell_is_when_it_was(asked: Asked, call: Call) -> None:
    """Bad 300-360 s: a spell at 300-360, also at the end of a call, and in the grade spans."""
    detail = _detail(asked, call)
    assert _spells(detail) == call.spells
    assert _spans(detail, "poor") == call.spells


def test_the_terminal_shows_the_same_spell(asked: Asked) -> None:
    call = cases.SPELL
    session = _detail(asked, call)["summary"]["session"]
    text = asked.cli("show", session)
    start, end = call.spells[0]
    (line,) = [line for line in text.splitlines() if "poor" in line and " s  " in line]
    assert f"{end - start} s" in line
    assert f"{start // 60 % 60:02}:{start % 60:02}" in line


def test_a_change_between_two_samples_is_misplaced_by_a_sample_at_the_most(asked: Asked) -> None:
    call = cases.BETWEEN
    ((start, end),) = _spells(_detail(asked, call))
    ((began, ended),) = call.spells
    assert began - call.every < start <= began
    assert ended <= end < ended + call.every


def test_the_worst_minute_is_the_minute_of_the_spell(asked: Asked) -> None:
    worst = _detail(asked, cases.SPELL)["summary"]["worst_minute"]
    assert (unix(worst["start"]), worst["badness"]) == (cases.SPELL.spells[0][0], 1.0)


def test_quantiles_are_of_known_time(asked: Asked) -> None:
    """Of 540 good and 60 poor seconds, p50 is good and p95 is poor; of 550 and 250, p50 is good."""
    for call in (cases.SPELL, cases.UNKNOWN_TIME):
        low, middle, high = _detail(asked, call)["summary"]["quantiles"]["rtt_ms"]
        assert (low, middle, high) == pytest.approx((20, 20, 900), rel=0.1), call.room


def test_after_a_hole_readings_hold_for_one_sampling_interval_before_their_sample(
    asked: Asked,
) -> None:
    for call in (cases.SILENT, cases.LOST):
        ((since, until),) = call.holes
        gap = (call.joined + since, call.joined + until - call.every)
        assert _spans(_detail(asked, call), "unknown") == [gap]


def test_events_with_an_age_are_accepted_and_shown_at_their_moments(asked: Asked) -> None:
    assert asked.dropped == []
    call = cases.AGED_EVENTS
    events = {(unix(event["at"]), event["what"]) for event in _detail(asked, call)["events"]}
    ((start, end),) = call.spells
    assert {(start, "interrupted"), (end, "restored")} <= events


def test_words_hold_from_the_sample_before_the_one_that_tells_them(asked: Asked) -> None:
    """The first from the join; where a script knew the moment, it would send a sample then."""
    call = cases.WORDS
    window = {"since": call.joined, "until": call.left}
    compared = asked.api("compare", by="region", room=call.room, **window)
    right = by_value([call], "region", call.joined, call.left)
    found = {item["value"]: counted(item["grades"]) for item in compared}
    assert found == {value: near(total) for value, total in right.items()}
