"""Sums over a window by the values of two dimensions, from the sessions that were there in it."""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from typing import Any

from jmmc.quality.filters import SummaryFilter
from jmmc.quality.grading import Grade
from jmmc.quality.intervals import Replicates, groups_of
from jmmc.quality.rollups import COLUMN_OF_GRADE, Sums
from jmmc.quality.segments import track_of
from jmmc.quality.window_sums import fitting_pieces, is_within

Pair = tuple[str, str]
"""A value of each of the two dimensions."""


class PairSums:
    """Sums and replicates by pair of values of `by` and `crossed`, to the second.

    Of a session that moved each second counts for the pair that it was on, and the session for each
    of its pairs.
    """

    def __init__(self, selection: SummaryFilter, by: str, crossed: str) -> None:
        self._selection = selection
        self._window = selection.window
        self._names = (by, crossed)
        self._sums: dict[Pair, list[int]] = {}
        self.replicates: defaultdict[Pair, Replicates] = defaultdict(Replicates)

    def add(self, rows: Iterable[Sequence[Any]]) -> None:
        """Add sessions of the selection: the columns of a `Row`, then the value of `crossed`."""
        since, until = self._window
        for _, began, ended, browser_id, room, good, fair, poor, unknown, *more in rows:
            lane, segments, value, crossed = more
            if not is_within(began, ended, since, until):
                continue
            groups = groups_of(browser_id, room, began)
            if began >= since and ended <= until and not self._moves(segments):
                self._add(groups, (value, crossed), (unknown, good, fair, poor))
                continue
            by_pair: dict[Pair, list[int]] = {}
            track = track_of(lane, segments)
            for piece in fitting_pieces(track, since, until, self._selection):
                own = (
                    piece.values.get(self._names[0], value),
                    piece.values.get(self._names[1], crossed),
                )
                seconds = by_pair.setdefault(own, [0, 0, 0, 0])
                seconds[piece.grade] += piece.end - piece.start
            for own, seconds in by_pair.items():
                self._add(groups, own, seconds)

    def _moves(self, segments: str) -> bool:
        """Whether a session changes a dimension that decides where its time counts."""
        if segments == "[]":
            return False
        return not self._selection.only_window or any(
            f'"{name}"' in segments for name in self._names
        )

    def values(self) -> dict[Pair, Sums]:
        """The sums of each pair."""
        return {pair: Sums(self._window[0], *sums) for pair, sums in self._sums.items()}

    def _add(self, groups: tuple[int, int], pair: Pair, seconds: Sequence[int]) -> None:
        """Add one session, with its seconds by `Grade`."""
        sums = self._sums.setdefault(pair, [0, 0, 0, 0, 0])
        sums[0] += 1
        for grade, of_grade in enumerate(seconds):
            sums[COLUMN_OF_GRADE[grade]] += of_grade
        fair, poor = seconds[Grade.FAIR], seconds[Grade.POOR]
        if known := seconds[Grade.GOOD] + fair + poor:
            self.replicates[pair].add(groups, known, fair, poor)
