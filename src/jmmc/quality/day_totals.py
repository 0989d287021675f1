"""What the sessions that began on one day (UTC) were in all, for long windows without a filter.

The columns of a day (`quality.day_columns`) have each session, these totals only what a page of all
calls asks for: when each room was used, and how bad that was, how sessions divide by their good
time, when joins failed, and what people said. A day of 3,400 sessions takes 16 KB.

With one value selected, rollups have all but the rooms: these are here, too.
"""

import zlib
from array import array
from bisect import bisect_left
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from functools import cached_property
from heapq import merge
from itertools import chain, compress, filterfalse
from operator import itemgetter
from typing import Any, NamedTuple

import msgspec
from msgspec import Struct

from jmmc.quality.day_columns import Column, column_of, from_stored, tenth_of_good, to_stored
from jmmc.quality.filters import DIMENSIONS
from jmmc.quality.meetings import EMPTY_FOR, badness
from jmmc.quality.outcomes import ATTEMPTS, FAILED_JOINS
from jmmc.quality.people import digest_of
from jmmc.quality.ratings import RatingSums, add_ratings, add_ratings_by
from jmmc.quality.rollups import DAY, HAS_DETAILS, Fact

TENTHS = 10

TOTAL_COLUMNS = ("began", "ended", "outcome", "room", "good", "fair", "poor")
RATED_COLUMNS = ("browser_id", "rating", *DIMENSIONS)
"""The fields of summaries of which totals are made, those of sessions with a rating besides."""

_MOST_BITS = 2**16  # Of the rooms by value of a dimension: 8 KB. Browsers can make up values.
_EVER = 2**62
_LEVEL = 6  # Of zlib.


class UsedRoom(NamedTuple):
    """A time (Unix seconds) in which a room was never empty for ten minutes, and its `badness`.

    No meeting in it is worse.
    """

    bad: int
    room: str
    began: int
    ended: int


class DayTotals(Struct, frozen=True, dict=True):
    """The totals of the sessions that began on the day at `start` (Unix seconds).

    Moments are seconds after it. By time in which a room was used, in order: `rooms` (places in
    `room_names`), `began`, `ended`, `fair` and `poor` seconds. `tenths` counts sessions by tenth of
    good time, `failed` has when joins failed for technical reasons. By session with a rating:
    `people` (digests of their ids), `ratings`, and the `values` that each dimension had longest
    (places in its `names`).

    `rooms_by_value` has the rooms of the sessions that had a value at some time: a bit for each of
    `room_names`, the first one the lowest. It has the dimensions with few values.
    """

    start: int
    rooms: Column
    room_names: tuple[str, ...]
    began: Column
    ended: Column
    fair: Column
    poor: Column
    tenths: tuple[int, ...]
    failed: Column
    people: Column
    ratings: Column
    values: tuple[Column, ...]
    names: tuple[tuple[str, ...], ...]
    rooms_by_value: dict[str, dict[str, bytes]]

    def rooms_with(self, dimension: str, fits: Callable[[str], bool]) -> Iterable[str] | None:
        """The rooms of sessions that had a value that `fits`; None where that is not known."""
        of_dimension = self.rooms_by_value.get(dimension)
        if of_dimension is None:
            return None
        bits = 0
        for value, of_value in of_dimension.items():
            if fits(value):
                bits |= int.from_bytes(of_value, "little")
        return compress(self.room_names, map(int, reversed(f"{bits:b}")))

    @cached_property
    def worst_first(self) -> Sequence[int]:
        """The places of times with problems, the worst first."""
        bads = list(map(badness, self.fair, self.poor))
        names, rooms, began = self.room_names, self.rooms, self.began
        places = [place for place, bad in enumerate(bads) if bad]
        places.sort(
            key=lambda place: (bads[place], names[rooms[place]], began[place]), reverse=True
        )
        return places

    def used_room(self, place: int) -> UsedRoom:
        """The time at this place."""
        began, ended = self.start + self.began[place], self.start + self.ended[place]
        room = self.room_names[self.rooms[place]]
        return UsedRoom(badness(self.fair[place], self.poor[place]), room, began, ended)


def totals_of(
    sessions: Iterable[Sequence[Any]],
    rated: Iterable[Sequence[Any]],
    start: int,
    facts: Iterable[Fact] = (),
) -> DayTotals:
    """The totals of sessions, of which none began before `start`.

    `sessions` are rows of `TOTAL_COLUMNS`, with the attempts to join, `rated` of `RATED_COLUMNS`.
    `facts` are those of the same sessions.
    """
    rooms: dict[str, int] = {}
    used: list[list[int]] = []
    newest: dict[int, list[int]] = {}
    tenths = [0] * TENTHS
    failed: list[int] = []
    for began, ended, outcome, room, good, fair, poor in sorted(sessions, key=itemgetter(0)):
        if outcome in FAILED_JOINS:
            failed.append(began - start)
        if outcome in ATTEMPTS:
            continue
        place = rooms.setdefault(room, len(rooms))
        time = newest.get(place)
        if time is None or began - time[2] >= EMPTY_FOR:
            time = newest[place] = [place, began, ended, 0, 0]
            used.append(time)
        time[2] = max(time[2], ended)
        time[3] += fair
        time[4] += poor
        if known := good + fair + poor:
            tenths[tenth_of_good(known, fair, poor)] += 1
    people: list[int] = []
    ratings: list[int] = []
    names: tuple[dict[str, int], ...] = tuple({} for _ in DIMENSIONS)
    values: tuple[list[int], ...] = tuple([] for _ in DIMENSIONS)
    for browser_id, rating, *of_session in rated:
        people.append(digest_of(browser_id))
        ratings.append(rating)
        for of_dimension, column, value in zip(names, values, of_session, strict=True):
            column.append(of_dimension.setdefault(value, len(of_dimension)))
    columns = [list(column) for column in zip(*used, strict=True)] or [[] for _ in range(5)]
    return DayTotals(
        start,
        column_of(columns[0]),
        tuple(rooms),
        column_of([began - start for began in columns[1]]),
        column_of([ended - start for ended in columns[2]]),
        column_of(columns[3]),
        column_of(columns[4]),
        tuple(tenths),
        column_of(failed),
        array("Q", people),
        column_of(ratings),
        tuple(map(column_of, values)),
        tuple(map(tuple, names)),
        _rooms_by_value(facts, rooms),
    )


def _rooms_by_value(facts: Iterable[Fact], rooms: Mapping[str, int]) -> dict[str, dict[str, bytes]]:
    found: dict[str, dict[str, int]] = {name: {} for name in DIMENSIONS if name in HAS_DETAILS}
    most = _MOST_BITS // max(len(rooms), 1)
    for fact in facts:
        if fact.outcome in ATTEMPTS:
            continue
        bit = 1 << rooms[fact.room]
        own = zip(DIMENSIONS, fact.values, strict=True)
        for name, value in chain(own, *(part.values.items() for part in fact.track.segments)):
            if (of_dimension := found.get(name)) is not None:
                of_dimension[value] = of_dimension.get(value, 0) | bit
                if len(of_dimension) > most:
                    del found[name]
    length = (len(rooms) + 7) // 8
    return {
        name: {value: bits.to_bytes(length, "little") for value, bits in of_dimension.items()}
        for name, of_dimension in found.items()
    }


def rooms_of(days: Iterable[DayTotals]) -> set[str]:
    """The rooms of all sessions."""
    return set(chain.from_iterable(day.room_names for day in days))


def tenths_of(days: Iterable[DayTotals]) -> list[int]:
    """How many sessions had each tenth of good time."""
    tenths = [0] * TENTHS
    for day in days:
        for tenth, count in enumerate(day.tenths):
            tenths[tenth] += count
    return tenths


def worst_times(days: Sequence[DayTotals]) -> Iterator[UsedRoom]:
    """The times in which rooms were used and had problems, the worst first; of parts in order.

    Those that go on in the next part are joined: few times end so late, or begin so early.
    """
    joined: list[list[Any]] = []  # Badness, room, began, ended.
    going_on: dict[str, list[Any]] = {}  # By room, what may go on in the next part.
    taken: list[set[int]] = []
    for number, day in enumerate(days):
        of_day: set[int] = set()
        latest = max((time[3] for time in going_on.values()), default=-_EVER) + EMPTY_FOR
        for place in range(bisect_left(day.began, latest - day.start) if going_on else 0):
            used = day.used_room(place)
            time = going_on.get(used.room)
            if time is not None and used.began - time[3] < EMPTY_FOR:
                time[0] += used.bad
                time[3] = max(time[3], used.ended)
                of_day.add(place)
        following = [
            part.start + part.began[0] for part in days[number + 1 : number + 2] if part.began
        ]
        limit = (following[0] if following else day.start + DAY) - EMPTY_FOR
        going_on = {room: time for room, time in going_on.items() if time[3] > limit}
        late = limit - day.start
        for place in [place for place, ended in enumerate(day.ended) if ended > late]:
            if place not in of_day:
                time = [*day.used_room(place)]
                joined.append(time)
                going_on[time[1]] = time
                of_day.add(place)
        taken.append(of_day)
    parts: list[Iterable[UsedRoom]] = [
        map(day.used_room, filterfalse(of_day.__contains__, day.worst_first))
        for day, of_day in zip(days, taken, strict=True)
    ]
    parts.append(sorted((UsedRoom(*time) for time in joined if time[0]), reverse=True))
    return merge(*parts, reverse=True)


def failed_times_of(days: Iterable[DayTotals]) -> list[int]:
    """When joins failed for technical reasons (Unix seconds)."""
    return [day.start + at for day in days for at in day.failed]


def add_rated(into: dict[str, RatingSums], day: DayTotals, by: str = "") -> None:
    """Add the ratings of a day by the value of a dimension that held longest; "" for all."""
    if not by:
        rated = zip(day.people, day.ratings, strict=True)
        add_ratings(into.setdefault("", {}), rated)
        return
    place = DIMENSIONS.index(by)
    by_value = [into.setdefault(name, {}) for name in day.names[place]]
    add_ratings_by(by_value, day.values[place], day.people, day.ratings)


def pack_totals(totals: DayTotals | None) -> bytes:
    """The stored form of a day's totals; None where its sessions have to answer."""
    return zlib.compress(_ENCODER.encode(totals), _LEVEL)


def unpack_totals(packed: bytes) -> DayTotals | None:
    """The inverse of `pack_totals`."""
    totals: DayTotals | None = _DECODER.decode(zlib.decompress(packed))
    return totals


_ENCODER = msgspec.msgpack.Encoder(enc_hook=to_stored)
_DECODER = msgspec.msgpack.Decoder(DayTotals | None, ext_hook=from_stored)
