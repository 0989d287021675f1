"""Timelines as Parquet: the same rows as `tables` writes, in a fraction of the CPU.

Most readings are the same in a session's next row. So of each column only its changes are kept, and
Arrow repeats the values between them.
"""

from collections.abc import Iterator
from functools import lru_cache
from typing import Any

from jmmc.answers.column_types import ColumnKind, columns_of
from jmmc.answers.tables import ParquetFile, Runs, arrow_table_of_runs, stored_value
from jmmc.core.model import Session
from jmmc.core.readings import Reading
from jmmc.quality.timeline import Rhythm, State, steps
from jmmc.quality.timeline_rows import CELLS, TIMELINE_COLUMNS, cell, changed_cells

_GROUP = 20_000  # Rows that are written together, and at most one session more.
_KEPT = 4096  # Values of a column.
_COLUMNS = columns_of(TIMELINE_COLUMNS)
_OF_SESSION = ("session", "room", "participant_id")
_OF_SAMPLE = ("time", "seq", "seconds", "left")


class TimelineParquet:
    """A file of the rows of sessions. Raises `MissingLibrary` without PyArrow."""

    def __init__(self) -> None:
        self._file = ParquetFile()
        self._columns = {name: _Changes() for name in (*_OF_SESSION, *(row[0] for row in CELLS))}
        self._lists: dict[str, list[Any]] = {name: [] for name in _OF_SAMPLE}
        self._readings = [self._columns[name] for name, _, _, _ in CELLS]
        self._conversions = [
            _conversion(name, row, is_converted) for name, _, is_converted, row in CELLS
        ]
        self._rows = 0

    def add(self, session: Session, rhythm: Rhythm) -> Iterator[None]:
        """Add the rows of a session, as `sample_rows` has them; yields after each."""
        runs, conversions = self._readings, self._conversions
        times, numbers, seconds, left = self._lists.values()
        about = (session.id, session.room, session.browser_id)
        for name, text in zip(_OF_SESSION, about, strict=True):
            self._columns[name].change(self._rows, text)
        for run in runs:
            run.change(self._rows, None)
        state: State = {}
        for step in steps(session, rhythm):
            at = self._rows
            if step.state is not state:
                for place, value in changed_cells(state, step.state):
                    runs[place].change(at, conversions[place](value))
                state = step.state
            sample = step.sample
            times.append(sample.ts)
            numbers.append(sample.seq)
            seconds.append(step.until - step.since)
            left.append(sample.bye)
            self._rows = at + 1
            yield

    def content(self) -> bytes:
        """The bytes of the file that can be made by now; may be empty. After whole sessions."""
        if self._rows >= _GROUP:
            self._write()
        return self._file.take()

    def end(self) -> bytes:
        """The rest of the file."""
        if self._rows or not self._file.is_begun:
            self._write()
        return self._file.end()

    def _write(self) -> None:
        runs = {name: column.end(self._rows) for name, column in self._columns.items()}
        self._file.write(arrow_table_of_runs(_COLUMNS, {**runs, **self._lists}))
        for values in self._lists.values():
            values.clear()
        self._rows = 0


class _Changes:
    """The values of a column: at which rows it changed, and to what."""

    def __init__(self) -> None:
        self._starts: list[int] = []
        self._values: list[Any] = []

    def change(self, row: int, value: Any) -> None:
        """Hold `value` from this row on."""
        if self._starts and self._starts[-1] == row:
            self._values[-1] = value
        elif not self._values or self._values[-1] is not value:
            self._starts.append(row)
            self._values.append(value)

    def end(self, rows: int) -> Runs:
        """The values of so many rows. Begins anew."""
        starts, values = self._starts, self._values
        if starts and starts[-1] == rows:  # Of a session without samples.
            starts.pop()
            values.pop()
        self._starts, self._values = [], []
        return Runs([*starts[1:], rows] if starts else [], values)


def _conversion(name: str, row: Reading, is_converted: bool) -> Any:
    """What makes the value of a column of a reading."""
    kind = _COLUMNS[name]

    @lru_cache(_KEPT, typed=True)
    def kept(value: Any) -> Any:
        return stored_value(kind, cell(row, value) if is_converted else value)

    def converted(value: Any) -> Any:
        type_ = value.__class__
        if type_ is float and kind is ColumnKind.NUMBER:
            return value
        if type_ is list or type_ is dict:  # No reading is a dict, but files may have anything.
            whole = type_ is list or is_converted
            return stored_value(kind, cell(row, value) if whole else value)
        return kept(value)

    return converted
