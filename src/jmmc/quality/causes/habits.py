"""How much of a whole time others had problems of one kind: evidence of groups that are weak.

Who is in a group that is weak for days has problems for a good part of the time, though seldom at
the same moments as another one. So each person counts once, by all of the time that is known.
"""

from collections.abc import Iterable, Mapping, Sequence
from functools import lru_cache
from math import exp, log
from typing import NamedTuple

from jmmc.quality.causes import parameters as p
from jmmc.quality.causes.logarithms import log_beta_binomial

_LOOKS = (1, 2, 4, 8)
"""Independent looks at somebody, as many as the known time allows."""
_SHARES = (0.1, 0.3, 0.6)
"""Limits between shares of time with problems, which are told apart."""
_MIDDLES = (0.05, 0.2, 0.45, 0.8)


class Habit(NamedTuple):
    """So many looks at somebody, and the share of them with problems."""

    looks: int
    share: float


def habit_of(known: int, bad: int) -> Habit:
    """The habit of somebody with so many known seconds, and seconds with problems."""
    seconds = max(known, p.LOOK_SECONDS)
    looks = max(number for number in _LOOKS if number * p.LOOK_SECONDS <= seconds)
    if not bad:
        return Habit(looks, 0.0)
    return Habit(looks, _MIDDLES[sum(bad > limit * known for limit in _SHARES)])


def log_weak_group(inside: Mapping[Habit, int], usual: float) -> Sequence[float]:
    """For each of `STRENGTHS`, what the habits of a group's members say for a weak group, in nats.

    `usual`: the share of time with such problems of others.
    """
    return _log_weak_group(tuple(inside.items()), round(min(max(usual, 0.003), 0.6), 3))


@lru_cache(maxsize=4096)
def _log_weak_group(inside: Iterable[tuple[Habit, int]], usual: float) -> Sequence[float]:
    found = [0.0] * len(p.STRENGTHS)
    for habit, count in inside:
        for at, nats in enumerate(_log_ratios(habit, usual)):
            found[at] += count * nats
    return tuple(found)


def log_hit(looks: float, share: float, usual: float) -> float:
    """By how much a record is more probable of somebody whom a weakness hits, in nats."""
    bad = looks * share
    hit = log_beta_binomial(bad, looks, p.TIME_WHEN_WEAK, p.SPREAD_WHEN_WEAK)
    return hit - log_beta_binomial(bad, looks, usual, p.SPREAD_OF_PEOPLE)


@lru_cache(maxsize=4096)
def _log_ratios(habit: Habit, usual: float) -> tuple[float, ...]:
    ratio = exp(log_hit(*habit, usual))
    return tuple(log(1 - strength + strength * ratio) for strength in p.STRENGTHS)
