"""Timestamps: parse what people type, and format as ISO 8601."""

import re
from datetime import UTC, datetime, tzinfo
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from jmmc.core.calendar import Calendar, Period

DEFAULT_WINDOW = 86_400
"""Seconds of a window of which only the end is given."""

_PERIODS: dict[str, tuple[Period, int]] = {
    "today": ("day", 0),
    "yesterday": ("day", 1),
    "this-week": ("week", 0),
    "last-week": ("week", 1),
    "this-month": ("month", 0),
    "last-month": ("month", 1),
}
PERIOD_STARTS = tuple(_PERIODS)
"""Words for the moments at which these days, weeks (from Monday) and months begin."""

_AGE = re.compile(r"(\d{1,5})([mhdw])")
_SECONDS = {"m": 60, "h": 3600, "d": 86_400, "w": 7 * 86_400}
_LAST = 253_402_214_400  # 9999-12-31T00:00:00Z: the last day with a year of four digits.


def parse_moment(text: str, now: float, zone: tzinfo | None = UTC) -> int:
    """Parse an ISO 8601 date or time, `now`, an age such as `90m`, `24h`, `7d`, or `PERIOD_STARTS`.

    Returns Unix seconds; a time without an offset, and the days, weeks and months of
    `PERIOD_STARTS`, are in `zone`, with None in that of this machine. `now` is Unix seconds. Raises
    `ValueError` with what is allowed.
    """
    if text in PERIOD_STARTS:
        return _start_of(text, now, zone or datetime.fromtimestamp(now).astimezone().tzinfo)
    if text == "now":
        return int(now)
    if age := _AGE.fullmatch(text):
        return max(0, int(now) - int(age[1]) * _SECONDS[age[2]])
    try:
        parsed = datetime.fromisoformat(text)
        second = int((parsed if parsed.tzinfo else parsed.replace(tzinfo=zone)).timestamp())
    except (ValueError, OverflowError):
        allowed = "a date or time such as 2026-11-24T10:00, 24h or 7d ago, or a word such as today"
        raise ValueError(f"{text!r}: expected {allowed}") from None
    if not 0 <= second <= _LAST:
        raise ValueError(f"{text!r}: expected a time from 1970-01-01 to 9999-12-31")
    return second


def parse_window(
    since: str | None,
    until: str | None,
    now: float,
    zone: tzinfo | None = UTC,
    *,
    length: int = DEFAULT_WINDOW,
) -> tuple[int, int]:
    """Parse both ends of a window; by default `length` seconds before `until`, and until now.

    Returns Unix seconds. `zone` is that of `PERIOD_STARTS`; a time without an offset is UTC. Raises
    `ValueError`.
    """
    end = _parse_end("until", until, now, zone) if until is not None else int(now)
    start = _parse_end("since", since, now, zone) if since is not None else end - length
    if since is not None and start >= end:
        raise ValueError(
            f"since must be earlier than until (got {since}, {'now' if until is None else until}:"
            f" {to_iso(start)}, {to_iso(end)})"
        )
    return start, end


def _parse_end(name: str, text: str, now: float, zone: tzinfo | None) -> int:
    try:
        return parse_moment(text, now, zone if text in PERIOD_STARTS else UTC)
    except ValueError as error:
        raise ValueError(f"{name} = {error}") from None


def _start_of(word: str, now: float, zone: tzinfo | None) -> int:
    """The moment that one of `PERIOD_STARTS` names (Unix seconds)."""
    period, before = _PERIODS[word]
    return Calendar(period, zone or UTC).latest(before + 1, int(now) + 1)


def to_iso(second: float) -> str:
    """Format Unix seconds as ISO 8601 in UTC, without fractions."""
    return datetime.fromtimestamp(second, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def to_local_iso(second: float, zone: tzinfo) -> str:
    """Format Unix seconds as ISO 8601 in a time zone, with its offset, without fractions."""
    return datetime.fromtimestamp(int(second), zone).isoformat()


def zone_of(name: str) -> ZoneInfo:
    """The time zone of this name, such as `Europe/Paris`. Raises `ValueError`."""
    try:
        return ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        raise ValueError(
            f"expected a time zone such as UTC or Europe/Paris, got {name!r}"
        ) from None
