"""What the live view is compared with: the last hour, and what is usual at this hour."""

from collections.abc import Callable

from jmmc.answers.model import Point, Usual
from jmmc.answers.overviews import Overviews
from jmmc.quality.filters import SummaryFilter
from jmmc.quality.rollups import ALL, BUCKET, DAY, HOUR, total
from jmmc.stores import Reports

WEEKS = 4
"""Weeks before this one whose same hour is looked at."""

LEAST_WEEKS = 3
"""Of these, those with calls, without which nothing is called usual."""

_LEAST_KNOWN = 3600  # Person-seconds of which a share of bad time is said.
_KEPT = 30  # Seconds: the last hour changes slowly, the live view is asked every few seconds.


class LastHour:
    """The series of the last hour, kept for half a minute. `clock` gives Unix seconds."""

    def __init__(self, overviews: Overviews, clock: Callable[[], float]) -> None:
        self._overviews = overviews
        self._clock = clock
        self._asked = float("-inf")
        self._points: tuple[Point, ...] = ()

    async def points(self) -> tuple[Point, ...]:
        """The points of the last hour, by five minutes; those without calls are left out."""
        now = self._clock()
        if not self._asked <= now < self._asked + _KEPT:
            until = int(now)
            window = SummaryFilter(since=until - HOUR, until=until)
            self._points = await self._overviews.series(window)
            self._asked = now
        return self._points


async def usual(reports: Reports, now: int) -> Usual | None:
    """What the same hour of the same weekday was like in the weeks before.

    None unless at least `LEAST_WEEKS` of the last `WEEKS` had calls then: nobody in a call, and
    nobody who collected, look the same.
    """
    start = now - now % HOUR
    counts: list[int] = []
    good = bad = weeks = 0
    for week in range(1, WEEKS + 1):
        hour = start - week * 7 * DAY
        rollups = await reports.rollups(ALL, HOUR, hour, hour + 1)
        parts = [part for rollup in rollups for part in rollup.values.get(ALL, ())]
        if not any(part.people for part in parts):
            continue
        weeks += 1
        people = {part.start: part.people for part in parts}
        counts += [people.get(at, 0) for at in range(hour, hour + HOUR, BUCKET)]
        whole = total(parts, hour)
        good += whole.good
        bad += whole.fair + whole.poor
    if weeks < LEAST_WEEKS:
        return None
    known = good + bad
    share = bad / known if known >= _LEAST_KNOWN else None
    return Usual(start, weeks, min(counts), max(counts), share, known)
