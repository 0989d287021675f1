"""Timelines as columns: each sample with all readings that hold, for tables and for curves."""

from collections.abc import Iterator, Mapping
from typing import Any

import msgspec

from jmmc.core.fields import BrowserId, Moment
from jmmc.core.model import Session
from jmmc.core.readings import COLUMNS, Address, Flag, Number, Reading, Senders, Source, Subject
from jmmc.quality.addresses import readable_address
from jmmc.quality.timeline import Rhythm, State, Timeline, Value, steps

CURVES: Mapping[str, Reading] = {
    column: row
    for column, row in COLUMNS.items()
    if row.source is not Source.STAY or row.subject is Subject.PAGE
}
"""The columns of which a session has curves: all but who it is, which does not change."""


def _column_type(row: Reading) -> Any:
    # Numbers are floats in every column: a sample has the mean of what the browser saw.
    match row.values:
        case Number():
            return float
        case Flag():
            return bool
    return str


TIMELINE_COLUMNS: Mapping[str, Any] = {
    "session": str,
    "room": str,
    "participant_id": BrowserId,
    "time": Moment,
    "seq": int | None,
    "seconds": int,
    "left": bool,
    **{column: _column_type(row) for column, row in COLUMNS.items()},
}
"""The columns of `sample_rows` and their types; a reading may be None."""


CELLS = tuple(
    (column, row.path, type(row.values) is Address, row) for column, row in COLUMNS.items()
)
"""Of each column: path of its reading, whether values that are no lists are converted, and how."""

_PLACES = {path: place for place, (_, path, _, _) in enumerate(CELLS)}
_UNKNOWN = object()


def changed_cells(before: State, after: State) -> list[tuple[int, Value | None]]:
    """The places in `CELLS` of readings that changed, and what they are now; None when unknown.

    A reading that was sent again may be among them.
    """
    known = before.get
    changed: list[tuple[int, Value | None]] = [
        (_PLACES[path], value)
        for path, value in after.items()
        if value is not known(path, _UNKNOWN) and path in _PLACES
    ]
    if not before.keys() <= after.keys():
        gone = before.keys() - after.keys()
        changed += [(_PLACES[path], None) for path in gone if path in _PLACES]
    return changed


def sample_rows(session: Session, rhythm: Rhythm) -> Iterator[dict[str, Any]]:
    """One row for each sample, with all readings that hold; None where unknown.

    They hold for the `seconds` before the sample, which is 0 for the first one.
    """
    for step in steps(session, rhythm):
        reading = step.state.get
        yield {
            "session": session.id,
            "room": session.room,
            "participant_id": session.browser_id,
            "time": step.sample.ts,
            "seq": step.sample.seq,
            "seconds": step.until - step.since,
            "left": step.sample.bye,
            **{
                column: cell(row, value)
                if (value := reading(path)).__class__ is list or is_converted
                else value
                for column, path, is_converted, row in CELLS
            },
        }


def curves(
    timeline: Timeline,
) -> tuple[tuple[int, ...], dict[str, tuple[float | str | bool | None, ...]]]:
    """When readings changed, and by column the values that hold from each time; None where unknown.

    The last time is the end, with unknown values. A column without any value is left out.
    """
    states: list[State] = [span.state or {} for span in timeline.spans]
    found: dict[str, tuple[float | str | bool | None, ...]] = {}
    for column, row in CURVES.items():
        values = [state.get(row.path) for state in states]
        types = set(map(type, values))
        if types <= {type(None)}:
            continue
        if type(row.values) is Address or list in types:
            cells = tuple(cell(row, value) for value in values)
        else:
            cells = tuple(values)  # type: ignore[arg-type]
        if any(cell is not None for cell in cells):
            found[column] = (*cells, None)
    times = tuple(span.start for span in timeline.spans)
    return ((*times, timeline.ended) if times else ()), found


def cell(row: Reading, value: Value | None) -> float | str | bool | None:
    """The value of a reading as a row has it: addresses as texts, lists as JSON."""
    if type(row.values) is Address:
        return readable_address(value) or None
    if isinstance(value, list):
        return msgspec.json.encode(value).decode() if type(row.values) is Senders else None
    return value
