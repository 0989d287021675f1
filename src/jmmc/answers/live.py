"""This moment: who is there, how their meetings are, and where it is bad."""

from collections import Counter
from collections.abc import Iterable

from jmmc.answers.model import Hotspot, Live, LiveMeeting
from jmmc.quality.grading import Grade
from jmmc.quality.summary import LiveSession

_PLACES = 12  # Shown at the most.
_REASONS = 3
_DIMENSIONS = ("region", "network", "provider", "browser")


class LiveView:
    """All who are there, counted a few at a time."""

    def __init__(self) -> None:
        self._grades: Counter[Grade] = Counter()
        self._rooms: dict[str, _Room] = {}
        self._places: dict[tuple[str, str], list[int]] = {}

    def add(self, people: Iterable[LiveSession]) -> None:
        """Count some more, in any order."""
        for person in people:
            grade = person.at_present
            self._grades[grade] += 1
            if person.room not in self._rooms:
                self._rooms[person.room] = _Room(person)
            self._rooms[person.room].add(person, grade)
            for dimension in _DIMENSIONS:
                sums = self._places.setdefault((dimension, getattr(person, dimension)), [0, 0])
                sums[0] += 1
                sums[1] += grade >= Grade.FAIR

    def live(self, now: int) -> Live:
        """The answer, at `now` (Unix seconds)."""
        meetings = [_tile(room, live_room) for room, live_room in self._rooms.items()]
        meetings.sort(
            key=lambda meeting: (-meeting.poor, -meeting.fair, -meeting.people, meeting.room)
        )
        hotspots = [
            Hotspot(dimension, value, people, affected)
            for (dimension, value), (people, affected) in self._places.items()
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
            tuple(meetings),
            tuple(hotspots[:_PLACES]),
        )


class _Room:
    """Those in one conference, and who of them came first."""

    def __init__(self, somebody: LiveSession) -> None:
        self.first = (somebody.began, somebody.session)
        self.grades: Counter[Grade] = Counter()
        self.reasons: Counter[str] = Counter()

    def add(self, it: LiveSession, grade: Grade) -> None:
        self.first = min(self.first, (it.began, it.session))
        self.grades[grade] += 1
        if it.spells and it.spells[-1].end == it.ended:
            self.reasons.update(it.spells[-1].reasons.keys())


def _tile(room: str, live_room: _Room) -> LiveMeeting:
    began, session = live_room.first
    reasons = sorted(live_room.reasons, key=lambda reason: (-live_room.reasons[reason], reason))
    return LiveMeeting(
        session,
        room,
        began,
        *_counted(live_room.grades),
        tuple(reasons[:_REASONS]),
    )


def _counted(grades: Counter[Grade]) -> tuple[int, int, int, int, int]:
    """People, and how many of them are good, fair, poor and unknown."""
    good, fair, poor = grades[Grade.GOOD], grades[Grade.FAIR], grades[Grade.POOR]
    return grades.total(), good, fair, poor, grades[Grade.UNKNOWN]
