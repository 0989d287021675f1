"""The likely cause of a problem: which group of participants had problems at the same time."""

from collections.abc import Iterable, Sequence
from math import log, sqrt

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


def attribute(affected: Summary, start: int, end: int, present: Iterable[Summary]) -> Attribution:
    """The likely cause of the problems of `affected`, by who else `present` had problems then.

    `present` may include `affected`. A group with fewer than `FEWEST` participants (for a room
    `FEWEST_IN_A_CALL`) is never the cause.
    """
    others: list[tuple[Summary, bool]] = []
    for summary in present:
        if summary.ended <= start or summary.began >= end:
            continue
        known = _seconds(summary, start, end, Grade.GOOD)
        if summary.session != affected.session and known >= _HALF * (end - start):
            others.append((summary, _seconds(summary, start, end, Grade.FAIR) >= _HALF * known))
    scopes = tuple(_scope(kind, str(getattr(affected, kind)), others) for kind in SCOPES)
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


def wilson(share: float, n: int) -> tuple[float, float]:
    """The 95 % confidence interval of a share of `n` (Wilson, 1927); 0..1 when `n` is 0."""
    if n <= 0:
        return (0.0, 1.0)
    z = 1.96
    middle = (share + z * z / (2 * n)) / (1 + z * z / n)
    half = z * sqrt(share * (1 - share) / n + z * z / (4 * n * n)) / (1 + z * z / n)
    return (round(max(0.0, middle - half), 4), round(min(1.0, middle + half), 4))


def _scope(kind: str, value: str, others: Sequence[tuple[Summary, bool]]) -> Scope:
    """The affected session itself is added: it is in the group, and has problems."""
    inside = [bad for summary, bad in others if getattr(summary, kind) == value]
    outside = [bad for summary, bad in others if getattr(summary, kind) != value]
    return Scope(kind, value, sum(inside) + 1, len(inside) + 1, sum(outside), len(outside))


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


def _seconds(summary: Summary, start: int, end: int, least: Grade) -> int:
    return sum(
        max(0, min(grade_span.end, end) - max(grade_span.start, start))
        for grade_span in summary.grade_spans
        if grade_span.grade >= least
    )
