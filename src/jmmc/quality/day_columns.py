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
from functools import cached_property
from itertools import accumulate, compress, islice
from operator import add, eq, ne, sub
from typing import TYPE_CHECKING, NamedTuple

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

FORM = f"3 {' '.join(DIMENSIONS)}"
"""What the columns and the totals (`quality.day_totals`) of a day in this version have."""

PAIRS = GROUPS * GROUPS
"""Pairs of a group of persons and a group of meetings."""

_LONGEST = 2 * DAY  # Seconds of a session. A longer one would have thousands of rows.
_MOST_APART = 1000  # Sessions of a day; with more, all are read one by one.
_EVER = 2**62
_LEVEL = 6  # Of zlib.
_TYPES = tuple((code, 2 ** (8 * array(code).itemsize)) for code in "BHIQ")


class BadSessions(NamedTuple):
    """The sessions of a day with bad time, by column: places of sessions and of rooms, seconds.

    `tenths` are the tenths of their known time that were good.
    """

    sessions: Sequence[int]
    rooms: Sequence[int]
    fair: Sequence[int]
    poor: Sequence[int]
    tenths: Sequence[int]


class UnknownSessions(NamedTuple):
    """The sessions of a day with unknown time, by column: places of sessions, seconds."""

    sessions: Sequence[int]
    seconds: Sequence[int]


class DayColumns(Struct, frozen=True, dict=True):
    """The columns of the day that begins at `start` (Unix seconds). Moments are seconds after it.

    By session: `began`, `ended`, `groups` (`groups_of`, as one number), `people` (digests of their
    ids), `rooms` and `outcomes` (places in their names), `setups` (one more than the buckets of the
    time until the first media, and of `STEPS`; 0 where unknown), and `rows`, the place of its first
    row. The last `attempts` of them are attempts. `apart` has the ids of sessions that have no
    columns: they are too long, or not all of their time is told.

    By row: `sessions` (places), `hours` and `starts`, `known` seconds, and `values` of each
    dimension (places in its names). Of the rows with any, `bad_rows` has the places, and `fair` and
    `poor` the seconds; `unknown_rows` and `unknown` likewise.

    What every sum needs of them is computed once for each object, as long as that is kept.
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

    @cached_property
    def stays(self) -> int:
        """How many sessions there are without the attempts."""
        return len(self.began) - self.attempts

    @cached_property
    def stay_rows(self) -> int:
        """How many rows these have."""
        return self.rows[self.stays] if self.attempts else len(self.sessions)

    @cached_property
    def row_groups(self) -> bytes:
        """The groups of the session of each row, without the attempts."""
        return bytes(map(self.groups.__getitem__, self.sessions[: self.stay_rows]))

    @cached_property
    def bad_cells(self) -> Column:
        """By row with bad time, its hour and the groups of its session as one number."""
        hours = map(self.hours.__getitem__, self.bad_rows)
        groups = map(self.row_groups.__getitem__, self.bad_rows)
        return column_of([hour * PAIRS + pair for hour, pair in zip(hours, groups, strict=True)])

    @cached_property
    def number_of_hours(self) -> int:
        """How many hours it has, from the first one of the day to the last one of any session."""
        return max(self.hours, default=0) + 1

    @cached_property
    def first_hours(self) -> Column:
        """The hours in which the sessions began, without the attempts."""
        return column_of([self.hours[row] for row in self.rows[: self.stays]])

    @cached_property
    def is_continued(self) -> int:
        """By row, one byte: whether the next row is of the same session."""
        same = bytes(map(eq, self.sessions, islice(self.sessions, 1, self.stay_rows)))
        return int.from_bytes(same, "little")

    @cached_property
    def known_before(self) -> Column:
        """By row, and after the last one, the known seconds of all rows before it."""
        return column_of([0, *accumulate(self.known)])

    @cached_property
    def known_of_sessions(self) -> Column:
        """By session, without the attempts: its known seconds."""
        rows = (*self.rows[: self.stays], self.stay_rows)
        before = list(map(self.known_before.__getitem__, rows))
        return column_of([*map(sub, before[1:], before)])

    @cached_property
    def is_known(self) -> bytes:
        """By session, without the attempts: whether anything of its quality is known."""
        return bytes(map(bool, self.known_of_sessions))

    @cached_property
    def joining(self) -> Column:
        """By session, its outcome and its groups as one number."""
        first_of_outcome = range(0, len(self.outcome_names) * PAIRS, PAIRS)
        return column_of([*map(add, map(first_of_outcome.__getitem__, self.outcomes), self.groups)])

    @cached_property
    def bad_sessions(self) -> BadSessions:
        """The sessions with bad time."""
        seconds: dict[int, list[int]] = {}
        for row, fair, poor in zip(self.bad_rows, self.fair, self.poor, strict=True):
            of_session = seconds.setdefault(self.sessions[row], [0, 0])
            of_session[0] += fair
            of_session[1] += poor
        known = [
            self.known_before[rows.stop] - self.known_before[rows.start]
            for rows in map(self.rows_of, seconds)
        ]
        fairs, poors = zip(*seconds.values(), strict=True) if seconds else ((), ())
        return BadSessions(
            column_of([*seconds]),
            column_of([self.rooms[session] for session in seconds]),
            column_of(fairs),
            column_of(poors),
            bytes(map(tenth_of_good, known, fairs, poors)),
        )

    @cached_property
    def unknown_sessions(self) -> UnknownSessions:
        """The sessions with unknown time."""
        seconds: dict[int, int] = {}
        for row, unknown in zip(self.unknown_rows, self.unknown, strict=True):
            session = self.sessions[row]
            seconds[session] = seconds.get(session, 0) + unknown
        return UnknownSessions(column_of([*seconds]), column_of([*seconds.values()]))

    @cached_property
    def overlapping_people(self) -> frozenset[int]:
        """The people of sessions that overlap others of theirs, or that go on after the day."""
        found: set[int] = set()
        latest: dict[int, int] = {}
        sessions = zip(self.began, self.ended, self.people, strict=True)
        for began, ended, person in islice(sessions, self.stays):
            before = latest.get(person, 0)
            if began < before:
                found.add(person)
            if ended > before:
                latest[person] = ended
        return frozenset(found.union(person for person, ended in latest.items() if ended > DAY))

    @cached_property
    def _moved(self) -> dict[int, Sequence[int]]:
        return {}

    def moved_in(self, dimension: int) -> Sequence[int]:
        """The sessions, without the attempts, in which a dimension changes: given by its place."""
        if dimension not in self._moved:
            values = self.values[dimension][: self.stay_rows]
            differ = bytes(map(ne, values, islice(values, 1, None)))
            changes = int.from_bytes(differ, "little") & self.is_continued
            rows = changes.to_bytes(len(differ), "little")
            self._moved[dimension] = list(dict.fromkeys(compress(self.sessions, rows)))
        return self._moved[dimension]

    def rows_of(self, session: int) -> range:
        """The places of the rows of a session."""
        is_last = session + 1 == len(self.rows)
        return range(self.rows[session], len(self.sessions) if is_last else self.rows[session + 1])


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
        rooms=column_of(rooms.column),
        room_names=tuple(rooms.places),  # type: ignore[arg-type]
        outcomes=column_of(outcomes.column),
        outcome_names=tuple(outcomes.places),  # type: ignore[arg-type]
        setups=tuple(map(column_of, setups)),
        values=tuple(column_of(names.column) for names in values),
        names=tuple(tuple(names.places) for names in values),  # type: ignore[arg-type]
        **{name: column_of(column) for name, column in numbers.items()},
    )


def tenth_of_good(known: int, fair: int, poor: int) -> int:
    """The tenth, 0 to 9, of the share of known time that was good; of all of it, too, 9."""
    return min(9, (known - fair - poor) * 10 // known)


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


def column_of(numbers: Sequence[int]) -> Column:
    """The numbers in as few bytes as the largest one needs."""
    most = max(numbers, default=0)
    return array(next(code for code, end in _TYPES if most < end), numbers)


def to_stored(column: object) -> object:
    """A column in the form in which it is stored, for an encoder of MessagePack."""
    assert isinstance(column, array)
    return msgspec.msgpack.Ext(ord(column.typecode), column.tobytes())


def from_stored(code: int, content: memoryview) -> Column:
    """The inverse of `to_stored`, for a decoder."""
    return array(chr(code), bytes(content))


_ENCODER = msgspec.msgpack.Encoder(enc_hook=to_stored)
_DECODER = msgspec.msgpack.Decoder(DayColumns | None, ext_hook=from_stored)
