"""What the others say for a cause in common: who of its group had problems, and who else."""

from functools import lru_cache
from math import log
from operator import add, mul

from jmmc.quality.causes import parameters as p
from jmmc.quality.causes.logarithms import LOG_SPARED, log_sum
from jmmc.quality.causes.problem import Counts, Problem


def alike(problem: Problem, inside: Counts) -> tuple[float, float]:
    """How probable independent problems have the same sign, and the same moment.

    By those who are not in a group, as far as they are many.
    """
    same_outside = problem.all.same + problem.all.same_at_once - inside.same - inside.same_at_once
    at_once_outside = problem.all.at_once - inside.at_once
    weight = p.ALIKE_WEIGHT
    bad = weight + max(0, problem.all.bad - inside.bad)
    same = (weight * problem.same + max(0, same_outside)) / bad
    at_once = (weight * problem.by_chance + max(0, at_once_outside)) / bad
    return _rounded(same), _rounded(at_once)


def log_others(
    problem: Problem, inside: Counts, same: float, by_chance: float, at_once: float
) -> list[float]:
    """For each of `STRENGTHS`, what the members of a group say for the cause, in nats.

    Averaged over the base rate.
    """
    if not inside.bad:
        return [inside.good * nats for nats in LOG_SPARED]
    table = _ratios(same, by_chance, at_once, p.SAME_SIGN)
    log_base = problem.log_base
    found: list[float] = []
    for of_strength in table:
        terms = [
            base + sum(map(mul, inside, ratios))
            for base, ratios in zip(log_base, of_strength, strict=True)
        ]
        found.append(log_sum(terms))
    return found


def log_others_apart(
    problem: Problem, inside: Counts, same: float, by_chance: float
) -> tuple[list[float], list[float]]:
    """What members say for a cause that this problem has nothing to do with.

    They may resemble each other; this problem resembles them by chance, and then all of them.
    The second list is averaged over the base rate times the base rate.
    """
    if not inside.bad:
        good_only = [inside.good * nats for nats in LOG_SPARED]
        return good_only, [problem.now + nats for nats in good_only]
    like, unlike = p.SAME_SIGN, 1 - p.SAME_SIGN
    tables = (
        (log(same * by_chance), _ratios(same, by_chance, p.AT_ONCE, like)),
        (log(same * (1 - by_chance)), _ratios(same, by_chance, by_chance, like)),
        (log(1 - same), _ratios(same, by_chance, by_chance, unlike)),
    )
    apart, apart_now = [], []
    for at in range(len(p.STRENGTHS)):
        nats = [
            log_sum(weight + sum(map(mul, inside, table[at][base])) for weight, table in tables)
            for base in range(len(p.BASE_RATES))
        ]
        apart.append(log_sum(map(add, problem.log_base, nats)))
        apart_now.append(log_sum(map(add, problem.log_base_now, nats)))
    return apart, apart_now


@lru_cache(maxsize=2048)
def _ratios(
    same: float, by_chance: float, at_once: float, like: float
) -> tuple[tuple[tuple[float, ...], ...], ...]:
    """The logarithm of P(how somebody is | member) / P(the same | not), by strength and base rate.

    In the order of `Counts`.
    """
    shares = (
        ((1 - like) * (1 - at_once), (1 - same) * (1 - by_chance)),
        ((1 - like) * at_once, (1 - same) * by_chance),
        (like * (1 - at_once), same * (1 - by_chance)),
        (like * at_once, same * by_chance),
    )
    return tuple(
        tuple(
            (
                log(1 - strength),
                *(log(1 - strength + strength * cause / (base * usual)) for cause, usual in shares),
            )
            for base in p.BASE_RATES
        )
        for strength in p.STRENGTHS
    )


def _rounded(share: float) -> float:
    """A probability that is neither sure nor impossible; rounded, so that tables are reused."""
    return round(min(max(share, 0.02), 0.98), 2)
