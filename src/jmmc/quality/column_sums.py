"""Sums over the columns of days: of the sessions that a filter selects, by value and over time.

The sums are those of `WindowSums`, `PairSums` and `WindowJoins` over the same sessions. Loops over
rows are those of the interpreter itself (`zip`, `compress`, `Counter`): some 30 ns a step.
"""

from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Sequence
from itertools import compress, groupby, islice
from operator import add
from typing import NamedTuple, TypeVar

from jmmc.quality.day_columns import PAIRS, Column, DayColumns, Outcome, tenth_of_good
from jmmc.quality.filters import DIMENSIONS, SummaryFilter
from jmmc.quality.intervals import GROUPS, Replicates
from jmmc.quality.joins import STEPS, Joins, JoinSums, join_events
from jmmc.quality.quality_steps import QualitySteps
from jmmc.quality.rollups import HOUR, Sums, total

_T = TypeVar("_T")

Key = tuple[str, ...]
"""A value of each dimension by which sums are made; () without any."""

Span = tuple[int, int, int]
"""When a session was there, as in a `Presence`, and the digest of its person."""

_BITS = 24  # Of what follows the number of a key: a session, an outcome and a group, a bucket.
_ONES = (1 << _BITS) - 1


def has_columns(selection: SummaryFilter) -> bool:
    """Whether columns have all that a selection selects by: a window and dimensions."""
    return all(
        name in ("since", "until", *DIMENSIONS) or getattr(selection, name) == default
        for name, default in zip(
            SummaryFilter.__struct_fields__, SummaryFilter.__struct_defaults__, strict=True
        )
    )


class ColumnSums:
    """Sums of the sessions that began and ended in a window; those at its ends are not counted.

    `selection` has the window and values of dimensions. Sums are by the values of the dimensions
    `by`. `steps` takes what is over time: None leaves that out. `sums` is whether time by value is
    wanted, `rooms` whether rooms are, `spread` whether rooms and tenths of good time are, and
    `joins` whether joins are.
    """

    def __init__(
        self,
        selection: SummaryFilter,
        by: Sequence[str] = (),
        *,
        steps: QualitySteps | None = None,
        sums: bool = True,
        rooms: bool = False,
        spread: bool = False,
        joins: bool = False,
    ) -> None:
        self._selection = selection
        self._since, self._until = selection.window
        self._by = tuple(DIMENSIONS.index(name) for name in by)
        self._filtered = tuple(
            place for place, name in enumerate(DIMENSIONS) if getattr(selection, name) is not None
        )
        self._steps = steps
        self._with_sums = sums and (bool(by) or steps is None)
        self._with_rooms, self._with_spread = rooms or spread, spread
        self._with_joins = joins
        self._keys: dict[Key, int] = {}
        self._sessions: Counter[int] = Counter()
        self._known: dict[int, int] = {}  # By number of the key, and group.
        self._fair: dict[int, int] = {}
        self._poor: dict[int, int] = {}
        self._unknown: Counter[int] = Counter()
        self._hours: dict[int, list[int]] = defaultdict(lambda: [0, 0, 0, 0, 0])
        self.present: list[Span] = []
        """When the selected sessions were there, if `steps` are wanted."""
        self.deciles = [0] * 10
        self.rooms: dict[str, list[int]] = {}
        """Fair and poor seconds of each room."""
        self._joins = _Joins(by=bool(by))

    def add(self, day: DayColumns) -> None:
        """Add the sessions of a day."""
        inside = self._inside(day)
        fitting = self._fitting(day, inside)
        numbers = self._numbers(day) if self._with_sums or self._with_joins else ()
        if self._with_joins:
            self._joins.add(day, inside, fitting, numbers)
        table = _table_of(day, fitting)
        if self._with_rooms:
            self._add_rooms(table)
        if self._with_spread:
            self._add_spread(table)
        if self._steps is not None:
            self._add_over_time(table, self._steps)
            self._add_present(table)
        if self._with_sums:
            self._add_values(table, numbers)

    def values(self) -> dict[Key, Sums]:
        """The sums by key."""
        if not self._with_sums:
            whole = total(self.parts(), self._since)
            return {(): whole} if whole.sessions else {}
        sums = {number: [0, 0, 0] for number in self._keys.values()}
        for column, by_group in enumerate((self._known, self._fair, self._poor)):
            for place, seconds in by_group.items():
                sums[place >> _BITS][column] += seconds
        return {
            key: Sums(
                self._since,
                self._sessions[number],
                known - fair - poor,
                fair,
                poor,
                self._unknown[number],
            )
            for key, number in self._keys.items()
            if self._sessions[number]
            for known, fair, poor in [sums[number]]
        }

    def replicates(self) -> dict[Key, Replicates]:
        """The replicates by key, of those of which anything is known."""
        keys = list(self._keys)
        found: defaultdict[Key, Replicates] = defaultdict(Replicates)
        for place, known in self._known.items():
            if known:
                fair, poor = self._fair.get(place, 0), self._poor.get(place, 0)
                groups = divmod(place & _ONES, GROUPS)
                found[keys[place >> _BITS]].add(groups, known, fair, poor)
        return dict(found)

    def parts(self) -> list[Sums]:
        """The sums by hour, without the most at once."""
        return [Sums(start, *sums) for start, sums in sorted(self._hours.items())]

    def joins(self) -> dict[Key, JoinSums]:
        """The joins by key."""
        return self._joins.result(list(self._keys))

    def _inside(self, day: DayColumns) -> bytes | None:
        """By session, whether it began and ended in the window; None where all did."""
        first, last = self._since - day.start, self._until - day.start
        if first <= 0 and last > max(day.began, default=0) and last >= max(day.ended, default=0):
            return None
        return bytes(
            first <= began < last and ended <= last
            for began, ended in zip(day.began, day.ended, strict=True)
        )

    def _fitting(self, day: DayColumns, inside: bytes | None) -> bytes | None:
        """By row, whether it is selected; None where all are."""
        masks = [] if inside is None else [bytes(map(inside.__getitem__, day.sessions))]
        for place in self._filtered:
            dimension = DIMENSIONS[place]
            fits = bytes(self._selection.fits({dimension: value}) for value in day.names[place])
            masks.append(_looked_up(fits, day.values[place]))
        return _all_of(masks)

    def _numbers(self, day: DayColumns) -> Sequence[int]:
        """By row, the number of its key, with `_BITS` zeros after it."""
        numbered = self._keys
        if not self._by:
            numbered.setdefault((), 0)
            return bytes(len(day.sessions))
        first, *other = (day.values[place] for place in self._by)
        names, *other_names = (day.names[place] for place in self._by)
        if not other:
            numbers = [numbered.setdefault((name,), len(numbered)) << _BITS for name in names]
            return list(map(numbers.__getitem__, first))
        (second,), (more_names,) = other, other_names
        width = len(more_names)
        places = list(map(add, map(range(0, len(names) * width, width).__getitem__, first), second))
        pairs = {
            place: numbered.setdefault(
                (names[place // width], more_names[place % width]), len(numbered)
            )
            << _BITS
            for place in set(places)
        }
        return list(map(pairs.__getitem__, places))

    def _add_values(self, table: "_Table", numbers: Sequence[int]) -> None:
        day = table.day
        own = set(table.chosen(map(add, numbers, day.sessions[: day.stay_rows])))
        self._sessions.update([place >> _BITS for place in own])
        known, get = self._known, self._known.get
        places = list(map(add, numbers, day.row_groups))
        for place, seconds in table.chosen(zip(places, day.known, strict=False)):
            known[place] = get(place, 0) + seconds
        for row, fair, poor in table.bad_rows():
            place = places[row]
            self._fair[place] = self._fair.get(place, 0) + fair
            self._poor[place] = self._poor.get(place, 0) + poor
        for row, seconds in table.unknown_rows():
            self._unknown[numbers[row] >> _BITS] += seconds

    def _add_over_time(self, table: "_Table", steps: QualitySteps) -> None:
        day, cells = table.day, table.day.cells
        hours = max(day.hours, default=0) + 1
        known, fairs, poors = ([0] * (hours * PAIRS) for _ in range(3))
        of_hours = [[0] * 5 for _ in range(hours)]
        for hour, count in Counter(table.first_hours()).items():
            of_hours[hour][0] = count
        for cell, seconds in table.chosen(zip(cells, day.known, strict=False)):
            known[cell] += seconds
        for row, fair, poor in table.bad_rows():
            cell = cells[row]
            fairs[cell] += fair
            poors[cell] += poor
            sums = of_hours[cell // PAIRS]
            sums[1] -= fair + poor
            sums[2] += fair
            sums[3] += poor
        for row, seconds in table.unknown_rows():
            of_hours[cells[row] // PAIRS][4] += seconds
        starts = [steps.start_of(day.start + hour * HOUR) for hour in range(hours)]
        for start, together in groupby(range(hours), starts.__getitem__):
            parts = [range(hour * PAIRS, (hour + 1) * PAIRS) for hour in together]
            for part in parts:
                of_hours[part.start // PAIRS][1] += sum(known[part.start : part.stop])
            by_pair = [
                _by_pair(seconds, parts[0].start, parts[-1].stop)
                for seconds in (known, fairs, poors)
            ]
            if any(by_pair[0]):
                steps.add_pairs(start, *by_pair)
        for hour, more in enumerate(of_hours):
            if any(more):
                mine = self._hours[day.start + hour * HOUR]
                mine[:] = map(add, mine, more)

    def _add_present(self, table: "_Table") -> None:
        """Add when sessions were there: from end to end, or in the rows that are selected."""
        day, start = table.day, table.day.start
        present: list[Span] = []
        if table.partly:
            lengths = dict(zip(day.unknown_rows, day.unknown, strict=True))
            for session in table.partly:
                for row in table.selected_rows_of(session):
                    at = start + day.starts[row]
                    length = day.known[row] + lengths.get(row, 0)
                    present.append((at, at + length, day.people[session]))
        present += [
            (start + began, start + ended, person)
            for began, ended, person in table.whole_ones(
                zip(day.began, day.ended, day.people, strict=True)
            )
        ]
        present.sort()
        self.present += present

    def _add_rooms(self, table: "_Table") -> None:
        day = table.day
        rooms = {*table.whole_ones(day.rooms), *(day.rooms[session] for session in table.partly)}
        for room in rooms:
            self.rooms.setdefault(day.room_names[room], [0, 0])

    def _add_spread(self, table: "_Table") -> None:
        day, bad = table.day, table.day.bad_sessions
        selected = None
        known = day.is_known.count(1)
        if table.whole is not None:
            known = (_all_of([day.is_known, table.whole]) or b"").count(1)
            selected = bytes(map(table.whole.__getitem__, bad.sessions))
        tenths = Counter(_chosen(bad.tenths, selected))
        for tenth, count in tenths.items():
            self.deciles[tenth] += count
        self.deciles[9] += known - tenths.total()
        of_rooms: dict[int, list[int]] = {}
        for room, fair, poor in _chosen(zip(bad.rooms, bad.fair, bad.poor, strict=True), selected):
            of_room = of_rooms.setdefault(room, [0, 0])
            of_room[0] += fair
            of_room[1] += poor
        if table.partly:
            rows = {row: seconds for row, *seconds in table.bad_rows()}
            for session in table.partly:
                of_session = table.selected_rows_of(session)
                if known := sum(day.known[row] for row in of_session):
                    bad_seconds = [rows[row] for row in of_session if row in rows]
                    fair, poor = (sum(column) for column in zip([0, 0], *bad_seconds, strict=True))
                    of_room = of_rooms.setdefault(day.rooms[session], [0, 0])
                    of_room[0] += fair
                    of_room[1] += poor
                    self.deciles[tenth_of_good(known, fair, poor)] += 1
        for room, seconds in of_rooms.items():
            mine = self.rooms[day.room_names[room]]
            mine[:] = map(add, mine, seconds)


class _Table(NamedTuple):
    """The sessions of a day without its attempts, and what is selected of them; None for all.

    `selected` is by row, `whole` by session: whether all of its rows are. Of the sessions `partly`,
    some rows are selected and others not.
    """

    day: DayColumns
    selected: bytes | None
    whole: bytes | None
    partly: Sequence[int]

    def chosen(self, items: Iterable[_T]) -> Iterable[_T]:
        """The items of the selected rows."""
        return _chosen(items, self.selected)

    def whole_ones(self, items: Iterable[_T]) -> Iterable[_T]:
        """The items of the sessions that are selected as a whole."""
        return islice(items, self.day.stays) if self.whole is None else compress(items, self.whole)

    def selected_rows_of(self, session: int) -> Sequence[int]:
        """The selected rows of a session."""
        assert self.selected is not None
        return [row for row in self.day.rows_of(session) if self.selected[row]]

    def first_hours(self) -> Iterator[int]:
        """The hours of the first selected rows of all sessions."""
        yield from self.whole_ones(self.day.first_hours)
        for session in self.partly:
            yield self.day.hours[self.selected_rows_of(session)[0]]

    def bad_rows(self) -> Iterator[tuple[int, int, int]]:
        """The selected rows with bad time: place, fair and poor seconds."""
        rows = zip(self.day.bad_rows, self.day.fair, self.day.poor, strict=True)
        if self.selected is None:
            return iter(rows)
        return compress(rows, map(self.selected.__getitem__, self.day.bad_rows))

    def unknown_rows(self) -> Iterator[tuple[int, int]]:
        """The selected rows with unknown time: place and seconds."""
        rows = zip(self.day.unknown_rows, self.day.unknown, strict=True)
        if self.selected is None:
            return iter(rows)
        return compress(rows, map(self.selected.__getitem__, self.day.unknown_rows))


def _table_of(day: DayColumns, fitting: bytes | None) -> _Table:
    """What is selected of a day: `fitting` is by row, with the attempts."""
    if fitting is None:
        return _Table(day, None, None, ())
    selected = fitting[: day.stay_rows]
    rows = int.from_bytes(selected, "little")
    partly: Sequence[int] = ()
    if changes := (rows ^ (rows >> 8)) & day.is_continued:
        changed = compress(day.sessions, changes.to_bytes(len(selected), "little"))
        partly = list(dict.fromkeys(changed))
    whole = bytearray(map(selected.__getitem__, day.rows[: day.stays]))
    for session in partly:
        whole[session] = 0
    return _Table(day, selected, bytes(whole), partly)


def _by_pair(cells: Sequence[int], first: int, end: int) -> Sequence[int]:
    """The sums by pair of groups of the cells of some hours."""
    if end - first == PAIRS:
        return cells[first:end]
    hours = (cells[hour : hour + PAIRS] for hour in range(first, end, PAIRS))
    return list(map(sum, zip(*hours, strict=True)))


class _Joins:
    """Joins and ends of stays, by number of a key, outcome and group."""

    def __init__(self, *, by: bool) -> None:
        self._by = by
        self._outcomes: dict[Outcome, int] = {}
        # By number of the key, outcome and group; then by number and bucket.
        self._begun, self._ended, self._setups = Counter[int](), Counter[int](), Counter[int]()
        self._steps = [Counter[int]() for _ in STEPS]

    def add(
        self,
        day: DayColumns,
        inside: bytes | None,
        fitting: bytes | None,
        numbers: Sequence[int],
    ) -> None:
        """Add a day; `inside` is by session, `fitting` and the `numbers` of keys by row.

        A session joined as it was in its first row, and left as it was in its last one.
        """
        outcomes = [
            self._outcomes.setdefault(outcome, len(self._outcomes)) * PAIRS
            for outcome in day.outcome_names
        ]
        events = [_events_of(outcome) for outcome in day.outcome_names]
        for place, (rows, counted) in enumerate(
            ((day.rows, self._begun), (day.last_rows, self._ended))
        ):
            happens = bytes(len(of_outcome) > place for of_outcome in events)
            masks = [_looked_up(happens, day.outcomes)]
            if inside is not None:
                masks.append(inside)
            if fitting is not None:
                masks.append(bytes(map(fitting.__getitem__, rows)))
            of_rows: Sequence[int] = ()
            if self._by:
                of_rows = list(map(numbers.__getitem__, rows))
                own = map(add, map(outcomes.__getitem__, day.outcomes), day.groups)
                counted.update(_chosen(map(add, of_rows, own), _all_of(masks)))
            else:
                for at, count in Counter(_chosen(day.joining, _all_of(masks))).items():
                    counted[outcomes[at // PAIRS] + at % PAIRS] += count
            if place == 0:
                joined = bytes(bool(of_outcome) and of_outcome[0].joined for of_outcome in events)
                masks.append(_looked_up(joined, day.outcomes))
                self._add_setups(day, of_rows, _all_of(masks))

    def _add_setups(self, day: DayColumns, numbers: Sequence[int], joined: bytes | None) -> None:
        setups, *steps = day.setups
        of_setups = map(add, numbers, setups) if self._by else setups
        self._setups.update(_chosen(of_setups, joined))
        if not self._by:
            for counted, column in zip(self._steps, steps, strict=True):
                counted.update(_chosen(column, joined))

    def result(self, keys: Sequence[Key]) -> dict[Key, JoinSums]:
        """The sums by key."""
        outcomes = list(self._outcomes)
        found: dict[int, JoinSums] = {}
        for place, counted in enumerate((self._begun, self._ended)):
            by_group: dict[int, dict[tuple[int, int], int]] = {}
            for at, count in counted.items():
                of_outcome = by_group.setdefault(at // PAIRS, {})
                of_outcome[divmod(at % PAIRS, GROUPS)] = count
            for at, groups in by_group.items():
                number, outcome = divmod(at, (1 << _BITS) // PAIRS)
                name = outcomes[outcome]
                sums = found.setdefault(number, JoinSums())
                sums.add(_events_of(name)[place], name[1], groups)
        for at, count in self._setups.items():
            if bucket := at & _ONES:
                found[at >> _BITS].setup[bucket - 1] = count
        for step, of_step in zip(STEPS, self._steps, strict=True):
            if known := {bucket - 1: count for bucket, count in of_step.items() if bucket}:
                found[0].steps[step] = known
        return {keys[number]: sums for number, sums in found.items()}


def _events_of(outcome: Outcome) -> list[Joins]:
    """What a session of this outcome counts for when it began, and when it ended."""
    name, _, running = outcome
    return [event.counts for event in join_events(name, 0, 1, running=running)]


def _chosen(items: Iterable[_T], mask: bytes | None) -> Iterable[_T]:
    return items if mask is None else compress(items, mask)


def _looked_up(table: bytes, column: Column) -> bytes:
    """The table's entries at the places of a column."""
    if column.typecode == "B":
        return column.tobytes().translate(table.ljust(256, b"\0"))
    return bytes(map(table.__getitem__, column))


def _all_of(masks: Sequence[bytes]) -> bytes | None:
    """Where all masks are 1; None without any."""
    if not masks:
        return None
    found = int.from_bytes(masks[0], "little")
    for mask in masks[1:]:
        found &= int.from_bytes(mask, "little")
    return found.to_bytes(len(masks[0]), "little")


def _inverse(mask: bytes) -> bytes:
    return mask.translate(b"\1\0".ljust(256, b"\0"))
