"""Reads the forms of the pages."""

import asyncio
from urllib.parse import parse_qsl

from starlette.requests import Request

from jmmc.web.problems import Problem

_MAX_BYTES = 16_384
_MAX_FIELDS = 20
_TYPE = "application/x-www-form-urlencoded"


async def read_form(request: Request, timeout: float) -> dict[str, str]:
    """Return the fields of a form from our own pages, which must arrive within `timeout` seconds.

    Raises `Problem` for a form of another site, and one that is malformed, too large or too slow.
    """
    # Browsers send this header to https and to localhost.
    if request.headers.get("sec-fetch-site", "same-origin") not in ("same-origin", "none"):
        raise Problem(403, "This form was sent from another site")
    content_type = request.headers.get("content-type", "")
    if content_type.partition(";")[0].strip().lower() != _TYPE:
        raise Problem(415, "Not a form", f"expected {_TYPE}")
    body = bytearray()
    try:
        async with asyncio.timeout(timeout):
            async for chunk in request.stream():
                body += chunk
                if len(body) > _MAX_BYTES:
                    raise Problem(413, "Too large", f"a form has at most {_MAX_BYTES} bytes")
        fields = parse_qsl(body.decode(), keep_blank_values=True, max_num_fields=_MAX_FIELDS)
    except TimeoutError:
        raise Problem(408, "Too slow", f"the form did not arrive within {timeout:g} s") from None
    except ValueError:
        raise Problem(400, "Not a form", f"expected at most {_MAX_FIELDS} fields, UTF-8") from None
    return dict(fields)
