"""The senders of sessions are known for those that sent most recently."""

import pytest

from jmmc.ingest.session_senders import SessionSenders


def test_a_session_has_its_last_sender_and_all_its_samples() -> None:
    senders = SessionSenders()
    assert senders.of("a") is None
    senders.count("a", 1, 3)
    senders.count("a", 2, 4)
    assert senders.of("a") == (2, 7)


def test_of_too_many_sessions_the_least_recent_is_forgotten(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("jmmc.ingest.session_senders.MOST_RECENT", 2)
    senders = SessionSenders()
    for session in ("a", "b", "a", "c"):
        senders.count(session, 1, 1)
    assert [senders.of(session) for session in "abc"] == [(1, 2), None, (1, 1)]


def test_none_of_100_000_sessions_that_go_on_is_forgotten_while_others_come_and_go() -> None:
    """A forgotten one would count as a new session of its address, which may open few."""
    senders = SessionSenders()
    going_on = [f"{number:024x}" for number in range(100_000)]
    for session in going_on:
        senders.count(session, 1, 3)
    for number in range(40_000):
        senders.count(f"short {number}", 2, 1)
    assert all(senders.of(session) for session in going_on)
