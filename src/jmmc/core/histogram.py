"""Cumulative histograms: counts by bucket and the sum of the values."""

from bisect import bisect_left
from collections.abc import Sequence
from itertools import accumulate
from math import inf


class Histogram:
    """Values in buckets: `counts[n]` counts values up to `bounds[n]`, the last all beyond.

    Values may have weights: a reading that held for 30 seconds counts 30 times.
    """

    __slots__ = ("bounds", "counts", "sum")

    def __init__(self, bounds: Sequence[float]) -> None:
        self.bounds = tuple(bounds)
        self.counts = [0] * (len(self.bounds) + 1)
        self.sum = 0.0

    def add(self, value: float, weight: int = 1) -> None:
        """Add a value to its bucket."""
        self.counts[bisect_left(self.bounds, value)] += weight
        self.sum += value * weight

    @property
    def count(self) -> int:
        """The number of values, or the sum of their weights."""
        return sum(self.counts)

    def cumulated(self) -> list[tuple[float, int]]:
        """Return (bound, count of values up to it); the last bound is infinite."""
        return list(zip((*self.bounds, inf), accumulate(self.counts), strict=True))
