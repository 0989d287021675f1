"""`GET /metrics`: the metrics of the collector for Prometheus."""

import asyncio
import gzip
import time
from collections.abc import Callable, Iterable, Sequence
from hashlib import sha256

from prometheus_client import CollectorRegistry, Metric
from prometheus_client.exposition import choose_encoder
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from jmmc.collector import Collector
from jmmc.core.errors import StoreError
from jmmc.monitoring.prometheus import Exposition
from jmmc.web.http import Receive, Scope, Send, accepted, joined, peer_of
from jmmc.web.problems import Problem
from jmmc.web.security.access import Access

PATH = "/metrics"

_ACCESS_TIMEOUT = 2.0  # Seconds for reading the tokens from the store.
_MAX_KNOWN = 64  # Callers.
_COMPRESSION = 1  # A tenth larger than with level 9, in a fifth of the time.


class MetricsEndpoint:
    """The metrics of a collector: `route` needs the scope `read`, `serve_open` needs none."""

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
        """The route, with the access rules of the API."""
        return Route(PATH, self._handle)

    async def serve_open(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request on the separate metrics port (an ASGI app)."""
        if scope["path"] != PATH:
            answer = Problem(404, "No such path", f"see {PATH}").response()
        elif scope["method"] not in ("GET", "HEAD"):
            answer = Problem(405, "Method not allowed", "use GET").response()
        else:
            answer = await self._answer(Request(scope))
        await answer(scope, receive, send)

    async def _handle(self, request: Request) -> Response:
        try:
            await self._check(request)
        except Problem as problem:
            return problem.response()
        return await self._answer(request)

    async def _check(self, request: Request) -> None:
        """Raise `Problem` unless the caller has `read`.

        While the store is down, callers that had access before keep it.
        """
        headers = request.scope["headers"]
        credentials = f"{joined(headers, 'authorization')} {joined(headers, 'cookie')}"
        caller = sha256(f"{peer_of(request.scope)} {credentials}".encode()).digest()
        try:
            async with asyncio.timeout(_ACCESS_TIMEOUT):
                await self._collector.open()
                await self._access.check(request, "read", self._clock())
        except (StoreError, TimeoutError):
            if caller not in self._known:
                raise Problem(503, "The store is down", retry_after=5) from None
        except Problem:
            self._known.pop(caller, None)
            raise
        else:
            if len(self._known) >= _MAX_KNOWN:
                self._known.pop(next(iter(self._known)))
            self._known[caller] = None

    async def _answer(self, request: Request) -> Response:
        await self._exposition.refresh()
        encode, media_type = choose_encoder(accepted(request.scope, "accept"))
        collected = _Collected([*self._exposition.registry.collect()])
        headers = {"cache-control": "no-store", "vary": "accept, accept-encoding"}
        compresses = "gzip" in accepted(request.scope, "accept-encoding")
        if compresses:
            headers["content-encoding"] = "gzip"

        def body() -> bytes:
            text: bytes = encode(collected)
            return gzip.compress(text, _COMPRESSION) if compresses else text

        # In a thread: the text of 4,000 series takes some 30 ms.
        content = await asyncio.to_thread(body)
        return Response(content, headers={**headers, "content-type": media_type})


class _Collected(CollectorRegistry):
    """A registry of metrics as they were at one moment."""

    def __init__(self, metrics: Sequence[Metric]) -> None:
        super().__init__()
        self._metrics = metrics

    def collect(self) -> Iterable[Metric]:
        """See `CollectorRegistry`."""
        return self._metrics
