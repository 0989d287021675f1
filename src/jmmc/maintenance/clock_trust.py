"""Decides when retention may delete by the clock, and in which portions. All times are passed in.

A clock that is days ahead, as after a boot without a valid RTC, would delete everything. So the
clock is compared with what is stored and with the monotonic clock. Samples that arrive while the
clock is suspected prove nothing: their times come from the same clock.
"""

from collections.abc import Iterator
from typing import NamedTuple

from msgspec import Struct

DAY = 86_400
"""Seconds that a clock may be ahead of what is known, and that a suspected one must run."""

_PORTIONS = 400  # At most; of a store whose sessions are spread over decades, some are longer.


class Checkpoint(Struct, frozen=True):
    """A record of a moment at which the clock was trusted: Unix seconds by that clock."""

    now: int


class ClockTrust(NamedTuple):
    """What is known of the time. `reached` is Unix seconds; the others are monotonic or lengths.

    The true time had reached `reached` when the monotonic clock showed `at`. While the clock is
    suspected, `suspected_at` says since when, and `ahead` by how many seconds it is ahead of that.
    """

    reached: float
    at: float
    suspected_at: float | None = None
    ahead: float = 0.0

    @property
    def suspected(self) -> bool:
        """Whether nothing may be deleted by this clock."""
        return self.suspected_at is not None


def known_time(checkpoint: Checkpoint | None, newest: int | None) -> int | None:
    """The latest moment that was certainly reached before a process started; None if unknown.

    `newest` is when the newest session began. It counts only without a checkpoint: later sessions
    may be those of a wrong clock, at an earlier start or of another process that runs.
    """
    return newest if checkpoint is None else checkpoint.now


def observe(trust: ClockTrust, now: float, monotonic: float) -> ClockTrust:
    """What is known after the clock showed `now` and the monotonic clock `monotonic`.

    A clock that is more than a day ahead is suspected, until it is right or has run for a day
    without another jump.
    """
    expected = trust.reached + monotonic - trust.at
    ahead = now - expected
    if ahead <= DAY:
        return ClockTrust(max(now, expected), monotonic)
    if trust.suspected_at is None or abs(ahead - trust.ahead) > DAY:
        return trust._replace(suspected_at=monotonic, ahead=ahead)
    if monotonic - trust.suspected_at >= DAY:
        return ClockTrust(now, monotonic)
    return trust._replace(ahead=ahead)


def portions(earliest: int, before: int) -> Iterator[int]:
    """The moments up to which to delete, one after another: a day at a time, last `before`."""
    step = max(DAY, (before - earliest) // _PORTIONS + 1)
    yield from range(earliest + step, before, step)
    if earliest < before:
        yield before
