"""Whatever is stored, by whomever: folded, summed up and read without a surprise."""

import json
import math
from pathlib import Path
from typing import Any

from bson import ObjectId
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from msgspec.structs import replace

from jmmc.answers.serialization import encode
from jmmc.core.errors import JmmcError, SettingsError
from jmmc.core.model import Dialect, Sample, Session, SessionFilter
from jmmc.core.readings import READINGS
from jmmc.quality.summarize import sum_up
from jmmc.quality.summary import Summary
from jmmc.quality.thresholds import preset
from jmmc.quality.timeline import build_timeline
from jmmc.settings import Settings
from jmmc.stores.mongo.documents import is_session, session_of
from jmmc.stores.ndjson import NdjsonFile
from tests.support.builders import UID

_bounded = settings(
    max_examples=40, derandomize=True, deadline=None, suppress_health_check=list(HealthCheck)
)
_SCALARS = (
    st.none()
    | st.booleans()
    | st.integers(-(2**63), 2**63 - 1)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(max_size=8)
)
_VALUES = st.recursive(
    _SCALARS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=4), inner),
    max_leaves=3,
)
_PATHS = st.sampled_from([row.path for row in READINGS])


def _nested(flat: dict[str, Any]) -> dict[str, Any]:
    tree: dict[str, Any] = {}
    for path, value in flat.items():
        group, _, leaf = path.rpartition(".")
        if group and not isinstance(tree.setdefault(group, {}), dict):
            continue
        (tree[group] if group else tree)[leaf] = value
    return tree


_READINGS = st.dictionaries(_PATHS | st.text(max_size=4), _VALUES, max_size=3).map(_nested)
# Two days apart at the most: a summary has a slice for each five minutes.
_TIMES = st.integers(1_700_000_000, 1_700_000_600) | st.integers(1_699_900_000, 1_700_100_000)
_SAMPLES = st.builds(
    lambda seq, ts, m, full, bye: Sample(seq, ts, json.dumps(m).encode(), full, bye),
    st.integers(0, 12),
    _TIMES,
    _READINGS,
    st.booleans(),
    st.booleans(),
)
_SESSIONS = st.builds(
    lambda samples, old: Session(
        "0" * 24, "room", UID, Dialect.V1 if old else Dialect.V2, samples[0].ts, tuple(samples)
    ),
    st.lists(_SAMPLES, min_size=1, max_size=6),
    st.booleans(),
)


@_bounded
@given(_SESSIONS, st.none() | _TIMES)
def test_a_timeline_of_any_session_is_in_order_and_without_gaps(
    session: Session, now: int | None
) -> None:
    timeline = build_timeline(session, lifetime=75, now=now)
    assert timeline.began <= timeline.ended
    at = timeline.began
    for span in timeline.spans:
        assert span.start == at < span.end
        at = span.end
    assert at == timeline.ended
    for value, other in zip(timeline.spans, timeline.spans[1:], strict=False):
        assert value.state != other.state, "two spans that are one"
    if session.dialect is Dialect.V2:
        twice = replace(session, samples=session.samples * 2)
        assert build_timeline(twice, lifetime=75, now=now) == timeline


@_bounded
@given(_SESSIONS, st.none() | _TIMES)
def test_a_summary_of_any_session_has_values_within_bounds(
    session: Session, now: int | None
) -> None:
    summary = sum_up(session, build_timeline(session, lifetime=75, now=now), preset("jitsi"))
    seconds = (summary.good, summary.fair, summary.poor, summary.unknown)
    assert min(seconds) >= 0
    assert sum(seconds) == summary.ended - summary.began
    for share in (summary.relay_share, summary.tcp_share, summary.p2p_share):
        assert 0 <= share <= 1
    for values in summary.quantiles.values():
        assert all(value is None or math.isfinite(value) for value in values)
    assert sum(
        point.good + point.fair + point.poor + point.unknown for point in summary.series
    ) == sum(seconds)
    assert json.loads(encode(summary))["session"] == session.id


_DOCUMENTS = st.fixed_dictionaries(
    {},
    optional={
        "_id": st.builds(ObjectId) | st.just("0" * 24) | _VALUES,
        "conf": st.text(max_size=5) | _VALUES,
        "uid": st.just(UID) | _VALUES,
        "v": st.just(2) | _VALUES,
        "m": st.lists(
            _READINGS.flatmap(
                lambda m: st.fixed_dictionaries(
                    {"ts": _TIMES | _VALUES}, optional={"seq": st.integers(0, 5) | _VALUES}
                ).map(lambda more: {**m, **more})
            )
            | _VALUES,
            max_size=3,
        )
        | _VALUES,
    },
)


@_bounded
@given(_DOCUMENTS)
def test_a_foreign_document_is_a_session_or_none(document: dict[str, Any]) -> None:
    if is_session(document):
        session = session_of([document])
        timeline = build_timeline(session, lifetime=75)
        assert isinstance(sum_up(session, timeline, preset("jitsi")), Summary)


@_bounded
@given(
    st.lists(_DOCUMENTS.map(lambda value: json.dumps(value, default=str).encode()) | st.binary())
)
async def test_any_line_of_a_file_is_a_session_or_refused(
    tmp_path_factory: Any, lines: list[bytes]
) -> None:
    file: Path = tmp_path_factory.getbasetemp() / "lines.ndjson"
    file.write_bytes(b"\n".join(lines))
    try:
        found = [item async for item in NdjsonFile(file).sessions(SessionFilter())]
    except JmmcError as error:
        assert str(file) in str(error)
        return
    for session in found:
        build_timeline(session, lifetime=75)


@_bounded
@given(
    st.dictionaries(st.sampled_from(sorted(Settings.model_fields)), _VALUES, max_size=3),
    st.booleans(),
)
def test_any_value_of_a_setting_is_accepted_or_refused(values: dict[str, Any], text: bool) -> None:
    given_values = {k: str(v) for k, v in values.items()} if text else values
    try:
        Settings.of(**given_values)
    except SettingsError as error:
        assert "\n" not in str(error)
