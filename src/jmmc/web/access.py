"""Who may ask: the two doors of the browsers are public, everything that answers is not."""

from ipaddress import ip_address
from typing import NamedTuple

from starlette.requests import Request

from jmmc import tokens, users
from jmmc.addresses import Proxies, throttle_key
from jmmc.settings import Settings
from jmmc.stores import Reports
from jmmc.throttle import Throttle
from jmmc.tokens import SCOPES, Scope
from jmmc.users import SCOPES_OF, User
from jmmc.web.problems import Problem
from jmmc.web.signin import COOKIE, SignIn

_TRIES = 10  # A minute and address, with a token or password that is none.


class Caller(NamedTuple):
    """Somebody who may ask; `name` is empty for whoever sits at this machine."""

    name: str
    scopes: tuple[Scope, ...]


class Access:
    """Lets a request through, or raises `Problem`.

    Without any token or user, only this machine may ask, and only when nobody forwards for another.
    """

    def __init__(self, settings: Settings, reports: Reports, signin: SignIn) -> None:
        self._reports = reports
        self._signin = signin
        self._tried = Throttle(_TRIES)
        self.follow(settings)

    def follow(self, settings: Settings) -> None:
        """Go by these settings from the next question on."""
        self._proxies = Proxies(settings.trusted_proxies)
        self._asked = Throttle(settings.max_queries_per_minute)

    async def check(self, request: Request, scope: Scope, now: float) -> Caller:
        """Who this is, if they may do what needs `scope`."""
        self._slow_down(self._asked, request, now, "Too many questions")
        caller = await self._caller(request, now)
        if scope not in caller.scopes:
            raise Problem(403, f"You may not {scope}")
        return caller

    async def sign_in(self, request: Request, name: str, password: str, now: float) -> User:
        """The user of a name and a password."""
        self._slow_down(self._tried, request, now, "Too many tries")
        user = await users.find(self._reports, name)
        if not users.verify(user, password) or user is None:
            raise Problem(401, "Wrong name or password")
        return user

    async def has_users(self) -> bool:
        """Whether anybody can sign in."""
        return bool(await users.users(self._reports))

    async def _caller(self, request: Request, now: float) -> Caller:
        name = self._signin.name(request.cookies.get(COOKIE))
        if name is not None and (user := await users.find(self._reports, name)):
            return Caller(name, SCOPES_OF[user.role])
        kind, _, secret = request.headers.get("authorization", "").partition(" ")
        if kind.lower() == "bearer" and secret:
            token = await tokens.find(self._reports, secret.strip())
            if token is None:
                self._slow_down(self._tried, request, now, "Too many tries")
                raise Problem(401, "Unknown token")
            return Caller(token.name, token.scopes)
        if await tokens.tokens(self._reports) or await self.has_users():
            raise Problem(401, "Sign in, or show a token", "Authorization: Bearer <token>")
        peer = request.client.host if request.client else None
        if not (_is_loopback(peer) and "x-forwarded-for" not in request.headers):
            hint = "on the server: jmmc user add NAME, or jmmc token create NAME"
            raise Problem(403, "Closed: there is no user and no token yet", hint)
        return Caller("", SCOPES)

    def _slow_down(self, throttle: Throttle, request: Request, now: float, words: str) -> None:
        peer = request.client.host if request.client else None
        address = self._proxies.client(peer, request.headers.get("x-forwarded-for"))
        key = throttle_key(address) if address is not None else 0
        if wait := throttle.wait(key, now):
            raise Problem(429, words, retry_after=int(wait) + 1)


def _is_loopback(peer: str | None) -> bool:
    try:
        return peer is not None and ip_address(peer).is_loopback
    except ValueError:
        return False
