"""Who may ask: the two doors of the browsers are public, everything that answers is not."""

from ipaddress import ip_address

from starlette.requests import Request

from jmmc import tokens
from jmmc.addresses import Proxies, throttle_key
from jmmc.settings import Settings
from jmmc.stores import Reports
from jmmc.throttle import Throttle
from jmmc.tokens import Scope
from jmmc.web.problems import Problem

_TRIES = 20  # A minute and address, with a token that is none.


class Access:
    """Lets a request through, or raises `Problem`.

    Without any token, only this machine may ask, and only when nobody forwards for another.
    """

    def __init__(self, settings: Settings, reports: Reports) -> None:
        self._reports = reports
        self._proxies = Proxies(settings.trusted_proxies)
        self._asked = Throttle(settings.max_queries_per_minute)
        self._tried = Throttle(_TRIES)

    async def check(self, request: Request, scope: Scope, now: float) -> None:
        """Whether this request may do what needs `scope`."""
        peer = request.client.host if request.client else None
        forwarded = request.headers.get("x-forwarded-for")
        address = self._proxies.client(peer, forwarded)
        key = throttle_key(address) if address is not None else 0
        if wait := self._asked.wait(key, now):
            raise Problem(429, "Too many questions", retry_after=int(wait) + 1)
        kind, _, secret = request.headers.get("authorization", "").partition(" ")
        if kind.lower() == "bearer" and secret:
            token = await tokens.find(self._reports, secret.strip())
            if token is None:
                if wait := self._tried.wait(key, now):
                    raise Problem(429, "Too many tries", retry_after=int(wait) + 1)
                raise Problem(401, "Unknown token")
            if scope not in token.scopes:
                raise Problem(403, f"This token may not {scope}")
            return
        if await tokens.tokens(self._reports):
            raise Problem(401, "A token is needed", "Authorization: Bearer <token>")
        if not (_is_loopback(peer) and forwarded is None):
            hint = "make one on the server: jmmc token create NAME --store URL"
            raise Problem(403, "Closed: there is no token yet", hint)


def _is_loopback(peer: str | None) -> bool:
    try:
        return peer is not None and ip_address(peer).is_loopback
    except ValueError:
        return False
