"""The columns of sessions and attempts from which windows are summed, read once for all sums."""

from collections.abc import Sequence
from itertools import compress
from typing import Any

from jmmc.quality.outcomes import ATTEMPTS
from jmmc.quality.window_joins import JOIN_COLUMNS
from jmmc.quality.window_sums import ROW_COLUMNS, Row

SESSION_COLUMNS = (*ROW_COLUMNS, *(name for name in JOIN_COLUMNS if name not in ROW_COLUMNS))
"""What a `Row` and joins need, but for the dimension by which these are compared; it comes last."""

OUTCOME = SESSION_COLUMNS.index("outcome")
OF_JOINS = tuple(map(SESSION_COLUMNS.index, JOIN_COLUMNS))


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
