"""Meetings out of stays: a room's stays are one meeting until it was empty for ten minutes."""

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from typing import NamedTuple

from jmmc.answers.model import Grades, Meeting, RoomActivity
from jmmc.answers.threads import paused

EMPTY_FOR = 600
"""Seconds that a room must be empty before the next stay begins a new meeting."""

_FAIR = 3  # Weight of a fair second; that of a poor one is 10.


class Stay(NamedTuple):
    """The columns of a session that meetings are made of.

    `began` and `ended` are Unix seconds, `good` to `unknown` are seconds.
    """

    session: str
    room: str
    browser_id: str
    began: int
    ended: int
    running: bool
    good: int
    fair: int
    poor: int
    unknown: int


Room = list[Stay]
"""Stays of one room, by `began`."""


def by_room(stays: Iterable[Stay]) -> dict[str, Room]:
    """The stays of each room, in the order in which they come."""
    rooms: dict[str, Room] = {}
    for stay in stays:
        rooms.setdefault(stay.room, []).append(stay)
    return rooms


def split(room_stays: Iterable[Stay]) -> Iterator[Room]:
    """Split a room's stays into those of its meetings."""
    meeting: Room = []
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


def meetings_of(stays: Iterable[Stay]) -> list[Meeting]:
    """The meetings of any number of rooms, the newest first."""
    meetings = [
        meeting_of(meeting_stays)
        for room_stays in paused(by_room(stays).values())
        for meeting_stays in split(room_stays)
    ]
    return sorted(meetings, key=lambda meeting: (-meeting.began, meeting.id))


def meeting_of(stays: Sequence[Stay]) -> Meeting:
    """The meeting that consists of these stays."""
    first = stays[0]
    return Meeting(
        first.session,
        first.room,
        first.began,
        max(stay.ended for stay in stays),
        any(stay.running for stay in stays),
        len(stays),
        _participants(stays),
        _peak(stays),
        minutes(stays),
        grades(stays),
    )


def rooms_of(stays: Iterable[Stay]) -> list[RoomActivity]:
    """Each room over all its meetings, the most recently used first."""
    rooms = [
        _room_activity(room, room_stays) for room, room_stays in paused(by_room(stays).items())
    ]
    return sorted(rooms, key=lambda activity: (-activity.last, activity.room))


def minutes(stays: Iterable[Stay]) -> int:
    """Person-minutes of these stays, rounded down."""
    return sum(stay.ended - stay.began for stay in stays) // 60


def grades(stays: Sequence[Stay]) -> Grades:
    """The grades of these stays together."""
    return Grades.of(
        sum(stay.good for stay in stays),
        sum(stay.fair for stay in stays),
        sum(stay.poor for stay in stays),
        sum(stay.unknown for stay in stays),
    )


def badness(fair: int, poor: int) -> int:
    """Weighted seconds of problems, in tenths: whole numbers add up the same in any order."""
    return 10 * poor + _FAIR * fair


def bad_share(stay: Stay) -> float:
    """The weighted share of fair and poor time, 0 to 1; the stay must have known time."""
    return badness(stay.fair, stay.poor) / (10 * (stay.good + stay.fair + stay.poor))


def _room_activity(room: str, stays: Room) -> RoomActivity:
    return RoomActivity(
        room,
        len(stays),
        _participants(stays),
        minutes(stays),
        min(stay.began for stay in stays),
        max(stay.ended for stay in stays),
        grades(stays),
    )


def _participants(stays: Iterable[Stay]) -> int:
    return len({stay.browser_id for stay in stays})


def _peak(stays: Iterable[Stay]) -> int:
    """Peak concurrent participants; a browser with two sessions counts once."""
    arrivals = [(stay.began, 1, stay.browser_id) for stay in stays]
    departures = [(stay.ended, -1, stay.browser_id) for stay in stays]
    open_sessions: Counter[str] = Counter()
    peak = present = 0
    for _, change, browser_id in sorted(arrivals + departures):
        open_sessions[browser_id] += change
        if change > 0:
            present += open_sessions[browser_id] == 1
            peak = max(peak, present)
        else:
            present -= open_sessions[browser_id] == 0
    return peak
