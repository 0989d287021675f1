"""The joins of a window of time, to the second, from the sessions that were there in it."""

from collections.abc import Iterable, Sequence
from typing import Any

from jmmc.quality.filters import SummaryFilter
from jmmc.quality.intervals import groups_of
from jmmc.quality.joins import JoinCounter, JoinSums, begun_as, ended_as
from jmmc.quality.pair_sums import Pair
from jmmc.quality.rollups import ALL
from jmmc.quality.segments import Segment, track_of, values_at

JOIN_COLUMNS = (
    *("began", "ended", "running", "outcome", "failure", "setup_steps"),
    *("browser_id", "room", "segments"),
)
"""The columns of a row, but for the values of the dimensions by which joins are counted."""


class WindowJoins:
    """Joins and ends of stays from `since` to before `until`, by the values of dimensions.

    These are `by` and `crossed`; without, all are counted together. `selection` has the filters: of
    a session that moved, what happened counts that fits.
    """

    def __init__(
        self,
        selection: SummaryFilter,
        since: int,
        until: int,
        *,
        by: str = ALL,
        crossed: str = "",
    ) -> None:
        self._selection = selection
        self._since, self._until = since, until
        self._names = tuple(filter(None, (by, crossed)))
        self._counters: dict[tuple[str, ...], JoinCounter] = {}

    def add(self, rows: Iterable[Sequence[Any]]) -> None:
        """Add sessions of the selection, and attempts."""
        since, until = self._since, self._until
        for row in rows:
            began, ended, running, outcome, failure, steps, person, room, segments, *values = row
            last = ended - 1 if ended > began else began
            begins = since <= began < until and begun_as(outcome) is not None
            ends = since <= last < until and not running and ended_as(outcome) is not None
            if not (begins or ends):
                continue
            groups = groups_of(person, room, began)
            parts = () if segments == "[]" else track_of("[]", segments).segments
            if begins and (counter := self._counter_at(began, values, parts)):
                counter.begin(outcome, failure, groups, steps)
            if ends and (counter := self._counter_at(last, values, parts)):
                counter.end(outcome, failure, groups)

    def _counter_at(
        self, at: int, values: Sequence[str], segments: Sequence[Segment]
    ) -> JoinCounter | None:
        """What counts a session at a moment; None where it was not as selected then."""
        key = (*values,)
        if segments:
            own = values_at({}, segments, at)
            if not self._selection.fits(own):
                return None
            key = tuple(map(own.get, self._names, values))
        if key not in self._counters:
            self._counters[key] = JoinCounter(with_steps=not self._names)
        return self._counters[key]

    def values(self) -> dict[str, JoinSums]:
        """The sums by value of `by`."""
        return {key[0] if key else ALL: counter.sums() for key, counter in self._counters.items()}

    def pairs(self) -> dict[Pair, JoinSums]:
        """The sums by pair of values of `by` and `crossed`."""
        return {
            (value, crossed): counter.sums() for (value, crossed), counter in self._counters.items()
        }
