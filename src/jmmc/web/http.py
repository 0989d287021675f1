"""The little of HTTP that the plain ASGI doors need: one request, one answer."""

import asyncio
import zlib
from collections.abc import Awaitable, Callable, Iterable, MutableMapping
from functools import lru_cache
from typing import Any

import msgspec

from jmmc.core.errors import Rejected

Scope = MutableMapping[str, Any]
Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
Header = tuple[bytes, bytes]
Door = Callable[["Request", Send], Awaitable[None]]

_TYPES = (b"", b"application/json", b"text/plain")
_CHARSETS = (b"utf-8", b"utf8", b"us-ascii")
_DROPPED = 2**20  # Bytes above the limit that are read all the same of a refused body,
_PATIENCE = 1.0  # for this many seconds at the most.

JSON: tuple[Header, ...] = (
    (b"content-type", b"application/json"),
    (b"x-content-type-options", b"nosniff"),
)
"""For an answer to POST, which no cache keeps anyway."""


class Disconnected(Exception):
    """The sender went away before its body was whole; there is nobody to answer."""


class Request:
    """A request's scope, with its headers looked up by lower-case name."""

    __slots__ = ("_receive", "headers", "scope")

    def __init__(self, scope: Scope, receive: Receive) -> None:
        self.scope = scope
        self.headers: dict[bytes, bytes] = dict(scope["headers"])
        self._receive = receive

    def text(self, name: bytes) -> str | None:
        """A header as text, None when it is absent."""
        value = self.headers.get(name)
        return None if value is None else value.decode("latin-1")

    @property
    def peer(self) -> str | None:
        """The address of the connection's other end, None when there is none (a Unix socket)."""
        client = self.scope.get("client")
        return client[0] if client else None

    @property
    def forwarded_for(self) -> str | None:
        """X-Forwarded-For."""
        return self.text(b"x-forwarded-for")

    @property
    def user_agent(self) -> str | None:
        """User-Agent."""
        return self.text(b"user-agent")

    @property
    def cookie(self) -> str | None:
        """Cookie."""
        return self.text(b"cookie")

    async def body(self, *, limit: int, timeout: float) -> bytes:
        """The whole body, decompressed.

        Raises `Rejected`: `too_large` above `limit` bytes, `busy` when it takes longer than
        `timeout` seconds, `malformed` when it is of a type or encoding that no push has.
        """
        headers = self.headers
        declared = headers.get(b"content-length")
        if declared is not None and declared.isdigit() and int(declared[:20]) > limit:
            # Who expects to be told to go on has sent nothing yet, and hears it at once.
            if int(declared[:20]) <= limit + _DROPPED and b"expect" not in headers:
                await self._drop(limit, timeout)
            raise _too_large(limit)
        compressed = _is_compressed(
            headers.get(b"content-type", b""), headers.get(b"content-encoding", b"identity")
        )
        message = await self._receive()
        body: bytes = message.get("body", b"")
        if message.get("more_body") or message["type"] == "http.disconnect":
            body = await self._rest(message, limit, timeout)
        if len(body) > limit:
            raise _too_large(limit)
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
            # Not the sender's fault for good: a v2 browser on a bad line tries again.
            detail = f"the body did not arrive within {timeout:g} s"
            raise Rejected("busy", detail, retry_after=1) from None
        if message.get("more_body"):
            await self._drop(limit, timeout)
        return b"".join(chunks)

    async def _drop(self, limit: int, timeout: float) -> None:
        """Read what is under way of a body that is refused.

        A sender that is hung up on while it sends may never see the answer.
        """
        left, more = limit + _DROPPED, True
        try:
            async with asyncio.timeout(min(timeout, _PATIENCE)):
                while more and left > 0:
                    message = await self._receive()
                    left -= len(message.get("body", b""))
                    more = message.get("more_body", False)
        except TimeoutError:
            pass


def encode(content: object) -> bytes:
    """An answer's JSON."""
    return msgspec.json.encode(content)


async def answer_json(
    send: Send, status: int, content: bytes, headers: Iterable[Header] = ()
) -> None:
    """Send JSON that no cache may keep."""
    await answer(send, status, content, (*JSON, (b"cache-control", b"no-store"), *headers))


async def answer(send: Send, status: int, body: bytes, headers: Iterable[Header]) -> None:
    """Send a whole answer."""
    length = (b"content-length", b"%d" % len(body))
    await send({"type": "http.response.start", "status": status, "headers": [*headers, length]})
    await send({"type": "http.response.body", "body": body})


# Browsers send a handful of forms; working one out costs a microsecond of every push.
@lru_cache(maxsize=256)
def _is_compressed(content_type: bytes, encoding: bytes) -> bool:
    """Whether a body of this form needs decompressing; raises when it is nothing that we read."""
    kind, _, parameters = content_type.lower().partition(b";")
    if kind.strip() not in _TYPES:
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
    """`body` decompressed, never more than `limit` bytes in memory."""
    inflater = zlib.decompressobj(wbits=31)
    try:
        plain = inflater.decompress(body, limit + 1)
    except zlib.error as error:
        raise Rejected("malformed", f"gzip: {error}") from None
    if len(plain) > limit:
        raise _too_large(limit)
    if not inflater.eof:
        raise Rejected("malformed", "gzip: the body is cut short")
    return plain
