"""Joins that fail and stays that are dropped: counted by the second, and nothing else counts them.

That attempts are in no other figure, the other tests of this package prove: attempts are in the
rooms, of the people and at the times of their cases.
"""

import re
from collections import Counter
from random import Random
from typing import Any

import pytest

from tests.oracle import cases
from tests.oracle.asking import Asked, iso, unix
from tests.oracle.expected import Joined, joins, value_of
from tests.oracle.truth import TECHNICAL, Call, Held, moment

_CALLS = [*cases.RANDOM, *cases.RANDOM_ATTEMPTS]
_ALL = [*cases.PAST, *cases.PAST_ATTEMPTS, *_CALLS, *cases.RUNNING, *cases.ALARM_ATTEMPTS]
_random = Random(31)


def _window() -> tuple[int, int]:
    length = int(10 ** _random.uniform(1, 4.1))
    since = _random.randrange(cases.RANDOM_SINCE, cases.RANDOM_UNTIL - length)
    return since, since + length


_FIRST = cases.RANDOM_ATTEMPTS[0].joined
_WINDOWS = [
    (cases.RANDOM_SINCE, cases.RANDOM_UNTIL),
    (_FIRST, _FIRST + 1),
    (_FIRST + 1, _FIRST + 7200),
    (_FIRST - 7200, _FIRST),
    *(_window() for _ in range(6)),
]


def _found(answer: dict[str, Any]) -> Joined:
    return Joined(*(answer["joins"][name] for name in Joined._fields))


def _of(dimension: str, value: str) -> Any:
    def where(call: Call, held: Held) -> bool:
        return value_of(call, held, dimension) == value

    return where


def test_the_joins_of_a_window_are_those_of_its_seconds(asked: Asked) -> None:
    for since, until in _WINDOWS:
        overview = asked.api("overview", since=since, until=until)
        right = joins(_CALLS, since, until)
        assert _found(overview) == right, (since, until)
        attempts = right.joined + right.failed
        share = round(right.failed / attempts, 4) if attempts else None
        assert overview["joins"]["failed_share"] == share
        assert sum(point["failed_joins"] for point in overview["series"]) == right.failed
        assert sum(point["dropped_stays"] for point in overview["series"]) == right.dropped


def test_whole_days_and_both_ends_have_every_join_once(asked: Asked) -> None:
    since, until = moment("2025-06-03T08:10:00"), moment("2025-06-12T12:01:00")
    assert _found(asked.api("overview", since=since, until=until)) == joins(_ALL, since, until)


@pytest.mark.parametrize("dimension", ["region", "network", "browser"])
def test_joins_count_for_the_value_of_their_moment(asked: Asked, dimension: str) -> None:
    values = {
        value_of(call, held, dimension) for call in _CALLS for held in {call.start, *call.held}
    }
    for since, until in _WINDOWS[:4]:
        window = {"since": since, "until": until}
        compared = {row["value"]: row for row in asked.api("compare", by=dimension, **window)}
        nothing = Joined(0, 0, 0, 0, 0)
        for value in values:
            right = joins(_CALLS, since, until, _of(dimension, value))
            found = _found(compared[value]) if value in compared else nothing
            assert found == right, (value, window)
            if value in sorted(values)[:2]:
                assert _found(asked.api("overview", **window, **{dimension: value})) == right


def test_reasons_and_times_are_those_of_the_window(asked: Asked) -> None:
    since, until = cases.RANDOM_SINCE + 600, cases.RANDOM_UNTIL - 600
    overview = asked.api("overview", since=since, until=until)
    inside = [call for call in _CALLS if since <= call.joined < until]
    failed = Counter(call.fail for call in inside if call.fail in TECHNICAL)
    refused = Counter(call.fail for call in inside if call.fail and call.fail not in TECHNICAL)
    assert (overview["join_reasons"]["failed"], overview["join_reasons"]["refused"]) == (
        failed,
        refused,
    )
    lengths = sorted(call.setup[0] + call.setup[2] for call in inside if call.setup)
    p50, p95 = (lengths[int(share * (len(lengths) - 1))] for share in (0.5, 0.95))
    found = overview["setup"]["setup"]
    assert found["count"] == len(lengths)
    assert (found["p50"], found["p95"]) == (
        pytest.approx(p50, rel=0.011),
        pytest.approx(p95, rel=0.011),
    )


def test_the_list_of_failed_joins_has_each_at_its_second(asked: Asked) -> None:
    window = {"since": cases.RANDOM_SINCE, "until": cases.RANDOM_UNTIL}
    found = sorted(
        (unix(item["began"]), item["room"], item["participant_id"], item["failure"])
        for item in asked.items("attempts", **window)
    )
    assert found == sorted(
        (call.joined, call.room, call.uid, call.fail) for call in cases.RANDOM_ATTEMPTS
    )
    failed = asked.items("sessions", **window, outcome="failed")
    assert len(failed) == sum(call.fail in TECHNICAL for call in cases.RANDOM_ATTEMPTS)
    dropped = asked.items("sessions", **window, outcome="dropped")
    assert len(dropped) == sum(call.drop in TECHNICAL for call in cases.RANDOM)


def test_without_a_script_that_tells_shares_are_unknown(asked: Asked) -> None:
    window = {"since": moment("2025-06-04T12:00:00"), "until": moment("2025-06-04T13:30:00")}
    overview = asked.api("overview", **window)
    assert overview["sessions"] == 3
    assert overview["joins"]["failed_share"] is overview["joins"]["dropped_share"] is None
    page = asked.text("/overview", lang="en", **window)
    assert "unknown: no script tells how joins went here" in page


def test_pages_and_command_say_the_same(asked: Asked) -> None:
    since, until = cases.RANDOM_SINCE + 1234, cases.RANDOM_UNTIL - 1
    right = joins(_CALLS, since, until)
    attempts = right.joined + right.failed
    page = re.sub(r"<[^>]+>", " ", asked.text("/overview", lang="en", since=since, until=until))
    text = " ".join(page.split())
    assert f"of joins failed ? {right.failed} of {attempts} " in text
    assert f"of stays dropped {right.dropped} of {right.ended} " in text
    report = " ".join(asked.cli("report", "--since", since, "--until", until).split())
    assert f"joins {right.failed} of {attempts} failed, " in report
    assert f"stays {right.dropped} of {right.ended} dropped, " in report
    listed = asked.cli("sessions", "--failed", "--limit", "500", "--since", since, "--until", until)
    assert len(listed.splitlines()) == 1 + right.failed + right.refused


def test_a_room_in_which_joins_only_failed_is_found(asked: Asked) -> None:
    hits = asked.api("search", q="only-fail")
    assert [(hit["kind"], hit["name"]) for hit in hits] == [("room", "only-failed")]
    day = {"since": moment("2025-05-20T00:00:00"), "until": moment("2025-05-21T00:00:00")}
    assert asked.api("overview", **day)["sessions"] == 0
    assert asked.api("meetings", **day) == []
    attempts = asked.items("attempts", room="only-failed", **day)
    meeting = asked.api(f"meetings/{attempts[0]['session']}")
    assert len(meeting["attempts"]) == 4
    assert (meeting["meeting"]["sessions"], meeting["lanes"]) == (0, [])
    page = asked.text(f"/meetings/{attempts[0]['session']}", lang="en")
    assert "Nobody was in the room: every join failed." in page
    assert iso(moment("2025-05-20T08:01:30")) in page


def test_metrics_have_each_join_once(asked: Asked) -> None:
    """Those of the calls that ran at the end: what was pushed later than ten minutes is late."""
    joined = asked.sum_of("jmmc_joins_total", region="alarm-now", outcome="joined")
    failed = asked.sum_of(
        "jmmc_joins_total", region="alarm-now", outcome="failed", reason="bridge_down"
    )
    assert (joined, failed) == (len(cases.ALARM_NOW), len(cases.ALARM_ATTEMPTS))
    assert asked.sum_of("jmmc_join_seconds_count", region="alarm-now") == len(cases.ALARM_NOW)
