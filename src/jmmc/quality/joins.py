"""Joins that succeeded and failed, and stays that ended by a failure.

An attempt that failed is a session in which nobody was in the room. It counts in no list, no length
and no grade; it counts here, at its moment, for the values of the dimensions that it had.
"""

from collections.abc import Iterable, Iterator, Mapping
from itertools import starmap
from operator import add
from typing import NamedTuple

from msgspec import Struct

from jmmc.core.readings import TECHNICAL_FAILURES

JOINED, DROPPED, FAILED, REFUSED = "joined", "dropped", "failed", "refused"
UNTOLD = ""
"""The outcome of a session whose script does not tell how joins went."""

OUTCOMES = (JOINED, DROPPED, FAILED, REFUSED)
"""How a session went, where that is known.

`dropped`: joined, and ended by a failure. `failed`: not joined, for a technical reason. `refused`:
not joined by a decision, such as a wrong password, or because the person gave up.
"""

ATTEMPTS = (FAILED, REFUSED)
"""The outcomes of sessions in which nobody was in the room."""


class Joins(Struct, frozen=True, array_like=True, gc=False):
    """Counts over sessions whose script tells how joins went.

    `joined`, `failed` and `refused` count joins at the moment when they succeeded or not, `ended`
    the stays at the moment when they ended, and `dropped` those of them that a failure ended.
    """

    joined: int = 0
    failed: int = 0
    refused: int = 0
    ended: int = 0
    dropped: int = 0

    def __add__(self, other: "Joins") -> "Joins":
        return Joins(*starmap(add, zip(self.counts, other.counts, strict=True)))

    @property
    def counts(self) -> tuple[int, int, int, int, int]:
        """The counts in the order of the fields."""
        return self.joined, self.failed, self.refused, self.ended, self.dropped

    @property
    def attempts(self) -> int:
        """The joins that succeeded or failed; those that somebody refused are neither."""
        return self.joined + self.failed


class JoinEvent(NamedTuple):
    """What counts at a moment (Unix seconds)."""

    at: int
    counts: Joins


_JOINED, _ENDED, _DROPPED = Joins(joined=1), Joins(ended=1), Joins(ended=1, dropped=1)
_OF_ATTEMPT = {FAILED: Joins(failed=1), REFUSED: Joins(refused=1)}


def outcome_of(*, failure: str, drop: str, tells: bool) -> str:
    """The outcome of a session by its readings `fail` and `drop`.

    `tells`: its script reports how joins went.
    """
    if failure:
        return FAILED if failure in TECHNICAL_FAILURES else REFUSED
    if drop in TECHNICAL_FAILURES:
        return DROPPED
    return JOINED if tells or drop else UNTOLD


def join_events(outcome: str, began: int, ended: int, *, running: bool) -> Iterator[JoinEvent]:
    """What a session counts for, and when; a stay ends in its last second."""
    if outcome in _OF_ATTEMPT:
        yield JoinEvent(began, _OF_ATTEMPT[outcome])
    elif outcome:
        yield JoinEvent(began, _JOINED)
        if not running:
            yield JoinEvent(max(began, ended - 1), _DROPPED if outcome == DROPPED else _ENDED)


def added_joins(several: Iterable[Mapping[str, Joins]]) -> dict[str, Joins]:
    """The counts of each value, over several mappings."""
    found: dict[str, Joins] = {}
    for joins in several:
        for value, counts in joins.items():
            found[value] = found.get(value, Joins()) + counts
    return found
