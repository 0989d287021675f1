"""Calendar days, weeks, months and years of a time zone, as bounds in Unix seconds."""

from collections.abc import Iterator
from datetime import date, datetime, timedelta, tzinfo
from typing import Literal

Period = Literal["day", "week", "month", "year"]
PERIODS: tuple[Period, ...] = ("day", "week", "month", "year")

Bounds = tuple[int, int]
"""The first second of a time, and the first one after it."""


class Calendar:
    """The days, weeks (from Monday), months or years of a time zone."""

    def __init__(self, period: Period, zone: tzinfo) -> None:
        self._period = period
        self._zone = zone

    def periods(self, since: int, until: int) -> Iterator[Bounds]:
        """The whole periods that a window touches, by time."""
        while since < until:
            bounds = self.at(since)
            yield bounds
            since = bounds[1]

    def at(self, second: int) -> Bounds:
        """The period that a second is in."""
        day = datetime.fromtimestamp(second, self._zone).date()
        first = self.first_day(day)
        return self._midnight(first), self._midnight(self._following(first))

    def latest(self, count: int, until: int) -> int:
        """When the first of the latest `count` periods begins; `until` is in or after the last."""
        bounds = self.at(until - 1)
        for _ in range(count - 1):
            bounds = self.at(bounds[0] - 1)
        return bounds[0]

    def first_day(self, day: date) -> date:
        """The first day of the period that a day is in."""
        match self._period:
            case "week":
                return day - timedelta(days=day.weekday())
            case "month":
                return day.replace(day=1)
            case "year":
                return day.replace(month=1, day=1)
        return day

    def _following(self, first: date) -> date:
        match self._period:
            case "week":
                return first + timedelta(days=7)
            case "month":
                return (first + timedelta(days=31)).replace(day=1)
            case "year":
                return first.replace(year=first.year + 1)
        return first + timedelta(days=1)

    def _midnight(self, day: date) -> int:
        """The first second of a day; where a clock was put forward over midnight, the next one."""
        return int(datetime(day.year, day.month, day.day, tzinfo=self._zone).timestamp())
