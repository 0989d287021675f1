"""Who was there at a time, who had problems, of which kind, and since when: as sets in integers.

A set of sessions is an integer with a bit for each. So the members of a group that had problems are
counted by one `and`, however many thousands there are.
"""

from bisect import bisect_left, bisect_right
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import cached_property, lru_cache
from itertools import accumulate, islice
from math import inf, sqrt
from operator import attrgetter, xor
from typing import NamedTuple, TypeVar

from jmmc.core.label_values import browser_family
from jmmc.quality.causes.habits import Habit, habit_of
from jmmc.quality.causes.parameters import MOMENT
from jmmc.quality.causes.signs import signs_of
from jmmc.quality.grading import Grade, Spell
from jmmc.quality.segments import Segment
from jmmc.quality.signs import SIGNS
from jmmc.quality.summary import Summary

_FIELDS: Mapping[str, str] = {
    "meeting": "room",
    **{kind: kind for kind in ("network", "provider", "bridge", "region", "browser", "os")},
    "transport": "transport",
}
_start = attrgetter("start")
_VALUES = attrgetter(*_FIELDS.values())
_MOST_SLOTS = 1200
_SHORTEST_SLOT = 5  # Seconds.
_AT_A_TIME = 200  # Sessions, 4 ms.
_LOOKS = 5  # Moments of a window at which everybody is looked at.
_MOST_OF_MEETING = 500
"""Sessions of a meeting that are looked at one by one for each problem of another: more than Jitsi
Meet connects. Without a bound, work would grow with the square of what browsers make up in a room.
"""
_MOST_PROBLEMS_OF_MEETING = 1000
"""Problems of a meeting, of senders and of receivers, that are looked at one by one."""
_ON_A_BRIDGE = frozenset(("bridge", "region", "service"))
_OF_OTHERS = {
    kind: _FIELDS[kind] for kind in ("meeting", "network", "provider", "bridge", "region")
}
"""Kinds of groups of which one that a participant is not in may have an incident."""
_FEWEST_OF_OTHERS = 3
_MOST_LOOKED_AT = 60
_DIRECT = "p2p"
_USUAL = frozenset((_DIRECT, "udp"))  # Transports that nothing is expected of.
_UNUSUAL = 3  # Standard deviations above the number of problems that begin by chance.
_NAMED = 1 / 3  # Share of a spell in which a sender is named.
_SPOILS_ALL = frozenset(("cut", "down", "delay", "machine"))
"""Signs of a receiver for whom all senders arrive badly, so that naming them says nothing."""
_OF_PATH = ("cut", "up", "down", "delay")
"""Signs that both ends of a path from peer to peer measure."""
_RECEIVED = frozenset(("media",))
_RECEIVED_DIRECTLY = frozenset(("media", "down"))
PASSED_ON_SIGNS = frozenset(("up", "cut", "narrow", "machine"))
"""The signs of a participant whose problems others receive."""

EVERYBODY = "service"
"""The kind of the group that everybody is in."""

Set = int
"""Sessions, by a bit each."""

_T = TypeVar("_T")


class Group(NamedTuple):
    """Those who have something in common with a session, and that session itself."""

    kind: str
    value: str
    members: Set


class Naming(NamedTuple):
    """A time in which somebody received sound or pictures badly, and from whom.

    `names` are the endpoints that were named for a third of it and more; none where the script does
    not tell.
    """

    start: int
    end: int
    receiver: Set
    names: frozenset[str]


class Scene(NamedTuple):
    """What a window was like for everybody but one session, `me`.

    `known` had a known grade for half of it. Of these `affected` had problems for half of that
    time; `with_sign` are those of them that had each sign, `at_once` those whose problem began or
    ended at the same moment as the window, `at_both` those whose problem did both, `secondary`
    those who only received what another participant of their meeting had. `direct`: the session's
    media go from peer to peer. `mirrored`: affected ones, two by two, who are the ends of such a
    path, and so may measure one problem.

    Where more problems begin at the moment of the window's than by chance, who had one of these is
    affected, however soon it ended; likewise where more end.
    """

    me: int
    known: Set
    affected: Set
    with_sign: Mapping[str, Set]
    at_once: Set
    at_both: Set
    secondary: Set
    groups: tuple[Group, ...]
    direct: bool
    mirrored: tuple[tuple[Set, Set], ...] = ()

    @property
    def only_receiving(self) -> Set:
        """The affected ones that hear or see badly, without another sign."""
        return self.with_sign["media"] & ~self.with_signs(
            sign for sign in self.with_sign if sign not in _RECEIVED
        )

    def with_signs(self, signs: Iterable[str]) -> Set:
        """The affected ones that have one of the signs."""
        found = 0
        for sign in signs:
            found |= self.with_sign[sign]
        return found


class Crowd:
    """The sessions of a time, prepared to be compared with many spells of problems."""

    def __init__(
        self,
        present: Iterable[Summary],
        since: int,
        until: int,
        *,
        pause: Callable[[], None] = lambda: None,
    ) -> None:
        """`present` are the sessions that were there from `since` to `until`, of all meetings.

        `pause` is called after each few sessions.
        """
        self.sessions = list(present)
        self.place_of = {summary.session: at for at, summary in enumerate(self.sessions)}
        self._since, self._until = since, until
        self._slot = max(_SHORTEST_SLOT, -(-(until - since) // _MOST_SLOTS))
        self._slots = max(1, -(-(until - since) // self._slot))
        self._places: dict[tuple[str, str], list[int]] = {}
        self._in_room: dict[str, Sequence[int]] = {}
        self._by_value: dict[tuple[str, str], Set] = {}
        self._versions: dict[str, dict[str, None]] = {}
        self._of_person: dict[str, Set] = {}
        self._movers: dict[str, Set] = {}  # By kind: the sessions whose value changes.
        self._moves: dict[tuple[str, str], list[tuple[float, float, Set]]] = {}
        self._own_problems: list[tuple[int, Spell, frozenset[str]]] = []
        self._habits: dict[frozenset[str], Mapping[Habit, Set]] = {}
        changes = [[0] * (self._slots + 1) for _ in range(3 + len(SIGNS))]
        signs = [tuple(map(signs_of, summary.spells)) for summary in self.sessions]
        pause()
        self._sources = _sources(self.sessions, signs)
        pause()
        self._namings, self._people = _namings(self.sessions, signs)
        self._starts: dict[int, Set] = {}  # By second: the sessions whose problem begins, or ends.
        self._ends: dict[int, Set] = {}
        self._own_starts: list[int] = []
        self._own_ends: list[int] = []
        for place, summary in enumerate(self.sessions):
            if place % _AT_A_TIME == 0:
                pause()
            self._add(summary, place, signs[place], changes)
        self._own_starts.sort()
        self._own_ends.sort()
        self._good, self._bad, self._secondary, *with_sign = (
            list(accumulate(of_slot[: self._slots], xor)) for of_slot in changes
        )
        self._signs = dict(zip(SIGNS, with_sign, strict=True))

    def _add(
        self,
        summary: Summary,
        place: int,
        signs_of_spells: Sequence[frozenset[str]],
        changes: list[list[int]],
    ) -> None:
        bit = 1 << place
        self._of_person[summary.browser_id] = self._of_person.get(summary.browser_id, 0) | bit
        if summary.segments:
            self._add_moves(summary.segments, bit)
        for kind, value in zip(_FIELDS, _VALUES(summary), strict=True):
            if value:
                self._places.setdefault((kind, value), []).append(place)
                if kind == "browser" and len(names := _names(kind, value)) > 1:
                    self._places.setdefault((kind, names[1]), []).append(place)
                    self._versions.setdefault(names[1], {})[value] = None
        good, bad, secondary, *of_sign = changes
        for span in summary.grade_spans:
            if span.grade >= Grade.GOOD:
                self._change(good if span.grade is Grade.GOOD else bad, span.start, span.end, bit)
        for spell, signs in zip(summary.spells, signs_of_spells, strict=True):
            recovered = spell.end < summary.ended  # Else the problem lasted, and the call ended.
            self._starts[spell.start] = self._starts.get(spell.start, 0) | bit
            if recovered:
                self._ends[spell.end] = self._ends.get(spell.end, 0) | bit
            if self._is_received(summary, spell, signs, bit):
                self._change(secondary, spell.start, spell.end, bit)
            else:
                self._own_problems.append((place, spell, signs))
                self._own_starts.append(spell.start)
                if recovered:
                    self._own_ends.append(spell.end)
            for sign, of_slot in zip(SIGNS, of_sign, strict=True):
                if sign in signs:
                    self._change(of_slot, spell.start, spell.end, bit)

    def _add_moves(self, segments: Sequence[Segment], bit: Set) -> None:
        """Note from when until when a session had each value of what changed."""
        for kind, field in _FIELDS.items():
            if field not in segments[0].values:
                continue
            self._movers[kind] = self._movers.get(kind, 0) | bit
            since = -inf
            for number, segment in enumerate(segments, 1):
                until = inf if number == len(segments) else segment.end
                for value in _names(kind, segment.values[field]):
                    self._moves.setdefault((kind, value), []).append((since, until, bit))
                since = until

    def _is_received(self, summary: Summary, spell: Spell, signs: frozenset[str], bit: Set) -> bool:
        """Whether a problem is another participant's, which reaches this one."""
        direct = summary.transport == _DIRECT
        received = _RECEIVED_DIRECTLY if direct else _RECEIVED
        if not signs or not signs <= received:
            return False
        names = names_in(spell)
        if len(names) == 1 and not direct and self._people[summary.room] > 2:
            return True
        bad = {
            endpoint
            for start, end, endpoint in self._sources.get(summary.room, ())
            if endpoint != summary.endpoint_id and _overlap(spell, start, end)
        }
        if not names or direct:
            return bool(bad & names if names else bad)
        for naming in self._namings.get(summary.room, ()):
            if len(naming.names) == 1 and naming.receiver != bit and _overlap(spell, *naming[:2]):
                bad |= naming.names
        most = max(spell.senders[name] for name in names)
        return any(spell.senders[name] == most for name in names & bad)

    def namings(self, room: str, start: int, end: int) -> Iterable[Naming]:
        """Who received whom badly in a meeting, at a good part of a time."""
        of_room = self._namings.get(room, ())
        for naming in of_room[: bisect_left(of_room, end, key=_start)]:
            shared = min(naming.end, end) - max(naming.start, start)
            if shared > 0 and 2 * shared >= min(end - start, naming.end - naming.start):
                yield naming

    def _change(self, of_slot: list[int], start: int, end: int, bit: Set) -> None:
        """Note the slots whose middle is in a span."""
        slot, last = self._slot, self._slots
        middle = self._since + slot // 2
        first = min(max(-((middle - start) // slot), 0), last)
        after = min(max(-((middle - end) // slot), 0), last)
        if first < after:
            of_slot[first] ^= bit
            of_slot[after] ^= bit

    def _slot_from(self, at: int) -> int:
        """The first slot whose middle is not before a moment."""
        place = -((self._since + self._slot // 2 - at) // self._slot)
        return min(max(place, 0), self._slots)

    def _slots_of(self, start: int, end: int) -> Iterable[int]:
        """The slots whose middle is in a time."""
        return range(self._slot_from(start), self._slot_from(end))

    def scene(self, subject: Summary, start: int, end: int) -> Scene:
        """What a window was like for all others than one session, and than the same person."""
        me = self.of_person(subject.browser_id)
        looks = self._looks(start, end)
        good = _exactly([self._good[at] for at in looks])
        bad = _exactly([self._bad[at] for at in looks])
        known, affected = _known_and_affected(good, bad, -(-len(looks) // 2))
        known &= ~me
        begun = _around(self._starts, start) & known if has_begun(subject, start) else 0
        ended = _around(self._ends, end) & known if end < subject.ended else 0
        looks = [*looks]
        affected &= known
        if begun & ~affected and self._is_common(self._own_starts, start):
            affected |= begun
            looks += self._slots_of(start, start + MOMENT)
        if ended & ~affected and self._is_common(self._own_ends, end):
            affected |= ended
            looks += self._slots_of(end - MOMENT, end)
        begun, ended = begun & affected, ended & affected
        with_sign: dict[str, Set] = {}
        for sign, of_slot in self._signs.items():
            held = 0
            for at in looks:
                held |= of_slot[at]
            with_sign[sign] = held & affected
        secondary = 0
        for at in looks:
            secondary |= self._secondary[at]
        values = subject.values_at(start) if subject.segments else {}
        groups = [
            Group(kind, value, self._members(kind, value, start))
            for kind, field in _FIELDS.items()
            for value in _names(kind, values.get(field) or getattr(subject, field))
        ]
        direct = any(group[:2] == ("transport", _DIRECT) for group in groups)
        if direct:  # Both ends see the same path: the other one says nothing of its own.
            secondary |= self._members("meeting", subject.room, start)
        groups = [
            group for group in groups if group.kind != "transport" or group.value not in _USUAL
        ]
        everybody = Group(EVERYBODY, "", (1 << len(self.sessions)) - 1)
        not_direct = ~self._members("transport", _DIRECT, start)
        return Scene(
            self.place_of.get(subject.session, -1),
            known,
            affected,
            with_sign,
            begun | ended,
            begun & ended,
            secondary & affected,
            tuple(
                group._replace(members=group.members & not_direct)
                if group.kind in _ON_A_BRIDGE
                else group
                for group in (*groups, everybody)
                if not (direct and group.kind in _ON_A_BRIDGE)
            ),
            direct,
            self._mirrored(affected & ~not_direct & ~secondary, with_sign),
        )

    def groups_of_others(self, scene: Scene, at: int) -> Iterable[Group]:
        """The group of each kind with most of those affected in a window, which `me` is not in.

        Only with three of the first `_MOST_LOOKED_AT` of them, of those at the window's moments if
        there are three.
        """
        own = scene.affected & ~scene.secondary
        at_once = own & scene.at_once
        few = at_once if at_once.bit_count() >= _FEWEST_OF_OTHERS else own
        if few.bit_count() < _FEWEST_OF_OTHERS:
            return
        mine = {(group.kind, group.value) for group in scene.groups}
        counts: dict[str, Counter[str]] = {kind: Counter() for kind in _OF_OTHERS}
        for place in islice(places(few), _MOST_LOOKED_AT):
            summary = self.sessions[place]
            values = summary.values_at(at) if summary.segments else {}
            direct = (values.get("transport") or summary.transport) == _DIRECT
            for kind, field in _OF_OTHERS.items():
                value = values.get(field) or getattr(summary, field)
                if value and not (direct and kind in _ON_A_BRIDGE):
                    counts[kind][value] += 1
        not_direct = ~self._members("transport", _DIRECT, at)
        for kind, of_kind in counts.items():
            others = (
                (value, count) for value, count in of_kind.items() if (kind, value) not in mine
            )
            value, count = max(others, key=lambda pair: (pair[1], pair[0]), default=("", 0))
            if count >= _FEWEST_OF_OTHERS:
                members = self._members(kind, value, at)
                yield Group(kind, value, members & not_direct if kind in _ON_A_BRIDGE else members)

    def _mirrored(self, direct: Set, with_sign: Mapping[str, Set]) -> tuple[tuple[Set, Set], ...]:
        """Those of `direct` who are the two ends of a path that both measure."""
        of_path = 0
        for sign in _OF_PATH:
            of_path |= with_sign[sign]
        first_of: dict[str, int] = {}
        found = []
        for place in places(direct & of_path):
            first = first_of.setdefault(self.sessions[place].room, place)
            if self.sessions[first].browser_id != self.sessions[place].browser_id:
                found.append((1 << first, 1 << place))
        return tuple(found)

    def _members(self, kind: str, value: str, at: int) -> Set:
        members = self._by_value.get((kind, value), -1)
        if members < 0:
            members = self._by_value[kind, value] = _set_of(self._places.get((kind, value), ()))
        if kind not in self._movers:
            return members
        members &= ~self._movers[kind]
        for since, until, bit in self._moves.get((kind, value), ()):
            if since <= at < until:
                members |= bit
        return members

    def habits(self, signs: frozenset[str]) -> Mapping[Habit, Set]:
        """Everybody by how much of the whole time they had own problems with one of these signs.

        A person is there once, as the first one of their sessions.
        """
        found = self._habits.get(signs)
        if found is None:
            found = self._habits[signs] = self._habits_of(signs)
        return found

    def _habits_of(self, signs: frozenset[str]) -> Mapping[Habit, Set]:
        bad: dict[str, int] = {}
        for place, held, of_spell in self._apart:
            if signs & of_spell or not signs:
                person = self.sessions[place].browser_id
                bad[person] = bad.get(person, 0) + held
        with_habit: dict[Habit, list[int]] = {}
        for person, (place, known) in self._people_known.items():
            habit = habit_of(known, min(known, bad.get(person, 0)))
            with_habit.setdefault(habit, []).append(place)
        return {habit: _set_of(found) for habit, found in with_habit.items()}

    @cached_property
    def _apart(self) -> Sequence[tuple[int, int, frozenset[str]]]:
        """Own problems at moments of their own, with the seconds of each; not those of incidents,
        which many have at once.
        """
        found = []
        for place, spell, signs in self._own_problems:
            is_common = self._is_common(self._own_starts, spell.start)
            if spell.end < self.sessions[place].ended:
                is_common |= self._is_common(self._own_ends, spell.end)
            if not is_common:
                held = min(spell.end, self._until) - max(spell.start, self._since)
                found.append((place, max(0, held), signs))
        return found

    def _is_common(self, moments: Sequence[int], at: int) -> bool:
        """Whether more problems begin, or end, at a moment than by chance."""
        found = bisect_right(moments, at + MOMENT) - bisect_left(moments, at - MOMENT) - 1
        expected = len(moments) * 2 * MOMENT / max(1, self._until - self._since)
        return found > expected + _UNUSUAL * max(1.0, sqrt(expected))

    @cached_property
    def _people_known(self) -> Mapping[str, tuple[int, int]]:
        """The first session of each person with known time, and the seconds of that."""
        found: dict[str, tuple[int, int]] = {}
        for place, summary in enumerate(self.sessions):
            there = min(summary.ended, self._until) - max(summary.began, self._since)
            known = min(summary.known, there)
            if known > 0:
                first, before = found.get(summary.browser_id, (place, 0))
                found[summary.browser_id] = first, before + known
        return found

    def in_room(self, room: str) -> Sequence[int]:
        """The places of the sessions of a room, in order; of very many, those of each network in
        turn.
        """
        found = self._in_room.get(room)
        if found is None:
            listed = self._places.get(("meeting", room), ())
            pairs = [(self.sessions[place].network, place) for place in listed]
            found = self._in_room[room] = _in_turn(pairs, _MOST_OF_MEETING)
        return found

    def versions(self, browser: str) -> Iterable[Set]:
        """The sessions of each version of a browser."""
        for value in self._versions.get(browser_family(browser), ()):
            yield self._members("browser", value, self._since)

    def of_person(self, browser_id: str) -> Set:
        """The sessions of a person."""
        return self._of_person.get(browser_id, 0)

    def _looks(self, start: int, end: int) -> Sequence[int]:
        """The slots at which a window is looked at, spread evenly."""
        first, last = self._slot_from(start), self._slot_from(end) - 1
        first = min(first, self._slots - 1)
        slots = max(first, last) - first + 1
        if slots <= _LOOKS:
            return range(first, first + slots)
        return [first + slots * (2 * look + 1) // (2 * _LOOKS) for look in range(_LOOKS)]


def _sources(
    sessions: Iterable[Summary], signs: Iterable[Sequence[frozenset[str]]]
) -> dict[str, list[tuple[int, int, str]]]:
    """By room the problems that others may receive: start, end, endpoint."""
    found: dict[str, list[tuple[str, tuple[int, int, str]]]] = {}
    for summary, of_spells in zip(sessions, signs, strict=True):
        for spell, of_spell in zip(summary.spells, of_spells, strict=True):
            if of_spell & PASSED_ON_SIGNS:
                source = spell.start, spell.end, summary.endpoint_id
                found.setdefault(summary.room, []).append((summary.network, source))
    return {room: _in_turn(pairs, _MOST_PROBLEMS_OF_MEETING) for room, pairs in found.items()}


def _in_turn(pairs: Sequence[tuple[str, _T]], most: int) -> list[_T]:
    """The second of each pair, in order; of more than `most`, those of each network in turn.

    So what one network makes up takes the place of nobody else's.
    """
    if len(pairs) > most:
        of_network: dict[str, int] = {}
        turns = []
        for at, (network, _) in enumerate(pairs):
            turn = of_network[network] = of_network.get(network, 0) + 1
            turns.append((turn, at))
        pairs = [pairs[at] for at in sorted(at for _, at in sorted(turns)[:most])]
    return [value for _, value in pairs]


def names_in(spell: Spell) -> frozenset[str]:
    """The senders that a spell names for a good part of it."""
    least = _NAMED * (spell.end - spell.start)
    return frozenset(endpoint for endpoint, held in spell.senders.items() if held >= least)


def _namings(
    sessions: Iterable[Summary], signs: Iterable[Sequence[frozenset[str]]]
) -> tuple[dict[str, list[Naming]], dict[str, int]]:
    """By room who received whom badly, and the number of people."""
    found: dict[str, list[tuple[str, Naming]]] = {}
    people: dict[str, set[str]] = {}
    for place, (summary, of_spells) in enumerate(zip(sessions, signs, strict=True)):
        people.setdefault(summary.room, set()).add(summary.browser_id)
        for spell, of_spell in zip(summary.spells, of_spells, strict=True):
            if not of_spell & _SPOILS_ALL and (spell.senders or "media" in of_spell):
                names = names_in(spell) - {summary.endpoint_id}
                naming = Naming(spell.start, spell.end, 1 << place, names)
                found.setdefault(summary.room, []).append((summary.network, naming))
    namings = {room: _in_turn(pairs, _MOST_PROBLEMS_OF_MEETING) for room, pairs in found.items()}
    for of_room in namings.values():
        of_room.sort(key=_start)
    return namings, {room: len(there) for room, there in people.items()}


def has_begun(summary: Summary, start: int) -> bool:
    """Whether a problem began in a call, not with it: then others may have had it before."""
    return start > summary.began + MOMENT


def _overlap(spell: Spell, start: int, end: int) -> bool:
    """Whether two times have half of the shorter one in common."""
    shared = min(end, spell.end) - max(start, spell.start)
    return shared > 0 and 2 * shared >= min(end - start, spell.end - spell.start)


def _set_of(listed: Sequence[int]) -> Set:
    if not listed:
        return 0
    packed = bytearray(listed[-1] // 8 + 1)
    for place in listed:
        packed[place >> 3] |= 1 << (place & 7)
    return int.from_bytes(packed, "little")


def places(members: Set) -> Iterable[int]:
    """The places of the sessions in a set, in order."""
    while members:
        lowest = members & -members
        yield lowest.bit_length() - 1
        members ^= lowest


@lru_cache(maxsize=1024)
def _names(kind: str, value: str) -> tuple[str, ...]:
    """The values under which a session is found: a browser also without its version."""
    if not value:
        return ()
    family = browser_family(value) if kind == "browser" else value
    return (value,) if family == value else (value, family)


def _around(moments: Mapping[int, Set], at: int) -> Set:
    """Those that have a moment near `at`."""
    found = 0
    for moment in range(at - MOMENT, at + MOMENT + 1):
        found |= moments.get(moment, 0)
    return found


def _exactly(looks: Sequence[Set]) -> list[Set]:
    """For each number the sessions that are in exactly so many of the sets."""
    counts = [-1] + [0] * len(looks)
    for look in looks:
        for number in range(len(looks), 0, -1):
            counts[number] = counts[number] & ~look | counts[number - 1] & look
        counts[0] &= ~look
    return counts


def _known_and_affected(good: Sequence[Set], bad: Sequence[Set], enough: int) -> tuple[Set, Set]:
    """Those known at `enough` looks, and those of them that had problems at half of these."""
    known = affected = 0
    for goods, of_good in enumerate(good):
        for bads, of_bad in enumerate(bad):
            if goods + bads >= enough:
                both = of_good & of_bad
                known |= both
                if bads >= goods:
                    affected |= both
    return known, affected
