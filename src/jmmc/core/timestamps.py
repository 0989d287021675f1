"""Timestamps: parse what people type, and format as ISO 8601."""

import re
from datetime import UTC, datetime, tzinfo
from functools import cache
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError, available_timezones

from jmmc.core.calendar import Calendar, Period
from jmmc.core.errors import InvalidInput, Typed

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
        raise InvalidInput(
            "expected a date or time such as 2026-11-24T10:00, 24h or 7d ago, or a word such as"
            " today",
            given=text,
        ) from None
    if not 0 <= second <= _LAST:
        raise InvalidInput("expected a time from 1970-01-01 to 9999-12-31", given=text)
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
        raise InvalidInput(
            "since must be earlier than until (got {since}, {until}: {start}, {end})",
            field="since",
            since=since,
            until="now" if until is None else until,
            start=WordedMoment(start),
            end=WordedMoment(end),
        )
    return start, end


def check_order(since: int, until: int) -> None:
    """Raise `InvalidInput` unless a window, in Unix seconds, begins before it ends."""
    if since >= until:
        raise InvalidInput(
            "since must be earlier than until (got {since}, {until})",
            field="since",
            since=WordedMoment(since),
            until=WordedMoment(until),
        )


def _parse_end(name: str, text: str, now: float, zone: tzinfo | None) -> int:
    try:
        return parse_moment(text, now, zone if text in PERIOD_STARTS else UTC)
    except InvalidInput as error:
        raise error.of(name) from None


def _start_of(word: str, now: float, zone: tzinfo | None) -> int:
    """The moment that one of `PERIOD_STARTS` names (Unix seconds)."""
    period, before = _PERIODS[word]
    return Calendar(period, zone or UTC).latest(before + 1, int(now) + 1)


def to_iso(second: float) -> str:
    """Format Unix seconds as ISO 8601 in UTC, without fractions."""
    return datetime.fromtimestamp(second, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


class WordedMoment(int):
    """Unix seconds as a value of a sentence: in UTC there, on pages in the reader's time zone."""

    def __format__(self, spec: str) -> str:
        return to_iso(self)


def to_local_iso(second: float, zone: tzinfo) -> str:
    """Format Unix seconds as ISO 8601 in a time zone, with its offset, without fractions."""
    return datetime.fromtimestamp(int(second), zone).isoformat()


def zone_of(name: str) -> ZoneInfo:
    """The time zone of this name, such as `Europe/Paris`, in any case. Raises `InvalidInput`."""
    try:
        return ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        known = _zones_by_key().get(_zone_key(name))
    if known is None:
        raise InvalidInput(
            "expected a time zone such as UTC or Europe/Paris, got {name}", name=Typed(name)
        )
    return ZoneInfo(known)


def _zone_key(name: str) -> str:
    return name.strip().replace(" ", "_").casefold()


@cache
def _zones_by_key() -> dict[str, str]:
    """The names of all zones by how they are compared: people type them in any case."""
    return {_zone_key(name): name for name in available_timezones()}
