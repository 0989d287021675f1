"""Converts samples and sessions to rows of the tables, and back."""

from collections.abc import Iterable, Sequence
from typing import Any

from jmmc.core.model import Dialect, Sample, Session
from jmmc.stores.sqlite import archive

SampleRow = tuple[int, int, int, int, str]
"""A row of the table `samples`: session key, seq, ts, marks, readings."""

SESSION_ROWS = "SELECT id, session, conf, uid, dialect, began FROM sessions"

_FULL, _BYE = 1, 2


def sample_row(session: int, seq: int, sample: Sample) -> SampleRow:
    """The row of a sample of the session with key `session`."""
    marks = (_FULL if sample.full else 0) | (_BYE if sample.bye else 0)
    return session, seq, sample.ts, marks, sample.readings.decode()


def sample_of(dialect: Dialect, seq: int, ts: int, marks: int, readings: str) -> Sample:
    """The sample of a row of the table `samples`."""
    return Sample(
        None if dialect is Dialect.V1 else seq,
        ts,
        readings.encode(),
        bool(marks & _FULL),
        bool(marks & _BYE),
    )


def session_of(row: Any, sample_rows: Sequence[Any]) -> Session:
    """The session of its row (`SESSION_ROWS`) and the rows of its samples, loose or packed."""
    _, session, room, browser_id, dialect_number, began = row
    dialect = Dialect(dialect_number)
    loose: Iterable[archive.Row] = (sample_row[1:] for sample_row in sample_rows)
    if sample_rows and isinstance(sample_rows[0][4], bytes):
        loose = archive.unpacked(sample_rows[0][4])
    samples = tuple(sample_of(dialect, *values) for values in loose)
    return Session(session, room, browser_id, dialect, began, samples)
