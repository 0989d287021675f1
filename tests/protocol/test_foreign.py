"""Whatever bytes and documents come in: an answer or a refusal in one line, never a crash."""

import asyncio
import json
import os
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from jmmc.cli import main
from jmmc.core.errors import Rejected, StoreError
from jmmc.core.model import Dialect, Push, Sample, SessionFilter
from jmmc.core.readings import BROWSER_READINGS
from jmmc.protocol.decoding import Codec, Envelope
from jmmc.stores.ndjson import NdjsonFile
from jmmc.stores.sqlite.store import SqliteStore
from tests.support.builders import UID, body, v1_body, wire_sample

_LONG = int(os.environ.get("JMMC_TEST_EXAMPLES", "1"))  # Times as many, for a long run.


def _often(examples: int) -> Any:
    return settings(
        max_examples=examples * _LONG,
        deadline=None,
        derandomize=_LONG == 1,
        suppress_health_check=list(HealthCheck),
    )


_PATHS = [row.path for row in BROWSER_READINGS]
_SCALARS = (
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.text(max_size=12)
    | st.sampled_from([0, -1, 2**31, 2**53, 2**63, 1e308, "udp", "relay", "::1", "interrupted"])
)
_VALUES = st.recursive(
    _SCALARS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=6), inner),
    max_leaves=6,
)
_READINGS = st.dictionaries(st.sampled_from(_PATHS) | st.text(max_size=6), _VALUES, max_size=6).map(
    lambda v: _nested(v)
)
_CODECS = [Codec(), Codec(addresses="truncated"), Codec(addresses="none"), Codec(regions=["eu"])]


def _nested(flat: dict[str, Any]) -> dict[str, Any]:
    whole: dict[str, Any] = {}
    for path, value in flat.items():
        group, _, leaf = path.rpartition(".")
        inner = whole.setdefault(group, {}) if group else whole
        if isinstance(inner, dict):
            inner[leaf] = value
    return whole


def _decoded(codec: Codec, raw: bytes) -> Envelope | None:
    try:
        return codec.decode(raw)
    except Rejected as rejected:
        assert rejected.reason
        assert "\n" not in rejected.detail
        return None


@_often(60)
@given(st.binary(max_size=200))
def test_any_bytes_are_a_push_or_a_refusal(raw: bytes) -> None:
    for codec in _CODECS:
        _decoded(codec, raw)


@_often(60)
@given(_READINGS, st.booleans(), st.integers(0, 300), st.binary(max_size=3))
def test_a_damaged_push_is_a_push_or_a_refusal(
    m: Any, new: bool, place: int, damage: bytes
) -> None:
    whole = body(wire_sample(0, m)) if new else v1_body(m)
    raw = json.dumps(whole).encode()
    for codec in _CODECS:
        _decoded(codec, raw[:place] + damage + raw[place:])
        _decoded(codec, raw[:place] + damage + raw[place + len(damage) :])


@_often(60)
@given(_READINGS, st.booleans())
def test_both_ways_of_decoding_agree(m: Any, new: bool) -> None:
    """An unknown reading more sends a push the careful way; what is kept must be the same."""
    for codec in _CODECS:
        whole = body(wire_sample(0, m)) if new else v1_body(m)
        envelope = _decoded(codec, json.dumps(whole).encode())
        if envelope is None:
            continue
        (other := dict(m))["nobody_knows"] = 1
        whole = body(wire_sample(0, other)) if new else v1_body(other)
        careful = _decoded(codec, json.dumps(whole).encode())
        assert careful is not None
        kept = [json.loads(sample.readings) for sample in envelope.samples]
        assert [json.loads(sample.readings) for sample in careful.samples] == kept


@pytest.mark.parametrize(
    "ts",
    ['{"$numberDouble": "Infinity"}', '{"$numberLong": "99999999999999999999"}', "1e300", "-5"],
)
async def test_a_time_out_of_range_is_an_error_with_its_line(tmp_path: Path, ts: str) -> None:
    path = tmp_path / "file.ndjson"
    path.write_text(f'{{"_id": "{"0" * 24}", "conf": "a", "uid": "b", "m": [{{"ts": {ts}}}]}}\n')
    with pytest.raises(StoreError, match=":1: not a session"):
        [session async for session in NdjsonFile(path).sessions(SessionFilter())]


_NAMES = ["[/]", "[bold", "[link=http://evil.example]x[/link]", ":smiley:", "\x1b]0;owned\x07", "‮"]


@pytest.mark.parametrize("name", _NAMES)
async def test_control_characters_in_names_do_not_reach_the_terminal(
    tmp_path: Path, name: str
) -> None:
    store = SqliteStore(tmp_path / "calls.db")
    await store.open()
    m = {"br": name, "os": name, "t": {"sr": name, "net": name}, "cq": 5, "cdc": {"v": name}}
    sample = Sample(0, 1_700_000_000, json.dumps(m).encode())
    later = Sample(1, 1_700_000_030, b"{}")
    await store.append([Push("1" * 24, name, UID, Dialect.V2, (sample, later))])
    await store.close()
    url = f"sqlite:///{tmp_path}/calls.db"
    window = ["--since", "2023-01-01", "--until", "2024-01-01"]
    for command in (
        ["rebuild"],
        ["sessions", *window],
        ["show", "1" * 24],
        ["report", *window, "--by", "region"],
    ):
        done = await asyncio.to_thread(
            CliRunner().invoke, main, [*command, "--store", url], env={"COLUMNS": "200"}
        )
        assert done.exception is None or done.exit_code == 0, done.output
        assert "\x1b]" not in done.output
        assert "‮" not in done.output
        if command[0] == "show":
            assert name.encode("unicode_escape").decode()[:5] in done.output
