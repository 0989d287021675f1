"""Slow and greedy clients: idle connections, endless heads, responses that are not read."""

import resource
import select
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from jmmc.server.connections import HEAD, MOST_HEADERS
from tests.support.raw_http import request, send, valid_push
from tests.support.servers import PREFIX, Serve
from tests.support.waiting import wait_until

_BODY_TIMEOUT = 1.0
_MOST_CONNECTIONS = 40  # Of one address; 127.0.0.1 is a trusted proxy.


@pytest.fixture(scope="module")
def serve(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Serve]:
    folder = tmp_path_factory.mktemp("slow")
    serve = Serve(
        folder,
        *("--body-timeout", f"{_BODY_TIMEOUT:g}", "--max-queries-per-minute", "0"),
        *("--max-connections-per-address", str(_MOST_CONNECTIONS)),
    )
    yield serve
    code = serve.stop()
    log = serve.log.read_text()
    assert "Traceback" not in log, "an unhandled exception"
    assert "library" not in log, "a client can fill the log"
    assert code == 0


def _connect(serve: Serve, address: str = "") -> socket.socket:
    return socket.create_connection(("127.0.0.1", serve.port), 10, (address, 0))


def _wait_until_closed(connections: list[socket.socket], drip: bytes = b"") -> None:
    """Wait until the server has closed all connections, which keep sending `drip`."""
    deadline = time.monotonic() + 30
    open_connections = connections
    while open_connections:
        assert time.monotonic() < deadline, f"{len(open_connections)} are still open"
        poll = select.poll()
        by_number = {connection.fileno(): connection for connection in open_connections}
        for number in by_number:
            poll.register(number, select.POLLIN)
        closed = set()
        for number, _ in poll.poll(100):
            try:
                while part := by_number[number].recv(65_536, socket.MSG_DONTWAIT):
                    assert part
                closed.add(number)
            except BlockingIOError:
                pass
            except OSError:
                closed.add(number)
        for number, connection in by_number.items():
            if drip and number not in closed:
                try:
                    connection.sendall(drip)
                except OSError:
                    closed.add(number)
        open_connections = [
            connection for number, connection in by_number.items() if number not in closed
        ]


def _get(path: str) -> bytes:
    return request(b"", path=path, method="GET")


_ANSWERED = _get("/healthz").replace(b"Connection: close\r\n", b"")


@pytest.mark.parametrize(
    ("first", "drip"),
    [
        (b"", b""),
        (b"GET /healthz HTTP/1.1\r\nX-Slow: ", b"a"),
        (b"", b"\r\n"),
        (_ANSWERED, b""),
        (_ANSWERED + b"GET /healthz HTTP/1.1\r\nX-Slow: ", b"a"),
        (_ANSWERED, b"\r\n"),
        (b"POST /healthz HTTP/1.1\r\nHost: x\r\nContent-Length: 9999999\r\n\r\n", b"a"),
        (
            b"POST /login HTTP/1.1\r\nHost: x\r\nContent-Length: 9999\r\n"
            b"Content-Type: application/x-www-form-urlencoded\r\n\r\n",
            b"a",
        ),
    ],
    ids=[
        "no request",
        "slow head",
        "empty lines",
        "idle after a response",
        "slow next head",
        "empty lines after a response",
        "slow body that is not read",
        "slow form",
    ],
)
def test_hundreds_of_slow_connections_are_closed_and_others_are_served(
    serve: Serve, first: bytes, drip: bytes
) -> None:
    connections = [_connect(serve) for _ in range(300)]
    try:
        for connection in connections:
            connection.sendall(first)
        assert send(serve, request(valid_push()))[0] == 200
        _wait_until_closed(connections, drip)
    finally:
        for connection in connections:
            connection.close()
    assert send(serve, request(valid_push()))[0] == 200


def test_a_request_head_over_64_kib_gets_431(serve: Serve) -> None:
    before = serve.memory()
    with _connect(serve) as connection, pytest.raises(OSError):
        connection.sendall(b"GET / HTTP/1.1\r\nX-Long: ")
        for _ in range(100):
            connection.sendall(b"a" * 1_000_000)
    assert serve.memory() - before < 20
    for size, status in ((HEAD - 200, 200), (HEAD, 431)):
        assert send(serve, request(valid_push(), f"X-Long: {'a' * size}"))[0] == status
    head = b"GET /healthz HTTP/1.1\r\nHost: x\r\nConnection: close\r\n"
    for count, status in ((MOST_HEADERS - 2, 200), (MOST_HEADERS - 1, 431), (10_000, 431)):
        many = head + b"A: b\r\n" * count + b"\r\n"
        assert send(serve, many)[0] == status


@pytest.mark.parametrize("header", ["X-Forwarded-For", "Cookie", "User-Agent", "Content-Type"])
def test_long_headers_are_not_kept_in_memory(serve: Serve, header: str) -> None:
    values = {
        "X-Forwarded-For": "{}, 192.0.2.1",
        "Cookie": "jmmc_objectId={}",
        "User-Agent": "{}",
        "Content-Type": "text/plain; {}",
    }
    for number in range(600):
        if number == 200:
            before = serve.memory()
        padding = f"{number}".rjust(50_000, "x")
        value = values[header].format(padding)
        status, _ = send(serve, request(valid_push(), f"{header}: {value}"))
        assert status == 200
    assert serve.memory() - before < 12, "400 headers of 50 kB are 20 MB"


def test_clients_that_do_not_read_responses_use_little_memory(serve: Serve) -> None:
    """Responses wait in the kernel and, up to 64 KiB, in the server, which then stops reading."""
    before = serve.memory()
    pipelined = _get("/api/v1/openapi.json").replace(b"Connection: close\r\n", b"")
    connections = [_connect(serve) for _ in range(20)]
    for connection in connections:
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        connection.settimeout(0.2)
        try:
            for _ in range(2000):
                connection.sendall(pipelined)
        except (TimeoutError, ConnectionError):
            pass
    assert send(serve, request(valid_push()))[0] == 200
    assert serve.memory() - before < 20, "1,000 requests that wait on each would take 3 MB"
    for connection in connections:
        connection.close()


def test_the_server_recovers_from_running_out_of_file_descriptors(tmp_path: Path) -> None:
    serve = Serve(tmp_path, "--body-timeout", f"{_BODY_TIMEOUT:g}")
    try:
        assert serve.process is not None
        resource.prlimit(serve.process.pid, resource.RLIMIT_NOFILE, (64, 64))
        connections = [_connect(serve) for _ in range(200)]
        _wait_until_closed(connections)
        for connection in connections:
            connection.close()
        assert send(serve, request(valid_push()))[0] == 200
        assert serve.files() < 40
        assert "Traceback" not in serve.log.read_text()
    finally:
        serve.close()


def test_an_address_has_a_bounded_number_of_connections_and_others_are_answered(
    serve: Serve,
) -> None:
    with ExitStack() as stack:

        def connect(address: str) -> socket.socket:
            return stack.enter_context(_connect(serve, address))

        held = [connect("127.0.0.2") for _ in range(_MOST_CONNECTIONS)]
        assert _answers(held[-1])
        assert not any(_answers(connect("127.0.0.2")) for _ in range(5))
        assert _answers(connect("127.0.0.3"))
        assert _answers(connect("127.0.0.1"))
        assert _answers(held[-1])
    wait_until(lambda: "event=connections_refused" in serve.log.read_text(), serve.log.read_text)
    assert f"count=5 most={_MOST_CONNECTIONS}" in serve.log.read_text()


def test_an_address_that_opens_connections_quickly_has_to_wait(serve: Serve) -> None:
    began, more = time.monotonic(), 9
    for _ in range(_MOST_CONNECTIONS + more):
        with _connect(serve, "127.0.0.4") as connection:
            assert _answers(connection), "it is answered nevertheless"
    per_second = 12 * _MOST_CONNECTIONS / 60
    assert time.monotonic() - began > (more - 1) / per_second


def _answers(connection: socket.socket) -> bool:
    try:
        connection.sendall(_ANSWERED)
        return connection.recv(65_536).startswith(b"HTTP/1.1 200")
    except ConnectionError:
        return False


def test_the_file_limit_is_raised_to_the_hard_limit() -> None:
    code = (
        "import resource as r; from jmmc.server.connections import raise_file_limit;"
        "r.setrlimit(r.RLIMIT_NOFILE, (256, 2000)); raise_file_limit();"
        "print(*r.getrlimit(r.RLIMIT_NOFILE))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, check=True)
    assert done.stdout.split() == [b"2000", b"2000"]


# The request, and the statuses that are allowed; 0 means that the server disconnects.
UNUSUAL: dict[str, tuple[bytes, set[int]]] = {
    "HTTP/1.0": (b"GET /healthz HTTP/1.0\r\n\r\n", {200}),
    "HTTP/0.9": (b"GET /healthz\r\n\r\n", {200}),
    "HTTP/2, its preface": (b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", {0, 400}),
    "a whole URL": (
        b"GET http://elsewhere.example/healthz HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n",
        {200},
    ),
    "an authority": (b"CONNECT evil.example:443 HTTP/1.1\r\nHost: x\r\n\r\n", {0, 400, 404, 405}),
    "a star": (b"OPTIONS * HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n", {0, 400, 404, 405}),
    "a WebSocket": (
        b"GET /live HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n"
        b"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n\r\n",
        {0, 400, 403},
    ),
    "a length and chunks": (
        b"POST /healthz HTTP/1.1\r\nHost: x\r\nContent-Length: 4\r\n"
        b"Transfer-Encoding: chunked\r\n\r\n0\r\n\r\nGET /healthz HTTP/1.1\r\nHost: x\r\n\r\n",
        {0, 400},
    ),
    "chunks, spelt with a space": (
        b"POST /healthz HTTP/1.1\r\nHost: x\r\nTransfer-Encoding : chunked\r\n\r\n0\r\n\r\n",
        {0, 400},
    ),
    "chunks that are not the last encoding": (
        b"POST /healthz HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked, gzip\r\n\r\n0\r\n\r\n",
        {0, 400},
    ),
    "a header folded": (b"GET /healthz HTTP/1.1\r\nX: a\r\n b\r\nHost: x\r\n\r\n", {0, 200, 400}),
    "lines ended by LF alone": (b"GET /healthz HTTP/1.1\nHost: x\n\n", {0, 400}),
    "a CR in a header": (b"GET /healthz HTTP/1.1\r\nX: a\rEvil: b\r\n\r\n", {0, 400}),
    "a NUL in a header": (b"GET /healthz HTTP/1.1\r\nX: a\0b\r\n\r\n", {0, 400}),
    "a file's name that is too long": (_get("/static/" + "a" * 5000 + ".css"), {404}),
    "a static path up and out": (_get("/static/..%2f..%2fpages.css"), {404}),
    "a static path with backslashes": (_get("/static/..%5cpages.css"), {404}),
    "a static path from the root": (_get("/static//etc/passwd%00.css"), {404}),
    "a static path of no letters": (_get("/static/%ff%fe.css"), {404}),
    "a form of ten megabytes": (
        request(
            b"a" * 10_000_000,
            "Content-Type: application/x-www-form-urlencoded",
            path="/login",
        ),
        {0, 413},
    ),
    "a file for a form": (
        request(
            b'--x\r\nContent-Disposition: form-data; name="a"; filename="b"\r\n\r\n1\r\n--x--',
            "Content-Type: multipart/form-data; boundary=x",
            path="/login",
        ),
        {415},
    ),
    "a form of a thousand fields": (
        request(
            b"a=1&" * 1000,
            "Content-Type: application/x-www-form-urlencoded",
            path="/login",
        ),
        {400},
    ),
}


@pytest.mark.parametrize("name", UNUSUAL)
def test_unusual_http_gets_an_allowed_status(serve: Serve, name: str) -> None:
    raw, allowed = UNUSUAL[name]
    status, content = send(serve, raw)
    assert status in allowed, content
    assert b"elsewhere" not in content
    assert send(serve, request(valid_push()))[0] == 200


_HOSTS = {
    "missing": ("1.1", [], 400),
    "missing in HTTP/1.0, which has none": ("1.0", [], 200),
    "one": ("1.1", ["metrics.example.org"], 200),
    "one with a port": ("1.1", ["metrics.example.org:8443"], 200),
    "an IPv4 address": ("1.1", ["192.0.2.1"], 200),
    "an IPv6 address": ("1.1", ["[2001:db8::1]:8080"], 200),
    "an underscore": ("1.1", ["jmmc_1:8080"], 200),
    "empty, for a target without a host": ("1.1", [""], 200),
    "two": ("1.1", ["localhost", "evil.example"], 400),
    "two alike": ("1.1", ["localhost", "localhost"], 400),
    "two in HTTP/1.0": ("1.0", ["localhost", "localhost"], 400),
    "two names": ("1.1", ["localhost evil.example"], 400),
    "a path": ("1.1", ["localhost/evil"], 400),
    "a user": ("1.1", ["me@localhost"], 400),
    "a port of letters": ("1.1", ["localhost:http"], 400),
    "an open bracket": ("1.1", ["[2001:db8::1"], 400),
    "a letter of no ASCII": ("1.1", ["caf\xe9.example"], 400),
}


@pytest.mark.parametrize("path", ["healthz", "push"])
@pytest.mark.parametrize("name", _HOSTS)
def test_a_request_has_exactly_one_valid_host(serve: Serve, name: str, path: str) -> None:
    """RFC 9112, section 3.2, and the grammar of RFC 3986, section 3.2.2."""
    version, hosts, status = _HOSTS[name]
    content = valid_push() if path == "push" else b""
    method = "POST" if path == "push" else "GET"
    lines = [f"{method} {PREFIX}/{path} HTTP/{version}", *(f"Host: {host}" for host in hosts)]
    lines += ["Connection: close", f"Content-Length: {len(content)}", "", ""]
    raw = "\r\n".join(lines).encode("latin-1") + content
    assert send(serve, raw, sender="127.0.0.5")[0] == status


@pytest.mark.parametrize(("hosts", "status"), [(0, 200), (1, 200), (2, 400)])
def test_a_trusted_proxy_may_leave_the_host_out(serve: Serve, hosts: int, status: int) -> None:
    """A browser drops a push that gets 400, and nginx may have no Host to send for HTTP/3."""
    content = valid_push()
    lines = [f"POST {PREFIX}/push HTTP/1.1", *["Host: metrics.example.org"] * hosts]
    lines += ["Connection: close", f"Content-Length: {len(content)}", "", ""]
    assert send(serve, "\r\n".join(lines).encode() + content)[0] == status


def test_pipelined_requests_are_answered_in_order(serve: Serve) -> None:
    first = b"GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n"
    last = b"GET /nothing HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"
    with _connect(serve) as connection:
        connection.sendall(first * 500 + last)
        answers = b""
        while part := connection.recv(65_536):
            answers += part
    assert answers.count(b"HTTP/1.1 200 ") == 500
    assert answers.count(b"HTTP/1.1 404 ") == 1
    assert answers.rindex(b"HTTP/1.1 404 ") > answers.rindex(b"HTTP/1.1 200 ")
