"""How much a server is used: meetings, people and person-minutes by day, week or month."""

from collections.abc import Iterable, Iterator
from datetime import date, datetime, timedelta, tzinfo
from typing import Literal

from jmmc.answers.meetings import Stay, by_room, split
from jmmc.answers.model import Usage
from jmmc.answers.stays import read_stays
from jmmc.answers.threads import in_background, paused
from jmmc.quality.filters import SummaryFilter
from jmmc.stores import Reports

Period = Literal["day", "week", "month"]

_LONG_ENOUGH = 300  # Seconds: a shorter meeting is a test, not use of the server.


async def usage(
    reports: Reports, period: Period, selection: SummaryFilter, zone: tzinfo
) -> list[Usage]:
    """Meetings of five minutes and more, by calendar periods of a time zone.

    Each second counts in its own period, a meeting in the first one in which it was there. The
    selection needs `since` and `until`; periods that are only partly in it are `partial`.
    """
    assert selection.since is not None and selection.until is not None
    window = (selection.since, selection.until)
    stays = await read_stays(reports, selection)
    return await in_background(lambda: usage_of(paused(stays), period, window, zone))


def usage_of(
    stays: Iterable[Stay], period: Period, window: tuple[int, int], zone: tzinfo
) -> list[Usage]:
    """The same, of these stays."""
    counts: dict[tuple[int, int], _Count] = {}
    calendar = _Calendar(period, zone)
    for room_stays in by_room(stays).values():
        for meeting in split(room_stays):
            if max(stay.ended for stay in meeting) - meeting[0].began < _LONG_ENOUGH:
                continue
            first: tuple[int, int] | None = None
            for stay in meeting:
                for start, end in stay.spans:
                    for bounds in calendar.periods(max(start, window[0]), min(end, window[1])):
                        first = min(first or bounds, bounds)
                        count = counts.setdefault(bounds, _Count())
                        count.people.add(stay.browser_id)
                        count.seconds += min(end, window[1], bounds[1]) - max(
                            start, window[0], bounds[0]
                        )
            if first is not None:
                counts[first].meetings += 1
    return [
        Usage(
            start,
            end,
            count.meetings,
            len(count.people),
            count.seconds // 60,
            partial=start < window[0] or end > window[1],
        )
        for (start, end), count in sorted(counts.items())
    ]


class _Count:
    """What one period has: meetings that were there first in it, people, and their seconds."""

    def __init__(self) -> None:
        self.meetings = 0
        self.people: set[str] = set()
        self.seconds = 0


class _Calendar:
    """The days, weeks (from Monday) or months of a time zone, as bounds in Unix seconds."""

    def __init__(self, period: Period, zone: tzinfo) -> None:
        self._period = period
        self._zone = zone
        self._last = (0, 0)  # Most times are in the same period as the one before.

    def periods(self, start: int, end: int) -> Iterator[tuple[int, int]]:
        """The periods that a span of time touches."""
        while start < end:
            if not self._last[0] <= start < self._last[1]:
                self._last = self._period_of(start)
            yield self._last
            start = self._last[1]

    def _period_of(self, second: int) -> tuple[int, int]:
        day = datetime.fromtimestamp(second, self._zone).date()
        if self._period == "week":
            first = day - timedelta(days=day.weekday())
            following = first + timedelta(days=7)
        elif self._period == "month":
            first = day.replace(day=1)
            following = (first + timedelta(days=31)).replace(day=1)
        else:
            first, following = day, day + timedelta(days=1)
        return self._midnight(first), self._midnight(following)

    def _midnight(self, day: date) -> int:
        """The first second of a day; where a clock was put forward over midnight, the next one."""
        return int(datetime(day.year, day.month, day.day, tzinfo=self._zone).timestamp())
