"""A proxy between a browser and the collector that injects faults."""

import asyncio
import socket
import struct
import threading
from collections.abc import Callable, Coroutine
from contextlib import suppress
from typing import Any

Plan = Callable[[int], str]
"""What to do with push number 0, 1, …: the name of a `do_` method, with an argument after `:`."""

_CORS = (
    b"Access-Control-Allow-Origin: *\r\nAccess-Control-Expose-Headers: Retry-After\r\n"
    b"Connection: close\r\n"
)


class Proxy:
    """Forwards all requests to `target`, a local port; pushes get the faults of the plan.

    `log` has the action for each push. `target` may be changed while the proxy runs.
    """

    def __init__(self, target: int, plan: Plan = lambda _: "pass") -> None:
        self.target = target
        self.plan = plan
        self.log: list[str] = []
        self._connections: set[asyncio.Task[Any]] = set()
        self._loop = asyncio.new_event_loop()
        listening = threading.Event()
        self._thread = threading.Thread(target=self._run, args=(listening,), daemon=True)
        self._thread.start()
        assert listening.wait(10)

    def close(self) -> None:
        self._loop.call_soon_threadsafe(self._stop.set)
        self._thread.join(10)
        assert not self._thread.is_alive(), f"still open: {self._connections}"

    def _run(self, listening: threading.Event) -> None:
        asyncio.set_event_loop(self._loop)
        self._loop.run_until_complete(self._serve(listening))
        self._loop.close()

    async def _serve(self, listening: threading.Event) -> None:
        self._stop = asyncio.Event()
        server = await asyncio.start_server(self._accept, "127.0.0.1", 0)
        self.port = server.sockets[0].getsockname()[1]
        listening.set()
        await self._stop.wait()
        # Without the pause, asyncio would leave a connection open that it is just accepting.
        for listener in server.sockets:
            self._loop.remove_reader(listener.fileno())
        await asyncio.sleep(0.02)
        while self._connections:  # Browsers keep idle connections.
            for connection in self._connections:
                connection.cancel()
            await asyncio.sleep(0.02)
        server.close()

    async def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._connections.add(task)
        task.add_done_callback(self._connections.discard)
        try:
            head = await reader.readuntil(b"\r\n\r\n")
            length = next(
                (
                    int(line.split(b":")[1])
                    for line in head.lower().split(b"\r\n")
                    if line.startswith(b"content-length:")
                ),
                0,
            )
            body = await reader.readexactly(length)
            action = "pass"
            if head.startswith(b"POST"):
                action = self.plan(len(self.log))
                self.log.append(action)
            name, _, argument = action.partition(":")
            act: Callable[..., Coroutine[Any, Any, None]] = getattr(self, f"do_{name}")
            await act(head, body, writer, argument)
        except (OSError, asyncio.IncompleteReadError):
            pass
        except asyncio.CancelledError:
            writer.transport.abort()  # Otherwise data that the browser does not read keeps it open.
        finally:
            writer.close()
            with suppress(OSError, asyncio.CancelledError):
                await writer.wait_closed()

    async def do_pass(
        self, head: bytes, body: bytes, writer: asyncio.StreamWriter, _: str = ""
    ) -> None:
        writer.write(await self._forward(head, body))
        await writer.drain()

    async def do_delay(
        self, head: bytes, body: bytes, writer: asyncio.StreamWriter, seconds: str
    ) -> None:
        await asyncio.sleep(float(seconds))
        await self.do_pass(head, body, writer)

    async def do_refuse(
        self, head: bytes, body: bytes, writer: asyncio.StreamWriter, _: str
    ) -> None:
        connection = writer.get_extra_info("socket")
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        writer.transport.abort()

    async def do_answer(
        self, head: bytes, body: bytes, writer: asyncio.StreamWriter, status: str
    ) -> None:
        wait = b"Retry-After: 1\r\n" if status in ("503", "429") else b""
        writer.write(b"HTTP/1.1 %s Injected\r\n%s%s" % (status.encode(), wait, _CORS))
        writer.write(b"Content-Length: 2\r\n\r\n{}")
        await writer.drain()

    async def do_drop_answer(
        self, head: bytes, body: bytes, writer: asyncio.StreamWriter, _: str
    ) -> None:
        answer = await self._forward(head, body)
        assert b" 200 " in answer.split(b"\r\n")[0], answer
        await self.do_refuse(head, body, writer, "")

    async def do_cut_answer(
        self, head: bytes, body: bytes, writer: asyncio.StreamWriter, _: str
    ) -> None:
        answer = await self._forward(head, body)
        writer.write(answer[:-5])
        await writer.drain()

    async def do_cut_request(
        self, head: bytes, body: bytes, writer: asyncio.StreamWriter, _: str
    ) -> None:
        _reader, upstream = await asyncio.open_connection("127.0.0.1", self.target)
        try:
            upstream.write(head + body[: len(body) // 2])
            await upstream.drain()
        finally:
            upstream.transport.abort()
        await self.do_refuse(head, body, writer, "")

    async def _forward(self, head: bytes, body: bytes) -> bytes:
        reader, upstream = await asyncio.open_connection("127.0.0.1", self.target)
        lines = [
            part for part in head.split(b"\r\n") if not part.lower().startswith(b"connection:")
        ]
        try:
            upstream.write(b"\r\n".join([lines[0], b"Connection: close", *lines[1:]]) + body)
            await upstream.drain()
            return await reader.read()
        finally:
            upstream.transport.abort()
