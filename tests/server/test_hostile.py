"""Whatever is thrown at a running server: no 500, no hang, no stored surprise."""

import gzip
import json
import random
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
from tests.support.servers import PREFIX, Serve

_PUSH = f"{PREFIX}/push"


@pytest.fixture(scope="module")
def serve(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Serve]:
    serve = Serve(tmp_path_factory.mktemp("hostile"), "--body-timeout", "1")
    yield serve
    assert "Traceback" not in serve.log.read_text(), "something unexpected was raised"
    assert serve.stop() == 0
    serve.close()


def _send(serve: Serve, raw: bytes, *, wait: float = 10.0) -> tuple[int, bytes]:
    """Raw bytes to the server; the status and body that come back, 0 when it hangs up."""
    with socket.create_connection(("127.0.0.1", serve.port), wait) as connection:
        try:
            connection.sendall(raw)
        except OSError:
            return 0, b""
        answer = b""
        try:
            while part := connection.recv(65_536):
                answer += part
                head, found, content = answer.partition(b"\r\n\r\n")
                length = head.lower().partition(b"content-length:")[2].split(b"\r\n")[0]
                if found and length.strip() and len(content) >= int(length):
                    break
        except ConnectionResetError:
            pass
    if not answer:
        return 0, b""
    return int(answer.split(b" ")[1]), answer.partition(b"\r\n\r\n")[2]


def _request(content: bytes, *headers: str, path: str = _PUSH, method: str = "POST") -> bytes:
    lines = [f"{method} {path} HTTP/1.1", "Host: x", "Connection: close", *headers]
    if not any(header.lower().startswith(("content-length", "transfer")) for header in headers):
        lines.append(f"Content-Length: {len(content)}")
    return "\r\n".join(lines).encode("latin-1") + b"\r\n\r\n" + content


def _m(text: str) -> bytes:
    """A good v2 push but for its readings, which are given as text."""
    marked = json.dumps(body(wire_sample(0, "HERE"), conf="hostile", sid=_sid()))
    return marked.replace('"HERE"', text).encode()


def _sid() -> str:
    return f"{random.getrandbits(128):032x}"


def _v1(m: Any) -> bytes:
    return json.dumps(v1_body(m, conf="hostile")).encode()


def _good(**more: Any) -> bytes:
    return json.dumps(body(**{"conf": "hostile", "sid": _sid(), **more})).encode()


_NESTED = "[" * 20_000 + "]" * 20_000
_FLOOD = [f"X-Flood-{number}: {'y' * 1000}" for number in range(500)]

# What is sent, and the statuses that are allowed. 0: the server may hang up on it.
ATTACKS: dict[str, tuple[bytes, set[int]]] = {
    "nothing": (_request(b""), {400}),
    "an empty object": (_request(b"{}"), {400}),
    "an empty list": (_request(b"[]"), {400}),
    "a text": (_request(b'"x"'), {400}),
    "null": (_request(b"null"), {400}),
    "half an object": (_request(b'{"uid":'), {400}),
    "two objects": (_request(_good() + b"{}"), {400}),
    "single quotes": (_request(b"{'uid': 1}"), {400}),
    "NaN": (_request(_m('{"cq":NaN}')), {400}),
    "Infinity": (_request(_m('{"cq":-Infinity}')), {400}),
    "a number of 5,000 digits": (_request(_m('{"cq":' + "9" * 5000 + "}")), {200, 400}),
    "1e999": (_request(_m('{"cq":1e999,"rtt":5}')), {200}),
    "lists in lists, 20,000 deep, as a reading": (_request(_m('{"cq":' + _NESTED + "}")), {400}),
    "lists in lists, 20,000 deep, alone": (_request(_NESTED.encode()), {400}),
    "objects in objects": (_request(b'{"m":' * 9000 + b"1" + b"}" * 9000), {400}),
    "a key twice": (_request(_m('{"cq":1,"cq":2}')), {200}),
    "a key twice, the second bad": (_request(_m('{"cq":1,"cq":"x"}')), {200}),
    "a lone surrogate": (_request(_m('{"pid":"\\ud800"}')), {400}),
    "a surrogate pair": (_request(_m('{"pid":"\\ud83d\\ude00"}')), {200}),
    "a NUL": (_request(_m('{"pid":"a\\u0000b"}')), {200}),
    "raw control characters": (_request(_m('{"pid":"a\x01b"}')), {400}),
    "bytes that are no UTF-8": (_request(_m('{"pid":"x"}').replace(b"x", b"\xff")), {400}),
    "UTF-16": (_request(json.dumps(body()).encode("utf-16")), {400}),
    "UTF-16, said so": (
        _request(json.dumps(body()).encode("utf-16"), "Content-Type: text/plain; charset=utf-16"),
        {400},
    ),
    "a byte order mark": (_request(b"\xef\xbb\xbf" + _good()), {200}),
    "__proto__": (_request(_m('{"__proto__":{"cq":5},"cq":7}')), {200}),
    "a constructor": (_request(_m('{"constructor":{"prototype":{"x":1}}}')), {200}),
    "an operator of MongoDB": (_request(_m('{"$where":"sleep(1)"}')), {200}),
    "an operator for a conference": (_request(_good(conf={"$ne": ""})), {400}),
    "SQL for a conference": (_request(_good(conf="x';DELETE(FROM)sessions;--")), {200}),
    "SQL for a participant": (_request(_m('{"pid":"\'); DELETE FROM samples; --"}')), {200}),
    "markup for a conference": (_request(_good(conf="<script>alert(1)</script>")), {400}),
    "a path for a conference": (_request(_good(conf="../../etc/passwd")), {400}),
    "a conference of 60,000 letters": (_request(_good(conf="a" * 60_000)), {400}),
    "a participant of 60,000 letters": (_request(_m('{"pid":"' + "a" * 60_000 + '"}')), {200}),
    "2,000 samples": (
        _request(_good(samples=[wire_sample(seq, {}) for seq in range(2000)])),
        {200, 413},
    ),
    "3,000 unknown readings": (
        _request(_m(json.dumps({f"k{number}": number for number in range(3000)}))),
        {200},
    ),
    "one byte too many": (_request(_good() + b" " * 65_536), {413}),
    "as many bytes as allowed": (_request((g := _good()) + b" " * (65_536 - len(g))), {200}),
    "ten megabytes": (_request(b"x" * 10_000_000), {0, 413}),
    "a length that lies, too long": (_request(b"{}", "Content-Length: 100"), {503}),
    "a length beyond all": (_request(b"{}", "Content-Length: 99999999999999999999999"), {400, 413}),
    "a negative length": (_request(b"{}", "Content-Length: -5"), {0, 400}),
    "two lengths": (_request(b"{}", "Content-Length: 2", "Content-Length: 3"), {0, 400}),
    "chunks": (
        _request(b"%x\r\n%s\r\n0\r\n\r\n" % (len(g), g), "Transfer-Encoding: chunked"),
        {200},
    ),
    "a chunk of nonsense": (_request(b"zz\r\n", "Transfer-Encoding: chunked"), {0, 400}),
    "chunks without end": (
        _request(
            b"10000\r\n" + b"x" * 65_536 + b"\r\n10000\r\n" + b"x" * 65_536,
            "Transfer-Encoding: chunked",
        ),
        {413},
    ),
    "a gzip bomb": (_request(gzip.compress(b" " * 40_000_000), "Content-Encoding: gzip"), {413}),
    "a gzip bomb in a bomb": (
        _request(gzip.compress(gzip.compress(b" " * 40_000_000)), "Content-Encoding: gzip"),
        {400},
    ),
    "gzip cut short": (_request(gzip.compress(_good())[:-20], "Content-Encoding: gzip"), {400}),
    "gzip that is none": (_request(_good(), "Content-Encoding: gzip"), {400}),
    "an encoding nobody knows": (_request(_good(), "Content-Encoding: zstd"), {400}),
    "a form": (
        _request(b"uid=1&m[cq]=5", "Content-Type: application/x-www-form-urlencoded"),
        {400},
    ),
    "500 headers": (_request(_good(), *_FLOOD), {0, 200, 400, 431}),
    "a header of 100 kB": (_request(_good(), "User-Agent: " + "x" * 100_000), {0, 200, 400, 431}),
    "a thousand proxies": (
        _request(_good(), "X-Forwarded-For: " + ", ".join(["127.0.0.1"] * 1000)),
        {200},
    ),
    "nonsense for a proxy": (_request(_good(), "X-Forwarded-For: \xff;DROP"), {200}),
    "cookies of nonsense": (
        _request(
            _v1({"cq": 1}),
            "Cookie: \xff=;;jmmc_objectId=..",
        ),
        {400},
    ),
    "a path up and out": (_request(_good(), path=f"{PREFIX}/../../push"), {404, 405}),
    "a path with a NUL": (_request(_good(), path=f"{PREFIX}/push%00"), {404, 405}),
    "a path of 60,000 letters": (_request(b"", path="/" + "a" * 60_000), {0, 400, 404, 405}),
    "a method nobody knows": (_request(_good(), method="BREW"), {0, 400, 405}),
    "no HTTP at all": (
        b"\x16\x03\x01\x02\xfc\x03" * 20 + b"\r\n\r\n",
        {0, 400},
    ),
}


def test_there_are_enough_attacks() -> None:
    assert len(ATTACKS) >= 40


@pytest.mark.parametrize("name", ATTACKS)
def test_it_is_answered_promptly_and_never_with_500(serve: Serve, name: str) -> None:
    raw, allowed = ATTACKS[name]
    started = time.monotonic()
    status, content = _send(serve, raw)
    assert time.monotonic() - started < 5
    assert status in allowed, content
    if status in (400, 413, 503) and content.startswith(b'{"error"'):
        told = json.loads(content)
        assert told["error"] in REASONS
        assert told["detail"]
    assert _send(serve, _request(_good()))[0] == 200, "the server is not well afterwards"


def test_a_body_that_trickles_in_is_given_up_and_others_are_served_meanwhile(serve: Serve) -> None:
    content = _good()
    slow = socket.create_connection(("127.0.0.1", serve.port), 10)
    slow.sendall(_request(content)[: -len(content) // 2])
    assert _send(serve, _request(_good()))[0] == 200
    started = time.monotonic()
    answer = slow.recv(65_536)
    slow.close()
    assert answer.split(b" ")[1] == b"503", "it may come again: the line was slow, not wrong"
    assert b"retry-after" in answer.lower()
    assert time.monotonic() - started < 4


def test_a_sender_that_hangs_up_in_the_middle_disturbs_nobody(serve: Serve) -> None:
    for _ in range(20):
        with socket.create_connection(("127.0.0.1", serve.port), 10) as gone:
            gone.sendall(_request(_good())[:-30])
    assert _send(serve, _request(_good()))[0] == 200


def test_one_who_sends_a_whole_megabyte_before_it_reads_is_told_that_it_is_too_large(
    serve: Serve,
) -> None:
    raw = _request(b" " * 1_000_000)
    with socket.create_connection(("127.0.0.1", serve.port), 10) as connection:
        for begin in range(0, len(raw), 100_000):
            connection.sendall(raw[begin : begin + 100_000])
            time.sleep(0.01)  # A slow line.
        assert connection.recv(65_536).split(b" ")[1] == b"413"


def test_all_that_was_stored_is_valid(serve: Serve) -> None:
    """Runs after the attacks: the store has nothing that the table does not allow."""
    sessions = serve.export()
    assert sessions
    for session in sessions:
        _assert_valid(session)


def _assert_valid(session: dict[str, Any]) -> None:
    known = {row.path for row in (*BROWSER_READINGS, *SERVER_READINGS)} | {
        *("ts", "seq", "full", "bye")
    }
    assert set(session) <= {"_id", "conf", "uid", "v", "m"}
    assert session["uid"] == UID
    for sample in session["m"]:
        for key, value in sample.items():
            paths = [f"{key}.{leaf}" for leaf in value] if isinstance(value, dict) else [key]
            assert set(paths) <= known, sample
        assert 0 <= sample.get("cq", 0) <= 100


_JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20),
    lambda inner: (
        st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=8), inner, max_size=4)
    ),
    max_leaves=12,
)
_PATHS = st.sampled_from([row.path for row in BROWSER_READINGS])
_FIELDS = st.sampled_from(["uid", "conf", "sid", "v", "samples"])


@settings(max_examples=300, deadline=None, suppress_health_check=list(HealthCheck))
@given(
    m=st.dictionaries(_PATHS, _JSON, max_size=5) | _JSON,
    envelope=st.dictionaries(_FIELDS, _JSON, max_size=1),
    dialect=st.booleans(),
    damage=st.none() | st.tuples(st.integers(0, 400), st.binary(max_size=4)),
)
def test_no_invention_makes_a_500_or_a_stored_surprise(
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
    status, answer = _send(serve, _request(raw))
    assert status in (200, 400, 413), (raw, answer)
    if status == 400:
        assert json.loads(answer)["error"] in REASONS


def test_all_that_the_inventions_stored_is_valid(serve: Serve) -> None:
    for session in serve.export("--room", "fuzz"):
        _assert_valid(session)
