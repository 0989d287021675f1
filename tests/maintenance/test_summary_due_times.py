"""A summary is due when its session has grown by a twentieth, and never waits for long."""

import pytest

from jmmc.maintenance.summary_due_times import PATIENCE, DueTimes


@pytest.mark.parametrize(
    ("length", "waits"), [(60, 3), (600, 30), (1800, PATIENCE), (86_400, PATIENCE)]
)
def test_a_longer_session_is_summarized_less_often(length: float, waits: float) -> None:
    due_times = DueTimes()
    due_times.summarized("a", length=length, running=True, now=1000)
    assert due_times.due(["a"], 1000 + waits - 0.5) == []
    assert due_times.due(["a"], 1000 + waits) == ["a"]


def test_an_unknown_or_ended_session_is_due_at_once() -> None:
    due_times = DueTimes()
    due_times.summarized("a", length=3600, running=True, now=1000)
    due_times.summarized("a", length=3600, running=False, now=1001)
    assert due_times.due(["a", "b"], 1001) == ["a", "b"]


def test_the_longest_overdue_session_comes_first() -> None:
    due_times = DueTimes()
    for session, now in (("a", 30), ("b", 10), ("c", 20)):
        due_times.summarized(session, length=3600, running=True, now=now)
    assert due_times.due(["a", "b", "c", "new"], 200) == ["new", "b", "c", "a"]


def test_a_clock_that_was_set_back_delays_no_session() -> None:
    due_times = DueTimes()
    due_times.summarized("a", length=3600, running=True, now=5000)
    assert due_times.due(["a"], 1000) == ["a"]
