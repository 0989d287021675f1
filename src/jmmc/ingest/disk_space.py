"""Decides by the free space of a disk what is still stored, and forecasts when nothing is free.

Free bytes and times are passed in; times are seconds of a clock that nobody sets. Growth is the
median of the slopes between all pairs of readings (Theil-Sen): neither a checkpoint nor a backup
that is written and deleted changes it, as a mean would be changed.
"""

from collections.abc import Sequence
from statistics import median
from typing import Literal, NamedTuple, get_args

Level = Literal["enough", "low", "exhausted"]
"""Free space: of `low`, new sessions are refused; of `exhausted`, every push."""

LEVELS: tuple[Level, ...] = get_args(Level)
"""The levels, the worst last."""

READING_INTERVAL = 300.0
"""Seconds between two readings that are kept for the forecast."""

WINDOW = 6 * 3600.0
"""Seconds of readings that the forecast uses, at most."""

RECENT = 3600.0
"""Seconds for which the disk must be known, and in which it must still have been filling."""

_LAST_PART = 4  # Pushes are refused below this part of the floor.
_MARGIN = 1.1  # Times a bound that must be free before what it refused is stored again.


class FreeSpace(NamedTuple):
    """The bytes that were free at a time."""

    at: float
    free: int


def level_of(free: int, floor: int, before: Level) -> Level:
    """The level of `free` bytes after `before`. A `floor` (bytes) of 0 has only one level.

    A level is left when a tenth more than its bound is free, so that the levels do not alternate.
    """
    last = floor / _LAST_PART
    if free < last * (_MARGIN if before == "exhausted" else 1):
        return "exhausted"
    if free < floor * (1 if before == "enough" else _MARGIN):
        return "low"
    return "enough"


def remembered(readings: Sequence[FreeSpace], reading: FreeSpace) -> tuple[FreeSpace, ...]:
    """The readings to keep after a new one: an interval apart, of the last hours."""
    if readings and reading.at - readings[-1].at < READING_INTERVAL:
        return tuple(readings)
    return (*(old for old in readings if reading.at - old.at <= WINDOW), reading)


def growth_of(readings: Sequence[FreeSpace]) -> float | None:
    """How fast the disk fills, in bytes per second; None while less than an hour is known.

    `readings` are in order of time. The disk must fill over all of them and over the recent ones: a
    copy that ended is no growth.
    """
    if not readings or readings[-1].at - readings[0].at < RECENT:
        return None
    recent = [reading for reading in readings if readings[-1].at - reading.at <= RECENT]
    return max(0.0, min(_median_slope(readings), _median_slope(recent)))


def seconds_until_full(free: int, growth: float | None) -> float | None:
    """The time until nothing of `free` bytes is left; None when that is not known, or never."""
    return free / growth if growth else None


def _median_slope(readings: Sequence[FreeSpace]) -> float:
    """Bytes per second by which the free space shrinks."""
    slopes = [
        (earlier.free - later.free) / (later.at - earlier.at)
        for number, later in enumerate(readings)
        for earlier in readings[:number]
    ]
    return median(slopes) if slopes else 0.0
