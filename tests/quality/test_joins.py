"""What a session counts for when joins are counted."""

from collections import Counter
from math import floor
from random import Random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from jmmc.core.model import Dialect, Sample, Session
from jmmc.core.readings import MEDIA_FAILURES, OTHER_FAILURES, TECHNICAL_FAILURES
from jmmc.quality.filters import DIMENSIONS
from jmmc.quality.intervals import groups_of
from jmmc.quality.joins import (
    JoinCounter,
    JoinEvent,
    JoinOutcome,
    Joins,
    JoinSums,
    added_joins,
    join_events,
    outcome_of,
)
from jmmc.quality.rollups import ALL, HOUR, Fact, Rollup, day_of, hour_of
from jmmc.quality.segments import Segment, Track
from jmmc.quality.sketch import bucket_of, sketch_quantile
from jmmc.quality.summarize import summarize
from jmmc.quality.summary import Sender, Setup, Summary
from jmmc.quality.thresholds import preset
from jmmc.quality.timeline import Rhythm

_HOUR = 1_700_000_000 // HOUR * HOUR
_REGION = 1 + DIMENSIONS.index("region")


def _summary(*samples: tuple[int, bytes, bool]) -> Summary:
    """A session of (second, readings, bye)."""
    stored = tuple(
        Sample(seq, _HOUR + at, readings, bye=bye)
        for seq, (at, readings, bye) in enumerate(samples)
    )
    session = Session("a" * 24, "room", "b", Dialect.V2, _HOUR, stored)
    return summarize(session, preset=preset("experience"), rhythm=Rhythm(10, 75))


def _fact(began: int, ended: int, outcome: str, *, region: str = "", failure: str = "") -> Fact:
    values = tuple(region if name == "region" else "" for name in DIMENSIONS)
    track = Track([(_HOUR + began, _HOUR + ended, 1)] if ended > began else [], [])
    began, ended = _HOUR + began, _HOUR + ended
    return Fact(began, ended, False, outcome, "b", "room", values, track, failure)


def _counts(rollup: Rollup) -> dict[str, Joins]:
    return {value: sums.counts for value, sums in rollup.joins.items()}


@pytest.mark.parametrize("failure", TECHNICAL_FAILURES)
def test_a_join_that_fails_for_a_technical_reason_is_failed(failure: str) -> None:
    summary = _summary((0, b'{"fail":"%s","set":{"join":4000}}' % failure.encode(), True))
    assert (summary.outcome, summary.failure, summary.setup) == (
        "failed",
        failure,
        Setup(join=4000),
    )
    assert summary.ended == summary.began


@pytest.mark.parametrize("failure", OTHER_FAILURES)
def test_a_join_that_somebody_refused_or_gave_up_is_no_failure_of_the_service(
    failure: str,
) -> None:
    assert _summary((0, b'{"fail":"%s"}' % failure.encode(), True)).outcome == "refused"


def test_a_stay_that_a_failure_ended_is_dropped_and_one_that_was_left_is_not() -> None:
    joined = (0, b'{"pid":"a","set":{"join":900}}', False)
    assert _summary(joined, (20, b'{"drop":"connection_lost"}', True)).outcome == "dropped"
    assert _summary(joined, (20, b'{"drop":"kicked"}', True)).outcome == "joined"
    assert _summary(joined, (20, b"{}", True)).outcome == "joined"


@pytest.mark.parametrize(
    ("samples", "outcome"),
    [
        ([(20, b'{"drop":"%s"}')], "no_media"),
        ([(20, b'{"n":2,"vis":true}'), (30, b'{"drop":"%s"}')], "no_media"),
        ([(10, b'{"set":{"ice":900}}'), (20, b'{"drop":"%s"}')], "dropped"),
        ([(10, b'{"d":{"pl":0}}'), (20, b'{"drop":"%s"}')], "dropped"),
    ],
)
@pytest.mark.parametrize("failure", MEDIA_FAILURES)
def test_a_join_to_which_no_media_ever_came_failed(
    failure: str, samples: list[tuple[int, bytes]], outcome: str
) -> None:
    said = [(at, m.replace(b"%s", failure.encode()), b"drop" in m) for at, m in samples]
    summary = _summary((0, b'{"pid":"a","set":{"join":900}}', False), *said)
    assert (summary.outcome, summary.failure) == (outcome, failure)
    assert summary.ended - summary.began == samples[-1][0], "somebody was in the room"


def test_a_script_that_does_not_tell_how_joins_went_says_nothing_of_them() -> None:
    summary = _summary((0, b'{"pid":"a"}', False), (20, b'{"cq":90}', True))
    assert summary.outcome == ""
    assert list(join_events("", 0, 20, running=False)) == []


def test_a_rating_that_comes_after_the_end_makes_the_stay_no_longer() -> None:
    summary = _summary(
        (0, b'{"pid":"a","set":{"join":900}}', False),
        (20, b'{"cq":90}', True),
        (20, b'{"rate":2,"why":"audio"}', True),
    )
    assert (summary.rating, summary.rating_reason) == (2, "audio")
    assert (summary.ended - summary.began, summary.left) == (20, True)


def test_set_up_takes_from_asking_to_join_until_the_first_media() -> None:
    steps = b'{"set":{"ask":30000,"join":900,"ice":400,"med":700}}'
    summary = _summary((0, steps, False), (20, b"{}", True))
    assert summary.setup == Setup(30_000, 900, 400, 700)
    assert summary.setup_ms == 1600


def test_the_worst_senders_have_means_over_the_time_in_which_they_were_named() -> None:
    summary = _summary(
        (0, b'{"pid":"a"}', False),
        (10, b'{"d":{"by":[["x",10,null,0,0]]}}', False),
        (30, b'{"d":{"by":[["x",40,5,0,0],["y",2,2,2,2]]}}', False),
        (60, b'{"d":{"by":null}}', True),
    )
    assert summary.senders == (Sender("x", 30, 30.0, 5.0, 0.0, 0.0), Sender("y", 20, 2, 2, 2, 2))


def test_a_join_counts_at_its_moment_and_a_stay_in_its_last_second() -> None:
    assert list(join_events("dropped", 100, 200, running=False)) == [
        JoinEvent(100, Joins(joined=1)),
        JoinEvent(199, Joins(ended=1, dropped=1)),
    ]
    assert list(join_events("joined", 100, 200, running=True)) == [JoinEvent(100, Joins(joined=1))]
    for outcome, ended in (("failed", 100), ("no_media", 130)):
        assert list(join_events(outcome, 100, ended, running=False)) == [
            JoinEvent(100, Joins(failed=1))
        ]


def test_attempts_count_as_joins_only() -> None:
    facts = [
        _fact(10, 10, "failed", region="eu", failure="ice_failed"),
        _fact(10, 10, "refused", region="eu", failure="password"),
        _fact(-60, 60, "joined", region="eu"),
        _fact(30, HOUR + 60, "dropped", region="eu", failure="bridge_down"),
        _fact(40, 50, "", region="eu"),
    ]
    rollups = hour_of(facts, _HOUR)
    assert _counts(rollups[0]) == {ALL: Joins(joined=1, failed=1, refused=1, ended=1)}
    assert _counts(rollups[_REGION]) == {"eu": Joins(joined=1, failed=1, refused=1, ended=1)}
    (sums,) = (rollups[0].values[ALL][0],)
    assert (sums.sessions, sums.connections) == (2, 3)
    following = hour_of(facts, _HOUR + HOUR)
    assert _counts(following[0]) == {ALL: Joins(ended=1, dropped=1)}
    day = day_of([*rollups, *following], _HOUR, "region")
    assert _counts(day) == {"eu": Joins(joined=1, failed=1, refused=1, ended=2, dropped=1)}
    assert day.joins["eu"].failures == {"ice_failed": 1, "password": 1}
    assert day.joins["eu"].drops == {"bridge_down": 1}


def test_a_stay_joined_in_one_region_and_was_dropped_in_another() -> None:
    values = tuple("us" if name == "region" else "" for name in DIMENSIONS)
    segments = [
        Segment(_HOUR, _HOUR + 100, {"region": "eu"}),
        Segment(_HOUR + 100, _HOUR + 300, {"region": "us"}),
    ]
    track = Track([(_HOUR, _HOUR + 300, 1)], segments)
    fact = Fact(_HOUR, _HOUR + 300, False, "dropped", "b", "room", values, track)
    assert _counts(hour_of([fact], _HOUR)[_REGION]) == {
        "eu": Joins(joined=1),
        "us": Joins(ended=1, dropped=1),
    }


def test_made_up_values_of_attempts_take_no_real_ones_place() -> None:
    made_up = [_fact(10, 10, "failed", region=f"x{number}") for number in range(2000)]
    real = [_fact(0, 600, "joined", region="eu")]
    joins = hour_of([*made_up, *real], _HOUR)[_REGION].joins
    assert joins["eu"].counts == Joins(joined=1, ended=1)
    assert len(joins) <= 501
    assert sum(sums.counts.failed for sums in joins.values()) == 2000


def test_outcomes_follow_from_what_the_browser_said() -> None:
    assert outcome_of(failure="", drop="", tells=True, had_media=True) == "joined"
    assert outcome_of(failure="", drop="room_closed", tells=False, had_media=True) == "joined"
    assert outcome_of(failure="lobby", drop="", tells=True, had_media=False) == "refused"


def test_sessions_that_are_counted_one_by_one_have_their_reasons_groups_and_known_steps() -> None:
    counter = JoinCounter(with_steps=True)
    counter.begin("joined", "", (1, 2), "100,500,,700")
    counter.begin("dropped", "connection_lost", (1, 3), "100,,40,")
    counter.begin("failed", "server_unreachable", (4, 2), ",9000,,")
    counter.begin("joined", "", (1, 2), "")
    counter.end("joined", "", (1, 2))
    counter.end("dropped", "connection_lost", (1, 3))
    sums = counter.sums()
    assert sums.counts == Joins(joined=3, failed=1, ended=2, dropped=1)
    assert (sums.failures, sums.drops) == ({"server_unreachable": 1}, {"connection_lost": 1})
    # Each row of counts has 16 groups of persons, then 16 of meetings.
    attempts, failed, ended, dropped = 0, 32, 64, 96
    assert sums.clusters == {
        **{attempts + 1: 3, attempts + 4: 1, attempts + 16 + 2: 3, attempts + 16 + 3: 1},
        **{failed + 4: 1, failed + 16 + 2: 1},
        **{ended + 1: 2, ended + 16 + 2: 1, ended + 16 + 3: 1},
        **{dropped + 1: 1, dropped + 16 + 3: 1},
    }
    assert sums.setup == {bucket_of(1200): 1}
    assert sums.steps == {
        "ask": {bucket_of(100): 2},
        "join": {bucket_of(500): 1},
        "ice": {bucket_of(40): 1},
        "media": {bucket_of(700): 1},
    }


def test_sums_that_are_added_to_others_stay_as_they_are() -> None:
    first, second = JoinCounter(with_steps=True), JoinCounter(with_steps=True)
    first.begin("joined", "", (1, 2), "100,500,30,700")
    second.begin("failed", "server_unreachable", (1, 2), "")
    ours, theirs = first.sums(), second.sums()
    together = added_joins([{"eu": ours}, {"eu": theirs}])
    assert together["eu"].counts == Joins(joined=1, failed=1)
    assert (ours, theirs) == (first.sums(), second.sums())


def _sums(outcomes: list[tuple[str, str]]) -> JoinSums:
    """The joins of (person, outcome), each in a meeting of its own."""
    counted = Counter(
        JoinOutcome(
            Joins(failed=1) if outcome == "failed" else Joins(joined=1),
            groups_of(person, f"room {number}", 0),
            "",
        )
        for number, (person, outcome) in enumerate(outcomes)
    )
    return JoinSums.of(counted)


def _width(outcomes: list[tuple[str, str]]) -> float:
    low, high = _sums(outcomes).failed_interval or (0.0, 1.0)
    return high - low


def test_one_who_tries_twenty_times_says_less_than_twenty_people() -> None:
    well = [(f"well {number}", "joined") for number in range(180)]
    people = [*well, *((f"person {number}", "failed") for number in range(20))]
    again = [*well, *[("the same", "failed")] * 20]
    assert _sums(people).counts == _sums(again).counts
    assert _width(again) > 2 * _width(people)


def test_an_interval_never_rests_on_more_events_than_there_were() -> None:
    """Wilson's interval of 1 in 4 with t for z: 0.03 to 0.77."""
    low, high = _sums(
        [(f"p{n}", "failed" if n == 1 else "joined") for n in range(4)]
    ).failed_interval or (0, 0)
    assert low <= 0.04
    assert high >= 0.75
    assert JoinSums().failed_interval is None


def test_without_any_failure_an_interval_allows_for_people_who_would_try_again() -> None:
    """A twentieth of joins fails; one who fails tries up to ten times; in a sixth, nobody did."""
    rng, hits = Random(7), 0
    for _ in range(200):
        world = []
        for number in range(190):
            fails = rng.random() < 0.05 / (5.5 * 0.95 + 0.05)
            tries = rng.randint(1, 10) if fails else 1
            world += [(f"p{number}", "failed" if fails else "joined")] * tries
        low, high = _sums(world).failed_interval or (0, 0)
        hits += low <= 0.05 <= high
    assert 0.9 <= hits / 200 <= 0.99
    nobody = _sums([(f"p{number}", "joined") for number in range(40)]).failed_interval or (0, 0)
    assert nobody[0] == 0
    assert 0.15 < nobody[1] < 0.3


def test_a_rate_of_independent_people_is_in_its_interval_as_often_as_it_says() -> None:
    rng, hits = Random(5), 0
    for _ in range(400):
        world = [(f"p{n}", "failed" if rng.random() < 0.1 else "joined") for n in range(200)]
        low, high = _sums(world).failed_interval or (0, 0)
        hits += low <= 0.1 <= high
    assert 0.92 <= hits / 400 <= 0.99


@settings(max_examples=50)
@given(st.lists(st.integers(1, 600_000), min_size=1, max_size=60), st.floats(0, 1))
def test_a_quantile_of_a_sketch_is_at_most_one_percent_off(
    lengths: list[int], share: float
) -> None:
    found = sketch_quantile(Counter(map(bucket_of, lengths)), share)
    right = sorted(lengths)[floor(share * (len(lengths) - 1))]
    assert found == pytest.approx(right, rel=0.0101)


def test_the_steps_of_a_join_as_one_word_are_read_back() -> None:
    for setup in (Setup(), Setup(30_000, 900, 400, 700), Setup(join=5), Setup(ask=0, media=7)):
        assert Setup.of_text(setup.text) == setup
