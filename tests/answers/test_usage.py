"""Usage by the calendar of a time zone: every second in its own period."""

from datetime import datetime
from zoneinfo import ZoneInfo

import pytest

from jmmc.core.calendar import Calendar, Period
from jmmc.core.timestamps import zone_of
from jmmc.quality.filters import SummaryFilter
from jmmc.quality.usage import UsageCounter, UsageRow, UsageSums, by_length, median_of, people_of

_PARIS, _UTC, _DELHI = ZoneInfo("Europe/Paris"), ZoneInfo("UTC"), ZoneInfo("Asia/Kolkata")


def _at(text: str, zone: ZoneInfo = _UTC) -> int:
    return int(datetime.fromisoformat(text).replace(tzinfo=zone).timestamp())


def _stay(began: int, ended: int, person: str = "a", room: str = "room") -> UsageRow:
    name = f"{room}-{person}-{began}"
    good = ended - began
    return UsageRow(name, room, person, began, ended, 0, good, 0, 0, 0, "", "joined", "", "")


def _sums(
    stays: list[UsageRow], period: Period, since: str, until: str, zone: ZoneInfo = _UTC
) -> list[UsageSums]:
    window = _at(since, zone), _at(until, zone)
    spans = [
        (max(start, window[0]), min(end, window[1]))
        for start, end in Calendar(period, zone).periods(*window)
    ]
    lanes = {stay.session: (f"[[{stay.began},{stay.ended},1]]", "[]") for stay in stays}
    counter = UsageCounter(spans, SummaryFilter())
    for part in (stays[1::2], stays[::2]):  # In any order.
        counter.add(part, lanes)
    return counter.results()


def _rows(
    stays: list[UsageRow], period: Period, since: str, until: str, zone: ZoneInfo = _UTC
) -> list[tuple[str, int, int, int]]:
    """Start (local), meetings that began or went on there, people and minutes."""
    return [
        (
            datetime.fromtimestamp(sums.start, zone).isoformat()[:16],
            sums.meetings + (0 if number else sums.continuing),
            sums.people,
            sums.seconds // 60,
        )
        for number, sums in enumerate(_sums(stays, period, since, until, zone))
        if sums.seconds
    ]


def test_a_meeting_over_midnight_is_split_by_seconds_and_counts_once() -> None:
    stays = [_stay(_at("2026-03-01T23:50"), _at("2026-03-02T00:20"))]
    assert _rows(stays, "day", "2026-03-01", "2026-03-03") == [
        ("2026-03-01T00:00", 1, 1, 10),
        ("2026-03-02T00:00", 0, 1, 20),
    ]


def test_march_asked_for_has_no_february_and_what_came_from_february_counts_in_march() -> None:
    stays = [_stay(_at("2026-02-28T23:00"), _at("2026-03-01T00:30"))]
    assert _rows(stays, "month", "2026-03-01", "2026-04-01") == [("2026-03-01T00:00", 1, 1, 30)]


def test_periods_that_are_only_partly_asked_for_have_what_is_in_the_window() -> None:
    days = range(1, 20)
    stays = [_stay(_at(f"2026-03-{day:02}T12:00"), _at(f"2026-03-{day:02}T13:00")) for day in days]
    rows = _rows(stays, "week", "2026-03-04T12:30", "2026-03-18")
    assert [minutes for _, _, _, minutes in rows] == [30 + 4 * 60, 7 * 60, 2 * 60]


@pytest.mark.parametrize(
    ("day", "hours"), [("2026-03-29", 23), ("2026-03-30", 24), ("2026-10-25", 25)]
)
def test_days_are_those_of_the_time_zone_also_when_clocks_change(day: str, hours: int) -> None:
    began = _at(f"{day}T00:00", _PARIS)
    stays = [_stay(began - 3600, began + 30 * 3600)]
    rows = _rows(stays, "day", f"{day}T00:00", f"{day}T23:59:59", _PARIS)
    assert [(start, minutes) for start, _, _, minutes in rows] == [(f"{day}T00:00", hours * 60 - 1)]


def test_a_time_zone_may_be_half_an_hour_off() -> None:
    stays = [_stay(_at("2026-03-01T18:00"), _at("2026-03-01T19:00"))]
    assert _rows(stays, "day", "2026-03-01", "2026-03-03", _DELHI) == [
        ("2026-03-01T00:00", 1, 1, 30),
        ("2026-03-02T00:00", 0, 1, 30),
    ]


def test_short_meetings_are_no_usage_and_two_tabs_are_one_participant() -> None:
    noon = _at("2026-03-01T12:00")
    stays = [
        _stay(noon, noon + 299, room="short"),
        _stay(noon, noon + 600, "a", "long"),
        _stay(noon + 60, noon + 600, "a", "long"),
    ]
    assert _rows(stays, "day", "2026-03-01", "2026-03-02") == [("2026-03-01T00:00", 1, 1, 19)]


def test_months_have_their_lengths() -> None:
    stays = [_stay(_at("2026-01-01"), _at("2026-04-01"))]
    rows = _rows(stays, "month", "2026-01-01", "2026-04-01")
    assert [row[3] // 1440 for row in rows] == [31, 28, 31]
    assert [row[1] for row in rows] == [1, 0, 0]


def test_years_begin_in_january_also_at_the_end_of_a_leap_year() -> None:
    stays = [_stay(_at("2024-12-31T23:00", _PARIS), _at("2025-01-01T02:00", _PARIS))]
    assert _rows(stays, "year", "2024-01-01", "2026-01-01", _PARIS) == [
        ("2024-01-01T00:00", 1, 1, 60),
        ("2025-01-01T00:00", 0, 1, 120),
    ]


def test_peaks_and_lengths_are_counted_where_they_were() -> None:
    """On the first day: two rooms at once for 10 minutes, three people for 20."""
    noon, next_noon = _at("2026-03-01T12:00"), _at("2026-03-02T12:00")
    stays = [
        _stay(noon, noon + 3600, "a", "one"),
        _stay(noon + 600, noon + 1800, "b", "one"),
        _stay(noon + 600, noon + 1800, "c", "one"),
        _stay(noon + 3000, noon + 4200, "d", "two"),
        _stay(next_noon, next_noon + 4 * 3600, "a", "one"),
        _stay(next_noon, next_noon + 200, "b", "two"),
    ]
    first, second = _sums(stays, "day", "2026-03-01", "2026-03-03")
    assert (first.peak_people, first.peak_meetings, first.people) == (3, 2, 4)
    assert (second.peak_people, second.peak_meetings, second.people) == (1, 1, 1)
    assert first.meeting_minutes == {60: 1, 20: 1}
    assert first.stay_minutes == {60: 1, 20: 3}
    assert by_length(first.stay_minutes, (5, 20, 60)) == (0, 0, 3, 1)
    assert (median_of(first.stay_minutes), median_of(first.meeting_minutes)) == (20, 20)
    assert median_of({}) is None
    assert people_of([first, second]) == (4, True)


def test_a_meeting_that_ends_after_the_window_has_its_whole_length() -> None:
    began = _at("2026-03-01T23:30")
    stays = [_stay(began, began + 2400), _stay(began + 2700, began + 5400, "b")]
    (day,) = _sums(stays, "day", "2026-03-01", "2026-03-02")
    assert (day.meetings, day.meeting_minutes, day.seconds) == (1, {90: 1}, 1800)
    assert day.stay_minutes == {40: 1}


@pytest.mark.parametrize("name", ["", "Mars/Base", "../etc/passwd", "Europe/Paris\0", "x" * 300])
def test_an_unknown_time_zone_is_named_in_the_error(name: str) -> None:
    with pytest.raises(ValueError, match="expected a time zone such as UTC or Europe/Paris"):
        zone_of(name)
