"""The live view: order of meetings, reasons and hotspots."""

from collections.abc import Sequence

import msgspec

from jmmc.answers.joins import rates_of, reasons_of
from jmmc.answers.live import LiveView
from jmmc.answers.model import Live, RecentJoins
from jmmc.quality.differences import Mark
from jmmc.quality.filters import SummaryFilter
from jmmc.quality.grading import Grade, Spell
from jmmc.quality.joins import JoinSums
from jmmc.quality.segments import Segment
from jmmc.quality.summary import GradeSpan, LiveSession

_NO_JOINS = RecentJoins(
    600, rates_of(JoinSums(), SummaryFilter()), reasons_of(JoinSums()), latest=()
)


def _session(
    number: int, room: str, grade: Grade, region: str = "eu", *reasons: str, who: str = ""
) -> LiveSession:
    spans = (
        GradeSpan(1000, 1900, Grade.GOOD),
        GradeSpan(1900, 2000, grade),
        GradeSpan(2000, 2020, Grade.UNKNOWN),  # Since the last sample.
    )
    spells = (Spell(1900, 2000, grade, dict.fromkeys(reasons, 100)),) if reasons else ()
    return LiveSession(
        f"{number:024x}",
        room,
        who or f"browser {number}",
        1000,
        2000,
        spans,
        spells,
        "Chrome 131",
        region,
        "203.0.113.0/24",
    )


def _live(sessions: Sequence[LiveSession], now: int) -> Live:
    view = LiveView()
    view.add(sessions[::2])
    view.add(sessions[1::2])
    return view.live(now, _NO_JOINS)


_GOOD, _FAIR, _POOR = Grade.GOOD, Grade.FAIR, Grade.POOR


def test_the_worst_meeting_is_first_and_has_its_reasons() -> None:
    live = _live(
        [
            _session(1, "calm", _GOOD),
            _session(2, "calm", _GOOD),
            _session(3, "calm", _GOOD),
            _session(4, "bad", _POOR, "us", "loss", "rtt"),
            _session(5, "bad", _POOR, "us", "loss"),
            _session(6, "so-so", _FAIR, "eu", "cpu"),
        ],
        2000,
    )
    assert [(meeting.room, meeting.people, meeting.poor) for meeting in live.meetings] == [
        ("bad", 2, 2),
        ("so-so", 1, 0),
        ("calm", 3, 0),
    ]
    assert live.meetings[0].reasons == ("loss", "rtt")
    assert (live.people, live.good, live.fair, live.poor, live.unknown) == (6, 3, 1, 2, 0)


def test_running_meetings_with_different_ids_are_several_and_of_one_room() -> None:
    def there(number: int, mid: str, began: int, last: int = 2000) -> LiveSession:
        session = _session(number, "standup", _GOOD)
        return msgspec.structs.replace(session, jitsi_meeting_id=mid, began=began, last=last)

    live = _live([there(1, "x", 1000), there(2, "y", 1100), there(3, "x", 1200)], 2000)
    assert [(meeting.room, meeting.people) for meeting in live.meetings] == [
        ("standup", 2),
        ("standup", 1),
    ]
    assert [meeting.id[-1] for meeting in live.meetings] == ["1", "2"]
    with_none = _live([there(1, "x", 1000), there(2, "y", 1500), there(3, "", 1100)], 2000)
    assert [(row.people, row.id[-1]) for row in with_none.meetings] == [(2, "1"), (1, "2")]
    again = _live([there(1, "x", 1000, 1495), there(2, "y", 1490)], 2000)
    assert [(row.people, row.id[-1]) for row in again.meetings] == [(2, "1")]


def test_a_bridge_is_a_hotspot_and_to_be_without_one_is_none() -> None:
    def on(number: int, bridge: str) -> LiveSession:
        session = _session(number, "room", _POOR, "eu", "loss")
        return msgspec.structs.replace(session, bridge=bridge)

    live = _live([on(1, "192.0.2.1"), on(2, "192.0.2.1"), on(3, "p2p"), on(4, "")], 2000)
    assert [
        (spot.value, spot.affected) for spot in live.hotspots if spot.dimension == "bridge"
    ] == [("192.0.2.1", 2)]


def test_a_hotspot_counts_participants_and_affected_ones_by_dimension() -> None:
    live = _live(
        [_session(n, "x", _POOR if n < 3 else _GOOD, "us" if n < 4 else "eu") for n in range(9)], 0
    )
    first = next(hotspot for hotspot in live.hotspots if hotspot.dimension == "region")
    assert (first.value, first.people, first.affected) == ("us", 4, 3)


def test_a_person_in_two_tabs_is_one_person_with_the_worse_grade_of_both() -> None:
    live = _live(
        [
            _session(1, "x", _GOOD, who="a"),
            _session(2, "x", _POOR, who="a"),
            _session(3, "x", _FAIR),
        ],
        0,
    )
    assert (live.people, live.connections, live.good, live.fair, live.poor) == (2, 3, 0, 1, 1)
    (meeting,) = live.meetings
    assert (meeting.people, meeting.poor, meeting.fair) == (2, 1, 1)
    assert next(spot for spot in live.hotspots if spot.dimension == "region").people == 2


def test_who_has_moved_counts_where_they_are_now() -> None:
    moved = msgspec.structs.replace(
        _session(1, "x", _POOR),
        segments=(Segment(1000, 1500, {"region": "eu"}), Segment(1500, 2020, {"region": "us"})),
    )
    (spot,) = [spot for spot in _live([moved], 0).hotspots if spot.dimension == "region"]
    assert spot.value == "us"


def test_the_live_view_is_empty_without_sessions() -> None:
    live = _live([], 5)
    assert (live.at, live.people, live.meetings, live.hotspots) == (5, 0, (), ())


def test_a_group_with_a_larger_part_of_affected_people_beyond_chance_is_marked() -> None:
    """In region us nearly everybody of 20 meetings is affected, elsewhere nearly nobody of 60."""
    sessions = [
        _session(
            number,
            f"room {number // 3}",
            _POOR if (number % 10 != 0) == (number < 60) else _GOOD,
            "us" if number < 60 else "eu",
        )
        for number in range(240)
    ]
    marks = {hotspot.value: hotspot.mark for hotspot in _live(sessions, 2100).hotspots}
    assert (marks["us"], marks["Chrome 131"]) == (Mark.WORSE, Mark.FEW)
    assert _live(sessions, 2100).hotspots[0].value == "us", "before larger groups"


def test_one_meeting_with_problems_marks_none_of_its_groups() -> None:
    """All ten people of one meeting, who are alone in their region: it may be the meeting."""
    sessions = [_session(n, "broken", _POOR, "us") for n in range(10)]
    sessions += [_session(n, f"room {n // 3}", _GOOD, "eu") for n in range(10, 100)]
    assert all(hot.mark is not Mark.WORSE for hot in _live(sessions, 2100).hotspots)
