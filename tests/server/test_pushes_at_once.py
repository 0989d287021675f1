"""A push that arrives whole is served without a task, and gets the answer of any other."""

import asyncio
import gzip
import json
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

import pytest
import uvicorn
from uvicorn.server import ServerState

from jmmc.core.model import SessionFilter
from jmmc.server.connections import Connection
from jmmc.settings import Settings
from jmmc.web.site import Server, create_app
from tests.server.test_single_write import RecordingTransport
from tests.support.builders import UID, body, wire_sample
from tests.support.servers import PREFIX

_ORIGIN = "https://meet.example"


class _Transport(RecordingTransport):
    """Says when something was written."""

    def __init__(self) -> None:
        super().__init__()
        self.written = asyncio.Event()

    def write(self, data: bytes | bytearray | memoryview) -> None:
        super().write(data)
        self.written.set()

    def pause_reading(self) -> None:
        """Of a test, which sends what it wants to."""

    def resume_reading(self) -> None:
        """Of a test, which sends what it wants to."""


class Client:
    """A client on a connection of its own; `tasks` are those of the server's ASGI requests."""

    def __init__(self, app: Server) -> None:
        config = uvicorn.Config(app, http=Connection, interface="asgi3", proxy_headers=False)
        config.load()
        state = ServerState()
        self.tasks = state.tasks
        self.transport = _Transport()
        self.connection = Connection(config, state, {}, asyncio.get_running_loop())
        self.connection.connection_made(self.transport)

    def send(self, data: bytes) -> None:
        self.connection.data_received(data)

    async def responses(self, number: int = 1) -> list[tuple[str, dict[str, str], Any]]:
        """The status, the headers and the content of so many responses, when they are there."""
        async with asyncio.timeout(10):
            while sum(b"HTTP/1.1 " in write for write in self._written) < number:
                self.transport.written.clear()
                await self.transport.written.wait()
        parsed = []
        for write in self._written:
            head, _, content = write.decode().partition("\r\n\r\n")
            status, *lines = head.split("\r\n")
            headers = dict(line.split(": ", 1) for line in lines)
            assert int(headers["content-length"]) == len(content)
            parsed.append((status, headers, json.loads(content)))
        return parsed

    @property
    def _written(self) -> list[bytes]:
        return [write for write in self.transport.writes if isinstance(write, bytes)]


@pytest.fixture
async def app(tmp_path: Path) -> AsyncIterator[Server]:
    store = f"sqlite:///{tmp_path}/calls.db"
    app = create_app(Settings.of(store=store, secret="x", allowed_origins=[_ORIGIN]))
    await app.metrics.collector.open()
    yield app
    await app.metrics.collector.close()


def _request(content: bytes, *headers: str) -> bytes:
    lines = [f"POST {PREFIX}/push HTTP/1.1", "Host: x", f"Content-Length: {len(content)}", *headers]
    return "\r\n".join([*lines, "", ""]).encode() + content


def _push(number: int = 0, **more: Any) -> bytes:
    sample = wire_sample(0, {"cq": 50, "u": {"bw": "much"} if number == 1 else {"bw": 1}})
    return json.dumps(body(sample, **more)).encode()


_V1 = {"uid": UID, "conf": "room", "m": {"br": "br", "os": "os", "pid": "x"}}

REQUESTS: dict[str, Callable[[str], bytes]] = {
    "accepted": lambda sid: _request(_push(sid=sid)),
    "accepted in part": lambda sid: _request(_push(1, sid=sid)),
    "of an allowed origin": lambda sid: _request(_push(sid=sid), f"Origin: {_ORIGIN}"),
    "compressed": lambda sid: _request(gzip.compress(_push(sid=sid)), "Content-Encoding: gzip"),
    "v1 that opens a session": lambda _: _request(json.dumps(_V1).encode()),
    "v1 without its cookie": lambda _: _request(json.dumps({**_V1, "m": {"cq": 1}}).encode()),
    "not JSON": lambda _: _request(b"much", f"Origin: {_ORIGIN}"),
    "of another type": lambda sid: _request(_push(sid=sid), "Content-Type: image/png"),
    "compressed, cut short": lambda sid: _request(
        gzip.compress(_push(sid=sid))[:-9], "Content-Encoding: gzip"
    ),
    "too large": lambda sid: _request(_push(sid=sid) + b" " * 100_000),
    "of a room that is not allowed": lambda sid: _request(_push(sid=sid, conf="a b\n")),
}


async def test_a_push_that_arrives_whole_gets_the_answer_of_one_in_pieces(app: Server) -> None:
    for number, (name, request_of) in enumerate(REQUESTS.items()):
        whole, pieces = Client(app), Client(app)
        whole.send(request_of(f"a{number:031x}"))
        request = request_of(f"b{number:031x}")
        pieces.send(request[:-3])
        assert (len(whole.tasks), len(pieces.tasks)) == (0, 1), name
        await asyncio.sleep(0)
        pieces.send(request[-3:])

        answers = []
        for client in (whole, pieces):
            ((status, headers, content),) = await client.responses()
            for varying in ("x-request-id", "set-cookie", "content-length"):  # Of `now`, too.
                if varying in headers:
                    headers[varying] = "given"
            answers.append((status, headers, {**content, "now": None, "jmmc_objectId": None}))
        assert answers[0] == answers[1], name


async def test_pushes_of_one_packet_are_answered_in_order(app: Server) -> None:
    client = Client(app)
    many = [_push(sid="a" * 32), b"much", _push(sid="b" * 32)]
    client.send(b"".join(_request(content) for content in many))

    statuses = [status for status, _, _ in await client.responses(3)]
    assert [status.split(" ")[1] for status in statuses] == ["200", "400", "200"]


async def test_a_server_that_stops_answers_the_push_under_way_and_closes(app: Server) -> None:
    client = Client(app)
    client.send(_request(_push()))
    client.connection.shutdown()

    ((status, headers, _),) = await client.responses()
    assert (status, headers["connection"]) == ("HTTP/1.1 200 OK", "close")
    assert client.transport.writes[-1] == "closed"


async def test_the_push_of_a_client_that_has_gone_is_stored(app: Server) -> None:
    gone, client = Client(app), Client(app)
    gone.send(_request(_push(sid="a" * 32)))
    gone.connection.connection_lost(ConnectionResetError())
    client.send(_request(_push(sid="b" * 32)))

    await client.responses()
    assert await app.metrics.collector.store.count(SessionFilter()) == 2
    assert gone.transport.writes == []


async def test_a_push_to_a_collector_that_is_not_open_opens_it(app: Server) -> None:
    await app.metrics.collector.close()
    client = Client(app)
    client.send(_request(_push()))
    assert client.tasks
    assert (await client.responses())[0][0] == "HTTP/1.1 200 OK"


async def test_a_client_that_waits_for_permission_to_send_its_body_gets_it(app: Server) -> None:
    client = Client(app)
    request = _request(_push(), "Expect: 100-Continue")
    end = request.index(b"\r\n\r\n") + 4
    client.send(request[:end])
    async with asyncio.timeout(10):
        await client.transport.written.wait()
    assert client.transport.writes == [b"HTTP/1.1 100 Continue\r\n\r\n"]

    client.transport.writes.clear()
    client.send(request[end:])
    assert (await client.responses())[0][0] == "HTTP/1.1 200 OK"


async def test_a_push_that_an_unexpected_error_ends_is_answered(
    app: Server, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def fail(_: object) -> None:
        raise KeyError("a bug")

    monkeypatch.setattr(app.metrics.collector, "end", fail)
    client = Client(app)
    client.send(_request(_push()))
    async with asyncio.timeout(10):
        await client.transport.written.wait()
    (answer,) = client.transport.writes
    assert isinstance(answer, bytes)
    assert answer.startswith(b"HTTP/1.1 500 ")
    assert "KeyError: 'a bug'" in caplog.text
