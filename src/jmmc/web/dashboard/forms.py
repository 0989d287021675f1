"""Reads the forms of the pages."""

from urllib.parse import parse_qsl

from starlette.requests import Request

from jmmc.web.problems import Problem
from jmmc.web.request_body import read_body

_MAX_FIELDS = 20
_TYPE = "application/x-www-form-urlencoded"


async def read_form(request: Request, timeout: float) -> dict[str, str]:
    """Return the fields of a form from our own pages, which must arrive within `timeout` seconds.

    Raises `Problem` for a form of another site, and one that is malformed, too large or too slow.
    """
    body = await read_body(request, _TYPE, timeout)
    try:
        fields = parse_qsl(body.decode(), keep_blank_values=True, max_num_fields=_MAX_FIELDS)
    except ValueError:
        raise Problem(400, "Not a form", f"expected at most {_MAX_FIELDS} fields, UTF-8") from None
    return dict(fields)
