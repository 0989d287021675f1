"""The connections of the server: none may hold a place that it does not use.

uvicorn waits for ever, and takes in without bound, where a client does not finish the head of a
request, or does not read its answer. What ends those connections also ends the idle ones.
"""

import logging
import resource
from collections.abc import Iterable
from http import HTTPStatus
from typing import Any

from jmmc.server.single_write import OneWrite

HEAD = 65_536
"""Bytes that the first line and the headers of a request may have."""

STALLED = 60.0
"""Seconds in which a client that has 64 KiB waiting must read most of them."""

_FILES = 65_536  # Open files that we ask for: a connection each. systemd gives 1024 by itself.
_BAD = "Invalid HTTP request received."  # As uvicorn says.


class Connection(OneWrite):
    """One connection. It owes us a head from its beginning, and from each answer, to the next."""

    def __init__(self, *args: Any, **more: Any) -> None:
        super().__init__(*args, **more)
        self.scope = {}  # type: ignore[typeddict-item]
        self._owes_since: float | None = None
        self._stalled_since: float | None = None
        self._head = 0  # Bytes of a head that is under way.
        self._arrived = 0

    def connection_made(self, transport: Any) -> None:
        """See `asyncio.Protocol`."""
        super().connection_made(transport)
        self._abort = transport.abort
        self._owes_since = self.loop.time()

    def data_received(self, data: bytes) -> None:
        """See `asyncio.Protocol`."""
        self._arrived = len(data)
        super().data_received(data)
        if "method" not in self.scope and not self.transport.is_closing():
            if not self._head:  # A head has the whole time.
                self._owes_since = self.loop.time()
            self._head += len(data)
            if self._head > HEAD:
                self.send_400_response(_BAD)

    def on_headers_complete(self) -> None:
        """The head is there. Raises `ValueError`, which refuses it, when it is too large."""
        # What came before is not counted exactly unless it may be too much.
        if self._head + self._arrived > HEAD and self._size() > HEAD:
            self._head = HEAD + 1
            raise ValueError("too large a head")
        self._head = 0
        self._owes_since = None
        super().on_headers_complete()

    def on_response_complete(self) -> None:
        """The answer is written: what is owed now is the next request, or to hang up.

        uvicorn's own arms a timer for each answer, to do after 5 seconds what `sweep` does.
        """
        self.server_state.total_requests += 1
        if not self.pipeline:
            self._owes_since = self.loop.time()
        if not self.transport.is_closing():
            self.flow.resume_reading()
            if self.pipeline:
                self._start_asgi_task(*self.pipeline.pop())

    def pause_writing(self) -> None:
        """The client reads more slowly than we write."""
        super().pause_writing()
        self._stalled_since = self.loop.time()

    def resume_writing(self) -> None:
        """It has read."""
        super().resume_writing()
        self._stalled_since = None

    def send_400_response(self, msg: str) -> None:
        """Refuse what is no HTTP, or too much of it."""
        if self.transport.is_closing():
            return
        if self._head <= HEAD:
            super().send_400_response(msg)
            return
        status = HTTPStatus.REQUEST_HEADER_FIELDS_TOO_LARGE
        line = f"HTTP/1.1 {status.value} {status.phrase}\r\n"
        self.transport.write(f"{line}content-length: 0\r\nconnection: close\r\n\r\n".encode())
        self.transport.close()

    def sweep(self, patience: float) -> None:
        """Hang up on a client that has owed a head for `patience` seconds, or does not read."""
        now = self.loop.time()
        owes, stalled = self._owes_since, self._stalled_since
        if stalled is not None and now - stalled > STALLED:
            self._abort()
        elif owes is not None and now - owes > patience and self._is_idle():
            if self.transport.is_closing():
                self._abort()  # It does not take the end of its answer.
            else:
                self.transport.close()

    def _is_idle(self) -> bool:
        """Nothing is being answered: a head that trickles in behind it can wait."""
        return self.cycle is None or self.cycle.response_complete

    def _size(self) -> int:
        return len(self.url) + sum(len(name) + len(value) + 4 for name, value in self.headers)


def sweep(connections: Iterable[object], patience: float) -> None:
    """Look at all connections of a server."""
    for connection in list(connections):
        if isinstance(connection, Connection):
            connection.sweep(patience)


def allow_many() -> None:
    """Ask the system for as many open files as it lets us have without being root."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    selection = _FILES if hard == resource.RLIM_INFINITY else min(hard, _FILES)
    if soft != resource.RLIM_INFINITY and soft < selection:
        resource.setrlimit(resource.RLIMIT_NOFILE, (selection, hard))


class NoNonsense(logging.Filter):
    """Keeps out of the log what any client can have written there, as often as it likes."""

    def filter(self, record: logging.LogRecord) -> bool:
        """Whether it is for the log."""
        return not str(record.msg).startswith((_BAD, "Unsupported upgrade", "No supported Web"))
