"""Reads the forms of the pages."""

from collections.abc import Mapping
from urllib.parse import parse_qsl

from starlette.requests import Request

from jmmc.core.errors import InvalidInput
from jmmc.web.problems import Problem
from jmmc.web.request_body import read_body
from jmmc.web.security.sessions import LoginSigner

_MAX_FIELDS = 20
EXPIRED = "This form has expired or belongs to another page"
_TYPE = "application/x-www-form-urlencoded"


async def read_form(request: Request, timeout: float) -> dict[str, str]:
    """Return the fields of a form from our own pages, which must arrive within `timeout` seconds.

    Raises `Problem` for a form of another site, and one that is malformed, too large or too slow.
    """
    body = await read_body(request, _TYPE, timeout)
    try:
        fields = parse_qsl(body.decode(), keep_blank_values=True, max_num_fields=_MAX_FIELDS)
    except ValueError:
        raise Problem(
            400, "Not a form", "expected at most {most} fields, UTF-8", most=_MAX_FIELDS
        ) from None
    return dict(fields)


def check_origin(signer: LoginSigner, name: str, form: Mapping[str, str]) -> None:
    """Raise `ValueError` unless a page of ours gave this form to the user of that name."""
    if not signer.is_csrf_token_of(name, form.get("form")):
        raise InvalidInput(EXPIRED)
