"""How much a server is used: meetings, participants and person-minutes by day, week or month."""

from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from typing import Literal

from jmmc.answers.meetings import Room, Stay, by_room, minutes, split
from jmmc.answers.model import Usage
from jmmc.answers.stays import read_stays
from jmmc.answers.threads import in_background, paused
from jmmc.quality.filters import SummaryFilter
from jmmc.quality.rollups import DAY
from jmmc.stores import Reports

Period = Literal["day", "week", "month"]

_LONG_ENOUGH = 300  # Seconds: a shorter meeting is a test, not use of the server.


async def usage(reports: Reports, period: Period, selection: SummaryFilter) -> list[Usage]:
    """Meetings of five minutes and more, by the period in which they began (UTC)."""
    stays = await read_stays(reports, selection)
    return await in_background(lambda: usage_of(paused(stays), period))


def usage_of(stays: Iterable[Stay], period: Period) -> list[Usage]:
    """The same, of these stays."""
    periods: dict[int, list[Room]] = {}
    for room_stays in by_room(stays).values():
        for meeting in split(room_stays):
            began = meeting[0].began
            if max(stay.ended for stay in meeting) - began >= _LONG_ENOUGH:
                periods.setdefault(_start_of_period(began, period), []).append(meeting)
    return [
        Usage(
            start,
            len(meetings),
            len({stay.browser_id for meeting in meetings for stay in meeting}),
            minutes(stay for meeting in meetings for stay in meeting),
        )
        for start, meetings in sorted(periods.items())
    ]


def _start_of_period(second: int, period: Period) -> int:
    day = datetime.fromtimestamp(second - second % DAY, UTC)
    if period == "week":
        day -= timedelta(days=day.weekday())
    elif period == "month":
        day = day.replace(day=1)
    return int(day.timestamp())
