"""What reports about simulated sessions must show, counted by the second."""

from array import array
from collections import defaultdict
from collections.abc import Iterable

import msgspec

from jmmc.core.rounding import whole_minutes
from jmmc.core.timestamps import to_iso
from jmmc.simulation.conditions import CUT, Held, PlantedProblem
from jmmc.simulation.scenario import Scenario, SimulatedSession

_EMPTY_SECONDS = 600
"""A meeting is over when its room has been empty for this long."""


class ExpectedResults:
    """The truth about sessions that are added by their start.

    `by_region`, `by_path`, `by_bridge` and `by_camera` have seconds in all, and with a problem:
    each second counts for the region, the path and the bridge that it was on, and for the camera
    of the participant. `failures` counts the joins that failed, by reason.
    """

    def __init__(self) -> None:
        self.sessions = 0
        self.samples = 0
        self.seconds = 0
        self.by_cause: dict[str, int] = defaultdict(int)  # Seconds with a problem.
        self.by_region: dict[str, list[int]] = defaultdict(lambda: [0, 0])
        self.by_path: dict[str, list[int]] = defaultdict(lambda: [0, 0])
        self.by_bridge: dict[str, list[int]] = defaultdict(lambda: [0, 0])
        self.by_camera: dict[str, list[int]] = defaultdict(lambda: [0, 0])
        self.failures: dict[str, int] = defaultdict(int)
        self.dropped = 0  # Sessions that a failure ended.
        self.ratings: list[int] = []
        self.rooms: set[str] = set()
        self.meetings = 0
        self.in_outage = 0  # Sessions.
        self._empty: dict[str, int] = {}  # When the last one left a room.
        self._began, self._ended, self._person = array("q"), array("q"), array("q")
        self._persons: dict[str, int] = {}

    def add(self, simulated: SimulatedSession, scenario: Scenario) -> None:
        """Count one session."""
        session, began, ended = simulated.session, simulated.began, simulated.ended
        self.sessions += 1
        self.samples += len(session.samples)
        self.seconds += ended - began
        self.rooms.add(session.room)
        empty = self._empty.get(session.room)
        self.meetings += empty is None or began - empty >= _EMPTY_SECONDS
        self._empty[session.room] = max(ended, empty or 0)
        for problem in simulated.problems:
            self.by_cause[problem.cause] += problem.end - problem.start
        _count(self.by_region, simulated.regions, simulated.problems)
        _count(self.by_path, simulated.paths, simulated.problems)
        _count(self.by_bridge, simulated.bridges, simulated.problems)
        if simulated.camera:
            held = (Held(began, ended, simulated.camera),)
            _count(self.by_camera, held, simulated.problems)
        self._add_joining(simulated)
        failing, working = scenario.outage_window
        self.in_outage += scenario.outage and any(
            problem.cause == CUT and problem.start < working and failing < problem.end
            for problem in simulated.problems
        )
        self._began.append(began)
        self._ended.append(ended)
        self._person.append(self._persons.setdefault(session.browser_id, len(self._persons)))

    def _add_joining(self, simulated: SimulatedSession) -> None:
        for attempt in simulated.attempts:
            self.failures[str(msgspec.json.decode(attempt.samples[0].readings)["fail"])] += 1
        if simulated.session.samples[-1].bye:  # Else nothing was said at the end.
            self.dropped += bool(simulated.joining.drop)
            if simulated.joining.rating is not None:
                self.ratings.append(simulated.joining.rating)

    @property
    def peak_connections(self) -> int:
        """The most sessions at once."""
        return _most(self._began, self._ended)

    @property
    def peak_people(self) -> int:
        """The most people at once; somebody with two tabs is one."""
        stays = sorted(zip(self._person, self._began, self._ended, strict=True))
        began, ended = array("q"), array("q")
        last = -1
        for person, start, end in stays:
            if person == last and start <= ended[-1]:
                ended[-1] = max(ended[-1], end)
            else:
                began.append(start)
                ended.append(end)
            last = person
        return _most(began, ended)

    def text(self, scenario: Scenario) -> str:
        """The expected results as lines of text."""
        lines = [
            f"{self.sessions:,} sessions in {len(self.rooms):,} rooms, {self.samples:,} samples,",
            f"{whole_minutes(self.seconds):,} minutes, starting at {to_iso(scenario.start)}.",
            "Expected results:",
            f"  {self.meetings:,} meetings; peak concurrent: {self.peak_people:,} participants,"
            f" {self.peak_connections:,} connections",
        ]
        for seconds in (self.by_region, self.by_path, self.by_bridge, self.by_camera):
            for value, (known, affected) in sorted(seconds.items()):
                lines.append(
                    f"  {value:14} {affected / max(known, 1):7.2%} of"
                    f" {whole_minutes(known):,} minutes with a problem"
                )
        failed = ", ".join(f"{count} {reason}" for reason, count in sorted(self.failures.items()))
        lines.append(f"  {sum(self.failures.values()):,} joins failed: {failed or 'none'}")
        lines.append(f"  {self.dropped:,} of {self.sessions:,} stays were ended by a failure")
        if self.ratings:
            mean = sum(self.ratings) / len(self.ratings)
            lines.append(f"  {len(self.ratings):,} calls were rated: {mean:.2f} of 5 in the mean")
        for cause, count in sorted(self.by_cause.items(), key=lambda item: -item[1]):
            lines.append(f"  {cause:12} {whole_minutes(count):,} minutes")
        if self.in_outage:
            start, end = scenario.outage_window
            lines.append(f"  eu-west: outage from {to_iso(start)} to {to_iso(end)}")
        return "\n".join(lines)


def _count(
    seconds: dict[str, list[int]], helds: Iterable[Held], problems: Iterable[PlantedProblem]
) -> None:
    for start, end, value in helds:
        counted = seconds[value]
        counted[0] += end - start
        for problem in problems:
            counted[1] += max(0, min(end, problem.end) - max(start, problem.start))


def _most(began: Iterable[int], ended: Iterable[int]) -> int:
    """The most spans at once; who comes when another leaves is not there with them."""
    changes = sorted([*((at, 1) for at in began), *((at, -1) for at in ended)])
    most = present = 0
    for _, change in changes:
        present += change
        most = max(most, present)
    return most
