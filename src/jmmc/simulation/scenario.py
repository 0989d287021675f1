"""Realistic life from a seed: who joins, from where, and what goes wrong, with the truth of it."""

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

_FULL = 20  # Samples from one full one to the next: ten minutes.
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
_WEAK_BROWSER = "Chrome 130"  # Its machines are old: they limit what they send.
_NETWORKS = 120
# Numbers for documentation (RFC 5398). Bad networks are spread over all providers.
_PROVIDERS = (
    ("AS64496 Example Cable", "FR"),
    ("AS64497 Example Fibre", "FR"),
    ("AS64498 Example Mobile", "BE"),
)
_BAD_NETWORKS = 4  # The first ones lose packets in the evening.


class Scenario(Struct, frozen=True):
    """What to simulate. `start` is Unix seconds; with `outage` one region fails in the middle.

    `participants` sessions are spread over `minutes` and over `rooms` rooms.
    """

    participants: int
    rooms: int
    minutes: int
    seed: int
    start: int
    outage: bool = True

    @property
    def outage_window(self) -> tuple[int, int]:
        """When the region fails: for ten minutes, or a tenth of a short scenario."""
        length = min(600, self.minutes * 6)
        middle = self.start + self.minutes * 30
        if self.minutes >= 1440:
            middle += 11 * 3600 - middle % _DAY  # At night it would strike nobody.
        return middle, middle + length


class PlantedProblem(Struct, frozen=True):
    """A stretch in which one participant's call is bad, and why."""

    start: int
    end: int
    cause: str


class SimulatedSession(Struct, frozen=True):
    """One stay: what the browser sends, and what was wrong in truth."""

    session: Session
    troubles: tuple[PlantedProblem, ...]
    region: str
    network: int
    browser: str
    address: int


class _Person(Struct, frozen=True):
    browser_id: str
    browser: str
    system: str
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
    """Every stay, by when it began. The same scenario gives the same life."""
    chance = Random(scenario.seed)  # noqa: S311 - a simulation, not a secret
    people = [_person(chance) for _ in range(max(2, scenario.participants // 6))]
    waiting: list[_Visit] = []
    number = 0
    for meeting in _meetings(scenario, chance):
        while waiting and waiting[0].began <= meeting[0]:
            yield _live(scenario, heappop(waiting), people)
        room, guests = meeting[1], meeting[2]
        length = min(int(chance.lognormvariate(3.2, 0.6)) * 60 + 120, scenario.minutes * 60)
        for _ in range(guests):
            late = min(int(chance.expovariate(1 / 90)), length // 2)
            stay = max(60, length - late - int(chance.expovariate(1 / 120)))
            heappush(waiting, _Visit(meeting[0] + late, number, room, stay))
            number += 1
    while waiting:
        yield _live(scenario, heappop(waiting), people)


def _meetings(scenario: Scenario, chance: Random) -> Iterator[tuple[int, int, int]]:
    """Beginnings in order: (when, room, guests); as many guests as there are participants."""
    sizes: list[int] = []
    left = scenario.participants
    while left:
        guests = min(left, 2 if chance.random() < 0.35 else 2 + int(chance.paretovariate(1.2)), 50)
        sizes.append(guests)
        left -= guests
    moments = sorted(_moment(scenario, chance) for _ in sizes)
    for moment, guests in zip(moments, sizes, strict=True):
        yield moment, chance.randrange(scenario.rooms), guests


def _moment(scenario: Scenario, chance: Random) -> int:
    """Any time in a short scenario; in one of days, working hours are busier."""
    span = max(1, scenario.minutes * 60 - 600)
    while True:
        moment = scenario.start + int(chance.random() * span)
        hour = moment % _DAY / 3600
        if scenario.minutes < 1440 or chance.random() < 0.08 + exp(-(((hour - 12) / 4) ** 2)):
            return moment


def _person(chance: Random) -> _Person:
    browser, system, _ = chance.choices(_BROWSERS, [item[2] for item in _BROWSERS])[0]
    network = min(int(chance.expovariate(1 / 25)), _NETWORKS - 1)
    hexes = f"{chance.getrandbits(128):032x}"
    browser_id = f"{hexes[:8]}-{hexes[8:12]}-4{hexes[13:16]}-a{hexes[17:20]}-{hexes[20:]}"
    address = (198 << 24) + (18 << 16) + (network << 8) + chance.randrange(1, 255)
    rtt = chance.choice((12, 18, 25, 40, 60))
    return _Person(browser_id, browser, system, network, address, rtt, chance.random() < 0.8)


def _live(scenario: Scenario, visit: _Visit, people: Sequence[_Person]) -> SimulatedSession:
    """One stay; its chance depends on scenario and visit alone."""
    chance = Random(scenario.seed * 1_000_003 + visit.number)  # noqa: S311 - a simulation
    person = people[chance.randrange(len(people))]
    region = _REGIONS[visit.room % len(_REGIONS)]
    room = f"room-{visit.room}" if visit.room % 7 else f"r%c3%a9union-{visit.room}"
    troubles = _troubles(scenario, visit, person, region, chance)
    samples = _samples(visit, person, region, troubles, chance)
    sid = f"{chance.getrandbits(128):032x}"
    session = Session(session_of(sid), room, person.browser_id, Dialect.V2, visit.began, samples)
    return SimulatedSession(
        session, troubles, region, person.network, person.browser, person.address
    )


def _troubles(
    scenario: Scenario, visit: _Visit, person: _Person, region: str, chance: Random
) -> tuple[PlantedProblem, ...]:
    """None overlaps another; all begin and end at samples."""
    ends = visit.began + visit.seconds // STEP * STEP
    found: list[PlantedProblem] = []

    def add(start: int, end: int, cause: str) -> None:
        start = visit.began + -(-(max(start, visit.began + STEP) - visit.began) // STEP) * STEP
        end = visit.began + (min(end, ends) - visit.began) // STEP * STEP
        free = all(end <= row.start or start >= row.end for row in found)
        if start < end and free:
            found.append(PlantedProblem(start, end, cause))

    if scenario.outage and region == _REGIONS[1]:
        add(*scenario.outage_window, "interrupted")
    if person.network < _BAD_NETWORKS and 17 <= visit.began % _DAY / 3600 < 23:
        add(visit.began, ends, "loss")
    if person.browser == _WEAK_BROWSER and chance.random() < 0.5:
        add(visit.began + visit.seconds // 3, ends, "cpu")
    while chance.random() < 0.25:
        start = visit.began + chance.randrange(max(1, visit.seconds))
        cause = chance.choice(("loss", "rtt", "jitter", "bandwidth"))
        add(start, start + chance.choice((60, 120, 300)), cause)
    return tuple(sorted(found, key=lambda row: row.start))


_Readings = dict[str, Any]


def _samples(
    visit: _Visit, person: _Person, region: str, troubles: Sequence[PlantedProblem], chance: Random
) -> tuple[Sample, ...]:
    samples: list[Sample] = []
    before: _Readings = {}
    count = visit.seconds // STEP + 1
    cut = False
    says_goodbye = chance.random() < 0.9
    for seq in range(count):
        ts = visit.began + seq * STEP
        trouble = next((problem for problem in troubles if problem.start <= ts < problem.end), None)
        now = _readings(seq, person, region, trouble, chance)
        full = seq > 0 and seq % _FULL == 0
        changed = (
            now if full else {key: value for key, value in now.items() if before.get(key) != value}
        )
        if not full:
            for key in before:
                if key not in now:
                    changed[key] = None
        interrupted = trouble is not None and trouble.cause == "interrupted"
        tree = _tree(changed)
        if interrupted != cut:
            tree["ev"] = ["interrupted" if interrupted else "restored"]
            cut = interrupted
        bye = says_goodbye and seq == count - 1
        samples.append(Sample(seq, ts, msgspec.json.encode(tree), full, bye))
        before = now
    return tuple(samples)


def _readings(
    seq: int, person: _Person, region: str, trouble: PlantedProblem | None, chance: Random
) -> _Readings:
    """Everything that the browser knows now, by path."""
    now: _Readings = {"br": person.browser, "os": person.system, "pid": person.browser_id[:8]}
    now["t.rip"] = person.address
    now["t.asn"], now["t.cc"] = _PROVIDERS[person.network % len(_PROVIDERS)]
    cause = trouble.cause if trouble else None
    if seq == 0 or cause == "interrupted":
        return now
    calm = chance.random() < 0.5  # Half of the samples say little that is new.
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
        now |= {"d.jit": 60 + wave, "cq": 70}
    elif cause == "bandwidth":
        now |= {"u.bw": 120, "cq": 5, "u.lim": "bandwidth"}
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
