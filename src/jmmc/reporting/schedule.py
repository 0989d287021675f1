"""When a report is due, and of which week or month."""

from datetime import datetime, timedelta, tzinfo
from typing import Literal, NamedTuple

from jmmc.core.calendar import Bounds, Calendar, Period
from jmmc.core.timestamps import zone_of
from jmmc.settings import Settings


class Due(NamedTuple):
    """A report: its period, and from when on it is sent (Unix seconds)."""

    period: Period
    bounds: Bounds
    at: int


PERIOD_OF: dict[Literal["weekly", "monthly"], Period] = {"weekly": "week", "monthly": "month"}


def latest_due(settings: Settings, now: int) -> Due | None:
    """The report that was due last at `now` (Unix seconds); None when reports are off."""
    every = settings.report_email_every
    if every == "off":
        return None
    zone = zone_of(settings.time_zone)
    calendar = Calendar(PERIOD_OF[every], zone)
    following = calendar.at(now)
    at = _moment_in(following, settings, zone)
    if at > now:
        following = calendar.at(following[0] - 1)
        at = _moment_in(following, settings, zone)
    return Due(PERIOD_OF[every], calendar.at(following[0] - 1), at)


def _moment_in(bounds: Bounds, settings: Settings, zone: tzinfo) -> int:
    """The day and hour of the settings in a period."""
    first = datetime.fromtimestamp(bounds[0], zone).date()
    day = first + timedelta(days=settings.report_email_day - 1)
    moment = datetime(day.year, day.month, day.day, settings.report_email_hour, tzinfo=zone)
    return int(moment.timestamp())
