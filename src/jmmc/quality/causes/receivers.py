"""What the others of a meeting say of a sender: who receives whom badly."""

from collections.abc import Mapping
from functools import lru_cache
from math import log
from operator import mul
from typing import NamedTuple

from jmmc.quality.causes import parameters as p
from jmmc.quality.causes.crowd import PASSED_ON_SIGNS, Set
from jmmc.quality.causes.logarithms import log_sum, weighted
from jmmc.quality.causes.problem import Problem

_LOG_OF_RECEIVERS = tuple(map(log, p.OF_RECEIVERS))
_NAMING = (p.NAMED_BY_NOBODY, p.NAMED_AMONG_OTHERS, p.NAMED_WITH_ANOTHER, p.NAMED_ONLY)
_RATIOS_OF_NAMING = tuple(
    (
        log(1 - strength),
        *(log(1 - strength + strength * cause / usual) for cause, usual in _NAMING),
    )
    for strength in p.STRENGTHS
)
"""The logarithm of P(what a receiver says | a sender is bad) / P(the same | not)."""


class _Witnesses(NamedTuple):
    """Others of the meeting by what they say of a sender: nothing; bad media, of nobody in
    particular; of this sender and several; of this one and another; of this sender alone."""

    silent: int
    unnamed: int
    among: int
    of_two: int
    alone: int


class Receivers:
    """The others of the meeting, and whom each of them receives badly during a problem.

    `passed_on`: what they say, in nats, for a cause by which others may receive the problem.
    """

    def __init__(self, problem: Problem) -> None:
        self._problem = problem
        scene = problem.scene
        self._receivers = ~(scene.affected & ~scene.secondary)
        self._unnamed: list[Set] = []
        self._named_by: dict[str, list[tuple[Set, int]]] = {}
        for receiver, names in self._who_names_whom().items():
            if not names:
                self._unnamed.append(receiver)
            for name in names:
                self._named_by.setdefault(name, []).append((receiver, len(names)))
        self.passed_on = self.received(of_me=bool(problem.signs & PASSED_ON_SIGNS))

    def _who_names_whom(self) -> Mapping[Set, frozenset[str]]:
        """By receiver of the meeting the senders that arrive badly there, in the window."""
        subject, spell, crowd = self._problem.subject, self._problem.spell, self._problem.crowd
        me = crowd.of_person(subject.browser_id)
        found: dict[Set, frozenset[str]] = {}
        for naming in crowd.namings(subject.room, spell.start, spell.end):
            if not naming.receiver & me:
                found[naming.receiver] = found.get(naming.receiver, frozenset()) | naming.names
        return found

    def received(self, *, of_me: bool) -> float:
        """What those say who may receive the problem of this participant."""
        if self._problem.scene.direct:
            return 0.0
        passed_on = p.PASSED_ON if of_me else p.PASSED_ON_ALSO
        mine = log(passed_on) + self.log_said_of(self._problem.subject.endpoint_id, 0)
        return log_sum((log(1 - passed_on), mine))

    def _witnesses(self, endpoint: str, but: Set) -> _Witnesses:
        """How many others of the meeting name a sender, with and without others, or nobody."""
        alone = of_two = among = 0
        for receiver, named in self._named_by.get(endpoint, ()):
            if not receiver & but:
                alone += named == 1
                of_two += named == 2
                among += named > 2
        unnamed = sum(not receiver & but for receiver in self._unnamed)
        receivers = (
            self._problem.meeting.members & self._receivers & self._problem.scene.known & ~but
        )
        # Of a large meeting a few hear somebody: the others say nothing by their silence.
        silent = receivers.bit_count() - alone - of_two - among - unnamed
        silent = min(max(0, silent), 2 * p.HEARD)
        return _Witnesses(silent, unnamed, among, of_two, alone)

    def log_said_of(self, endpoint: str, but: Set) -> float:
        """What the others say of a sender, in nats; without the receivers `but`."""
        return _log_witnessed(self._witnesses(endpoint, but))

    def log_moment(self, place: int) -> float:
        """What it says that the problem of a sender, as others have it, is at the same moment."""
        scene, bit = self._problem.scene, 1 << place
        if scene.direct:
            return 0.0
        endpoint = self._problem.crowd.sessions[place].endpoint_id
        witnesses = 0
        for receiver, _ in self._named_by.get(endpoint, ()):
            witnesses |= receiver
        if scene.at_once & (bit | witnesses):
            return log(p.AT_ONCE / self._problem.by_chance)
        if not (scene.affected & bit or witnesses):
            return 0.0
        return log((1 - p.AT_ONCE) / (1 - self._problem.by_chance))


@lru_cache(maxsize=4096)
def _log_witnessed(witnesses: _Witnesses) -> float:
    """What the others of a meeting say for a sender, in nats."""
    said = [sum(map(mul, witnesses, ratios)) for ratios in _RATIOS_OF_NAMING]
    return weighted(_LOG_OF_RECEIVERS, said)
