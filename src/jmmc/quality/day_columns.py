"""The sessions that began on one day (UTC) in columns, from which any filter is answered quickly.

Rollups have the values of one dimension at a time; a session by itself takes some 40 µs to read and
to add. Columns have all dimensions of each session, and a day of them is summed up in milliseconds
(`quality.column_sums`). They are made of what rollups are made of, and have it to the second.

A session has a row for each hour and each segment of it, by time. Attempts that failed come after
all sessions, with one row each.
"""

import zlib
from array import array
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING

import msgspec
from msgspec import Struct

from jmmc.quality.filters import DIMENSIONS
from jmmc.quality.grading import Grade
from jmmc.quality.intervals import GROUPS, groups_of
from jmmc.quality.joins import STEPS
from jmmc.quality.outcomes import ATTEMPTS
from jmmc.quality.people import digest_of
from jmmc.quality.rollups import DAY, HOUR, Fact
from jmmc.quality.segments import pieces, values_at
from jmmc.quality.sketch import bucket_of

if TYPE_CHECKING:
    Column = array[int]
else:
    Column = array
"""Whole numbers, not negative, in as few bytes as the largest one needs."""

Outcome = tuple[str, str, bool]
"""The outcome of a session, why it failed or ended, and whether it is running."""

FORM = f"1 {' '.join(DIMENSIONS)}"
"""What the columns of this version have."""

_LONGEST = 2 * DAY  # Seconds of a session. A longer one would have thousands of rows.
_MOST_APART = 1000  # Sessions of a day; with more, all are read one by one.
_EVER = 2**62
_LEVEL = 6  # Of zlib.
_TYPES = tuple((code, 2 ** (8 * array(code).itemsize)) for code in "BHIQ")


class DayColumns(Struct, frozen=True):
    """The columns of the day that begins at `start` (Unix seconds). Moments are seconds after it.

    By session: `began`, `ended`, `groups` (`groups_of`, as one number), `people` (digests of their
    ids), `rooms` and `outcomes` (places in their names), `setups` (one more than the buckets of the
    time until the first media, and of `STEPS`; 0 where unknown), and `rows`, the place of its first
    row. The last `attempts` of them are attempts. `apart` has the ids of sessions that have no
    columns: they are too long, or not all of their time is told.

    By row: `sessions` (places), `hours` and `starts`, `known` seconds, and `values` of each
    dimension (places in its names). Of the rows with any, `bad_rows` has the places, and `fair` and
    `poor` the seconds; `unknown_rows` and `unknown` likewise.
    """

    start: int
    apart: tuple[str, ...]
    attempts: int
    began: Column
    ended: Column
    groups: Column
    people: Column
    rooms: Column
    room_names: tuple[str, ...]
    outcomes: Column
    outcome_names: tuple[Outcome, ...]
    setups: tuple[Column, ...]
    rows: Column
    sessions: Column
    hours: Column
    starts: Column
    known: Column
    bad_rows: Column
    fair: Column
    poor: Column
    unknown_rows: Column
    unknown: Column
    values: tuple[Column, ...]
    names: tuple[tuple[str, ...], ...]

    @property
    def latest(self) -> int:
        """When the last one of its sessions ended (Unix seconds)."""
        return self.start + max(self.ended, default=0)


_Row = tuple[int, Sequence[int], tuple[str, ...]]
"""Since when it holds (Unix seconds), its seconds by `Grade`, and its values."""

_NOTHING = (0, 0, 0, 0)


class _Names:
    """Numbers values in the order in which they come."""

    def __init__(self) -> None:
        self.places: dict[object, int] = {}
        self.column: list[int] = []

    def add(self, value: object) -> None:
        self.column.append(self.places.setdefault(value, len(self.places)))


def columns_of(sessions: Iterable[tuple[str, Fact]], start: int) -> DayColumns | None:
    """The columns of the day that begins at `start`, of all sessions that touch it, with their ids.

    None where too many of them are `apart`: then all have to answer one by one.
    """
    of_day: list[tuple[Fact, Sequence[_Row]]] = []
    apart: list[str] = []
    for session, fact in sessions:
        if start <= fact.began < start + DAY:
            if rows := _rows_of(fact):
                of_day.append((fact, rows))
            else:
                apart.append(session)
    if len(apart) > _MOST_APART:
        return None
    of_day.sort(key=lambda session: session[0].outcome in ATTEMPTS)  # Stable: else by time.
    numbers: dict[str, list[int]] = {
        name: []
        for name in (
            *("began", "ended", "groups", "people", "rows", "sessions", "hours", "starts"),
            *("known", "bad_rows", "fair", "poor", "unknown_rows", "unknown"),
        )
    }
    rooms, outcomes = _Names(), _Names()
    setups: tuple[list[int], ...] = tuple([] for _ in ("setup", *STEPS))
    values = tuple(_Names() for _ in DIMENSIONS)
    for place, (fact, rows) in enumerate(of_day):
        person, meeting = groups_of(fact.browser_id, fact.room, fact.began)
        numbers["began"].append(fact.began - start)
        numbers["ended"].append(fact.ended - start)
        numbers["groups"].append(person * GROUPS + meeting)
        numbers["people"].append(digest_of(fact.browser_id))
        numbers["rows"].append(len(numbers["sessions"]))
        rooms.add(fact.room)
        outcomes.add((fact.outcome, fact.failure, fact.running))
        for column, length in zip(setups, (fact.setup.whole, *fact.setup.steps), strict=True):
            column.append(0 if length is None else bucket_of(length) + 1)
        for at, seconds, of_row in rows:
            _add_row(numbers, place, at - start, seconds)
            for names, value in zip(values, of_row, strict=True):
                names.add(value)
    return DayColumns(
        start=start,
        apart=tuple(apart),
        attempts=sum(fact.outcome in ATTEMPTS for fact, _ in of_day),
        rooms=_column(rooms.column),
        room_names=tuple(rooms.places),  # type: ignore[arg-type]
        outcomes=_column(outcomes.column),
        outcome_names=tuple(outcomes.places),  # type: ignore[arg-type]
        setups=tuple(map(_column, setups)),
        values=tuple(_column(names.column) for names in values),
        names=tuple(tuple(names.places) for names in values),  # type: ignore[arg-type]
        **{name: _column(column) for name, column in numbers.items()},
    )


def pack(columns: DayColumns | None) -> bytes:
    """The stored form of a day's columns; None where its sessions have to answer."""
    return zlib.compress(_ENCODER.encode(columns), _LEVEL)


def unpack(packed: bytes) -> DayColumns | None:
    """The inverse of `pack`."""
    columns: DayColumns | None = _DECODER.decode(zlib.decompress(packed))
    return columns


def _rows_of(fact: Fact) -> Sequence[_Row]:
    """The rows of a session; none where they would be too many, or not all of its time."""
    if fact.outcome in ATTEMPTS:
        return () if fact.track.segments else [(fact.began, _NOTHING, fact.values)]
    if not 0 <= fact.ended - fact.began <= _LONGEST:
        return ()
    rows: list[tuple[int, list[int], tuple[str, ...]]] = []
    at, of_piece = fact.began, fact.values
    segment: object = None
    for piece in pieces(fact.track, -_EVER, _EVER):
        if piece.start != at:
            return ()
        if new := piece.values is not segment or not rows:
            segment = piece.values
            of_piece = tuple(
                piece.values.get(dimension, value)
                for dimension, value in zip(DIMENSIONS, fact.values, strict=True)
            )
        while at < piece.end:
            hour = at - at % HOUR
            if new or hour > rows[-1][0]:
                rows.append((at, [0, 0, 0, 0], of_piece))
                new = False
            cut = min(piece.end, hour + HOUR)
            rows[-1][1][piece.grade] += cut - at
            at = cut
    if at != fact.ended:
        return ()
    if not rows:
        return () if fact.track.segments else [(fact.began, _NOTHING, fact.values)]
    whole = dict(zip(DIMENSIONS, fact.values, strict=True))
    for moment, row in ((fact.began, rows[0]), (fact.ended - 1, rows[-1])):
        if tuple(values_at(whole, fact.track.segments, moment).values()) != row[2]:
            return ()
    return rows


def _add_row(numbers: dict[str, list[int]], session: int, at: int, seconds: Sequence[int]) -> None:
    place = len(numbers["sessions"])
    unknown, good, fair, poor = (
        seconds[grade] for grade in (Grade.UNKNOWN, Grade.GOOD, Grade.FAIR, Grade.POOR)
    )
    numbers["sessions"].append(session)
    numbers["hours"].append(at // HOUR)
    numbers["starts"].append(at)
    numbers["known"].append(good + fair + poor)
    if fair or poor:
        numbers["bad_rows"].append(place)
        numbers["fair"].append(fair)
        numbers["poor"].append(poor)
    if unknown:
        numbers["unknown_rows"].append(place)
        numbers["unknown"].append(unknown)


def _column(numbers: Sequence[int]) -> Column:
    """The numbers in as few bytes as the largest one needs."""
    most = max(numbers, default=0)
    return array(next(code for code, end in _TYPES if most < end), numbers)


def _to_stored(column: object) -> object:
    assert isinstance(column, array)
    return msgspec.msgpack.Ext(ord(column.typecode), column.tobytes())


def _from_stored(code: int, content: memoryview) -> Column:
    return array(chr(code), bytes(content))


_ENCODER = msgspec.msgpack.Encoder(enc_hook=_to_stored)
_DECODER = msgspec.msgpack.Decoder(DayColumns | None, ext_hook=_from_stored)
