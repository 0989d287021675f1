"""What a group has in common: an incident, or that it is weak for days."""

from collections.abc import Iterable, Sequence
from math import inf, log
from typing import NamedTuple

from jmmc.quality.causes import parameters as p
from jmmc.quality.causes.crowd import Group, Set
from jmmc.quality.causes.hypothesis import Hypothesis
from jmmc.quality.causes.logarithms import (
    LOG_OF_WEAKNESS,
    LOG_SPARED,
    LOG_STRENGTHS,
    NOTHING,
    log_sum,
    weighted,
)
from jmmc.quality.causes.others import alike, log_others, log_others_apart
from jmmc.quality.causes.problem import Problem, log_length
from jmmc.quality.causes.records import log_ratios
from jmmc.quality.causes.signs import log_probability

_LOG_OF_INCIDENTS = tuple(map(log, p.OF_INCIDENTS))
_LOG_OF_WIDE_INCIDENTS = tuple(map(log, p.OF_WIDE_INCIDENTS))
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
        of_strength = _LOG_OF_WIDE_INCIDENTS if group.kind in _WIDE else _LOG_OF_INCIDENTS
        others = log_others(problem, inside, same, by_chance, p.AT_ONCE)
        incident = prior + weighted(of_strength, LOG_STRENGTHS, others)
        spared = prior + weighted(of_strength, LOG_SPARED, apart)
        spared_now = prior + weighted(of_strength, LOG_SPARED, apart_now)
        weak = record = -inf
        if shared.weak:
            prior = log(shared.weak)
            others = log_others(problem, inside, same, by_chance, p.AT_ONCE_WHEN_WEAK)
            ratios = _record_of(problem, group)
            terms: list[Sequence[float]]
            terms = [LOG_OF_WEAKNESS, LOG_STRENGTHS, others, problem.of_person]
            weak = prior + weighted(*terms, ratios)
            record = weak - prior - weighted(*terms)
            terms = [LOG_OF_WEAKNESS, LOG_SPARED, ratios]
            spared = log_sum((spared, prior + weighted(*terms, apart)))
            spared_now = log_sum((spared_now, prior + weighted(*terms, apart_now)))
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
