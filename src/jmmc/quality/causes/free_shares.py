"""What a large group says for an incident of which nothing is fixed beforehand.

How many of the group it hits, and how many of these have the same sign and the same moments, are
shares that the group itself tells. With the fixed ones of other incidents, each member who is
affected otherwise would speak against the incident, and a large group would lose to a small one, or
to independent problems that are alike by an unknown share (`Problem.log_alike_of`).

All who are affected count together, also those who have an independent problem: of a large group
that has an incident they are few.
"""

from math import log, pi, sqrt
from typing import NamedTuple

from jmmc.quality.causes import parameters as p
from jmmc.quality.causes.base_rates import LOG_BASE_RATES
from jmmc.quality.causes.logarithms import log_beta_binomial, log_sum
from jmmc.quality.causes.problem import Alike, Basis, Counts

_LEAST = p.STRENGTHS[0]


class Free(NamedTuple):
    """What members say for an incident that hits the participant, in nats; and for one that spares
    them, alone and times the base rate.

    `of_others`, `of_others_now`: the same where the participant is not in the group; `received`: if
    the participant receives it from a member.
    """

    hits: float
    spares: float
    spares_now: float
    of_others: float
    of_others_now: float
    received: float


def is_large(inside: Counts) -> bool:
    """Whether so many of a group are affected that they tell the shares of an incident."""
    return inside.bad >= max(p.FEWEST_OF_FREE, _LEAST / 2 * sum(inside))


def log_free_incident(basis: Basis, inside: Counts, outside: Alike) -> Free:
    """What the members of a large group say for an incident, averaged over the base rate."""
    bad, good, known = inside.bad, inside.good, sum(inside)
    affected = (bad + 0.5) / (known + 1)
    hits, spares, spares_now, of_others, of_others_now = [], [], [], [], []
    for nats, base, log_base in zip(basis.log_base, p.BASE_RATES, LOG_BASE_RATES, strict=True):
        strength = max(_LEAST, (affected - base) / (1 - base))
        share = strength + (1 - strength) * base
        # Summed over the strengths near the best one. Larger ones are more probable: density 2 s.
        width = min(1.0, sqrt(2 * pi * share * (1 - share) / known) / (1 - base))
        log_strength, log_spared = log(strength), log(1 - strength)
        said = nats + bad * (log(share) - log_base) + good * log_spared + log_strength
        said += log(2 * width)
        hits.append(said + log_strength)
        spares.append(said + log_spared)
        spares_now.append(said + log_spared + log_base)
        of_others.append(said)
        of_others_now.append(said + log_base)
    alike, apart = _log_alike(basis, inside, outside)
    return Free(
        log_sum(hits) + alike,
        log_sum(spares) + apart,
        log_sum(spares_now) + apart,
        log_sum(of_others) + apart,
        log_sum(of_others_now) + apart,
        log_sum(of_others) + alike,
    )


def _log_alike(basis: Basis, inside: Counts, outside: Alike) -> tuple[float, float]:
    """How much more probable it is that so many are alike, by unknown shares, than it is usually.

    With this problem and each other; and with each other alone, while this problem is like them, or
    not, by chance.
    """
    bad, at_once, usual = inside.bad, inside.at_once, basis.usual
    mean, weight = p.FREE_SIGN
    same = _log_ratio(inside.with_sign, bad, mean, weight, usual.same)
    other = _log_ratio(inside.with_sign, bad, 1 - mean, weight, usual.same)
    by_chance = log_sum((log(outside.same) + same, log(1 - outside.same) + other))
    if not basis.moments:
        return same, by_chance
    once = _log_ratio(at_once, bad, *p.FREE_ONCE, usual.at_once)
    once_by_chance = _log_ratio(at_once, bad, outside.at_once, p.ALIKE_WEIGHT, usual.at_once)
    both = both_by_chance = 0.0
    if basis.moments > 1:
        at_both = inside.at_both
        both = _log_ratio(at_both, at_once, *p.FREE_BOTH, usual.at_both)
        both_by_chance = _log_ratio(
            at_both, at_once, outside.at_both, p.ALIKE_WEIGHT, usual.at_both
        )
    by_chance += log_sum(
        (
            log(1 - outside.at_once) + once_by_chance + both_by_chance,
            log(outside.at_once * (1 - outside.at_both)) + once + both_by_chance,
            log(outside.at_once * outside.at_both) + once + both,
        )
    )
    return same + once + both, by_chance


def _log_ratio(count: int, of: int, mean: float, weight: float, usual: float) -> float:
    known = count * log(usual) + (of - count) * log(1 - usual)
    return log_beta_binomial(count, of, mean, weight) - known
