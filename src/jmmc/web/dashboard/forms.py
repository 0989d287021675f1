"""What a form of our own pages sends: a few short fields, and never by the hand of another site."""

import asyncio
from urllib.parse import parse_qsl

from starlette.requests import Request

from jmmc.web.problems import Problem

_LONGEST = 16_384  # Bytes
_FIELDS = 20
_TYPE = "application/x-www-form-urlencoded"


async def read_form(request: Request, timeout: float) -> dict[str, str]:
    """The fields, which have `timeout` seconds to arrive. Raises `Problem`."""
    # Browsers say where a request comes from, to https and to the machine itself.
    if request.headers.get("sec-fetch-site", "same-origin") not in ("same-origin", "none"):
        raise Problem(403, "This form is of another site")
    if request.headers.get("content-type", "").partition(";")[0].strip().lower() != _TYPE:
        raise Problem(415, "Not a form", f"expected {_TYPE}")
    body = bytearray()
    try:
        async with asyncio.timeout(timeout):
            async for part in request.stream():
                body += part
                if len(body) > _LONGEST:
                    raise Problem(413, "Too large", f"a form has {_LONGEST} bytes at the most")
        fields = parse_qsl(body.decode(), keep_blank_values=True, max_num_fields=_FIELDS)
    except TimeoutError:
        raise Problem(408, "Too slow", f"the form did not arrive within {timeout:g} s") from None
    except ValueError:
        raise Problem(400, "Not a form", f"expected {_FIELDS} fields or less, in UTF-8") from None
    return dict(fields)
