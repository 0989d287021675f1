"""Handlers that sign a user in and out, and the page on which users set their own password."""

import time
from collections.abc import Callable

from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from jmmc.accounts import users
from jmmc.accounts.users import User, UserError
from jmmc.collector import Collector
from jmmc.core.errors import InvalidInput
from jmmc.core.logging import logger
from jmmc.web.dashboard.forms import EXPIRED, check_origin, read_form
from jmmc.web.dashboard.layout import HEADERS, Layout
from jmmc.web.dashboard.user_texts import PROBLEMS
from jmmc.web.http import cookie, is_https
from jmmc.web.problems import Problem
from jmmc.web.security.access import Access, Caller
from jmmc.web.security.sessions import ANONYMOUS, COOKIE, LOGIN_HOURS, Login, LoginSigner

_log = logger(__name__)


class Account:
    """The sign-in page, signing out and the own password. `clock` gives Unix seconds."""

    def __init__(
        self,
        collector: Collector,
        access: Access,
        signer: LoginSigner,
        layout: Layout,
        *,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._settings = collector.settings
        self._reports = collector.store.reports
        self._access = access
        self._signer = signer
        self._layout = layout
        self._clock = clock

    async def login(self, request: Request) -> Response:
        """Show the sign-in form; on POST, check it and set the cookie."""
        self._access.limit(request, self._clock())
        if request.method != "POST":
            return self._login_page(request, 200, "", request.query_params.get("to", ""))
        form = await read_form(request, self._settings.body_timeout)
        target = form.get("to", "")
        if not self._signer.is_csrf_token_of(ANONYMOUS, form.get("form")):
            problem = "This form has expired: try again."
            return self._login_page(request, 400, problem, target, form.get("name", ""))
        try:
            user = await self._access.sign_in(
                request, form.get("name", ""), form.get("password", ""), self._clock()
            )
        except Problem as problem:
            name = form.get("name", "")
            return self._login_page(request, problem.status, problem.title, target, name)
        return self._signed_in(request, user, _local(request, target))

    async def logout(self, request: Request) -> Response:
        """Delete the cookie."""
        signed_in = self._signer.read(cookie(request.scope, COOKIE))
        form = await read_form(request, self._settings.body_timeout)
        if signed_in is None or not self._signer.is_csrf_token_of(signed_in.name, form.get("form")):
            raise InvalidInput(EXPIRED)
        root = request.scope.get("root_path", "")
        response = RedirectResponse(f"{root}/login", 303, headers=HEADERS)
        response.delete_cookie(COOKIE, path=_home(request))
        return response

    async def account(self, request: Request, caller: Caller) -> Response:
        """Show the form for the own password; on POST, set it and keep this browser signed in."""
        if request.method != "POST":
            return self._account_page(request, caller)
        form = await read_form(request, self._settings.body_timeout)
        check_origin(self._signer, caller.name, form)
        password = form.get("password", "")
        try:
            await self._access.sign_in(request, caller.name, form.get("current", ""), self._clock())
            if password != form.get("repeated"):
                raise Problem(400, "The two new passwords differ.")
            user = await users.set_password(self._reports, caller.name, password)
        except Problem as problem:
            title = "The current password is wrong." if problem.status == 401 else problem.title
            return self._account_page(request, caller, problem.status, title)
        except UserError as error:
            return self._account_page(request, caller, 400, PROBLEMS[error.reason])
        _log.info("user_password_changed", user=caller.name, by=caller.name)
        root = request.scope.get("root_path", "")
        return self._signed_in(request, user, f"{root}/account?done=password")

    def _signed_in(self, request: Request, user: User, target: str) -> Response:
        """Redirect to `target`, with the cookie of a user who is signed in."""
        response = RedirectResponse(target, 303, headers=HEADERS)
        response.set_cookie(
            COOKIE,
            self._signer.cookie(Login(user.name, users.stamp(user))),
            max_age=LOGIN_HOURS * 3600,
            path=_home(request),
            httponly=True,
            samesite="lax",
            secure=is_https(request.scope),
        )
        return response

    def _account_page(
        self, request: Request, caller: Caller, status: int = 200, problem: str = ""
    ) -> Response:
        done = request.method != "POST" and request.query_params.get("done") == "password"
        return self._layout.page(
            request,
            caller,
            "account.html",
            status=status,
            problem=problem,
            done=done,
            shortest=users.SHORTEST,
        )

    def _login_page(
        self, request: Request, status: int, problem: str, target: str, name: str = ""
    ) -> Response:
        return self._layout.page(
            request,
            Caller("", ()),
            "login.html",
            status=status,
            problem=problem,
            to=_local(request, target),
            typed_name=name,
            token=self._signer.csrf_token(ANONYMOUS),
        )


def _home(request: Request) -> str:
    """The path of the first page."""
    return f"{request.scope.get('root_path', '')}/"


def _local(request: Request, target: str) -> str:
    """Return `target` if it is a path of these pages, else that of the first page."""
    home = _home(request)
    is_local = target.startswith(home) and not target.startswith(("//", "/\\"))
    return target if is_local else home
