"""Who may ask: the two doors of the browsers are public, everything that answers is not."""

import asyncio
from ipaddress import ip_address
from typing import NamedTuple

from starlette.requests import Request

from jmmc.accounts import tokens, users
from jmmc.accounts.tokens import SCOPES, Scope
from jmmc.accounts.users import SCOPES_OF, User
from jmmc.protocol.addresses import Proxies, throttle_key
from jmmc.protocol.rate_limit import Throttle
from jmmc.settings import Settings
from jmmc.stores import Reports
from jmmc.web.problems import Problem
from jmmc.web.security.sessions import COOKIE, SignIn

_MAY_NOT: dict[Scope, str] = {
    "read": "You may not read",
    "export": "You may not export",
    "erase": "You may not erase",
}
_TRIES = 10  # A minute and address, with a token or password that is none.
_VERIFICATIONS = 20  # Passwords that wait for their turn: each takes 50 ms and 64 MB.
_BY_PROXIES = ("x-forwarded-for", "forwarded", "x-real-ip", "x-forwarded-proto", "via")


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
        self._turn = asyncio.Lock()
        self._waiting = 0
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
            raise Problem(403, _MAY_NOT[scope], "An admin may.")
        return caller

    async def sign_in(self, request: Request, name: str, password: str, now: float) -> User:
        """The user of a name and a password."""
        self._slow_down(self._tried, request, now, "Too many tries")
        user = await users.find(self._reports, name)
        if self._waiting >= _VERIFICATIONS:
            raise Problem(503, "Too many sign in at once", retry_after=5)
        self._waiting += 1
        try:
            async with self._turn:  # In a thread: pushes go on meanwhile.
                right = await asyncio.to_thread(users.verify, user, password)
        finally:
            self._waiting -= 1
        if not right or user is None:
            raise Problem(401, "Wrong name or password")
        return user

    async def may_still(self, request: Request, scope: Scope, now: float) -> bool:
        """Whether whoever was let in may go on, without counting it as another question."""
        try:
            return scope in (await self._caller(request, now)).scopes
        except Problem:
            return False

    async def has_users(self) -> bool:
        """Whether anybody can sign in."""
        return bool(await users.users(self._reports))

    async def _caller(self, request: Request, now: float) -> Caller:
        signed_in = self._signin.read(request.cookies.get(COOKIE))
        if signed_in is not None:
            user = await users.find(self._reports, signed_in.name)
            if user is not None and users.stamp(user) == signed_in.stamp:
                return Caller(user.name, SCOPES_OF[user.role])
        kind, _, secret = request.headers.get("authorization", "").partition(" ")
        if kind.lower() == "bearer" and secret:
            token = await tokens.find(self._reports, secret.strip())
            if token is None:
                self._slow_down(self._tried, request, now, "Too many tries")
                raise Problem(401, "Unknown token")
            return Caller(token.name, token.scopes)
        if await tokens.tokens(self._reports) or await self.has_users():
            raise Problem(401, "Sign in, or show a token", "Authorization: Bearer <token>")
        if not _is_of_this_machine(request):
            hint = "on the server: jmmc user add NAME, or jmmc token create NAME"
            raise Problem(403, "Closed: there is no user and no token yet", hint)
        return Caller("", SCOPES)

    def _slow_down(self, throttle: Throttle, request: Request, now: float, words: str) -> None:
        peer = request.client.host if request.client else None
        address = self._proxies.client(peer, request.headers.get("x-forwarded-for"))
        key = throttle_key(address) if address is not None else 0
        if wait := throttle.wait(key, now):
            raise Problem(429, words, retry_after=int(wait) + 1)


def _is_of_this_machine(request: Request) -> bool:
    """By its connection, and by the name that it was asked under.

    A page of another site can let its own name point to 127.0.0.1, and read what it asks there.
    """
    peer = request.client.host if request.client else None
    if not _is_loopback(peer) or any(by_proxy in request.headers for by_proxy in _BY_PROXIES):
        return False
    host = request.headers.get("host", "localhost").lower()
    name = host[1:].partition("]")[0] if host.startswith("[") else host.partition(":")[0]
    return name == "localhost" or _is_loopback(name)


def _is_loopback(address: str | None) -> bool:
    try:
        return address is not None and ip_address(address).is_loopback
    except ValueError:
        return False
