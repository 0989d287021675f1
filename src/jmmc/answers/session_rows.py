"""The columns of sessions and attempts from which windows are summed, read once for all sums."""

from collections.abc import Iterable, Sequence
from itertools import compress
from typing import Any, NamedTuple

from jmmc.quality.filters import SummaryFilter
from jmmc.quality.outcomes import ATTEMPTS, DROPPED, FAILED_JOINS
from jmmc.quality.segments import track_of, values_at
from jmmc.quality.window_joins import JOIN_COLUMNS
from jmmc.quality.window_sums import ROW_COLUMNS, Row

SESSION_COLUMNS = (*ROW_COLUMNS, *(name for name in JOIN_COLUMNS if name not in ROW_COLUMNS))
"""What a `Row` and joins need, but for the dimension by which these are compared; it comes last."""

OUTCOME = SESSION_COLUMNS.index("outcome")
OF_JOINS = tuple(map(SESSION_COLUMNS.index, JOIN_COLUMNS))
OF_MOMENTS = tuple(map(SESSION_COLUMNS.index, ("outcome", "began", "ended", "running", "segments")))
"""The places of what `Moments` need."""


class Moments(NamedTuple):
    """When joins failed for technical reasons, and when stays were dropped: the last second."""

    failed: list[int]
    dropped: list[int]

    def add(self, rows: Iterable[Sequence[Any]], selection: SummaryFilter) -> None:
        """Add sessions of the selection, and attempts."""
        since, _ = selection.window
        for outcome, began, ended, running, segments in rows:
            if outcome in FAILED_JOINS and began >= since:
                self.failed.append(began)
            elif outcome == DROPPED and not running:
                at = dropped_at(began, ended, segments, selection)
                if at is not None:
                    self.dropped.append(at)


def dropped_at(began: int, ended: int, segments: str, selection: SummaryFilter) -> int | None:
    """The last second of a stay; None where that is not in the window, or not as selected."""
    since, until = selection.window
    at = max(began, ended - 1)
    if not since <= at < until:
        return None
    is_selected = segments == "[]" or selection.fits(
        values_at({}, track_of("[]", segments).segments, at)
    )
    return at if is_selected else None


def rows_of(columns: Sequence[Sequence[Any]]) -> list[Row]:
    """The sessions in `ROW_COLUMNS`, and the dimension."""
    return [Row(*row) for row in zip(*columns, strict=True)]


def stays_of(columns: Sequence[Sequence[Any]]) -> list[Row]:
    """The sessions in columns, without the attempts."""
    values = columns[len(SESSION_COLUMNS) :]
    rows = zip(*columns[: len(ROW_COLUMNS)], *values, strict=True)
    are_stays = [outcome not in ATTEMPTS for outcome in columns[OUTCOME]]
    return [Row(*row) for row in compress(rows, are_stays)]


def join_rows_of(columns: Sequence[Sequence[Any]]) -> list[tuple[Any, ...]]:
    """The sessions and attempts in columns, as `WindowJoins` takes them."""
    chosen = [columns[place] for place in OF_JOINS]
    return list(zip(*chosen, *columns[len(SESSION_COLUMNS) :], strict=True))
