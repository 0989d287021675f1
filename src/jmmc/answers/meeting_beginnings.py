"""The first sessions of meetings that had begun before a window: a meeting has one id in all."""

from collections.abc import Iterable, Sequence
from functools import partial

import msgspec

from jmmc.answers.meetings import Stay
from jmmc.answers.stays import read_stays
from jmmc.answers.threads import in_background
from jmmc.core.computing import paused
from jmmc.quality.filters import SummaryFilter
from jmmc.quality.meetings import EMPTY_FOR, by_room, split
from jmmc.stores import Reports

_FIRST_LOOK = 86_400  # Seconds before the window; the next look is four times as far.
_LONGEST_LOOK = 64 * 86_400


def may_have_begun_before(meeting: Sequence[Stay], selection: SummaryFilter) -> bool:
    """Whether sessions that ended before the window may be part of a meeting in it."""
    since = selection.since
    return since is not None and meeting[0].began < since + EMPTY_FOR


async def first_sessions(
    reports: Reports, selection: SummaryFilter, meetings: Sequence[Sequence[Stay]]
) -> dict[str, str]:
    """The first session of each meeting that may have begun before the window.

    By the first of its sessions in the window. One query for all rooms, and further ones for
    meetings of more than a day; of what was more than 64 days before the window nothing is known.
    """
    found: dict[str, str] = {}
    length = _FIRST_LOOK
    open_ = [meeting for meeting in meetings if may_have_begun_before(meeting, selection)]
    while open_ and selection.since is not None:
        start = selection.since - length
        rooms = tuple(sorted({meeting[0].room for meeting in open_}))
        before = await read_stays(
            reports,
            msgspec.structs.replace(selection, since=start, until=selection.since, rooms=rooms),
        )
        firsts = await in_background(partial(_firsts, open_, before))
        found |= {session: first.session for session, first in firsts.items()}
        if length >= _LONGEST_LOOK:
            break
        open_ = [
            meeting for meeting in open_ if firsts[meeting[0].session].began < start + EMPTY_FOR
        ]
        length *= 4
    return found


def _firsts(meetings: Sequence[Sequence[Stay]], before: Iterable[Stay]) -> dict[str, Stay]:
    """The first stay of each meeting, by its first one in the window."""
    firsts: dict[str, Stay] = {}
    earlier = by_room(paused(before))
    in_window = by_room(stay for meeting in meetings for stay in meeting)
    for room, stays in in_window.items():
        together = {stay.session: stay for stay in (*earlier.get(room, ()), *stays)}
        ordered = sorted(together.values(), key=lambda stay: (stay.began, stay.session))
        first_of = {stay.session: meeting[0] for meeting in split(ordered) for stay in meeting}
        firsts |= {stay.session: first_of[stay.session] for stay in stays}
    return firsts
