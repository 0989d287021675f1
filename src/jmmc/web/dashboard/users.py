"""Handler of the page on which admins add, change and remove users."""

import asyncio
from collections.abc import Mapping
from urllib.parse import urlencode

from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from jmmc.accounts import users
from jmmc.accounts.users import ROLES, Role, UserError
from jmmc.collector import Collector
from jmmc.core.errors import InvalidInput
from jmmc.core.logging import logger
from jmmc.web.dashboard.forms import check_origin, read_form
from jmmc.web.dashboard.layout import HEADERS, Layout
from jmmc.web.dashboard.user_texts import DONE, FIELDS, FIRST_IS_ADMIN, PROBLEMS
from jmmc.web.security.access import Caller
from jmmc.web.security.sessions import LoginSigner

_log = logger(__name__)


class UsersPage:
    """The list of users, and with `?name=` the forms for one of them."""

    def __init__(self, collector: Collector, signer: LoginSigner, layout: Layout) -> None:
        self._reports = collector.store.reports
        self._settings = collector.settings
        self._signer = signer
        self._layout = layout
        self._changing = asyncio.Lock()  # Two changes that overlap could remove both admins.

    async def users(self, request: Request, caller: Caller) -> Response:
        """On GET show users; on POST do what the form says, and redirect to the list."""
        if request.method != "POST":
            name = request.query_params.get("name", "")
            return await self._page(request, caller, name)
        form = await read_form(request, self._settings.body_timeout)
        try:
            check_origin(self._signer, caller.name, form)
            async with self._changing:
                done = await self._change(form, caller)
        except (UserError, InvalidInput) as error:
            name = "" if form.get("action") == "add" else form.get("name", "")
            if isinstance(error, UserError):
                error = InvalidInput(PROBLEMS[error.reason], field=FIELDS.get(error.reason, ""))
            return await self._page(request, caller, name, form, status=400, problem=error)
        root = request.scope.get("root_path", "")
        return RedirectResponse(f"{root}/users?{urlencode({'done': done})}", 303, headers=HEADERS)

    async def _change(self, form: dict[str, str], caller: Caller) -> str:
        """Do what a form says, and return the word for it. Raises `UserError`."""
        name, password = form.get("name", ""), form.get("password", "")
        match form.get("action"):
            case "add":
                role = _role(form.get("role"))
                if not await users.users(self._reports) and role != "admin":
                    raise InvalidInput(FIRST_IS_ADMIN, field="role")
                await users.add(self._reports, name, password, role)
                _log.info("user_added", user=name, role=role, by=caller.name)
                return "added"
            case "role":
                role = _role(form.get("role"))
                await users.set_role(self._reports, name, role)
                _log.info("user_role_changed", user=name, role=role, by=caller.name)
                return "role"
            case "password":
                await users.set_password(self._reports, name, password)
                _log.info("user_password_changed", user=name, by=caller.name)
                return "password"
            case "remove":
                await users.remove(self._reports, name)
                _log.info("user_removed", user=name, by=caller.name)
                return "removed"
        raise InvalidInput("expected a form of this page")

    async def _page(
        self,
        request: Request,
        caller: Caller,
        name: str,
        form: Mapping[str, str] | None = None,
        *,
        status: int = 200,
        problem: InvalidInput | None = None,
    ) -> Response:
        listed = await users.users(self._reports)
        chosen = next((user for user in listed if user.name == name), None)
        if name and chosen is None and not problem:
            status, problem = 404, InvalidInput(PROBLEMS["unknown"])
        return self._layout.page(
            request,
            caller,
            "user.html" if chosen else "users.html",
            status=status,
            problem=problem,
            errors={problem.field: problem} if problem and problem.field else {},
            form=form or {},
            done=DONE.get(request.query_params.get("done", "")) if status == 200 else None,
            users=listed,
            user=chosen,
            roles=ROLES,
            is_last_admin=users.is_last_admin(listed, name),
            shortest=users.SHORTEST,
            longest_name=users.LONGEST_NAME,
        )


def _role(text: str | None) -> Role:
    for role in ROLES:
        if role == text:
            return role
    raise InvalidInput(
        "expected {allowed}", field="role", given=text or "", allowed=", ".join(ROLES)
    )
