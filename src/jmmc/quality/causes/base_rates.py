"""How often people have problems that are nobody else's: the base rate is not known, but told by
the record and by all who are there."""

from math import exp, log

from jmmc.quality.causes import parameters as p

LOG_BASE_RATES = tuple(map(log, p.BASE_RATES))


def base_weights(rate: float | None, bad: int, known: int, has_record: bool) -> tuple[float, ...]:
    """The probability of each of `BASE_RATES`, by the record and by all who are there."""
    weight = p.BASE_WEIGHT_KNOWN if has_record else p.BASE_WEIGHT
    mean = min(max(p.BASE_RATE if rate is None else rate, 0.004), 0.5)
    prior = [
        (mean * weight - 1) * log(base) + ((1 - mean) * weight - 1) * log(1 - base) + log(base)
        for base in p.BASE_RATES
    ]
    most = max(prior)
    shares = [exp(nats - most) for nats in prior]
    total = sum(shares)
    scores = [
        log((1 - p.TAIL) * share / total + p.TAIL / len(shares))
        + bad * log(base)
        + (known - bad) * log(1 - base)
        for share, base in zip(shares, p.BASE_RATES, strict=True)
    ]
    most = max(scores)
    weights = [exp(score - most) for score in scores]
    total = sum(weights)
    return tuple(weight / total for weight in weights)
