"""Refuses requests whose target or headers are too large, before anything parses them."""

from collections.abc import Awaitable, Callable

from starlette.responses import Response
from starlette.types import ASGIApp, Receive, Scope, Send

from jmmc.web.http import oversized
from jmmc.web.problems import Problem

_TEXTS = {
    414: ("Request-URI Too Long", "the address is too long: set fewer filters"),
    431: (
        "Request Header Fields Too Large",
        "the browser sends too much with each request: delete the cookies of this site",
    ),
}


class RequestLimits:
    """Middleware that refuses requests that are larger than any of a browser: 414 or 431.

    The answer is what `answer` makes of it, which gets the request without its query.
    """

    def __init__(
        self, app: ASGIApp, *, answer: Callable[[Scope, Problem], Awaitable[Response]]
    ) -> None:
        self._app = app
        self._answer = answer

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request."""
        if scope["type"] == "http" and (status := oversized(scope)) is not None:
            start = {**scope, "path": f"{scope.get('root_path', '')}/", "query_string": b""}
            response = await self._answer(start, Problem(status, *_TEXTS[status]))
            await response(scope, receive, send)
        else:
            await self._app(scope, receive, send)
