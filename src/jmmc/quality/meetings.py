"""Meetings out of stays: a room's stays are one meeting until it was empty for ten minutes.

Stays in rooms of the same name of several tenants are several meetings (`quality.meeting_ids`).
"""

from collections.abc import Iterable, Iterator
from typing import Protocol, TypeVar

from jmmc.quality.meeting_ids import Present, meetings_apart

EMPTY_FOR = 600
"""Seconds that a room must be empty before the next stay begins a new meeting."""


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
        meetings = meetings_apart(stays)
        if len(meetings) == 1:
            yield stays
            continue
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
