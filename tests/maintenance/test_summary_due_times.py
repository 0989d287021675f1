"""A summary is due when its session has grown by a twentieth, and never waits for long."""

import pytest

from jmmc.maintenance.summary_due_times import (
    PATIENCE,
    DueTimes,
    pause_of_quick_session,
    pushes_of_summary,
)


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


def test_of_very_many_sessions_a_summary_has_two_or_three_pushes() -> None:
    """At most 1,700 summaries a second: 51,000 sessions push once in 30 seconds."""
    sizes = (0, 1, 10_000, 51_000, 51_001, 102_000, 102_001)
    assert [pushes_of_summary(size, 30) for size in sizes] == [1, 1, 1, 1, 2, 2, 3]


def test_a_summary_waits_for_further_pushes_but_never_for_long() -> None:
    due_times = DueTimes()
    due_times.summarized("a", length=0, running=True, now=1000, earliest=1055)
    assert due_times.due(["a"], 1054.9) == []
    assert due_times.due(["a"], 1055) == ["a"]
    due_times.summarized("a", length=0, running=True, now=1000, earliest=5000)
    assert due_times.due(["a"], 1000 + PATIENCE) == ["a"]


def test_sessions_that_had_to_wait_become_due_once_each_the_earliest_first() -> None:
    due_times = DueTimes()
    for session, earliest in (("a", 1030), ("b", 1020), ("c", 0), ("d", 1040), ("e", 1025)):
        due_times.summarized(session, length=0, running=True, now=1000, earliest=earliest)
    due_times.summarized("b", length=0, running=True, now=1010, earliest=1035)
    due_times.summarized("e", length=0, running=False, now=1010)
    assert due_times.become_due(1034, most=9) == ["a"], "c never had to wait, and e is over"
    assert due_times.become_due(1050, most=1) == ["b"]
    assert due_times.become_due(1050, most=9) == ["d"]
    due_times.summarized("a", length=0, running=True, now=1050, earliest=1060)
    due_times.wait_no_more()
    assert due_times.become_due(1100, most=9) == []


@pytest.mark.parametrize(
    ("samples", "seconds", "pause"),
    [
        (3, 30, 0),  # A browser: a sample every ten seconds.
        (12, 30, 0),  # It reports nine events besides.
        (240, 600, 0),
        (4, 0, 0),  # The events of a join.
        (9, 1, 11.5),
        (90, 10, 30),
        (90, 3600, 0),
    ],
)
def test_a_session_waits_that_sends_more_than_four_times_as_much_as_a_browser(
    samples: int, seconds: int, pause: float
) -> None:
    assert pause_of_quick_session(samples, seconds) == pause


def test_a_session_that_pushes_all_the_time_is_summarized_twice_a_minute() -> None:
    made = [0]
    while made[-1] < 100:  # Two samples a second: after three seconds it is 2 s ahead.
        made.append(made[-1] + max(1, int(pause_of_quick_session(2 * made[-1], made[-1]))))
    assert made == [0, 1, 2, 3, 5, 15, 45, 75, 105]
