"""Records of the last days: how often a server, a group and a person have problems.

What is compared are calls: a record of few says little, however long they were.
"""

from collections.abc import Iterable, Mapping
from functools import lru_cache

from msgspec import Struct

from jmmc.quality.causes.logarithms import log_beta_binomial, log_weak
from jmmc.quality.causes.parameters import (
    CALL_SECONDS,
    MOST_CALLS,
    MOST_RECORD,
    SPREAD,
    SPREAD_OF_PEOPLE,
    STRENGTHS,
    TIME_WHEN_WEAK,
)
from jmmc.quality.causes.signs import signs_of
from jmmc.quality.rollups import Sums
from jmmc.quality.summary import Summary

_OF_MACHINES = frozenset(("machine",))
_FEWEST_SECONDS = 36_000  # Known time of a server whose base rate counts.


class Record(Struct, frozen=True):
    """The known seconds of some calls, those with problems, and the number of calls.

    `machine`: those of the seconds with problems that a machine had.
    """

    known: int = 0
    bad: int = 0
    calls: int = 0
    machine: int = 0

    def less(self, other: "Record") -> "Record":
        """Without the calls of another record that are part of it."""
        known = max(0, self.known - other.known)
        return Record(
            known, min(known, max(0, self.bad - other.bad)), max(0, self.calls - other.calls)
        )

    @property
    def share(self) -> float:
        """Share of the known time with problems."""
        return self.bad / self.known if self.known else 0.0


class Records(Struct, frozen=True):
    """What is known of the time before: of all, of groups (kind, value), and of people."""

    all: Record = Record()
    groups: Mapping[tuple[str, str], Record] = {}
    people: Mapping[str, Record] = {}

    @property
    def base_rate(self) -> float | None:
        """Share of time with problems; None while too little is known."""
        return self.all.share if self.all.known >= _FEWEST_SECONDS else None


def record_of_sums(sums: Sums) -> Record:
    """The record of the sessions in sums of rollups."""
    return Record(sums.known, sums.fair + sums.poor, sums.sessions)


def record_of_calls(calls: Iterable[Summary], but: str = "") -> Record:
    """The record of a person, without the session `but`."""
    known = bad = number = machine = 0
    for summary in calls:
        if summary.session == but or not summary.known:
            continue
        number += 1
        known += summary.known
        bad += summary.fair + summary.poor
        machine += sum(
            spell.end - spell.start for spell in summary.spells if signs_of(spell) <= _OF_MACHINES
        )
    return Record(known, bad, number, min(machine, bad))


def log_ratios(record: Record, usual: float, *, of_person: bool = False) -> tuple[float, ...]:
    """By how much a record is more probable for each of `STRENGTHS` than for none, in nats.

    Of a person a strength is a share of time; of a group that of its people whom a weakness hits.
    `usual` is everybody else's share of time with problems.
    """
    if not record.known:
        return _NOTHING
    calls = min(record.known / CALL_SECONDS, record.calls, MOST_CALLS)
    spread = SPREAD_OF_PEOPLE if of_person else SPREAD
    time = 1.0 if of_person else TIME_WHEN_WEAK
    rounded = round(calls, 1), round(record.share, 3), round(min(max(usual, 0.003), 0.6), 3)
    return _log_ratios(*rounded, spread, time)


@lru_cache(maxsize=8192)
def log_weak_person(record: Record, usual: float) -> float:
    """What the record of a person says for that they are weak for days, in nats."""
    return log_weak(log_ratios(record, usual, of_person=True))


@lru_cache(maxsize=4096)
def _log_ratios(
    calls: float, share: float, usual: float, spread: float, time: float
) -> tuple[float, ...]:
    bad = share * calls
    without = log_beta_binomial(bad, calls, usual, spread)

    def ratio(strength: float) -> float:
        rate = min(usual + (1 - usual) * strength * time, 0.97)
        nats = log_beta_binomial(bad, calls, rate, spread) - without
        return min(MOST_RECORD, max(-MOST_RECORD, nats))

    return tuple(map(ratio, STRENGTHS))


_NOTHING = (0.0,) * len(STRENGTHS)
