"""The joins of a window of time, to the second, from the sessions that were there in it."""

from collections import Counter
from collections.abc import Iterable, Sequence
from typing import Any

from jmmc.quality.filters import SummaryFilter
from jmmc.quality.intervals import groups_of
from jmmc.quality.joins import JoinOutcome, JoinSums, join_events, outcome_at
from jmmc.quality.rollups import ALL
from jmmc.quality.segments import track_of, values_at
from jmmc.quality.summary import Setup

JOIN_COLUMNS = (
    *("began", "ended", "running", "outcome", "failure", "setup_steps"),
    *("browser_id", "room", "segments"),
)
"""The columns of a row, but for the value of the dimension by which joins are counted."""


_NO_SETUP = Setup()


class WindowJoins:
    """Joins and ends of stays from `since` to before `until`, by the values of `by`.

    `selection` has the filters: of a session that moved, what happened counts that fits.
    """

    def __init__(self, selection: SummaryFilter, since: int, until: int, *, by: str = ALL) -> None:
        self._selection = selection
        self._since, self._until = since, until
        self._by = by
        self._outcomes: dict[str, Counter[JoinOutcome]] = {}
        self._steps = JoinSums()

    def add(self, rows: Iterable[Sequence[Any]]) -> None:
        """Add sessions of the selection, and attempts."""
        for began, ended, running, outcome, failure, steps, browser_id, room, *more in rows:
            if not outcome:
                continue
            for at, counts in join_events(outcome, began, ended, running=bool(running)):
                if not self._since <= at < self._until:
                    continue
                segments, value = more if self._by else (more[0], ALL)
                if segments != "[]":
                    own = values_at({}, track_of("[]", segments).segments, at)
                    if not self._selection.fits(own):
                        continue
                    value = own.get(self._by, value)
                setup = Setup.of_text(steps) if counts.joined else _NO_SETUP
                groups = groups_of(browser_id, room, began)
                counted = outcome_at(counts, groups, failure, setup)
                self._outcomes.setdefault(value, Counter())[counted] += 1
                if counts.joined and not self._by:
                    self._steps.add_steps(setup.steps)

    def values(self) -> dict[str, JoinSums]:
        """The sums by value."""
        values = {value: JoinSums.of(counted) for value, counted in self._outcomes.items()}
        if ALL in values and not self._by:
            values[ALL].merge(self._steps)
        return values
