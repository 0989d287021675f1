"""Points in time as people write them."""

import re
from datetime import UTC, datetime

_AGO = re.compile(r"(\d{1,5})([mhdw])")
_SECONDS = {"m": 60, "h": 3600, "d": 86_400, "w": 7 * 86_400}
_LAST = 253_402_214_400  # 9999-12-31: a day before times have no ISO 8601 of four digits.


def moment(text: str, now: float) -> int:
    """Unix seconds of an ISO 8601 date or time (UTC unless it says), or of `90m`, `24h`, `7d` ago.

    Raises `ValueError`.
    """
    if text == "now":
        return int(now)
    if found := _AGO.fullmatch(text):
        return max(0, int(now) - int(found[1]) * _SECONDS[found[2]])
    try:
        parsed = datetime.fromisoformat(text)
        second = int((parsed if parsed.tzinfo else parsed.replace(tzinfo=UTC)).timestamp())
    except (ValueError, OverflowError):
        allowed = "a date or time such as 2026-11-24T10:00, or 24h or 7d ago"
        raise ValueError(f"{text!r}: expected {allowed}") from None
    if not 0 <= second <= _LAST:
        raise ValueError(f"{text!r}: expected a time from 1970-01-01 to 9999-12-31")
    return second


def iso(second: float) -> str:
    """UTC, in ISO 8601."""
    return datetime.fromtimestamp(second, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
