"""Items 3 and 4: windows are what was asked, and their sessions are those present in them."""

import re
from functools import cache, partial
from typing import Any

import pytest

from tests.oracle import cases
from tests.oracle.asking import PARTIAL, Asked, counted, figure, near, unix
from tests.oracle.expected import by_value, totals
from tests.oracle.truth import moment

_UNALIGNED = moment("2025-06-03T08:04:59")
_WINDOWS = [
    pytest.param(_UNALIGNED, _UNALIGNED + 3600, id="an hour from :04:59"),
    pytest.param(_UNALIGNED + 1000, _UNALIGNED + 1001, id="a second"),
    pytest.param(_UNALIGNED + 7, _UNALIGNED + 120, id="inside of five minutes"),
    pytest.param(moment("2025-06-03T07:58:20"), moment("2025-06-03T08:00:01"), id="first second"),
    pytest.param(moment("2025-06-03T07:00:00"), moment("2025-06-03T11:00:00"), id="all of it"),
]
# Rollups answer without a filter, sessions with one; another filter has other sums.
_FILTERS = [
    pytest.param({}, id="unfiltered"),
    pytest.param({"room": "w-ten"}, id="room"),
    pytest.param({"region": "eu"}, id="region"),
    pytest.param({"browser": "Chrome 131", "transport": "udp"}, id="browser and transport"),
]

_of_ten = cache(partial(totals, cases.TEN))


@pytest.mark.parametrize("filters", _FILTERS)
@pytest.mark.parametrize(("since", "until"), _WINDOWS)
def test_ten_people_constantly_there_are_ten_people_in_any_window(
    asked: Asked, since: int, until: int, filters: dict[str, str]
) -> None:
    """From :04:59 the first point has 10 participants, not 3,000."""
    overview = asked.api("overview", since=since, until=until, **filters)
    right = _of_ten(since, until)
    assert counted(overview["grades"]) == near(right)
    assert overview["minutes"] == right.minutes
    assert overview["sessions"] == 10
    _check_series(overview)


def _check_series(overview: dict[str, Any]) -> None:
    """Each point has the seconds of its part of the window, and their mean."""
    since, until, step = unix(overview["since"]), unix(overview["until"]), overview["step"]
    seconds = 0
    for point in overview["series"]:
        start = unix(point["start"])
        first, last = max(start, since), min(start - start % step + step, until)
        assert first < last, point
        right = _of_ten(first, last)
        assert counted(point["grades"]) == near(right), point
        assert point["participants"] == pytest.approx(right.seconds / (last - first), abs=0.06)
        seconds += right.seconds
    assert seconds == _of_ten(since, until).seconds


def test_a_point_that_is_only_partly_in_the_window_says_so(asked: Asked) -> None:
    """Item 9: no partial bucket is shown as full: it is marked, or begins where the window does."""
    series = asked.api("overview", since=_UNALIGNED, until=_UNALIGNED + 3600)["series"]
    assert unix(series[0]["start"]) >= _UNALIGNED or figure(series[0], PARTIAL)
    assert not any(point.get(PARTIAL[0]) for point in series[1:-1])


@pytest.mark.parametrize("filters", [{}, {"room": "w-edge"}], ids=["unfiltered", "room"])
def test_what_was_poor_before_the_window_is_not_in_it(
    asked: Asked, filters: dict[str, str]
) -> None:
    ends = cases.EDGE[0].spells[0][1]
    for since in (ends - 1, ends, ends + 1):
        window = {"since": since, "until": ends + 600}
        right = near(totals(cases.EDGE, since, ends + 600))
        assert counted(asked.api("overview", **window, **filters)["grades"]) == right
        (compared,) = asked.api("compare", by="region", **window, **filters)
        assert counted(compared["grades"]) == right


def test_the_terminal_answers_for_the_same_window(asked: Asked) -> None:
    window = ("--since", _UNALIGNED, "--until", _UNALIGNED + 3600)
    text = asked.cli("report", *window, "--by", "region")
    assert re.search(r"\b10 sessions in 1 rooms?, 600 minutes", text), text
    compared, _joins = re.findall(r"^\s*eu\b.*%.*$", text, re.MULTILINE)
    assert "10" in compared.split(), text


_SECOND_HOUR = {"since": moment("2025-06-04T09:00:00"), "until": moment("2025-06-04T10:00:00")}


@pytest.fixture(params=[{}, {"region": "eu"}], ids=["unfiltered", "region"])
def filters(request: pytest.FixtureRequest) -> dict[str, str]:
    return dict(request.param)


def test_an_overview_counts_the_sessions_that_were_present(
    asked: Asked, filters: dict[str, str]
) -> None:
    """Ten meetings of three people, two hours, the second asked for: 30 sessions, 1,800 minutes."""
    overview = asked.api("overview", **_SECOND_HOUR, **filters)
    assert (overview["sessions"], overview["rooms"], overview["minutes"]) == (30, 10, 1800)
    assert counted(overview["grades"]) == (108_000, 0, 0)
    for dimension in ("region", "network", "browser"):
        compared = asked.api("compare", by=dimension, **_SECOND_HOUR, **filters)
        right = by_value(cases.TEN_MEETINGS, dimension, *_SECOND_HOUR.values())
        assert {item["value"]: (item["sessions"], item["minutes"]) for item in compared} == {
            value: (len(total.sessions), total.minutes) for value, total in right.items()
        }


def test_each_list_has_the_sessions_that_were_present_and_their_time_in_the_window(
    asked: Asked, filters: dict[str, str]
) -> None:
    window = _SECOND_HOUR | filters
    assert len(asked.items("sessions", **window)) == 30
    rooms = asked.items("rooms", **window)
    assert {room["room"]: (room["sessions"], room["minutes"]) for room in rooms} == {
        f"m-{n}": (3, 180) for n in range(10)
    }
    meetings = asked.api("meetings", **window)
    assert {meeting["room"]: meeting["minutes"] for meeting in meetings} == {
        f"m-{n}": 180 for n in range(10)
    }
    # The first meeting was poor in its first hour only.
    for item in (*rooms, *meetings):
        assert counted(item["grades"]) == (10_800, 0, 0), item
    (in_room,) = asked.api("rooms/m-0", **window)
    assert (in_room["sessions"], in_room["minutes"]) == (3, 180)


def test_a_participant_has_the_sessions_that_were_present(asked: Asked) -> None:
    call = cases.TEN_MEETINGS[0]
    answer = asked.api(f"participants/{call.uid}", **_SECOND_HOUR)
    assert (answer["sessions"], answer["rooms"], answer["minutes"]) == (1, 1, 60)
    assert counted(answer["grades"]) == (3600, 0, 0)


def test_the_terminal_counts_the_sessions_that_were_present(asked: Asked) -> None:
    window = ("--since", _SECOND_HOUR["since"], "--until", _SECOND_HOUR["until"])
    assert "30 sessions in 10 rooms, 1,800 minutes" in asked.cli("report", *window)
    listed = asked.cli("sessions", *window, "--limit", "100").splitlines()
    assert sum(" m-" in line for line in listed) == 30


def test_the_page_speaks_of_one_window_and_its_sessions(asked: Asked) -> None:
    """Its histogram and its worst meetings too: in this hour, nothing was poor."""
    page = asked.text("/overview", **_SECOND_HOUR)
    assert "No calls in this period" not in page
    histogram = page.partition('class="distribution"')[2].partition("</table>")[0]
    counts = [int(count) for count in re.findall(r'class="number">([\d,]+)<', histogram)]
    assert counts == [30, *[0] * 9]
    worst = page.partition("Worst meetings")[2].partition("</section>")[0]
    assert "/meetings/" not in worst


def test_the_histogram_of_the_page_is_of_the_window(asked: Asked) -> None:
    """In the twenty minutes in which one meeting was poor, its three sessions were all poor."""
    since = moment("2025-06-04T08:20:00")
    page = asked.text("/overview", since=since, until=since + 1200)
    histogram = page.partition('class="distribution"')[2].partition("</table>")[0]
    counts = [int(count) for count in re.findall(r'class="number">([\d,]+)<', histogram)]
    assert (counts[0], counts[-1]) == (27, 3)


def test_a_session_that_ends_when_the_window_begins_is_not_present(asked: Asked) -> None:
    within = cases.NEIGHBOURS[1]
    window = {"since": within.joined, "until": within.left}
    overview = asked.api("overview", **window)
    assert (overview["sessions"], overview["rooms"], overview["minutes"]) == (1, 1, 30)
    assert [item["room"] for item in asked.items("sessions", **window)] == [within.room]
    assert [item["room"] for item in asked.items("rooms", **window)] == [within.room]
    assert [item["room"] for item in asked.api("meetings", **window)] == [within.room]


def test_one_second_of_a_session_makes_it_present(asked: Asked) -> None:
    within = cases.NEIGHBOURS[1]
    window = {"since": within.joined - 1, "until": within.left + 1}
    assert asked.api("overview", **window)["sessions"] == 3
    assert len(asked.items("sessions", **window)) == 3
