"""Differences between shares of bad time: of a value from the rest, and of one period from another.

Each of many values (regions, networks, ...) is compared with the rest. Two questions are asked of
it: how large is the difference, and could it be due to chance?

* Interval: the square-and-add method of the two shares' own intervals (`quality.intervals`), with
  l and u their limits: p - r - √((p - l)² + (u' - r)²) to p - r + √((u - p)² + (r - l')²). Persons
  and meetings that both sides have in common make it wider than needed, never narrower. Student's t
  counts on both sides: its tails keep rare marks from being too many.
* p-value: the level at which that interval just reaches 0, by the same distribution.
* Many values: of 40 equal regions two would be marked at 5 %. The procedure of Benjamini and
  Hochberg marks so few that at most 5 % of the marks are expected to be wrong. Holm's would bound
  the probability of a single wrong mark; with thousands of networks it finds next to nothing, and a
  wrong mark costs here no more than a look.
* The rest: all other values, but for those that are marked as worse. Otherwise one region with an
  outage would make all others better than "the rest", and hide a second one that is worse.

Sources: Newcombe, Statistics in Medicine 17 (1998), method 10; Zou and Donner, Statistics in
Medicine 27 (2008), of other intervals than Wilson's; Benjamini and Hochberg, JRSS B 57 (1995).
"""

from collections.abc import Callable, Hashable, Mapping
from enum import Enum
from functools import cache
from math import atan, cos, pi, sin, sqrt
from operator import sub
from typing import Generic, NamedTuple, TypeVar

from msgspec import Struct

from jmmc.core.fields import ExactShare, ShareInterval
from jmmc.quality.grading import Grade
from jmmc.quality.intervals import GROUPS, Estimate, Replicates, T, estimate, wilson

FALSE_DISCOVERIES = 0.05
"""The expected part of wrong marks among all marks, at most."""

_K = TypeVar("_K", bound=Hashable)

_FREEDOM = GROUPS - 1  # Degrees of freedom of Student's t.
_MOST_ROUNDS = 4  # In which values that are worse are taken out of the rest.
_LEAST_REST = 0.5  # Of the known time: the rest is never less than this, but for single values.
_SMALL = 0.01  # Part of all known time; without it, the others are about as exact as all.
_LEAST_AFFECTED = 4  # Groups: fewer persons or meetings with problems say nothing of their region.
_STEPS = 40  # Halvings of a range of t.
_MOST_T = 60.0


class Mark(Enum):
    """What is known about a difference, beyond chance."""

    WORSE = "worse"
    BETTER = "better"
    UNCLEAR = "unclear"
    """It may be due to chance."""
    FEW = "few"
    """There is too little data for a comparison."""


class Difference(Struct, frozen=True):
    """How much larger a share is than another one, with its 95 % interval (-1 to 1).

    `share` is None when there is nothing to compare. The `mark` accounts for all values that were
    looked at; the interval is of this one alone.
    """

    share: ExactShare | None = None
    interval: ShareInterval = (-1.0, 1.0)
    mark: Mark = Mark.FEW


NO_DIFFERENCE = Difference()


class _Tested(NamedTuple):
    difference: float
    interval: tuple[float, float]
    p: float


def from_the_rest(
    values: Mapping[_K, Replicates], grade: Grade, tested: Callable[[_K], bool]
) -> dict[_K, Difference]:
    """How each of the values of one dimension differs from the rest, in time of `grade` or worse.

    Only values that `tested` accepts are marked; it must not depend on their grades.
    """
    return from_the_rests({"": values}, grade, lambda _, value: tested(value))[""]


def from_the_rests(
    dimensions: Mapping[str, Mapping[_K, Replicates]],
    grade: Grade,
    tested: Callable[[str, _K], bool],
) -> dict[str, dict[_K, Difference]]:
    """The same of several dimensions; the marks account for all values of all of them."""
    rests = {name: _Rest(values, grade) for name, values in dimensions.items()}
    candidates = [
        (name, value)
        for name, values in dimensions.items()
        for value in values
        if tested(name, value) and rests[name].estimate_of(value)
    ]
    for _ in range(_MOST_ROUNDS):
        found = {
            (name, value): _tested(own, rest)
            for name, value in candidates
            if (own := rests[name].estimate_of(value)) and (rest := rests[name].without(value))
        }
        marked = benjamini_hochberg({key: result.p for key, result in found.items()})
        worse = {key for key in marked if found[key].difference > 0}
        # Every rest is asked: `any` would stop at the first that has changed.
        changes = [
            rest.leave_out({value for of, value in worse if of == name})
            for name, rest in rests.items()
        ]
        if not any(changes):
            break
    differences: dict[str, dict[_K, Difference]] = {name: {} for name in dimensions}
    for name, values in dimensions.items():
        for value in values:
            result = found.get((name, value))
            if result is None:
                differences[name][value] = NO_DIFFERENCE
                continue
            mark = _mark(result, is_marked=(name, value) in marked)
            differences[name][value] = _difference(result, mark)
    return differences


def changes(
    before: Mapping[_K, Replicates],
    after: Mapping[_K, Replicates],
    grade: Grade,
    tested: Callable[[_K], bool],
) -> dict[_K, Difference]:
    """How much larger the share of each value is `after` than `before`."""
    found: dict[_K, _Tested] = {}
    for value in before.keys() & after.keys():
        first, second = estimate(before[value], grade), estimate(after[value], grade)
        if first and second and tested(value):
            found[value] = _tested(second, first)
    marked = benjamini_hochberg({value: result.p for value, result in found.items()})
    return {
        value: _difference(result, _mark(result, is_marked=value in marked))
        for value, result in found.items()
    }


def benjamini_hochberg(p_values: Mapping[_K, float]) -> set[_K]:
    """The keys whose null hypothesis is rejected, at `FALSE_DISCOVERIES`."""
    ordered = sorted(p_values.items(), key=lambda item: item[1])
    rejected = 0
    for rank, (_, p) in enumerate(ordered, 1):
        if p <= FALSE_DISCOVERIES * rank / len(ordered):
            rejected = rank
    return {key for key, _ in ordered[:rejected]}


def two_sided_p(t: float) -> float:
    """The probability of a value of Student's t at least that far from 0."""
    # The finite series for an odd number of degrees of freedom (Abramowitz and Stegun, 26.7.3).
    angle = atan(t / sqrt(_FREEDOM))
    term = cosine = cos(angle)
    series = term
    for factor in range(2, _FREEDOM - 1, 2):
        term *= cosine * cosine * factor / (factor + 1)
        series += term
    return max(0.0, 1 - 2 / pi * (angle + sin(angle) * series))


class _Rest(Generic[_K]):
    """All values of a dimension together, but for one, and for those that are left out."""

    def __init__(self, values: Mapping[_K, Replicates], grade: Grade) -> None:
        self._values = values
        self._grade = grade
        self._estimates: dict[_K, Estimate | None] = {}
        self._total = Replicates.total_of(values.values())
        self._own_totals: dict[_K, tuple[int, int]] = {}
        self._base = self._total
        self._base_totals = self._total.totals(grade)
        self._base_estimate = estimate(self._base, grade)
        self._left_out: frozenset[_K] = frozenset()

    def estimate_of(self, value: _K) -> Estimate | None:
        if value not in self._estimates:
            self._estimates[value] = estimate(self._values[value], self._grade)
        return self._estimates[value]

    def without(self, value: _K) -> Estimate | None:
        """The share of the rest of this value."""
        if value in self._left_out:
            return self._base_estimate
        own = self._values[value]
        if value not in self._own_totals:
            self._own_totals[value] = own.totals(self._grade)
        known, bad = self._own_totals[value]
        all_known, all_bad = self._base_totals
        if self._base_estimate and known < _SMALL * all_known:
            share = min(1.0, max(0.0, (all_bad - bad) / (all_known - known)))
            return Estimate(share, self._base_estimate.size)
        return estimate(_less(self._base, own), self._grade)

    def leave_out(self, values: set[_K]) -> bool:
        """Leave these out of the rest of all others; whether that changes anything."""
        if values == self._left_out:
            return False
        base = self._total
        for value in values:
            base = _less(base, self._values[value])
        totals = base.totals(self._grade)
        if totals[0] < _LEAST_REST * self._total.totals(self._grade)[0]:
            return False
        self._base, self._base_totals, self._left_out = base, totals, frozenset(values)
        self._base_estimate = estimate(base, self._grade)
        return True


def _less(sums: Replicates, others: Replicates) -> Replicates:
    return Replicates(list(map(sub, sums.sums, others.sums)))


def _tested(own: Estimate, rest: Estimate) -> _Tested:
    difference = own.share - rest.share
    low, high = _limits(own, rest, T)
    if low <= 0 <= high or (difference > 0 and own.affected < _LEAST_AFFECTED):
        # At 5 % there is no mark without a p-value below it.
        return _Tested(difference, (low, high), 1.0)
    few, many = T, _MOST_T
    for _ in range(_STEPS):
        middle = (few + many) / 2
        low_then, high_then = _limits(own, rest, middle)
        if low_then <= 0 <= high_then:
            many = middle
        else:
            few = middle
    return _Tested(difference, (low, high), _p_of(few))


def _limits(own: Estimate, rest: Estimate, t: float) -> tuple[float, float]:
    low, high = wilson(own.share, own.size, t)
    rest_low, rest_high = wilson(rest.share, rest.size, t)
    difference = own.share - rest.share
    return (
        difference - sqrt((own.share - low) ** 2 + (rest_high - rest.share) ** 2),
        difference + sqrt((high - own.share) ** 2 + (rest.share - rest_low) ** 2),
    )


@cache
def _p_of(t: float) -> float:
    return two_sided_p(t)


def _mark(result: _Tested, *, is_marked: bool) -> Mark:
    if not is_marked:
        return Mark.UNCLEAR
    return Mark.WORSE if result.difference > 0 else Mark.BETTER


def _difference(result: _Tested, mark: Mark) -> Difference:
    return Difference(result.difference, result.interval, mark)
