"""A request id for each request, in the response header and in every log event about it."""

import logging
import re
import secrets
import time
from collections.abc import Awaitable, Callable

from starlette.responses import Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send
from structlog.contextvars import bound_contextvars

from jmmc.core.logging import logger
from jmmc.web.problems import Problem

REQUEST_ID = b"x-request-id"

_log = logger(__name__)

_VALID = re.compile(rb"[A-Za-z0-9][A-Za-z0-9_.-]{0,63}")


def request_id(given: bytes | None) -> str:
    """The id in the request's `X-Request-Id` header if it is valid, else a new one."""
    if given is not None and _VALID.fullmatch(given):
        return given.decode()
    return secrets.token_hex(8)


class RequestLog:
    """Middleware that logs each request to the pages and the API, by its route.

    Paths and query strings are not logged: they may contain room names and participant ids. An
    unexpected error is answered with what `answer` makes of it.
    """

    def __init__(
        self, app: ASGIApp, *, answer: Callable[[Scope, Problem], Awaitable[Response]]
    ) -> None:
        self._app = app
        self._answer = answer

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        id_ = request_id(dict(scope["headers"]).get(REQUEST_ID))
        began = time.perf_counter()
        status = 0

        async def send_with_id(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                message["headers"] = [*message["headers"], (REQUEST_ID, id_.encode())]
            await send(message)

        with bound_contextvars(request=id_):
            try:
                await self._app(scope, receive, send_with_id)
            except Exception:
                _log.exception("request_failed", method=scope["method"], route=_route(scope))
                if status:
                    raise  # The response has started: only the server can abort it.
                problem = Problem(500, "Internal server error", "request {id} in the log", id=id_)
                await (await self._answer(scope, problem))(scope, receive, send_with_id)
            _log.log(
                _level(status),
                "request",
                method=scope["method"],
                route=_route(scope),
                status=status,
                ms=round((time.perf_counter() - began) * 1000, 1),
            )


def _level(status: int) -> int:
    if status >= 500:
        return logging.ERROR
    return logging.INFO if status >= 400 else logging.DEBUG


def _route(scope: Scope) -> str:
    return getattr(scope.get("route"), "path", "")
