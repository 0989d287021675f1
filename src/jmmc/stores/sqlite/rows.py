"""Rows of the tables `sessions`, `samples` and `packed`, and the nouns that they hold."""

from collections.abc import Iterable, Sequence
from typing import Any

from jmmc.core.model import Dialect, Sample, Session
from jmmc.stores.sqlite import archive

SampleRow = tuple[int, int, int, int, str]
"""Session, seq, ts, marks, readings."""

SESSION_ROWS = "SELECT id, session, conf, uid, dialect, began FROM sessions"

_FULL, _BYE = 1, 2


def sample_row(session: int, seq: int, sample: Sample) -> SampleRow:
    """The row of a sample of the session with this key."""
    marks = (_FULL if sample.full else 0) | (_BYE if sample.bye else 0)
    return session, seq, sample.ts, marks, sample.readings.decode()


def sample_of(dialect: Dialect, seq: int, ts: int, marks: int, readings: str) -> Sample:
    """The sample that a row of the table holds."""
    return Sample(
        None if dialect is Dialect.V1 else seq,
        ts,
        readings.encode(),
        bool(marks & _FULL),
        bool(marks & _BYE),
    )


def session_of(row: Any, found: Sequence[Any]) -> Session:
    """A session of its row, and of those of its samples, or the one in which they are packed."""
    _, session, room, browser_id, dialect_number, began = row
    dialect = Dialect(dialect_number)
    samples: Iterable[archive.Row] = (item[1:] for item in found)
    if found and isinstance(found[0][4], bytes):
        samples = archive.unpacked(found[0][4])
    its = tuple(sample_of(dialect, *sample) for sample in samples)
    return Session(session, room, browser_id, dialect, began, its)
