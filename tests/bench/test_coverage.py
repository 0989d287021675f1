"""A short run of the simulation that measures how often confidence intervals are right."""

import subprocess
import sys

import pytest

from bench.coverage import LIVES, measure
from tests.support.paths import ROOT


@pytest.mark.parametrize("life", ["whole", "lengths", "persons", "meetings", "all"])
def test_intervals_contain_the_share_in_most_samples(life: str) -> None:
    """Of 200 samples; a coverage of 92 % has a standard error of 2 % here."""
    for cell in measure(LIVES[life], 40, 0.1, 200, "test"):
        assert cell.coverage >= 90
        assert cell.width < 2
    poor, _ = measure(LIVES["meetings"], 40, 0.1, 50, "test")
    assert poor.coverage_by_sessions < 60, "sessions of a meeting are not independent"


def test_the_coverage_of_every_life_is_printed() -> None:
    script = [sys.executable, str(ROOT / "bench" / "coverage.py")]
    done = subprocess.run(
        [*script, "--sizes", "40", "--replications", "5"],
        capture_output=True,
        text=True,
        timeout=110,
    )
    assert done.returncode == 0, done.stderr
    for life in LIVES.values():
        assert done.stdout.count(f"| {life.name} | ") == 2
