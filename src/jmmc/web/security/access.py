"""Access to the pages, the API and `/metrics`: logins, tokens, scopes and rate limits."""

import asyncio
import time
from ipaddress import ip_address
from typing import Literal, NamedTuple

from starlette.requests import Request

from jmmc.accounts import tokens, users
from jmmc.accounts.tokens import SCOPES, Scope
from jmmc.accounts.users import SCOPES_OF, Role, User
from jmmc.protocol.addresses import Proxies, rate_limit_key
from jmmc.protocol.rate_limit import RateLimiter
from jmmc.settings import Settings
from jmmc.stores import Reports
from jmmc.web.http import cookie, joined, peer_of
from jmmc.web.problems import Problem
from jmmc.web.security.sessions import COOKIE, LoginSigner
from jmmc.web.slow_refusals import SlowRefusals

Right = Scope | Literal["views", "account", "users"]
"""What a request may need: a scope, or what no token has.

That is to save views of the pages, a user's own account, or all users.
"""

_RIGHTS_OF: dict[Role, tuple[Right, ...]] = {
    "viewer": (*SCOPES_OF["viewer"], "views", "account"),
    "admin": (*SCOPES_OF["admin"], "views", "account", "users"),
}
_NOT_ALLOWED: dict[Right, str] = {
    "read": "Not allowed to read",
    "export": "Not allowed to export",
    "note": "Not allowed to write notes",
    "erase": "Not allowed to erase",
    "views": "Only signed-in users save views",
    "account": "Only signed-in users have an account",
    "users": "Not allowed to manage users",
}
_ANY_REQUESTS = 5  # Of any kind, refused ones and static files too, for a query that is allowed.
_REFUSED_PAGE = 10  # Of them for a refused query or sign-in: its page takes as long as five files.
_MAX_ATTEMPTS = 10  # Sign-ins and unknown tokens, per minute and address.
_MAX_VERIFICATIONS = 20  # Passwords that wait to be verified: each takes 50 ms and 64 MB.
_PROXY_HEADERS = ("x-forwarded-for", "forwarded", "x-real-ip", "x-forwarded-proto", "via")


class Caller(NamedTuple):
    """An authenticated caller and its rights; `name` is empty for a local caller without login."""

    name: str
    rights: tuple[Right, ...]


class Access:
    """Decides whether a request is allowed, and raises `Problem` if not.

    As long as there is no token and no user, only direct requests from this machine are allowed.
    """

    def __init__(self, settings: Settings, reports: Reports, signer: LoginSigner) -> None:
        self._reports = reports
        self._signer = signer
        self._attempts = RateLimiter(_MAX_ATTEMPTS)
        self._slow_refusals = SlowRefusals(time.monotonic, prompt=_MAX_ATTEMPTS)
        self._verifying = asyncio.Lock()
        self._waiting = 0
        self.apply(settings)

    def apply(self, settings: Settings) -> None:
        """Use these settings from the next request on."""
        self._proxies = Proxies(settings.trusted_proxies, settings.forwarded_header)
        self._requests = RateLimiter(settings.max_queries_per_minute)
        self._any_requests = RateLimiter(_ANY_REQUESTS * settings.max_queries_per_minute)

    async def check(self, request: Request, right: Right, now: float) -> Caller:
        """Identify the caller of a request that needs `right`; `now` is Unix seconds."""
        self.limit(request, now)
        caller = await self._caller(request, now)
        if right not in caller.rights:
            detail = "" if right in ("views", "account") else "Administrators are allowed to."
            raise Problem(403, _NOT_ALLOWED[right], detail)
        return caller

    def limit(self, request: Request, now: float) -> None:
        """Count a request, also one that needs no scope. Raises `Problem` for too many."""
        self._limit_rate(self._requests, request, now, "Too many requests")

    def limit_any(self, request: Request, now: float) -> None:
        """Count a request of any kind, before anything is done. Raises `Problem` for a flood."""
        self._limit_rate(self._any_requests, request, now, "Too many requests")

    def key(self, request: Request) -> int:
        """The key of a sender for rate limits; 0 for one without an address."""
        peer = peer_of(request.scope)
        forwarded = joined(request.scope["headers"], self._proxies.header)
        address = self._proxies.client(peer, forwarded)
        return rate_limit_key(address) if address is not None else 0

    def is_proxy(self, peer: str | None) -> bool:
        """Whether a connection is that of a trusted proxy, or of a Unix socket."""
        return peer is None or self._proxies.is_trusted(peer)

    async def sign_in(self, request: Request, name: str, password: str, now: float) -> User:
        """Verify a name and a password, and return the user."""
        await self._limit_attempts(request, now)
        user = await users.find(self._reports, name)
        if self._waiting >= _MAX_VERIFICATIONS:
            raise Problem(503, "Too many sign-ins at the same time", retry_after=5)
        self._waiting += 1
        try:
            async with self._verifying:  # In a thread, so that pushes are not delayed.
                clock = asyncio.get_running_loop().time
                began = clock()
                is_right = await asyncio.to_thread(users.verify, user, password)
                if self._waiting > 1:  # A flood from many addresses leaves half of a core.
                    await asyncio.sleep(clock() - began)
        finally:
            self._waiting -= 1
        if not is_right or user is None:
            raise Problem(401, "Wrong name or password")
        return user

    async def is_still_allowed(self, request: Request, right: Right, now: float) -> bool:
        """Whether a caller that had access still has it; not counted by the rate limit."""
        try:
            return right in (await self._caller(request, now)).rights
        except Problem:
            return False

    async def has_users(self) -> bool:
        """Whether there is any user that can sign in."""
        return bool(await users.users(self._reports))

    async def _caller(self, request: Request, now: float) -> Caller:
        login = self._signer.read(cookie(request.scope, COOKIE))
        if login is not None:
            user = await users.find(self._reports, login.name)
            if user is not None and users.stamp(user) == login.stamp:
                return Caller(user.name, _RIGHTS_OF[user.role])
        kind, _, secret = (joined(request.scope["headers"], "authorization") or "").partition(" ")
        if kind.lower() == "bearer" and secret:
            token = await tokens.find(self._reports, secret.strip())
            if token is None:
                await self._limit_attempts(request, now)
                raise Problem(401, "Unknown token")
            return Caller(token.name, token.scopes)
        if await tokens.tokens(self._reports) or await self.has_users():
            raise Problem(401, "Sign in or send a token", "Authorization: Bearer <token>")
        if not _is_local(request):
            hint = "run on the server: jmmc user add NAME, or jmmc token create NAME"
            raise Problem(403, "Access is closed: there is no user and no token yet", hint)
        return Caller("", (*SCOPES, "views", "users"))

    async def _limit_attempts(self, request: Request, now: float) -> None:
        """Count a wrong token, or a sign-in. Raises `Problem` for too many.

        Who goes on waits for each: the page of a refusal takes a millisecond.
        """
        try:
            self._limit_rate(self._attempts, request, now, "Too many attempts")
        except Problem:
            await self._slow_refusals.wait(self.key(request))
            raise

    def _limit_rate(
        self, rate_limiter: RateLimiter, request: Request, now: float, title: str
    ) -> None:
        key = self.key(request)
        if wait := rate_limiter.wait(key, now):
            if rate_limiter is not self._any_requests:  # A flood gets no page.
                self._any_requests.charge(key, now, _REFUSED_PAGE - 1)
            raise Problem(429, title, retry_after=int(wait) + 1)


def _is_local(request: Request) -> bool:
    """Whether a request comes directly from this machine: by its connection and by its Host.

    Host counts because a page of another site can let its own name resolve to 127.0.0.1 (DNS
    rebinding).
    """
    peer = peer_of(request.scope)
    if not _is_loopback(peer) or any(name in request.headers for name in _PROXY_HEADERS):
        return False
    return all(_is_local_name(host.lower()) for host in request.headers.getlist("host"))


def _is_local_name(host: str) -> bool:
    name = host[1:].partition("]")[0] if host.startswith("[") else host.partition(":")[0]
    return name == "localhost" or _is_loopback(name)


def _is_loopback(address: str | None) -> bool:
    try:
        return address is not None and ip_address(address).is_loopback
    except ValueError:
        return False
