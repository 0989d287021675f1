"""Whose fault was it? What was bad at the same time, with the numbers that say so."""

from collections.abc import Iterable, Sequence
from math import log, sqrt

from msgspec import Struct

from jmmc.quality.grading import Grade
from jmmc.quality.summary import Summary

FEWEST = 5
"""Participants of whom something is known at that time, before anything is said of a group."""
FEWEST_IN_A_CALL = 3
"""The same for one conference: two people cannot tell whose line it is."""

_MOST = 0.6  # Share of a group that is bad, for the group to be at fault.
_LEAD = 0.3  # By how much that share must be above that of everybody else.
_FEW = 0.1  # Share of the others in a call: in a large one somebody is always bad.
_HALF = 0.5  # Share of the spell for which a participant must be known, or bad.
SCOPES = ("room", "network", "provider", "region", "browser")
"""Groups that may be at fault, the narrower first."""


class Scope(Struct, frozen=True):
    """How many of a group were bad at that time, and of all others. `kind` is a dimension."""

    kind: str
    value: str
    bad: int
    known: int
    others_bad: int
    others_known: int

    @property
    def share(self) -> float:
        """Share of the group that was bad."""
        return self.bad / self.known if self.known else 0.0

    @property
    def share_of_others(self) -> float:
        """Share of everybody else that was bad."""
        return self.others_bad / self.others_known if self.others_known else 0.0


class Attribution(Struct, frozen=True):
    """`cause` is `alone`, the kind of the scope that is at fault, `unclear` or `too few`."""

    cause: str
    scopes: tuple[Scope, ...]

    @property
    def scope(self) -> Scope:
        """The one at fault; the conference where none is, for its numbers say why."""
        return next((scope for scope in self.scopes if scope.kind == self.cause), self.scopes[0])


def attribute(one: Summary, start: int, end: int, everybody: Iterable[Summary]) -> Attribution:
    """Who else was bad while `one` was, among `everybody` who was there (`one` may be too).

    No group is blamed on fewer than `FEWEST` participants (`FEWEST_IN_A_CALL` for a conference).
    """
    there: list[tuple[Summary, bool]] = []
    for summary in everybody:
        if summary.ended <= start or summary.began >= end:
            continue
        known = _seconds(summary, start, end, Grade.GOOD)
        if summary.session != one.session and known >= _HALF * (end - start):
            there.append((summary, _seconds(summary, start, end, Grade.FAIR) >= _HALF * known))
    scopes = tuple(_scope(kind, str(getattr(one, kind)), there) for kind in SCOPES)
    call = scopes[0]
    suspects = [scope for scope in scopes if _is_suspect(scope)]
    if suspects:
        # When a region fails, all of a call and of a network may be bad too: they explain less.
        # Where they explain as much, the narrower is named.
        return Attribution(
            max(suspects, key=lambda suspect: (_evidence(suspect), -suspect.known)).kind, scopes
        )
    if call.known >= FEWEST_IN_A_CALL and call.bad - 1 <= _FEW * (call.known - 1):
        return Attribution("alone", scopes)
    return Attribution("too few" if call.known < FEWEST_IN_A_CALL else "unclear", scopes)


def wilson(share: float, n: int) -> tuple[float, float]:
    """The 95 % interval of a share of `n` independent things (Wilson, 1927); 0..1 for none."""
    if n <= 0:
        return (0.0, 1.0)
    z = 1.96
    middle = (share + z * z / (2 * n)) / (1 + z * z / n)
    half = z * sqrt(share * (1 - share) / n + z * z / (4 * n * n)) / (1 + z * z / n)
    return (round(max(0.0, middle - half), 4), round(min(1.0, middle + half), 4))


def _scope(kind: str, value: str, there: Sequence[tuple[Summary, bool]]) -> Scope:
    """`one` itself is of the group, and bad."""
    group = [bad for v, bad in there if getattr(v, kind) == value]
    others = [bad for v, bad in there if getattr(v, kind) != value]
    return Scope(kind, value, sum(group) + 1, len(group) + 1, sum(others), len(others))


def _is_suspect(scope: Scope) -> bool:
    fewest = FEWEST_IN_A_CALL if scope.kind == "room" else FEWEST
    enough = scope.value != "" and scope.known >= fewest
    return enough and scope.share >= _MOST and scope.share - scope.share_of_others >= _LEAD


def _evidence(scope: Scope) -> float:
    """How much better bad and good are told apart with the group than without it (nats).

    Half the G statistic of the table of group and others by bad and good: the gain in
    log-likelihood. It grows with how many the group explains, and with how purely.
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
