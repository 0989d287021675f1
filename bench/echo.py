"""An ASGI app that returns the body of each request: the upper limit of uvicorn's rate.

Arguments: uvicorn's `http` option (`httptools` or a class), the port.
"""

import sys
from collections.abc import Awaitable, Callable
from typing import Any

import uvicorn

Message = dict[str, Any]


async def app(
    scope: Message,
    receive: Callable[[], Awaitable[Message]],
    send: Callable[[Message], Awaitable[None]],
) -> None:
    body = (await receive())["body"]
    headers = [(b"content-type", b"application/json"), (b"content-length", b"%d" % len(body))]
    await send({"type": "http.response.start", "status": 200, "headers": headers})
    await send({"type": "http.response.body", "body": body})


if __name__ == "__main__":
    uvicorn.run(
        app,
        port=int(sys.argv[2]),
        loop="uvloop",
        http=sys.argv[1],
        lifespan="off",
        access_log=False,
        log_level="warning",
    )
