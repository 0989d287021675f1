"""Sums over a window of time, to the second, from the sessions that were there in it."""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import islice
from typing import NamedTuple

from jmmc.quality.filters import DIMENSIONS, SummaryFilter
from jmmc.quality.intervals import Replicates, groups_of
from jmmc.quality.peaks import peaks
from jmmc.quality.quality_steps import QualitySteps
from jmmc.quality.rollups import ALL, BUCKET, COLUMN_OF_GRADE, ReplicatesByValue, Sums
from jmmc.quality.segments import Piece, Track, entries, pieces, track_of

ROW_COLUMNS = (
    *("session", "began", "ended", "browser_id", "room"),
    *("good", "fair", "poor", "unknown", "lane", "segments"),
)
"""The columns of a `Row`, but for the value of the dimension by which sessions are compared."""

_FOREVER = 2**63


class Row(NamedTuple):
    """A session as stores return it (`ROW_COLUMNS`), and its `value` of a dimension.

    `lane` and `segments` are JSON.
    """

    session: str
    began: int
    ended: int
    browser_id: str
    room: str
    good: int
    fair: int
    poor: int
    unknown: int
    lane: str
    segments: str
    value: str = ALL


class Cut(NamedTuple):
    """A session's seconds in a window: good, fair, poor, unknown."""

    good: int
    fair: int
    poor: int
    unknown: int

    @staticmethod
    def of(cut_pieces: Iterable[Piece]) -> "Cut":
        """The seconds of these pieces."""
        seconds = [0] * 5
        for piece in cut_pieces:
            seconds[COLUMN_OF_GRADE[piece.grade]] += piece.end - piece.start
        return Cut(*seconds[1:])

    @property
    def tenth(self) -> int | None:
        """The tenth of good time, 0 to 9; None when nothing is known."""
        known = self.good + self.fair + self.poor
        return min(9, self.good * 10 // known) if known else None


def is_within(began: int, ended: int, since: int, until: int) -> bool:
    """Whether a session was there in a window; one that ended as it began was, at that moment."""
    return began < until and (ended > since or began >= since)


class WindowSums:
    """Sums over the part of a window from `since` to `until`, by five minutes and by value.

    `selection` has the whole window and its filters; of a session that moved, only the time counts
    that fits. With `by`, sums are by the values of that dimension. A session counts for a value
    that it has in the window when it first had it from `entered_since` to before `entered_until`:
    so that of neighbouring parts each session counts in one. Without `over_time` there are no
    `parts`, without `spread` no `deciles` and `rooms`: these are of the whole window. The known
    time of the part is added to `steps`, too.
    """

    def __init__(
        self,
        selection: SummaryFilter,
        *,
        by: str = ALL,
        part: tuple[int, int] | None = None,
        entered: tuple[int, int] = (-_FOREVER, _FOREVER),
        over_time: bool = True,
        spread: bool = True,
        steps: QualitySteps | None = None,
    ) -> None:
        self._window = selection.window
        self._selection = selection
        filtered = {name for name in DIMENSIONS if getattr(selection, name) is not None}
        self._is_filtered = bool(filtered)
        self._counting = {*filtered, by}  # The dimensions by which a change counts.
        self._by = by
        self._part = self._window if part is None else part
        self._entered = entered
        self._over_time = over_time
        self._with_spread = spread
        self._steps = steps
        self._only_step = None if steps is None else steps.only_step(*self._part)
        self._values: dict[str, list[int]] = {}
        self._begun: dict[int, int] = defaultdict(int)
        self._seconds: tuple[dict[int, int], ...] = tuple(defaultdict(int) for _ in range(5))
        self._steady: tuple[dict[int, int], ...] = tuple(defaultdict(int) for _ in range(5))
        self.present: list[tuple[int, int, str]] = []
        """When sessions were there, with `over_time`: as `Presence`, in less time."""
        self.replicates = ReplicatesByValue(Replicates)
        self.deciles = [0] * 10
        self.rooms: dict[str, list[int]] = {}
        """Fair and poor seconds of each room in the window."""

    def add(self, rows: Iterable[Row]) -> None:
        """Add sessions of the selection."""
        since, until = self._window
        part_since, part_until = self._part
        for row in rows:
            if not is_within(row.began, row.ended, since, until):
                continue
            track = track_of(row.lane, row.segments)
            if track.segments and not self._is_steady(row, track):
                self._add_moved(row, track)
                continue
            if self._entered[0] <= row.began < self._entered[1]:
                self._value(row.value)[0] += 1
                self._count(row.began)
            spans: list[tuple[int, int, int]] = []
            for start, end, grade in track.spans:
                if start >= part_until:
                    break
                if end <= part_since:
                    continue
                if start < part_since:
                    start = part_since
                if end > part_until:
                    end = part_until
                if start < end:
                    spans.append((start, end, COLUMN_OF_GRADE[grade]))
            if spans:
                self._add_spans(row, row.value, spans)
            if self._over_time:
                self.present.append((row.began, row.ended, row.browser_id))
            if self._with_spread:
                self._add_whole(row.room, cut_of(row, since, until, track))

    def _add_moved(self, row: Row, track: Track) -> None:
        in_part = [*self._fitting(track, *self._part)]
        whole = in_part
        if self._part != self._window and (self._by or self._with_spread):
            whole = [*self._fitting(track, *self._window)]
        elif not in_part:
            whole = [*islice(self._fitting(track, *self._window), 1)]
        if not whole and row.ended > row.began:
            return
        entered = entries(track.segments, self._by) or {row.value: row.began}
        for value in {piece.values.get(self._by, row.value) for piece in whole}:
            if self._entered[0] <= entered.get(value, row.began) < self._entered[1]:
                self._value(value)[0] += 1
        first_fit = next(
            (part.start for part in track.segments if self._fits(part.values)), row.began
        )
        if self._entered[0] <= first_fit < self._entered[1]:
            self._count(first_fit)
        spans: dict[str, list[tuple[int, int, int]]] = {}
        for start, end, grade, values in in_part:
            if start < end:
                value = values.get(self._by, row.value)
                spans.setdefault(value, []).append((start, end, COLUMN_OF_GRADE[grade]))
            if self._over_time:
                self.present.append((start, end, row.browser_id))
        for value, of_value in spans.items():
            self._add_spans(row, value, of_value)
        if self._with_spread:
            self._add_whole(row.room, Cut.of(whole))

    def _is_steady(self, row: Row, track: Track) -> bool:
        """Whether a session that moved counts as if it had not: it did by no dimension that counts.

        All of its time is told, so that it was there without a gap.
        """
        first = track.segments[0]
        return (
            self._counting.isdisjoint(first.values)
            and bool(track.spans)
            and first.start == row.began == track.spans[0][0]
            and row.began < row.ended == track.spans[-1][1]
            and sum([end - start for start, end, _ in track.spans]) == row.ended - row.began
        )

    def _fits(self, values: Mapping[str, str]) -> bool:
        return not self._is_filtered or self._selection.fits(values)

    def _fitting(self, track: Track, since: int, until: int) -> Iterator[Piece]:
        if self._is_filtered:
            return iter(fitting_pieces(track, since, until, self._selection))
        return pieces(track, since, until)

    def _value(self, value: str) -> list[int]:
        if value not in self._values:
            self._values[value] = [0, 0, 0, 0, 0]
        return self._values[value]

    def _count(self, began: int) -> None:
        if not self._over_time:
            return
        at = max(began, self._part[0])
        self._begun[at - at % BUCKET] += 1

    def _add_spans(self, row: Row, value: str, spans: Sequence[tuple[int, int, int]]) -> None:
        """Add time of a session in the part: start, end, and the column of its grade in `Sums`."""
        cut = [0, 0, 0, 0, 0]
        for start, end, column in spans:
            cut[column] += end - start
            if self._over_time:
                self._add_over_time(start, end, column)
        _, good, fair, poor, unknown = cut
        mine = self._value(value)
        mine[1] += good
        mine[2] += fair
        mine[3] += poor
        mine[4] += unknown
        known = good + fair + poor
        if not known or not (self._by or self._steps):
            return
        groups = groups_of(row.browser_id, row.room, row.began)
        if self._by:
            self.replicates[value].add(groups, known, fair, poor)
        if self._only_step is not None:
            self._only_step.add(groups, known, fair, poor)
        elif self._steps is not None:
            self._steps.add_spans(spans, groups)

    def _add_over_time(self, start: int, end: int, column: int) -> None:
        # Of the many five minutes that a span may cover, only both ends are touched.
        seconds, steady = self._seconds[column], self._steady[column]
        first, last = start - start % BUCKET, end - end % BUCKET
        if first == last:
            seconds[first] += end - start
            return
        seconds[first] += first + BUCKET - start
        steady[first + BUCKET] += 1
        seconds[last] -= last + BUCKET - end
        steady[last + BUCKET] -= 1

    def _add_whole(self, room: str, cut: Cut) -> None:
        if (tenth := cut.tenth) is not None:
            self.deciles[tenth] += 1
        bad = self.rooms.setdefault(room, [0, 0])
        bad[0] += cut.fair
        bad[1] += cut.poor

    def parts(self) -> list[Sums]:
        """The sums by five minutes; the first and the last ones are of what is in the part."""
        columns: list[dict[int, int]] = [self._begun]
        for seconds, steady in zip(self._seconds[1:], self._steady[1:], strict=True):
            columns.append(_summed(seconds, steady))
        most = peaks(self.present, *self._part, BUCKET)
        starts = sorted({start for column in columns for start in column} | most.keys())
        return [
            Sums(start, *[column.get(start, 0) for column in columns], *most.get(start, (0, 0)))  # type: ignore[call-arg]
            for start in starts
        ]

    def values(self) -> dict[str, Sums]:
        """The sums of the whole part by value."""
        return {value: Sums(self._part[0], *sums) for value, sums in self._values.items()}


def fitting_pieces(track: Track, since: int, until: int, selection: SummaryFilter) -> list[Piece]:
    """The pieces in a window that a selection has."""
    return [piece for piece in pieces(track, since, until) if selection.fits(piece.values)]


def _summed(seconds: Mapping[int, int], steady: Mapping[int, int]) -> dict[int, int]:
    """Seconds of each five minutes, of the changes at the ends of spans."""
    found: dict[int, int] = {}
    running, at = 0, 0
    for start in sorted(seconds.keys() | steady.keys()):
        if running:
            for between in range(at, start, BUCKET):
                found[between] = running * BUCKET
        running += steady.get(start, 0)
        if whole := running * BUCKET + seconds.get(start, 0):
            found[start] = whole
        at = start + BUCKET
    return found


def cut_of(row: Row, since: int, until: int, track: Track | None = None) -> Cut:
    """The seconds of each grade that a session has in a window."""
    if row.began >= since and row.ended <= until:
        return Cut(row.good, row.fair, row.poor, row.unknown)
    return Cut.of(pieces(track or track_of(row.lane, "[]"), since, until))
