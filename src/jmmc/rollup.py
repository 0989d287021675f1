"""Sums over many sessions, by five minutes and by the value of a dimension; sums of sums agree."""

import struct
from collections.abc import Iterable, Iterator

import msgspec
from msgspec import Struct

from jmmc.summary import BUCKET, DIMENSIONS

HOUR, DAY = 3600, 86_400
ALL = ""
"""The dimension that has one value: everything."""

_NUMBERS = msgspec.json.Decoder(list[tuple[int, int, int, int, int]])
"""Slices, as a loop over very many of them reads them quickest."""


class Part(Struct, frozen=True, array_like=True, gc=False):
    """Sums from `start` on: sessions that began, and person-seconds of each grade."""

    start: int
    sessions: int
    good: int
    fair: int
    poor: int
    unknown: int

    @property
    def seconds(self) -> int:
        """Person-seconds in all."""
        return self.good + self.fair + self.poor + self.unknown


class Rollup(Struct, frozen=True):
    """One dimension's sums of one hour, in parts of five minutes; or of one day, in one part.

    `length` is `HOUR` or `DAY`.
    """

    length: int
    start: int
    dimension: str
    values: dict[str, tuple[Part, ...]]


class Fact(Struct, frozen=True):
    """What a rollup takes of a session.

    When it began, its values in the order of `DIMENSIONS`, and its slices as JSON.
    """

    began: int
    values: tuple[str, ...]
    series: str


class Chosen:
    """The sums of a window over sessions that a filter has chosen: no rollup is stored of them."""

    def __init__(self, since: int, until: int) -> None:
        self._since = since - since % BUCKET
        self._until = until
        self._parts: dict[int, list[int]] = {}
        self._values: dict[str, list[int]] = {}
        self.conferences: set[str] = set()

    def add(self, began: int, conf: str, series: str, value: str = "") -> None:
        """A session: when it began, its room, its series as JSON, and what it is compared by."""
        since, until, parts = self._since, self._until, self._parts
        self.conferences.add(conf)
        sums = self._values.setdefault(value, [0, 0, 0, 0, 0])
        start = began - began % BUCKET
        if since <= start < until:
            sums[0] += 1
            parts.setdefault(start, [0, 0, 0, 0, 0])[0] += 1
        goods = fairs = poors = unknowns = 0
        for start, good, fair, poor, unknown in _NUMBERS.decode(series):
            if since <= start < until:
                if start not in parts:
                    parts[start] = [0, 0, 0, 0, 0]
                part = parts[start]
                part[1] += good
                part[2] += fair
                part[3] += poor
                part[4] += unknown
                goods += good
                fairs += fair
                poors += poor
                unknowns += unknown
        sums[1] += goods
        sums[2] += fairs
        sums[3] += poors
        sums[4] += unknowns

    @property
    def parts(self) -> list[Part]:
        """By five minutes."""
        return [Part(start, *sums) for start, sums in sorted(self._parts.items())]

    @property
    def values(self) -> dict[str, Part]:
        """By value, of the whole window."""
        return {value: Part(self._since, *sums) for value, sums in self._values.items()}


def hour_of(facts: Iterable[Fact], start: int) -> list[Rollup]:
    """The rollups of the hour that begins at `start`, of all sessions that touch it."""
    dimensions = (ALL, *DIMENSIONS)
    sums: list[dict[str, int]] = [{} for _ in dimensions]
    for fact in facts:
        packed = _packed(fact, start)
        if packed:
            for values, value in zip(sums, (ALL, *fact.values), strict=True):
                values[value] = values.get(value, 0) + packed
    return [
        Rollup(
            HOUR,
            start,
            dimension,
            {value: _unpacked(packed, start) for value, packed in sorted(values.items())},
        )
        for dimension, values in zip(dimensions, sums, strict=True)
    ]


# The sums of an hour as one large number, 64 bits for each: so a session is added to all its
# dimensions by an addition each, where some 40 numbers were added one by one. Ten times as fast.
_PLACES = HOUR // BUCKET
_PART = struct.Struct("<5Q")
_WHOLE = struct.Struct(f"<{_PLACES * 5}Q")


def _packed(fact: Fact, start: int) -> int:
    sums = [0] * (_PLACES * 5)
    place = (fact.began - start) // BUCKET
    if 0 <= place < _PLACES:
        sums[place * 5] = 1
    for at, *seconds in _NUMBERS.decode(fact.series):
        place = (at - start) // BUCKET
        if 0 <= place < _PLACES:
            sums[place * 5 + 1 : place * 5 + 5] = seconds
    return int.from_bytes(_WHOLE.pack(*sums), "little")


def _unpacked(packed: int, start: int) -> tuple[Part, ...]:
    parts = enumerate(_PART.iter_unpack(packed.to_bytes(_WHOLE.size, "little")))
    return tuple(Part(start + place * BUCKET, *sums) for place, sums in parts if any(sums))


def day_of(hours: Iterable[Rollup], start: int, dimension: str) -> Rollup:
    """The rollup of the day that begins at `start` (UTC), of its hours."""
    totals: dict[str, tuple[Part, ...]] = {
        value: (total(parts, start),)
        for value, parts in by_value(it for it in hours if it.dimension == dimension).items()
    }
    return Rollup(DAY, start, dimension, totals)


def by_value(rollups: Iterable[Rollup]) -> dict[str, list[Part]]:
    """All parts of some rollups of one dimension, by value."""
    values: dict[str, list[Part]] = {}
    for rollup in rollups:
        for value, parts in rollup.values.items():
            values.setdefault(value, []).extend(parts)
    return values


def total(parts: Iterable[Part], start: int) -> Part:
    """The sum of parts, as one that begins at `start`."""
    sessions = good = fair = poor = unknown = 0
    for it in parts:
        sessions += it.sessions
        good += it.good
        fair += it.fair
        poor += it.poor
        unknown += it.unknown
    return Part(start, sessions, good, fair, poor, unknown)


def windows(since: int, until: int) -> Iterator[tuple[int, int, int]]:
    """A window as few stretches: (length of the rollups, since, until), whole days by days."""
    first_day = -(-since // DAY) * DAY
    last_day = until // DAY * DAY
    if first_day >= last_day:
        yield HOUR, since, until
        return
    if since < first_day:
        yield HOUR, since, first_day
    yield DAY, first_day, last_day
    if last_day < until:
        yield HOUR, last_day, until
