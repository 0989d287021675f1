"""Reads the bodies of small requests: forms of the pages, and JSON of the API."""

import asyncio

from starlette.requests import Request

from jmmc.web.problems import Problem

_MAX_BYTES = 16_384


async def read_body(request: Request, media_type: str, timeout: float) -> bytes:
    """Return the body of a request, which must arrive within `timeout` seconds.

    Raises `Problem` for a request that a page of another site has sent, for another media type, and
    for a body that is too large or too slow.
    """
    # Browsers send this header to https and to localhost.
    if request.headers.get("sec-fetch-site", "same-origin") not in ("same-origin", "none"):
        raise Problem(403, "This was sent from another site")
    content_type = request.headers.get("content-type", "")
    if content_type.partition(";")[0].strip().lower() != media_type:
        raise Problem(415, "Wrong content type", "expected {allowed}", allowed=media_type)
    body = bytearray()
    try:
        async with asyncio.timeout(timeout):
            async for chunk in request.stream():
                body += chunk
                if len(body) > _MAX_BYTES:
                    raise Problem(
                        413, "Too large", "at most {most:,} bytes are allowed", most=_MAX_BYTES
                    )
    except TimeoutError:
        raise Problem(
            408, "Too slow", "the body did not arrive within {timeout:g} s", timeout=timeout
        ) from None
    return bytes(body)
