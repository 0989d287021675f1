"""The worst meetings of a window of time."""

from collections.abc import Collection, Iterable, Mapping, Sequence, Set
from functools import partial

import msgspec

from jmmc.answers.meeting_beginnings import first_sessions
from jmmc.answers.meetings import Room, Stay, meeting_of
from jmmc.answers.model import Meeting
from jmmc.answers.stays import read_stays
from jmmc.answers.threads import in_background
from jmmc.answers.window_totals import window_of
from jmmc.core.computing import paused
from jmmc.quality.day_totals import UsedRoom
from jmmc.quality.filters import SummaryFilter
from jmmc.quality.meetings import EMPTY_FOR, badness, by_room, split
from jmmc.stores import Reports

_MOST_OCCUPIED = 100  # Times of which the meetings are read one by one.
_OF_STAY = ("room", "began", "ended", "fair", "poor")
"""What decides when a room was occupied, and how bad that was."""

_SINGLY = 50  # Rooms that are read one by one; more are read faster in one query.


class WorstMeetings:
    """Finds the meetings with the most problems."""

    def __init__(self, reports: Reports) -> None:
        self._reports = reports

    async def find(
        self, selection: SummaryFilter, bad_seconds: Mapping[str, Sequence[int]], worst: int
    ) -> tuple[Meeting, ...]:
        """The worst meetings of the window; `bad_seconds` has the fair and poor ones of each room.

        No meeting is worse than its room in total, so only the worst rooms are read.
        """
        rooms = {room: badness(*seconds) for room, seconds in bad_seconds.items()}
        worst_rooms = sorted(rooms, key=lambda room: (rooms[room], room), reverse=True)
        found: list[tuple[int, Room]] = []
        looked = 0
        while looked < len(worst_rooms):
            least = found[worst - 1][0] if len(found) >= worst else 0
            if found and rooms[worst_rooms[looked]] < max(least, 1):
                break
            size = worst if looked < _SINGLY else len(worst_rooms)
            rooms_of_part = worst_rooms[looked : looked + size]
            found += await self._bad_meetings(selection, rooms_of_part, worst, least)
            found.sort(key=lambda meeting: _order(*meeting), reverse=True)
            looked += size
        return await self._listed(selection, [stays for _, stays in found[:worst]])

    async def find_in(
        self, selection: SummaryFilter, times: Iterable[UsedRoom], worst: int
    ) -> tuple[Meeting, ...]:
        """The same; `times` are those in which rooms had problems in the window, the worst first.

        No meeting is worse than such a time, so only the worst ones are read.
        """
        found: list[tuple[int, Room]] = []
        for bad, room, began, ended in times:
            if len(found) >= worst and (bad, room, ended) < _order(*found[worst - 1]):
                break
            found += await self._meetings_between(selection, room, began, ended)
            found.sort(key=lambda meeting: _order(*meeting), reverse=True)
        return await self._listed(selection, [stays for _, stays in found[:worst]])

    async def _listed(
        self, selection: SummaryFilter, meetings: Sequence[Room]
    ) -> tuple[Meeting, ...]:
        firsts = await first_sessions(self._reports, selection, meetings)
        return tuple(meeting_of(stays, firsts.get(stays[0].session, "")) for stays in meetings)

    async def _occupied(self, selection: SummaryFilter, rooms: Set[str]) -> list[UsedRoom]:
        rows = await self._reports.facts(_OF_STAY, selection)
        return await in_background(partial(_occupied_of, rows, rooms))

    async def _meetings_between(
        self, selection: SummaryFilter, room: str, began: int, ended: int
    ) -> list[tuple[int, Room]]:
        since, until = window_of(selection)
        occupied = msgspec.structs.replace(
            selection, room=room, since=max(since, began), until=min(until, ended + 1)
        )
        stays = await read_stays(self._reports, occupied)
        return await in_background(lambda: _with_badness(stays))

    async def _bad_meetings(
        self, selection: SummaryFilter, worst_rooms: Collection[str], worst: int, least: int
    ) -> list[tuple[int, Room]]:
        """The meetings of these rooms that had problems: badness and stays.

        Of many rooms some that are not among the `worst` ones, or less bad than `least`, are left
        out.
        """
        if len(worst_rooms) > _SINGLY:
            looked_for = set(worst_rooms)
            occupied = await self._occupied(selection, looked_for)
            found: list[tuple[int, Room]] = []
            for bad, room, began, ended in occupied[:_MOST_OCCUPIED]:
                if bad < least:
                    return found
                found += await self._meetings_between(selection, room, began, ended)
                if len(found) >= worst:
                    found.sort(key=lambda meeting: meeting[0], reverse=True)
                    least = max(least, found[worst - 1][0])
            if len(occupied) <= _MOST_OCCUPIED or occupied[_MOST_OCCUPIED].bad < least:
                return found
            every_stay = await read_stays(self._reports, selection)
            stays = await in_background(
                lambda: [stay for stay in paused(every_stay) if stay.room in looked_for]
            )
        else:
            stays = []
            for worst_room in worst_rooms:
                stays += await read_stays(
                    self._reports, msgspec.structs.replace(selection, room=worst_room)
                )
        return await in_background(lambda: _with_badness(stays))


def _occupied_of(rows: Iterable[tuple[str, int, int, int, int]], rooms: Set[str]) -> list[UsedRoom]:
    """The times with problems, the worst first; `rows` come by `began`.

    In one pass without an object for each stay: of a million it takes two seconds less.
    """
    newest: dict[str, list[int]] = {}  # Of each room: when it began and ended, and how bad it was.
    occupied = []
    for room, began, ended, fair, poor in paused(rows):
        if room not in rooms:
            continue
        time = newest.get(room)
        if time is None or began - time[1] >= EMPTY_FOR:
            time = newest[room] = [began, ended, 0]
            occupied.append((room, time))
        elif ended > time[1]:
            time[1] = ended
        time[2] += badness(fair, poor)
    return sorted(
        (UsedRoom(bad, room, began, ended) for room, (began, ended, bad) in occupied if bad),
        reverse=True,
    )


def _with_badness(stays: Iterable[Stay]) -> list[tuple[int, Room]]:
    """The meetings of these stays that had problems: badness and stays."""
    return [
        (bad, meeting_stays)
        for room_stays in by_room(paused(stays)).values()
        for meeting_stays in split(room_stays)
        if (bad := sum(badness(stay.fair, stay.poor) for stay in meeting_stays))
    ]


def _order(bad: int, stays: Room) -> tuple[int, str, int]:
    return bad, stays[0].room, stays[0].began
