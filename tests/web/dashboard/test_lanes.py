"""The lanes of a meeting: their order and their marks."""

from typing import Any

import msgspec
import pytest

from jmmc.answers.meetings import empty_meeting
from jmmc.answers.model import Lane, MeetingDetail
from jmmc.core.model import Dialect, Session
from jmmc.quality.summarize import summarize
from jmmc.quality.summary import CallEvent, Summary
from jmmc.quality.thresholds import preset
from jmmc.quality.ways import Ways
from jmmc.web.dashboard.lanes import lanes_of
from tests.support.builders import RHYTHM, sample

_BASE = summarize(
    Session("a" * 24, "room", "u", Dialect.V2, 0, (sample(0, ts=0), sample(1, ts=600))),
    preset=preset("experience"),
    rhythm=RHYTHM,
)


def _person(name: str, **fields: Any) -> Summary:
    return msgspec.structs.replace(
        _BASE, session=name, browser_id=name, endpoint_id="", name=name, **fields
    )


def _meeting(*summaries: Summary, attempts: tuple[Summary, ...] = ()) -> MeetingDetail:
    lanes = tuple(Lane(summary, summary.grade) for summary in summaries)
    return MeetingDetail(empty_meeting("m", "room", 0), lanes, (), Ways(False), attempts)


@pytest.mark.parametrize(
    ("order", "names"),
    [
        ("", ["poor", "Fair", "early", "Zoe"]),
        ("worst", ["poor", "Fair", "early", "Zoe"]),
        ("join", ["early", "Zoe", "poor", "Fair"]),
        ("name", ["early", "Fair", "poor", "Zoe"]),
        ("by the moon", ["poor", "Fair", "early", "Zoe"]),
    ],
)
def test_lanes_are_in_the_order_that_is_asked_for_by_default_the_worst_first(
    order: str, names: list[str]
) -> None:
    meeting = _meeting(
        _person("Zoe", began=20, fair=0, poor=0),
        _person("Fair", began=40, fair=90, poor=0),
        _person("poor", began=30, fair=0, poor=60),  # Ten tenths a second, a fair one has three.
        _person("early", began=10, fair=0, poor=0),
    )
    assert [row.lane.session.name for row in lanes_of(meeting, order)] == names


def test_all_events_are_marked_while_they_can_be_distinguished_else_those_of_the_connection() -> (
    None
):
    few = (*(CallEvent(at, "muted_audio") for at in range(7)), CallEvent(9, "interrupted"))
    many = (*few, CallEvent(10, "path"))
    quiet, busy = lanes_of(_meeting(_person("a", events=few), _person("b", events=many)), "name")
    assert quiet.events == few
    assert busy.events == (CallEvent(9, "interrupted"),)
    crowd = [_person(f"{number:02}", events=few) for number in range(31)]
    assert lanes_of(_meeting(*crowd), "name")[0].events == (CallEvent(9, "interrupted"),)


def test_a_failed_join_is_marked_on_the_lane_of_its_person() -> None:
    attempt = msgspec.structs.replace(_person("a", began=50), outcome="failed", failure="reload")
    stranger = msgspec.structs.replace(_person("x", began=60), outcome="failed", failure="other")
    meeting = _meeting(_person("a"), _person("b"), attempts=(attempt, stranger))
    rows = lanes_of(meeting, "name")
    assert [row.attempts for row in rows] == [(CallEvent(50, "failure reload"),), ()]
