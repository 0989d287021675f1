"""What the others say for a cause in common: who of its group had problems, and who else."""

from collections.abc import Sequence
from functools import lru_cache
from math import exp, log
from operator import add, mul

from jmmc.quality.causes import parameters as p
from jmmc.quality.causes.logarithms import (
    LOG_SPARED,
    NEGLIGIBLE,
    NEGLIGIBLE_WITH_RECORDS,
    log_sum,
)
from jmmc.quality.causes.problem import Alike, Basis, Counts, Problem, rounded

_LOG_OF_LEAST = tuple(log(strength / p.STRENGTHS[0]) for strength in p.STRENGTHS)
_SPARED_OF_LEAST = tuple(nats - LOG_SPARED[0] for nats in LOG_SPARED)
_OF_INCIDENTS = tuple((once, both) for _, once, both in p.AT_ONCE_OF_INCIDENTS)
_LARGE = 50  # Members who are good: of smaller groups the full sum is as quick.


def alike(problem: Problem, outside: Counts) -> Alike:
    """How probable that is of members of a group, by those who are not in it.

    As far as they are many: else by what is usual.
    """
    weight = p.ALIKE_WEIGHT
    bad = weight + outside.bad
    return Alike(
        rounded((weight * problem.same + outside.with_sign) / bad),
        rounded((weight * problem.by_chance + outside.at_once) / bad),
        rounded((weight * problem.both_by_chance + outside.at_both) / (weight + outside.at_once)),
    )


def log_others(
    basis: Basis, inside: Counts, outside: Alike, at_once: float, at_both: float
) -> Sequence[float]:
    """For each of `STRENGTHS`, what the members of a group say for the cause, in nats.

    `at_once`, `at_both`: how probable those whom the cause hits have one moment in common, and then
    both. Averaged over the base rate. Without the last strengths where they are negligible.
    """
    strengths = _considered(inside.good, inside.bad)
    spared = [inside.good * nats for nats in LOG_SPARED[:strengths]]
    if not inside.bad:
        return spared
    first, after = basis.rates_for(inside.bad)
    of_base = basis.log_base[first:after]
    of_affected = _log_of_affected(
        inside,
        basis.usual,
        outside,
        Alike(p.SAME_SIGN, at_once, at_both).with_moments(basis.moments, outside),
        (strengths, first, after),
    )
    return [
        nats + log_sum(map(add, of_base, of_strength))
        for nats, of_strength in zip(spared, of_affected, strict=True)
    ]


def log_others_apart(
    basis: Basis, inside: Counts, outside: Alike
) -> tuple[Sequence[float], Sequence[float]]:
    """What members say for a cause that this problem has nothing to do with.

    They may resemble each other; this problem resembles them by chance, and then all of them.
    The second list is averaged over the base rate times the base rate.
    """
    strengths = _considered(inside.good, inside.bad)
    spared = [inside.good * nats for nats in LOG_SPARED[:strengths]]
    if not inside.bad:
        return spared, [basis.now + nats for nats in spared]
    first, after = basis.rates_for(inside.bad)
    of_base = basis.log_base[first:after]
    same, by_chance, both = outside
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
                basis.usual,
                outside,
                Alike(alike_share, at_once, both).with_moments(basis.moments, outside),
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


def is_negligible(problem: Problem, inside: Counts, outside: Alike, elsewhere: float) -> bool:
    """Whether an incident of a group is out of the question, however alike its problems are.

    So it is of large groups of which few had problems: beside that the group has no incident.
    `elsewhere`: what it says how alike those are who are not in the group, in nats.
    """
    if inside.good < _LARGE or _considered(inside.good, inside.bad) > 1:
        return False
    first, after = problem.basis.rates_for(inside.bad)
    said = [*problem.basis.log_base[first:after]]
    for count, ratios in zip(inside[1:], _log_at_most(problem.basis.usual, outside), strict=True):
        if count:
            said = [nats + count * ratio for nats, ratio in zip(said, ratios[first:], strict=False)]
    most = inside.good * LOG_SPARED[0] + max(said)
    return most + elsewhere < problem.log_alike + problem.now - NEGLIGIBLE


@lru_cache(maxsize=4096)
def _log_at_most(usual: Alike, outside: Alike) -> Sequence[Sequence[float]]:
    """The most that members who are affected in each way say for an incident that hits the fewest.

    By base rate, in nats: whatever part of those whom the incident hits notices it at once.
    """
    by_cause = [
        max(shares)
        for shares in zip(
            *(
                _by_way(like, at_once, both)
                for like in (p.SAME_SIGN, 1 - p.SAME_SIGN)
                for at_once, both in (
                    (outside.at_once, outside.at_both),
                    (p.AT_ONCE, outside.at_both),
                    *((once, both) for once, both in _OF_INCIDENTS),
                )
            ),
            strict=True,
        )
    ]
    return [
        _log_ratios(cause / of_usual, apart / of_usual, p.STRENGTHS[0])
        for cause, apart, of_usual in zip(by_cause, _by_way(*outside), _by_way(*usual), strict=True)
    ]


@lru_cache(maxsize=4096)
def _by_way(same: float, once: float, both: float) -> tuple[float, ...]:
    """The share of those affected in each way, in the order of `Counts`."""
    at_moments = 1 - once, once * (1 - both), once * both
    return (
        *((1 - same) * share for share in at_moments),
        *(same * share for share in at_moments),
    )


@lru_cache(maxsize=4096)
def _considered(good: int, bad: int) -> int:
    """How many of `STRENGTHS` are not negligible beside the least, for so many members.

    By a strength s an affected member is at most s / s' times as probable as by s' < s.
    """
    for at, (nats, spared) in enumerate(zip(_LOG_OF_LEAST, _SPARED_OF_LEAST, strict=True)):
        if bad * nats + good * spared < -NEGLIGIBLE_WITH_RECORDS:
            return at
    return len(p.STRENGTHS)


@lru_cache(maxsize=8192)
def _log_of_affected(
    inside: Counts,
    usual: Alike,
    outside: Alike,
    by: Alike,
    cases: tuple[int, int, int],
) -> Sequence[Sequence[float]]:
    """The logarithm of P(the affected | members) / P(the same | not), by strength and base rate.

    `by`: how those are alike who have it by the cause; those who have independent problems are as
    people `outside`, against what is `usual`.
    `cases`: the number of strengths, the first base rate and the end of them.
    """
    by_cause, independent, known = _by_way(*by), _by_way(*outside), _by_way(*usual)
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
