"""Generate sessions from a seed: who meets when, what each person has, what each browser sends."""

from collections.abc import Iterator, Sequence
from itertools import groupby
from random import Random

from msgspec import Struct
from msgspec.structs import replace

from jmmc.core.model import Dialect, Session
from jmmc.protocol.identity import session_of
from jmmc.simulation.browser import STEP, draw_attempt, draw_samples
from jmmc.simulation.conditions import Held, Leg, PlantedProblem, draw_course
from jmmc.simulation.joining import Attempt, Joining, draw_attempts, draw_joining
from jmmc.simulation.meetings import Scenario, Visit, Window, visits

__all__ = [
    "STEP",
    "Held",
    "PlantedProblem",
    "Scenario",
    "SimulatedSession",
    "Window",
    "simulate",
]


class SimulatedSession(Struct, frozen=True):
    """One stay in a room: what the browser sends, and the truth about it, by the second.

    It lasts from `began` to `ended`, in Unix seconds. `regions`, `paths` (`udp`, `tcp`, `relay`,
    `p2p`) and `bridges` (an address, or `p2p`) cover that time. `screens`: when a shared screen was
    sent or seen. `camera` is its name, "" when unknown. `attempts` are the joins that failed before
    it: each is a session of its own.
    """

    session: Session
    ended: int
    problems: tuple[PlantedProblem, ...]
    regions: tuple[Held, ...]
    paths: tuple[Held, ...]
    screens: tuple[Window, ...]
    network: int
    browser: str
    camera: str
    address: int
    bridges: tuple[Held, ...]
    joining: Joining
    attempts: tuple[Session, ...]

    @property
    def sessions(self) -> tuple[Session, ...]:
        """All that is stored: the attempts and the stay."""
        return (*self.attempts, self.session)

    @property
    def began(self) -> int:
        """When the person joined."""
        return self.session.began

    @property
    def region(self) -> str:
        """The region in which most of the time passed."""
        return max(self.regions, key=lambda held: (held.end - held.start, held.value)).value


def simulate(scenario: Scenario) -> Iterator[SimulatedSession]:
    """Yield every session, by its start. The same scenario gives the same sessions."""
    chance = Random(scenario.seed)  # noqa: S311 - a simulation, not a secret
    for visit in visits(scenario, chance):
        yield _session(scenario, visit)


def _session(scenario: Scenario, visit: Visit) -> SimulatedSession:
    """Simulate one visit. Its random numbers depend on the scenario and the visit only."""
    chance = Random(scenario.seed * 1_000_003 + visit.number)  # noqa: S311 - a simulation
    person, room = visit.person, visit.meeting.room
    phase = 3 + int(chance.random() * (STEP - 2))
    bye = chance.random() < 0.9
    if not bye:  # Of a browser that crashes nothing is known after its last sample.
        left = visit.left - (visit.left - visit.began - phase) % STEP
        visit = replace(visit, left=left)
    course = draw_course(scenario, visit, chance)
    # Apart, so that what is drawn of joins changes nothing of the rest.
    of_joins = Random(scenario.seed * 2_000_003 + visit.number)  # noqa: S311 - a simulation
    joining = draw_joining(visit, course.problems, of_joins)
    samples = draw_samples(
        visit.began,
        course.legs,
        person,
        phase,
        joining=joining,
        bye=bye,
        devices=scenario.devices,
        chance=chance,
    )
    sid = f"{chance.getrandbits(128):032x}"
    name = f"room-{room}" if room % 7 else f"r%c3%a9union-{room}"
    return SimulatedSession(
        Session(session_of(sid), name, person.browser_id, Dialect.V2, visit.began, samples),
        visit.left,
        course.problems,
        course.regions,
        course.paths,
        tuple(Window(part.start, part.end) for part in course.legs if part.conditions.screen),
        person.network,
        person.browser,
        person.camera_name if scenario.devices else "",
        person.address,
        tuple(_bridges(course.legs)),
        joining,
        tuple(
            _attempt(attempt, visit, name, of_joins)
            for attempt in draw_attempts(scenario, visit, of_joins)
        ),
    )


def _bridges(legs: Sequence[Leg]) -> Iterator[Held]:
    for bridge, of_bridge in groupby(legs, lambda leg: leg.conditions.bridge):
        together = list(of_bridge)
        yield Held(together[0].start, together[-1].end, bridge)


def _attempt(attempt: Attempt, visit: Visit, room: str, chance: Random) -> Session:
    samples = draw_attempt(attempt.at, visit.person, attempt.joining, attempt.region)
    session = session_of(f"{chance.getrandbits(128):032x}")
    return Session(session, room, visit.person.browser_id, Dialect.V2, attempt.at, samples)
