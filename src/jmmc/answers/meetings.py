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
    for it in stays:
        rooms.setdefault(it.room, []).append(it)
    return rooms


def split(room_stays: Room) -> Iterator[Room]:
    """The stays of each of a room's meetings."""
    meeting: Room = []
    ended = 0
    for it in room_stays:
        if meeting and it.began - ended < EMPTY_FOR:
            meeting.append(it)
            ended = max(ended, it.ended)
        else:
            if meeting:
                yield meeting
            meeting, ended = [it], it.ended
    if meeting:
        yield meeting


def meetings_of(stays: Iterable[Stay]) -> list[Meeting]:
    """The meetings of any rooms, the latest first."""
    found = [meeting_of(its) for room_stays in by_room(stays).values() for its in split(room_stays)]
    return sorted(found, key=lambda it: (-it.began, it.id))


def meeting_of(stays: Sequence[Stay]) -> Meeting:
    """The meeting that these stays were."""
    first = stays[0]
    return Meeting(
        first.session,
        first.room,
        first.began,
        max(it.ended for it in stays),
        any(it.running for it in stays),
        len(stays),
        _people(stays),
        _peak(stays),
        minutes(stays),
        grades(stays),
    )


def rooms_of(stays: Iterable[Stay]) -> list[RoomActivity]:
    """Each room over all its meetings, the latest first."""
    found = [_conference(room, room_stays) for room, room_stays in by_room(stays).items()]
    return sorted(found, key=lambda it: (-it.last, it.room))


def minutes(stays: Iterable[Stay]) -> int:
    """Person-minutes."""
    return sum(it.ended - it.began for it in stays) // 60


def grades(stays: Sequence[Stay]) -> Grades:
    """How these stays were, together."""
    return Grades.of(
        sum(it.good for it in stays),
        sum(it.fair for it in stays),
        sum(it.poor for it in stays),
        sum(it.unknown for it in stays),
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
        min(it.began for it in stays),
        max(it.ended for it in stays),
        grades(stays),
    )


def _people(stays: Iterable[Stay]) -> int:
    return len({it.browser_id for it in stays})


def _peak(stays: Iterable[Stay]) -> int:
    """The most people at once; who is there in two tabs is one of them."""
    comings = [(it.began, 1, it.browser_id) for it in stays]
    goings = [(it.ended, -1, it.browser_id) for it in stays]
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
