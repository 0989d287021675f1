"""Meetings out of stays: a room's stays are one meeting until it was empty for ten minutes.

Stays in rooms of the same name of several tenants are several meetings (`quality.meeting_ids`).
"""

from collections.abc import Iterable, Iterator
from typing import Generic, Protocol, TypeVar

from jmmc.quality.meeting_ids import Present, meetings_apart

EMPTY_FOR = 600
"""Seconds that a room must be empty before the next stay begins a new meeting."""

_FAIR = 3  # Weight of a fair second; that of a poor one is 10.


def badness(fair: int, poor: int) -> int:
    """Weighted seconds of problems, in tenths: whole numbers add up the same in any order."""
    return 10 * poor + _FAIR * fair


class InRoom(Present, Protocol):
    """Somebody in a room of this name."""

    @property
    def room(self) -> str:
        """The name of the room."""


_R = TypeVar("_R", bound=InRoom)
_P = TypeVar("_P", bound=Present)


def by_room(stays: Iterable[_R]) -> dict[str, list[_R]]:
    """The stays of each room, in the order in which they come."""
    rooms: dict[str, list[_R]] = {}
    for stay in stays:
        rooms.setdefault(stay.room, []).append(stay)
    return rooms


def split(room_stays: Iterable[_P]) -> Iterator[list[_P]]:
    """Split a room's stays (by `began`) into those of its meetings."""
    for stays in until_empty(room_stays):
        yield from _apart(stays)


def _apart(stays: list[_P]) -> Iterator[list[_P]]:
    """Split stays between which a room was never empty for ten minutes."""
    meetings = meetings_apart(stays)
    if len(meetings) == 1:
        yield stays
        return
    for meeting in meetings:
        yield from until_empty(meeting)


def until_empty(room_stays: Iterable[_P]) -> Iterator[list[_P]]:
    """Split a room's stays where it was empty for ten minutes."""
    meeting: list[_P] = []
    ended = 0
    for room_stay in room_stays:
        if meeting and room_stay.began - ended < EMPTY_FOR:
            meeting.append(room_stay)
            ended = max(ended, room_stay.ended)
        else:
            if meeting:
                yield meeting
            meeting, ended = [room_stay], room_stay.ended
    if meeting:
        yield meeting


class MeetingSplitter(Generic[_R]):
    """Splits stays of any rooms, which come by `began`, and keeps only those of open meetings."""

    def __init__(self) -> None:
        self._open: dict[str, list[_R]] = {}
        self._ended: dict[str, int] = {}

    def add(self, stays: Iterable[_R], until: int) -> Iterator[list[_R]]:
        """Take the stays that began before `until`, and yield those of meetings that are over."""
        for stay in stays:
            room = stay.room
            meeting = self._open.get(room)
            if meeting is not None and stay.began - self._ended[room] < EMPTY_FOR:
                meeting.append(stay)
                self._ended[room] = max(self._ended[room], stay.ended)
                continue
            if meeting is not None:
                yield from _apart(meeting)
            self._open[room], self._ended[room] = [stay], stay.ended
        for room in [room for room, ended in self._ended.items() if until - ended >= EMPTY_FOR]:
            del self._ended[room]
            yield from _apart(self._open.pop(room))

    def rest(self) -> Iterator[list[_R]]:
        """Yield the stays of all other meetings: no stay follows."""
        for meeting in self._open.values():
            yield from _apart(meeting)
