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
    monkeypatch.setattr("jmmc.ingest.session_senders._MOST_SESSIONS", 2)
    senders = SessionSenders()
    for session in ("a", "b", "a", "c"):
        senders.count(session, 1, 1)
    assert [senders.of(session) for session in "abc"] == [(1, 2), None, (1, 1)]
