"""In which seconds problems of calls are shown: the short form of bench/placement.py."""

import pytest

from bench.placement import Errors, Shown, around, draw_calls, errors, missed, play, sum_of
from jmmc.quality.grading import Grade


@pytest.fixture(scope="module")
def shown() -> list[Shown]:
    return play(draw_calls(16, seed=3))


def test_problems_are_shown_in_the_seconds_in_which_they_were(shown: list[Shown]) -> None:
    found = errors(shown)
    assert found.bad > 1000
    assert found.bad_shown_good <= 0.08
    assert found.good_shown_bad <= 0.08


def test_no_problem_of_twenty_seconds_is_missed(shown: list[Shown]) -> None:
    assert missed(shown) == []


def test_problems_to_the_end_of_a_call_are_shown(shown: list[Shown]) -> None:
    at_end = {id(problem) for item in shown for problem in item.at_end}
    found = [counts for problem, counts in around(shown) if id(problem) in at_end]
    assert len(found) >= 3
    assert sum_of(found).bad_shown_good <= 0.08


def test_only_seconds_without_readings_are_unknown(shown: list[Shown]) -> None:
    """The first statistics of a connection come after up to ten seconds."""
    for item in shown:
        assert item.grades.count(Grade.UNKNOWN) <= 20


def test_errors_are_shares_of_bad_and_of_shown_seconds() -> None:
    found = sum_of([Errors(10, 1, 12, 3), Errors(30, 3, 28, 1)])
    assert (found.bad_shown_good, found.good_shown_bad) == (0.1, 0.1)
