"""When running meetings began: with those who were there first and have left."""

from collections.abc import Sequence
from typing import NamedTuple

import msgspec

from jmmc.answers.model import LiveMeeting
from jmmc.answers.stays import read_stays
from jmmc.answers.threads import in_background
from jmmc.core.computing import paused
from jmmc.quality.filters import SummaryFilter
from jmmc.quality.meetings import split
from jmmc.stores import Reports

_LONGEST = 86_400  # Seconds that are looked back from the first who is still there.
_AT_A_TIME = 200  # Meetings looked up for an answer; the rest follow with the next answer.
_KEPT = 60  # Seconds: samples of who was there first may come late, and change the beginning.
_AGAIN = 20  # Meetings looked up again for an answer, each 1 ms.


class _Beginning(NamedTuple):
    """Id and time of the first stay of a meeting, as read at `read`. Times are Unix seconds."""

    session: str
    began: int
    read: int

    def is_old(self, now: int) -> bool:
        return not 0 <= now - self.read < _KEPT


class LiveBeginnings:
    """The beginnings of running meetings, for a minute while the first who is there is the same."""

    def __init__(self) -> None:
        self._known: dict[tuple[str, str], _Beginning] = {}

    async def with_beginnings(
        self, reports: Reports, meetings: Sequence[LiveMeeting], now: int
    ) -> tuple[LiveMeeting, ...]:
        """The meetings as lists of meetings have them: with the id and time of the first stay.

        `now` is Unix seconds.
        """
        keys = [(meeting.room, meeting.id) for meeting in meetings]
        self._known = {key: self._known[key] for key in keys if key in self._known}
        new = [meeting for meeting in meetings if (meeting.room, meeting.id) not in self._known]
        old = [
            meeting
            for meeting, key in zip(meetings, keys, strict=True)
            if key in self._known and self._known[key].is_old(now)
        ]
        old.sort(key=lambda meeting: self._known[meeting.room, meeting.id].read)
        for meeting in new[:_AT_A_TIME] + old[:_AGAIN]:
            stay = await _first_stay(reports, meeting)
            self._known[meeting.room, meeting.id] = _Beginning(*stay, now)
        return tuple(
            msgspec.structs.replace(meeting, id=first.session, began=first.began)
            if (first := self._known.get((meeting.room, meeting.id)))
            else meeting
            for meeting in meetings
        )


async def _first_stay(reports: Reports, meeting: LiveMeeting) -> tuple[str, int]:
    """Id and beginning of the first stay of a meeting."""
    stays = await read_stays(
        reports, SummaryFilter(room=meeting.room, since=meeting.began - _LONGEST)
    )
    return await in_background(
        lambda: next(
            (
                (found[0].session, found[0].began)
                for found in split(paused(stays))
                if any(stay.session == meeting.id for stay in found)
            ),
            (meeting.id, meeting.began),
        )
    )
