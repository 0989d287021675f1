"""Rollups: sums over sessions by five minutes, hour and day, and by value of a dimension."""

import struct
from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from heapq import nlargest
from itertools import repeat
from typing import Any

import msgspec
from msgspec import Struct

from jmmc.core.label_values import OTHER
from jmmc.quality.filters import DIMENSIONS
from jmmc.quality.summary import BUCKET

HOUR, DAY = 3600, 86_400
_MOST_VALUES = 500  # Of a dimension in an hour.
_MOST_NETWORKS = 5000  # And of those whose values browsers cannot make up.
_MOST_OF_A_DAY = 20_000  # 2 MB.
_NETWORK = DIMENSIONS.index("network")
ALL = ""
"""The dimension with a single value, for all sessions."""

TOTALS_COLUMNS = ("began", "ended", "room", "good", "fair", "poor", "unknown", "series")
"""The columns of `FilteredTotals.add`, before the dimension by which sessions are compared."""

_NUMBERS = msgspec.json.Decoder(list[tuple[int, int, int, int, int]])
"""Decodes slices as tuples, which a long loop reads faster than structs."""

_FLAT = msgspec.json.Decoder(list[int])


class Sums(Struct, frozen=True, array_like=True, gc=False):
    """Sums from `start` on: sessions that began, and person-seconds of each grade."""

    start: int
    sessions: int
    good: int
    fair: int
    poor: int
    unknown: int

    @property
    def known(self) -> int:
        """Person-seconds with a known grade."""
        return self.good + self.fair + self.poor

    @property
    def seconds(self) -> int:
        """Person-seconds in all."""
        return self.good + self.fair + self.poor + self.unknown


class Rollup(Struct, frozen=True):
    """The sums of a dimension's values: of an hour by five minutes, or of a day as one.

    `length` is `HOUR` or `DAY`.
    """

    length: int
    start: int
    dimension: str
    values: dict[str, tuple[Sums, ...]]


class Fact(Struct, frozen=True):
    """What a rollup needs of a session.

    `began` is Unix seconds, `values` are in the order of `DIMENSIONS`, `series` is the JSON of its
    slices.
    """

    began: int
    values: tuple[str, ...]
    series: str

    @property
    def network(self) -> str:
        """The network of the participant."""
        return self.values[_NETWORK]


class FilteredTotals:
    """Sums over a window of sessions that a filter selects, for which no rollup is stored."""

    def __init__(self, since: int, until: int) -> None:
        self._since = since - since % BUCKET
        self._until = until
        self._begun: dict[int, int] = defaultdict(int)
        self._seconds: tuple[dict[int, int], ...] = tuple(defaultdict(int) for _ in range(4))
        self._values: dict[str, list[int]] = {}
        self.deciles = [0] * 10
        self.rooms: dict[str, list[int]] = {}
        """Fair and poor seconds of each room, including those outside the window."""

    def add(self, columns: Sequence[Sequence[Any]]) -> None:
        """Add sessions, by column: `TOTALS_COLUMNS`, then the dimension if they are compared."""
        since, until, rooms, values = self._since, self._until, self.rooms, self._values
        begun, deciles = self._begun, self.deciles
        by = columns[len(TOTALS_COLUMNS)] if len(columns) > len(TOTALS_COLUMNS) else repeat(ALL)
        inside: list[str] = []
        for value, began, ended, room, good, fair, poor, unknown, series in zip(
            by, *columns[: len(TOTALS_COLUMNS)], strict=False
        ):
            if room not in rooms:
                rooms[room] = [0, 0]
            bad_seconds = rooms[room]
            bad_seconds[0] += fair
            bad_seconds[1] += poor
            if known := good + fair + poor:
                deciles[min(9, good * 10 // known)] += 1
            if value not in values:
                values[value] = [0, 0, 0, 0, 0]
            sums = values[value]
            start = began - began % BUCKET
            if since <= start < until:
                sums[0] += 1
                begun[start] += 1
            if start < since or ended > until:
                self._add_edge(sums, series)
                continue
            sums[1] += good
            sums[2] += fair
            sums[3] += poor
            sums[4] += unknown
            if series != "[]":
                inside.append(series)
        self._add_whole(",".join(inside))

    def _add_edge(self, sums: list[int], series: str) -> None:
        """Add the slices in the window, of a session that is partly outside it."""
        for start, *seconds in _NUMBERS.decode(series):
            if self._since <= start < self._until:
                for place, (by_start, more) in enumerate(
                    zip(self._seconds, seconds, strict=True), 1
                ):
                    by_start[start] += more
                    sums[place] += more

    def _add_whole(self, series: str) -> None:
        """Add all slices, decoded as one flat list: the fastest way for hundreds of thousands."""
        goods, fairs, poors, unknowns = self._seconds
        numbers = iter(_FLAT.decode(f"[{series.replace('[', '').replace(']', '')}]"))
        for start, good, fair, poor, unknown in zip(*[numbers] * 5, strict=True):
            goods[start] += good
            if fair:
                fairs[start] += fair
            if poor:
                poors[start] += poor
            if unknown:
                unknowns[start] += unknown

    @property
    def parts(self) -> list[Sums]:
        """The sums by five minutes."""
        starts = sorted({*self._begun, *self._seconds[0]})
        begun, seconds = self._begun.get, [second.get for second in self._seconds]
        return [Sums(start, begun(start, 0), *(of(start, 0) for of in seconds)) for start in starts]

    @property
    def values(self) -> dict[str, Sums]:
        """The sums of the whole window by value."""
        return {value: Sums(self._since, *sums) for value, sums in self._values.items()}


def hour_of(facts: Sequence[Fact], start: int) -> list[Rollup]:
    """The rollups of the hour that begins at `start`, of all sessions that touch it.

    A dimension with more values than `most_values` has those with the largest `weights`, and
    `OTHER` for the rest.
    """
    dimensions = (ALL, *DIMENSIONS)
    sums: list[dict[str, int]] = [{} for _ in dimensions]
    for fact in facts:
        packed = _packed(fact, start)
        if packed:
            for values, value in zip(sums, (ALL, *fact.values), strict=True):
                values[value] = values.get(value, 0) + packed
    for place, dimension in enumerate(DIMENSIONS, 1):
        if len(sums[place]) > most_values(dimension):
            sums[place] = _bounded(sums[place], facts, place - 1, start)
    return [
        Rollup(
            HOUR,
            start,
            dimension,
            {value: _unpacked(packed, start) for value, packed in sorted(values.items())},
        )
        for dimension, values in zip(dimensions, sums, strict=True)
    ]


def most_values(dimension: str) -> int:
    """How many values of a dimension an hour has, at most, beside `OTHER`."""
    return _MOST_NETWORKS if dimension in ("network", "provider") else _MOST_VALUES


def weights(seconds: Iterable[tuple[str, str, int]]) -> dict[str, float]:
    """How much stands behind each value: `seconds` has value, network and known seconds.

    Each network has one vote, which its values share by their known time. So one address that
    makes up a thousand values outweighs nobody's.
    """
    by_network: dict[str, dict[str, int]] = {}
    for value, network, known in seconds:
        values = by_network.setdefault(network, {})
        values[value] = values.get(value, 0) + known
    found: dict[str, float] = {}
    for values in by_network.values():
        whole = sum(values.values()) or 1
        for value, known in values.items():
            found[value] = found.get(value, 0.0) + known / whole
    return found


def _bounded(sums: dict[str, int], facts: Iterable[Fact], place: int, start: int) -> dict[str, int]:
    """The packed sums of the values with the largest weights, and of the others as `OTHER`."""
    weight = weights(
        (fact.values[place], fact.network, _known_seconds(fact.series, start)) for fact in facts
    )
    most = most_values(DIMENSIONS[place])
    kept = nlargest(most, sums, key=lambda value: (weight.get(value, 0.0), value))
    bounded = {value: sums.pop(value) for value in kept}
    bounded[OTHER] = bounded.get(OTHER, 0) + sum(sums.values())
    return bounded


def _known_seconds(series: str, start: int) -> int:
    return sum(
        good + fair + poor
        for at, good, fair, poor, _ in _NUMBERS.decode(series)
        if start <= at < start + HOUR
    )


# The sums of an hour are packed into one large integer, 64 bits each: adding a session to a
# dimension is one addition in place of some 40, which is ten times as fast.
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


def _unpacked(packed: int, start: int) -> tuple[Sums, ...]:
    parts = enumerate(_PART.iter_unpack(packed.to_bytes(_WHOLE.size, "little")))
    return tuple(Sums(start + place * BUCKET, *sums) for place, sums in parts if any(sums))


def day_of(hours: Iterable[Rollup], start: int, dimension: str) -> Rollup:
    """The rollup of the day that begins at `start` (UTC), from the rollups of its hours."""
    totals: dict[str, tuple[Sums, ...]] = {
        value: (total(parts, start),)
        for value, parts in by_value(hour for hour in hours if hour.dimension == dimension).items()
    }
    if len(totals) > _MOST_OF_A_DAY:
        kept = nlargest(_MOST_OF_A_DAY, totals, key=lambda value: (totals[value][0].known, value))
        bounded = {value: totals.pop(value) for value in kept if value != OTHER}
        rest = [part for parts in totals.values() for part in parts]
        totals = {**bounded, OTHER: (total(rest, start),)}
    return Rollup(DAY, start, dimension, totals)


def by_value(rollups: Iterable[Rollup]) -> dict[str, list[Sums]]:
    """The sums in rollups of one dimension, by value."""
    values: dict[str, list[Sums]] = {}
    for rollup in rollups:
        for value, parts in rollup.values.items():
            values.setdefault(value, []).extend(parts)
    return values


def total(parts: Iterable[Sums], start: int) -> Sums:
    """The total of sums, as one that begins at `start`."""
    sessions = good = fair = poor = unknown = 0
    for part in parts:
        sessions += part.sessions
        good += part.good
        fair += part.fair
        poor += part.poor
        unknown += part.unknown
    return Sums(start, sessions, good, fair, poor, unknown)


def windows(since: int, until: int) -> Iterator[tuple[int, int, int]]:
    """Cut a window into (length of rollups, since, until): whole days, and hours around them."""
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
