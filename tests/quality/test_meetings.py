"""Stays of many rooms as those of meetings, taken in part by part."""

from typing import NamedTuple

from hypothesis import given
from hypothesis import strategies as st

from jmmc.quality.meetings import MeetingSplitter


class _Stay(NamedTuple):
    name: str
    room: str
    began: int
    ended: int
    jitsi_meeting_id: str = ""


# By hand: room a has two meetings, for it was empty from 1000 to 1600; b is never empty for ten
# minutes; c has two meetings at one time, told apart by Jitsi's id.
_STAYS = (
    _Stay("1", "a", 0, 1000),
    _Stay("2", "b", 0, 100),
    _Stay("3", "c", 50, 500, "x"),
    _Stay("4", "c", 100, 400, "y"),
    _Stay("5", "a", 600, 900),
    _Stay("6", "b", 699, 5000),
    _Stay("7", "a", 1600, 1700),
    _Stay("8", "b", 5500, 5600),
)
_MEETINGS = {"15", "7", "268", "3", "4"}


@given(st.lists(st.integers(0, 6000)))
def test_meetings_are_the_same_whatever_the_parts(ends: list[int]) -> None:
    splitter: MeetingSplitter[_Stay] = MeetingSplitter()
    meetings: list[list[_Stay]] = []
    start = 0
    for end in sorted({*ends, 6001}):
        part = [stay for stay in _STAYS if start <= stay.began < end]
        meetings += splitter.add(part, end)
        start = end
    meetings += splitter.rest()
    names = ["".join(stay.name for stay in meeting) for meeting in meetings]
    assert (len(names), set(names)) == (len(_MEETINGS), _MEETINGS)


def test_a_meeting_is_known_as_soon_as_its_room_was_empty_for_ten_minutes() -> None:
    splitter: MeetingSplitter[_Stay] = MeetingSplitter()
    assert list(splitter.add(_STAYS[:1], 1599)) == []
    assert list(splitter.add([], 1600)) == [[_STAYS[0]]]
    assert list(splitter.rest()) == []
