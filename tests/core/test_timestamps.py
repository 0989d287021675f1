"""Windows of time as people ask for them."""

from datetime import UTC, datetime
from zoneinfo import ZoneInfo

import pytest

from jmmc.core.timestamps import DEFAULT_WINDOW, parse_window, to_iso, to_local_iso, zone_of

_PARIS = ZoneInfo("Europe/Paris")
# A Monday; in Paris clocks were put forward on the day before.
_NOW = datetime(2026, 3, 30, 10, tzinfo=UTC).timestamp()


@pytest.mark.parametrize(
    ("since", "until", "start", "end"),
    [
        ("today", None, "2026-03-29T22:00:00Z", "2026-03-30T10:00:00Z"),
        ("yesterday", "today", "2026-03-28T23:00:00Z", "2026-03-29T22:00:00Z"),
        ("this-week", None, "2026-03-29T22:00:00Z", "2026-03-30T10:00:00Z"),
        ("last-week", "this-week", "2026-03-22T23:00:00Z", "2026-03-29T22:00:00Z"),
        ("this-month", None, "2026-02-28T23:00:00Z", "2026-03-30T10:00:00Z"),
        ("last-month", "this-month", "2026-01-31T23:00:00Z", "2026-02-28T23:00:00Z"),
        ("15m", None, "2026-03-30T09:45:00Z", "2026-03-30T10:00:00Z"),
        (None, "2026-03-02", "2026-03-01T00:00:00Z", "2026-03-02T00:00:00Z"),
    ],
)
def test_a_word_names_the_start_of_a_period_in_the_zone(
    since: str | None, until: str | None, start: str, end: str
) -> None:
    assert tuple(map(to_iso, parse_window(since, until, _NOW, _PARIS))) == (start, end)


def test_without_a_zone_days_are_those_of_utc_and_a_window_is_a_day() -> None:
    assert to_iso(parse_window("today", None, _NOW)[0]) == "2026-03-30T00:00:00Z"
    start, end = parse_window(None, None, _NOW)
    assert end - start == DEFAULT_WINDOW == 86_400


@pytest.mark.parametrize("typed", ["Europe/Paris", "europe/paris", " EUROPE/PARIS", "Europe/paris"])
def test_a_time_zone_is_known_in_any_case(typed: str) -> None:
    assert zone_of(typed).key == "Europe/Paris"


def test_a_zone_with_a_space_is_known_and_a_city_alone_is_none() -> None:
    assert zone_of("america/new york").key == "America/New_York"
    with pytest.raises(ValueError, match=r"expected a time zone .*'Paris'"):
        zone_of("Paris")


@pytest.mark.parametrize(
    ("since", "until", "words"),
    [
        ("today", "yesterday", r"since must be earlier than until \(got today, yesterday"),
        ("1h", "2026-03-01", "since must be earlier than until"),
        ("someday", None, "since = 'someday': expected a date or time"),
        (None, "soon", "until = 'soon': expected"),
        ("", None, "since = '': expected"),
    ],
)
def test_a_window_that_is_none_is_refused_with_what_is_allowed(
    since: str | None, until: str | None, words: str
) -> None:
    with pytest.raises(ValueError, match=words):
        parse_window(since, until, _NOW)


def test_a_moment_is_written_with_the_offset_of_its_zone() -> None:
    assert to_local_iso(_NOW, _PARIS) == "2026-03-30T12:00:00+02:00"
    assert to_local_iso(_NOW - 2 * 86_400, _PARIS) == "2026-03-28T11:00:00+01:00"
