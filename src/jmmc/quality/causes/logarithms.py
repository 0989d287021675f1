"""Sums of probabilities that are kept as logarithms, in nats."""

from collections.abc import Iterable, Sequence
from functools import lru_cache
from math import exp, inf, log

from jmmc.quality.causes import parameters as p

NEGLIGIBLE = 40.0
"""Nats by which a term is smaller than the largest."""
NOTHING = (0.0,) * len(p.STRENGTHS)
"""What a record says that is not there."""
LOG_STRENGTHS = tuple(map(log, p.STRENGTHS))
LOG_SPARED = tuple(log(1 - strength) for strength in p.STRENGTHS)
LOG_OF_WEAKNESS = tuple(map(log, p.OF_WEAKNESS))


def log_sum(terms: Iterable[float]) -> float:
    """The logarithm of a sum, of the logarithms of its terms."""
    listed = list(terms)
    most = max(listed)
    if most == -inf:
        return most
    return most + log(sum([exp(term - most) for term in listed if term > most - NEGLIGIBLE]))


def weighted(*terms: Sequence[float]) -> float:
    """The logarithm of a sum over `STRENGTHS`, of which each term has a factor's logarithm."""
    return log_sum(map(sum, zip(*terms, strict=True)))


def log_share(odds: float) -> float:
    """The logarithm of a probability, of its logarithmic odds."""
    return -log(1 + exp(-odds)) if odds > -NEGLIGIBLE else odds


@lru_cache(maxsize=4096)
def log_weak(ratios: tuple[float, ...]) -> float:
    """What a record says for somebody who is weak for days, of its ratios (`log_ratios`)."""
    return weighted(LOG_OF_WEAKNESS, LOG_STRENGTHS, ratios)
