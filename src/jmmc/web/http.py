"""HTTP for the plain ASGI handlers: reading a request with its body, sending a response."""

import asyncio
import re
import zlib
from collections.abc import Awaitable, Callable, Iterable, MutableMapping
from functools import lru_cache
from http import HTTPStatus
from typing import Any

import msgspec

from jmmc.core.errors import Rejected
from jmmc.protocol.addresses import ForwardedHeader

Scope = MutableMapping[str, Any]
Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
Header = tuple[bytes, bytes]
Respond = Callable[[int, bytes, Iterable[Header]], None]
"""Sends a whole response: its status, its body, and its headers with the length of the body."""

Handler = Callable[["Request", Send], Awaitable[None]]
ASGIApp = Callable[[Scope, Receive, Send], Awaitable[None]]

_TYPES = (b"", b"application/json", b"text/plain")
_CHARSETS = (b"utf-8", b"utf8", b"us-ascii")
_DISCARD_BYTES = 2**20  # Of a body above the limit that are read before the response is sent.
_DISCARD_SECONDS = 1.0
_MAX_HEADERS = 32_768  # Bytes of all names and values: what nginx takes (4 times 8 KiB).
_MAX_TARGET = 8192  # Bytes of path and query.
_MAX_QUERY_FIELDS = 100
_MAX_HEADER_LINES = 100  # What Apache takes; each costs a third of a microsecond before anything.
_MAX_LIST = 1024  # Characters of a list (Accept and the like) that are read; browsers send 200.

_UNIX_SOCKET = (None, "", "0.0.0.0")  # noqa: S104 - what servers say; the last one is uWSGI's.

CLOSE: Header = (b"connection", b"close")
"""Ends the connection after a response, in HTTP/1."""

JSON: tuple[Header, ...] = (
    (b"content-type", b"application/json"),
    (b"x-content-type-options", b"nosniff"),
)
"""Headers of a JSON response to a POST, which caches do not keep."""


class Disconnected(Exception):
    """The client closed the connection before its body was complete; no response can be sent."""


def joined(headers: Iterable[Header], name: str) -> str | None:
    """All lines of a header as one, None if it is absent; `name` is in lower case.

    Lines of one name are one list, in their order (RFC 9110, section 5.3).
    """
    key = name.encode()
    lines = [value for line, value in headers if line == key]
    return (b"; " if key == b"cookie" else b", ").join(lines).decode("latin-1") if lines else None


def accepted(scope: Scope, name: str) -> str:
    """A header with what the client accepts, as a list; "" if it is absent.

    Its end is cut: parsing costs microseconds for each entry.
    """
    return (joined(scope["headers"], name) or "")[:_MAX_LIST]


def cookie(scope: Scope, name: str) -> str | None:
    """The value of a cookie, None if it is absent.

    Of several with one name it is the first: browsers send that of the longest path first.
    Starlette's own parser takes seconds for some headers: it unquotes each value, which in Python
    before 3.12.6 takes quadratic time.
    """
    match = re.search(
        rf"(?:^|;)\s*{re.escape(name)}=([^;]*)", joined(scope["headers"], "cookie") or ""
    )
    return match[1].strip() if match else None


def oversized(scope: Scope) -> int | None:
    """The status that refuses a request whose target or headers are too large, else None."""
    query: bytes = scope.get("query_string", b"")
    if len(scope["path"]) + len(query) > _MAX_TARGET or query.count(b"&") >= _MAX_QUERY_FIELDS:
        return HTTPStatus.REQUEST_URI_TOO_LONG
    lines = scope["headers"]
    size = sum(len(name) + len(value) for name, value in lines)
    if len(lines) > _MAX_HEADER_LINES or size > _MAX_HEADERS:
        return HTTPStatus.REQUEST_HEADER_FIELDS_TOO_LARGE
    return None


def peer_of(scope: Scope) -> str | None:
    """The address of the peer of a connection, None for a Unix socket."""
    client = scope.get("client")
    # a2wsgi leaves out a client of which the WSGI server gives no port.
    peer = client[0] if client else scope.get("wsgi_environ", {}).get("REMOTE_ADDR")
    return None if peer in _UNIX_SOCKET else peer


def is_http_1(scope: Scope) -> bool:
    """Whether a response may have the header `CLOSE`."""
    version: str = scope.get("http_version", "1.1")
    return version.startswith("1.")


def is_https(scope: Scope) -> bool:
    """Whether the browser speaks HTTPS, to this server or to the first proxy."""
    first = (joined(scope["headers"], "x-forwarded-proto") or "").partition(",")[0].strip()
    if scope.get("scheme") == "https" or first.lower() == "https":
        return True
    element = (joined(scope["headers"], "forwarded") or "").partition(",")[0]
    parameters = (part.strip().lower().replace('"', "") for part in element.split(";"))
    return "proto=https" in parameters


class Request:
    """A request: its scope, its headers by lower-case name, its body.

    Several lines of one name are one value: see `joined`.
    """

    __slots__ = ("_receive", "headers", "scope")

    def __init__(self, scope: Scope, receive: Receive) -> None:
        self.scope = scope
        self.headers: dict[bytes, bytes] = dict(scope["headers"])
        if len(self.headers) < len(scope["headers"]):
            self.headers = _joined_headers(scope["headers"])
        self._receive = receive

    def text(self, name: bytes) -> str | None:
        """The value of a header, None if it is absent."""
        value = self.headers.get(name)
        return None if value is None else value.decode("latin-1")

    @property
    def peer(self) -> str | None:
        """The address of the peer of the connection, None for a Unix socket."""
        return peer_of(self.scope)

    def forwarded(self, header: ForwardedHeader) -> str | None:
        """The header in which proxies pass on the address of the browser."""
        return self.text(header.encode())

    @property
    def user_agent(self) -> str | None:
        """The header User-Agent."""
        return self.text(b"user-agent")

    @property
    def cookie(self) -> str | None:
        """The header Cookie."""
        return self.text(b"cookie")

    async def body(self, *, limit: int, timeout: float) -> bytes:
        """Read the whole body, decompressed.

        Raises `Disconnected`, or `Rejected` with one of these reasons: `too_large` for more than
        `limit` bytes, `busy` after `timeout` seconds, `malformed` for a content type or encoding
        that is not supported.
        """
        headers = self.headers
        declared = headers.get(b"content-length")
        if declared is not None and declared.isdigit() and int(declared[:20]) > limit:
            # With Expect: 100-continue the client has sent no body yet: refuse at once.
            if int(declared[:20]) <= limit + _DISCARD_BYTES and b"expect" not in headers:
                await self._discard(limit, timeout)
            raise _too_large(limit)
        compressed = self._has_gzip_body()
        message = await self._receive()
        body: bytes = message.get("body", b"")
        if message.get("more_body") or message["type"] == "http.disconnect":
            body = await self._rest(message, limit, timeout)
        if len(body) > limit:
            raise _too_large(limit)
        return _gunzip(body, limit) if compressed else body

    def _has_gzip_body(self) -> bool:
        headers = self.headers
        return _is_compressed(
            headers.get(b"content-type", b""), headers.get(b"content-encoding", b"identity")
        )

    def checked(self, body: bytes, *, limit: int) -> bytes:
        """The whole body of this request, decompressed. Raises `Rejected` as `body` does."""
        if len(body) > limit:
            raise _too_large(limit)
        compressed = self._has_gzip_body()
        return _gunzip(body, limit) if compressed else body

    async def _rest(self, message: Message, limit: int, timeout: float) -> bytes:
        chunks: list[bytes] = []
        size = 0
        try:
            async with asyncio.timeout(timeout):
                while True:
                    if message["type"] == "http.disconnect":
                        raise Disconnected
                    chunks.append(message.get("body", b""))
                    size += len(chunks[-1])
                    if size > limit or not message.get("more_body"):
                        break
                    message = await self._receive()
        except TimeoutError:
            # Not a permanent error: a v2 browser on a slow connection tries again.
            detail = f"the body did not arrive within {timeout:g} s"
            raise Rejected("busy", detail, retry_after=1) from None
        if message.get("more_body"):
            await self._discard(limit, timeout)
        return b"".join(chunks)

    async def _discard(self, limit: int, timeout: float) -> None:
        """Read and discard the rest of a refused body.

        A client whose connection is closed while it sends may never see the response.
        """
        remaining, more = limit + _DISCARD_BYTES, True
        try:
            async with asyncio.timeout(min(timeout, _DISCARD_SECONDS)):
                while more and remaining > 0:
                    message = await self._receive()
                    remaining -= len(message.get("body", b""))
                    more = message.get("more_body", False)
        except TimeoutError:
            pass


def encode(content: object) -> bytes:
    """Encode the content of a response as JSON."""
    return msgspec.json.encode(content)


async def answer_json(
    send: Send, status: int, content: bytes, headers: Iterable[Header] = ()
) -> None:
    """Send a JSON response with `cache-control: no-store`."""
    await answer(send, status, content, (*JSON, (b"cache-control", b"no-store"), *headers))


async def answer(send: Send, status: int, body: bytes, headers: Iterable[Header]) -> None:
    """Send a whole response."""
    headers = [*headers, length_of(body)]
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": body})


def length_of(body: bytes) -> Header:
    """The header with the length of a response's body."""
    return b"content-length", b"%d" % len(body)


def joined_send(respond: Respond) -> Send:
    """A `send` for one response that `answer` sends: it goes to `respond`, in one piece."""
    start: Message = {}

    async def send(message: Message) -> None:
        nonlocal start
        if message["type"] == "http.response.start":
            start = message
        else:
            respond(start["status"], message["body"], start["headers"])

    return send


def _joined_headers(lines: Iterable[Header]) -> dict[bytes, bytes]:
    values: dict[bytes, list[bytes]] = {}
    for name, value in lines:
        values.setdefault(name, []).append(value)
    return {
        name: (b"; " if name == b"cookie" else b", ").join(parts) for name, parts in values.items()
    }


# Browsers send few combinations of these headers; parsing one costs a microsecond of every push.
@lru_cache(maxsize=256)
def _is_compressed(content_type: bytes, encoding: bytes) -> bool:
    """Whether a body with these headers is gzip; raises `Rejected` if they are not supported."""
    media_type, _, parameters = content_type.lower().partition(b";")
    if media_type.strip() not in _TYPES:
        raise Rejected("malformed", "Content-Type: expected application/json or text/plain")
    _, separator, charset = parameters.partition(b"charset=")
    if separator and charset.strip(b' "').partition(b";")[0] not in _CHARSETS:
        raise Rejected("malformed", "Content-Type: expected charset=utf-8")
    encoding = encoding.strip().lower()
    if encoding not in (b"identity", b"gzip"):
        raise Rejected("malformed", "Content-Encoding: expected gzip or none")
    return encoding == b"gzip"


def _too_large(limit: int) -> Rejected:
    return Rejected("too_large", f"the body is larger than {limit} bytes")


def _gunzip(body: bytes, limit: int) -> bytes:
    """Decompress `body`, with at most `limit` + 1 bytes in memory."""
    inflater = zlib.decompressobj(wbits=31)
    try:
        content = inflater.decompress(body, limit + 1)
    except zlib.error as error:
        raise Rejected("malformed", f"gzip: {error}") from None
    if len(content) > limit:
        raise _too_large(limit)
    if not inflater.eof:
        raise Rejected("malformed", "gzip: the body is cut short")
    return content
