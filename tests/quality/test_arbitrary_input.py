"""Timelines and summaries of sessions with arbitrary readings."""

import json
import math

from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from jmmc.answers.serialization import encode
from jmmc.core.model import Dialect, Session
from jmmc.quality.summarize import summarize
from jmmc.quality.thresholds import preset
from jmmc.quality.timeline import build_timeline
from tests.support.builders import RHYTHM
from tests.support.strategies import SESSIONS, TIMES, bounded


@bounded
@given(SESSIONS, st.none() | TIMES)
def test_a_timeline_of_any_session_is_in_order_and_without_gaps(
    session: Session, now: int | None
) -> None:
    timeline = build_timeline(session, rhythm=RHYTHM, now=now)
    assert timeline.began <= timeline.ended
    at = timeline.began
    for span in timeline.spans:
        assert span.start == at < span.end
        at = span.end
    assert at == timeline.ended
    for span, following in zip(timeline.spans, timeline.spans[1:], strict=False):
        assert span.state != following.state, "two adjacent spans of one state"
    if session.dialect is Dialect.V2:
        twice = replace(session, samples=session.samples * 2)
        assert build_timeline(twice, rhythm=RHYTHM, now=now) == timeline


@bounded
@given(SESSIONS, st.none() | TIMES)
def test_a_summary_of_any_session_has_values_within_bounds(
    session: Session, now: int | None
) -> None:
    summary = summarize(session, preset=preset("jitsi"), rhythm=RHYTHM, now=now)
    seconds = (summary.good, summary.fair, summary.poor, summary.unknown)
    assert min(seconds) >= 0
    assert sum(seconds) == summary.ended - summary.began
    for share in (summary.relay_share, summary.tcp_share, summary.p2p_share):
        assert 0 <= share <= 1
    for values in summary.quantiles.values():
        assert all(value is None or math.isfinite(value) for value in values)
    assert sum(span.end - span.start for span in summary.grade_spans) == sum(seconds)
    parts = summary.segments
    assert not parts or (parts[0].start, parts[-1].end) == (summary.began, summary.ended)
    assert json.loads(encode(summary))["session"] == session.id
