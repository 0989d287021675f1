"""Sums over the columns of days: of the sessions that a filter selects, by value and over time.

The sums are those of `WindowSums`, `PairSums` and `WindowJoins` over the same sessions. Loops over
rows are those of the interpreter itself (`zip`, `compress`, `Counter`): some 30 ns a step.
"""

from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Iterator, Sequence
from functools import cache
from itertools import compress, islice
from operator import add
from typing import NamedTuple, TypeVar

from jmmc.quality.day_columns import PAIRS, Column, DayColumns, Outcome, tenth_of_good
from jmmc.quality.filters import DIMENSIONS, SummaryFilter
from jmmc.quality.intervals import GROUPS, Replicates
from jmmc.quality.joins import STEPS, Joins, JoinSums, join_events
from jmmc.quality.outcomes import DROPPED, FAILED_JOINS
from jmmc.quality.peaks import PresentSessions, Span
from jmmc.quality.quality_steps import QualitySteps
from jmmc.quality.rollups import HOUR, Sums, total

_T = TypeVar("_T")

Key = tuple[str, ...]
"""A value of each dimension by which sums are made; () without any."""

_BITS = 24  # Of what follows the number of a key: a session, an outcome and a group, a bucket.
_ONES = (1 << _BITS) - 1
_FEW = 0.3  # Share of the items of a column.


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
        self._present = PresentSessions()
        self.failed: list[int] = []
        """When joins failed for technical reasons, if `steps` are wanted."""
        self.dropped: list[int] = []
        """When stays were dropped: the last second of each."""
        self.deciles = [0] * 10
        self.rooms: dict[str, list[int]] = {}
        """Fair and poor seconds of each room."""
        self._joins = _Joins(by=bool(by))

    def add(self, day: DayColumns) -> None:
        """Add the sessions of a day."""
        table = _table_of(day, self._fitting(day, self._inside(day)))
        if self._with_rooms:
            self._add_rooms(table)
        if self._with_spread:
            self._add_spread(table)
        if self._steps is not None:
            self._add_over_time(table, self._steps)
            self._add_present(table)
            self._add_moments(table)
        if self._with_sums or self._with_joins:
            steady = _steady_of(table, self._by)
            numbers = self._numbers(day, _chosen(day.rows, steady.mask))
            if self._with_joins:
                self._joins.add(table, steady, numbers, self._numbers)
            if self._with_sums:
                self._add_values(table, steady, numbers)

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
                self._sessions[number << _BITS],
                known - fair - poor,
                fair,
                poor,
                self._unknown[number << _BITS],
            )
            for key, number in self._keys.items()
            if self._sessions[number << _BITS]
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

    def peak(self, others: Iterable[Span]) -> tuple[int, int]:
        """The most people, and the most connections, at once, with `others` that are not added."""
        return self._present.peak(others)

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

    def _numbers(self, day: DayColumns, rows: Iterable[int]) -> Sequence[int]:
        """The numbers of the keys of rows, with `_BITS` zeros after them; all 0 without a key."""
        numbered = self._keys
        if not self._by:
            numbered.setdefault((), 0)
            return [0 for _ in rows]
        first, *other = (day.values[place] for place in self._by)
        names, *other_names = (day.names[place] for place in self._by)
        if not other:
            numbers = [numbered.setdefault((name,), len(numbered)) << _BITS for name in names]
            return [numbers[first[row]] for row in rows]
        (second,), (more_names,) = other, other_names
        width = len(more_names)
        places = [first[row] * width + second[row] for row in rows]
        pairs = {
            place: numbered.setdefault(
                (names[place // width], more_names[place % width]), len(numbered)
            )
            << _BITS
            for place in dict.fromkeys(places)
        }
        return list(map(pairs.__getitem__, places))

    def _add_values(self, table: "_Table", steady: "_Steady", numbers: Sequence[int]) -> None:
        """Add sessions and time by key: of steady sessions as a whole, of the others by row."""
        day, mask = table.day, steady.mask
        stays = day.stays if mask is None else mask.count(1, 0, day.stays)
        numbers = numbers[:stays]
        self._sessions.update(numbers)
        places = map(add, numbers, _chosen(day.groups, mask))
        _add_all(self._known, zip(places, _chosen(day.known_of_sessions, mask), strict=False))
        bad, unknown = day.bad_sessions, day.unknown_sessions
        with_bad_time = _looked_up_in(mask, bad.sessions)
        of_bad = list(_chosen(bad.sessions, with_bad_time))
        places = map(
            add,
            self._numbers(day, map(day.rows.__getitem__, of_bad)),
            map(day.groups.__getitem__, of_bad),
        )
        seconds = zip(places, bad.fair, bad.poor, strict=True)
        if with_bad_time is not None:
            fairs, poors = (compress(column, with_bad_time) for column in (bad.fair, bad.poor))
            seconds = zip(places, fairs, poors, strict=True)
        self._add_bad(seconds)
        with_unknown = _looked_up_in(mask, unknown.sessions)
        of_unknown = map(day.rows.__getitem__, _chosen(unknown.sessions, with_unknown))
        _add_all(
            self._unknown,
            zip(
                self._numbers(day, of_unknown), _chosen(unknown.seconds, with_unknown), strict=True
            ),
        )
        if steady.others:
            self._add_rows(table.of(steady.others))

    def _add_rows(self, table: "_Table") -> None:
        """Add sessions and time by key, by row."""
        day = table.day
        rows = list(table.chosen(range(day.stay_rows)))
        numbers = self._numbers(day, rows)
        own = dict.fromkeys(zip(numbers, map(day.sessions.__getitem__, rows), strict=True))
        self._sessions.update([number for number, _ in own])
        places = map(add, numbers, map(day.row_groups.__getitem__, rows))
        _add_all(self._known, zip(places, map(day.known.__getitem__, rows), strict=True))
        if bad := list(table.bad_rows()):
            rows = [row for row, _, _ in bad]
            places = map(add, self._numbers(day, rows), map(day.row_groups.__getitem__, rows))
            self._add_bad(
                (place, fair, poor) for place, (_, fair, poor) in zip(places, bad, strict=True)
            )
        if unknown := list(table.unknown_rows()):
            numbers = self._numbers(day, [row for row, _ in unknown])
            seconds = (of_row for _, of_row in unknown)
            _add_all(self._unknown, zip(numbers, seconds, strict=True))

    def _add_bad(self, seconds: Iterable[tuple[int, int, int]]) -> None:
        fairs, poors = self._fair, self._poor
        for place, fair, poor in seconds:
            fairs[place] = fairs.get(place, 0) + fair
            poors[place] = poors.get(place, 0) + poor

    def _add_over_time(self, table: "_Table", steps: QualitySteps) -> None:
        day = table.day
        of_hours = [[0] * 5 for _ in range(day.number_of_hours)]
        for hour, count in Counter(table.first_hours()).items():
            of_hours[hour][0] = count
        starts = [steps.start_of(day.start + hour * HOUR) for hour in range(len(of_hours))]
        of_steps = {start: ([0] * PAIRS, [0] * PAIRS, [0] * PAIRS) for start in starts}
        known_of_pairs, fair_of_pairs, poor_of_pairs = zip(*map(of_steps.get, starts), strict=True)
        known_of_hours = [0] * len(starts)
        for hour, pair, seconds in table.known_rows():
            known_of_hours[hour] += seconds
            known_of_pairs[hour][pair] += seconds
        for cell, fair, poor in table.bad_cells():
            hour, pair = divmod(cell, PAIRS)
            fair_of_pairs[hour][pair] += fair
            poor_of_pairs[hour][pair] += poor
            of_hours[hour][2] += fair
            of_hours[hour][3] += poor
        for row, seconds in table.unknown_rows():
            of_hours[day.hours[row]][4] += seconds
        for start, (known, fairs, poors) in of_steps.items():
            if any(known):
                steps.add_pairs(start, known, fairs, poors)
        for hour, more in enumerate(of_hours):
            more[1] = known_of_hours[hour] - more[2] - more[3]
            if any(more):
                mine = self._hours[day.start + hour * HOUR]
                mine[:] = map(add, mine, more)

    def _add_present(self, table: "_Table") -> None:
        """Add when sessions were there: from end to end, or in the rows that are selected."""
        day, start = table.day, table.day.start
        columns = (day.began, day.ended, day.people)
        began, ended, people = _picked(columns, range(day.stays), table.whole)
        self._present.add(
            map(start.__add__, began), map(start.__add__, ended), people, day.overlapping_people
        )
        if table.partly:
            lengths = dict(zip(day.unknown_rows, day.unknown, strict=True))
            for session in table.partly:
                for row in table.selected_rows_of(session):
                    at = start + day.starts[row]
                    length = day.known[row] + lengths.get(row, 0)
                    self._present.add_span((at, at + length, day.people[session]))

    def _add_moments(self, table: "_Table") -> None:
        """Add when joins failed, and when stays were dropped that were as selected then."""
        day = table.day
        names = [(name, running) for name, _, running in day.outcome_names]
        counted = bytes(
            name in FAILED_JOINS or (name == DROPPED and not running) for name, running in names
        )
        for session in compress(range(len(day.began)), _looked_up(counted, day.outcomes)):
            name, _ = names[day.outcomes[session]]
            began, ended, rows = day.began[session], day.ended[session], day.rows_of(session)
            if name == DROPPED:
                if table.has(rows[-1]):
                    self.dropped.append(day.start + max(began, ended - 1))
            elif any(map(table.has, rows)):
                self.failed.append(day.start + began)

    def _add_rooms(self, table: "_Table") -> None:
        day = table.day
        rooms = {*table.whole_ones(day.rooms), *(day.rooms[session] for session in table.partly)}
        for room in {day.room_names[room] for room in rooms}.difference(self.rooms):
            self.rooms[room] = [0, 0]

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
    """The sessions of a day, and what is selected of them; None for all.

    `fitting` is by row, with the attempts; `selected` is without them. `whole` is by session
    without the attempts: whether all of its rows are selected. Of the sessions `partly`, some rows
    are selected and others not.
    """

    day: DayColumns
    fitting: bytes | None
    selected: bytes | None
    whole: bytes | None
    partly: Sequence[int]

    def has(self, row: int) -> bool:
        """Whether a row is selected."""
        return self.fitting is None or bool(self.fitting[row])

    def of(self, sessions: Iterable[int]) -> "_Table":
        """The same of some sessions."""
        selected = bytearray(self.day.stay_rows)
        for session in sessions:
            rows = self.day.rows_of(session)
            ours = b"\1" * len(rows)
            if self.selected is not None:
                ours = self.selected[rows.start : rows.stop]
            selected[rows.start : rows.stop] = ours
        return self._replace(selected=bytes(selected))

    def chosen(self, items: Iterable[_T]) -> Iterable[_T]:
        """The items of the selected rows."""
        return _chosen(items, self.selected)

    def whole_ones(self, items: Iterable[_T]) -> Iterable[_T]:
        """The items of the sessions that are selected as a whole."""
        return islice(items, self.day.stays) if self.whole is None else compress(items, self.whole)

    def selected_rows_of(self, session: int) -> Sequence[int]:
        """The selected rows of a session."""
        return [*filter(self.has, self.day.rows_of(session))]

    def first_hours(self) -> Iterator[int]:
        """The hours of the first selected rows of all sessions."""
        yield from self.whole_ones(self.day.first_hours)
        for session in self.partly:
            rows = self.day.rows_of(session)
            yield self.day.hours[next(row for row in rows if self.has(row))]

    def known_rows(self) -> Iterable[tuple[int, int, int]]:
        """The selected rows: hour, groups and known seconds."""
        day = self.day
        rows = range(day.stay_rows)
        return zip(
            *_picked((day.hours, day.row_groups, day.known), rows, self.selected), strict=True
        )

    def bad_rows(self) -> Iterator[tuple[int, int, int]]:
        """The selected rows with bad time: place, fair and poor seconds."""
        rows = zip(self.day.bad_rows, self.day.fair, self.day.poor, strict=True)
        if self.selected is None:
            return iter(rows)
        return compress(rows, map(self.selected.__getitem__, self.day.bad_rows))

    def bad_cells(self) -> Iterable[tuple[int, int, int]]:
        """The same, by cell (`DayColumns.bad_cells`) in place of row."""
        cells = zip(self.day.bad_cells, self.day.fair, self.day.poor, strict=True)
        return _chosen(cells, _looked_up_in(self.selected, self.day.bad_rows))

    def unknown_rows(self) -> Iterator[tuple[int, int]]:
        """The selected rows with unknown time: place and seconds."""
        rows = zip(self.day.unknown_rows, self.day.unknown, strict=True)
        if self.selected is None:
            return iter(rows)
        return compress(rows, map(self.selected.__getitem__, self.day.unknown_rows))


def _table_of(day: DayColumns, fitting: bytes | None) -> _Table:
    """What is selected of a day: `fitting` is by row, with the attempts."""
    if fitting is None:
        return _Table(day, None, None, None, ())
    selected = fitting[: day.stay_rows]
    rows = int.from_bytes(selected, "little")
    partly: Sequence[int] = ()
    if changes := (rows ^ (rows >> 8)) & day.is_continued:
        changed = compress(day.sessions, changes.to_bytes(len(selected), "little"))
        partly = list(dict.fromkeys(changed))
    whole = bytearray(map(selected.__getitem__, day.rows[: day.stays]))
    for session in partly:
        whole[session] = 0
    return _Table(day, fitting, selected, bytes(whole), partly)


class _Steady(NamedTuple):
    """The sessions and attempts that have one key, and are selected as a whole; None for all.

    `mask` is by session, with the attempts; `others` are the other sessions with selected rows.
    """

    mask: bytes | None
    others: Sequence[int]


def _steady_of(table: _Table, dimensions: Sequence[int]) -> _Steady:
    """The steady sessions by dimensions, which are given by their places."""
    day, whole = table.day, table.whole
    moved = [session for place in dimensions for session in day.moved_in(place)]
    if whole is None or table.fitting is None:
        if not moved:
            return _Steady(None, ())
        mask = bytearray(b"\1" * len(day.began))
    else:
        mask = bytearray(whole + table.fitting[day.stay_rows :])
    others = [*table.partly]
    for session in moved:
        if mask[session]:
            mask[session] = 0
            others.append(session)
    return _Steady(bytes(mask), others)


class _Joins:
    """Joins and ends of stays, by number of a key, outcome and group."""

    def __init__(self, *, by: bool) -> None:
        self._by = by
        self._outcomes: dict[Outcome, int] = {}
        # By number of the key, outcome and group: those whose key never changed, and those that
        # began or ended as this one; then by number and bucket.
        self._steady, self._begun, self._ended = Counter[int](), Counter[int](), Counter[int]()
        self._setups = Counter[int]()
        self._steps = [Counter[int]() for _ in STEPS]

    def add(
        self,
        table: _Table,
        steady: _Steady,
        numbers: Sequence[int],
        numbers_of: Callable[[DayColumns, Iterable[int]], Sequence[int]],
    ) -> None:
        """Add a day; `numbers` are those of the keys of steady sessions, `numbers_of` of rows.

        A session joined as it was in its first row, and left as it was in its last one.
        """
        day, mask = table.day, steady.mask
        outcomes = [
            self._outcomes.setdefault(outcome, len(self._outcomes)) * PAIRS
            for outcome in day.outcome_names
        ]
        if self._by:
            of_outcomes = map(outcomes.__getitem__, _chosen(day.outcomes, mask))
            own = map(add, of_outcomes, _chosen(day.groups, mask))
            self._steady.update(map(add, numbers, own))
        else:
            for at, count in Counter(_chosen(day.joining, mask)).items():
                self._steady[outcomes[at // PAIRS] + at % PAIRS] += count
        joins = bytes(
            bool(events) and events[0].joined for events in map(_events_of, day.outcome_names)
        )
        joined = _looked_up(joins, day.outcomes)
        setups, *steps = day.setups
        if self._by:
            of_setups = map(add, numbers, _chosen(setups, mask))
            self._setups.update(compress(of_setups, _chosen(joined, mask)))
        else:
            steadily = joined if mask is None else _all_of([joined, mask])
            columns = _picked(day.setups, range(len(day.began)), steadily)
            for counted, column in zip((self._setups, *self._steps), columns, strict=True):
                counted.update(column)
        for place, counted in ((0, self._begun), (-1, self._ended)):
            ends = [(session, day.rows_of(session)[place]) for session in steady.others]
            ends = [(session, row) for session, row in ends if table.has(row)]
            of_rows = numbers_of(day, [row for _, row in ends])
            for (session, _), number in zip(ends, of_rows, strict=True):
                counted[number + outcomes[day.outcomes[session]] + day.groups[session]] += 1
                if place == 0 and joined[session]:
                    self._setups[number + setups[session]] += 1
                    for of_step, column in zip(self._steps, steps, strict=True):
                        of_step[column[session]] += 1

    def result(self, keys: Sequence[Key]) -> dict[Key, JoinSums]:
        """The sums by key."""
        outcomes = list(self._outcomes)
        found: dict[int, JoinSums] = {}
        for place, moved in enumerate((self._begun, self._ended)):
            by_group: dict[int, dict[tuple[int, int], int]] = {}
            for at, count in (*self._steady.items(), *moved.items()):
                of_outcome = by_group.setdefault(at // PAIRS, {})
                groups = divmod(at % PAIRS, GROUPS)
                of_outcome[groups] = of_outcome.get(groups, 0) + count
            for at, by_groups in by_group.items():
                number, outcome = divmod(at, (1 << _BITS) // PAIRS)
                name = outcomes[outcome]
                events = _events_of(name)
                if place < len(events):
                    sums = found.setdefault(number, JoinSums())
                    sums.add(events[place], name[1], by_groups)
        for at, count in self._setups.items():
            if bucket := at & _ONES:
                found[at >> _BITS].setup[bucket - 1] = count
        for step, of_step in zip(STEPS, () if self._by else self._steps, strict=False):
            if known := {bucket - 1: count for bucket, count in of_step.items() if bucket}:
                found[0].steps[step] = known
        return {keys[number]: sums for number, sums in found.items()}


@cache
def _events_of(outcome: Outcome) -> list[Joins]:
    """What a session of this outcome counts for when it began, and when it ended."""
    name, _, running = outcome
    return [event.counts for event in join_events(name, 0, 1, running=running)]


def _picked(
    columns: Sequence[Sequence[int]], places: range, mask: bytes | None
) -> Iterator[Iterable[int]]:
    """Of each of several columns the items at these places where the mask is 1.

    Where these are few they are looked up: that is quicker than to go through all.
    """
    if mask is not None and mask.count(1) < len(mask) * _FEW:
        chosen = list(compress(places, mask))
        return (map(column.__getitem__, chosen) for column in columns)
    return (_chosen(islice(column, len(places)), mask) for column in columns)


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


def _looked_up_in(mask: bytes | None, places: Iterable[int]) -> bytes | None:
    """The mask at these places; None for all."""
    return None if mask is None else bytes(map(mask.__getitem__, places))


def _add_all(into: dict[int, int], more: Iterable[tuple[int, int]]) -> None:
    get = into.get
    for key, number in more:
        into[key] = get(key, 0) + number
