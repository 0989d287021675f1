"""Quantiles of the readings of a call, over its known time."""

from bisect import bisect_right
from collections.abc import Iterable, Mapping, Sequence
from itertools import accumulate

from msgspec import Struct

from jmmc.core.readings import METRICS
from jmmc.quality.grading import moment_mos
from jmmc.quality.timeline import State

SHARES = (0.05, 0.5, 0.95)
"""The quantiles in a summary, as shares of time (not of samples)."""

_PATHS = tuple(METRICS.values())
_NUMBERS = (int, float)  # And not bool, which is an int to `isinstance`.


class QuantileAccumulator(Struct, array_like=True):
    """The seconds for which each value held, by path of the reading, and by estimated MOS."""

    readings: dict[str, dict[float | int, int]] = {}
    scores: dict[float, int] = {}

    def add(self, state: State, seconds: int) -> None:
        """Add a time in which these readings held."""
        readings = self.readings
        for path in _PATHS:
            value = state.get(path)
            if type(value) in _NUMBERS:
                lengths = readings.get(path)
                if lengths is None:
                    readings[path] = {value: seconds}  # type: ignore[dict-item]
                else:
                    lengths[value] = lengths.get(value, 0) + seconds  # type: ignore[index,arg-type]
        score = moment_mos(state)
        if score is not None:
            self.scores[score] = self.scores.get(score, 0) + seconds

    def finish(self) -> dict[str, list[float | None]]:
        """The quantiles at `SHARES` by name of the metric, and of `mos`, where they are known."""
        found: dict[str, list[float | None]] = {
            name: [*quantiles_of(lengths, SHARES)]
            for name, path in METRICS.items()
            if (lengths := self.readings.get(path))
        }
        if self.scores:
            found["mos"] = [round(score, 2) for score in quantiles_of(self.scores, SHARES)]
        return found


def quantiles(weighted: Iterable[tuple[float, int]], shares: Sequence[float]) -> list[float | None]:
    """The quantiles at the given shares (0..1) of values with their weights in seconds."""
    lengths: dict[float, int] = {}
    for value, weight in weighted:
        if weight > 0:
            lengths[value] = lengths.get(value, 0) + weight
    return [*quantiles_of(lengths, shares)] if lengths else [None] * len(shares)


def quantiles_of(lengths: Mapping[float, int], shares: Sequence[float]) -> list[float]:
    """The quantiles of values, of which there are some, by the seconds for which each held."""
    if len(lengths) == 1:
        return [*lengths] * len(shares)
    ordered = sorted(lengths)
    sums = list(accumulate(map(lengths.__getitem__, ordered)))
    last = len(ordered) - 1
    total = sums[last]
    return [ordered[bisect_right(sums, share * total, 0, last)] for share in shares]
