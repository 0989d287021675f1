"""Posts JSON to a URL of the settings. `post` blocks: call it in a thread."""

from collections.abc import Mapping
from urllib.parse import urlsplit

import urllib3
from urllib3.util import Retry, Timeout

from jmmc.alerting.destinations import Destinations, ForbiddenAddress
from jmmc.core.errors import JmmcError
from jmmc.core.outgoing import pool_for, proxy_for, without_credentials
from jmmc.core.version import __version__

_TIMEOUT = 5.0  # Seconds for each step of a delivery; three attempts may delay our shutdown.
_RETRIES = Retry(
    total=2,
    redirect=0,
    backoff_factor=0.5,
    status_forcelist=(408, 425, 429, 500, 502, 503, 504),
    allowed_methods=None,
    raise_on_status=False,
    raise_on_redirect=False,
    respect_retry_after_header=False,  # The evaluator retries later.
)
_FAILURES: dict[type[Exception], str] = {  # A kind before those that it is one of.
    urllib3.exceptions.NameResolutionError: "the host name is not known",
    urllib3.exceptions.NewConnectionError: "no connection",
    urllib3.exceptions.TimeoutError: "no answer in time",
    urllib3.exceptions.SSLError: "the certificate or the TLS version is not accepted",
}


class NotDelivered(JmmcError):
    """A channel did not accept a notification; the message contains no secret."""


def post(url: str, body: bytes, headers: Mapping[str, str], destinations: Destinations) -> str:
    """Post JSON, and return the answer in words. Raises `NotDelivered`.

    User and password in the URL become Basic authentication. Redirects are not followed.
    """
    place, authorization = without_credentials(url)
    sent = {
        "content-type": "application/json",
        "user-agent": f"jmmc/{__version__}",
        **authorization,
        **headers,
    }
    proxy = proxy_for(place)
    with destinations.guard() as guard:
        try:
            if proxy is not None:
                destinations.check_host(urlsplit(place).hostname or "")
            with pool_for(place, retries=_RETRIES, timeout=Timeout(_TIMEOUT)) as pool:
                response = pool.request("POST", place, body=body, headers=sent)
        except ForbiddenAddress as error:
            raise NotDelivered(str(error)) from error
        except (urllib3.exceptions.HTTPError, ValueError) as error:
            if guard.refusals:
                raise NotDelivered(guard.refusals[0]) from error
            reason = getattr(error, "reason", None) or error
            through = " through the proxy" if proxy is not None else ""
            raise NotDelivered(f"{_in_words(reason)}{through}") from error
    if not 200 <= response.status < 300:
        raise NotDelivered(f"answers {response.status}")
    return f"answers {response.status}"


def _in_words(error: object) -> str:
    """What failed, without the URL, which may contain a secret."""
    for kind, words in _FAILURES.items():
        if isinstance(error, kind):
            return words
    return type(error).__name__


def place_of(url: str) -> str:
    """Scheme, host and port of a URL, which may be shown."""
    parts = urlsplit(url)
    return f"{parts.scheme}://{parts.netloc.rpartition('@')[2]}"
