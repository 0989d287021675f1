"""Quantiles of values whose counts add up over hours and days, each at most 1 % off.

A value is counted in a bucket; each bucket's upper bound is about 2 % above its lower one, and its
middle stands for all its values. Masson, Rim and Lee, DDSketch, PVLDB 12 (2019).
"""

from collections.abc import Mapping
from math import ceil, log

Sketch = dict[int, int]
"""How many values are in each bucket."""

_ACCURACY = 0.01
_GAMMA = (1 + _ACCURACY) / (1 - _ACCURACY)
_LOG_GAMMA = log(_GAMMA)


def bucket_of(value: float) -> int:
    """The bucket of a value; those up to 1 are in bucket 0."""
    return ceil(log(value) / _LOG_GAMMA) if value > 1 else 0


def sketch_quantile(sketch: Mapping[int, int], share: float) -> float | None:
    """The value at this share (0 to 1) of all values by size; None without values."""
    rank = share * (sum(sketch.values()) - 1)
    seen = 0
    for bucket in sorted(sketch):
        seen += sketch[bucket]
        if seen > rank:
            return 2 * _GAMMA**bucket / (_GAMMA + 1) if bucket else 1.0
    return None
