"""When running meetings began: with those who were there first and have left."""

from collections.abc import Sequence

import msgspec

from jmmc.answers.model import LiveMeeting
from jmmc.answers.stays import read_stays
from jmmc.answers.threads import in_background, paused
from jmmc.quality.filters import SummaryFilter
from jmmc.quality.meetings import split
from jmmc.stores import Reports

_LONGEST = 86_400  # Seconds that are looked back from the first who is still there.
_AT_A_TIME = 200  # Meetings looked up for an answer; the rest follow with the next answer.


class LiveBeginnings:
    """The beginnings of running meetings, remembered while the first who is there is the same."""

    def __init__(self) -> None:
        self._known: dict[tuple[str, str], tuple[str, int]] = {}

    async def with_beginnings(
        self, reports: Reports, meetings: Sequence[LiveMeeting]
    ) -> tuple[LiveMeeting, ...]:
        """The meetings as lists of meetings have them: with the id and time of the first stay."""
        keys = [(meeting.room, meeting.id) for meeting in meetings]
        self._known = {key: self._known[key] for key in keys if key in self._known}
        new = [meeting for meeting in meetings if (meeting.room, meeting.id) not in self._known]
        for meeting in new[:_AT_A_TIME]:
            self._known[meeting.room, meeting.id] = await _first_stay(reports, meeting)
        return tuple(
            msgspec.structs.replace(meeting, id=first[0], began=first[1])
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
