"""Durations in words."""

import pytest

from jmmc.core.rounding import whole_minutes
from jmmc.web.dashboard.durations import duration


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (0, "0 s"),
        (59, "59 s"),
        (60, "1 min"),
        (200, "3 min 20 s"),
        (599, "9 min 59 s"),
        (600, "10 min"),
        (659, "11 min"),
        (3569, "59 min"),
        (3570, "1 h"),
        (3629, "1 h"),
        (3630, "1 h 1 min"),
        (86_399, "24 h"),
    ],
)
def test_a_duration_has_its_two_largest_units_and_is_rounded(seconds: int, text: str) -> None:
    assert duration(seconds).replace("\u00a0", " ") == text


def test_minutes_are_rounded_and_not_cut() -> None:
    assert [whole_minutes(seconds) for seconds in (0, 29, 30, 89, 90, 150)] == [0, 0, 1, 1, 2, 3]
