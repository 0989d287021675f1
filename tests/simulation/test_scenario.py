"""Simulated life is what browsers would send, and its troubles are seen where they are."""

from collections import Counter
from itertools import islice, pairwise

import msgspec

from jmmc.protocol.wire import SERVER_READINGS, Codec
from jmmc.quality.attribution import attribute
from jmmc.quality.grading import Grade, judge
from jmmc.quality.summary import summarize
from jmmc.quality.thresholds import preset
from jmmc.quality.timeline import fold
from jmmc.simulation.scenario import Scenario, simulate
from tests.support.builders import SID, UID

_DAY = Scenario(participants=400, rooms=20, minutes=1440, seed=7, start=1_789_948_800)
_LIVES = list(simulate(_DAY))


def test_the_same_seed_gives_the_same_life_and_another_another() -> None:
    assert list(simulate(_DAY)) == _LIVES
    assert list(simulate(msgspec.structs.replace(_DAY, seed=8))) != _LIVES


def test_there_are_as_many_sessions_as_participants_in_order_of_time() -> None:
    assert len(_LIVES) == 400
    assert len({life.session.id for life in _LIVES}) == 400
    moments = [life.session.began for life in _LIVES]
    assert moments == sorted(moments)
    assert min(moments) >= _DAY.start


def test_a_collector_would_take_every_sample_whole() -> None:
    codec = Codec()
    for life in _LIVES[:60]:
        samples = [
            {"seq": item.seq, "age": 0, "m": msgspec.Raw(item.readings)}
            for item in life.session.samples
        ]
        for sample in samples[1:]:  # The first has what the server adds.
            push = {"v": 2, "sid": SID, "uid": UID, "conf": "x", "samples": [sample]}
            dropped = codec.decode(msgspec.json.encode(push)).dropped
            assert set(dropped) <= {f"m.{server_reading}" for server_reading in SERVER_READINGS}, (
                "which only the server knows"
            )


def test_samples_ascend_and_much_is_unchanged() -> None:
    sizes = Counter[bool]()
    for life in _LIVES:
        seqs = [sample.seq for sample in life.session.samples]
        assert seqs == list(range(len(seqs)))
        times = [sample.ts for sample in life.session.samples]
        assert all(b - a == 30 for a, b in pairwise(times))
        sizes.update(
            len(sample.readings) < 60 for sample in life.session.samples if not sample.full
        )
    assert sizes[True] > 0.3 * sizes.total()


def test_time_is_bad_where_there_is_trouble_and_good_elsewhere() -> None:
    for life in _LIVES:
        judged = judge(fold(life.session, lifetime=75).spans, preset("jitsi"))
        for judgement in judged:
            for moment in range(judgement.start, judgement.end, 30):
                trouble = any(t.start <= moment < t.end for t in life.troubles)
                if judgement.grade is not Grade.UNKNOWN:
                    assert (judgement.grade >= Grade.FAIR) == trouble, (life.troubles, judgement)


def test_an_outage_strikes_its_region_and_no_other() -> None:
    start, end = _DAY.outage_window
    struck = [life for life in _LIVES if any(t.cause == "interrupted" for t in life.troubles)]
    assert struck
    assert {item.region for item in struck} == {"eu-west"}
    assert all(
        start <= t.start < t.end <= end + 30
        for item in struck
        for t in item.troubles
        if t.cause == "interrupted"
    )


def test_whoever_was_struck_by_the_outage_is_told_that_it_was_the_region() -> None:
    busy = Scenario(participants=400, rooms=30, minutes=240, seed=7, start=1_789_948_800)
    start, end = busy.outage_window
    everybody = [
        summarize(
            life.session, preset=preset("jitsi"), lifetime=75, now=life.session.samples[-1].ts
        )
        for life in simulate(busy)
    ]
    verdicts = Counter(
        attribute(summary, spell.start, spell.end, everybody).cause
        for summary in everybody
        for spell in summary.spells
        if "interrupted" in spell.reasons and start <= spell.start < end
    )
    assert verdicts.total() >= 15
    assert set(verdicts) == {"region"}


def test_a_country_is_simulated_a_session_at_a_time() -> None:
    huge = Scenario(participants=200_000, rooms=9000, minutes=30, seed=1, start=0)
    assert len(list(islice(simulate(huge), 100))) == 100
