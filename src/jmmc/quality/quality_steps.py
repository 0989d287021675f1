"""Known, fair and poor time by steps of a window, in the form from which intervals are made."""

from collections.abc import Iterable, Mapping, Sequence
from operator import itemgetter
from typing import Any

from jmmc.quality.grading import Grade
from jmmc.quality.intervals import Replicates
from jmmc.quality.rollups import ALL, COLUMN_OF_GRADE, Rollup

_GOOD, _UNKNOWN = COLUMN_OF_GRADE[Grade.GOOD], COLUMN_OF_GRADE[Grade.UNKNOWN]


class QualitySteps:
    """Replicates by step of `seconds`; a step is named by its start, a multiple of `seconds`."""

    def __init__(self, seconds: int) -> None:
        self.seconds = seconds
        self._replicates: dict[int, Replicates] = {}

    def only_step(self, since: int, until: int) -> Replicates | None:
        """What has all time of a part of the window; None where several steps have."""
        return self._of(since) if until <= self.start_of(since) + self.seconds else None

    def add_spans(self, spans: Iterable[tuple[int, int, int]], groups: tuple[int, int]) -> None:
        """Add the time of a session: start, end, and the column of its grade in `Sums`."""
        sums: dict[int, list[int]] = {}
        for start, end, column in spans:
            if column != _UNKNOWN:
                self._cut(sums, start, end, column)
        for step, (known, fair, poor) in sums.items():
            self._of(step).add(groups, known, fair, poor)

    def add_rollups(self, rollups: Iterable[Rollup], value: str = ALL) -> None:
        """Add one value of rollups that are not longer than a step."""
        for rollup in rollups:
            if packed := rollup.replicates.get(value):
                self._of(rollup.start).add_packed(packed)

    def add_pairs(
        self, start: int, known: Sequence[int], fair: Sequence[int], poor: Sequence[int]
    ) -> None:
        """Add seconds by pair of groups to the step of the moment `start`."""
        self._of(start).add_pairs(known, fair, poor)

    def start_of(self, at: int) -> int:
        """When the step of a moment begins."""
        return at - at % self.seconds

    def steps(self) -> Sequence[tuple[int, Replicates]]:
        """The steps in which anything is known, by time."""
        known = [step for step in self._replicates.items() if any(step[1].sums)]
        return sorted(known, key=itemgetter(0))

    def _cut(self, sums: dict[int, list[int]], start: int, end: int, column: int) -> None:
        while start < end:
            step = self.start_of(start)
            cut = min(end, step + self.seconds)
            of_step = sums.setdefault(step, [0, 0, 0])
            of_step[0] += cut - start
            if column != _GOOD:
                of_step[column - _GOOD] += cut - start
            start = cut

    def _of(self, start: int) -> Replicates:
        step = self.start_of(start)
        if step not in self._replicates:
            self._replicates[step] = Replicates()
        return self._replicates[step]


def merged(by_value: Mapping[Any, Replicates]) -> Replicates:
    """The replicates of all values together."""
    return Replicates.total_of(by_value.values())
