"""The live view: running meetings by the current grades of their participants, and hotspots."""

from collections import Counter
from collections.abc import Iterable

from jmmc.answers.model import Hotspot, Live, LiveMeeting
from jmmc.quality.grading import Grade
from jmmc.quality.summary import LiveSession

_MAX_HOTSPOTS = 12
_MAX_MEETINGS = 1000
_MAX_REASONS = 3
_DIMENSIONS = ("region", "network", "provider", "browser")


class LiveView:
    """Counts live sessions by grade, room and dimension, in as many steps as they come."""

    def __init__(self) -> None:
        self._grades: Counter[Grade] = Counter()
        self._rooms: dict[str, _LiveRoom] = {}
        self._values: dict[tuple[str, str], list[int]] = {}

    def add(self, sessions: Iterable[LiveSession]) -> None:
        """Count these sessions too; the order does not matter."""
        for session in sessions:
            grade = session.at_present
            self._grades[grade] += 1
            if session.room not in self._rooms:
                self._rooms[session.room] = _LiveRoom(session)
            self._rooms[session.room].add(session, grade)
            for dimension in _DIMENSIONS:
                sums = self._values.setdefault((dimension, getattr(session, dimension)), [0, 0])
                sums[0] += 1
                sums[1] += grade >= Grade.FAIR

    def live(self, now: int) -> Live:
        """The live view as counted until `now` (Unix seconds)."""
        meetings = [_live_meeting(room, live_room) for room, live_room in self._rooms.items()]
        meetings.sort(
            key=lambda meeting: (-meeting.poor, -meeting.fair, -meeting.people, meeting.room)
        )
        hotspots = [
            Hotspot(dimension, value, people, affected)
            for (dimension, value), (people, affected) in self._values.items()
            if affected and value
        ]
        hotspots.sort(
            key=lambda hotspot: (
                -hotspot.affected,
                -hotspot.affected / hotspot.people,
                hotspot.dimension,
                hotspot.value,
            )
        )
        return Live(
            now,
            *_counted(self._grades),
            tuple(meetings[:_MAX_MEETINGS]),
            tuple(hotspots[:_MAX_HOTSPOTS]),
        )


class _LiveRoom:
    """The live sessions of one room, counted by grade and reason; `first` is the earliest."""

    def __init__(self, session: LiveSession) -> None:
        self.first = (session.began, session.session)
        self.grades: Counter[Grade] = Counter()
        self.reasons: Counter[str] = Counter()

    def add(self, session: LiveSession, grade: Grade) -> None:
        self.first = min(self.first, (session.began, session.session))
        self.grades[grade] += 1
        if session.spells and session.spells[-1].end == session.ended:
            self.reasons.update(session.spells[-1].reasons.keys())


def _live_meeting(room: str, live_room: _LiveRoom) -> LiveMeeting:
    began, session = live_room.first
    reasons = sorted(live_room.reasons, key=lambda reason: (-live_room.reasons[reason], reason))
    return LiveMeeting(
        session,
        room,
        began,
        *_counted(live_room.grades),
        tuple(reasons[:_MAX_REASONS]),
    )


def _counted(grades: Counter[Grade]) -> tuple[int, int, int, int, int]:
    """The number of participants, and of those with grade good, fair, poor and unknown."""
    good, fair, poor = grades[Grade.GOOD], grades[Grade.FAIR], grades[Grade.POOR]
    return grades.total(), good, fair, poor, grades[Grade.UNKNOWN]
