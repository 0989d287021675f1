"""Lists over a window of time: rooms, meetings and sessions, by pages where they are long."""

import asyncio
import re
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

from jmmc.answers.meetings import meetings_of, rooms_of
from jmmc.answers.model import Meeting
from jmmc.answers.stays import read_stays
from jmmc.quality.filters import SummaryFilter
from jmmc.stores import Reports

_BEGAN = re.compile("-?[0-9]{1,12}")


class Page(NamedTuple):
    """Some items, and the cursor of the page that follows; None on the last page."""

    items: Sequence[Any]
    after: str | None


async def rooms(
    reports: Reports, selection: SummaryFilter, *, limit: int, after: str | None
) -> Page:
    """Rooms (`RoomActivity`), the most recently used first."""
    found = await asyncio.to_thread(rooms_of, await read_stays(reports, selection))
    return _page(found, limit, after, lambda room: f"{room.last}:{room.room}")


async def meetings(reports: Reports, selection: SummaryFilter) -> list[Meeting]:
    """Meetings, the newest first."""
    return await asyncio.to_thread(meetings_of, await read_stays(reports, selection))


async def sessions(
    reports: Reports, selection: SummaryFilter, *, limit: int, after: str | None
) -> Page:
    """Summaries of sessions, the newest first."""
    cursor = None
    if after is not None:
        began, _, session = after.partition(":")
        if not _BEGAN.fullmatch(began):
            raise _invalid_cursor(after)
        cursor = (int(began), session)
    found = await reports.summaries(selection, limit=limit + 1, after=cursor)
    last = found[limit - 1] if len(found) > limit else None
    return Page(found[:limit], f"{last.began}:{last.session}" if last else None)


def _page(
    items: Sequence[Any], limit: int, after: str | None, cursor: Callable[[Any], str]
) -> Page:
    start = 0
    if after is not None:
        cursors = [cursor(item) for item in items]
        if after not in cursors:
            raise _invalid_cursor(after)
        start = cursors.index(after) + 1
    page = items[start : start + limit]
    more = cursor(page[-1]) if start + limit < len(items) else None
    return Page(page, more)


def _invalid_cursor(cursor: str) -> ValueError:
    return ValueError(f"cursor = {cursor[:100]!r}: expected the cursor of an earlier answer")
