"""Differences from the rest: what is planted is marked, and what is equal is not."""

import random
from math import gamma, pi, sqrt

import pytest

from jmmc.quality.differences import (
    NO_DIFFERENCE,
    Mark,
    benjamini_hochberg,
    changes,
    from_the_rest,
    from_the_rests,
    two_sided_p,
)
from jmmc.quality.filters import SummaryFilter
from jmmc.quality.grading import Grade
from jmmc.quality.intervals import Replicates, groups_of, interval
from jmmc.quality.pair_sums import PairSums
from jmmc.quality.quality_steps import QualitySteps, merged
from jmmc.quality.window_sums import Row, WindowSums

_LENGTH = 1800  # Seconds of a session.
_DAY = 86_400


def _value(rng: random.Random, name: str, sessions: int, rate: float) -> Replicates:
    """Meetings of three people, of which each has a bad part with its own probability."""
    replicates = Replicates()
    for meeting in range(sessions // 3):
        trouble = rng.random() < 0.2
        for person in range(3):
            bad = rng.random() < min(1.0, 3 * rate if trouble else rate / 2)
            seconds = rng.randrange(200, _LENGTH) if bad else 0
            groups = groups_of(f"{name} {meeting % 40} {person}", f"{name} {meeting}", 0)
            replicates.add(groups, _LENGTH, seconds // 2, seconds - seconds // 2)
    return replicates


def test_of_forty_equal_regions_none_is_marked_in_nineteen_of_twenty_worlds() -> None:
    """Nothing is true here, so that each world with a mark has false discoveries only."""
    rng = random.Random(3)
    with_marks = 0
    for _ in range(60):
        regions = {f"r{n}": _value(rng, f"r{n}", 90, 0.05) for n in range(40)}
        found = from_the_rest(regions, Grade.FAIR, lambda _: True)
        with_marks += any(row.mark is not Mark.UNCLEAR for row in found.values())
    # Of 60 worlds 3 are expected at 5 %; more than 7 have a probability of 1 %.
    assert with_marks <= 7


def test_two_regions_planted_as_worse_are_marked_and_the_others_are_not_called_better() -> None:
    rng = random.Random(4)
    found_worse = wrong = 0
    for _ in range(12):
        regions = {f"r{n}": _value(rng, f"r{n}", 120, 0.05) for n in range(38)}
        regions["large"] = _value(rng, "large", 900, 0.3)
        regions["small"] = _value(rng, "small", 120, 0.3)
        found = from_the_rest(regions, Grade.FAIR, lambda _: True)
        found_worse += sum(found[name].mark is Mark.WORSE for name in ("large", "small"))
        wrong += sum(found[f"r{n}"].mark is not Mark.UNCLEAR for n in range(38))
    assert found_worse == 24
    assert wrong <= 3, "at most 5 % of 24 marks are expected"


def test_the_interval_of_a_difference_covers_the_true_one() -> None:
    rng = random.Random(5)
    covered = 0
    for _ in range(200):
        regions = {"a": _value(rng, "a", 150, 0.2), "b": _value(rng, "b", 300, 0.05)}
        low, high = from_the_rest(regions, Grade.FAIR, lambda _: True)["a"].interval
        # A person has problems with 0.2 · 3 rate + 0.8 · rate / 2 = rate, for 999.5 s on average.
        covered += low <= (0.2 - 0.05) * 999.5 / _LENGTH <= high
    assert covered >= 184, "95 % are 190 of 200, two standard deviations are 6"


def test_a_difference_is_that_computed_by_hand() -> None:
    """Both sides are four persons in meetings of their own; a: 50 bad seconds of 400, b: none.

    With n = 5.6 and n = 5 as in test_intervals, but t = 2.13145, Wilson's intervals are 0.0151 to
    0.5708, and 0 to 0.4761. So the difference is 0.125 - √((0.125 - 0.0151)² + 0.4761²) to
    0.125 + √((0.5708 - 0.125)² + 0²).
    """
    a, b = Replicates(), Replicates()
    for group in range(4):
        a.add((group, group), 100, 0, 0 if group else 50)
        b.add((group, group), 100, 0, 0)
    found = from_the_rest({"a": a, "b": b}, Grade.POOR, lambda _: True)
    assert found["a"].share == 0.125
    assert found["a"].interval == pytest.approx((-0.3636, 0.5708), abs=2e-4)
    assert found["b"].share == -0.125
    assert found["b"].interval == pytest.approx((-0.5708, 0.3636), abs=2e-4)
    assert {row.mark for row in found.values()} == {Mark.UNCLEAR}


def test_a_single_value_and_one_that_is_not_tested_have_no_difference() -> None:
    rng = random.Random(6)
    alone = {"a": _value(rng, "a", 60, 0.1)}
    assert from_the_rest(alone, Grade.FAIR, lambda _: True) == {"a": NO_DIFFERENCE}
    both = {**alone, "b": _value(rng, "b", 60, 0.1)}
    assert from_the_rest(both, Grade.FAIR, lambda value: value == "a")["b"] == NO_DIFFERENCE
    assert from_the_rest({}, Grade.FAIR, lambda _: True) == {}


def test_three_affected_people_do_not_mark_their_region() -> None:
    """However long their problems were: the next region may have none of these three."""
    few, many = Replicates(), Replicates()
    for person in range(400):
        groups = groups_of(f"p{person}", f"m{person}", 0)
        many.add(groups, _LENGTH, 0, 0)
    for group in range(16):
        few.add((group, group), _LENGTH, 0, _LENGTH if group < 3 else 0)
    found = from_the_rest({"few": few, "many": many}, Grade.POOR, lambda _: True)
    assert found["few"].mark is Mark.UNCLEAR


def test_marks_of_several_dimensions_account_for_all_their_values() -> None:
    rng = random.Random(7)
    worse = {"eu": _value(rng, "eu", 300, 0.3), "us": _value(rng, "us", 900, 0.05)}
    equal = {f"n{n}": _value(rng, f"n{n}", 60, 0.05) for n in range(60)}
    found = from_the_rests({"region": worse, "network": equal}, Grade.FAIR, lambda *_: True)
    assert found["region"]["eu"].mark is Mark.WORSE
    assert {row.mark for row in found["network"].values()} == {Mark.UNCLEAR}


def test_a_change_for_the_worse_is_marked_and_an_equal_period_is_not() -> None:
    rng = random.Random(8)
    before = {name: _value(rng, name, 300, 0.05) for name in ("a", "b")}
    after = {"a": _value(rng, "a", 300, 0.3), "b": _value(rng, "b", 300, 0.05)}
    found = changes(before, after, Grade.FAIR, lambda _: True)
    assert (found["a"].mark, found["b"].mark) == (Mark.WORSE, Mark.UNCLEAR)
    back = changes(after, before, Grade.FAIR, lambda _: True)
    assert (back["a"].mark, back["b"].mark) == (Mark.BETTER, Mark.UNCLEAR)
    assert back["a"].share == pytest.approx(-(found["a"].share or 0), abs=1e-4)


def test_benjamini_and_hochberg_reject_up_to_the_last_p_below_its_line() -> None:
    """The example of their paper: four of 15 are rejected at 5 %, by Holm three."""
    p_values = (
        *(0.0001, 0.0004, 0.0019, 0.0095, 0.0201, 0.0278, 0.0298, 0.0344),
        *(0.0459, 0.3240, 0.4262, 0.5719, 0.6528, 0.7590, 1.0),
    )
    assert benjamini_hochberg(dict(enumerate(p_values))) == {0, 1, 2, 3}
    assert benjamini_hochberg({}) == set()


@pytest.mark.parametrize("t", [0.0, 0.5, 2.131, 4.0, 8.0])
def test_the_p_value_is_the_area_under_students_density(t: float) -> None:
    """Summed in steps over the density with 15 degrees of freedom."""
    scale = gamma(8) / (sqrt(15 * pi) * gamma(7.5))
    step = 1e-3
    area = sum(
        scale * (1 + ((n + 0.5) * step) ** 2 / 15) ** -8 * step for n in range(round(t / step))
    )
    assert two_sided_p(t) == pytest.approx(1 - 2 * area, abs=1e-6)


def _row(number: int, spans: str, value: str, segments: str = "[]", **seconds: int) -> Row:
    sums = [seconds.get(name, 0) for name in ("good", "fair", "poor", "unknown")]
    return Row(f"{number}", 0, 100, f"p{number}", "room", *sums, spans, segments, value)


_LANE = "[[0,60,1],[60,100,3]]"


def test_a_pair_has_the_seconds_of_its_window_and_of_both_values() -> None:
    """One session as a whole, one cut by the window, and one that changes its path in it."""
    moved = '[[0,50,{"transport":"udp"}],[50,100,{"transport":"tcp"}]]'
    rows = [
        (*_row(1, _LANE, "udp", good=60, poor=40), "Chrome"),
        (*_row(2, _LANE, "udp", moved, good=60, poor=40), "Chrome"),
    ]
    pairs = PairSums(SummaryFilter(since=0, until=100), "transport", "browser")
    pairs.add(rows)
    found = {pair: (sums.sessions, sums.good, sums.poor) for pair, sums in pairs.values().items()}
    assert found == {("udp", "Chrome"): (2, 110, 40), ("tcp", "Chrome"): (1, 10, 40)}
    cut = PairSums(SummaryFilter(since=50, until=80), "transport", "browser")
    cut.add(rows[:1])
    ((sums),) = cut.values().values()
    assert (sums.sessions, sums.good, sums.poor) == (1, 10, 20)
    assert cut.replicates["udp", "Chrome"].totals(Grade.POOR) == (30, 20)


def test_steps_have_the_known_time_cut_to_the_second() -> None:
    steps = QualitySteps(50)
    window = WindowSums(SummaryFilter(since=10, until=100), steps=steps)
    window.add([_row(1, "[[0,40,1],[40,60,2],[60,90,3],[90,100,0]]", "")])
    (first, early), (second, late) = steps.steps()
    assert (first, early.totals(Grade.FAIR), early.totals(Grade.POOR)) == (0, (40, 10), (40, 0))
    assert (second, late.totals(Grade.FAIR), late.totals(Grade.POOR)) == (50, (40, 40), (40, 30))
    assert merged({"a": early, "b": late}).totals(Grade.FAIR) == (80, 50)
    assert interval(late, Grade.FAIR) is not None
