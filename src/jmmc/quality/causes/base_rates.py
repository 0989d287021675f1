"""How often people have problems that are nobody else's: the base rate is not known, but told by
the record and by all who are there."""

from math import exp, log

from jmmc.quality.causes import parameters as p
from jmmc.quality.causes.logarithms import log_sum

LOG_BASE_RATES = tuple(map(log, p.BASE_RATES))
_LOG_SPARED = tuple(log(1 - base) for base in p.BASE_RATES)
_TAILS = tuple(p.TAIL / base / sum(1 / other for other in p.BASE_RATES) for base in p.BASE_RATES)
"""The probability of each whatever the record says: the higher, the rarer."""


def log_base_weights(
    rate: float | None, bad: int, known: int, *, has_record: bool
) -> tuple[float, ...]:
    """The probability of each of `BASE_RATES`, by the record and by all who are there; logarithms.

    Many problems make a low rate less probable than a float can say. It counts all the same: where
    an incident explains these problems, it is the rate of the others.
    """
    weight = p.BASE_WEIGHT_KNOWN if has_record else p.BASE_WEIGHT
    mean = min(max(p.BASE_RATE if rate is None else rate, 0.004), 0.5)
    prior = [
        (mean * weight - 1) * nats + ((1 - mean) * weight - 1) * spared + nats
        for nats, spared in zip(LOG_BASE_RATES, _LOG_SPARED, strict=True)
    ]
    total = log_sum(prior)
    scores = [
        log((1 - p.TAIL) * exp(nats - total) + tail) + bad * of_bad + (known - bad) * spared
        for nats, tail, of_bad, spared in zip(
            prior, _TAILS, LOG_BASE_RATES, _LOG_SPARED, strict=True
        )
    ]
    total = log_sum(scores)
    return tuple([score - total for score in scores])
