"""Pages of rooms, the most recently used first.

Only the rooms of a page are read whole. Which these are follows from the sessions before the end of
the window, from the latest ones on: a session that is not among those after a moment has ended by
then.
"""

from collections.abc import Iterable, Sequence
from functools import partial
from typing import Any

import msgspec

from jmmc.answers.lists import Page, invalid_cursor, parsed_cursor
from jmmc.answers.meetings import rooms_of
from jmmc.answers.stays import STAY_COLUMNS, read_stays, stay_of
from jmmc.answers.threads import in_background
from jmmc.core.computing import paused
from jmmc.core.tasks import prefetch
from jmmc.quality.filters import SummaryFilter
from jmmc.stores import Reports

_FIRST_PART = 6 * 3600  # Seconds before the end of a window that are read first.
_LONGER = 4  # Times: the next part, where these have too few rooms.

_Used = tuple[int, str]
"""When a room was used last (Unix seconds, negative), and the room: in order of the list."""


async def rooms(
    reports: Reports, selection: SummaryFilter, *, limit: int, after: str | None
) -> Page:
    """Rooms (`RoomActivity`), the most recently used first. `after` is the cursor of a page."""
    cursor = None if after is None else _used(*parsed_cursor(after, int))
    used = await _latest(reports, selection, limit, cursor)
    if used is None:
        used = await _used_in(reports, selection, selection)
    if cursor is not None and cursor not in used:
        assert after is not None
        raise invalid_cursor(after)
    following = [room for room in used if cursor is None or room > cursor]
    if not following:
        return Page([], None)
    names = tuple(room for _, room in following[:limit])
    stays = await read_stays(reports, msgspec.structs.replace(selection, rooms=names))
    found = await in_background(lambda: rooms_of(paused(stays)))
    last = following[limit - 1] if len(following) > limit else None
    return Page(found, None if last is None else f"{-last[0]}:{last[1]}")


def _used(last: int, room: str) -> _Used:
    return -last, room


async def _latest(
    reports: Reports, selection: SummaryFilter, limit: int, cursor: _Used | None
) -> Sequence[_Used] | None:
    """All rooms used after a moment, more than a page of them; None where all must be read."""
    since, until = selection.since, selection.until
    if since is None or until is None:
        return None
    length = _FIRST_PART
    while (start := until - length) > since:
        part = msgspec.structs.replace(selection, since=start)
        used = [room for room in await _used_in(reports, part, selection) if -room[0] > start]
        if sum(cursor is None or room > cursor for room in used) > limit:
            return used
        length *= _LONGER
    return None


async def _used_in(
    reports: Reports, part: SummaryFilter, selection: SummaryFilter
) -> Sequence[_Used]:
    """All rooms of a part of the selection, in order of the list."""
    found: dict[str, int] = {}
    async for columns in prefetch(reports.columns(STAY_COLUMNS, part)):
        await in_background(partial(_add, found, zip(*columns, strict=True), selection))
    return sorted(_used(last, room) for room, last in found.items())


def _add(found: dict[str, int], rows: Iterable[Sequence[Any]], selection: SummaryFilter) -> None:
    """Add when the rooms of these rows were used last, by sessions that fit the selection."""
    for row in paused(rows):
        if (stay := stay_of(row, selection)) is not None:
            found[stay.room] = max(stay.ended, found.get(stay.room, stay.ended))
