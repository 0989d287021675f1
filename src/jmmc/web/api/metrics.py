"""`GET /metrics`: what Prometheus scrapes."""

import asyncio
import gzip
import time
from collections.abc import Callable
from hashlib import sha256

from prometheus_client.exposition import choose_encoder
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from jmmc.collector import Collector
from jmmc.core.errors import StoreError
from jmmc.monitoring.prometheus import Exposition
from jmmc.web.http import Receive, Scope, Send
from jmmc.web.problems import Problem
from jmmc.web.security.access import Access

PATH = "/metrics"

_PATIENCE = 2.0  # Seconds that access may take to look at the tokens.
_REMEMBERED = 64  # Callers
_COMPRESSION = 1  # As small as at 9 but for a tenth, in a fifth of the time.


class Monitoring:
    """Shows the figures of a collector, to whoever may read; `open` shows them to anybody."""

    def __init__(
        self, collector: Collector, access: Access, *, clock: Callable[[], float] = time.time
    ) -> None:
        self._collector = collector
        self._access = access
        self._clock = clock
        self._exposition = Exposition(collector, clock=clock)
        self._known: dict[bytes, None] = {}

    @property
    def route(self) -> Route:
        """The path, under the rules of the API."""
        return Route(PATH, self._closed)

    async def open(self, scope: Scope, receive: Receive, send: Send) -> None:
        """An ASGI app for a port of its own."""
        if scope["path"] != PATH:
            answer = Problem(404, "No such path", f"see {PATH}").response()
        elif scope["method"] not in ("GET", "HEAD"):
            answer = Problem(405, "Only GET").response()
        else:
            answer = await self._answer(Request(scope))
        await answer(scope, receive, send)

    async def _closed(self, request: Request) -> Response:
        try:
            await self._check(request)
        except Problem as problem:
            return problem.response()
        return await self._answer(request)

    async def _check(self, request: Request) -> None:
        """Raises `Problem`. While the store is down, whoever was let in before is let in."""
        shown = request.headers.get("authorization", "") + request.headers.get("cookie", "")
        caller = sha256(f"{request.client and request.client.host} {shown}".encode()).digest()
        try:
            async with asyncio.timeout(_PATIENCE):
                await self._collector.open()
                await self._access.check(request, "read", self._clock())
        except (StoreError, TimeoutError):
            if caller not in self._known:
                problem = Problem(503, "The store is down", retry_after=5)
                raise problem from None
        except Problem:
            self._known.pop(caller, None)
            raise
        else:
            if len(self._known) >= _REMEMBERED:
                self._known.pop(next(iter(self._known)))
            self._known[caller] = None

    async def _answer(self, request: Request) -> Response:
        await self._exposition.look()
        encode, media_type = choose_encoder(request.headers.get("accept", ""))
        body = encode(self._exposition.registry)
        headers = {"cache-control": "no-store", "vary": "accept, accept-encoding"}
        if "gzip" in request.headers.get("accept-encoding", ""):
            body = gzip.compress(body, _COMPRESSION)
            headers["content-encoding"] = "gzip"
        return Response(body, headers={**headers, "content-type": media_type})
