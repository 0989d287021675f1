"""What a person had in each second of a call: presence, grade, region, network, transport, codec.

Readings are far from every limit: every preset calls `GOOD` good and `POOR` poor.
"""

import uuid
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from functools import cached_property
from typing import Any, Literal, NamedTuple

Quality = Literal["good", "poor", "cut", "unknown"]
"""`cut`: the connection is interrupted. That is poor, and nothing is measured. `unknown` is for
calls with samples written by hand."""

Numbers = dict[str, float]

GOOD: Numbers = {
    "cq": 100,
    "rtt": 20,
    **{"u.pl": 0, "d.pl": 0, "u.jit": 2, "d.jit": 2, "d.cnc": 0, "d.frz": 0},
    **{"u.ab": 40, "d.ab": 40, "u.vb": 1500, "d.vb": 1500, "u.fr": 30, "d.fr": 30},
}
POOR: Numbers = {
    "cq": 5,
    "rtt": 900,
    **{"u.pl": 40, "d.pl": 40, "u.jit": 200, "d.jit": 200, "d.cnc": 40, "d.frz": 60},
    **{"u.ab": 10, "d.ab": 10, "u.vb": 80, "d.vb": 80, "u.fr": 3, "d.fr": 3},
}


TECHNICAL = {
    *("server_unreachable", "connection_lost", "ice_failed", "accept_timeout", "bridge_down"),
    *("focus_left", "offer_failed", "shutdown", "reload", "suspended", "other"),
}
"""Why a join failed, or a stay ended, for which the service or the network answers."""


def moment(text: str) -> int:
    """Unix seconds of an ISO 8601 time; UTC if it names no zone."""
    return int(
        datetime.fromisoformat(text if text[10:].count("+") else f"{text}+00:00").timestamp()
    )


class Held(NamedTuple):
    """What holds from one moment of a script to the next."""

    quality: Quality = "good"
    region: str = "eu"
    transport: str = "udp"  # `p2p`: udp from peer to peer.
    codec: str = "VP9"
    address: str = "198.18.0.1"
    bridge: str = ""
    microphone: str = ""

    @property
    def network(self) -> str:
        """The network that is stored of the address."""
        return self.address.rpartition(".")[0] + ".0/24"


WORDS = ("region", "transport", "codec", "address", "bridge", "microphone")


class Second(NamedTuple):
    """One second of a call: from `at` to `at + 1`."""

    at: int
    grade: Literal["good", "poor", "unknown"]
    held: Held


@dataclass(frozen=True, eq=False)
class Call:
    """One stay of one person in one room, from one browser tab.

    `script` tells what changes, in seconds after the join; what stands at 0 holds from the join.
    In each of `holes` (from, to) no sample arrives between these two samples: the tab was
    suspended, or with `lost` the samples were lost for good. `bye`: the person hung up.
    `setup`: the script tells how the join went, and the ms until joined, until the media path and
    until the first media. `drop`: why the stay ended. `fail`: why the join failed; then `joined` is
    when, and nobody was in the room.
    `mid` is Jitsi's id of the meeting. The room of a tenant is `tenant/room`.
    `raw` has offset, readings and flags of
    samples written by hand, in place of those that a browser would make of the script.
    """

    room: str
    person: str
    joined: int
    left: int
    script: tuple[tuple[int, dict[str, Any]], ...] = ()
    browser: str = "Chrome 131"
    tab: int = 0
    every: int = 10
    holes: tuple[tuple[int, int], ...] = ()
    lost: bool = False
    bye: bool = True
    start: Held = field(default_factory=Held)
    mid: str = ""
    raw: tuple[tuple[int, dict[str, Any], dict[str, Any]], ...] = ()
    setup: tuple[int, int, int] | None = None
    drop: str = ""
    fail: str = ""

    @property
    def uid(self) -> str:
        """The participant id: the same for all calls of a person."""
        return str(uuid.uuid5(uuid.NAMESPACE_DNS, f"person {self.person}"))

    @property
    def sid(self) -> str:
        return uuid.uuid5(
            uuid.NAMESPACE_DNS, f"{self.room} {self.person} {self.tab} {self.joined}"
        ).hex

    @property
    def length(self) -> int:
        return self.left - self.joined

    @cached_property
    def held(self) -> tuple[Held, ...]:
        """What held in each second, without regard to what the collector can know of it."""
        changes = dict(self.script)
        held, all_held = self.start, []
        for offset in range(self.length):
            if offset in changes:
                held = held._replace(**changes[offset])
            all_held.append(held)
        return tuple(all_held)

    @cached_property
    def seconds(self) -> tuple[Second, ...]:
        """What is to be known of each second."""
        return tuple(
            Second(self.joined + offset, self._grade(offset, held.quality), held)
            for offset, held in enumerate(self.held)
        )

    @property
    def spells(self) -> list[tuple[int, int]]:
        """Start and end of each span of poor seconds."""
        spells: list[tuple[int, int]] = []
        for second in self.seconds:
            if second.grade == "poor":
                if spells and spells[-1][1] == second.at:
                    spells[-1] = (spells[-1][0], second.at + 1)
                else:
                    spells.append((second.at, second.at + 1))
        return spells

    def _grade(self, offset: int, quality: Quality) -> Literal["good", "poor", "unknown"]:
        if any(since <= offset < until - self.every for since, until in self.holes):
            return "unknown"
        return "poor" if quality == "cut" else quality


def people(count: int, name: str, call: Call, *, a_room: int = 0) -> list[Call]:
    """The same call by `count` people, each in a network of their own.

    With `a_room` people are in rooms of this size, named after the room of `call`.
    """
    calls = []
    for number in range(count):
        room = f"{call.room}-{number // a_room}" if a_room else call.room
        address = f"198.{18 + number // 200}.{number % 200}.{1 + len(name)}"
        start = call.start._replace(address=address)
        calls.append(replace(call, room=room, person=f"{name} {number}", start=start))
    return calls


def all_seconds(calls: Iterable[Call], since: int, until: int) -> list[tuple[Call, Second]]:
    """The seconds of these calls in a window."""
    found = []
    for call in calls:
        first, last = max(since - call.joined, 0), max(until - call.joined, 0)
        found += [(call, second) for second in call.seconds[first:last]]
    return found


def end_of(calls: Sequence[Call]) -> int:
    return max(call.left for call in calls)
