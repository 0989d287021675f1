"""Meetings and rooms made of stays."""

from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from jmmc.answers.meetings import (
    Stay,
    bad_share,
    meeting_of,
    meetings_of,
    rooms_of,
    stays_by_meeting,
)
from jmmc.quality.meetings import EMPTY_FOR, badness, split


def _stay(browser_id: str, began: int, ended: int, room: str = "room", **more: int) -> Stay:
    seconds = {
        "good": ended - began - sum(more.values()),
        "fair": 0,
        "poor": 0,
        "unknown": 0,
        **more,
    }
    return Stay(f"{room}-{browser_id}-{began}", room, browser_id, began, ended, False, **seconds)


_STAYS = st.lists(
    st.builds(
        lambda browser_id, began, length: _stay(browser_id, began, began + length),
        st.sampled_from("abc"),
        st.integers(0, 4000),
        st.integers(1, 900),
    ),
    min_size=1,
).map(lambda stays: sorted(stays, key=lambda stay: stay.began))


@given(_STAYS)
def test_the_peak_is_the_largest_number_of_participants_at_any_moment(stays: list[Stay]) -> None:
    moments = [
        {stay.browser_id for stay in stays if stay.began <= at < stay.ended} for at in range(5000)
    ]
    meeting = meeting_of(stays)
    assert meeting.peak_people == max(map(len, moments))
    assert meeting.peak_connections == max(
        sum(stay.began <= at < stay.ended for stay in stays) for at in range(5000)
    )


@given(_STAYS)
def test_between_two_meetings_the_room_was_empty_for_ten_minutes_and_never_within_one(
    stays: list[Stay],
) -> None:
    meetings = list(split(stays))
    assert [stay for meeting in meetings for stay in meeting] == stays
    for before, after in pairwise(meetings):
        assert after[0].began - max(stay.ended for stay in before) >= EMPTY_FOR
    for meeting in meetings:
        for number in range(1, len(meeting)):
            assert meeting[number].began - max(stay.ended for stay in meeting[:number]) < EMPTY_FOR


def test_a_room_empty_for_ten_minutes_has_two_meetings_and_for_a_second_less_has_one() -> None:
    first = _stay("a", 0, 100)
    assert len(list(split([first, _stay("b", 100 + EMPTY_FOR, 900)]))) == 2
    assert len(list(split([first, _stay("b", 99 + EMPTY_FOR, 900)]))) == 1


def test_a_meeting_runs_while_a_session_runs_and_counts_unknown_time() -> None:
    ended, running = (
        _stay("a", 0, 90, unknown=30),
        _stay("b", 0, 60, unknown=7)._replace(running=True),
    )
    assert not meeting_of([ended]).running
    meeting = meeting_of([ended, running])
    assert meeting.running
    assert meeting.grades.unknown_seconds == 37
    assert repr(meeting.minutes) == "3", "whole minutes"


def test_a_fair_second_weighs_three_tenths_of_a_poor_one() -> None:
    assert badness(10, 2) == 50
    stay = _stay("a", 0, 100, good=30, fair=50, poor=20, unknown=99)
    assert bad_share(stay) == 0.35, "of the time that is known"


def test_a_participant_in_two_tabs_counts_once_in_two_sessions() -> None:
    meeting = meeting_of([_stay("a", 0, 600), _stay("b", 60, 120), _stay("a", 100, 700)])
    assert (meeting.sessions, meeting.participants) == (3, 2)
    assert (meeting.peak_people, meeting.peak_connections) == (2, 3)
    assert (meeting.began, meeting.ended, meeting.minutes) == (0, 700, 21)


def test_rooms_have_totals_of_their_meetings_most_recently_used_first() -> None:
    stays = [_stay("a", 0, 600, poor=60), _stay("a", 5000, 5600), _stay("b", 0, 6000, "other")]
    other, room = rooms_of(stays)
    assert (other.room, other.last, other.participants) == ("other", 6000, 1)
    assert (room.sessions, room.participants, room.minutes) == (2, 1, 20)
    assert (room.began, room.last, room.grades.poor_share) == (0, 5600, 60 / 1200)
    meetings = meetings_of(stays_by_meeting(stays), {})
    assert [(meeting.room, meeting.began) for meeting in meetings] == [
        ("room", 5000),
        ("other", 0),
        ("room", 0),
    ]
