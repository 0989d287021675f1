"""Rollups: sums of sessions by five minutes, hour, day and span, by value of a dimension."""

import struct
from collections import Counter, defaultdict
from collections.abc import Container, Iterable, Iterator, Mapping, Sequence, Set
from heapq import nlargest

import msgspec
from msgspec import Struct
from msgspec.structs import replace

from jmmc.core.label_values import OTHER
from jmmc.quality.filters import DIMENSIONS, SELDOM_KNOWN
from jmmc.quality.hour_joins import HourJoins
from jmmc.quality.intervals import Replicates, groups_of
from jmmc.quality.joins import JoinSums, added_joins, join_events, outcome_at
from jmmc.quality.outcomes import ATTEMPTS
from jmmc.quality.peaks import Presence, peaks
from jmmc.quality.segments import Segment, Track, entries, pieces, values_at
from jmmc.quality.summary import Setup

BUCKET, HOUR, DAY = 300, 3600, 86_400
"""Seconds of the parts of an hour, of an hour and of a day."""

SPAN = 16 * DAY
"""Seconds of the longest rollup. Spans begin at multiples of it."""

_MOST_VALUES = 500  # Of a dimension in an hour.
_MOST_NETWORKS = 5000  # And of those whose values browsers cannot make up.
_MOST_OF_A_DAY = 20_000  # 2 MB.
_FACTS_BETWEEN_LOOKS = 500
_NETWORK = DIMENSIONS.index("network")
_MOST_OF_NETWORKS = ("network", "provider")
_MANY_VALUED = (*_MOST_OF_NETWORKS, *SELDOM_KNOWN)
ALL = ""
"""The dimension with a single value, for all sessions."""

ReplicatesByValue = defaultdict[str, Replicates]
"""Made with `ReplicatesByValue(Replicates)`."""


class Sums(Struct, frozen=True, array_like=True, gc=False):
    """Sums from `start` on: person-seconds of each grade, and sessions.

    In a rollup, `sessions` counts those that began; of a value of a dimension, those that had the
    value for the first time. `people` and `connections` are the most at once: a person in two tabs
    is one of the people, with two connections. They are 0 where they are not known (`HAS_DETAILS`).
    """

    start: int
    sessions: int
    good: int
    fair: int
    poor: int
    unknown: int
    people: int = 0
    connections: int = 0

    @property
    def known(self) -> int:
        """Person-seconds with a known grade."""
        return self.good + self.fair + self.poor

    @property
    def seconds(self) -> int:
        """Person-seconds in all."""
        return self.good + self.fair + self.poor + self.unknown


HAS_DETAILS = frozenset(dimension for dimension in DIMENSIONS if dimension not in _MANY_VALUED)
"""Dimensions of whose values rollups also have the most at once, and the steps of joins.

Others have so many values that this would double their rollups.
"""

FORM = msgspec.json.encode((*DIMENSIONS, *sorted(HAS_DETAILS)))
"""What today's rollups have; those made without are made again in the background."""


_DETAILED = tuple(dimension not in _MANY_VALUED for dimension in (ALL, *DIMENSIONS))


class Rollup(Struct, frozen=True):
    """The sums of a dimension's values: of an hour by five minutes, of a day or a span as one.

    `length` is `HOUR`, `DAY` or `SPAN`. A span without values was not joined yet, or its days have
    changed since: then these count. `replicates` has the packed `Replicates` of each value over the
    whole length, `joins` its joins.
    """

    length: int
    start: int
    dimension: str
    values: dict[str, tuple[Sums, ...]]
    replicates: dict[str, tuple[int, ...]] = {}
    joins: dict[str, JoinSums] = {}


class Fact(Struct, frozen=True):
    """What a rollup needs of a session.

    `values` are in the order of `DIMENSIONS`. Attempts that failed are facts, too.
    """

    began: int
    ended: int
    running: bool
    outcome: str
    browser_id: str
    room: str
    values: tuple[str, ...]
    track: Track
    failure: str = ""
    setup: Setup = Setup()

    @property
    def network(self) -> str:
        """The network of the participant."""
        return self.values[_NETWORK]


def hour_of(facts: Iterable[Fact], start: int) -> list[Rollup]:
    """The rollups of the hour that begins at `start`, of all sessions that touch it.

    `facts` may be read more than once.

    A dimension with more values than `most_values` has those with the largest `weights`, and
    `OTHER` for the rest. One of which nothing is known costs nothing: it has the sums of `ALL`.
    """
    dimensions = (ALL, *DIMENSIONS)
    sums: list[dict[str, int]] = [{} for _ in dimensions]
    replicates = [ReplicatesByValue(Replicates) for _ in dimensions]
    everybody: dict[str, list[Presence]] = {}
    present = [everybody if has_details else {} for has_details in _DETAILED]
    hour_joins = HourJoins(_DETAILED)
    known_places, unknown_places = [0], [*range(1, len(dimensions))]
    kept: dict[int, Set[str]] = {}  # The values that are kept where there are too many.

    def keep_few(place: int) -> None:
        kept[place] = _kept(facts, place - 1, start)
        sums[place] = _joined(sums[place], kept[place])
        replicates[place] = joined_replicates(replicates[place], kept[place])
        present[place] = {
            value: there for value, there in present[place].items() if value in kept[place]
        }

    for number, fact in enumerate(facts, 1):
        if number % _FACTS_BETWEEN_LOOKS == 0:
            # A value takes 2 KB here: thousands that were made up are joined before the end.
            for place in known_places[1:]:
                if place not in kept and len(sums[place]) > 2 * most_values(dimensions[place]):
                    keep_few(place)
        for place in [place for place in unknown_places if _tells(fact, place)]:
            unknown_places.remove(place)
            known_places.append(place)
            sums[place] = dict(sums[0])
            for value, of_value in replicates[0].items():
                replicates[place][value].merge(of_value)
            if _DETAILED[place]:
                present[place] = {value: [*there] for value, there in everybody.items()}
            hour_joins.separate(place)
        groups = groups_of(fact.browser_id, fact.room, fact.began)
        _add_joins(hour_joins, known_places, kept, fact, groups, start)
        if fact.outcome in ATTEMPTS:
            continue
        if fact.began < start + HOUR and fact.ended > start:
            _add_presence(present, known_places, kept, fact)
        parts = _packed_parts(fact.track, start)
        packed = sum(parts.values()) + _entered(fact.began, start)
        known = _known(packed)
        for place in known_places:
            values, groups_by_value, dimension = sums[place], replicates[place], dimensions[place]
            value = fact.values[place - 1] if place else ALL
            moved = entries(fact.track.segments, dimension) if fact.track.segments else {}
            if moved:
                for moved_value, part in _moved(
                    fact.track.segments, dimension, moved, parts, start
                ):
                    moved_value = _kept_value(moved_value, kept.get(place))
                    values[moved_value] = values.get(moved_value, 0) + part
                    _replicate(groups_by_value, moved_value, groups, _known(part))
            elif packed:
                value = _kept_value(value, kept.get(place))
                values[value] = values.get(value, 0) + packed
                _replicate(groups_by_value, value, groups, known)
    for place in unknown_places:
        sums[place], replicates[place] = sums[0], replicates[0]
    joins = hour_joins.sums()
    for place, dimension in enumerate(DIMENSIONS, 1):
        if place not in kept and len(sums[place]) > most_values(dimension):
            keep_few(place)
        if len(joins[place]) > most_values(dimension):
            joins[place] = _bounded_joins(joins[place], sums[place], most_values(dimension))
    return [
        Rollup(
            HOUR,
            start,
            dimension,
            {
                value: _unpacked(packed, start, _peaks(present_by_value, value, start))
                for value, packed in sorted(values.items())
            },
            {value: of_value.pack() for value, of_value in sorted(groups_by_value.items())},
            dict(sorted(joins_by_value.items())),
        )
        for dimension, values, groups_by_value, joins_by_value, present_by_value in zip(
            dimensions, sums, replicates, joins, present, strict=True
        )
    ]


def _tells(fact: Fact, place: int) -> bool:
    """Whether anything is known of the dimension before this place, at any time."""
    segments = fact.track.segments
    return bool(fact.values[place - 1]) or (
        bool(segments) and DIMENSIONS[place - 1] in segments[0].values
    )


def _kept_value(value: str, kept: Set[str] | None) -> str:
    return value if kept is None or value in kept else OTHER


def _add_joins(
    hour_joins: HourJoins,
    places: Sequence[int],
    kept: Mapping[int, Set[str]],
    fact: Fact,
    groups: tuple[int, int],
    start: int,
) -> None:
    """Add what a session counts for in an hour, by the values that it had at that moment.

    `places` are those of `ALL`, 0, and of dimensions, from 1 on.
    """
    for at, counts in join_events(fact.outcome, fact.began, fact.ended, running=fact.running):
        if not start <= at < start + HOUR:
            continue
        values = (ALL, *fact.values)
        if fact.track.segments:
            whole = dict(zip(DIMENSIONS, fact.values, strict=True))
            own = values_at(whole, fact.track.segments, at)
            values = (ALL, *(own[dimension] for dimension in DIMENSIONS))
        if kept:
            values = tuple(
                _kept_value(value, kept.get(place)) for place, value in enumerate(values)
            )
        outcome = outcome_at(counts, groups, fact.failure)
        hour_joins.add(outcome, places, values, fact.setup)


def _add_presence(
    present: Sequence[dict[str, list[Presence]]],
    places: Iterable[int],
    kept: Mapping[int, Set[str]],
    fact: Fact,
) -> None:
    """Add when a session was there, by the values that it had; `places` as for `_add_joins`."""
    whole = Presence(fact.began, fact.ended, fact.browser_id)
    segments = fact.track.segments
    for place in places:
        if not _DETAILED[place]:
            continue
        dimension, values = DIMENSIONS[place - 1] if place else ALL, kept.get(place)
        if segments and dimension in segments[0].values:
            there = [
                (
                    segment.values[dimension],
                    Presence(segment.start, segment.end, fact.browser_id),
                )
                for segment in segments
            ]
        else:
            there = [(fact.values[place - 1] if place else ALL, whole)]
        for value, presence in there:
            if values is None or value in values:
                present[place].setdefault(value, []).append(presence)


def _peaks(
    present: Mapping[str, Sequence[Presence]], value: str, start: int
) -> Mapping[int, tuple[int, int]]:
    return peaks(present.get(value, ()), start, start + HOUR, BUCKET)


def _bounded_joins(
    joins: Mapping[str, JoinSums], sums: Mapping[str, object], most: int
) -> dict[str, JoinSums]:
    """At most `most` values, first those that `sums` has, and the others as `OTHER`."""
    kept = nlargest(
        most, joins, key=lambda value: (value in sums, joins[value].counts.attempts, value)
    )
    bounded = {value: joins[value] for value in kept}
    rest = bounded.setdefault(OTHER, JoinSums())
    for value, of_value in joins.items():
        if value not in bounded:
            rest.merge(of_value)
    return bounded


def most_values(dimension: str) -> int:
    """How many values of a dimension an hour has, at most, beside `OTHER`."""
    return _MOST_NETWORKS if dimension in _MOST_OF_NETWORKS else _MOST_VALUES


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


def _kept(facts: Iterable[Fact], place: int, start: int) -> Set[str]:
    """The values with the largest weights; of those without any, those of most failed joins."""
    failed = Counter[str]()

    def seconds() -> Iterator[tuple[str, str, int]]:
        for fact in facts:
            if fact.outcome in ATTEMPTS:
                failed[fact.values[place]] += 1
            yield fact.values[place], fact.network, _known_seconds(fact.track, start)

    weight = weights(seconds())
    most = most_values(DIMENSIONS[place])
    return {*nlargest(most, weight, key=lambda value: (weight[value], failed[value], value))}


def _joined(sums: Mapping[str, int], kept: Set[str]) -> dict[str, int]:
    """The packed sums of the values that are kept, and of the others as `OTHER`."""
    joined: dict[str, int] = {}
    for value, packed in sums.items():
        value = _kept_value(value, kept)
        joined[value] = joined.get(value, 0) + packed
    return joined


def _known_seconds(track: Track, start: int) -> int:
    return sum(
        piece.end - piece.start for piece in pieces(track, start, start + HOUR) if piece.grade
    )


# The sums of an hour are packed into one large integer, 64 bits each: adding a session to a
# dimension is one addition in place of some 40, which is ten times as fast.
_PLACES = HOUR // BUCKET
_PART = struct.Struct("<5Q")
_WHOLE = struct.Struct(f"<{_PLACES * 5}Q")


def _moved(
    segments: Sequence[Segment],
    dimension: str,
    entered: Mapping[str, int],
    parts: Mapping[int, int],
    start: int,
) -> Iterator[tuple[str, int]]:
    """Yield the values of a dimension that changed in a session, with the sum of their `parts`."""
    for value, at in entered.items():
        packed = _entered(at, start) + sum(
            part for place, part in parts.items() if segments[place].values[dimension] == value
        )
        if packed:
            yield value, packed


def _replicate(
    by_value: ReplicatesByValue,
    value: str,
    groups: tuple[int, int],
    known: tuple[int, int, int],
) -> None:
    if known[0]:
        by_value[value].add(groups, *known)


def _known(packed: int) -> tuple[int, int, int]:
    """The known, fair and poor seconds of packed sums."""
    numbers = _WHOLE.unpack(packed.to_bytes(_WHOLE.size, "little"))
    good, fair, poor = (sum(numbers[column::5]) for column in (1, 2, 3))
    return good + fair + poor, fair, poor


def joined_replicates(
    by_value: Mapping[str, Replicates], kept: Container[str]
) -> ReplicatesByValue:
    """Those of the values that are kept, and of the others as `OTHER`."""
    joined = ReplicatesByValue(Replicates)
    for value, replicates in by_value.items():
        joined[value if value in kept else OTHER].merge(replicates)
    return joined


COLUMN_OF_GRADE = (4, 1, 2, 3)
"""The place in `Sums` of the seconds of a grade."""


def _entered(at: int, start: int) -> int:
    """One session in the five minutes of `at`, packed; 0 outside of the hour."""
    place = (at - start) // BUCKET
    return 1 << (place * _PART.size * 8) if 0 <= place < _PLACES else 0


def _packed_parts(track: Track, start: int) -> dict[int, int]:
    """The packed sums of a session in an hour by the place of its segment, 0 without segments."""
    if not track.segments:
        return {0: _packed(track.spans, start)}
    parts: dict[int, int] = {}
    for place, segment in enumerate(track.segments):
        since, until = max(segment.start, start), min(segment.end, start + HOUR)
        if since < until:
            of_segment = pieces(Track(track.spans, ()), since, until)
            spans = [(piece.start, piece.end, piece.grade) for piece in of_segment]
            if packed := _packed(spans, start):
                parts[place] = packed
    return parts


def _packed(spans: Iterable[tuple[int, int, int]], start: int) -> int:
    end_of_hour = start + HOUR
    sums = [0] * (_PLACES * 5)
    for at, end, grade in spans:
        if end <= start:
            continue
        if at >= end_of_hour:
            break
        at, end = max(at, start), min(end, end_of_hour)
        place = (at - start) // BUCKET
        while at < end:
            cut = min(end, start + (place + 1) * BUCKET)
            sums[place * 5 + COLUMN_OF_GRADE[grade]] += cut - at
            at = cut
            place += 1
    return int.from_bytes(_WHOLE.pack(*sums), "little")


def _unpacked(packed: int, start: int, most: Mapping[int, tuple[int, int]]) -> tuple[Sums, ...]:
    """The sums of the five minutes that have any; `most` has who was there at once."""
    starts = range(start, start + HOUR, BUCKET)
    parts = zip(starts, _PART.iter_unpack(packed.to_bytes(_WHOLE.size, "little")), strict=True)
    return tuple(
        Sums(at, *sums, *most.get(at, (0, 0)))  # type: ignore[call-arg]
        for at, sums in parts
        if any(sums)
    )


def day_of(hours: Iterable[Rollup], start: int, dimension: str) -> Rollup:
    """The rollup of the day that begins at `start` (UTC), from the rollups of its hours."""
    hours = [hour for hour in hours if hour.dimension == dimension]
    totals: dict[str, tuple[Sums, ...]] = {
        value: (total(parts, start),) for value, parts in by_value(hours).items()
    }
    replicates = replicates_of(hours)
    if len(totals) > _MOST_OF_A_DAY:
        kept = nlargest(_MOST_OF_A_DAY, totals, key=lambda value: (totals[value][0].known, value))
        bounded = {value: totals.pop(value) for value in kept if value != OTHER}
        rest = [part for parts in totals.values() for part in parts]
        totals = {**bounded, OTHER: (total(rest, start),)}
        replicates = joined_replicates(replicates, totals)
    joins = added_joins(hour.joins for hour in hours)
    if len(joins) > _MOST_OF_A_DAY:
        joins = _bounded_joins(joins, totals, _MOST_OF_A_DAY)
    packed = {value: of_value.pack() for value, of_value in replicates.items()}
    return Rollup(DAY, start, dimension, totals, packed, joins)


def span_of(days: Sequence[Rollup], start: int, dimension: str) -> Rollup:
    """The rollup of the span that begins at `start`, from its days.

    Without values where a day has more than can be joined exactly.
    """
    values = {value for day in days for value in (*day.values, *day.joins)}
    if len(values) > _MOST_OF_A_DAY:
        return Rollup(SPAN, start, dimension, {})
    return replace(day_of(days, start, dimension), length=SPAN)


def add_replicates(into: ReplicatesByValue, rollups: Iterable[Rollup]) -> None:
    """Add the replicates in rollups of one dimension."""
    for rollup in rollups:
        for value, packed in rollup.replicates.items():
            into[value].add_packed(packed)


def replicates_of(rollups: Iterable[Rollup]) -> ReplicatesByValue:
    """The replicates in rollups of one dimension, by value."""
    found = ReplicatesByValue(Replicates)
    add_replicates(found, rollups)
    return found


def by_value(
    rollups: Iterable[Rollup], since: int = -(2**62), until: int = 2**62
) -> dict[str, list[Sums]]:
    """The sums in rollups of one dimension, by value: those that begin in a window."""
    values: dict[str, list[Sums]] = {}
    for rollup in rollups:
        for value, parts in rollup.values.items():
            inside = [part for part in parts if since <= part.start < until]
            if inside:
                values.setdefault(value, []).extend(inside)
    return values


def total(parts: Iterable[Sums], start: int) -> Sums:
    """The total of sums, as one that begins at `start`; of the most at once, the most."""
    sessions = good = fair = poor = unknown = people = connections = 0
    for part in parts:
        sessions += part.sessions
        good += part.good
        fair += part.fair
        poor += part.poor
        unknown += part.unknown
        people = max(people, part.people)
        connections = max(connections, part.connections)
    return Sums(start, sessions, good, fair, poor, unknown, people, connections)


def whole_spans(since: int, until: int) -> tuple[int, int]:
    """The start of the first and the end of the last span in a window; equal when it has none."""
    first, last = -(-since // SPAN) * SPAN, until // SPAN * SPAN
    return (first, last) if first < last else (since, since)


def whole_units(since: int, until: int, unit: int) -> tuple[int, int]:
    """The first and the last whole unit (seconds) in a window; not in order when there is none."""
    return since + -since % unit, until - until % unit


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
