"""Hostile requests to a running server: no 500, no hang, nothing invalid stored."""

import gzip
import json
import socket
import time
from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from jmmc.core.errors import REASONS
from jmmc.core.readings import BROWSER_READINGS, SERVER_READINGS
from tests.support.builders import UID, body, v1_body, wire_sample
from tests.support.raw_http import random_sid, request, send, valid_push
from tests.support.servers import PREFIX, Serve


@pytest.fixture(scope="module")
def serve(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Serve]:
    serve = Serve(tmp_path_factory.mktemp("hostile"), "--body-timeout", "1")
    yield serve
    assert "Traceback" not in serve.log.read_text(), "an unhandled exception"
    assert serve.stop() == 0
    serve.close()


def _push_of(text: str) -> bytes:
    """A v2 push that is valid but for its readings, which are given as JSON text."""
    marked = json.dumps(body(wire_sample(0, "HERE"), conf="hostile", sid=random_sid()))
    return marked.replace('"HERE"', text).encode()


def _v1(m: Any) -> bytes:
    return json.dumps(v1_body(m, conf="hostile")).encode()


_NESTED = "[" * 20_000 + "]" * 20_000
_BOMB = gzip.compress(b" " * 40_000_000)
_FLOOD = [f"X-Flood-{number}: {'y' * 1000}" for number in range(500)]

# The request, and the statuses that are allowed; 0 means that the server disconnects.
ATTACKS: dict[str, tuple[bytes, set[int]]] = {
    "nothing": (request(b""), {400}),
    "an empty object": (request(b"{}"), {400}),
    "an empty list": (request(b"[]"), {400}),
    "a text": (request(b'"x"'), {400}),
    "null": (request(b"null"), {400}),
    "half an object": (request(b'{"uid":'), {400}),
    "two objects": (request(valid_push() + b"{}"), {400}),
    "single quotes": (request(b"{'uid': 1}"), {400}),
    "NaN": (request(_push_of('{"cq":NaN}')), {400}),
    "Infinity": (request(_push_of('{"cq":-Infinity}')), {400}),
    "a number of 5,000 digits": (request(_push_of('{"cq":' + "9" * 5000 + "}")), {200, 400}),
    "1e999": (request(_push_of('{"cq":1e999,"rtt":5}')), {200}),
    "lists in lists, 20,000 deep, as a reading": (
        request(_push_of('{"cq":' + _NESTED + "}")),
        {400},
    ),
    "lists in lists, 20,000 deep, alone": (request(_NESTED.encode()), {400}),
    "objects in objects": (request(b'{"m":' * 9000 + b"1" + b"}" * 9000), {400}),
    "a key twice": (request(_push_of('{"cq":1,"cq":2}')), {200}),
    "a key twice, the second bad": (request(_push_of('{"cq":1,"cq":"x"}')), {200}),
    "a lone surrogate": (request(_push_of('{"pid":"\\ud800"}')), {400}),
    "a surrogate pair": (request(_push_of('{"pid":"\\ud83d\\ude00"}')), {200}),
    "a NUL": (request(_push_of('{"pid":"a\\u0000b"}')), {200}),
    "raw control characters": (request(_push_of('{"pid":"a\x01b"}')), {400}),
    "bytes that are not UTF-8": (request(_push_of('{"pid":"x"}').replace(b"x", b"\xff")), {400}),
    "UTF-16": (request(json.dumps(body()).encode("utf-16")), {400}),
    "UTF-16, declared": (
        request(json.dumps(body()).encode("utf-16"), "Content-Type: text/plain; charset=utf-16"),
        {400},
    ),
    "a byte order mark": (request(b"\xef\xbb\xbf" + valid_push()), {200}),
    "__proto__": (request(_push_of('{"__proto__":{"cq":5},"cq":7}')), {200}),
    "a constructor": (request(_push_of('{"constructor":{"prototype":{"x":1}}}')), {200}),
    "an operator of MongoDB": (request(_push_of('{"$where":"sleep(1)"}')), {200}),
    "an operator for a conference": (request(valid_push(conf={"$ne": ""})), {400}),
    "SQL for a conference": (request(valid_push(conf="x';DELETE(FROM)sessions;--")), {200}),
    "SQL for a participant": (request(_push_of('{"pid":"\'); DELETE FROM samples; --"}')), {200}),
    "markup for a conference": (request(valid_push(conf="<script>alert(1)</script>")), {400}),
    "a path for a conference": (request(valid_push(conf="../../etc/passwd")), {400}),
    "a conference of 60,000 letters": (request(valid_push(conf="a" * 60_000)), {400}),
    "a participant of 60,000 letters": (request(_push_of('{"pid":"' + "a" * 60_000 + '"}')), {200}),
    "2,000 samples": (
        request(valid_push(samples=[wire_sample(seq, {}) for seq in range(2000)])),
        {200, 413},
    ),
    "3,000 unknown readings": (
        request(_push_of(json.dumps({f"k{number}": number for number in range(3000)}))),
        {200},
    ),
    "one byte too many": (request(valid_push() + b" " * 65_536), {413}),
    "as many bytes as allowed": (
        request((good := valid_push()) + b" " * (65_536 - len(good))),
        {200},
    ),
    "ten megabytes": (request(b"x" * 10_000_000), {0, 413}),
    "a length beyond the body": (request(b"{}", "Content-Length: 100"), {503}),
    "a length beyond all": (request(b"{}", "Content-Length: 99999999999999999999999"), {400, 413}),
    "a negative length": (request(b"{}", "Content-Length: -5"), {0, 400}),
    "two lengths": (request(b"{}", "Content-Length: 2", "Content-Length: 3"), {0, 400}),
    "chunks": (
        request(b"%x\r\n%s\r\n0\r\n\r\n" % (len(good), good), "Transfer-Encoding: chunked"),
        {200},
    ),
    "a chunk of nonsense": (request(b"zz\r\n", "Transfer-Encoding: chunked"), {0, 400}),
    "chunks without end": (
        request(
            b"10000\r\n" + b"x" * 65_536 + b"\r\n10000\r\n" + b"x" * 65_536,
            "Transfer-Encoding: chunked",
        ),
        {413},
    ),
    "a gzip bomb": (request(_BOMB, "Content-Encoding: gzip"), {413}),
    "a gzip bomb in a bomb": (
        request(gzip.compress(_BOMB), "Content-Encoding: gzip"),
        {400},
    ),
    "gzip cut short": (request(gzip.compress(valid_push())[:-20], "Content-Encoding: gzip"), {400}),
    "gzip that is not": (request(valid_push(), "Content-Encoding: gzip"), {400}),
    "an unknown encoding": (request(valid_push(), "Content-Encoding: zstd"), {400}),
    "a form": (
        request(b"uid=1&m[cq]=5", "Content-Type: application/x-www-form-urlencoded"),
        {400},
    ),
    "500 headers": (request(valid_push(), *_FLOOD), {0, 200, 400, 431}),
    "a header of 100 kB": (
        request(valid_push(), "User-Agent: " + "x" * 100_000),
        {0, 200, 400, 431},
    ),
    "a thousand proxies": (
        request(valid_push(), "X-Forwarded-For: " + ", ".join(["127.0.0.1"] * 1000)),
        {200},
    ),
    "nonsense for a proxy": (request(valid_push(), "X-Forwarded-For: \xff;DROP"), {200}),
    "cookies of nonsense": (
        request(
            _v1({"cq": 1}),
            "Cookie: \xff=;;jmmc_objectId=..",
        ),
        {400},
    ),
    "a path up and out": (request(valid_push(), path=f"{PREFIX}/../../push"), {404, 405}),
    "a path with a NUL": (request(valid_push(), path=f"{PREFIX}/push%00"), {404, 405}),
    "a path of 60,000 letters": (request(b"", path="/" + "a" * 60_000), {414}),
    "an unknown method": (request(valid_push(), method="BREW"), {0, 400, 405}),
    "no HTTP at all": (
        b"\x16\x03\x01\x02\xfc\x03" * 20 + b"\r\n\r\n",
        {0, 400},
    ),
}


def test_there_are_at_least_forty_attacks() -> None:
    assert len(ATTACKS) >= 40


@pytest.mark.parametrize("name", ATTACKS)
def test_hostile_requests_get_a_prompt_response_and_never_500(serve: Serve, name: str) -> None:
    raw, allowed = ATTACKS[name]
    started = time.monotonic()
    status, content = send(serve, raw)
    assert time.monotonic() - started < 5
    assert status in allowed, content
    if status in (400, 413, 503) and content.startswith(b'{"error"'):
        problem = json.loads(content)
        assert problem["error"] in REASONS
        assert problem["detail"]
    assert send(serve, request(valid_push()))[0] == 200, "the server does not work afterwards"


def test_a_slow_body_times_out_with_503_while_others_are_served(serve: Serve) -> None:
    content = valid_push()
    slow = socket.create_connection(("127.0.0.1", serve.port), 10)
    slow.sendall(request(content)[: -len(content) // 2])
    assert send(serve, request(valid_push()))[0] == 200
    started = time.monotonic()
    answer = slow.recv(65_536)
    slow.close()
    assert answer.split(b" ")[1] == b"503", "503, so that the browser retries"
    assert b"retry-after" in answer.lower()
    assert time.monotonic() - started < 4


def test_clients_that_disconnect_mid_request_affect_no_others(serve: Serve) -> None:
    for _ in range(20):
        with socket.create_connection(("127.0.0.1", serve.port), 10) as connection:
            connection.sendall(request(valid_push())[:-30])
    assert send(serve, request(valid_push()))[0] == 200


def test_a_client_that_reads_only_after_sending_a_megabyte_gets_413(
    serve: Serve,
) -> None:
    raw = request(b" " * 1_000_000)
    with socket.create_connection(("127.0.0.1", serve.port), 10) as connection:
        for begin in range(0, len(raw), 100_000):
            connection.sendall(raw[begin : begin + 100_000])
            time.sleep(0.01)  # As over a slow line.
        assert connection.recv(65_536).split(b" ")[1] == b"413"


def test_everything_stored_from_hostile_requests_is_valid(serve: Serve) -> None:
    """Runs after the attacks: the store has only what the table of readings allows."""
    sessions = serve.export()
    assert sessions
    for session in sessions:
        _assert_valid(session)


def _assert_valid(session: dict[str, Any]) -> None:
    known = {reading.path for reading in (*BROWSER_READINGS, *SERVER_READINGS)} | {
        *("ts", "seq", "full", "bye")
    }
    assert set(session) <= {"_id", "conf", "uid", "v", "m"}
    assert session["uid"] == UID
    for sample in session["m"]:
        for key, value in sample.items():
            paths = [f"{key}.{leaf}" for leaf in value] if isinstance(value, dict) else [key]
            assert set(paths) <= known, sample
        assert sample.get("cq") is None or 0 <= sample["cq"] <= 100  # None: not known any more.


_JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20),
    lambda inner: (
        st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=8), inner, max_size=4)
    ),
    max_leaves=12,
)
_PATHS = st.sampled_from([reading.path for reading in BROWSER_READINGS])
_FIELDS = st.sampled_from(["uid", "conf", "sid", "v", "samples"])


@settings(max_examples=300, deadline=None, suppress_health_check=list(HealthCheck))
@given(
    m=st.dictionaries(_PATHS, _JSON, max_size=5) | _JSON,
    envelope=st.dictionaries(_FIELDS, _JSON, max_size=1),
    dialect=st.booleans(),
    damage=st.none() | st.tuples(st.integers(0, 400), st.binary(max_size=4)),
)
def test_generated_pushes_get_200_or_a_client_error(
    serve: Serve, m: Any, envelope: dict[str, Any], dialect: bool, damage: tuple[int, bytes] | None
) -> None:
    if isinstance(m, dict):
        nested: dict[str, Any] = {}
        for path, value in m.items():
            group, _, leaf = path.rpartition(".")
            if group and isinstance(nested.setdefault(group, {}), dict):
                nested[group][leaf] = value
            else:
                nested[path] = value
        m = nested
    content = body(wire_sample(0, m), conf="fuzz") if dialect else v1_body(m, conf="fuzz")
    raw = json.dumps({**content, **envelope}).encode()
    if damage is not None:
        raw = raw[: damage[0]] + damage[1] + raw[damage[0] :]
    status, answer = send(serve, request(raw))
    assert status in (200, 400, 413), (raw, answer)
    if status == 400:
        assert json.loads(answer)["error"] in REASONS


def test_everything_stored_from_generated_pushes_is_valid(serve: Serve) -> None:
    for session in serve.export("--room", "fuzz"):
        _assert_valid(session)
