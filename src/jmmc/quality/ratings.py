"""What people said of their calls: means with intervals, and how well our grades agree with them.

Calls of one person are not independent, so the person is the unit of a sample size.

* **Mean.** Its variance is that of a ratio estimator between persons. The scale is bounded, so the
  interval is that of Wilson for the mean as a share of the scale, with the sample size that gives
  this variance, at most four for each person: when all say the same, the variance is 0.
* **Agreement.** Spearman's rank correlation between the rating and our share of bad time, a fair
  second as three tenths of a poor one. Equal values have the mean of their ranks. The interval is
  that of the delete-a-group jackknife over 16 random groups of persons, on Fisher's z.
"""

from collections import Counter
from collections.abc import Hashable, Iterable, Mapping, Sequence
from math import atanh, sqrt, tanh
from typing import NamedTuple

from msgspec import Struct

from jmmc.core.fields import ExactCorrelation, ExactMean
from jmmc.quality.intervals import GROUPS, group_of, wilson

FEWEST_PEOPLE = 5
"""Fewest people with a rating, for an interval of their mean."""
FEWEST_TO_CORRELATE = 30
"""Fewest rated sessions with a known grade, for a correlation."""
FEWEST_PEOPLE_TO_CORRELATE = 20
"""Fewest people with these."""

_LOWEST, _SPAN = 1, 4  # Of a rating.
_TOTAL = 1 << 32  # More than the sessions of a person.
_MOST_OF_A_PERSON = 4.0
_Z = 1.959964
_T = 2.13145  # Student's t, 97.5 %, of 15 degrees of freedom.
_FAIR_WEIGHT = 0.3
_NEARLY_ONE = 0.9999


class Ratings(Struct, frozen=True):
    """The ratings of some sessions, from 1 to 5: their mean and its 95 % confidence interval.

    The interval is None with fewer than five people.
    """

    sessions: int = 0
    people: int = 0
    mean: ExactMean | None = None
    interval: tuple[ExactMean, ExactMean] | None = None


class RatedSession(NamedTuple):
    """A session that was rated, with its seconds by grade and its grade."""

    browser_id: str
    rating: int
    good: int
    fair: int
    poor: int
    grade: str

    @property
    def badness(self) -> float | None:
        """The weighted share of fair and poor time; None when nothing is known."""
        known = self.good + self.fair + self.poor
        return (self.poor + _FAIR_WEIGHT * self.fair) / known if known else None


class GradesOfRating(Struct, frozen=True):
    """How many sessions with one rating have which grade."""

    rating: int
    good: int
    fair: int
    poor: int
    unknown: int


class Agreement(Struct, frozen=True):
    """How well our grades agree with ratings.

    `correlation` is Spearman's, 1 where the order is the same; None with fewer than 30 sessions or
    20 people whose grade is known, or when all ratings or all calls are the same. `compared` are
    the sessions that it is of.
    """

    ratings: Ratings
    compared: int
    correlation: ExactCorrelation | None
    interval: tuple[ExactCorrelation, ExactCorrelation] | None
    table: tuple[GradesOfRating, ...]


RatingSums = dict[Hashable, int]
"""By person, the total and the number of ratings as one number, which most people share."""


def add_ratings(sums: RatingSums, rated: Iterable[tuple[Hashable, int]]) -> None:
    """Add pairs of a person and a rating."""
    get = sums.get
    for person, rating in rated:
        sums[person] = get(person, 0) + (rating - _LOWEST) * _TOTAL + 1


def add_ratings_by(
    by_value: Sequence[RatingSums],
    values: Iterable[int],
    people: Iterable[Hashable],
    ratings: Iterable[int],
) -> None:
    """Add ratings by column, each to the sums of its value, which is given by its place."""
    for value, person, rating in zip(values, people, ratings, strict=True):
        sums = by_value[value]
        sums[person] = sums.get(person, 0) + (rating - _LOWEST) * _TOTAL + 1


def ratings_of(rated: Iterable[tuple[Hashable, int]]) -> Ratings:
    """Of pairs of a person and a rating."""
    sums: RatingSums = {}
    add_ratings(sums, rated)
    return ratings_of_people(sums)


def ratings_of_people(sums: RatingSums) -> Ratings:
    """The ratings of these people."""
    alike = [(*divmod(both, _TOTAL), number) for both, number in Counter(sums.values()).items()]
    sessions = sum(count * number for _, count, number in alike)
    if not sessions:
        return Ratings()
    mean = sum(total * number for total, _, number in alike) / sessions
    bounds = None
    if (people := len(sums)) >= FEWEST_PEOPLE:
        square = sum((total - mean * count) ** 2 * number for total, count, number in alike)
        variance = square * people / (people - 1) / (sessions * _SPAN) ** 2
        share = mean / _SPAN
        most = _MOST_OF_A_PERSON * people
        size = min(share * (1 - share) / variance, most) if variance else most
        low, high = wilson(share, size, _students_t(people - 1))
        bounds = _LOWEST + _SPAN * low, _LOWEST + _SPAN * high
    return Ratings(sessions, people, _LOWEST + mean, bounds)


def agreement_of(rated: Sequence[RatedSession]) -> Agreement:
    """How well the grades of rated sessions agree with the ratings."""
    counts: dict[tuple[int, str], int] = {}
    for session in rated:
        key = (session.rating, session.grade)
        counts[key] = counts.get(key, 0) + 1
    known = [session for session in rated if session.badness is not None]
    correlation = bounds = None
    enough = len(known) >= FEWEST_TO_CORRELATE
    if enough and len({session.browser_id for session in known}) >= FEWEST_PEOPLE_TO_CORRELATE:
        correlation = _correlation(known)
        bounds = None if correlation is None else _jackknife(known, correlation)
    return Agreement(
        ratings_of((session.browser_id, session.rating) for session in rated),
        len(known),
        correlation,
        bounds,
        tuple(_row(rating, counts) for rating in range(_LOWEST, _LOWEST + _SPAN + 1)),
    )


def _row(rating: int, counts: Mapping[tuple[int, str], int]) -> GradesOfRating:
    grades = ("good", "fair", "poor", "unknown")
    return GradesOfRating(rating, *(counts.get((rating, grade), 0) for grade in grades))


def _correlation(sessions: Sequence[RatedSession]) -> float | None:
    """Spearman's; None when all ratings, or all calls, are the same."""
    ratings = _ranks([session.rating for session in sessions])
    goodness = _ranks([-(session.badness or 0.0) for session in sessions])
    middle = (len(sessions) + 1) / 2
    products = [
        ((x - middle) * (y - middle), (x - middle) ** 2, (y - middle) ** 2)
        for x, y in zip(ratings, goodness, strict=True)
    ]
    both, first, second = (sum(column) for column in zip(*products, strict=True))
    return both / sqrt(first * second) if first and second else None


def _ranks(values: Sequence[float]) -> list[float]:
    """The rank of each value from 1 on; equal ones have the mean of theirs."""
    order = sorted(range(len(values)), key=lambda place: values[place])
    ranks = [0.0] * len(values)
    start = 0
    for end in range(1, len(order) + 1):
        if end == len(order) or values[order[end]] != values[order[start]]:
            for place in order[start:end]:
                ranks[place] = (start + 1 + end) / 2
            start = end
    return ranks


def _jackknife(sessions: Sequence[RatedSession], correlation: float) -> tuple[float, float] | None:
    groups = [group_of(session.browser_id) for session in sessions]
    values: list[float] = []
    for left_out in range(GROUPS):
        rest = [
            session for session, group in zip(sessions, groups, strict=True) if group != left_out
        ]
        without = _correlation(rest) if rest else None
        if without is None:
            return None
        values.append(_fisher(without))
    mean = sum(values) / GROUPS
    error = sqrt((GROUPS - 1) / GROUPS * sum((value - mean) ** 2 for value in values))
    middle = _fisher(correlation)
    return tanh(middle - _T * error), tanh(middle + _T * error)


def _fisher(correlation: float) -> float:
    return atanh(max(-_NEARLY_ONE, min(_NEARLY_ONE, correlation)))


def _students_t(freedom: int) -> float:
    """Student's t, 97.5 %, by the expansion of Cornish and Fisher; within 0.3 % from 4 on."""
    z = _Z
    first = (z**3 + z) / 4
    second = (5 * z**5 + 16 * z**3 + 3 * z) / 96
    third = (3 * z**7 + 19 * z**5 + 17 * z**3 - 15 * z) / 384
    return z + first / freedom + second / freedom**2 + third / freedom**3
