"""Simulated sessions are what browsers would send, and their problems are graded as planted."""

from collections import Counter
from itertools import islice, pairwise

import msgspec
import pytest

from jmmc.core.readings import SERVER_READINGS
from jmmc.protocol.decoding import Codec
from jmmc.quality.attribution import attribute
from jmmc.quality.grading import Grade, judge
from jmmc.quality.summarize import summarize
from jmmc.quality.thresholds import preset
from jmmc.quality.timeline import build_timeline
from jmmc.simulation.scenario import Scenario, simulate
from tests.support.builders import SID, UID

_DAY = Scenario(participants=400, rooms=20, minutes=1440, seed=7, start=1_789_948_800)
_SIMULATED = list(simulate(_DAY))


def test_the_same_seed_gives_the_same_sessions_and_another_seed_others() -> None:
    assert list(simulate(_DAY)) == _SIMULATED
    assert list(simulate(msgspec.structs.replace(_DAY, seed=8))) != _SIMULATED


def test_each_participant_is_one_session_and_sessions_come_in_order_of_time() -> None:
    assert len(_SIMULATED) == 400
    assert len({simulated.session.id for simulated in _SIMULATED}) == 400
    starts = [simulated.session.began for simulated in _SIMULATED]
    assert starts == sorted(starts)
    assert min(starts) >= _DAY.start


def test_every_simulated_sample_passes_the_decoder_undropped() -> None:
    codec = Codec()
    for simulated in _SIMULATED[:60]:
        samples = [
            {"seq": sample.seq, "age": 0, "m": msgspec.Raw(sample.readings)}
            for sample in simulated.session.samples
        ]
        for sample in samples[1:]:  # The first has the readings that the collector adds.
            push = {"v": 2, "sid": SID, "uid": UID, "conf": "x", "samples": [sample]}
            dropped = codec.decode(msgspec.json.encode(push)).dropped
            assert set(dropped) <= {f"m.{row.path}" for row in SERVER_READINGS}


def test_samples_ascend_and_many_are_small_deltas() -> None:
    sizes = Counter[bool]()
    for simulated in _SIMULATED:
        seqs = [sample.seq for sample in simulated.session.samples]
        assert seqs == list(range(len(seqs)))
        times = [sample.ts for sample in simulated.session.samples]
        assert all(b - a == 30 for a, b in pairwise(times))
        sizes.update(
            len(sample.readings) < 60 for sample in simulated.session.samples if not sample.full
        )
    assert sizes[True] > 0.3 * sizes.total()


@pytest.mark.parametrize("name", ["experience", "jitsi"])
def test_grades_are_fair_or_poor_exactly_where_a_problem_was_planted(name: str) -> None:
    for simulated in _SIMULATED:
        judged = judge(build_timeline(simulated.session, lifetime=75).spans, preset(name))
        for judgement in judged:
            for moment in range(judgement.start, judgement.end, 30):
                has_problem = any(
                    problem.start <= moment < problem.end for problem in simulated.problems
                )
                if judgement.grade is not Grade.UNKNOWN:
                    assert (judgement.grade >= Grade.FAIR) == has_problem, (
                        simulated.problems,
                        judgement,
                    )


def test_an_outage_affects_its_region_and_no_other() -> None:
    start, end = _DAY.outage_window
    affected = [
        simulated
        for simulated in _SIMULATED
        if any(problem.cause == "interrupted" for problem in simulated.problems)
    ]
    assert affected
    assert {simulated.region for simulated in affected} == {"eu-west"}
    assert all(
        start <= problem.start < problem.end <= end + 30
        for simulated in affected
        for problem in simulated.problems
        if problem.cause == "interrupted"
    )


def test_sessions_in_the_outage_are_attributed_to_the_region() -> None:
    busy = Scenario(participants=400, rooms=30, minutes=240, seed=7, start=1_789_948_800)
    start, end = busy.outage_window
    summaries = [
        summarize(
            simulated.session,
            preset=preset("jitsi"),
            lifetime=75,
            now=simulated.session.samples[-1].ts,
        )
        for simulated in simulate(busy)
    ]
    causes = Counter(
        attribute(summary, spell.start, spell.end, summaries).cause
        for summary in summaries
        for spell in summary.spells
        if "interrupted" in spell.reasons and start <= spell.start < end
    )
    assert causes.total() >= 15
    assert set(causes) == {"region"}


def test_sessions_are_generated_one_at_a_time() -> None:
    huge = Scenario(participants=200_000, rooms=9000, minutes=30, seed=1, start=0)
    assert len(list(islice(simulate(huge), 100))) == 100
