"""The right figures of a window, by counting seconds."""

from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

from tests.oracle.truth import TECHNICAL, Call, Held, all_seconds, end_of

Where = Callable[[Call, Held], bool]


@dataclass
class Totals:
    """Seconds of each grade, and who had them; `known_sessions` had seconds of a known grade."""

    good: int = 0
    poor: int = 0
    unknown: int = 0
    sessions: set[str] = field(default_factory=set)
    known_sessions: set[str] = field(default_factory=set)
    people: set[str] = field(default_factory=set)
    rooms: set[str] = field(default_factory=set)

    @property
    def known(self) -> int:
        return self.good + self.poor

    @property
    def seconds(self) -> int:
        return self.known + self.unknown

    @property
    def minutes(self) -> int:
        return (self.seconds + 30) // 60

    def add(self, call: Call, grade: str, seconds: int) -> None:
        setattr(self, grade, getattr(self, grade) + seconds)
        self.sessions.add(call.sid)
        if grade != "unknown":
            self.known_sessions.add(call.sid)
        self.people.add(call.uid)
        self.rooms.add(call.room)


def totals(calls: Iterable[Call], since: int, until: int, where: Where | None = None) -> Totals:
    """The totals of a window, of the seconds that `where` selects."""
    total = Totals()
    for (call, grade, held), seconds in _counted(calls, since, until).items():
        if where is None or where(call, held):
            total.add(call, grade, seconds)
    return total


def value_of(call: Call, held: Held, dimension: str) -> str:
    """The value of a dimension that a second counts for."""
    if dimension in ("browser", "room"):
        return str(getattr(call, dimension))
    if dimension == "bridge" and held.transport == "p2p":
        return "p2p"
    return str(getattr(held, dimension))


def by_value(
    calls: Iterable[Call], dimension: str, since: int, until: int, where: Where | None = None
) -> dict[str, Totals]:
    """The totals of each value: each second counts for the value it was on."""
    found: dict[str, Totals] = defaultdict(Totals)
    for (call, grade, held), seconds in _counted(calls, since, until).items():
        if where is None or where(call, held):
            found[value_of(call, held, dimension)].add(call, grade, seconds)
    return dict(found)


def peaks(calls: Sequence[Call], since: int, until: int) -> tuple[int, int]:
    """The most people, and the most connections, in any one second."""
    changes: dict[int, Counter[str]] = defaultdict(Counter)
    for call in calls:
        joined, left = max(call.joined, since), min(call.left, until)
        if joined < left:
            changes[joined][call.uid] += 1
            changes[left][call.uid] -= 1
    connections: Counter[str] = Counter()
    most_people, most_connections = 0, 0
    for _, change in sorted(changes.items()):
        connections.update(change)  # A Counter adds, also what is negative.
        most_people = max(most_people, sum(count > 0 for count in connections.values()))
        most_connections = max(most_connections, connections.total())
    return most_people, most_connections


def meetings(calls: Iterable[Call]) -> list[list[Call]]:
    """The calls of each meeting, by when they began: until its room was empty for ten minutes."""
    found: list[list[Call]] = []
    newest: dict[str, list[Call]] = {}
    for call in sorted(calls, key=lambda call: call.joined):
        meeting = newest.get(call.room)
        if meeting is None or call.joined - end_of(meeting) >= 600:
            meeting = newest[call.room] = []
            found.append(meeting)
        meeting.append(call)
    return found


class Joined(NamedTuple):
    """The joins and the ends of stays of a window."""

    joined: int
    failed: int
    refused: int
    ended: int
    dropped: int


def joins(calls: Iterable[Call], since: int, until: int, where: Where | None = None) -> Joined:
    """The joins at the seconds at which they were, and the stays in their last second."""
    counts: Counter[str] = Counter()
    for call in calls:
        if call.fail:
            name = "failed" if call.fail in TECHNICAL else "refused"
            if since <= call.joined < until and (where is None or where(call, call.start)):
                counts[name] += 1
        elif call.setup:
            first, last = call.held[0], call.held[-1]
            if since <= call.joined < until and (where is None or where(call, first)):
                counts["joined"] += 1
            if since <= call.left - 1 < until and (where is None or where(call, last)):
                counts["ended"] += 1
                counts["dropped"] += call.drop in TECHNICAL
    return Joined(*(counts[name] for name in Joined._fields))


def _counted(calls: Iterable[Call], since: int, until: int) -> Counter[tuple[Call, str, Held]]:
    """How many seconds each call has of each grade, while the same held."""
    return Counter(
        (call, second.grade, second.held) for call, second in all_seconds(calls, since, until)
    )
