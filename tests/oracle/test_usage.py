"""Item 6: usage by periods of a time zone, each cut at its edges, and marked where partial."""

from collections.abc import Iterable
from typing import Any

import pytest

from tests.oracle import cases
from tests.oracle.asking import PARTIAL, TIME_ZONE, Asked, figure, unix
from tests.oracle.expected import meetings, totals
from tests.oracle.truth import end_of, moment


def _usage(asked: Asked, period: str, since: str, until: str, **more: str) -> list[dict[str, Any]]:
    """The periods that have any use."""
    zone = {TIME_ZONE: more.pop(TIME_ZONE)} if TIME_ZONE in more else {}
    answer = asked.api(
        "usage", period=period, since=moment(since), until=moment(until), **zone, **more
    )
    return [row for row in answer if row["minutes"]]


@pytest.mark.parametrize("filters", [{}, {"room": "u-feb"}], ids=["unfiltered", "room"])
def test_usage_of_march_has_no_row_of_february(asked: Asked, filters: dict[str, str]) -> None:
    """A meeting over midnight: its half hour in March belongs to March."""
    rows = _usage(asked, "month", "2025-03-01T00:00:00", "2025-03-29T00:00:00", **filters)
    assert [row["start"] for row in rows] == ["2025-03-01T00:00:00Z"]
    calls = cases.OVER_MIDNIGHT if filters else [*cases.OVER_MIDNIGHT, *cases.MARCH]
    until = moment("2025-03-29T00:00:00")
    right = totals(calls, moment("2025-03-01T00:00:00"), until)
    assert rows[0]["minutes"] == right.minutes
    assert rows[0]["participants"] == len(right.people)


def test_a_meeting_over_midnight_is_cut_there(asked: Asked) -> None:
    rows = _usage(asked, "day", "2025-02-28T00:00:00", "2025-03-02T00:00:00", room="u-feb")
    assert [(row["start"][:10], row["minutes"]) for row in rows] == [
        ("2025-02-28", 60),
        ("2025-03-01", 60),
    ]


def test_whole_days_count_their_meetings_people_and_minutes(asked: Asked) -> None:
    rows = _usage(asked, "day", "2025-03-10T00:00:00", "2025-03-13T00:00:00")
    figures = ("meetings", "participants", "minutes")
    assert {row["start"][:10]: tuple(row[name] for name in figures) for row in rows} == {
        "2025-03-10": (1, 3, 120),
        "2025-03-11": (1, 2, 60),
        "2025-03-12": (2, 4, 100),
    }
    assert not any(figure(row, PARTIAL) for row in rows)


def test_a_period_that_is_partly_asked_for_is_cut_and_marked(asked: Asked) -> None:
    rows = _usage(asked, "day", "2025-03-10T10:20:00", "2025-03-12T10:10:00")
    found = [(row["start"][:10], row["minutes"], figure(row, PARTIAL)) for row in rows]
    assert found == [
        ("2025-03-10", 60, True),
        ("2025-03-11", 60, False),
        ("2025-03-12", 20, True),
    ]


def test_weeks_begin_on_monday_and_are_cut_too(asked: Asked) -> None:
    rows = _usage(asked, "week", "2025-03-11T00:00:00", "2025-03-17T00:00:00")
    assert [(row["start"][:10], row["minutes"], figure(row, PARTIAL)) for row in rows] == [
        ("2025-03-10", 160, True)
    ]


@pytest.mark.parametrize(
    ("zone", "right"),
    [
        # 4 people 22:40-23:30 on the 29th, 2 people 21:30-22:30 on the 30th, in UTC.
        ("UTC", [("2025-03-29T00:00:00Z", 200), ("2025-03-30T00:00:00Z", 120)]),
        (
            "Europe/Paris",
            [
                ("2025-03-28T23:00:00Z", 80),
                ("2025-03-29T23:00:00Z", 180),
                ("2025-03-30T22:00:00Z", 60),
            ],
        ),
        # At half past, and without daylight saving time: midnight is at 18:30 UTC.
        ("Asia/Kolkata", [("2025-03-29T18:30:00Z", 200), ("2025-03-30T18:30:00Z", 120)]),
    ],
)
def test_days_are_those_of_the_time_zone_that_is_asked_for(
    asked: Asked, zone: str, right: list[tuple[str, int]]
) -> None:
    """Between both midnights of Paris are 23 hours: the clocks were put forward."""
    window = ("2025-03-28T18:30:00", "2025-03-31T22:00:00")
    rows = _usage(asked, "day", *window, room="u-paris", **{TIME_ZONE: zone})
    found = [(unix(row["start"]), row["minutes"]) for row in rows]
    assert found == [(unix(start), minutes) for start, minutes in right]


def test_a_month_of_a_time_zone_is_whole_when_it_is_asked_for_from_its_midnight(
    asked: Asked,
) -> None:
    """March in Paris begins at 23:00 UTC of the last of February, and has an hour less."""
    window = ("2025-02-28T23:00:00", "2025-03-31T22:00:00")
    (row,) = _usage(asked, "month", *window, **{TIME_ZONE: "Europe/Paris"})
    calls = [*cases.OVER_MIDNIGHT, *cases.MARCH, *cases.PARIS]
    right = totals(calls, moment(window[0]), moment(window[1]))
    assert unix(row["start"]) == moment(window[0])
    assert row["minutes"] == right.minutes
    assert not figure(row, PARTIAL)


@pytest.mark.parametrize("shift", [0, 1200, 2400, 4000])
def test_lengths_are_of_the_meetings_and_of_the_stays_that_began_in_the_period(
    asked: Asked, shift: int
) -> None:
    """A stay counts where it began itself, be its meeting older or not."""
    window = (cases.RANDOM_SINCE + shift, cases.RANDOM_SINCE + 2 * shift + 3000)
    since, until = window
    (row,) = asked.api("usage", period="year", since=since, until=until)
    used = [
        meeting for meeting in meetings(cases.RANDOM) if end_of(meeting) - meeting[0].joined >= 300
    ]
    began = [meeting for meeting in used if since <= meeting[0].joined < until]
    stays = [call for meeting in used for call in meeting if since <= call.joined < until]
    assert row["meeting_lengths"] == _by_length(
        end_of(meeting) - meeting[0].joined for meeting in began
    )
    assert row["stay_lengths"] == _by_length(call.length for call in stays)


def _by_length(lengths: Iterable[int]) -> list[int]:
    """How many of these seconds are below 5, 15, 30, 60, 120, 240 minutes, and longer."""
    counts = [0] * 7
    for length in lengths:
        counts[sum(length >= 60 * minutes for minutes in (5, 15, 30, 60, 120, 240))] += 1
    return counts
