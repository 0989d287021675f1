"""The comparison of the presets with published sources, and the page that shows it."""

import pytest

from bench.presets import (
    CONDITIONS,
    Condition,
    clean_calls,
    e_model,
    good_share,
    graded,
    grid_agreement,
    lossy_calls,
    table,
)
from jmmc.quality.thresholds import PRESETS
from tests.support.paths import ROOT


def test_the_page_has_the_comparison() -> None:
    page = (ROOT / "docs/explanation/answers.md").read_text("utf-8")
    assert table() in page, "paste what python bench/presets.py prints"


@pytest.mark.parametrize("condition", CONDITIONS, ids=lambda condition: condition.name)
def test_the_default_grades_a_condition_as_its_source_does(condition: Condition) -> None:
    assert graded(condition)["experience"] is condition.grade


def test_each_recorded_call_on_a_lan_without_loss_is_good() -> None:
    calls = clean_calls()
    assert len(calls) > 20
    assert min(good_share([spans], "experience") for spans in calls) >= 0.95


def test_recorded_time_with_loss_is_not_good() -> None:
    """Of the time in which 10 to 20 % were lost; Jitsi's figure lags behind by a sample or two."""
    assert good_share(lossy_calls(), "experience") <= 0.1


def test_no_preset_agrees_more_with_all_sources_than_the_default() -> None:
    same = {name: grid_agreement(name).same for name in PRESETS}
    assert max(same, key=same.__getitem__) == "experience"


@pytest.mark.parametrize(
    ("rtt", "loss", "jitter", "r"),
    [
        (10, 0, 5, 93.2),  # 55 ms: no impairment
        (10, 25.1, 5, 45.7),  # Half of 95
        (300, 0, 5, 90.16),  # 200 ms: X = 1, 25 (2^(1/6) - 3 (1 + 1/729)^(1/6) + 2) = 3.04
        (700, 0, 5, 69.13),  # 400 ms: X = 2, 25 (65^(1/6) - 3 (1 + 64/729)^(1/6) + 2) = 24.1
    ],
)
def test_the_e_model_of_the_comparison_is_that_computed_by_hand(
    rtt: float, loss: float, jitter: float, r: float
) -> None:
    assert e_model(rtt, loss, jitter) == pytest.approx(r, abs=0.01)
