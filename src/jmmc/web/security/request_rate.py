"""Refuses floods of requests to the pages and the API, before anything else is done for them."""

import time
from collections.abc import Callable

from starlette.requests import Request
from starlette.responses import Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from jmmc.web.http import CLOSE, is_http_1, peer_of
from jmmc.web.problems import Problem
from jmmc.web.security.access import Access
from jmmc.web.slow_refusals import SlowRefusals

_TOO_MUCH = (413, 414, 429, 431)


class RequestRate:
    """Middleware that limits the requests of an address, whatever they ask for.

    Who goes on although it is refused waits for each refusal.

    It also closes the connection after a refusal of what is too much or too large, unless it is
    that of a proxy. A refusal is what `answer` makes of it.
    """

    def __init__(
        self, app: ASGIApp, access: Access, *, answer: Callable[[Scope, Problem], Response]
    ) -> None:
        self._app = app
        self._access = access
        self._answer = answer
        self._slow_refusals = SlowRefusals(time.monotonic)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        request = Request(scope)
        if not self._access.is_proxy(peer_of(scope)) and is_http_1(scope):
            send = _closing(send)
        try:
            self._access.limit_any(request, time.time())
        except Problem as problem:
            await self._slow_refusals.wait(self._access.key(request))
            await self._answer(scope, problem)(scope, receive, send)
        else:
            await self._app(scope, receive, send)


def _closing(send: Send) -> Send:
    async def send_and_close(message: Message) -> None:
        if message["type"] == "http.response.start" and message["status"] in _TOO_MUCH:
            message["headers"] = [*message["headers"], CLOSE]
        await send(message)

    return send_and_close
