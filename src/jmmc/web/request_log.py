"""A name for each request: in the answer's header, and in every event that it leads to."""

import logging
import re
import secrets
import time

from starlette.types import ASGIApp, Message, Receive, Scope, Send
from structlog.contextvars import bound_contextvars

from jmmc.core.logging import logger
from jmmc.web.problems import Problem

REQUEST_ID = b"x-request-id"

_log = logger(__name__)

_SANE = re.compile(rb"[A-Za-z0-9][A-Za-z0-9_.-]{0,63}")


def request_id(given: bytes | None) -> str:
    """The id that a proxy has given already, when it is one, else a new one."""
    if given is not None and _SANE.fullmatch(given):
        return given.decode()
    return secrets.token_hex(8)


class RequestLog:
    """Logs what becomes of a request to the pages or the API: by its route, not by its path.

    A path may have a name of a conference or a participant in it, a query string more than that.
    """

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        name = request_id(dict(scope["headers"]).get(REQUEST_ID))
        began = time.perf_counter()
        status = 0

        async def send_with_id(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                message["headers"] = [*message["headers"], (REQUEST_ID, name.encode())]
            await send(message)

        with bound_contextvars(request=name):
            try:
                await self._app(scope, receive, send_with_id)
            except Exception:
                _log.exception("request_failed", method=scope["method"], route=_route(scope))
                if status:
                    raise  # It has begun to answer: only the server can break that off.
                problem = Problem(500, "Something went wrong here", f"request {name} in the log")
                await problem.response()(scope, receive, send_with_id)
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
