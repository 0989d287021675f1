"""Who counts as there, as affected, and as a member, when a problem is compared with others."""

import msgspec
import pytest

from jmmc.quality.causes import Records
from jmmc.quality.causes.crowd import Crowd, Scene, places
from jmmc.quality.causes.problem import Problem
from jmmc.quality.grading import Grade, Spell
from jmmc.quality.segments import Segment
from jmmc.quality.summary import GradeSpan, Summary
from tests.quality.test_causes import _person

_ME = _person(0, (1400, 1600), room="mine", region="eu", bridge="b1")
_GOOD, _FAIR, _POOR, _UNKNOWN = Grade.GOOD, Grade.FAIR, Grade.POOR, Grade.UNKNOWN


def _scene(*others: Summary, me: Summary = _ME, start: int = 1400, end: int = 1600) -> Scene:
    return Crowd([me, *others], 1000, 2000).scene(me, start, end)


def _members(scene: Scene, kind: str) -> set[int]:
    return {
        place
        for group in scene.groups
        if group.kind == kind
        for place in places(group.members & scene.known)
    }


def _lane(number: int, *parts: tuple[int, Grade]) -> Summary:
    """Somebody who was there from 1400 on."""
    lane, at = [], 1400
    for seconds, grade in parts:
        lane.append(GradeSpan(at, at + seconds, grade))
        at += seconds
    return msgspec.structs.replace(
        _person(number), began=1400, ended=at, grade_spans=tuple(lane), spells=()
    )


@pytest.mark.parametrize(
    ("parts", "affected", "known"),
    [
        ([(200, _GOOD)], False, True),
        ([(200, _FAIR)], True, True),
        ([(60, _GOOD), (140, _UNKNOWN)], False, False),
        ([(130, _GOOD), (70, _UNKNOWN)], False, True),
        ([(130, _POOR), (70, _GOOD)], True, True),
        ([(50, _POOR), (150, _GOOD)], False, True),
        ([(70, _UNKNOWN), (90, _POOR), (40, _GOOD)], True, True),
        ([(200, _UNKNOWN)], False, False),
    ],
)
def test_others_count_from_half_of_the_time_known_and_are_affected_from_half_of_that(
    parts: list[tuple[int, Grade]], affected: bool, known: bool
) -> None:
    scene = _scene(_lane(1, *parts))
    assert (bool(scene.known), bool(scene.affected)) == (known, affected)


def test_who_was_there_at_another_time_does_not_count() -> None:
    gone = msgspec.structs.replace(
        _person(1), ended=1300, grade_spans=(GradeSpan(1000, 1300, Grade.POOR),)
    )
    assert _scene(gone).known == 0


def test_groups_have_those_with_the_same_value_and_browsers_also_other_versions() -> None:
    scene = _scene(
        _person(1, room="mine", region="us"),
        _person(2, region="eu", bridge="b2", browser="Firefox 132"),
        _person(3, region="eu", bridge="b1", browser="Safari 18"),
        _person(4, region="", bridge=""),
    )
    assert _members(scene, "meeting") == {1}
    assert _members(scene, "region") == {2, 3}
    assert _members(scene, "bridge") == {3}
    assert _members(scene, "service") == {1, 2, 3, 4}
    browsers = {
        group.value: [*places(group.members)] for group in scene.groups if group.kind == "browser"
    }
    assert browsers["Firefox 133"] == [0, 1, 4]
    assert browsers["Firefox"] == [0, 1, 2, 4]


def test_an_unknown_value_is_no_group_and_udp_neither() -> None:
    me = msgspec.structs.replace(_ME, region="", provider="")
    kinds = {group.kind for group in _scene(_person(1, region=""), me=me).groups}
    assert kinds == {"meeting", "network", "bridge", "browser", "os", "service"}


def test_calls_from_peer_to_peer_use_no_bridge() -> None:
    direct = _person(1, transport="p2p", region="eu", bridge="b1")
    scene = _scene(direct, _person(2, region="eu", bridge="b1"))
    assert _members(scene, "region") == _members(scene, "bridge") == {2}
    kinds = {group.kind for group in _scene(_ME, me=direct).groups}
    assert not kinds & {"region", "bridge", "service", "transport"}


def test_somebody_who_moved_counts_where_they_were_at_that_time() -> None:
    moved = msgspec.structs.replace(
        _person(1, region="us"),
        segments=(Segment(1000, 1500, {"region": "eu"}), Segment(1500, 2000, {"region": "us"})),
    )
    assert _members(_scene(moved, start=1400, end=1480), "region") == {1}
    assert _members(_scene(moved, start=1520, end=1600), "region") == set()


@pytest.mark.parametrize(
    ("start", "end", "at_once"),
    [(1413, 1700, True), (1414, 1700, False), (1350, 1587, True), (1350, 1640, False)],
)
def test_problems_that_begin_or_end_within_the_moment_are_at_once(
    start: int, end: int, at_once: bool
) -> None:
    scene = _scene(_person(1, (start, end)))
    assert scene.affected
    assert bool(scene.at_once) is at_once


@pytest.mark.parametrize(
    ("start", "end", "at_both"),
    [(1413, 1587, True), (1414, 1600, False), (1400, 1614, False)],
)
def test_problems_that_begin_and_end_within_the_moment_are_at_both(
    start: int, end: int, at_both: bool
) -> None:
    scene = _scene(_person(1, (start, end)))
    assert bool(scene.at_both) is at_both
    assert scene.at_once


def test_a_problem_that_came_with_a_call_began_at_no_moment_of_others() -> None:
    me = msgspec.structs.replace(_person(0, (1400, 1600)), began=1390)
    assert not _scene(_person(1, (1400, 1650)), me=me).at_once
    assert _scene(_person(1, (1400, 1600)), me=me).at_once


def test_problems_that_last_until_calls_end_do_not_end_at_once() -> None:
    me = _person(0, (1400, 2000))
    assert not _scene(_person(1, (1300, 2000)), me=me, end=2000).at_once
    assert _scene(_person(1, (1405, 2000)), me=me, end=2000).at_once


def test_who_only_receives_what_another_one_sends_is_secondary() -> None:
    sender = _person(1, (1400, 1600), signs=("up",), room="r")
    receiver = _person(2, (1400, 1600), signs=("media",), senders=(1,), room="r")
    old = _person(3, (1400, 1600), signs=("media",), room="r")
    elsewhere = _person(4, (1400, 1600), signs=("media",), room="other")
    scene = _scene(sender, receiver, old, elsewhere)
    assert [*places(scene.affected)] == [1, 2, 3, 4]
    assert [*places(scene.secondary)] == [2, 3]


def test_signs_are_those_of_a_good_part_of_the_spell() -> None:
    spell = Spell(1400, 1600, Grade.POOR, {"loss": 200}, {"up": 200, "down": 60, "media": 150})
    person = msgspec.structs.replace(_person(1, (1400, 1600)), spells=(spell,))
    scene = _scene(person)
    assert {sign for sign, members in scene.with_sign.items() if members} == {"up", "media"}


def test_another_session_of_the_same_person_does_not_count() -> None:
    tab = msgspec.structs.replace(_person(1, (1400, 1600)), browser_id=_ME.browser_id)
    assert _scene(tab).known == 0


def test_who_recovers_soon_is_affected_where_many_problems_begin_at_that_moment() -> None:
    several = [_person(number, (1405, 1440)) for number in range(1, 9)]
    scene = _scene(*several)
    assert [*places(scene.affected)] == [1, 2, 3, 4, 5, 6, 7, 8]
    assert scene.at_once == scene.affected == scene.with_sign["up"]
    assert not scene.at_both
    assert not _scene(several[0], *(_person(number) for number in range(2, 9))).affected


def test_who_begins_late_is_affected_where_many_problems_end_at_that_moment() -> None:
    several = [_person(number, (1560, 1605), signs=("delay",)) for number in range(1, 9)]
    scene = _scene(*several)
    assert scene.at_once == scene.affected == scene.with_sign["delay"]
    assert scene.affected.bit_count() == 8
    assert not _scene(several[0]).affected


def test_the_two_ends_of_a_path_have_one_problem() -> None:
    mine = _person(1, (1400, 1600), signs=("up",), room="call", transport="p2p", network="net")
    theirs = _person(2, (1400, 1600), signs=("delay",), room="call", transport="p2p")
    scene = _scene(mine, theirs)
    assert scene.mirrored == ((0b010, 0b100),)
    on_a_bridge = [msgspec.structs.replace(person, transport="udp") for person in (mine, theirs)]
    slow = msgspec.structs.replace(
        _person(2, (1400, 1600), signs=("machine",)), room="call", transport="p2p"
    )
    assert _scene(*on_a_bridge).mirrored == _scene(mine, slow).mirrored == ()


def test_both_ends_of_a_path_count_once_and_not_outside_a_group_that_has_a_problem_in_it() -> None:
    mine = _person(1, (1400, 1600), signs=("up",), room="call", transport="p2p", network="net")
    theirs = _person(2, (1400, 1600), signs=("delay",), room="call", transport="p2p")
    crowd = Crowd([_ME, mine, theirs, _person(3)], 1000, 2000)
    problem = Problem(_ME, _ME.spells[0], crowd, Records())
    everybody = problem.own_problems(-1)
    assert (everybody.bad, everybody.good) == (1, 1)
    for members in (0b0010, 0b0100, 0b0110):
        inside = problem.own_problems(members)
        outside = problem.own_problems_outside(members, inside)
        assert (inside.bad, outside.bad, outside.good) == (1, 0, 1)
    nobody = problem.own_problems_outside(0b1000, problem.own_problems(0b1000))
    assert (nobody.bad, nobody.good) == (1, 0)
