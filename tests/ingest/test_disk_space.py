"""Which level a disk has, and when it will be full: hand-made series, without a disk or a clock."""

import random
from collections.abc import Callable
from itertools import pairwise

import pytest

from jmmc.ingest.disk_space import (
    READING_INTERVAL,
    WINDOW,
    FreeSpace,
    Level,
    growth_of,
    level_of,
    remembered,
    seconds_until_full,
)

_GIB = 2**30
_HOUR = 3600.0


@pytest.mark.parametrize(
    ("before", "free", "level"),
    [
        ("enough", 400, "enough"),
        ("enough", 399, "low"),
        ("enough", 100, "low"),
        ("enough", 99, "exhausted"),
        ("low", 439, "low"),
        ("low", 441, "enough"),
        ("low", 100, "low"),
        ("low", 99, "exhausted"),
        ("exhausted", 109, "exhausted"),
        ("exhausted", 111, "low"),
        ("exhausted", 439, "low"),
        ("exhausted", 441, "enough"),
    ],
)
def test_a_level_is_left_when_a_tenth_more_than_its_bound_is_free(
    before: Level, free: int, level: Level
) -> None:
    assert level_of(free, 400, before) == level


@pytest.mark.parametrize("before", ["enough", "low", "exhausted"])
def test_a_floor_of_zero_has_only_one_level(before: Level) -> None:
    assert level_of(0, 0, before) == "enough"


def _series(hours: float, free: Callable[[float], float]) -> tuple[FreeSpace, ...]:
    """Readings every five seconds, as they are remembered; `free` is a function of the hour."""
    readings: tuple[FreeSpace, ...] = ()
    for second in range(0, int(hours * _HOUR) + 1, 5):
        readings = remembered(readings, FreeSpace(1000 + second, round(free(second / _HOUR))))
    return readings


def _hours_left(readings: tuple[FreeSpace, ...]) -> float | None:
    left = seconds_until_full(readings[-1].free, growth_of(readings))
    return None if left is None else left / _HOUR


def test_a_steady_growth_is_extrapolated() -> None:
    readings = _series(3, lambda hour: (20 - hour) * _GIB)
    assert growth_of(readings) == pytest.approx(_GIB / _HOUR)
    assert _hours_left(readings) == pytest.approx(17)


def test_the_first_hour_gives_no_forecast() -> None:
    assert growth_of(()) is None
    assert growth_of(_series(0.99, lambda hour: (20 - hour * 10) * _GIB)) is None
    assert growth_of(_series(1, lambda hour: (20 - hour * 10) * _GIB)) is not None


def test_readings_are_kept_for_six_hours_and_five_minutes_apart() -> None:
    readings = _series(30, lambda hour: hour)
    assert readings[-1].at - readings[0].at == WINDOW
    gaps = {later.at - earlier.at for earlier, later in pairwise(readings)}
    assert gaps == {READING_INTERVAL}


@pytest.mark.parametrize("change", [0, 1, 5])
def test_a_disk_that_does_not_fill_is_never_full(change: int) -> None:
    readings = _series(6, lambda hour: (20 + hour * change) * _GIB)
    assert growth_of(readings) == 0
    assert _hours_left(readings) is None


def test_checkpoints_and_temporary_files_are_no_growth() -> None:
    chance = random.Random(7)
    readings = _series(6, lambda hour: 20 * _GIB - chance.uniform(0, 0.2) * _GIB)
    left = _hours_left(readings)
    assert left is None or left > 24 * 14


def test_checkpoints_hide_no_growth() -> None:
    chance = random.Random(7)
    readings = _series(6, lambda hour: (30 - hour - chance.uniform(0, 0.2)) * _GIB)
    assert _hours_left(readings) == pytest.approx(24, rel=0.1)


@pytest.mark.parametrize("at", [0.5, 2, 3.5, 5.5])
def test_a_backup_that_is_written_once_is_no_growth(at: float) -> None:
    assert _hours_left(_series(6, lambda hour: (20 - 8 * (hour > at)) * _GIB)) is None
    log = _series(6, lambda hour: (20 + 8 * (hour > at) - hour / 100) * _GIB)
    left = _hours_left(log)
    assert left is None or left > 24 * 14, "a log that was deleted"


@pytest.mark.parametrize("hours", [1.2, 2, 3, 4, 5, 6, 8])
def test_a_copy_that_ended_is_no_growth_an_hour_later(hours: float) -> None:
    """20 GiB in an hour; what is left would take two hours at that rate."""
    readings = _series(2 + 1 + hours, lambda hour: (60 - 20 * min(max(hour - 2, 0), 1)) * _GIB)
    assert _hours_left(readings) is None


def test_a_growth_that_began_is_seen_within_three_hours() -> None:
    readings = _series(6 + 3, lambda hour: (60 - 6 * max(hour - 6, 0)) * _GIB)
    left = _hours_left(readings)
    assert left is not None and left < 24
