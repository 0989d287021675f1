"""The joins of a window of time, to the second, from the sessions that were there in it."""

from collections.abc import Iterable, Sequence
from typing import Any

from jmmc.quality.filters import SummaryFilter
from jmmc.quality.intervals import groups_of
from jmmc.quality.joins import (
    JoinOutcome,
    JoinSums,
    begun_as,
    ended_as,
    outcome_at,
    step_buckets,
)
from jmmc.quality.pair_sums import Pair
from jmmc.quality.rollups import ALL
from jmmc.quality.segments import track_of, values_at
from jmmc.quality.summary import Setup

JOIN_COLUMNS = (
    *("began", "ended", "running", "outcome", "failure", "setup_steps"),
    *("browser_id", "room", "segments"),
)
"""The columns of a row, but for the values of the dimensions by which joins are counted."""


_NO_SETUP = Setup()


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
        self._outcomes: dict[tuple[str, ...], dict[JoinOutcome, int]] = {}
        self._steps = JoinSums()

    def add(self, rows: Iterable[Sequence[Any]]) -> None:
        """Add sessions of the selection, and attempts."""
        since, until = self._since, self._until
        for row in rows:
            began, ended, running, outcome, failure, steps, person, room, segments, *values = row
            last = ended - 1 if ended > began else began
            begun = begun_as(outcome) if since <= began < until else None
            over = ended_as(outcome) if since <= last < until and not running else None
            if begun is None and over is None:
                continue
            groups = groups_of(person, room, began)
            for at, counts in ((began, begun), (last, over)):
                if counts is None:
                    continue
                key = (*values,)
                if segments != "[]":
                    own = values_at({}, track_of("[]", segments).segments, at)
                    if not self._selection.fits(own):
                        continue
                    key = tuple(map(own.get, self._names, values))
                setup = Setup.of_text(steps) if counts.joined else _NO_SETUP
                counted = outcome_at(counts, groups, failure, setup)
                of_key = self._outcomes.setdefault(key, {})
                of_key[counted] = of_key.get(counted, 0) + 1
                if counts.joined and not self._names:
                    self._steps.add_steps(step_buckets(setup))

    def values(self) -> dict[str, JoinSums]:
        """The sums by value of `by`."""
        values = {
            key[0] if key else ALL: JoinSums.of(counted) for key, counted in self._outcomes.items()
        }
        if ALL in values and not self._names:
            values[ALL].merge(self._steps)
        return values

    def pairs(self) -> dict[Pair, JoinSums]:
        """The sums by pair of values of `by` and `crossed`."""
        return {
            (value, crossed): JoinSums.of(counted)
            for (value, crossed), counted in self._outcomes.items()
        }
