"""A summary is due when its session has grown by a twentieth, and never waits for long."""

import pytest

from jmmc.maintenance.summary_due_times import PATIENCE, DueTimes, in_fair_order


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


def test_every_sender_gets_the_same_share_of_the_work() -> None:
    """One short session of each sender first, and long ones after what is as much work."""
    senders = {
        "a1": ("a", 1),
        "a2": ("a", 1),
        "a3": ("a", 1),
        "b1": ("b", 1700),
        "c1": ("c", 5),
        "c2": ("c", 5),
        **{f"d{number:03}": ("d", 1) for number in range(100)},
    }
    ordered = in_fair_order([*senders, "unknown"], senders.get)
    assert ordered[:4] == ["unknown", "a1", "d000", "c1"]
    assert ordered[4:8] == ["a2", "d001", "c2", "a3"]
    assert 80 < ordered.index("b1") < 100, "it is as much work as 80 short ones"
    assert [session for session in ordered if session[0] == "d"] == sorted(
        session for session in senders if session[0] == "d"
    )


def test_sessions_of_unknown_senders_keep_their_order() -> None:
    assert in_fair_order(["c", "a", "b"], {}.get) == ["c", "a", "b"]
