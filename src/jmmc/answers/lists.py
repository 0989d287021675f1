"""Lists over a window of time: meetings and sessions, by pages where they are long."""

from collections.abc import Callable, Sequence
from contextlib import suppress
from functools import partial
from typing import Any, NamedTuple

from jmmc.answers.meeting_beginnings import first_sessions
from jmmc.answers.meetings import meetings_of, stays_by_meeting
from jmmc.answers.model import Meeting
from jmmc.answers.stays import read_stays
from jmmc.answers.threads import in_background
from jmmc.core.computing import paused
from jmmc.core.errors import InvalidInput
from jmmc.quality.filters import SummaryFilter
from jmmc.quality.ordering import Order
from jmmc.quality.size_limits import bounded
from jmmc.quality.summary import Summary
from jmmc.stores import Reports

MOST_MEETINGS = 20_000
"""Meetings of one list; a longer one is refused."""

LONGEST_CURSOR = 1000
"""Characters."""

_PAGE_BYTES = 4 * 2**20  # Of the summaries of one page.
_TOGETHER = 50  # Summaries that are decoded without a pause.


class Page(NamedTuple):
    """Some items, and the cursor of the page that follows; None on the last page."""

    items: Sequence[Any]
    after: str | None


async def meetings(reports: Reports, selection: SummaryFilter) -> list[Meeting]:
    """Meetings, the newest first. Raises `ValueError` when there are more than `MOST_MEETINGS`."""
    stays = await read_stays(reports, selection)
    found = await in_background(lambda: stays_by_meeting(paused(stays)))
    if len(found) > MOST_MEETINGS:
        raise InvalidInput(
            "{found:,} meetings in this time range, at most {most:,} are listed: ask for a shorter"
            " time range, or set a filter",
            found=len(found),
            most=MOST_MEETINGS,
        )
    firsts = await first_sessions(reports, selection, found)
    return await in_background(partial(meetings_of, found, firsts))


async def sessions(
    reports: Reports, selection: SummaryFilter, *, limit: int, order: Order, after: str | None
) -> Page:
    """Summaries of sessions by `order`; fewer than `limit` where they are large."""
    cursor = None if after is None else parsed_cursor(after, order.parse_key)
    found: list[Summary] = []
    size = 0
    while len(found) <= limit and size < _PAGE_BYTES:
        more = min(_TOGETHER, limit + 1 - len(found))
        part = await reports.summaries(selection, limit=more, order=order, after=cursor)
        for summary in map(bounded, part):
            if size < _PAGE_BYTES and summary.fits_at_once(selection):
                found.append(summary)
                size += _size_of(summary)
        if len(part) < more:
            break
        cursor = (order.key_of(part[-1]), part[-1].session)
    is_short = size >= _PAGE_BYTES and len(found) <= limit
    last = found[limit - 1] if len(found) > limit else found[-1] if is_short else None
    return Page(found[:limit], f"{order.key_of(last)}:{last.session}" if last else None)


def parsed_cursor(cursor: str, parse_key: Callable[[str], Any]) -> tuple[Any, str]:
    """The key and the id that a cursor `KEY:ID` has. Raises `ValueError`."""
    key, _, id_ = cursor.rpartition(":")
    if len(cursor) <= LONGEST_CURSOR:
        with suppress(ValueError):
            return parse_key(key), id_
    raise invalid_cursor(cursor)


def _size_of(summary: Summary) -> int:
    """Roughly the bytes that a summary takes in an answer."""
    return 1500 + 80 * len(summary.grade_spans) + 200 * len(summary.spells)


def invalid_cursor(cursor: str) -> InvalidInput:
    """The error for a cursor that no answer gave."""
    return InvalidInput("expected the cursor of an earlier answer", field="cursor", given=cursor)
