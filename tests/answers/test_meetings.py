"""Who was in a room when, and what meetings that makes."""

from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from jmmc.answers.meetings import (
    EMPTY_FOR,
    Stay,
    bad_share,
    badness,
    meeting_of,
    meetings_of,
    rooms_of,
    split,
)


def _stay(uid: str, began: int, ended: int, conf: str = "room", **more: int) -> Stay:
    seconds = {"good": ended - began, "fair": 0, "poor": 0, "unknown": 0, **more}
    return Stay(f"{conf}-{uid}-{began}", conf, uid, began, ended, False, **seconds)


_STAYS = st.lists(
    st.builds(
        lambda uid, began, length: _stay(uid, began, began + length),
        st.sampled_from("abc"),
        st.integers(0, 4000),
        st.integers(1, 900),
    ),
    min_size=1,
).map(lambda value: sorted(value, key=lambda item: item.began))


@given(_STAYS)
def test_the_peak_is_the_most_people_that_were_there_at_any_moment(stays: list[Stay]) -> None:
    moments = [
        {stay.browser_id for stay in stays if stay.began <= at < stay.ended} for at in range(5000)
    ]
    assert meeting_of(stays).peak == max(map(len, moments))


@given(_STAYS)
def test_between_two_meetings_the_room_was_empty_for_ten_minutes_and_never_within_one(
    stays: list[Stay],
) -> None:
    meetings = list(split(stays))
    assert [item for meeting in meetings for item in meeting] == stays
    for before, after in pairwise(meetings):
        assert after[0].began - max(summary.ended for summary in before) >= EMPTY_FOR
    for meeting in meetings:
        for number in range(1, len(meeting)):
            assert meeting[number].began - max(item.ended for item in meeting[:number]) < EMPTY_FOR


def test_a_room_that_was_empty_for_ten_minutes_has_two_meetings_and_a_second_less_is_one() -> None:
    first = _stay("a", 0, 100)
    assert len(list(split([first, _stay("b", 100 + EMPTY_FOR, 900)]))) == 2
    assert len(list(split([first, _stay("b", 99 + EMPTY_FOR, 900)]))) == 1


def test_a_meeting_runs_as_long_as_anybody_is_there_and_what_is_unknown_is_told() -> None:
    over, there = _stay("a", 0, 90, unknown=30), _stay("b", 0, 60, unknown=7)._replace(running=True)
    assert not meeting_of([over]).running
    meeting = meeting_of([over, there])
    assert meeting.running
    assert meeting.grades.unknown_seconds == 37
    assert repr(meeting.minutes) == "2", "whole minutes"


def test_a_fair_second_is_three_tenths_of_a_poor_one_in_the_search_for_the_worst() -> None:
    assert badness(10, 2) == 50
    stay = _stay("a", 0, 100, good=30, fair=50, poor=20, unknown=99)
    assert bad_share(stay) == 0.35, "of the time that is known"


def test_somebody_in_two_tabs_is_one_person_in_two_sessions() -> None:
    meeting = meeting_of([_stay("a", 0, 600), _stay("b", 60, 120), _stay("a", 100, 700)])
    assert (meeting.sessions, meeting.participants, meeting.peak) == (3, 2, 2)
    assert (meeting.began, meeting.ended, meeting.minutes) == (0, 700, 21)


def test_rooms_are_summed_up_over_their_meetings_the_latest_first() -> None:
    stays = [_stay("a", 0, 600, poor=60), _stay("a", 5000, 5600), _stay("b", 0, 6000, "other")]
    other, room = rooms_of(stays)
    assert (other.room, other.last, other.participants) == ("other", 6000, 1)
    assert (room.sessions, room.participants, room.minutes) == (2, 1, 20)
    assert (room.began, room.last, room.grades.poor_share) == (0, 5600, round(60 / 1260, 4))
    assert [(summary.room, summary.began) for summary in meetings_of(stays)] == [
        ("room", 5000),
        ("other", 0),
        ("room", 0),
    ]
