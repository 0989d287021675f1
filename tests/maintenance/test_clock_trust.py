"""When retention trusts the clock, and in which portions it deletes."""

import pytest

from jmmc.maintenance.clock_trust import (
    DAY,
    Checkpoint,
    ClockTrust,
    known_time,
    observe,
    portions,
)

_T = 1_800_000_000.0  # Unix seconds; the monotonic clock shows 100 then.
_KNOWN = ClockTrust(_T, 100.0)


@pytest.mark.parametrize(
    ("now", "monotonic", "suspected"),
    [
        (_T, 100, False),
        (_T + DAY, 100, False),
        (_T + DAY + 1, 100, True),
        (_T + 40 * DAY, 100, True),
        (_T + 40 * DAY, 100 + 40 * DAY, False),
        (_T + 40 * DAY, 100 + 38 * DAY, True),
        (_T - 40 * DAY, 100, False),
        (_T + 2 * DAY, 100 + DAY, False),
    ],
)
def test_a_clock_is_suspected_that_is_over_a_day_ahead_of_what_is_known(
    now: float, monotonic: float, suspected: bool
) -> None:
    assert observe(_KNOWN, now, monotonic).suspected is suspected


def _observe_all(*moments: tuple[float, float]) -> list[bool]:
    """Whether the clock is suspected at each (clock, monotonic), both in days after `_KNOWN`."""
    trust, results = _KNOWN, []
    for now, monotonic in moments:
        trust = observe(trust, _T + now * DAY, 100 + monotonic * DAY)
        results.append(trust.suspected)
    return results


def test_a_suspected_clock_is_trusted_when_it_was_set_right_or_has_run_for_a_day() -> None:
    assert _observe_all((40, 0), (40.5, 0.5), (0.6, 0.6)) == [True, True, False]
    assert _observe_all((40, 0), (40.9, 0.9), (41, 1), (42, 2)) == [True, True, False, False]


def test_a_second_jump_begins_the_day_anew() -> None:
    assert _observe_all((40, 0), (80.9, 0.9), (81.5, 1.5), (81.9, 1.9)) == [True, True, True, False]


def test_a_clock_that_was_far_behind_and_is_set_right_is_trusted() -> None:
    assert _observe_all((-3000, 0), (0.1, 0.1), (40, 0.2)) == [False, False, True]


@pytest.mark.parametrize(
    ("checkpoint", "newest", "known"),
    [
        (None, None, None),
        (None, 500, 500),
        (Checkpoint(1000), None, 1000),
        (Checkpoint(1000), 900, 1000),
        (Checkpoint(1000), 9000, 1000),
    ],
)
def test_sessions_that_a_wrong_clock_stored_are_no_evidence(
    checkpoint: Checkpoint | None, newest: int | None, known: int | None
) -> None:
    assert known_time(checkpoint, newest) == known


def test_old_sessions_are_deleted_a_day_at_a_time() -> None:
    assert list(portions(100, 100)) == list(portions(200, 100)) == []
    assert list(portions(100, 200)) == [200]
    assert list(portions(0, 3 * DAY)) == [DAY, 2 * DAY, 3 * DAY]
    assert list(portions(0, 3 * DAY + 5)) == [DAY, 2 * DAY, 3 * DAY, 3 * DAY + 5]
    decades = list(portions(0, 20_000 * DAY))
    assert len(decades) <= 401
    assert decades == sorted(set(decades))
    assert decades[-1] == 20_000 * DAY
