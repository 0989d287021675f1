"""Refuses requests whose target or headers are too large, before anything parses them."""

from http import HTTPStatus

from starlette.types import ASGIApp, Receive, Scope, Send

from jmmc.web.http import oversized
from jmmc.web.problems import Problem


class RequestLimits:
    """Middleware that answers 414 or 431 to requests that are larger than any of a browser."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request."""
        if scope["type"] == "http" and (status := oversized(scope)) is not None:
            await Problem(status, HTTPStatus(status).phrase).response()(scope, receive, send)
        else:
            await self._app(scope, receive, send)
