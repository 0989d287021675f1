"""The live view: running meetings by the current grades of their participants, and hotspots."""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence

from jmmc.answers.model import FEW, Hotspot, Live, LiveMeeting, RecentJoins
from jmmc.quality.differences import Mark, from_the_rests
from jmmc.quality.grading import Grade
from jmmc.quality.intervals import Replicates, groups_of
from jmmc.quality.meeting_ids import meetings_apart
from jmmc.quality.segments import PEER_TO_PEER
from jmmc.quality.summary import LiveSession

_MAX_HOTSPOTS = 12
_MAX_MEETINGS = 1000
_MAX_REASONS = 3
_NO_BRIDGE = ("bridge", PEER_TO_PEER)
_DIMENSIONS = ("region", "bridge", "network", "provider", "browser")


class LiveView:
    """Counts live sessions by grade, room and dimension, in as many steps as they come.

    A person in two tabs is one person with two connections, and has the worse grade of both.
    """

    def __init__(self) -> None:
        self._connections = 0
        self._people: dict[str, Grade] = {}
        self._rooms: dict[str, dict[str, _LiveRoom]] = {}
        self._values: dict[tuple[str, str], dict[str, Grade]] = {}
        self._groups: dict[str, tuple[int, int]] = {}

    def add(self, sessions: Iterable[LiveSession]) -> None:
        """Count these sessions too; the order does not matter."""
        for session in sessions:
            grade = session.at_present
            self._connections += 1
            _note(self._people, session.browser_id, grade)
            self._groups[session.browser_id] = groups_of(
                session.browser_id, session.room, session.began
            )
            by_meeting = self._rooms.setdefault(session.room, {})
            if session.jitsi_meeting_id not in by_meeting:
                by_meeting[session.jitsi_meeting_id] = _LiveRoom(session)
            by_meeting[session.jitsi_meeting_id].add(session, grade)
            for dimension in _DIMENSIONS:
                key = (dimension, session.value_now(dimension))
                if key == _NO_BRIDGE:
                    continue
                _note(self._values.setdefault(key, {}), session.browser_id, grade)

    def live(self, now: int, joins: RecentJoins) -> Live:
        """The live view as counted until `now` (Unix seconds), with the latest `joins`."""
        meetings = [
            _live_meeting(room, parts)
            for room, by_meeting in self._rooms.items()
            for parts in meetings_apart(sorted(by_meeting.values(), key=lambda part: part.began))
        ]
        meetings.sort(
            key=lambda meeting: (-meeting.poor, -meeting.fair, -meeting.people, meeting.room)
        )
        marks = self._marks()
        hotspots = [
            Hotspot(
                dimension,
                value,
                len(people),
                affected,
                marks.get((dimension, value), Mark.FEW),
            )
            for (dimension, value), people in self._values.items()
            if value and (affected := sum(grade >= Grade.FAIR for grade in people.values()))
        ]
        hotspots.sort(
            key=lambda hotspot: (
                hotspot.mark is not Mark.WORSE,
                -hotspot.affected,
                -hotspot.affected / hotspot.people,
                hotspot.dimension,
                hotspot.value,
            )
        )
        return Live(
            now,
            *_counted(self._people),
            tuple(meetings[:_MAX_MEETINGS]),
            tuple(hotspots[:_MAX_HOTSPOTS]),
            connections=self._connections,
            joins=joins,
        )

    def _marks(self) -> dict[tuple[str, str], Mark]:
        """Where more people are affected than elsewhere, beyond chance.

        A person is one observation; those of one meeting are no independent ones.
        """
        if not any(grade >= Grade.FAIR for grade in self._people.values()):
            return {}
        dimensions: dict[str, dict[str, Replicates]] = {}
        for (dimension, value), people in self._values.items():
            replicates = dimensions.setdefault(dimension, {}).setdefault(value, Replicates())
            for browser_id, grade in people.items():
                if grade is not Grade.UNKNOWN:
                    bad = int(grade >= Grade.FAIR)
                    replicates.add(self._groups[browser_id], 1, bad, 0)
        found = from_the_rests(
            dimensions,
            Grade.FAIR,
            lambda dimension, value: dimensions[dimension][value].totals(Grade.FAIR)[0] >= FEW,
        )
        return {
            (dimension, value): difference.mark
            for dimension, of_dimension in found.items()
            for value, difference in of_dimension.items()
        }


def _note(people: dict[str, Grade], browser_id: str, grade: Grade) -> None:
    people[browser_id] = max(grade, people.get(browser_id, Grade.UNKNOWN))


class _LiveRoom:
    """The people of one room, counted by grade and reason, whose sessions have one meeting id.

    `first` is the earliest session, `ended` the time of the last sample of any.
    """

    def __init__(self, session: LiveSession) -> None:
        self.jitsi_meeting_id = session.jitsi_meeting_id
        self.first = (session.began, session.session)
        self.ended = session.last
        self.connections = 0
        self.people: dict[str, Grade] = {}
        self.reasons: Counter[str] = Counter()

    @property
    def began(self) -> int:
        """When the earliest session began."""
        return self.first[0]

    def add(self, session: LiveSession, grade: Grade) -> None:
        self.first = min(self.first, (session.began, session.session))
        self.ended = max(self.ended, session.last)
        self.connections += 1
        _note(self.people, session.browser_id, grade)
        if session.spells and session.spells[-1].end >= session.last:
            self.reasons.update(session.spells[-1].reasons.keys())


def _live_meeting(room: str, parts: Sequence[_LiveRoom]) -> LiveMeeting:
    began, session = min(part.first for part in parts)
    people: dict[str, Grade] = {}
    counts: Counter[str] = Counter()
    for part in parts:
        counts.update(part.reasons)
        for browser_id, grade in part.people.items():
            _note(people, browser_id, grade)
    reasons = sorted(counts, key=lambda reason: (-counts[reason], reason))
    return LiveMeeting(
        session,
        room,
        began,
        *_counted(people),
        sum(part.connections for part in parts),
        tuple(reasons[:_MAX_REASONS]),
    )


def _counted(people: Mapping[str, Grade]) -> tuple[int, int, int, int, int]:
    """The number of people, and of those with grade good, fair, poor and unknown."""
    grades = Counter(people.values())
    good, fair, poor = grades[Grade.GOOD], grades[Grade.FAIR], grades[Grade.POOR]
    return len(people), good, fair, poor, grades[Grade.UNKNOWN]
