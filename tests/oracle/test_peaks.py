"""Item 7: peaks are peaks, and people and connections are two figures."""

from collections.abc import Sequence

import pytest

from tests.oracle import cases
from tests.oracle.asking import (
    CONNECTIONS,
    CONNECTIONS_METRIC,
    PEAK_CONNECTIONS,
    PEAK_PEOPLE,
    PEOPLE,
    Asked,
    figure,
)
from tests.oracle.expected import peaks
from tests.oracle.truth import Call, end_of, moment

_CASES = [
    pytest.param(calls, id=name)
    for name, calls in {
        "one person for 90 s": cases.ALONE,
        "one person in two tabs": cases.TWO_TABS,
        "one person in two rooms": cases.TWO_ROOMS,
        "five people, one after the other": cases.IN_TURN,
        "five people, together for 20 s": cases.BRIEFLY,
        "ten people for two hours": cases.TEN,
    }.items()
]


@pytest.mark.parametrize("calls", _CASES)
@pytest.mark.parametrize("edge", [0, 601, -40])
def test_a_peak_is_the_most_at_once(asked: Asked, calls: Sequence[Call], edge: int) -> None:
    """One person is a peak of 1, not of 0.3; two tabs of a browser are 1 person, 2 connections.

    Also when the window begins in the middle of the calls.
    """
    since, until = min(call.joined for call in calls) - edge, end_of(calls) + edge
    people, connections = peaks(calls, since, until)
    overview = asked.api("overview", since=since, until=until)
    assert figure(overview, PEAK_PEOPLE) == people
    assert figure(overview, PEAK_CONNECTIONS) == connections


def test_a_peak_with_a_filter_is_of_what_it_selects(asked: Asked) -> None:
    window = {"since": cases.TWO_ROOMS[0].joined, "until": end_of(cases.TWO_ROOMS)}
    for room in ("p-here", "p-there"):
        calls = [call for call in cases.TWO_ROOMS if call.room == room]
        overview = asked.api("overview", room=room, **window)
        assert figure(overview, PEAK_PEOPLE) == peaks(calls, **window)[0]


def test_the_peak_of_a_long_time_is_that_of_its_busiest_second(asked: Asked) -> None:
    """Over days, the steps of a series are longer: the peak does not become their mean."""
    since, until = moment("2025-06-06T00:00:00"), cases.RUNNING[0].joined
    days = [call for call in [*cases.PAST, *cases.RANDOM] if call.joined >= since]
    people, connections = peaks(days, since, until)
    overview = asked.api("overview", since=since, until=until)
    assert figure(overview, PEAK_PEOPLE) == people
    assert figure(overview, PEAK_CONNECTIONS) == connections


def test_a_meeting_has_both_figures(asked: Asked) -> None:
    window = {"since": cases.TWO_TABS[0].joined, "until": end_of(cases.TWO_TABS)}
    (meeting,) = asked.api("meetings", room="p-tabs", **window)
    assert figure(meeting, PEAK_PEOPLE) == 1
    assert figure(meeting, PEAK_CONNECTIONS) == 2


def test_the_terminal_shows_the_peak(asked: Asked) -> None:
    text = asked.cli(
        "report", "--since", cases.ALONE[0].joined - 10, "--until", cases.ALONE[0].left
    )
    (line,) = [line for line in text.splitlines() if "peak" in line]
    assert "0." not in line
    assert " 1 " in line.partition("minute")[2]


def test_now_tells_people_and_connections(asked: Asked) -> None:
    """20 connections of 19 people; in one room, two tabs of one person."""
    live = asked.api("live")
    assert (figure(live, PEOPLE), figure(live, CONNECTIONS)) == (19, 20)
    (meeting,) = [meeting for meeting in live["meetings"] if meeting["room"] == "a-tabs"]
    assert (figure(meeting, PEOPLE), figure(meeting, CONNECTIONS)) == (1, 2)
    now = asked.api("overview")["now"]
    assert (figure(now, PEOPLE), figure(now, CONNECTIONS)) == (19, 20)


def test_prometheus_tells_people_and_connections(asked: Asked) -> None:
    assert asked.sum_of("jmmc_participants") == 19
    assert asked.sum_of("jmmc_participants", region="alarm-tabs") == 1
    assert asked.sum_of(CONNECTIONS_METRIC) == 20
