"""Meetings at one time in rooms of one name are told apart by Jitsi's id of the meeting."""

from typing import NamedTuple

import pytest
from hypothesis import given
from hypothesis import strategies as st

from jmmc.quality.meeting_ids import meetings_apart


class _Session(NamedTuple):
    name: str
    began: int
    ended: int
    jitsi_meeting_id: str


def _names(*sessions: tuple[str, int, int, str]) -> list[str]:
    listed = sorted((_Session(*session) for session in sessions), key=lambda session: session.began)
    return ["".join(session.name for session in meeting) for meeting in meetings_apart(listed)]


@pytest.mark.parametrize(
    ("sessions", "meetings"),
    [
        ([("a", 0, 100, "x"), ("b", 50, 150, "x")], ["ab"]),
        ([("a", 0, 100, "x"), ("b", 50, 150, "y")], ["a", "b"]),
        ([("a", 0, 100, ""), ("b", 50, 150, "")], ["ab"]),
        ([("a", 0, 100, "x"), ("b", 50, 150, "")], ["ab"]),
        # The room was opened again.
        ([("a", 0, 100, "x"), ("b", 100, 200, "y")], ["ab"]),
        # Ten seconds are within the errors of clocks.
        ([("a", 0, 100, "x"), ("b", 90, 200, "y")], ["ab"]),
        ([("a", 0, 100, "x"), ("b", 89, 200, "y")], ["a", "b"]),
        # Those without an id are where they were longest, or nearest, however they come.
        ([("n", 0, 100, ""), ("a", 10, 60, "x"), ("b", 20, 90, "y")], ["a", "nb"]),
        ([("a", 0, 500, "x"), ("b", 0, 100, "y"), ("n", 50, 300, "")], ["an", "b"]),
        ([("a", 0, 100, "x"), ("b", 0, 200, "y"), ("n", 250, 300, "")], ["a", "bn"]),
        ([("n", 0, 50, ""), ("a", 100, 500, "x"), ("b", 60, 500, "y")], ["nb", "a"]),
        # The time of each id is all of its sessions together.
        ([("a", 0, 100, "x"), ("c", 90, 300, "x"), ("b", 0, 210, "y"), ("n", 120, 290, "")],
         ["acn", "b"]),
        # In the gap of a meeting, another one is nearer.
        ([("a", 0, 100, "x"), ("c", 900, 990, "x"), ("b", 50, 450, "y"), ("n", 460, 700, "")],
         ["ac", "bn"]),
        # Three ids, of which the third began long after the first ended.
        ([("a", 0, 100, "x"), ("b", 50, 400, "y"), ("c", 300, 500, "z")], ["a", "b", "c"]),
        # A session with another id between does not hide the one that goes on.
        ([("a", 0, 900, "x"), ("b", 890, 899, "y"), ("c", 895, 950, "z")], ["abc"]),
    ],
)  # fmt: skip
def test_sessions_with_different_ids_that_overlap_are_in_two_meetings(
    sessions: list[tuple[str, int, int, str]], meetings: list[str]
) -> None:
    assert _names(*sessions) == meetings


_SESSIONS = st.lists(
    st.builds(
        lambda began, length, id_: _Session("", began, began + length, id_),
        st.integers(0, 2000),
        st.integers(0, 900),
        st.sampled_from(["", "x", "y", "z"]),
    ),
    min_size=1,
    max_size=12,
).map(lambda listed: sorted(listed, key=lambda session: session.began))


@given(_SESSIONS)
def test_no_session_is_lost_and_no_two_ids_overlap_in_one_meeting(listed: list[_Session]) -> None:
    meetings = meetings_apart(listed)
    assert sorted(session for meeting in meetings for session in meeting) == sorted(listed)
    for meeting in meetings:
        assert meeting == sorted(meeting, key=lambda session: session.began)
        for place, session in enumerate(meeting):
            for other in meeting[:place]:
                ids = {session.jitsi_meeting_id, other.jitsi_meeting_id} - {""}
                overlap = min(session.ended, other.ended) - session.began
                assert len(ids) < 2 or overlap <= 10
