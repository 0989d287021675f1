"""Bytes to readings: the table of the protocol, row by row."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from jmmc.core.errors import Rejected
from jmmc.core.model import Dialect
from jmmc.core.readings import BROWSER_READINGS
from jmmc.protocol.answer import Answer, encode_answer
from jmmc.protocol.decoding import Codec, Envelope
from jmmc.protocol.server_readings import add_server_readings
from tests.support.builders import SID, UID, body, v1_body, wire_sample

_LARGEST = 2**53 - 1

_PERCENT = ([0, 100, 55.25], [-1, 100.01, "5", True, [5]])
_RATE = ([0, 347.33, _LARGEST], [-0.01, 2**53, "12", True, {}])
_TEXT = (["", "x" * 64], ["x" * 65, 5, ["x"]])
_PORT = ([0, 65535], [-1, 65536, 1.5, "80"])
_ADDRESS = ([0, 2**32 - 1, "2001:db8::1", "fe80::1%eth0"], [-1, 2**32, "10.0.0.1", "x:y", 1.5])
_FLAG = ([True, False], [0, "true"])
_FAILURE = (["ice_failed", "gave_up"], ["", "conference.iceFailed", 1])
_CANDIDATE = (["host", "srflx", "prflx", "relay"], ["HOST", "", 1])

# Each row of the protocol's table, with values that are taken and values that are dropped in v2.
ROWS: dict[str, tuple[list[Any], list[Any]]] = {
    "br": _TEXT,
    "os": _TEXT,
    "pid": _TEXT,
    "cq": _PERCENT,
    **{f"{link}.{key}": _RATE for link in "ud" for key in ("bw", "ab", "vb", "jit", "fr")},
    **{f"{link}.pl": _PERCENT for link in "ud"},
    "u.lim": (["none", "cpu", "bandwidth", "other"], ["CPU", 1]),
    "d.frz": _PERCENT,
    "d.frs": _RATE,
    "d.cnc": _PERCENT,
    "d.cns": _RATE,
    "t.ip": _ADDRESS,
    "t.lip": _ADDRESS,
    "t.p": _PORT,
    "t.lp": _PORT,
    "t.tp": (["udp", "tcp", "tls", "relay", "relay/udp"], ["UDP", "sctp", 6]),
    "t.sr": _TEXT,
    "t.p2p": _FLAG,
    "t.net": (["wifi", "x" * 32], ["x" * 33, 1]),
    "t.lct": _CANDIDATE,
    "t.rct": _CANDIDATE,
    "res.h": _RATE,
    "res.w": _RATE,
    "cdc.a": (["opus", "x" * 32], ["x" * 33, 1]),
    "cdc.v": (["VP8"], [5, {}]),
    "rtt": _RATE,
    "mer": _RATE,
    "ev": (
        [
            ["interrupted"],
            [],
            ["x" * 16] * 16,
            [["p2p", 3.5], "jvb", ["restored", 0], ["muted_audio", 86_400]],
            [["x" * 16, 9.9]] * 16,
        ],
        [
            ["x" * 17],
            ["x"] * 17,
            [["x", 1]] * 17,
            "x",
            [1, None],
            [["x" * 17, 1], ["x", -0.1], ["x", "1"], ["x", None], ["x", True]],
            [[], ["x"], ["x", 1, 2], [1, "x"], [["x", 1]], {"x": 1}],
        ],
    ),
    "vis": _FLAG,
    "mid": _TEXT,
    "fail": _FAILURE,
    "drop": _FAILURE,
    **{f"set.{step}": _RATE for step in ("ask", "join", "ice", "med")},
    "name": _TEXT,
    "code": (["7XK2MQ", "000000"], ["7xk2mq", "7XK2M", "7XK2MQ7", "IIIIII", 123456]),
    **{f"{link}.{key}": _PERCENT for link in "ud" for key in ("apl", "vpl")},
    **{f"{link}.vjt": _RATE for link in "ud"},
    **dict.fromkeys(("u.lcp", "u.lbw", "d.drp", "lt"), _PERCENT),
    **dict.fromkeys(("u.enc", "d.dec"), _RATE),
    **dict.fromkeys(("u.pe", "d.pe"), _FLAG),
    "d.by": (
        [[], [["8b4139fa", 12, None, 0, 100]], [["a", 1, 2, 3, 4]] * 3],
        [
            [["a", 1, 2, 3, 4]] * 4,
            [["a", 1, 2, 3]],
            [["a", 1, 2, 3, 4, 5]],
            [["", 1, 2, 3, 4]],
            [["x" * 65, 1, 2, 3, 4]],
            [["a", 101, 2, 3, 4]],
            [["a", -1, 2, 3, 4]],
            [["a", 1.5, 2, 3, 4]],
            [["a", "1", 2, 3, 4]],
            [[5, 1, 2, 3, 4]],
            [{"a": 1}],
            {"a": [1, 2, 3, 4]},
            "a",
        ],
    ),
    **{f"dev.{kind}": _TEXT for kind in ("mic", "cam", "spk")},
    "t.brg": (["198.51.100.7", "x" * 45], ["x" * 46, 1]),
    "rate": ([1, 5], [0, 6, 2.5, "3", True]),
    "why": (["audio", "other"], ["Audio", "", 1]),
    "n": ([1, 500], [0, 1.5, "2"]),
}

NEW_IN_V2 = {row.path for row in BROWSER_READINGS if row.since is Dialect.V2}

_NEW_GROUPS = {"set", "dev"}


def _nested(path: str, value: Any) -> dict[str, Any]:
    group, _, leaf = path.rpartition(".")
    return {group: {leaf: value}} if group else {leaf: value}


def _decode(content: Any, **choices: Any) -> Envelope:
    raw = content if isinstance(content, bytes) else json.dumps(content).encode()
    return Codec(**choices).decode(raw)


def _v2(m: Any, **choices: Any) -> tuple[Any, list[str]]:
    envelope = _decode(body(wire_sample(0, m)), **choices)
    return json.loads(envelope.samples[0].readings), envelope.dropped


def test_this_table_has_the_readings_of_the_protocol() -> None:
    assert {row.path for row in BROWSER_READINGS} == set(ROWS)


@pytest.mark.parametrize("path", ROWS)
def test_good_values_are_kept_as_they_are(path: str) -> None:
    for value in ROWS[path][0]:
        assert _v2(_nested(path, value)) == (_nested(path, value), [])


@pytest.mark.parametrize("path", ROWS)
def test_bad_values_are_dropped_and_named_and_the_rest_is_kept(path: str) -> None:
    other = {"rtt": 5} if path != "rtt" else {"cq": 5}
    for value in ROWS[path][1]:
        if value is not None:
            kept, dropped = _v2({**_nested(path, value), **other})
            assert (kept, dropped) == (other, [f"m.{path}"]), value


@pytest.mark.parametrize("path", ROWS)
def test_null_ends_a_reading_in_v2(path: str) -> None:
    assert _v2(_nested(path, None)) == (_nested(path, None), [])


@pytest.mark.parametrize("choices", [{}, {"addresses": "truncated"}, {"addresses": "none"}])
def test_null_in_place_of_a_group_ends_each_reading_that_a_browser_may_send(
    choices: dict[str, Any],
) -> None:
    paths = [path for path in ROWS if path.partition(".")[0] in ("u", "t")]
    if choices:
        paths = [path for path in paths if path not in ("t.p", "t.lp")]
    if choices.get("addresses") == "none":
        paths = [path for path in paths if path not in ("t.ip", "t.lip")]
    expected: dict[str, Any] = {"cq": 5, "u": {}, "t": {}}
    for path in paths:
        group, _, leaf = path.partition(".")
        expected[group][leaf] = None
    assert _v2({"u": None, "cq": 5, "t": None}, **choices) == (expected, [])


def test_v1_has_no_null_in_place_of_a_group() -> None:
    envelope = _decode(v1_body({"cq": 1, "u": None}))
    assert (envelope.samples[0].readings, envelope.dropped) == (b'{"cq":1}', ["m.u"])


@pytest.mark.parametrize("path", sorted(NEW_IN_V2))
def test_v1_does_not_know_what_v2_added(path: str) -> None:
    envelope = _decode(v1_body({**_nested(path, ROWS[path][0][0]), "cq": 1}))
    group, _, _ = path.rpartition(".")
    assert envelope.dropped == [f"m.{group}" if group in _NEW_GROUPS else f"m.{path}"]
    assert envelope.samples[0].readings == b'{"cq":1}'


def test_v1_accepts_null_for_bandwidth_only() -> None:
    envelope = _decode(v1_body({"cq": None, "u": {"bw": None, "ab": None}, "d": {"bw": None}}))
    assert json.loads(envelope.samples[0].readings) == {"u": {"bw": None}, "d": {"bw": None}}
    assert envelope.dropped == ["m.cq", "m.u.ab"]


def test_v1_accepts_no_address_as_text() -> None:
    assert _decode(v1_body({"cq": 1, "t": {"ip": "2001:db8::1"}})).dropped == ["m.t.ip"]


def test_a_v1_push_with_a_browser_opens_a_session_and_the_header_names_the_browser() -> None:
    envelope = _decode(v1_body({"br": "br", "os": "os", "pid": "8b4139fa"}))
    assert (envelope.dialect, envelope.opens) == (Dialect.V1, True)
    assert envelope.samples[0].readings == b'{"pid":"8b4139fa"}'


@pytest.mark.parametrize("browser", ["", 5, None, ["x"]])
def test_a_v1_push_with_a_bad_browser_opens_no_session(browser: Any) -> None:
    assert not _decode(v1_body({"br": browser, "cq": 1})).opens


def test_only_the_bad_events_of_a_list_are_dropped() -> None:
    events = ["p2p", ["x" * 17, 1], ["jvb", 2.5], ["restored", -1], "interrupted"]
    kept, dropped = _v2({"ev": events, "cq": 1})
    assert kept == {"cq": 1, "ev": ["p2p", ["jvb", 2.5], "interrupted"]}
    assert dropped == ["m.ev"]


def test_the_age_of_an_event_is_clamped_to_a_day() -> None:
    events = [["p2p", 86_400.5], ["jvb", 10**12], ["restored", 3]]
    assert _v2({"ev": events}) == ({"ev": [["p2p", 86_400], ["jvb", 86_400], ["restored", 3]]}, [])


@given(
    st.lists(
        st.text("ab", max_size=18)
        | st.tuples(
            st.text("ab", max_size=18),
            st.integers(-5, 90_000) | st.floats(-5, 90_000) | st.none() | st.text(max_size=2),
        ),
        max_size=18,
    )
)
def test_events_are_kept_one_by_one(events: list[Any]) -> None:
    def is_good(event: Any) -> bool:
        name, age = (event, 0) if isinstance(event, str) else event
        return len(name) <= 16 and isinstance(age, int | float) and age >= 0

    good = [
        event if isinstance(event, str) else [event[0], min(event[1], 86_400)]
        for event in events
        if len(events) <= 16 and is_good(event)
    ]
    kept, dropped = _v2({"ev": events})
    assert kept.get("ev", []) == good
    assert dropped == ([] if len(good) == len(events) else ["m.ev"])


def test_a_v1_push_with_events_is_stored_without_them() -> None:
    envelope = _decode(v1_body({"cq": 1, "ev": ["p2p", ["jvb", 3]]}))
    assert envelope.samples[0].readings == b'{"cq":1}'
    assert envelope.dropped == ["m.ev"]


def test_regions_are_held_to_the_operators_list() -> None:
    regions = ["REGION1", "REGION2"]
    assert _v2({"t": {"sr": "REGION1"}}, regions=regions)[1] == []
    assert _v2({"t": {"sr": "RIE"}}, regions=regions) == ({}, ["m.t.sr"])
    assert _v2({"t": {"sr": None}}, regions=regions)[1] == []


def test_without_addresses_those_that_come_are_dropped() -> None:
    m = {"t": {"ip": 1, "p": 2, "lip": 3, "lp": 4, "tp": "udp"}}
    kept, dropped = _v2(m, addresses="none")
    assert kept == {"t": {"tp": "udp"}}
    assert dropped == ["m.t.ip", "m.t.p", "m.t.lip", "m.t.lp"]


@pytest.mark.parametrize("bad", [{}, {"cq": "bad"}], ids=["in one step", "leaf by leaf"])
def test_truncated_addresses_name_a_network_and_no_port(bad: dict[str, Any]) -> None:
    """Both ways through the decoder, for one bad reading must not let a whole address in."""

    def kept(t: dict[str, Any]) -> tuple[Any, list[str]]:
        found, dropped = _v2({"t": t, **bad}, addresses="truncated")
        return found, [item for item in dropped if item != "m.cq"]

    m = {"ip": 3405803783, "p": 2, "lip": "2001:db8:1:2:3::4%eth0", "lp": 4, "tp": "udp"}
    assert kept(m) == ({"t": {"ip": 3405803776, "lip": "2001:db8:1::", "tp": "udp"}}, [])
    assert kept({"ip": None, "lip": "::ffff:192.0.2.9"}) == (
        {"t": {"ip": None, "lip": 3221225984}},
        [],
    )
    assert kept({"p": 1, "lp": None}) == ({}, [])
    assert kept({"ip": "1:2", "tp": "udp"}) == ({"t": {"tp": "udp"}}, ["m.t.ip"])


def test_addresses_in_v1_are_truncated_too() -> None:
    m = {"cq": 1, "t": {"ip": 3405803783, "p": 2}}
    (sample,) = _decode(v1_body(m), addresses="truncated").samples
    assert json.loads(sample.readings) == {"cq": 1, "t": {"ip": 3405803776}}


def test_a_browser_may_not_send_the_address_that_the_server_saw() -> None:
    assert _v2({"t": {"rip": 5}}) == ({}, ["m.t.rip"])


def test_only_a_number_that_is_too_large_is_dropped() -> None:
    raw = json.dumps(body(wire_sample(0, {"cq": 77777, "rtt": 5}))).replace("77777", "1e999")
    envelope = _decode(raw.encode())
    assert (envelope.samples[0].readings, envelope.dropped) == (b'{"rtt":5}', ["m.cq"])


def test_groups_left_empty_are_not_stored() -> None:
    assert _v2({"u": {}, "d": {"zz": 1}}) == ({}, ["m.d.zz"])


def test_a_group_that_is_no_object_is_dropped_as_a_whole() -> None:
    assert _v2({"u": "abc", "d": 5, "t": [1], "cq": 1}) == ({"cq": 1}, ["m.u", "m.d", "m.t"])


def test_the_names_of_dropped_readings_are_bounded() -> None:
    _, dropped = _v2({f"{number:03}" + "k" * 500: 1 for number in range(100)})
    assert len(dropped) == 32
    assert max(map(len, dropped)) == 64


@pytest.mark.parametrize(
    ("content", "reason"),
    {
        "no JSON": (b"{", "malformed"),
        "not UTF-8": (b'{"uid":"\xff"}', "malformed"),
        "a list": ([], "malformed"),
        "null": (None, "malformed"),
        "no uid": ({"conf": "room", "m": {}}, "bad_uid"),
        "uid a number": (v1_body({"cq": 1}, uid=5), "bad_uid"),
        "conf an object": (v1_body({"cq": 1}, conf={"$gt": ""}), "bad_conf"),
        "no m": ({"uid": UID, "conf": "room"}, "malformed"),
        "m null": (v1_body(None), "malformed"),
        "m a list": (v1_body([1, 2]), "malformed"),
        "m a text": (v1_body("x"), "malformed"),
        "a version of the future": (body(v=3), "malformed"),
        "no sid": ({"v": 2, "uid": UID, "conf": "room", "samples": []}, "bad_sid"),
        "sid a number": (body(sid=5), "bad_sid"),
        "no samples": ({"v": 2, "sid": SID, "uid": UID, "conf": "room"}, "malformed"),
        "samples an object": (body(samples={}), "malformed"),
        "a sample without seq": (body({"age": 0, "m": {}}), "malformed"),
        "a sample without age": (body({"seq": 0, "m": {}}), "malformed"),
        "a sample without m": (body({"seq": 0, "age": 0}), "malformed"),
        "seq negative": (body(wire_sample(-1, {})), "malformed"),
        "seq a fraction": (body(wire_sample(1.5, {})), "malformed"),  # type: ignore[arg-type]
        "seq beyond bounds": (body(wire_sample(2**31, {})), "malformed"),
        "age a text": (body({"seq": 0, "age": "1", "m": {}}), "malformed"),
    }.values(),
)
def test_a_body_that_is_no_push_is_refused_with_a_reason(content: Any, reason: str) -> None:
    with pytest.raises(Rejected) as refused:
        _decode(content)
    assert refused.value.reason == reason
    assert refused.value.detail


def test_a_byte_order_mark_is_ignored() -> None:
    assert _decode(b"\xef\xbb\xbf" + json.dumps(body()).encode()).uid == UID


def test_unknown_fields_beside_the_samples_are_ignored() -> None:
    assert _decode(body(later=True)).dropped == []


@given(st.dictionaries(st.sampled_from(sorted(ROWS)), st.integers(0, 10**6), min_size=1))
def test_a_bad_neighbour_does_not_change_how_a_reading_is_stored(picks: dict[str, int]) -> None:
    """The strict and the lenient decoder agree: with nothing wrong, and with one thing wrong."""
    m: dict[str, Any] = {}
    for path, pick in picks.items():
        good = ROWS[path][0]
        group, _, leaf = path.rpartition(".")
        (m.setdefault(group, {}) if group else m)[leaf] = good[pick % len(good)]
    strict, nothing = _v2(m)
    lenient, dropped = _v2({**m, "unknown": 1})
    assert (strict, nothing) == (m, [])
    assert (lenient, dropped) == (m, ["m.unknown"])


@given(st.binary(max_size=200) | st.text(max_size=80).map(str.encode))
def test_any_bytes_decode_to_an_envelope_or_are_rejected(raw: bytes) -> None:
    try:
        assert isinstance(Codec().decode(raw), Envelope)
    except Rejected as rejected:
        assert rejected.detail


def test_server_readings_do_not_replace_the_browsers_name_of_itself() -> None:
    said = b'{"br":"Chrome 131","t":{"rip":1,"tp":"udp"}}'
    merged = add_server_readings(said, address=7, browser="Other", system="Linux")
    assert json.loads(merged) == {
        "br": "Chrome 131",
        "os": "Linux",
        "t": {"rip": 7, "tp": "udp"},
    }
    assert add_server_readings(b"{}", address=None, browser=None, system=None) == b"{}"


def test_an_answer_has_only_what_applies() -> None:
    assert encode_answer(Answer()) == b"{}"
    assert json.loads(encode_answer(Answer(3, 5.5, True, 60, ["m.cq"]))) == {
        "ack": 3,
        "now": 5.5,
        "resync": True,
        "interval": 60,
        "dropped": ["m.cq"],
    }
