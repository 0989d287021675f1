"""Sums of probabilities that are kept as logarithms, in nats."""

from collections.abc import Iterable, Sequence
from functools import lru_cache
from math import exp, inf, lgamma, log

from jmmc.quality.causes import parameters as p

NEGLIGIBLE = 40.0
"""Nats by which a term is smaller than the largest."""
NEGLIGIBLE_WITH_RECORDS = 60.0
"""The same whatever records say: of two cases, each at most `MOST_RECORD` for or against."""
NOTHING = (0.0,) * len(p.STRENGTHS)
"""What a record says that is not there."""
LOG_SPARED = tuple(log(1 - strength) for strength in p.STRENGTHS)
HIT_WHEN_WEAK = tuple(
    share * strength for share, strength in zip(p.OF_WEAKNESS, p.STRENGTHS, strict=True)
)
"""The probability of each strength, and that it hits one, in a group that is weak for days."""


def log_sum(terms: Iterable[float]) -> float:
    """The logarithm of a sum, of the logarithms of its terms."""
    listed = list(terms)
    most = max(listed)
    if most == -inf:
        return most
    return most + log(sum([exp(term - most) for term in listed if term > most - NEGLIGIBLE]))


def log_mean(weights: Sequence[float], terms: Sequence[float]) -> float:
    """The logarithm of a mean over `STRENGTHS`, of weights and of the terms' logarithms.

    Terms may be without the last strengths where these are negligible.
    """
    most = max(terms)
    if len(terms) == 1:
        return most + log(weights[0])
    return most + log(
        sum([weight * exp(term - most) for weight, term in zip(weights, terms, strict=False)])
    )


def log_share(odds: float) -> float:
    """The logarithm of a probability, of its logarithmic odds."""
    return -log(1 + exp(-odds)) if odds > -NEGLIGIBLE else odds


@lru_cache(maxsize=4096)
def log_weak(ratios: tuple[float, ...]) -> float:
    """What a record says for somebody who is weak for days, of its ratios (`log_ratios`)."""
    return log_mean(HIT_WHEN_WEAK, ratios)


def log_beta_binomial(bad: float, calls: float, rate: float, spread: float) -> float:
    """The logarithm of the probability of so many bad calls; the rate differs by `spread`.

    Without the binomial coefficient, which is the same for every rate.
    """
    a, b = rate * spread, (1 - rate) * spread
    return (
        lgamma(a + bad)
        + lgamma(b + calls - bad)
        - lgamma(spread + calls)
        - (lgamma(a) + lgamma(b) - lgamma(spread))
    )
