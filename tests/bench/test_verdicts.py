"""A short form of the measurement of likely causes: simulated servers with a planted cause."""

import pytest

from bench.verdicts import Joins, Judged, as_shown, calibration, is_decidable, judge
from bench.worlds import Plan, simulate


def _judged(kind: str, people: int, *, base: float = 0.03, seeds: int = 2) -> list[Judged]:
    return [
        item for seed in range(seeds) for item in judge(simulate(Plan(people, base, kind), seed))
    ]


@pytest.fixture(scope="module")
def judged() -> list[Judged]:
    """Some hundreds of problems of servers with 40 people."""
    kinds = ("region", "service", "browser")
    return [item for kind in kinds for item in _judged(kind, 40, seeds=1)]


def test_most_planted_causes_are_found(judged: list[Judged]) -> None:
    planted = [item for item in judged if item.planted == item.world.planted]
    assert len(planted) > 30
    assert sum(item.right_or_tie for item in planted) / len(planted) > 0.85


def test_few_innocent_people_and_groups_are_named(judged: list[Judged]) -> None:
    assert sum(item.accuses for item in judged) / len(judged) < 0.08


def test_a_probability_is_about_how_often_the_answer_is_right(judged: list[Judged]) -> None:
    assert calibration(judged) < 0.13, "of few answers; 0.03 of many"


def test_without_a_planted_cause_groups_are_hardly_ever_named() -> None:
    """Where one in ten seconds has a problem, of one participant each."""
    items = _judged("", 40, base=0.1, seeds=1)
    named = [item.answer.likely for item in items if item.answer.likely is not None]
    own = ("line", "machine", "device", "chance", "other end")
    assert len(items) > 50
    assert sum(cause.kind not in own for cause in named) / len(items) < 0.06


def test_in_calls_of_two_through_a_bridge_the_end_is_right() -> None:
    items = [
        item
        for item in judge(simulate(Plan(40, 0.1, "", (2, 2)), 0))
        if item.problem.summary.transport != "p2p"
    ]
    assert len(items) > 20
    assert sum(item.right for item in items) / len(items) > 0.85


def test_the_sender_is_the_cause_of_what_is_received_from_a_provider_that_failed() -> None:
    """They are with another provider: the whole service has not failed."""
    received = [
        item
        for item in judge(simulate(Plan(40, 0.03, "provider"), 11002))
        if item.kinds == {"other end"}
    ]
    assert len(received) > 10
    assert sum(item.right_or_tie for item in received) / len(received) > 0.9


def test_problems_are_joined_by_what_caused_them() -> None:
    """Of a failed region those whom it hit are together, and with hardly anybody else."""
    shown = as_shown([*judge(simulate(Plan(40, 0.03, "region"), 3))])
    joins = Joins.of(shown)
    assert joins.planted > 5
    assert joins.apart / joins.planted < 0.2
    assert joins.foreign / joins.problems < 0.05


def test_worlds_are_the_same_for_the_same_seed_and_others_for_another() -> None:
    plan = Plan(5, 0.1, "meeting")
    assert simulate(plan, 1).summaries == simulate(plan, 1).summaries
    assert simulate(plan, 1).summaries != simulate(plan, 2).summaries


def test_a_problem_is_alone_when_nobody_else_of_the_planted_network_has_its_trouble_then() -> None:
    world = simulate(Plan(40, 0.03, "network"), 0)
    shared = [item for item in judge(world) if item.planted == "network" and not item.alone]
    assert shared
    for stay in world.stays:
        if stay.person.uid != shared[0].problem.summary.browser_id:
            stay.troubles.clear()
    assert shared[0].alone


def test_a_planted_meeting_is_not_decidable_when_its_people_have_another_group_in_common() -> None:
    world = simulate(Plan(40, 0.03, "meeting"), 3)
    problem = next(item.problem for item in judge(world, only_planted=True) if item.decidable)
    stays = world.stays
    (mine,) = (stay for stay in stays if stay.session == problem.summary.session)
    for stay in stays:
        stay.person.network = 7 if stay.room == mine.room else 8
    assert not is_decidable(world, problem)
    for stay in stays:
        stay.person.network = 7
    assert is_decidable(world, problem)


def test_only_the_problems_of_a_planted_cause_are_judged_when_asked() -> None:
    world = simulate(Plan(40, 0.1, "service"), 0)
    everything, planted = [*judge(world)], [*judge(world, only_planted=True)]
    assert 0 < len(planted) < len(everything)
    assert {item.planted for item in planted} == {"service"}
