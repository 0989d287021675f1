"""Ratings: means with intervals, and the agreement of our grades with them."""

import math
import random
import statistics

import pytest

from jmmc.quality.intervals import group_of
from jmmc.quality.ratings import (
    Agreement,
    GradesOfRating,
    RatedSession,
    Ratings,
    agreement_of,
    ratings_of,
)


def _session(person: int, rating: int, poor: int, known: int = 1000, fair: int = 0) -> RatedSession:
    grade = "poor" if poor * 10 >= known and known else "good" if known else "unknown"
    return RatedSession(f"person {person}", rating, known - poor - fair, fair, poor, grade)


def test_a_mean_counts_sessions_and_people() -> None:
    assert ratings_of([]) == Ratings()
    assert ratings_of([("a", 5), ("a", 4), ("b", 3)]) == Ratings(3, 2, 4.0, None)
    assert ratings_of([("a", 5), ("a", 4), ("b", 4)]).mean == pytest.approx(13 / 3)


def test_an_interval_contains_the_mean_and_stays_on_the_scale() -> None:
    few = ratings_of([(f"{n}", 4) for n in range(4)])
    assert few.interval is None, "of four people"
    same = ratings_of([(f"{n}", 5) for n in range(5)])
    assert same.interval is not None
    low, high = same.interval
    assert (3.0 < low < 4.5, high) == (True, 5.0), "that all say the same makes it not certain"
    mixed = ratings_of([(f"{n}", 1 + n % 5) for n in range(50)])
    assert mixed.interval is not None
    assert mixed.mean == 3.0
    assert mixed.interval[0] == pytest.approx(6 - mixed.interval[1])
    assert 0.3 < mixed.interval[1] - mixed.mean < 0.5


@pytest.mark.parametrize(
    ("people", "t"), [(5, 2.7764), (10, 2.2622), (20, 2.0930), (40, 2.0227), (100, 1.9842)]
)
def test_an_interval_is_wilsons_with_students_t(people: int, t: float) -> None:
    """`t` is that of the table, of one degree of freedom less than there are people."""
    shares = [(0, 2, 3, 4, 4)[n % 5] / 4 for n in range(people)]
    share = sum(shares) / people
    variance = sum((part - share) ** 2 for part in shares) / (people - 1) / people
    size = min(share * (1 - share) / variance, 4 * people)
    root = t * math.sqrt(share * (1 - share) / size + t * t / (4 * size * size))
    ends = [(share + t * t / (2 * size) + sign * root) / (1 + t * t / size) for sign in (-1, 1)]
    found = ratings_of([(f"{n}", 1 + round(4 * part)) for n, part in enumerate(shares)])
    assert found.interval == pytest.approx([1 + 4 * end for end in ends], abs=0.007)


def test_an_interval_of_equal_ratings_is_of_four_observations_a_person() -> None:
    found = ratings_of([(f"{n}", 5) for n in range(10)])
    assert found.interval == (pytest.approx(5 - 4 * 2.2622**2 / (40 + 2.2622**2), abs=0.007), 5.0)


def test_many_ratings_of_one_person_are_no_large_sample() -> None:
    people = [(f"{n}", 1 + n % 5) for n in range(10)]
    once, often = ratings_of(people), ratings_of(people * 20)
    assert once.interval is not None
    assert often.interval is not None
    assert often.sessions == 200
    assert often.interval == pytest.approx(once.interval, abs=0.01)


def test_half_of_the_intervals_of_a_mean_are_not_on_one_side_of_it() -> None:
    chance = random.Random(3)
    hits = 0
    for _ in range(300):
        rated = [(f"{n}", chance.choice((1, 3, 4, 5, 5))) for n in range(25)]
        low, high = ratings_of(rated).interval or (0, 0)
        hits += low <= 3.6 <= high
    assert hits >= 0.92 * 300


def test_the_table_counts_sessions_by_rating_and_grade() -> None:
    answer = agreement_of([_session(1, 5, 0), _session(2, 5, 0), _session(3, 1, 900, fair=50)])
    assert answer.table[4] == GradesOfRating(5, 2, 0, 0, 0)
    assert answer.table[0] == GradesOfRating(1, 0, 0, 1, 0)
    fair = agreement_of([RatedSession("a", 3, 500, 500, 0, "fair")])
    assert fair.table[2] == GradesOfRating(3, 0, 1, 0, 0)
    assert [row.rating for row in answer.table] == [1, 2, 3, 4, 5]
    assert (answer.ratings.sessions, answer.compared, answer.correlation) == (3, 3, None)


def _many(rating_of_badness: list[int], people: int = 40) -> Agreement:
    return agreement_of(
        [
            _session(n % people, rating_of_badness[n % 5], n % 5 * 200)
            for n in range(max(people, 40))
        ]
    )


def test_the_same_order_correlates_by_1_and_the_reverse_by_minus_1() -> None:
    assert _many([5, 4, 3, 2, 1]).correlation == 1.0
    assert _many([1, 2, 3, 4, 5]).correlation == -1.0


def test_a_correlation_is_that_of_ranks_where_equal_ones_share_theirs() -> None:
    """By hand, of the ranks of 2, 2, 3, 5, 5 (1.5, 1.5, 3, 4.5, 4.5) and 1 to 5: 0.9487."""
    assert _many([5, 5, 3, 2, 2]).correlation == pytest.approx(0.949, abs=0.001)


@pytest.mark.parametrize(
    ("sessions", "people", "has_one"), [(29, 29, False), (30, 19, False), (30, 20, True)]
)
def test_too_few_ratings_have_no_correlation(sessions: int, people: int, has_one: bool) -> None:
    rated = [_session(n % people, 1 + n % 5, n % 5 * 200) for n in range(sessions)]
    assert (agreement_of(rated).correlation is not None) == has_one


def test_calls_or_ratings_that_are_all_the_same_have_no_correlation() -> None:
    assert _many([3, 3, 3, 3, 3]).correlation is None
    flat = agreement_of([_session(n, 1 + n % 5, 0) for n in range(40)])
    assert (flat.correlation, flat.interval) == (None, None)


def test_sessions_without_a_known_grade_are_not_compared() -> None:
    rated = [_session(n, 1 + n % 5, n % 5 * 200) for n in range(40)]
    answer = agreement_of([*rated, *(_session(n, 1, 0, known=0) for n in range(20))])
    assert (answer.compared, answer.ratings.sessions) == (40, 60)
    assert answer.table[0].unknown == 20


def test_an_interval_of_a_correlation_contains_it_and_is_wider_for_few_people() -> None:
    chance = random.Random(1)

    def widths(people: int, each: int) -> float:
        rated = []
        for n in range(people):
            mood = chance.gauss(0, 1)
            for _ in range(each):
                bad = chance.random()
                rating = min(5, max(1, round(4 - 2 * bad + mood)))
                rated.append(_session(n, rating, round(1000 * bad)))
        answer = agreement_of(rated)
        assert answer.correlation is not None
        assert answer.interval is not None
        low, high = answer.interval
        assert low < answer.correlation < high
        return high - low

    assert widths(25, 8) > widths(200, 1)


def _spearman(pairs: list[tuple[float, float]]) -> float:
    """By its definition: Pearson's of the mean ranks."""

    def ranks(values: list[float]) -> list[float]:
        below = [sum(other < value for other in values) for value in values]
        same = [sum(other == value for other in values) for value in values]
        return [low + (equal + 1) / 2 for low, equal in zip(below, same, strict=True)]

    return statistics.correlation(*(ranks([*column]) for column in zip(*pairs, strict=True)))


def test_a_correlation_and_its_interval_are_those_of_their_definitions() -> None:
    chance = random.Random(5)
    rated = []
    for n in range(60):
        fair, poor = chance.choice((0, 0, 100, 400)), chance.choice((0, 0, 50, 300))
        rating = min(5, max(1, round(5 - poor / 100 - fair / 300 + chance.gauss(0, 1))))
        rated.append(_session(n % 35, rating, poor, fair=fair))

    def correlation(left_out: int | None = None) -> float:
        pairs = [
            (session.rating, -(session.poor + 0.3 * session.fair))
            for session in rated
            if group_of(session.browser_id) != left_out
        ]
        return _spearman(pairs)

    answer = agreement_of(rated)
    assert answer.correlation == pytest.approx(correlation(), abs=0.0006)
    without = [math.atanh(correlation(group)) for group in range(16)]
    error = math.sqrt(15 * statistics.pvariance(without))
    middle = math.atanh(correlation())
    ends = [math.tanh(middle + sign * 2.13145 * error) for sign in (-1, 1)]
    assert answer.interval == pytest.approx(ends, abs=0.0006)
