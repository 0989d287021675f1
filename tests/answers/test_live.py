"""This moment, of those who are there."""

from collections.abc import Sequence

from jmmc.answers.live import LiveView
from jmmc.answers.model import Live
from jmmc.quality.grading import Grade, Spell
from jmmc.quality.summary import GradeSpan, LiveSession


def _there(number: int, conf: str, grade: Grade, region: str = "eu", *reasons: str) -> LiveSession:
    lane = (GradeSpan(1000, 1900, Grade.GOOD), GradeSpan(1900, 2000, grade))
    spells = (Spell(1900, 2000, grade, dict.fromkeys(reasons, 100)),) if reasons else ()
    return LiveSession(
        f"{number:024x}", conf, 1000, 2000, lane, spells, "Chrome 131", region, "203.0.113.0/24"
    )


def _live(people: Sequence[LiveSession], now: int) -> Live:
    gathering = LiveView()
    gathering.add(people[::2])
    gathering.add(people[1::2])
    return gathering.live(now)


_GOOD, _FAIR, _POOR = Grade.GOOD, Grade.FAIR, Grade.POOR


def test_the_worst_meeting_comes_first_with_its_reasons() -> None:
    live = _live(
        [
            _there(1, "calm", _GOOD),
            _there(2, "calm", _GOOD),
            _there(3, "calm", _GOOD),
            _there(4, "bad", _POOR, "us", "loss", "rtt"),
            _there(5, "bad", _POOR, "us", "loss"),
            _there(6, "so-so", _FAIR, "eu", "cpu"),
        ],
        2000,
    )
    assert [(tile.room, tile.people, tile.poor) for tile in live.meetings] == [
        ("bad", 2, 2),
        ("so-so", 1, 0),
        ("calm", 3, 0),
    ]
    assert live.meetings[0].reasons == ("loss", "rtt")
    assert (live.people, live.good, live.fair, live.poor, live.unknown) == (6, 3, 1, 2, 0)


def test_it_tells_where_it_is_bad() -> None:
    live = _live(
        [_there(n, "x", _POOR if n < 3 else _GOOD, "us" if n < 4 else "eu") for n in range(9)], 0
    )
    first = next(place for place in live.hotspots if place.dimension == "region")
    assert (first.value, first.people, first.affected) == ("us", 4, 3)


def test_nobody_is_there() -> None:
    live = _live([], 5)
    assert (live.at, live.people, live.meetings, live.hotspots) == (5, 0, (), ())
