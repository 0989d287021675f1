"""Many clients of the live page, some of which do not read: nobody waits for them."""

import asyncio
import json
import re
import signal
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from pathlib import Path

from tests.support.builders import UID, body, wire_sample
from tests.support.senders import Load, Sender
from tests.support.servers import PREFIX, Serve
from tests.support.waiting import wait_until_async

_READERS = 200
_STALLED = 100
_ROOMS = 300
# A server that sends events ten times as often; STALLED is its timeout of a stalled client.
_FAST_SERVER = """
import os
from jmmc.server import connections
from jmmc.web.dashboard import live
live._UPDATE_INTERVAL, live._CACHE_SECONDS = 0.5, 0.25
connections.STALLED = float(os.environ["STALLED"])
"""
_REQUEST = b"GET /live HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n"


@asynccontextmanager
async def _serving(folder: Path, *, stalled: float) -> AsyncIterator[Serve]:
    """A server with so many meetings that an event is larger than the send buffer of a client."""
    options = ("--max-queries-per-minute", "0")
    environ = {"STALLED": str(stalled)}
    serve = await asyncio.to_thread(Serve, folder, *options, environ=environ, code=_FAST_SERVER)
    try:
        reader, writer = await asyncio.open_connection("127.0.0.1", serve.port)
        for number in range(_ROOMS):
            await _push(reader, writer, f"room-{number:03}-{'x' * 80}", number)
        writer.close()
        async with _watching(serve, 1, 1 << 18) as (first,):
            await _all([first], _ROOMS)
        yield serve
        assert await asyncio.to_thread(serve.stop, signal.SIGTERM) == 0
        assert "Traceback" not in serve.log.read_text()
    finally:
        serve.close()


async def _push(
    reader: asyncio.StreamReader, writer: asyncio.StreamWriter, room: str, number: int
) -> None:
    sample = wire_sample(0, {"pid": "x", "cq": 100}, age=30)
    raw = json.dumps(body(sample, conf=room, sid=f"{number:032x}", uid=UID)).encode()
    head = f"POST {PREFIX}/push HTTP/1.1\r\nHost: x\r\nContent-Length: {len(raw)}\r\n\r\n"
    writer.write(head.encode() + raw)
    assert (await reader.readuntil(b"\r\n\r\n")).startswith(b"HTTP/1.1 200")
    await reader.readuntil(b"}")


class Watcher:
    """A client of the event stream, which reads on demand."""

    def __init__(self, serve: Serve, buffer: int) -> None:
        self._port = serve.port
        self._buffer = buffer
        self.meetings: list[int] = []
        """The number of meetings in each event."""

    async def open(self) -> None:
        sock = socket.socket()
        # With a small buffer, unread data stays at the server.
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, self._buffer)
        sock.connect(("127.0.0.1", self._port))
        self._reader, self._writer = await asyncio.open_connection(sock=sock, limit=self._buffer)
        self._writer.write(_REQUEST)

    async def read(self, until: int) -> None:
        """Read until an event has so many meetings, or the server disconnects."""
        text = b""
        while chunk := await self._reader.read(1 << 18):
            *events, text = (text + chunk).split(b"\n\n")
            for event in events:
                if found := re.search(rb"<b>([\d,]+)</b> meetings", event):
                    self.meetings.append(int(found[1].replace(b",", b"")))
            if self.meetings and self.meetings[-1] >= until:
                return

    async def close(self) -> None:
        self._writer.close()
        with suppress(ConnectionError):
            await self._writer.wait_closed()


async def _all(watchers: list[Watcher], until: int) -> None:
    async with asyncio.timeout(60):
        await asyncio.gather(*(watcher.read(until) for watcher in watchers))


@asynccontextmanager
async def _watching(serve: Serve, count: int, buffer: int) -> AsyncIterator[list[Watcher]]:
    watchers = [Watcher(serve, buffer) for _ in range(count)]
    try:
        for watcher in watchers:
            await watcher.open()
        yield watchers
    finally:
        await asyncio.gather(*(watcher.close() for watcher in watchers))


async def test_a_client_that_does_not_read_delays_nobody_and_gets_the_newest_event_later(
    tmp_path: Path,
) -> None:
    async with (
        _serving(tmp_path, stalled=100) as serve,
        _watching(serve, _READERS, 1 << 18) as readers,
        _watching(serve, _STALLED, 4096) as stalled,
    ):
        await _all(readers, _ROOMS)
        # Pushes are confirmed, and the other clients get events.
        senders = [Sender(f"new-{number}", number) for number in range(10)]
        async with Load(senders, serve.port) as load:
            await load.confirms(5)
        before = serve.memory()
        for _ in range(7):
            for reader in readers:
                reader.meetings.clear()
            await _all(readers, _ROOMS + len(senders))
        assert serve.memory() - before < 45, (
            "7 events of 100 kB for each stalled client would be 70 MB"
        )

        late = stalled[0]
        await _all([late], _ROOMS + len(senders))
        assert len(late.meetings) <= 5, "of at least eight"


async def test_a_client_that_never_reads_is_disconnected_and_others_are_not(tmp_path: Path) -> None:
    async with _serving(tmp_path, stalled=1) as serve, _watching(serve, 3, 1 << 18) as readers:
        await _all(readers, _ROOMS)
        before = serve.files()
        async with _watching(serve, 20, 4096):
            reading = asyncio.gather(*(reader.read(_ROOMS + 1) for reader in readers))
            await wait_until_async(lambda: serve.files() >= before + 20)
            await wait_until_async(lambda: serve.files() <= before)
        assert not reading.done()
        async with Load([Sender("new", 1)], serve.port) as load:
            await load.confirms()
        async with asyncio.timeout(60):
            await reading
