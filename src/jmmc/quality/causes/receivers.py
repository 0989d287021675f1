"""What the others of a meeting say of a sender: who receives whom badly."""

from collections.abc import Mapping
from functools import lru_cache
from math import log
from operator import mul
from typing import NamedTuple

from jmmc.quality.causes import parameters as p
from jmmc.quality.causes.crowd import PASSED_ON_SIGNS, Set
from jmmc.quality.causes.logarithms import log_mean, log_sum
from jmmc.quality.causes.problem import Problem
from jmmc.quality.signs import SIGNS

_NAMING = (p.NAMED_BY_NOBODY, p.NAMED_AMONG_OTHERS, p.NAMED_WITH_ANOTHER, p.NAMED_ONLY)
_RATIOS_OF_NAMING = tuple(
    (
        log(1 - strength),
        *(log(1 - strength + strength * cause / usual) for cause, usual in _NAMING),
    )
    for strength in p.STRENGTHS
)
"""The logarithm of P(what a receiver says | a sender is bad) / P(the same | not)."""
_NOBODY = (0, 0, 0)


class Witnesses(NamedTuple):
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
    `silent` are those who would say so and may not, `unnamed` those who name nobody.
    """

    def __init__(self, problem: Problem) -> None:
        self._problem = problem
        scene = problem.scene
        self.silent = problem.meeting.members & scene.known & ~(scene.affected & ~scene.secondary)
        self._known_receivers = self.silent.bit_count()
        self.unnamed: Set = 0
        self._named_by: dict[str, Set] = {}
        self._numbers: dict[str, list[int]] = {}
        unnamed = 0
        for receiver, names in self._who_names_whom().items():
            if not names:
                self.unnamed |= receiver
                unnamed += 1
            for name in names:
                self._named_by[name] = self._named_by.get(name, 0) | receiver
                self._numbers.setdefault(name, [0, 0, 0])[min(len(names), 3) - 1] += 1
        self._number_unnamed = unnamed
        self.passed_on = self._received(self._passed_on(""), 0)

    def _who_names_whom(self) -> Mapping[Set, frozenset[str]]:
        """By receiver of the meeting the senders that arrive badly there, in the window."""
        subject, spell, crowd = self._problem.subject, self._problem.spell, self._problem.crowd
        me = crowd.of_person(subject.browser_id)
        found: dict[Set, frozenset[str]] = {}
        for naming in crowd.namings(subject.room, spell.start, spell.end):
            if not naming.receiver & me:
                found[naming.receiver] = found.get(naming.receiver, frozenset()) | naming.names
        return found

    def of_own(self, kind: str) -> float:
        """What those say who may receive what this participant has alone.

        Of those that only receive, and are not known to receive this, it explains the moments, too.
        """
        passed_on = self._passed_on(kind)
        if passed_on == p.PASSED_ON_ALSO:
            return self._received(passed_on, 0)
        scene = self._problem.scene
        names_me = self.witnesses_of(self._problem.subject.endpoint_id)
        return self._received(passed_on, names_me & scene.only_receiving & ~scene.secondary)

    def _passed_on(self, kind: str) -> float:
        """The probability that others receive a problem of a kind with these signs."""
        signs = self._problem.signs
        if signs & PASSED_ON_SIGNS or (kind == "device" and "media" in signs):
            return p.PASSED_ON
        return p.PASSED_ON_WHILE_DOWN if kind == "line" and "down" in signs else p.PASSED_ON_ALSO

    def _received(self, passed_on: float, at_once: Set) -> float:
        if self._problem.scene.direct:
            return self._received_directly(passed_on)
        endpoint = self._problem.subject.endpoint_id
        mine = log(passed_on) + log_witnessed(self.witnesses(endpoint, 0))
        if at_once:
            mine += self._problem.log_moments(at_once)
        return log_sum((log(1 - passed_on), mine))

    def _received_directly(self, passed_on: float) -> float:
        """The same of the other end of a path, which may hear or see what is not of the path."""
        problem = self._problem
        receiving = problem.scene.only_receiving & problem.meeting.members
        if not receiving or passed_on == p.PASSED_ON_ALSO:
            return 0.0
        usual = p.BACKGROUND[SIGNS.index("media")] * problem.rate
        mine = log(passed_on / usual) + problem.log_moments(receiving)
        return log_sum((log(1 - passed_on), mine))

    def witnesses(self, endpoint: str, but: Set) -> Witnesses:
        """How many others of the meeting name a sender, with and without others, or nobody.

        `but`: the sender, who is no witness.
        """
        alone, of_two, among = self._numbers.get(endpoint, _NOBODY)
        unnamed = self._number_unnamed - bool(self.unnamed & but)
        # Of a large meeting a few hear somebody: the others say nothing by their silence.
        silent = self._known_receivers - bool(self.silent & but)
        silent = min(max(0, silent - alone - of_two - among - unnamed), 2 * p.HEARD)
        return Witnesses(silent, unnamed, among, of_two, alone)

    def witnesses_of(self, endpoint: str) -> Set:
        """The others who name a sender."""
        return self._named_by.get(endpoint, 0)


@lru_cache(maxsize=4096)
def log_witnessed(witnesses: Witnesses) -> float:
    """What the others of a meeting say for a sender, in nats."""
    said = [sum(map(mul, witnesses, ratios)) for ratios in _RATIOS_OF_NAMING]
    return log_mean(p.OF_RECEIVERS, said)
