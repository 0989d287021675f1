"""What the others say for a cause in common: who of its group had problems, and who else."""

from collections.abc import Sequence
from functools import lru_cache
from math import exp, log
from operator import add, mul
from typing import NamedTuple

from jmmc.quality.causes import parameters as p
from jmmc.quality.causes.logarithms import (
    LOG_SPARED,
    NEGLIGIBLE_WITH_RECORDS,
    log_sum,
)
from jmmc.quality.causes.problem import Counts, Problem

_LOG_OF_LEAST = tuple(log(strength / p.STRENGTHS[0]) for strength in p.STRENGTHS)
_SPARED_OF_LEAST = tuple(nats - LOG_SPARED[0] for nats in LOG_SPARED)


class Alike(NamedTuple):
    """How probable independent problems have the same sign, and the same moment."""

    same: float
    by_chance: float


def alike(problem: Problem, inside: Counts) -> Alike:
    """How probable that is of members of a group, by those who are not in it.

    As far as they are many: else by what is usual.
    """
    outside = outside_of(problem, inside)
    weight = p.ALIKE_WEIGHT
    bad = weight + outside.bad
    return Alike(
        _rounded((weight * problem.same + outside.same + outside.same_at_once) / bad),
        _rounded((weight * problem.by_chance + outside.at_once) / bad),
    )


def outside_of(problem: Problem, inside: Counts) -> Counts:
    """The others who are not in a group."""
    return Counts(
        *(max(0, of_all - of_group) for of_all, of_group in zip(problem.all, inside, strict=True))
    )


def log_others(problem: Problem, inside: Counts, outside: Alike, at_once: float) -> list[float]:
    """For each of `STRENGTHS`, what the members of a group say for the cause, in nats.

    Averaged over the base rate. Without the last strengths where they are negligible.
    """
    strengths = _considered(inside.good, inside.bad)
    spared = [inside.good * nats for nats in LOG_SPARED[:strengths]]
    if not inside.bad:
        return spared
    first, after = problem.base_rates_for(inside.bad)
    of_base = problem.log_base[first:after]
    of_affected = _log_of_affected(
        inside, _usual(problem), outside, at_once, p.SAME_SIGN, (strengths, first, after)
    )
    return [
        nats + log_sum(map(add, of_base, of_strength))
        for nats, of_strength in zip(spared, of_affected, strict=True)
    ]


def log_others_apart(
    problem: Problem, inside: Counts, outside: Alike
) -> tuple[list[float], list[float]]:
    """What members say for a cause that this problem has nothing to do with.

    They may resemble each other; this problem resembles them by chance, and then all of them.
    The second list is averaged over the base rate times the base rate.
    """
    strengths = _considered(inside.good, inside.bad)
    spared = [inside.good * nats for nats in LOG_SPARED[:strengths]]
    if not inside.bad:
        return spared, [problem.now + nats for nats in spared]
    first, after = problem.base_rates_for(inside.bad)
    of_base = problem.log_base[first:after]
    same, by_chance = outside
    like, unlike = p.SAME_SIGN, 1 - p.SAME_SIGN
    of_affected: list[Sequence[Sequence[float]]] = []
    priors: list[float] = []
    for prior, at_once, alike_share in (
        (same * by_chance, p.AT_ONCE, like),
        (same * (1 - by_chance), by_chance, like),
        (1 - same, by_chance, unlike),
    ):
        of_affected.append(
            _log_of_affected(
                inside,
                _usual(problem),
                outside,
                at_once,
                alike_share,
                (strengths, first, after),
            )
        )
        nats = log(prior)
        priors += [nats + base for base in of_base]
    rates = p.BASE_RATES[first:after] * len(of_affected)
    apart, apart_now = [], []
    for nats, *of_strength in zip(spared, *of_affected, strict=True):
        affected = [term for of_variant in of_strength for term in of_variant]
        terms = [*map(add, priors, affected)]
        most = max(terms)
        shares = [exp(term - most) for term in terms]
        apart.append(nats + most + log(sum(shares)))
        apart_now.append(nats + most + log(sum(map(mul, shares, rates))))
    return apart, apart_now


@lru_cache(maxsize=4096)
def _considered(good: int, bad: int) -> int:
    """How many of `STRENGTHS` are not negligible beside the least, for so many members.

    By a strength s an affected member is at most s / s' times as probable as by s' < s.
    """
    for at, (nats, spared) in enumerate(zip(_LOG_OF_LEAST, _SPARED_OF_LEAST, strict=True)):
        if bad * nats + good * spared < -NEGLIGIBLE_WITH_RECORDS:
            return at
    return len(p.STRENGTHS)


def _usual(problem: Problem) -> Alike:
    return Alike(_rounded(problem.same), _rounded(problem.by_chance))


@lru_cache(maxsize=8192)
def _log_of_affected(
    inside: Counts,
    usual: Alike,
    outside: Alike,
    at_once: float,
    like: float,
    cases: tuple[int, int, int],
) -> Sequence[Sequence[float]]:
    """The logarithm of P(the affected | members) / P(the same | not), by strength and base rate.

    `like`: how probable a member has the same sign by the cause, `at_once` the same moment; those
    who have independent problems are alike as people `outside`, against what is `usual`.
    `cases`: the number of strengths, the first base rate and the end of them.
    """
    by_cause, independent, known = (
        ((1 - same) * (1 - moment), (1 - same) * moment, same * (1 - moment), same * moment)
        for same, moment in ((like, at_once), outside, usual)
    )
    strengths, first, after = cases
    found: list[Sequence[float]] = [(0.0,) * (after - first)] * strengths
    for count, cause, apart, of_usual in zip(inside[1:], by_cause, independent, known, strict=True):
        if count:
            for at, strength in enumerate(p.STRENGTHS[:strengths]):
                ratios = _log_ratios(cause / of_usual, apart / of_usual, strength)[first:after]
                found[at] = [
                    nats + count * ratio for nats, ratio in zip(found[at], ratios, strict=True)
                ]
    return found


@lru_cache(maxsize=16384)
def _log_ratios(cause: float, apart: float, strength: float) -> tuple[float, ...]:
    """The same of one who is affected in one way: how much more probable that is by the cause, and
    by independent problems, than usual."""
    return tuple([log((1 - strength) * apart + strength * cause / base) for base in p.BASE_RATES])


def _rounded(share: float) -> float:
    """A probability that is neither sure nor impossible; rounded, so that tables are reused."""
    return round(min(max(share, 0.02), 0.98), 2)
