"""Simulated servers with one planted cause of problems, as conditions of media.

A world is half an hour of a server, and earlier calls of the same people. Each participant has a
way up, a way down, a machine, devices; groups have trouble that adds to that of their members.
From these conditions follow the readings that each browser would send, at its own ticks of ten
seconds: loss is measured where it happens, and what one participant's way up loses the others hear
and see. The samples go through the timeline, the grades and the summary of the collector.

Nothing here knows the model of `quality.causes`: there are no probabilities of causes, only drawn
losses, delays, speeds and times.
"""

import json
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from random import Random
from typing import Any, NamedTuple

from msgspec import Struct, field
from msgspec.structs import replace

from jmmc.core.model import Dialect, Sample, Session
from jmmc.quality.causes import Records
from jmmc.quality.causes.records import Record, record_of_calls
from jmmc.quality.grading import Spell
from jmmc.quality.summarize import summarize
from jmmc.quality.summary import Summary
from jmmc.quality.thresholds import PRESETS
from jmmc.quality.timeline import Rhythm

START = 1_800_000_000
LENGTH = 1800
"""Seconds of a world."""
TICK = 10
_RHYTHM = Rhythm(TICK, 75)
_PRESET = PRESETS["experience"]
GROUPS = (
    *("meeting", "network", "provider", "bridge", "region", "service", "browser", "os"),
    "transport",
)
OWN = ("line", "machine", "device", "chance")
KINDS = (*GROUPS, *OWN, "other end")
"""What can be planted. With an own cause or the other end, only the world's chance plays."""

_BROWSERS = (
    ("Chrome 131", 40),
    ("Chrome 130", 12),
    ("Firefox 133", 16),
    ("Safari 18", 16),
    ("Edge 131", 12),
    ("Chrome 128", 4),
)
_SYSTEMS = (("Windows 11", 45), ("Windows 10", 15), ("macOS 15", 22), ("iOS 18", 8), ("Ubuntu", 10))
_AT_THE_SERVER = frozenset(("meeting", "bridge", "region", "service"))
_LOOKS_AT = 3  # Participants whose sound and pictures one receives at a time.


class Conditions(NamedTuple):
    """What holds for one participant. Losses are shares, delays ms, machine and device shares."""

    up: float = 0.0
    down: float = 0.0
    delay: float = 0.0
    jitter: float = 0.0
    narrow: bool = False
    machine: float = 0.0
    device: float = 0.0
    decoder: float = 0.0
    cut: bool = False

    def with_(self, other: "Conditions") -> "Conditions":
        """Both together."""
        return Conditions(
            1 - (1 - self.up) * (1 - other.up),
            1 - (1 - self.down) * (1 - other.down),
            self.delay + other.delay,
            max(self.jitter, other.jitter),
            self.narrow or other.narrow,
            max(self.machine, other.machine),
            max(self.device, other.device),
            max(self.decoder, other.decoder),
            self.cut or other.cut,
        )


FINE = Conditions()


class Trouble(NamedTuple):
    """A time with conditions of one participant, and where they come from."""

    start: int
    end: int
    kind: str
    value: str
    conditions: Conditions


class Person(Struct):
    """Somebody with a browser. `weakness` multiplies how much time is troubled."""

    number: int
    network: int
    provider: str
    browser: str
    os: str
    transport: str
    rtt: int
    camera: bool
    weakness: float
    habit: str

    @property
    def uid(self) -> str:
        return f"uid-{self.number}"


class Stay(Struct):
    """One participant's time in a meeting, with all trouble of it."""

    person: Person
    room: str
    region: str
    bridge: str
    began: int
    ended: int
    direct: bool = False
    heard: list["Stay"] = field(default_factory=list)
    troubles: list[Trouble] = field(default_factory=list)

    @property
    def session(self) -> str:
        return f"{self.person.number:016x}{self.began % 2**32:08x}"

    @property
    def endpoint(self) -> str:
        return f"{self.person.number:08x}"

    def values(self) -> Mapping[str, str]:
        """The value of each kind of group."""
        person = self.person
        return {
            "meeting": self.room,
            "network": f"198.{18 + person.network // 256}.{person.network % 256}.0/24",
            "provider": person.provider,
            "bridge": self.bridge,
            "region": self.region,
            "service": "",
            "browser": person.browser,
            "os": person.os,
            "transport": "p2p" if self.direct else person.transport,
        }


class Truth(NamedTuple):
    """Where a problem came from: of several, each that had a good part in it."""

    causes: frozenset[tuple[str, str]]

    def has(self, kind: str, value: str) -> bool:
        return (kind, value) in self.causes


class Problem(NamedTuple):
    """One spell of a participant, with the truth about it."""

    summary: Summary
    spell: Spell
    truth: Truth


class World(NamedTuple):
    """A server for half an hour, and what it knows of the days before."""

    planted: str
    value: str
    base: float
    size: int
    stays: list[Stay]
    summaries: list[Summary]
    records: Records
    problems: list[Problem]


class Plan(NamedTuple):
    """What to simulate: `people` at the same time; `planted` is one of `KINDS`, or "".

    `sizes` bounds the size of a meeting.
    """

    people: int
    base: float
    planted: str
    sizes: tuple[int, int] = (2, 50)
    history: bool = True


def simulate(plan: Plan, seed: int) -> World:
    """Draw a world; the same for the same plan and seed."""
    chance = Random(f"{plan} {seed}")
    server = _Server(plan, chance)
    stays = server.stays()
    weak = server.plant(stays)
    for stay in stays:
        stay.troubles += _independent(stay, plan.base, chance)
        stay.troubles.sort()
    summaries = [*_summaries(stays, chance)]
    records = server.records(stays, weak) if plan.history else Records()
    problems = [*_problems(stays, summaries)]
    return World(
        plan.planted, server.value, plan.base, plan.people, stays, summaries, records, problems
    )


class _Server:
    def __init__(self, plan: Plan, chance: Random) -> None:
        self.plan, self.chance, self.value = plan, chance, ""
        people = plan.people
        self.regions = [
            f"region-{n}" for n in range(1 if people < 12 else 3 if people < 1000 else 5)
        ]
        self.bridges = {
            region: [
                f"198.51.{at}.{n + 1}" for n in range(1 if people < 12 else 2 + (people > 500))
            ]
            for at, region in enumerate(self.regions)
        }
        self.providers = [f"AS{64496 + n} Example" for n in range(3 if people < 50 else 8)]
        self.people = [*self._people(people)]

    def _people(self, count: int) -> Iterator[Person]:
        draw = self.chance
        offices = [
            (n, self.providers[n % len(self.providers)], draw.choice((3, 3, 5, 12, 40)))
            for n in range(max(1, count // 25))
        ]
        in_office = [office for office in offices for _ in range(office[2])]
        draw.shuffle(in_office)
        for number in range(count):
            if in_office and draw.random() < 0.4:
                network, provider, _ = in_office.pop()
            else:
                network, provider = 300 + number, draw.choice(self.providers)
            yield Person(
                number,
                network,
                provider,
                draw.choices(*zip(*_BROWSERS, strict=True))[0],
                draw.choices(*zip(*_SYSTEMS, strict=True))[0],
                draw.choices(("udp", "tcp", "relay"), (86, 6, 8))[0],
                draw.choice((12, 18, 25, 40, 60, 90)),
                draw.random() < 0.8,
                draw.gammavariate(0.6, 1 / 0.6),
                draw.choices(("line", "machine", "device"), (76, 20, 4))[0],
            )

    def stays(self) -> list[Stay]:
        draw, left, stays = self.chance, list(self.people), []
        draw.shuffle(left)
        low, high = self.plan.sizes
        number = 0
        while left:
            size = min(2 + int(draw.paretovariate(0.9)) - 1, high) if high > 2 else 2
            size = min(max(size, low), len(left))
            if len(left) - size == 1:
                size += 1
            members, left = left[:size], left[size:]
            region = draw.choice(self.regions)
            bridge = draw.choice(self.bridges[region])
            direct = (
                size == 2
                and draw.random() < 0.5
                and all(person.transport == "udp" for person in members)
            )
            ended = START + LENGTH - int(draw.random() * 300)
            for person in members:
                began = START + int(draw.expovariate(1 / 120)) % 600
                if draw.random() < 0.1:
                    began = START + draw.randrange(300, 1200)
                leaves = ended - int(draw.expovariate(1 / 60)) % 400
                stays.append(Stay(person, f"room-{number}", region, bridge, began, leaves, direct))
            number += 1
        return stays

    def plant(self, stays: list[Stay]) -> dict[int, "_Weakness"]:
        """Add the planted trouble of a group; returns who is weak for days because of it."""
        kind, draw = self.plan.planted, self.chance
        if kind not in GROUPS:
            return {}
        by_value: dict[str, list[Stay]] = defaultdict(list)
        for stay in stays:
            value = stay.values()[kind]
            # What is at the server is not between two peers.
            if (value or kind == "service") and not (stay.direct and kind in _AT_THE_SERVER):
                by_value[value].append(stay)
        by_value.pop("p2p", None)
        if kind == "transport":
            by_value.pop("udp", None)
        fewest = {"network": 3, "meeting": 2}.get(kind, 3)
        able = {value: found for value, found in by_value.items() if len(found) >= fewest}
        if not able:
            return {}
        # Groups as they are met: of a large one somebody has trouble more often.
        if kind in ("network", "meeting"):
            self.value = draw.choice(sorted(able))
        else:
            self.value = draw.choices(sorted(able), [len(able[value]) for value in sorted(able)])[0]
        members = able[self.value]
        lasting = kind in ("browser", "os") or (
            kind in ("network", "provider", "transport") and draw.random() < 0.4
        )
        if lasting:
            return self._plant_weakness(kind, members, stays)
        self._plant_incident(kind, members)
        return {}

    def _plant_incident(self, kind: str, members: Sequence[Stay]) -> None:
        draw = self.chance
        start = START + draw.randrange(420, 1100)
        end = start + round(min(500, max(25, draw.lognormvariate(4.8, 0.7))))
        hit = draw.uniform(0.6, 1.0)
        make = draw.choice(_INCIDENTS[kind])
        conditions = make(draw)
        for stay in members:
            if draw.random() > hit:
                continue
            first = max(stay.began, start + round(draw.uniform(0, 6)))
            last = min(stay.ended, end + round(draw.uniform(0, 8)))
            if last - first >= 12:
                own = _scaled(conditions, draw.uniform(0.7, 1.3))
                stay.troubles.append(Trouble(first, last, kind, self.value, own))

    def _plant_weakness(
        self, kind: str, members: Sequence[Stay], stays: Sequence[Stay]
    ) -> dict[int, "_Weakness"]:
        draw = self.chance
        share = draw.uniform(0.35, 0.85)
        make = draw.choice(_WEAKNESSES[kind])
        conditions = make(draw)
        weak = {}
        for person in {stay.person.number: stay.person for stay in members}.values():
            # Not everybody is hit: it depends on the machine, the place, the wall.
            weak[person.number] = _Weakness(kind, self.value, draw.random() < share, conditions)
        for stay in members:
            stay.troubles += _weak_time(stay, weak[stay.person.number], draw)
        return weak

    def records(self, stays: Sequence[Stay], weak: Mapping[int, "_Weakness"]) -> Records:
        """What the days before said: calls of the same people, with the same habits."""
        draw = self.chance
        calls: list[Summary] = []
        people: dict[str, Record] = {}
        groups: dict[tuple[str, str], list[int]] = defaultdict(lambda: [0, 0, 0])
        whole = [0, 0, 0]
        for stay in stays:
            if draw.random() < 0.3:
                continue
            earlier = []
            for day in range(draw.choice((1, 1, 2, 3))):
                began = START - (day + 1) * 86_400 - draw.randrange(0, 3600)
                past = replace(stay, began=began, ended=began + 900, direct=False, troubles=[])
                past.troubles += _independent(past, self.plan.base, draw)
                if stay.person.number in weak:
                    past.troubles += _weak_time(past, weak[stay.person.number], draw)
                past.troubles.sort()
                earlier += _summaries([past], draw)
            people[stay.person.uid] = record_of_calls(earlier)
            calls += earlier
            for summary in earlier:
                values = [*stay.values().items()]
                values.append(("browser", stay.person.browser.rpartition(" ")[0]))
                for sums in (whole, *(groups[key] for key in values)):
                    sums[0] += summary.known
                    sums[1] += summary.fair + summary.poor
                    sums[2] += 1
        return Records(
            Record(*whole),
            {key: Record(*sums) for key, sums in groups.items() if key[0] not in ("meeting",)},
            people,
        )


class _Weakness(NamedTuple):
    kind: str
    value: str
    hit: bool
    conditions: Conditions


def _weak_time(stay: Stay, weakness: _Weakness, draw: Random) -> Iterator[Trouble]:
    if not weakness.hit or (weakness.kind == "transport" and stay.direct):
        return
    at = stay.began + draw.randrange(5, 200)
    while at < stay.ended - 20:
        end = min(stay.ended, at + round(draw.lognormvariate(5.8, 0.7)))
        own = _scaled(weakness.conditions, draw.uniform(0.7, 1.3))
        yield Trouble(at, end, weakness.kind, weakness.value, own)
        at = end + round(draw.expovariate(1 / 200)) + 5


def _scaled(conditions: Conditions, factor: float) -> Conditions:
    return conditions._replace(
        up=min(0.6, conditions.up * factor),
        down=min(0.6, conditions.down * factor),
        delay=conditions.delay * factor,
        machine=min(1.0, conditions.machine * factor),
        decoder=min(1.0, conditions.decoder * factor),
    )


def _lossy(draw: Random) -> Conditions:
    return Conditions(
        up=draw.uniform(0.08, 0.3),
        down=draw.uniform(0.08, 0.3),
        delay=draw.uniform(20, 250),
        jitter=draw.uniform(20, 80),
    )


def _slow(draw: Random) -> Conditions:
    return Conditions(delay=draw.uniform(350, 800), jitter=draw.uniform(20, 60))


def _cut(draw: Random) -> Conditions:
    return Conditions(cut=True)


def _down(draw: Random) -> Conditions:
    return Conditions(down=draw.uniform(0.1, 0.35), jitter=draw.uniform(15, 60))


def _up(draw: Random) -> Conditions:
    return Conditions(up=draw.uniform(0.1, 0.35), delay=draw.uniform(0, 150))


def _narrow(draw: Random) -> Conditions:
    return Conditions(narrow=True, up=draw.uniform(0.0, 0.05), delay=draw.uniform(50, 250))


def _machine(draw: Random) -> Conditions:
    return Conditions(machine=draw.uniform(0.5, 1.0))


def _device(draw: Random) -> Conditions:
    return Conditions(device=draw.uniform(0.3, 1.0))


def _decoder(draw: Random) -> Conditions:
    return Conditions(decoder=draw.uniform(0.2, 0.7))


_INCIDENTS = {
    "meeting": (_cut, _decoder, _lossy, _down),
    "network": (_lossy, _lossy, _cut, _down, _up, _narrow),
    "provider": (_slow, _lossy, _down, _cut),
    "bridge": (_cut, _lossy, _lossy, _down),
    "region": (_cut, _slow, _lossy),
    "service": (_cut, _cut, _lossy),
    "transport": (_cut, _lossy, _slow),
}
_WEAKNESSES = {
    "browser": (_machine, _machine, _decoder),
    "os": (_machine, _decoder),
    "network": (_lossy, _narrow, _down),
    "provider": (_slow, _down, _lossy),
    "transport": (_slow, _down),
}
_INDEPENDENT = (
    *(("line", _up, 24), ("line", _down, 20), ("line", _lossy, 20), ("line", _slow, 8)),
    *(("line", _cut, 6), ("line", _narrow, 8), ("machine", _machine, 12), ("device", _device, 2)),
)


def _independent(stay: Stay, base: float, draw: Random) -> Iterator[Trouble]:
    """Trouble of one participant alone, of which `base` is the mean share of time."""
    mean = 150.0
    rate = base * stay.person.weakness / mean
    at = float(stay.began)
    while rate:
        at += draw.expovariate(rate)
        if at >= stay.ended - 15:
            return
        if draw.random() < 0.25:  # Nothing lasting: a blip of Wi-Fi, a page that loads.
            length = draw.randrange(8, 25)
            kind, make = "chance", draw.choice((_up, _down, _lossy, _slow, _decoder))
        else:
            length = round(min(1200, max(15, draw.lognormvariate(4.7, 0.9))))
            habits = [item for item in _INDEPENDENT if item[0] == stay.person.habit]
            among = habits if draw.random() < 0.6 else _INDEPENDENT
            kind, make, _ = draw.choices(among, [item[2] for item in among])[0]
        end = min(stay.ended, round(at) + length)
        yield Trouble(round(at), end, kind, "", make(draw))
        at += length


def _summaries(stays: Sequence[Stay], draw: Random) -> Iterator[Summary]:
    rooms: dict[str, list[Stay]] = defaultdict(list)
    for stay in stays:
        rooms[stay.room].append(stay)
    for stay in stays:
        stay.heard = _heard([other for other in rooms[stay.room] if other is not stay], draw)
        yield summarize(_session(stay, draw), preset=_PRESET, rhythm=_RHYTHM)


def _session(stay: Stay, draw: Random) -> Session:
    samples = tuple(_samples(stay, stay.heard, draw))
    return Session(stay.session, stay.room, stay.person.uid, Dialect.V2, samples[0].ts, samples)


def _at(stay: Stay, moment: int) -> Conditions:
    conditions = FINE
    for trouble in stay.troubles:
        if trouble.start > moment:
            break
        if trouble.end > moment:
            conditions = conditions.with_(trouble.conditions)
    return conditions


def _samples(stay: Stay, heard: Sequence[Stay], draw: Random) -> Iterator[Sample]:
    """A sample at each tick at which something may have changed, else one in a minute."""
    person = stay.person
    values = stay.values()
    identity = {
        "br": person.browser,
        "os": person.os,
        "pid": stay.endpoint,
        "t.sr": values["region"],
        "t.rip": (198 << 24)
        + ((18 + person.network // 256) << 16)
        + (person.network % 256 << 8)
        + 7,
        "t.asn": person.provider,
        "t.tp": "tcp" if person.transport == "tcp" else person.transport,
        "t.p2p": stay.direct,
    }
    if not stay.direct:
        identity["t.brg"] = stay.bridge
    if person.transport == "relay":
        identity["t.tp"], identity["t.lct"] = "udp", "relay"
    edges = sorted(
        {
            edge
            for other in (stay, *heard)
            for trouble in other.troubles
            for edge in (trouble.start, trouble.end)
            if stay.began < edge < stay.ended
        }
    )
    events = sorted(_events(stay, edges))
    phase = draw.randrange(1, TICK)
    sent: dict[str, Any] = {}
    last = stay.began
    seq = 0
    yield Sample(seq, stay.began, _encoded(identity, {}, []), full=True)
    sent = dict(identity)
    for at in _ticks(stay, edges, phase):
        between = [event for event in events if last < event[0] <= at]
        means = _means(stay, heard, last, at, draw)
        if means is not None:
            known = {**identity, **means}
            changed = {path: value for path, value in known.items() if sent.get(path) != value}
            changed |= {path: None for path in sent if path not in known}
            sent = known
        else:
            changed = {}
        seq += 1
        yield Sample(seq, at, _encoded(changed, {}, [[name, at - when] for when, name in between]))
        last = at
    if last < stay.ended:
        seq += 1
        yield Sample(seq, stay.ended, b"{}", bye=True)


def _heard(others: Sequence[Stay], draw: Random) -> list[Stay]:
    """Whose sound and pictures are received: of many, those who speak and are shown."""
    if len(others) <= _LOOKS_AT:
        return list(others)
    speakers = sorted(others, key=lambda other: other.person.number * 7919 % 1009)[:_LOOKS_AT]
    also = draw.choice(others)
    return speakers if also in speakers else [*speakers, also]


def _ticks(stay: Stay, edges: Sequence[int], phase: int) -> Iterator[int]:
    near = set()
    for edge in edges:
        for step in range(-2, 4):
            near.add((edge - stay.began - phase) // TICK + step)
    number = 0
    last = stay.began
    while True:
        at = stay.began + phase + number * TICK
        if at > stay.ended:
            break
        if number in near or at - last >= 60 or number <= 1:
            yield at
            last = at
        number += 1
    if stay.ended - last > 0:
        yield stay.ended


def _events(stay: Stay, edges: Sequence[int]) -> Iterator[tuple[int, str]]:
    before = False
    for edge in edges:
        cut = _at(stay, edge).cut
        if cut != before:
            yield min(stay.ended, edge + (5 if cut else 0)), "interrupted" if cut else "restored"
        before = cut
    for trouble in stay.troubles:
        if trouble.conditions.device:
            yield trouble.start + 2, "no_audio_input" if trouble.start % 2 else "mic_changed"


def _means(
    stay: Stay, heard: Sequence[Stay], since: int, until: int, draw: Random
) -> dict[str, Any] | None:
    """What the browser measures from one tick to the next; None while it is cut off."""
    step = max(1, min(3, (until - since) // 3))
    looks = [*range(since, until, step)] if until - since <= 3 * TICK else [(since + until) // 2]
    own = [_at(stay, at) for at in looks]
    connected = [
        (at, conditions) for at, conditions in zip(looks, own, strict=True) if not conditions.cut
    ]
    if not connected:
        return None
    sums: dict[str, float] = defaultdict(float)
    by: dict[str, list[float]] = {}
    for at, conditions in connected:
        received = _received(stay, conditions, [(other, _at(other, at)) for other in heard])
        for path, value in received[0].items():
            sums[path] += value
        for endpoint, lost in received[1].items():
            old = by.setdefault(endpoint, [0.0] * 4)
            by[endpoint] = [a + b for a, b in zip(old, lost, strict=True)]
    count = len(connected)
    means = {path: value / count for path, value in sums.items()}
    busy = means.pop("busy")
    readings: dict[str, Any] = {
        "rtt": round(means["rtt"] + draw.uniform(0, 6)),
        "d.jit": round(means["jitter"] + draw.uniform(2, 5)),
        "d.apl": _percent(means["down"], draw),
        "d.vpl": _percent(means["down"] * draw.uniform(0.85, 1.1), draw),
        "u.apl": _percent(means["up"], draw),
        "u.vpl": _percent(means["up"] * draw.uniform(0.85, 1.1), draw),
        "d.cnc": round(100 * means["concealed"], 1),
        "d.frz": round(100 * means["frozen"], 1),
    }
    readings["d.pl"], readings["u.pl"] = round(readings["d.apl"]), round(readings["u.apl"])
    readings["lt"] = round(100 * busy)
    worst = sorted(by.items(), key=lambda item: -max(item[1]))[:3]
    named = [
        [endpoint, *(round(100 * value / count) for value in lost)]
        for endpoint, lost in worst
        if max(lost) / count >= 0.02
    ]
    readings["d.by"] = named or None
    if readings["d.by"] is None:
        del readings["d.by"]
    if stay.person.camera:
        slow = means["machine"] > 0.4
        narrow = means["narrow"] > 0.4
        readings["u.lim"] = "cpu" if slow else "bandwidth" if narrow else "none"
        readings["u.fr"] = round(30 - 22 * means["machine"]) if slow else 15 if narrow else 30
        readings["res.h"] = 180 if narrow else 720
    return readings


def _received(
    stay: Stay, own: Conditions, heard: Sequence[tuple[Stay, Conditions]]
) -> tuple[dict[str, float], dict[str, list[float]]]:
    """What a participant measures, and of each sender audio lost, concealed, video lost, frozen."""
    down, up, rtt = own.down, own.up, stay.person.rtt + own.delay
    jitter = own.jitter
    by: dict[str, list[float]] = {}
    concealed = frozen = 0.0
    for other, theirs in heard:
        if stay.direct:
            # One path: what the other end does not get is reported as lost on the way up.
            down = 1 - (1 - own.down) * (1 - theirs.up)
            up = 1 - (1 - own.up) * (1 - theirs.down)
            rtt += theirs.delay
            jitter = max(jitter, theirs.jitter)
        whole = 1 - (1 - own.down) * (1 - theirs.up)
        # Audio that is repaired or arrives late; video that a retransmission mends is not frozen.
        audio = min(1.0, 0.7 * whole + (0.04 if own.jitter + theirs.jitter > 60 else 0.0))
        video = min(0.95, max(0.0, 2.6 * (whole - 0.045)))
        if theirs.cut:
            audio, video = 0.9, 0.7
        if theirs.machine > 0.6:
            video = max(video, 0.35 * theirs.machine)
        if theirs.device:
            audio = max(audio, 0.25 * theirs.device)
        if not other.person.camera:
            video = 0.0
        # A decoder, or what plays the sound, spoils whatever comes.
        video = max(video, own.decoder, 0.4 * own.machine if own.machine > 0.7 else 0.0)
        audio = max(audio, 0.15 * own.device)
        by[other.endpoint] = [whole if stay.direct else own.down, audio, whole, video]
        concealed, frozen = max(concealed, audio), max(frozen, video)
    machine = own.machine
    return (
        {
            "rtt": rtt,
            "jitter": jitter,
            "down": down,
            "up": up,
            "concealed": concealed,
            "frozen": frozen,
            "machine": machine,
            "narrow": float(own.narrow),
            "busy": min(1.0, 0.05 + machine * 0.8),
        },
        by,
    )


def _percent(share: float, draw: Random) -> float:
    """A measured loss: of some hundreds of packets."""
    return round(max(0.0, 100 * share * draw.uniform(0.85, 1.15) + draw.choice((0, 0, 0, 0.3))), 1)


def _encoded(flat: Mapping[str, Any], also: Mapping[str, Any], events: Sequence[Any]) -> bytes:
    tree: dict[str, Any] = {}
    for path, value in {**flat, **also}.items():
        group, dot, leaf = path.partition(".")
        if dot:
            tree.setdefault(group, {})[leaf] = value
        else:
            tree[path] = value
    if events:
        tree["ev"] = list(events)
    return json.dumps(tree).encode()


def _problems(stays: Sequence[Stay], summaries: Sequence[Summary]) -> Iterator[Problem]:
    for stay, summary in zip(stays, summaries, strict=True):
        for spell in summary.spells:
            if spell.end - spell.start >= TICK:
                yield Problem(summary, spell, _truth(stay, spell))


def _truth(stay: Stay, spell: Spell) -> Truth:
    """Each cause that had a third of what the longest had, the participant's or a sender's."""
    found: dict[tuple[str, str], int] = defaultdict(int)

    def add(trouble: Trouble, cause: tuple[str, str]) -> None:
        overlap = min(trouble.end, spell.end + TICK) - max(trouble.start, spell.start - TICK)
        if overlap > 0:
            found[cause] += overlap

    for trouble in stay.troubles:
        add(trouble, (trouble.kind, trouble.value))
    for other in stay.heard:
        for trouble in other.troubles:
            if stay.direct or _reaches_others(trouble.conditions):
                add(trouble, ("other end", other.session))
    most = max(found.values(), default=0)
    return Truth(frozenset(cause for cause, held in found.items() if held * 3 >= most))


def _reaches_others(conditions: Conditions) -> bool:
    return (
        conditions.up > 0.03 or conditions.cut or conditions.machine > 0.6 or conditions.device > 0
    )
