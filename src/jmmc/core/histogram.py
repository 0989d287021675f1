"""How values spread: counts by bucket, and their sum. Only ever grows."""

from bisect import bisect_left
from collections.abc import Sequence
from itertools import accumulate
from math import inf


class Histogram:
    """Values in buckets: `counts[n]` of those up to `bounds[n]`, the last one of all beyond.

    A value may weigh more than one: a reading that held for 30 seconds counts 30 times.
    """

    __slots__ = ("bounds", "counts", "sum")

    def __init__(self, bounds: Sequence[float]) -> None:
        self.bounds = tuple(bounds)
        self.counts = [0] * (len(self.bounds) + 1)
        self.sum = 0.0

    def add(self, value: float, weight: int = 1) -> None:
        """Count a value."""
        self.counts[bisect_left(self.bounds, value)] += weight
        self.sum += value * weight

    @property
    def count(self) -> int:
        """How many values, or how much they weigh together."""
        return sum(self.counts)

    def cumulated(self) -> list[tuple[float, int]]:
        """Counts up to each bound, the last of which is infinite."""
        return list(zip((*self.bounds, inf), accumulate(self.counts), strict=True))
