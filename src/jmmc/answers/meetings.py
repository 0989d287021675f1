"""Who was in a room, and when: the stays of one room are meetings, until it was empty for long."""

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from typing import NamedTuple

from jmmc.answers.model import Grades, Meeting, RoomActivity

EMPTY_FOR = 600
"""Seconds that a room must be empty for the next meeting to begin."""

_FAIR = 3  # Of a poor second's 10, in the search for the worst.


class Stay(NamedTuple):
    """What meetings need to know of a session; good to unknown are seconds."""

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
    """Stays by the room in which they were, in their order."""
    rooms: dict[str, Room] = {}
    for stay in stays:
        rooms.setdefault(stay.room, []).append(stay)
    return rooms


def split(room_stays: Room) -> Iterator[Room]:
    """The stays of each of a room's meetings."""
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
    """The meetings of any rooms, the latest first."""
    found = [
        meeting_of(part) for room_stays in by_room(stays).values() for part in split(room_stays)
    ]
    return sorted(found, key=lambda row: (-row.began, row.id))


def meeting_of(stays: Sequence[Stay]) -> Meeting:
    """The meeting that these stays were."""
    first = stays[0]
    return Meeting(
        first.session,
        first.room,
        first.began,
        max(stay.ended for stay in stays),
        any(stay.running for stay in stays),
        len(stays),
        _people(stays),
        _peak(stays),
        minutes(stays),
        grades(stays),
    )


def rooms_of(stays: Iterable[Stay]) -> list[RoomActivity]:
    """Each room over all its meetings, the latest first."""
    found = [_conference(room, room_stays) for room, room_stays in by_room(stays).items()]
    return sorted(found, key=lambda row: (-row.last, row.room))


def minutes(stays: Iterable[Stay]) -> int:
    """Person-minutes."""
    return sum(stay.ended - stay.began for stay in stays) // 60


def grades(stays: Sequence[Stay]) -> Grades:
    """How these stays were, together."""
    return Grades.of(
        sum(stay.good for stay in stays),
        sum(stay.fair for stay in stays),
        sum(stay.poor for stay in stays),
        sum(stay.unknown for stay in stays),
    )


def badness(fair: int, poor: int) -> int:
    """Seconds that were bad, in tenths: whole numbers add up the same in any order."""
    return 10 * poor + _FAIR * fair


def bad_share(stay: Stay) -> float:
    """How bad a stay was, 0 to 1; something must be known of it."""
    return badness(stay.fair, stay.poor) / (10 * (stay.good + stay.fair + stay.poor))


def _conference(room: str, stays: Room) -> RoomActivity:
    return RoomActivity(
        room,
        len(stays),
        _people(stays),
        minutes(stays),
        min(stay.began for stay in stays),
        max(stay.ended for stay in stays),
        grades(stays),
    )


def _people(stays: Iterable[Stay]) -> int:
    return len({stay.browser_id for stay in stays})


def _peak(stays: Iterable[Stay]) -> int:
    """The most people at once; who is there in two tabs is one of them."""
    comings = [(stay.began, 1, stay.browser_id) for stay in stays]
    goings = [(stay.ended, -1, stay.browser_id) for stay in stays]
    tabs: Counter[str] = Counter()
    peak = present = 0
    for _, change, browser_id in sorted(comings + goings):
        tabs[browser_id] += change
        if change > 0:
            present += tabs[browser_id] == 1
            peak = max(peak, present)
        else:
            present -= tabs[browser_id] == 0
    return peak
