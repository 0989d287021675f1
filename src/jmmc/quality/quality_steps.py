"""Known, fair and poor time by steps of a window, in the form from which intervals are made."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from jmmc.quality.filters import SummaryFilter
from jmmc.quality.grading import Grade
from jmmc.quality.intervals import Replicates, groups_of
from jmmc.quality.rollups import ALL, Rollup
from jmmc.quality.segments import track_of
from jmmc.quality.window_sums import Row, fitting_pieces


class QualitySteps:
    """Replicates by step of `seconds`; a step is named by its start, a multiple of `seconds`."""

    def __init__(self, selection: SummaryFilter, seconds: int) -> None:
        self._selection = selection
        self.seconds = seconds
        self._replicates: dict[int, Replicates] = {}

    def add_rows(self, rows: Iterable[Row], since: int, until: int) -> None:
        """Add the time from `since` to `until` of sessions of the selection."""
        for row in rows:
            sums: dict[int, list[int]] = {}
            for piece in fitting_pieces(
                track_of(row.lane, row.segments), since, until, self._selection
            ):
                if piece.grade is not Grade.UNKNOWN:
                    self._cut(sums, piece.start, piece.end, piece.grade)
            if not sums:
                continue
            groups = groups_of(row.browser_id, row.room, row.began)
            for start, (known, fair, poor) in sums.items():
                self._of(start).add(groups, known, fair, poor)

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
        return sorted(self._replicates.items())

    def _cut(self, sums: dict[int, list[int]], start: int, end: int, grade: Grade) -> None:
        while start < end:
            step = self.start_of(start)
            cut = min(end, step + self.seconds)
            of_step = sums.setdefault(step, [0, 0, 0])
            of_step[0] += cut - start
            if grade is not Grade.GOOD:
                of_step[grade.value - Grade.FAIR.value + 1] += cut - start
            start = cut

    def _of(self, start: int) -> Replicates:
        step = self.start_of(start)
        if step not in self._replicates:
            self._replicates[step] = Replicates()
        return self._replicates[step]


def merged(by_value: Mapping[Any, Replicates]) -> Replicates:
    """The replicates of all values together."""
    found = Replicates()
    for replicates in by_value.values():
        found.merge(replicates)
    return found
