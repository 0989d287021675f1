"""Timestamps: parse what people type, and format as ISO 8601."""

import re
from datetime import UTC, datetime, tzinfo
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

_AGE = re.compile(r"(\d{1,5})([mhdw])")
_SECONDS = {"m": 60, "h": 3600, "d": 86_400, "w": 7 * 86_400}
_LAST = 253_402_214_400  # 9999-12-31T00:00:00Z: the last day with a year of four digits.


def parse_moment(text: str, now: float, zone: tzinfo | None = UTC) -> int:
    """Parse an ISO 8601 date or time, `now`, or an age such as `90m`, `24h`, `7d`, `2w`.

    Returns Unix seconds; a time without an offset is in `zone`, with None in that of this machine.
    `now` is Unix seconds. Raises `ValueError` with what is allowed.
    """
    if text == "now":
        return int(now)
    if age := _AGE.fullmatch(text):
        return max(0, int(now) - int(age[1]) * _SECONDS[age[2]])
    try:
        parsed = datetime.fromisoformat(text)
        second = int((parsed if parsed.tzinfo else parsed.replace(tzinfo=zone)).timestamp())
    except (ValueError, OverflowError):
        allowed = "a date or time such as 2026-11-24T10:00, or 24h or 7d ago"
        raise ValueError(f"{text!r}: expected {allowed}") from None
    if not 0 <= second <= _LAST:
        raise ValueError(f"{text!r}: expected a time from 1970-01-01 to 9999-12-31")
    return second


def to_iso(second: float) -> str:
    """Format Unix seconds as ISO 8601 in UTC, without fractions."""
    return datetime.fromtimestamp(second, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def zone_of(name: str) -> ZoneInfo:
    """The time zone of this name, such as `Europe/Paris`. Raises `ValueError`."""
    try:
        return ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        raise ValueError(
            f"expected a time zone such as UTC or Europe/Paris, got {name!r}"
        ) from None
