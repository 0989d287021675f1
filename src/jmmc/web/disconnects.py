"""Ends the work on an answer when its reader has gone."""

import asyncio
from collections.abc import Coroutine
from typing import Any

from starlette.requests import Request
from starlette.responses import Response

from jmmc.core.tasks import stop

CLIENT_CLOSED_REQUEST = 499
"""The status in the log of a request whose client did not wait; nobody receives it."""


async def while_waiting(request: Request, answer: Coroutine[Any, Any, Response]) -> Response:
    """The answer to a request without a body, or 499 when the client has closed the connection.

    The work on the answer is cancelled then.
    """
    working = asyncio.ensure_future(answer)
    leaving = asyncio.ensure_future(_disconnected(request))
    try:
        await asyncio.wait({working, leaving}, return_when=asyncio.FIRST_COMPLETED)
        if working.done():
            return await working
        return Response(status_code=CLIENT_CLOSED_REQUEST)
    finally:
        leaving.cancel()
        await stop(working)


async def _disconnected(request: Request) -> None:
    while (await request.receive())["type"] != "http.disconnect":
        pass
