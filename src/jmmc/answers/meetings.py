"""Meetings and rooms, with their figures, out of stays (`quality.meetings`)."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import NamedTuple

from jmmc.answers.model import Grades, Meeting, RoomActivity
from jmmc.core.computing import paused
from jmmc.core.rounding import whole_minutes
from jmmc.quality.meetings import badness, by_room, split
from jmmc.quality.peaks import Presence, peak


class Stay(NamedTuple):
    """What meetings are made of: a session, and its seconds in a window.

    `began` and `ended` are Unix seconds, also when they are outside of the window; `good` to
    `unknown` are seconds in it. `present` has the spans that are in it, empty when all of it is.
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
    jitsi_meeting_id: str = ""
    present: tuple[tuple[int, int], ...] = ()

    @property
    def spans(self) -> tuple[tuple[int, int], ...]:
        """When the session was there, in the window."""
        return self.present or ((self.began, self.ended),)


Room = list[Stay]
"""Stays of one room, by `began`."""


class MeetingOfStays:
    """The figures of a meeting as in `Meeting`, each computed when it is read."""

    __slots__ = ("id", "stays")

    def __init__(self, stays: Sequence[Stay], id_: str = "") -> None:
        self.stays = stays
        self.id = id_ or stays[0].session
        """The id of its first session, which may have been before these stays."""

    @property
    def room(self) -> str:
        """The name of its room."""
        return self.stays[0].room

    @property
    def began(self) -> int:
        """When the first session began."""
        return self.stays[0].began

    @property
    def ended(self) -> int:
        """When the last session ended."""
        return max(stay.ended for stay in self.stays)

    @property
    def participants(self) -> int:
        """How many people were in it."""
        return _participants(self.stays)

    @property
    def peak_people(self) -> int:
        """The most people at once."""
        return peak(_presences(self.stays))[0]

    @property
    def minutes(self) -> int:
        """Person-minutes in the window."""
        return minutes(self.stays)

    @property
    def grades(self) -> Grades:
        """The grades of its sessions together."""
        return grades(self.stays)


MeetingFigures = Meeting | MeetingOfStays
"""What meetings are sorted and selected by."""


def stays_by_meeting(stays: Iterable[Stay]) -> list[Room]:
    """The stays of each meeting, of any number of rooms."""
    return [
        meeting_stays
        for room_stays in paused(by_room(stays).values())
        for meeting_stays in split(room_stays)
    ]


def meetings_of(meetings: Iterable[Room], firsts: Mapping[str, str]) -> list[Meeting]:
    """The meetings that consist of these stays, the newest first.

    `firsts` has the first session of some, by the first of these stays.
    """
    return sorted(
        (meeting_of(stays, firsts.get(stays[0].session, "")) for stays in paused(meetings)),
        key=lambda meeting: (-meeting.began, meeting.id),
    )


def meeting_of(stays: Sequence[Stay], id_: str = "") -> Meeting:
    """The meeting that consists of these stays; `id_` where its first session is another one."""
    first = stays[0]
    return Meeting(
        id_ or first.session,
        first.room,
        first.began,
        max(stay.ended for stay in stays),
        any(stay.running for stay in stays),
        len(stays),
        _participants(stays),
        *peak(_presences(stays)),
        minutes(stays),
        grades(stays),
    )


def empty_meeting(id_: str, room: str, moment: int) -> Meeting:
    """A meeting without anybody, at a moment at which a join of its room failed."""
    nothing = Grades.of(0, 0, 0, 0)
    return Meeting(id_, room, moment, moment, False, 0, 0, 0, 0, 0, nothing)


def rooms_of(stays: Iterable[Stay]) -> list[RoomActivity]:
    """Each room over all its meetings, the most recently used first."""
    rooms = [
        _room_activity(room, room_stays) for room, room_stays in paused(by_room(stays).items())
    ]
    return sorted(rooms, key=lambda activity: (-activity.last, activity.room))


def minutes(stays: Iterable[Stay]) -> int:
    """Person-minutes of these stays in the window, rounded."""
    return whole_minutes(sum(stay.good + stay.fair + stay.poor + stay.unknown for stay in stays))


def grades(stays: Sequence[Stay]) -> Grades:
    """The grades of these stays together."""
    return Grades.of(
        sum(stay.good for stay in stays),
        sum(stay.fair for stay in stays),
        sum(stay.poor for stay in stays),
        sum(stay.unknown for stay in stays),
    )


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


def _presences(stays: Iterable[Stay]) -> Iterator[Presence]:
    return (Presence(start, end, stay.browser_id) for stay in stays for start, end in stay.spans)


def _participants(stays: Iterable[Stay]) -> int:
    return len({stay.browser_id for stay in stays})
