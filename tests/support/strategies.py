"""Hypothesis strategies for samples and sessions with arbitrary readings."""

import json
from typing import Any

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st

from jmmc.core.model import Dialect, Sample, Session
from jmmc.core.readings import READINGS
from tests.support.builders import UID

bounded = settings(
    max_examples=40, derandomize=True, deadline=None, suppress_health_check=list(HealthCheck)
)
_SCALARS = (
    st.none()
    | st.booleans()
    | st.integers(-(2**63), 2**63 - 1)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(max_size=8)
)
VALUES = st.recursive(
    _SCALARS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=4), inner),
    max_leaves=3,
)
_PATHS = st.sampled_from([reading.path for reading in READINGS])


def _nested(flat: dict[str, Any]) -> dict[str, Any]:
    tree: dict[str, Any] = {}
    for path, value in flat.items():
        group, _, leaf = path.rpartition(".")
        if group and not isinstance(tree.setdefault(group, {}), dict):
            continue
        (tree[group] if group else tree)[leaf] = value
    return tree


ARBITRARY_READINGS = st.dictionaries(_PATHS | st.text(max_size=4), VALUES, max_size=3).map(_nested)
# Two days apart at the most: a summary has a slice for each five minutes.
TIMES = st.integers(1_700_000_000, 1_700_000_600) | st.integers(1_699_900_000, 1_700_100_000)
_SAMPLES = st.builds(
    lambda seq, ts, m, full, bye: Sample(seq, ts, json.dumps(m).encode(), full, bye),
    st.integers(0, 12),
    TIMES,
    ARBITRARY_READINGS,
    st.booleans(),
    st.booleans(),
)
SESSIONS = st.builds(
    lambda samples, old: Session(
        "0" * 24, "room", UID, Dialect.V1 if old else Dialect.V2, samples[0].ts, tuple(samples)
    ),
    st.lists(_SAMPLES, min_size=1, max_size=6),
    st.booleans(),
)
