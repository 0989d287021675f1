"""What a group has in common: an incident, or that it is weak for days."""

from collections.abc import Iterable, Sequence
from math import inf, log
from operator import add
from typing import NamedTuple

from jmmc.quality.causes import parameters as p
from jmmc.quality.causes.crowd import Group, Set
from jmmc.quality.causes.hypothesis import Hypothesis
from jmmc.quality.causes.logarithms import (
    HIT_WHEN_WEAK,
    NOTHING,
    log_mean,
    log_sum,
)
from jmmc.quality.causes.others import alike, log_others, log_others_apart
from jmmc.quality.causes.problem import Problem, log_length
from jmmc.quality.causes.records import log_ratios
from jmmc.quality.causes.signs import log_probability


def _by_strength(shares: Sequence[float], *, hit: bool) -> tuple[float, ...]:
    """The probability of each strength, and that it hits somebody, or spares them."""
    return tuple(
        share * (strength if hit else 1 - strength)
        for share, strength in zip(shares, p.STRENGTHS, strict=True)
    )


_INCIDENT = _by_strength(p.OF_INCIDENTS, hit=True), _by_strength(p.OF_INCIDENTS, hit=False)
_WIDE_INCIDENT = (
    _by_strength(p.OF_WIDE_INCIDENTS, hit=True),
    _by_strength(p.OF_WIDE_INCIDENTS, hit=False),
)
_SPARED_WHEN_WEAK = _by_strength(p.OF_WEAKNESS, hit=False)
_WIDE = frozenset(("region", "service"))


class Shared(NamedTuple):
    """A cause in common; and how probable it is that the group has an incident, or is weak, but
    spares this participant: alone, and times the base rate of that case. Logarithms.
    """

    hypothesis: Hypothesis
    beside: float
    beside_now: float


def shared_causes(problem: Problem, passed_on: float) -> Iterable[Shared]:
    """Each cause in common; `passed_on`: what receivers say, in nats (`Receivers`)."""
    length = log_length(problem.length, by_chance=False)
    for group in problem.scene.groups:
        shared = p.SHARED[group.kind]
        members = group.members
        if group.kind == "browser" and group.value != problem.subject.browser:
            members &= ~_worst_version(problem, members)
        inside = problem.own_problems(members)
        signs = log_probability(problem.signs, shared.signs)
        same, by_chance = alike(problem, inside)
        apart, apart_now = log_others_apart(problem, inside, same, by_chance)
        prior = log(shared.incident)
        hits, spares = _WIDE_INCIDENT if group.kind in _WIDE else _INCIDENT
        others = log_others(problem, inside, same, by_chance, p.AT_ONCE)
        incident = prior + log_mean(hits, others)
        spared = prior + log_mean(spares, apart)
        spared_now = prior + log_mean(spares, apart_now)
        weak = record = -inf
        if shared.weak:
            prior = log(shared.weak)
            others = log_others(problem, inside, same, by_chance, p.AT_ONCE_WHEN_WEAK)
            others = [*map(add, others, problem.of_person)]
            ratios = _record_of(problem, group)
            weak = prior + log_mean(HIT_WHEN_WEAK, [*map(add, others, ratios)])
            record = weak - prior - log_mean(HIT_WHEN_WEAK, others)
            weak_apart = log_mean(_SPARED_WHEN_WEAK, [*map(add, apart, ratios)])
            weak_now = log_mean(_SPARED_WHEN_WEAK, [*map(add, apart_now, ratios)])
            spared = log_sum((spared, prior + weak_apart))
            spared_now = log_sum((spared_now, prior + weak_now))
        score = log_sum((incident, weak))
        score += passed_on
        if group.kind == "browser" and group.value != problem.subject.browser:
            family = log(p.FAMILY)
            score, spared, spared_now = score + family, spared + family, spared_now + family
        parts = {
            "signs": signs,
            "length": length,
            "record": record if weak > incident else 0.0,
        }
        parts["others"] = score - log(shared.incident + shared.weak) - parts["record"]
        hypothesis = Hypothesis(
            group.kind, group.value, score + signs + length, parts, group.members
        )
        yield Shared(hypothesis, spared, spared_now)


def _worst_version(problem: Problem, family: Set) -> Set:
    """Of the other versions of a browser, the one with the most problems: it may be why."""
    affected = problem.scene.affected
    own, *_ = (group.members for group in problem.scene.groups if group.kind == "browser")
    return max(
        (version & ~own for version in problem.crowd.versions(problem.subject.browser)),
        key=lambda version: (version & family & affected).bit_count(),
        default=0,
    )


def _record_of(problem: Problem, group: Group) -> Sequence[float]:
    """What the record of a group says, without this participant's own calls."""
    record = problem.records.groups.get((group.kind, group.value))
    if record is None:
        return NOTHING
    rest = problem.records.all.less(record)
    return log_ratios(record.less(problem.person), rest.share if rest.known else problem.usual)
