"""Summaries of sessions whose grade changes all the time have a bounded size and right figures."""

from itertools import pairwise

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from jmmc.core.model import Dialect, Sample, Session
from jmmc.quality.grading import Grade, Spell
from jmmc.quality.size_limits import (
    MOST_SPANS,
    MOST_SPELLS,
    bounded,
    bounded_spans,
    bounded_spells,
)
from jmmc.quality.summarize import summarize
from jmmc.quality.summary import GradeSpan
from jmmc.quality.thresholds import preset
from tests.support.builders import RHYTHM

_START = 1_700_000_000
_PRESET = preset("jitsi")


def _session(samples: int, step: int) -> Session:
    return Session(
        "0" * 24,
        "room",
        "somebody",
        Dialect.V2,
        _START,
        tuple(
            Sample(seq, _START + seq * step, b'{"cq":%d}' % (100 if seq % 2 else 1))
            for seq in range(samples)
        ),
    )


@pytest.mark.parametrize(("samples", "step"), [(24_000, 3), (40_000, 1)])
def test_a_summary_of_a_flapping_session_is_small_and_its_totals_are_exact(
    samples: int, step: int
) -> None:
    summary = summarize(_session(samples, step), preset=_PRESET, rhythm=RHYTHM)
    assert len(msgspec.json.encode(summary)) < 100_000
    assert len(summary.grade_spans) <= MOST_SPANS
    assert len(summary.spells) <= MOST_SPELLS
    assert (summary.poor, summary.good) == ((samples // 2 - 1) * step, samples // 2 * step)
    assert sum(spell.reasons["quality"] for spell in summary.spells) == summary.poor
    assert summary.reasons == {"quality": summary.poor}
    spans = summary.grade_spans
    assert (spans[0].start, spans[-1].end) == (summary.began, summary.ended)
    assert all(a.end == b.start for a, b in pairwise(spans))
    poor = sum(span.end - span.start for span in spans if span.grade is Grade.POOR)
    assert poor == pytest.approx(summary.poor, abs=600)


_LENGTHS = st.lists(st.tuples(st.integers(1, 500), st.sampled_from(Grade)), min_size=1, max_size=80)


@given(_LENGTHS, st.integers(1, 20))
def test_joined_spans_have_no_gaps_and_are_as_few_as_allowed(
    lengths: list[tuple[int, Grade]], most: int
) -> None:
    spans: list[GradeSpan] = []
    at = _START
    for length, grade in lengths:
        spans.append(GradeSpan(at, at + length, grade))
        at += length
    joined = bounded_spans(spans, most)
    assert 1 <= len(joined) <= max(most, 1)
    assert (joined[0].start, joined[-1].end) == (_START, at)
    assert all(a.end == b.start for a, b in pairwise(joined))
    assert {span.grade for span in joined} <= {grade for _, grade in lengths}


@given(_LENGTHS, st.integers(1, 20))
def test_joined_spells_keep_every_second_of_every_reason(
    lengths: list[tuple[int, Grade]], most: int
) -> None:
    spells: list[Spell] = []
    at = _START
    for length, grade in lengths:
        spells.append(Spell(at, at + length, grade, {grade.name: length}))
        at += 2 * length
    joined = bounded_spells(spells, most)
    assert len(joined) <= most
    for grade in Grade:
        assert sum(spell.reasons.get(grade.name, 0) for spell in joined) == sum(
            length for length, of in lengths if of is grade
        )
    assert all(a.end <= b.start for a, b in pairwise(joined))
    assert (joined[0].start, joined[-1].end) == (_START, spells[-1].end)


def test_a_larger_summary_of_an_earlier_version_is_bounded_when_it_is_read() -> None:
    summary = summarize(_session(9, 30), preset=_PRESET, rhythm=RHYTHM)
    assert bounded(summary) is summary
    spans = tuple(GradeSpan(_START + i, _START + i + 1, Grade(i % 4)) for i in range(5000))
    assert len(bounded(msgspec.structs.replace(summary, grade_spans=spans)).grade_spans) <= 500
