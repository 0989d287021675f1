"""Usage by the calendar of a time zone: every second in its own period."""

from datetime import datetime
from zoneinfo import ZoneInfo

import pytest

from jmmc.answers.meetings import Stay
from jmmc.answers.usage import Period, usage_of
from jmmc.core.timestamps import zone_of

_PARIS, _UTC, _DELHI = ZoneInfo("Europe/Paris"), ZoneInfo("UTC"), ZoneInfo("Asia/Kolkata")


def _at(text: str, zone: ZoneInfo = _UTC) -> int:
    return int(datetime.fromisoformat(text).replace(tzinfo=zone).timestamp())


def _stay(began: int, ended: int, person: str = "a", room: str = "room") -> Stay:
    name = f"{room}-{person}-{began}"
    return Stay(name, room, person, began, ended, False, ended - began, 0, 0, 0)


def _rows(
    stays: list[Stay], period: Period, since: str, until: str, zone: ZoneInfo = _UTC
) -> list[tuple[str, int, int, int, bool]]:
    """Start (local), meetings, people, minutes and whether it is partial."""
    window = (_at(since, zone), _at(until, zone))
    return [
        (
            datetime.fromtimestamp(row.start, zone).isoformat()[:16],
            row.meetings,
            row.participants,
            row.minutes,
            row.partial,
        )
        for row in usage_of(stays, period, window, zone)
    ]


def test_a_meeting_over_midnight_is_split_by_seconds_and_counts_once() -> None:
    stays = [_stay(_at("2026-03-01T23:50"), _at("2026-03-02T00:20"))]
    assert _rows(stays, "day", "2026-03-01", "2026-03-03") == [
        ("2026-03-01T00:00", 1, 1, 10, False),
        ("2026-03-02T00:00", 0, 1, 20, False),
    ]


def test_march_asked_for_has_no_february_and_what_came_from_february_counts_in_march() -> None:
    stays = [_stay(_at("2026-02-28T23:00"), _at("2026-03-01T00:30"))]
    assert _rows(stays, "month", "2026-03-01", "2026-04-01") == [
        ("2026-03-01T00:00", 1, 1, 30, False)
    ]


def test_periods_that_are_only_partly_asked_for_are_partial() -> None:
    days = range(1, 20)
    stays = [_stay(_at(f"2026-03-{day:02}T12:00"), _at(f"2026-03-{day:02}T13:00")) for day in days]
    rows = _rows(stays, "week", "2026-03-04T12:30", "2026-03-18")
    assert [(start, minutes, partial) for start, _, _, minutes, partial in rows] == [
        ("2026-03-02T00:00", 30 + 4 * 60, True),
        ("2026-03-09T00:00", 7 * 60, False),
        ("2026-03-16T00:00", 2 * 60, True),
    ]


@pytest.mark.parametrize(
    ("day", "hours"), [("2026-03-29", 23), ("2026-03-30", 24), ("2026-10-25", 25)]
)
def test_days_are_those_of_the_time_zone_also_when_clocks_change(day: str, hours: int) -> None:
    began = _at(f"{day}T00:00", _PARIS)
    stays = [_stay(began - 3600, began + 30 * 3600)]
    rows = _rows(stays, "day", f"{day}T00:00", f"{day}T23:59:59", _PARIS)
    assert [(start, minutes) for start, _, _, minutes, _ in rows] == [
        (f"{day}T00:00", hours * 60 - 1)
    ]


def test_a_time_zone_may_be_half_an_hour_off() -> None:
    stays = [_stay(_at("2026-03-01T18:00"), _at("2026-03-01T19:00"))]
    assert [row[:4] for row in _rows(stays, "day", "2026-03-01", "2026-03-03", _DELHI)] == [
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
    assert _rows(stays, "day", "2026-03-01", "2026-03-02") == [
        ("2026-03-01T00:00", 1, 1, 19, False)
    ]


def test_months_have_their_lengths() -> None:
    stays = [_stay(_at("2026-01-01"), _at("2026-04-01"))]
    rows = _rows(stays, "month", "2026-01-01", "2026-04-01")
    assert [row[3] // 1440 for row in rows] == [31, 28, 31]
    assert [row[1] for row in rows] == [1, 0, 0]


@pytest.mark.parametrize("name", ["", "Mars/Base", "../etc/passwd", "Europe/Paris\0", "x" * 300])
def test_an_unknown_time_zone_is_named_in_the_error(name: str) -> None:
    with pytest.raises(ValueError, match="expected a time zone such as UTC or Europe/Paris"):
        zone_of(name)
