"""What the browser script sends of a call: samples of what changed, as means of the time before.

Jitsi reports its statistics at ticks, one in `STEP` seconds. A sample at a tick has the means since
the sample before. Where the connection is cut off, restored or takes another path, a sample is
closed, without readings of its own; so is the last one, at the end.
"""

from collections.abc import Sequence
from functools import cache
from ipaddress import IPv4Address
from math import pi, sin
from random import Random
from typing import Any, NamedTuple

import msgspec

from jmmc.core.model import Sample
from jmmc.simulation.conditions import CUT, DIRECT, Conditions, Leg
from jmmc.simulation.joining import Joining
from jmmc.simulation.meetings import Person

STEP = 10
"""Seconds between two ticks."""

_FULL_SECONDS = 600
_WAVES = 8
_TIDE = tuple(abs(round(5 * sin(tick / 21 * pi))) for tick in range(21))

# AS numbers for documentation (RFC 5398). The lossy networks are spread over all providers.
_PROVIDERS = (
    ("AS64496 Example Cable", "FR"),
    ("AS64497 Example Fibre", "FR"),
    ("AS64498 Example Mobile", "BE"),
)
_PEER = 0xCB007107

_Readings = dict[str, Any]
_encode = msgspec.json.encode
_STEADY = b"{}"
_AFFECTED = 1.0  # Percent of a stream.
_WITH_DECIMALS = frozenset(("u.pl", "d.pl", "d.fr", "d.frz", "d.frs", "d.cnc", "d.cns"))
_WITH_DECIMALS |= {"u.apl", "u.vpl", "d.apl", "d.vpl", "u.enc", "d.dec", "lt"}


class _Received(NamedTuple):
    """The shares of each received stream, in percent: of sound concealed, of video frozen."""

    concealed: Sequence[float]
    frozen: Sequence[float]


class _Kind(NamedTuple):
    """All on which the numbers of a moment depend."""

    rtt: int
    camera: bool
    cause: str
    screen: str
    streams: int


class _Numbers(NamedTuple):
    """The numbers of a moment, for each wave; and as JSON those that differ between waves."""

    by_wave: tuple[dict[str, float], ...]
    changed: tuple[bytes, ...]


def draw_samples(
    began: int,
    legs: Sequence[Leg],
    person: Person,
    phase: int,
    *,
    joining: Joining,
    bye: bool,
    devices: bool,
    chance: Random,
) -> tuple[Sample, ...]:
    """The samples of a visit whose first tick is `phase` seconds after its begin.

    In a browser of a phone timers run late: it closes no samples, and its events come with the next
    tick, and say how old they are.
    """
    known = identity(person) | (_devices(person) if devices else {})
    browser = _Browser(person, known, joining, began, chance, closes=person.os != "iOS 18")
    browser.run(legs, began + phase)
    return browser.end(legs[-1].end, bye=bye)


class _Browser:
    """The state of the script: what it sent last, what it has not sent yet."""

    def __init__(
        self,
        person: Person,
        known: _Readings,
        joining: Joining,
        began: int,
        chance: Random,
        *,
        closes: bool,
    ) -> None:
        self._person = person
        self._joining = joining
        self._chance = chance
        self._closes = closes
        self._identity = known | {"set.ask": joining.ask, "set.join": joining.join}
        self._seen = seen_by_server(person)
        self._sent: _Readings = {}
        self._samples: list[Sample] = []
        self._events: list[tuple[int, str]] = []
        self._at = self._full_at = began
        self._wave = 0
        self._mutes = _mutes(began, chance)
        self._next_mute = self._mutes.pop()
        self._send(began, self._identity)
        # A new dictionary: the one before is what was sent.
        self._identity = self._identity | {"set.ice": joining.ice, "set.med": joining.media}

    def run(self, legs: Sequence[Leg], tick: int) -> None:
        """Send all but the last sample. `tick` is the first one."""
        opened = 0  # The first leg of which not all was sent.
        for place, leg in enumerate(legs):
            if place and (event := _event(legs[place - 1], leg)):
                self._events.append((leg.start, event))
                if self._closes:
                    self._close(legs[place - 1], leg.start)
                    opened = place
            # After a mean over several legs follows one over this leg alone.
            while tick <= leg.end:
                mixed = self._at < leg.start
                self._send(tick, self._mean(legs[opened : place + 1], tick))
                opened = place
                tick += STEP
                if not mixed:
                    tick = self._run_steadily(leg, tick)

    def end(self, left: int, *, bye: bool) -> tuple[Sample, ...]:
        """Send the last sample; with `bye` the participant leaves, and may rate the call."""
        if bye:
            drop = {"drop": self._joining.drop} if self._joining.drop else {}
            self._send(left, self._sent | drop, bye=True)
        if bye and self._joining.rating:
            rated: _Readings = {"rate": self._joining.rating}
            if self._joining.reason:
                rated["why"] = self._joining.reason
            self._send(left, self._sent | rated, bye=True)
        return tuple(self._samples)

    def _close(self, before: Leg, at: int) -> None:
        """Close a sample where the connection changes, which no tick has reported."""
        cut = before.conditions.cause == CUT
        self._send(at, self._mean((before,), at) if cut else self._sent)

    def _run_steadily(self, leg: Leg, tick: int) -> int:
        """Send the samples of the ticks in a leg that has begun; returns the tick after it."""
        _, end, conditions = leg
        while tick <= end:
            special = min(end + 1, self._full_at + _FULL_SECONDS, self._next_mute[0])
            if tick < special:
                if conditions.cause == CUT:
                    self._repeat(tick, special)
                else:
                    self._waver(conditions, tick, special)
                tick = self._at + STEP
            if tick <= end:
                self._send(tick, self._mean((leg,), tick))
                tick += STEP
        return tick

    def _repeat(self, tick: int, until: int) -> None:
        for at in range(tick, until, STEP):
            self._samples.append(Sample(len(self._samples), at, _STEADY))
            self._at = at

    def _waver(self, conditions: Conditions, tick: int, until: int) -> None:
        """Send samples of conditions that stay the same: half of them change nothing."""
        numbers = _numbers(_kind(self._person, conditions))
        changed, draw, samples = numbers.changed, self._chance.random, self._samples
        sent, seq, at = self._wave, len(samples), tick
        for at in range(tick, until, STEP):
            chance = draw()
            if chance < 0.5 or (wave := _wave(seq, 2 * chance - 1)) == sent:
                samples.append(Sample(seq, at, _STEADY))
            else:
                samples.append(Sample(seq, at, changed[wave]))
                sent = wave
            seq += 1
        self._at, self._wave = at, sent
        self._sent = self._sent | numbers.by_wave[sent]

    def _mean(self, legs: Sequence[Leg], tick: int) -> _Readings:
        """Everything that is known at a tick: means since the last sample, and the last words."""
        self._wave = _wave(len(self._samples), self._chance.random())
        sums: dict[str, float] = {}
        seconds: dict[str, int] = {}
        for start, end, conditions in legs:
            length = min(end, tick) - max(start, self._at)
            if length <= 0 or conditions.cause == CUT:
                continue
            numbers = _numbers(_kind(self._person, conditions)).by_wave[self._wave]
            for path, value in numbers.items():
                sums[path] = sums.get(path, 0.0) + value * length
                seconds[path] = seconds.get(path, 0) + length
        last = legs[-1].conditions
        known = self._identity | {"t.sr": last.region}
        if last.cause != CUT:
            known |= _words(self._person, last)
        return known | {path: _rounded(path, value / seconds[path]) for path, value in sums.items()}

    def _send(self, at: int, known: _Readings, *, bye: bool = False) -> None:
        """Send what changed of what is known; everything when it is time to."""
        full = at >= self._full_at + _FULL_SECONDS
        sent = self._sent
        if full or not self._samples:
            self._full_at = at
            changed = known | self._seen
        else:
            changed = {path: value for path, value in known.items() if sent.get(path) != value}
            changed |= {path: None for path in sent if path not in known}
        tree = _tree(changed)
        while self._next_mute[0] <= at:
            self._events.append(self._next_mute)
            self._next_mute = self._mutes.pop()
        if self._events:
            tree["ev"] = [
                name if moment == at else [name, float(at - moment)]
                for moment, name in sorted(self._events)
            ]
            self._events = []
        self._samples.append(Sample(len(self._samples), at, _encode(tree), full, bye))
        self._sent = known
        self._at = at


def draw_attempt(at: int, person: Person, joining: Joining, region: str) -> tuple[Sample, ...]:
    """What is sent of a join that failed at a moment."""
    known = identity(person) | seen_by_server(person)
    known |= {"fail": joining.failure, "set.ask": joining.ask, "set.join": joining.join}
    if region:
        known["t.sr"] = region
    return (Sample(0, at, _encode(_tree(known)), bye=True),)


def identity(person: Person) -> _Readings:
    """Who it is."""
    return {"br": person.browser, "os": person.os, "pid": person.endpoint}


def _devices(person: Person) -> _Readings:
    """The devices in use, where their names are known."""
    names = {
        "dev.mic": person.microphone,
        "dev.cam": person.camera_name,
        "dev.spk": person.speaker,
    }
    return {path: name for path, name in names.items() if name}


def seen_by_server(person: Person) -> _Readings:
    """What the collector adds."""
    provider, country = _PROVIDERS[person.network % len(_PROVIDERS)]
    return {"t.rip": person.address, "t.asn": provider, "t.cc": country}


def _mutes(began: int, chance: Random) -> list[tuple[int, str]]:
    """When somebody mutes the microphone and unmutes it; the last one first."""
    mutes = [(1 << 60, "")]
    if chance.random() < 0.2:
        muted = began + chance.randrange(5, 300)
        mutes.append((muted + chance.randrange(5, 300), "unmuted_audio"))
        mutes.append((muted, "muted_audio"))
    return mutes


def _event(before: Leg, after: Leg) -> str:
    """What the page raises where the connection changes; "" where it stays the same."""
    was_cut, is_cut = (item.conditions.cause == CUT for item in (before, after))
    if was_cut != is_cut:
        return "interrupted" if is_cut else "restored"
    if before.conditions.path != after.conditions.path:
        return "p2p" if after.conditions.path == DIRECT else "jvb"
    return ""


def _words(person: Person, conditions: Conditions) -> _Readings:
    """What is not a mean: how the media goes, and what is sent."""
    path = conditions.path
    words: _Readings = {"t.tp": "udp", "t.p2p": path == DIRECT, "cdc.a": "opus"}
    words["t.ip"] = _PEER
    if path != DIRECT:
        words["t.ip"] = int(IPv4Address(conditions.bridge))
        words["t.brg"] = conditions.bridge
    if conditions.sender:
        concealed, frozen = (4, 0) if conditions.cause == "jitter" else (0, 30)
        words["d.by"] = [[conditions.sender, 0, concealed, 0, frozen]]
    if path in ("tcp", "relay"):
        words["t.tp"] = "tcp"
    if path == "relay":
        words["t.lct"] = "relay"
    if person.camera or conditions.screen == "sent":
        height, width = (1080, 1920) if conditions.screen == "sent" else (720, 1280)
        limited = conditions.cause in ("bandwidth", "cpu")
        if conditions.cause == "bandwidth":
            height, width = 180, 320
        words |= {"res.h": height, "res.w": width, "cdc.v": "VP9"}
        words["u.lim"] = conditions.cause if limited else "none"
    return words


def _kind(person: Person, conditions: Conditions) -> _Kind:
    return _Kind(person.rtt, person.camera, conditions.cause, conditions.screen, conditions.streams)


@cache
def _numbers(kind: _Kind) -> _Numbers:
    """The numbers of some conditions, each with its growth from one wave to the next."""
    grown: dict[str, tuple[float, float]] = {
        **{"cq": (100, -1), "rtt": (kind.rtt, 1), "u.pl": (0, 0), "d.pl": (0, 0)},
        **{"u.ab": (32, 0), "d.ab": (34, 0), "d.bw": (8000, 0), "u.bw": (3200, 40)},
        **{"d.vb": (900, 12), "d.jit": (4, 0), "d.fr": (30, 0)},
        **{"u.apl": (0, 0), "d.apl": (0, 0), "d.vpl": (0, 0), "d.dec": (4, 0), "lt": (2, 0)},
    }
    if kind.camera:
        grown |= {"u.vb": (1400, 10), "u.fr": (30, 0)}
        grown |= {"u.vpl": (0, 0), "u.lcp": (0, 0), "u.lbw": (0, 0), "u.enc": (9, 0)}
    if kind.screen == "sent":
        grown |= {"u.vb": (300, 10), "u.fr": (5, 0)}
    elif kind.screen:  # A still slide, beside small pictures of cameras.
        grown |= {"d.vb": (150, 12), "d.fr": (1, 0)}
    if kind.cause == "loss":
        grown |= {"d.pl": (14, 1), "d.apl": (13, 1), "d.vpl": (14, 1), "cq": (20, 0)}
    elif kind.cause == "rtt":
        grown |= {"rtt": (700, 10), "cq": (60, 0)}
    elif kind.cause == "jitter":
        grown |= {"d.jit": (60, 1), "cq": (70, 0)}
    elif kind.cause == "bandwidth":
        grown |= {"u.bw": (120, 0), "u.pl": (3, 0), "u.apl": (2, 0), "cq": (5, 0)}
        if "u.vb" in grown:
            grown |= {"u.vb": (90, 0), "u.fr": (15, 0)}
        if kind.camera:
            grown |= {"u.vpl": (4, 0), "u.lbw": (100, 0)}
    elif kind.cause == "cpu":
        grown |= {"u.fr": (12, 0), "cq": (50, 0), "lt": (35, 0)}
        grown |= {"u.lcp": (100, 0), "u.enc": (60, 0)}
    grown |= {path: (share, 0) for path, share in _worst(_received(kind)).items()}
    by_wave = tuple(
        {path: value + growth * wave for path, (value, growth) in grown.items()}
        for wave in range(_WAVES)
    )
    moving = [path for path, (_, growth) in grown.items() if growth]
    changed = tuple(_encode(_tree({path: numbers[path] for path in moving})) for numbers in by_wave)
    return _Numbers(by_wave, changed)


def _received(kind: _Kind) -> _Received:
    """What is received of the others: problems are in one stream, as of a speaker."""
    others = (0.0,) * (kind.streams - 1)
    if not kind.streams:
        return _Received((), ())
    return _Received(
        (4.0 if kind.cause == "jitter" else 0.0, *others),
        (30.0 if kind.cause == "frozen" else 0.0, *others),
    )


def _worst(received: _Received) -> dict[str, float]:
    """The share of the worst stream, and how many streams are affected."""
    readings: dict[str, float] = {}
    for share, count, streams in (
        ("d.cnc", "d.cns", received.concealed),
        ("d.frz", "d.frs", received.frozen),
    ):
        if streams:
            readings[share] = _rounded(share, max(streams))
            readings[count] = sum(percent >= _AFFECTED for percent in streams)
    return readings


def _wave(seq: int, chance: float) -> int:
    return _TIDE[seq % 21] + int(3 * chance)


def _rounded(path: str, mean: float) -> float:
    """A mean with the digits that it is sent with: docs/reference/protocol.md says why."""
    if path in _WITH_DECIMALS:
        rounded = round(mean, 2)
        return int(rounded) if rounded == int(rounded) else rounded
    return round(mean) if mean < 1000 else int(float(f"{mean:.3g}"))


def _tree(flat: _Readings) -> _Readings:
    tree: _Readings = {}
    for path, value in flat.items():
        group, dot, leaf = path.partition(".")
        if dot:
            tree.setdefault(group, {})[leaf] = value
        else:
            tree[path] = value
    return tree
