"""The likely cause of a problem: which group of participants had problems at the same time."""

from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Sequence
from math import log

from msgspec import Struct

from jmmc.quality.grading import Grade
from jmmc.quality.summary import Summary

FEWEST = 5
"""Fewest participants with known grades in a group that may be the cause."""
FEWEST_IN_A_CALL = 3
"""The same for one room: with two participants either may be the cause."""

_AFFECTED = 0.6  # Share of a group that has problems, for the group to be the cause.
_LEAD = 0.3  # By how much that share must exceed the share of all others.
_FEW = 0.1  # Share of the others in a room: in a large one some always have problems.
_HALF = 0.5  # Share of the spell for which grades must be known, and of that with problems.
SCOPES = ("room", "network", "provider", "region", "browser")
"""The groups that may be the cause, narrower ones first."""


class Scope(Struct, frozen=True):
    """A group: how many in it and outside it had problems at the time. `kind` is a dimension."""

    kind: str
    value: str
    bad: int
    known: int
    others_bad: int
    others_known: int

    @property
    def share(self) -> float:
        """Share of the group that had problems."""
        return self.bad / self.known if self.known else 0.0

    @property
    def share_of_others(self) -> float:
        """Share of all others that had problems."""
        return self.others_bad / self.others_known if self.others_known else 0.0


class Attribution(Struct, frozen=True):
    """The likely cause: `alone`, the kind of the scope, `unclear` or `too few`."""

    cause: str
    scopes: tuple[Scope, ...]

    @property
    def scope(self) -> Scope:
        """The scope that is the cause; without one the room, whose numbers say why."""
        return next((scope for scope in self.scopes if scope.kind == self.cause), self.scopes[0])


class Crowd:
    """The participants of a time, prepared to be compared with many spells of problems."""

    def __init__(self, present: Iterable[Summary]) -> None:
        self._people: list[_Person] = []
        self._movers: list[tuple[int, Summary]] = []  # By their place among the people.
        for summary in present:
            if summary.segments:
                self._movers.append((len(self._people), summary))
            self._people.append(_Person(summary))
        self._masks: tuple[list[str], list[int]] = ([], [])

    def attribute(self, affected: Summary, start: int, end: int) -> Attribution:
        """The likely cause of the problems of `affected`, by who else had problems then.

        The crowd may include `affected`. A group with fewer than `FEWEST` participants (for a room
        `FEWEST_IN_A_CALL`) is never the cause.
        """
        enough = _HALF * (end - start)
        known_by_mask, bad_by_mask = [0] * _MASKS, [0] * _MASKS
        for person, mask in zip(self._people, self._masks_of(affected, start), strict=True):
            if person.ended <= start or person.began >= end:
                continue
            known, bad = person.seconds(start, end)
            if known >= enough and person.session != affected.session:
                known_by_mask[mask] += 1
                if bad >= _HALF * known:
                    bad_by_mask[mask] += 1
        scopes = tuple(
            _scope(place, value, known_by_mask, bad_by_mask)
            for place, value in enumerate(_values_at(affected, start))
        )
        return _attribution(scopes)

    def _masks_of(self, affected: Summary, at: int) -> list[int]:
        """For each participant a bit for each scope that it shares with `affected` at a moment."""
        values = _values_at(affected, at)
        if self._masks[0] != values:
            self._masks = (values, [person.mask(values) for person in self._people])
        masks = self._masks[1]
        if not self._movers:
            return masks
        masks = masks[:]
        for place, summary in self._movers:
            masks[place] = _mask(_values_at(summary, at), values)
        return masks


def _values_at(summary: Summary, at: int) -> list[str]:
    """The values of a session at a moment, in the order of `SCOPES`."""
    values = summary.values_at(at) if summary.segments else {}
    return [values.get(kind) or str(getattr(summary, kind)) for kind in SCOPES]


def _mask(own: Sequence[str], others: Sequence[str]) -> int:
    """A bit for each scope whose value is the same."""
    return sum(
        1 << place
        for place, (value, other) in enumerate(zip(own, others, strict=True))
        if value == other
    )


_MASKS = 2 ** len(SCOPES)


class _Person:
    """When the grade of a session was known, and when it had problems, for quick look-up."""

    __slots__ = ("_bad", "_edges", "_known", "_steady", "_values", "began", "ended", "session")

    def __init__(self, summary: Summary) -> None:
        self.session = summary.session
        self.began, self.ended = summary.began, summary.ended
        self._values = [getattr(summary, kind) for kind in SCOPES]
        spans = summary.grade_spans
        self._steady = len(spans) == 1 and spans[0].grade is Grade.GOOD
        self._edges: list[int] = []
        self._known, self._bad = [0], [0]  # Seconds until each edge.
        if spans:
            self.began, self.ended = spans[0].start, spans[-1].end
        if self._steady:
            return
        self._edges = [self.began]
        for span in spans:
            if span.start > self._edges[-1]:
                self._add(span.start, Grade.UNKNOWN)
            self._add(span.end, span.grade)

    def _add(self, end: int, grade: Grade) -> None:
        length = end - self._edges[-1]
        self._edges.append(end)
        self._known.append(self._known[-1] + (length if grade >= Grade.GOOD else 0))
        self._bad.append(self._bad[-1] + (length if grade >= Grade.FAIR else 0))

    def mask(self, values: Sequence[str]) -> int:
        """A bit for each scope whose value is the same."""
        return _mask(self._values, values)

    def seconds(self, start: int, end: int) -> tuple[int, int]:
        """Seconds in a window whose grade is known, and those with problems."""
        if self._steady:
            return min(self.ended, end) - max(self.began, start), 0
        edges, known, bad = self._edges, self._known, self._bad
        last = len(edges) - 1
        start, end = max(start, edges[0]), min(end, edges[last])
        if last < 1 or end <= start:
            return 0, 0
        first = bisect_right(edges, start) - 1
        after = bisect_left(edges, end, first)
        known_seconds, bad_seconds = known[after] - known[first], bad[after] - bad[first]
        # What the first and the last span have outside of the window.
        before, beyond = start - edges[first], edges[after] - end
        if before:
            known_seconds -= before if known[first + 1] > known[first] else 0
            bad_seconds -= before if bad[first + 1] > bad[first] else 0
        if beyond:
            known_seconds -= beyond if known[after] > known[after - 1] else 0
            bad_seconds -= beyond if bad[after] > bad[after - 1] else 0
        return known_seconds, bad_seconds


def attribute(affected: Summary, start: int, end: int, present: Iterable[Summary]) -> Attribution:
    """What `Crowd.attribute` answers, of one spell."""
    return Crowd(present).attribute(affected, start, end)


def _attribution(scopes: tuple[Scope, ...]) -> Attribution:
    call = scopes[0]
    suspects = [scope for scope in scopes if _is_suspect(scope)]
    if suspects:
        # When a region fails, a whole room or network in it has problems too, but explains less.
        # Of groups that explain as much, the narrower is the cause.
        return Attribution(
            max(suspects, key=lambda suspect: (_evidence(suspect), -suspect.known)).kind, scopes
        )
    if call.known >= FEWEST_IN_A_CALL and call.bad - 1 <= _FEW * (call.known - 1):
        return Attribution("alone", scopes)
    return Attribution("too few" if call.known < FEWEST_IN_A_CALL else "unclear", scopes)


def _scope(place: int, value: str, known: Sequence[int], bad: Sequence[int]) -> Scope:
    """The affected session itself is added: it is in the group, and has problems.

    `known` and `bad` count the others by the scopes that they share with it.
    """
    inside = [mask for mask in range(_MASKS) if mask >> place & 1]
    known_inside, bad_inside = (
        sum(known[mask] for mask in inside),
        sum(bad[mask] for mask in inside),
    )
    return Scope(
        SCOPES[place],
        value,
        bad_inside + 1,
        known_inside + 1,
        sum(bad) - bad_inside,
        sum(known) - known_inside,
    )


def _is_suspect(scope: Scope) -> bool:
    fewest = FEWEST_IN_A_CALL if scope.kind == "room" else FEWEST
    enough = scope.value != "" and scope.known >= fewest
    return enough and scope.share >= _AFFECTED and scope.share - scope.share_of_others >= _LEAD


def _evidence(scope: Scope) -> float:
    """How much the group explains (nats): half the G statistic, the gain in log-likelihood.

    The table is of group and others, with and without problems. The gain grows with the number
    of problems that the group explains, and with how few it has without problems.
    """
    parts = (_likelihood(scope.bad, scope.known), _likelihood(scope.others_bad, scope.others_known))
    return sum(parts) - _likelihood(scope.bad + scope.others_bad, scope.known + scope.others_known)


def _likelihood(bad: int, known: int) -> float:
    return sum(n * log(n / known) for n in (bad, known - bad) if n)
