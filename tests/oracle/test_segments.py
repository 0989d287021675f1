"""Item 5: each second counts for the region, network, transport, codec, ... that it had."""

import re
from collections.abc import Sequence

import pytest

from tests.oracle import cases
from tests.oracle.asking import Asked, counted, near
from tests.oracle.expected import by_value, totals, value_of
from tests.oracle.truth import Call, end_of

_CASES = [
    pytest.param([*cases.MOVED, *cases.STAYED], "region", id="region: cut off in eu, moved to us"),
    pytest.param(cases.BRIDGED, "transport", id="transport: good on p2p, poor over the bridge"),
    pytest.param(cases.ROAMED, "network", id="network: good, then poor on another one"),
    pytest.param(cases.RECODED, "codec", id="codec: poor with AV1, then good with VP8"),
    pytest.param(cases.REBRIDGED, "bridge", id="bridge: poor on one, then good on another"),
    pytest.param(cases.REPLUGGED, "microphone", id="microphone: poor with a headset, then not"),
]


def _window(calls: Sequence[Call]) -> dict[str, int]:
    return {"since": min(call.joined for call in calls), "until": end_of(calls)}


@pytest.mark.parametrize(("calls", "dimension"), _CASES)
def test_a_comparison_counts_each_second_where_it_was(
    asked: Asked, calls: Sequence[Call], dimension: str
) -> None:
    """12 people cut off 300 s in eu, then moved to us: eu has 3,600 s poor, us none."""
    window = _window(calls)
    compared = asked.api("compare", by=dimension, **window)
    right = by_value(calls, dimension, **window)
    assert {item["value"]: counted(item["grades"]) for item in compared} == {
        value: near(total) for value, total in right.items()
    }
    assert {item["value"]: (item["sessions"], item["minutes"]) for item in compared} == {
        value: (len(total.sessions), total.minutes) for value, total in right.items()
    }


@pytest.mark.parametrize(("calls", "dimension"), _CASES)
def test_a_filter_selects_the_seconds_with_its_value(
    asked: Asked, calls: Sequence[Call], dimension: str
) -> None:
    window = _window(calls)
    for value in by_value(calls, dimension, **window):
        right = totals(
            calls,
            *window.values(),
            lambda call, held, v=value: value_of(call, held, dimension) == v,
        )
        for more in ({}, {"browser": "Chrome 131"}):
            overview = asked.api("overview", **window, **{dimension: value}, **more)
            assert counted(overview["grades"]) == near(right), (value, more)
            assert overview["minutes"] == right.minutes
            assert overview["sessions"] == len(right.sessions)


@pytest.mark.parametrize(("calls", "dimension"), _CASES)
def test_a_filter_suggests_each_value_with_the_sessions_that_had_it(
    asked: Asked, calls: Sequence[Call], dimension: str
) -> None:
    """Also values that held for a short part of each session: the filter finds these sessions."""
    window = _window(calls)
    suggested = asked.api("values", of=dimension, **window)
    right = by_value(calls, dimension, **window)
    assert {item["value"]: item["sessions"] for item in suggested} == {
        value: len(total.sessions) for value, total in right.items()
    }


def test_two_dimensions_count_the_seconds_that_have_both(asked: Asked) -> None:
    calls = [*cases.MOVED, *cases.STAYED]
    window = _window(calls)
    compared = asked.api("compare", by="network", region="us", **window)
    right = by_value(calls, "network", **window, where=lambda _, held: held.region == "us")
    assert {item["value"]: counted(item["grades"]) for item in compared} == {
        value: near(total) for value, total in right.items()
    }


def test_a_window_before_the_move_knows_nothing_of_the_other_region(asked: Asked) -> None:
    joined = cases.MOVED[0].joined
    window = {"since": joined + 301, "until": joined + 599}
    compared = asked.api("compare", by="region", **window)
    found = {item["value"]: (item["sessions"], counted(item["grades"])) for item in compared}
    assert found == {
        "eu": (12, near(totals(cases.MOVED, **window))),
        "us": (6, near(totals(cases.STAYED[:6], **window))),
        "ap": (8, near(totals(cases.STAYED[6:], **window))),
    }


def test_the_cause_is_the_region_in_which_the_calls_were(asked: Asked) -> None:
    """Today those who moved count with those who were on us all the time."""
    window = _window(cases.MOVED)
    for call in (cases.MOVED[0], cases.MOVED[-1]):
        detail = asked.session(call.room, call.uid, window["since"], window["until"])
        (spell,) = detail["spells"]
        first = spell["answer"]["causes"][0]
        assert (first["kind"], first["value"]) == ("region", "eu")
        assert (first["bad"], first["known"]) == (11, 11), "beside whoever is asked about"
        assert (first["others_bad"], first["others_known"]) == (0, 14)


def test_the_terminal_compares_the_same(asked: Asked) -> None:
    window = _window(cases.MOVED)
    text = asked.cli(
        "report", "--since", window["since"], "--until", window["until"], "--by", "region"
    )
    lines = {line.split()[0]: line for line in text.splitlines() if line.split()}
    bad = {region: lines[region].split()[1] for region in ("eu", "us")}
    assert bad == {"eu": "50.0%", "us": "0.0%"}


def test_the_page_has_problems_in_the_region_in_which_they_were(asked: Asked) -> None:
    page = asked.text("/overview", **_window(cases.MOVED))
    rows = page.partition("Time with problems by region")[2].partition("</section>")[0]
    found = {
        region: bool(re.search("heat[1-4]", row))
        for region, row in re.findall(r'region=([a-z]+)"(.*?)</svg>', rows, re.DOTALL)
    }
    assert found == {"eu": True, "us": False, "ap": False}


def test_prometheus_counts_each_second_where_it_was(asked: Asked) -> None:
    """180 s cut off in alarm-eu, then 120 s good in alarm-us."""
    calls = cases.ALARM_MOVED
    right = by_value(calls, "region", calls[0].joined, end_of(calls))
    for region, total in right.items():
        for grade in ("good", "poor", "unknown"):
            counter = "jmmc_call_seconds_total"
            seconds = asked.sum_of(counter, region=region, grade=grade)
            assert seconds == getattr(total, grade), (region, grade)


def test_prometheus_counts_the_seconds_of_each_bridge(asked: Asked) -> None:
    total = by_value(cases.ALARM_NOW, "bridge", cases.ALARM_NOW[0].joined, cases.NOW)["192.0.2.9"]
    for grade in ("good", "poor"):
        seconds = asked.sum_of("jmmc_bridge_call_seconds_total", bridge="192.0.2.9", grade=grade)
        assert seconds == getattr(total, grade)


def test_who_moved_is_now_in_the_new_region(asked: Asked) -> None:
    for region, people in (("alarm-us", 6), ("alarm-eu", 0)):
        assert asked.sum_of("jmmc_participants", region=region) == people
        assert asked.api("overview", region=region)["now"]["people"] == people
