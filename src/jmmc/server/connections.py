"""Limits for slow and greedy clients: time and size of a head, time to read, connections.

uvicorn alone waits without a limit, and buffers without a limit, for a client that does not finish
the head of a request or does not read its response. The same timeout closes idle connections.

Requests that a client sends without waiting for responses are read few at a time: each that waits
takes 3 KB, a hundred times its bytes.

A push that has arrived whole is handed to the app without an ASGI task (`push_at_once`).
"""

import asyncio
import logging
import re
import resource
from collections.abc import Iterable
from functools import lru_cache, partial
from http import HTTPStatus
from typing import Any, ClassVar

from uvicorn.protocols.http.httptools_impl import STATUS_LINE

from jmmc.server.connection_limits import ConnectionLimits
from jmmc.server.single_write import SingleWriteProtocol
from jmmc.web.http import CLOSE, Header, length_of

HEAD = 65_536
"""Maximum size in bytes of a request's first line and headers."""

MOST_HEADERS = 100
"""Most header lines of a request, as in Apache."""

STALLED = 60.0
"""Seconds after which a client that does not read its response is disconnected."""

_MOST_PIPELINED = 4  # Requests of a connection that are parsed while an earlier one is answered.
_MOST_UNREAD = 65_536  # Bytes of further ones. No browser or proxy sends any.
_END_OF_HEAD = b"\r\n\r\n"
_HOST = re.compile(rb"([\w.~!$&'()*+,;=%-]*|\[[\w:.%~-]+\])(:\d{0,5})?", re.ASCII)
_FILES = 65_536  # Open files: one a connection. The default limit under systemd is 1024.
_BAD = "Invalid HTTP request received."  # uvicorn's message.


class Connection(SingleWriteProtocol):
    """One connection, with deadlines for the next request's head and for reading responses.

    The client owes a head from the connection's start, and again from the end of each response.
    A connection beyond those that the `limits` give its address is closed at once. One that was
    opened too quickly is answered some seconds later: a client that is disconnected comes back.
    """

    limits: ClassVar[ConnectionLimits]

    def __init__(self, *args: Any, **more: Any) -> None:
        super().__init__(*args, **more)
        self.scope = {}  # type: ignore[typeddict-item]
        self._owes_since: float | None = None
        self._stalled_since: float | None = None
        self._head = 0  # Bytes received of an unfinished head.
        self._arrived = 0
        self._key: int | None = None  # Of its address, where that has a limit.
        self._is_refused = False
        self._is_early = False
        self._early_data = b""
        self._unread = b""  # Requests that wait to be parsed.
        self._push_at_once: Any = getattr(self.app, "push_at_once", None)
        self._push_url: bytes = getattr(self.app, "push_url", b"")
        self._push_body: bytes | None = None  # Of a push whose body is arriving.

    def connection_made(self, transport: Any) -> None:
        """See `asyncio.Protocol`."""
        peer = transport.get_extra_info("peername")  # Of a Unix socket it is a string.
        key = self.limits.key(peer[0]) if isinstance(peer, tuple) else None
        if key is not None and not self.limits.take(key):
            self._is_refused = True
            transport.abort()
            return
        self._key = key
        super().connection_made(transport)
        self._abort = transport.abort
        self._owes_since = self.loop.time()
        if key is not None and not self.limits.may_begin(key, self.loop.time()):
            self._is_early = True

    def connection_lost(self, exc: Exception | None) -> None:
        """See `asyncio.Protocol`."""
        if self._is_refused:
            return
        if self._key is not None:
            self.limits.release(self._key)
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        """See `asyncio.Protocol`."""
        if self._is_early:  # uvloop cannot pause before the first data.
            self._early_data = data
            self.transport.pause_reading()
            return
        if self._unread or data.count(_END_OF_HEAD) > _MOST_PIPELINED:
            self._read_some(self._unread + data)
        else:
            self._read(data)

    def _read_some(self, data: bytes) -> None:
        """Parse requests until too many wait for their responses; keep the others."""
        while data and len(self.pipeline) < _MOST_PIPELINED and not self.transport.is_closing():
            end = _end_of_heads(data, _MOST_PIPELINED)
            part, data = data[:end], data[end:]
            self._read(part)
        self._unread = data
        if len(data) > _MOST_UNREAD:
            self._unread = b""
            self._abort()
        elif data:
            self.flow.pause_reading()

    def _read_on(self) -> None:
        """Parse what was kept, when there may be room again."""
        data, self._unread = self._unread, b""
        if data and not self.transport.is_closing():
            self._read_some(data)
            if not self._unread:
                self.flow.resume_reading()

    def _read(self, data: bytes) -> None:
        self._arrived = len(data)
        super().data_received(data)
        if self._push_body is not None and not self.transport.is_closing():
            self._start_asgi()  # More of the body comes later.
        if "method" not in self.scope and not self.transport.is_closing():
            if not self._head:  # The deadline starts with the head's first byte.
                self._owes_since = self.loop.time()
            self._head += len(data)
            if self._head > HEAD:
                self.send_400_response(_BAD)

    def on_header(self, name: bytes, value: bytes) -> None:
        """See `HttpToolsProtocol`. Raises `ValueError` if there are too many (status 431).

        Replaces uvicorn's method: a browser behind a proxy sends a dozen, and a call for each costs
        2 µs of a push.
        """
        if len(self.headers) >= MOST_HEADERS:
            self._head = HEAD + 1
            raise ValueError("too many headers")
        name = name.lower()
        if name == b"expect" and value.lower() == b"100-continue":
            self.expect_100_continue = True
        self.headers.append((name, value))

    def on_headers_complete(self) -> None:
        """See `HttpToolsProtocol`.

        Raises `ValueError` if the head is too large (status 431), or if its Host is missing in
        HTTP/1.1, doubled or malformed (400): RFC 9112, section 3.2. Where there is no limit for an
        address, as for that of a trusted proxy, it may be missing: nginx with `$http_host` sends
        none for a browser with HTTP/3, which would drop a push that gets 400.
        """
        # The exact size is computed only if the head may be too large.
        if self._head + self._arrived > HEAD and self._size() > HEAD:
            self._head = HEAD + 1
            raise ValueError("request head too large")
        self._head = 0
        hosts = [value for name, value in self.headers if name == b"host"]
        if len(hosts) != 1:
            may_miss = self._key is None or self.parser.get_http_version() in ("0.9", "1.0")
            if hosts or not may_miss:
                raise ValueError("expected one Host header")
        elif not _is_host(hosts[0]):
            raise ValueError("malformed Host header")
        self._owes_since = None
        if self._is_push():
            self.scope["method"] = "POST"
            self.scope["path"] = self._push_url.decode()
            self.scope["query_string"] = b""
            self._push_body = b""
        else:
            super().on_headers_complete()

    def on_body(self, body: bytes) -> None:
        """See `HttpToolsProtocol`."""
        if self._push_body is None:
            super().on_body(body)
        else:
            self._push_body += body

    def on_message_complete(self) -> None:
        """See `HttpToolsProtocol`."""
        body = self._push_body
        if body is not None:
            push = _Push(keep_alive=self.parser.should_keep_alive())
            self.cycle = push  # type: ignore[assignment]
            respond = partial(self._respond, push)
            try:
                taken = self._push_at_once(self.scope, body, respond)
            except Exception as error:
                self.logger.error("Exception in ASGI application\n", exc_info=error)
                taken = True
                respond(HTTPStatus.INTERNAL_SERVER_ERROR, b"", (length_of(b""),))
            if taken:
                self._push_body = None
                return
            push.response_complete = True
            self._start_asgi()
        super().on_message_complete()

    def _is_push(self) -> bool:
        """Whether a request may be handed to the app at once, without an ASGI task."""
        return (
            self.url == self._push_url
            and self._push_at_once is not None
            and self.parser.get_method() == b"POST"
            and self.parser.get_http_version() == "1.1"
            and not self.parser.should_upgrade()
            and not self.expect_100_continue
            and not self.flow.write_paused
            and (self.cycle is None or self.cycle.response_complete)
        )

    def _start_asgi(self) -> None:
        """Start the ASGI task of a push after all, with what has arrived of its body."""
        body, self._push_body = self._push_body, None
        self.scope["root_path"] = self.root_path
        super().on_headers_complete()
        if body:
            super().on_body(body)

    def _respond(self, push: "_Push", status: int, body: bytes, headers: Iterable[Header]) -> None:
        """Send the response to a push that was handed to the app."""
        push.response_complete = True
        if push.disconnected:
            return
        lines = (*self.server_state.default_headers, *headers)
        head, closes = _head(status, not push.keep_alive, lines)
        push.keep_alive = not closes
        self.transport.write_whole(head + body)  # type: ignore[attr-defined]
        if not push.keep_alive:
            self.transport.close()
        self.on_response_complete()

    def on_response_complete(self) -> None:
        """Start the deadline for the next request, or start a pipelined one.

        Replaces uvicorn's method, which sets a timer for each response; `close_stalled` does the
        same work for all connections.
        """
        self.server_state.total_requests += 1
        if not self.pipeline:
            self._owes_since = self.loop.time()
        if not self.transport.is_closing():
            if self._unread:
                self.loop.call_soon(self._read_on)
            else:
                self.flow.resume_reading()
            if self.pipeline:
                self._start_asgi_task(*self.pipeline.pop())

    def pause_writing(self) -> None:
        """See `asyncio.Protocol`: the client reads more slowly than the server writes."""
        super().pause_writing()
        self._stalled_since = self.loop.time()

    def resume_writing(self) -> None:
        """See `asyncio.Protocol`: the client has read its backlog."""
        super().resume_writing()
        self._stalled_since = None

    def send_400_response(self, msg: str) -> None:
        """Reject invalid HTTP with 400, and a head that is too large with 431."""
        if self.transport.is_closing():
            return
        if self._head <= HEAD:
            super().send_400_response(msg)
            return
        status = HTTPStatus.REQUEST_HEADER_FIELDS_TOO_LARGE
        line = f"HTTP/1.1 {status.value} {status.phrase}\r\n"
        self.transport.write(f"{line}content-length: 0\r\nconnection: close\r\n\r\n".encode())
        self.transport.close()

    def close_stalled(self, patience: float) -> None:
        """Close the connection if a head is overdue by `patience` seconds or nothing is read.

        Begin to serve it if it was opened too early.
        """
        now = self.loop.time()
        if self._is_early and self._key is not None and self.limits.may_begin(self._key, now):
            self._is_early = False
            data, self._early_data = self._early_data, b""
            if data and not self.transport.is_closing():
                self.transport.resume_reading()
                self.data_received(data)
        owes, stalled = self._owes_since, self._stalled_since
        if stalled is not None and now - stalled > STALLED:
            self._abort()
        elif owes is not None and now - owes > patience and self._is_idle():
            if self.transport.is_closing():
                self._abort()  # The client does not read the rest of its response.
            else:
                self.transport.close()

    def _is_idle(self) -> bool:
        """Whether no request is being handled: only then a slow head counts."""
        return self.cycle is None or self.cycle.response_complete

    def _size(self) -> int:
        return len(self.url) + sum(len(name) + len(value) + 4 for name, value in self.headers)


@lru_cache(maxsize=256)  # Browsers send that of the server.
def _is_host(value: bytes) -> bool:
    """Whether this is a host, with a port or without (RFC 3986, section 3.2)."""
    return _HOST.fullmatch(value) is not None


@lru_cache(maxsize=256)  # Of a second, responses to pushes differ only in the length of the body.
def _head(status: int, closes: bool, headers: tuple[Header, ...]) -> tuple[bytes, bool]:
    """The head of a response, and whether it closes the connection, as `CLOSE` may say, too."""
    closes = closes or CLOSE in headers
    parts = [STATUS_LINE[status]]
    for header in headers:
        if header != CLOSE:
            parts += (header[0], b": ", header[1], b"\r\n")
    parts.append(b"connection: close\r\n\r\n" if closes else b"\r\n")
    return b"".join(parts), closes


def _end_of_heads(data: bytes, heads: int) -> int:
    """Where so many heads of requests have ended in `data`, or all of it."""
    end = 0
    for _ in range(heads):
        found = data.find(_END_OF_HEAD, end)
        if found < 0:
            return len(data)
        end = found + len(_END_OF_HEAD)
    return end


def connections_within(limits: ConnectionLimits) -> type[Connection]:
    """The connections of one server, which has these limits for each address."""

    class LimitedConnection(Connection):
        pass

    LimitedConnection.limits = limits
    return LimitedConnection


class _Push:
    """Takes the place of uvicorn's cycle for a push that was handed to the app."""

    __slots__ = ("disconnected", "keep_alive", "message_event", "response_complete")

    def __init__(self, *, keep_alive: bool) -> None:
        self.disconnected = False
        self.keep_alive = keep_alive  # False also when the server is being stopped.
        self.message_event = _NO_READER
        self.response_complete = False


class _NoReader:
    """Takes the place of the event that wakes up an ASGI app: there is none."""

    def set(self) -> None:
        """Do nothing."""


_NO_READER = _NoReader()


def close_stalled(connections: Iterable[object], patience: float) -> None:
    """Close those connections of a server whose client is too slow."""
    for connection in list(connections):
        if isinstance(connection, Connection):
            connection.close_stalled(patience)


def raise_file_limit() -> int:
    """Raise the limit of open files to the hard limit, at most to 65,536; the new limit."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    limit = _FILES if hard == resource.RLIM_INFINITY else min(hard, _FILES)
    if soft != resource.RLIM_INFINITY and soft < limit:
        resource.setrlimit(resource.RLIMIT_NOFILE, (limit, hard))
        soft = limit
    return _FILES if soft == resource.RLIM_INFINITY else soft


class ClientNoiseFilter(logging.Filter):
    """Drops uvicorn's log records about invalid requests: any client could fill the log.

    Those about requests that a second Ctrl-C ends are dropped, too: they are no errors.
    """

    def filter(self, record: logging.LogRecord) -> bool:
        """See `logging.Filter`."""
        if record.exc_info and isinstance(record.exc_info[1], asyncio.CancelledError):
            return False
        return not str(record.msg).startswith((_BAD, "Unsupported upgrade", "No supported Web"))
