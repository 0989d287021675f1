"""Generate sessions from a seed: who joins, from where, and which problems each call has."""

from collections.abc import Iterator, Sequence
from heapq import heappop, heappush
from math import exp, pi, sin
from random import Random
from typing import Any

import msgspec
from msgspec import Struct

from jmmc.core.model import Dialect, Sample, Session
from jmmc.protocol.identity import session_of

STEP = 30
"""Seconds between two samples."""

_FULL = 20  # Samples from one full sample to the next: ten minutes.
_DAY = 86_400
_REGIONS = ("eu-central", "eu-west", "us-east", "ap-south")
_BROWSERS = (
    ("Chrome 131", "Windows 11", 34),
    ("Chrome 131", "macOS 15", 14),
    ("Chrome 130", "Windows 10", 12),
    ("Firefox 133", "Windows 11", 10),
    ("Firefox 133", "Ubuntu", 6),
    ("Safari 18", "macOS 15", 9),
    ("Safari 18", "iOS 18", 6),
    ("Edge 131", "Windows 11", 9),
)
_SLOW_BROWSER = "Chrome 130"  # Its users have old machines, whose CPU limits the video sent.
_NETWORKS = 120
# AS numbers for documentation (RFC 5398). The lossy networks are spread over all providers.
_PROVIDERS = (
    ("AS64496 Example Cable", "FR"),
    ("AS64497 Example Fibre", "FR"),
    ("AS64498 Example Mobile", "BE"),
)
_LOSSY_NETWORKS = 4  # The first ones: sessions begun from 17:00 to 23:00 UTC lose packets.


class Scenario(Struct, frozen=True):
    """What to simulate: `participants` sessions, spread over `minutes` and over `rooms` rooms.

    `start` is in Unix seconds. With `outage`, one region fails in the middle.
    """

    participants: int
    rooms: int
    minutes: int
    seed: int
    start: int
    outage: bool = True

    @property
    def outage_window(self) -> tuple[int, int]:
        """Start and end of the outage: ten minutes, or a tenth of a short scenario."""
        length = min(600, self.minutes * 6)
        middle = self.start + self.minutes * 30
        if self.minutes >= 1440:
            middle += 11 * 3600 - middle % _DAY  # At 11:00 UTC: at night it would affect nobody.
        return middle, middle + length


class PlantedProblem(Struct, frozen=True):
    """A problem of one participant's call. `start` and `end` are in Unix seconds."""

    start: int
    end: int
    cause: str


class SimulatedSession(Struct, frozen=True):
    """One stay in a room: what the browser sends, and the problems planted in it."""

    session: Session
    problems: tuple[PlantedProblem, ...]
    region: str
    network: int
    browser: str
    address: int


class _Person(Struct, frozen=True):
    browser_id: str
    browser: str
    os: str
    network: int
    address: int
    rtt: float
    camera: bool


class _Visit(Struct, frozen=True, order=True):
    began: int
    number: int
    room: int
    seconds: int


def simulate(scenario: Scenario) -> Iterator[SimulatedSession]:
    """Yield every session, by its start. The same scenario gives the same sessions."""
    chance = Random(scenario.seed)  # noqa: S311 - a simulation, not a secret
    people = [_person(chance) for _ in range(max(2, scenario.participants // 6))]
    waiting: list[_Visit] = []
    number = 0
    for start, room, size in _meetings(scenario, chance):
        while waiting and waiting[0].began <= start:
            yield _session(scenario, heappop(waiting), people)
        length = min(int(chance.lognormvariate(3.2, 0.6)) * 60 + 120, scenario.minutes * 60)
        for _ in range(size):
            late = min(int(chance.expovariate(1 / 90)), length // 2)
            stay = max(60, length - late - int(chance.expovariate(1 / 120)))
            heappush(waiting, _Visit(start + late, number, room, stay))
            number += 1
    while waiting:
        yield _session(scenario, heappop(waiting), people)


def _meetings(scenario: Scenario, chance: Random) -> Iterator[tuple[int, int, int]]:
    """Yield (start, room, size) by start; the sizes add up to the scenario's participants."""
    sizes: list[int] = []
    left = scenario.participants
    while left:
        size = min(left, 2 if chance.random() < 0.35 else 2 + int(chance.paretovariate(1.2)), 50)
        sizes.append(size)
        left -= size
    starts = sorted(_start(scenario, chance) for _ in sizes)
    for start, size in zip(starts, sizes, strict=True):
        yield start, chance.randrange(scenario.rooms), size


def _start(scenario: Scenario, chance: Random) -> int:
    """Draw the start of a meeting: any time of a short scenario, mostly by day in a long one."""
    latest = max(1, scenario.minutes * 60 - 600)
    while True:
        start = scenario.start + int(chance.random() * latest)
        hour = start % _DAY / 3600
        if scenario.minutes < 1440 or chance.random() < 0.08 + exp(-(((hour - 12) / 4) ** 2)):
            return start


def _person(chance: Random) -> _Person:
    browser, os, _ = chance.choices(_BROWSERS, [item[2] for item in _BROWSERS])[0]
    network = min(int(chance.expovariate(1 / 25)), _NETWORKS - 1)
    digits = f"{chance.getrandbits(128):032x}"
    browser_id = f"{digits[:8]}-{digits[8:12]}-4{digits[13:16]}-a{digits[17:20]}-{digits[20:]}"
    address = (198 << 24) + (18 << 16) + (network << 8) + chance.randrange(1, 255)
    rtt = chance.choice((12, 18, 25, 40, 60))
    return _Person(browser_id, browser, os, network, address, rtt, chance.random() < 0.8)


def _session(scenario: Scenario, visit: _Visit, people: Sequence[_Person]) -> SimulatedSession:
    """Simulate one visit. Its random numbers depend on the scenario and the visit only."""
    chance = Random(scenario.seed * 1_000_003 + visit.number)  # noqa: S311 - a simulation
    person = people[chance.randrange(len(people))]
    region = _REGIONS[visit.room % len(_REGIONS)]
    room = f"room-{visit.room}" if visit.room % 7 else f"r%c3%a9union-{visit.room}"
    problems = _problems(scenario, visit, person, region, chance)
    samples = _samples(visit, person, region, problems, chance)
    sid = f"{chance.getrandbits(128):032x}"
    session = Session(session_of(sid), room, person.browser_id, Dialect.V2, visit.began, samples)
    return SimulatedSession(
        session, problems, region, person.network, person.browser, person.address
    )


def _problems(
    scenario: Scenario, visit: _Visit, person: _Person, region: str, chance: Random
) -> tuple[PlantedProblem, ...]:
    """Draw the problems of a visit. None overlaps another; all start and end at samples."""
    last = visit.began + visit.seconds // STEP * STEP
    problems: list[PlantedProblem] = []

    def add(start: int, end: int, cause: str) -> None:
        start = visit.began + -(-(max(start, visit.began + STEP) - visit.began) // STEP) * STEP
        end = visit.began + (min(end, last) - visit.began) // STEP * STEP
        free = all(end <= problem.start or start >= problem.end for problem in problems)
        if start < end and free:
            problems.append(PlantedProblem(start, end, cause))

    if scenario.outage and region == _REGIONS[1]:
        add(*scenario.outage_window, "interrupted")
    if person.network < _LOSSY_NETWORKS and 17 <= visit.began % _DAY / 3600 < 23:
        add(visit.began, last, "loss")
    if person.browser == _SLOW_BROWSER and chance.random() < 0.5:
        add(visit.began + visit.seconds // 3, last, "cpu")
    while chance.random() < 0.25:
        start = visit.began + chance.randrange(max(1, visit.seconds))
        cause = chance.choice(("loss", "rtt", "jitter", "bandwidth"))
        add(start, start + chance.choice((60, 120, 300)), cause)
    return tuple(sorted(problems, key=lambda problem: problem.start))


_Readings = dict[str, Any]


def _samples(
    visit: _Visit, person: _Person, region: str, problems: Sequence[PlantedProblem], chance: Random
) -> tuple[Sample, ...]:
    samples: list[Sample] = []
    before: _Readings = {}
    count = visit.seconds // STEP + 1
    cut = False
    leaves_properly = chance.random() < 0.9
    for seq in range(count):
        ts = visit.began + seq * STEP
        problem = next((planted for planted in problems if planted.start <= ts < planted.end), None)
        readings = _readings(seq, person, region, problem, chance)
        full = seq > 0 and seq % _FULL == 0
        if full:
            changed = readings
        else:
            changed = {key: value for key, value in readings.items() if before.get(key) != value}
            changed |= {key: None for key in before if key not in readings}
        interrupted = problem is not None and problem.cause == "interrupted"
        tree = _tree(changed)
        if interrupted != cut:
            tree["ev"] = ["interrupted" if interrupted else "restored"]
            cut = interrupted
        bye = leaves_properly and seq == count - 1
        samples.append(Sample(seq, ts, msgspec.json.encode(tree), full, bye))
        before = readings
    return tuple(samples)


def _readings(
    seq: int, person: _Person, region: str, problem: PlantedProblem | None, chance: Random
) -> _Readings:
    """Draw everything that the browser knows now, by path."""
    now: _Readings = {"br": person.browser, "os": person.os, "pid": person.browser_id[:8]}
    now["t.rip"] = person.address
    now["t.asn"], now["t.cc"] = _PROVIDERS[person.network % len(_PROVIDERS)]
    cause = problem.cause if problem else None
    if seq == 0 or cause == "interrupted":
        return now
    calm = chance.random() < 0.5  # Half of the samples change little.
    wave = 0 if calm else abs(round(5 * sin(seq / 7 * pi))) + chance.randrange(3)
    now |= {
        "cq": 100 - wave,
        "rtt": person.rtt + wave,
        "u.ab": 32,
        "d.ab": 34,
        "u.pl": 0,
        "d.pl": 0,
    }
    now |= {"d.bw": 8000, "u.bw": 3200 + 40 * wave, "d.vb": 900 + 12 * wave, "d.jit": 4}
    now["u.lim"] = "none"
    now |= {"t.sr": region, "t.tp": "udp", "t.p2p": False, "cdc.a": "opus", "t.ip": 0xC0000201}
    if person.network % 17 == 5:
        now |= {"t.tp": "tcp", "t.lct": "relay"}
    if person.camera:
        now |= {"u.vb": 1400 + 10 * wave, "res.h": 720, "res.w": 1280, "cdc.v": "VP9", "u.fr": 30}
    if cause == "loss":
        now |= {"d.pl": 14 + wave, "cq": 20}
    elif cause == "rtt":
        now |= {"rtt": 700 + 10 * wave, "cq": 60}
    elif cause == "jitter":
        now |= {"d.jit": 60 + wave, "d.cnc": 4, "cq": 70}
    elif cause == "bandwidth":
        now |= {"u.bw": 120, "u.pl": 3, "cq": 5, "u.lim": "bandwidth"}
        now |= {"u.vb": 90, "res.h": 180, "res.w": 320, "u.fr": 15}
    elif cause == "cpu":
        now |= {"u.lim": "cpu", "u.fr": 12, "cq": 50}
    return now


def _tree(flat: _Readings) -> _Readings:
    tree: _Readings = {}
    for path, value in flat.items():
        group, dot, leaf = path.partition(".")
        if dot:
            tree.setdefault(group, {})[leaf] = value
        else:
            tree[path] = value
    return tree
