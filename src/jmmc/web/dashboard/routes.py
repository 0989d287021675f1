"""Routes of the dashboard: who may open a page, and what is shown when it fails."""

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine
from typing import Any
from urllib.parse import urlencode

from markupsafe import Markup
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette.routing import BaseRoute, Route
from starlette.types import Scope
from structlog.contextvars import get_contextvars

from jmmc.answers.queries import NotFoundError, Queries
from jmmc.answers.threads import in_background
from jmmc.collector import Collector
from jmmc.core.errors import InvalidInput, Worded
from jmmc.core.tasks import stop
from jmmc.maintenance.schedule import rhythm_of
from jmmc.web.answer_queue import AnswerQueue
from jmmc.web.dashboard.account import Account
from jmmc.web.dashboard.assets import static_files
from jmmc.web.dashboard.first_steps import FirstSteps
from jmmc.web.dashboard.forget import ForgetPage
from jmmc.web.dashboard.form_answers import FormAnswers
from jmmc.web.dashboard.help import HelpPage
from jmmc.web.dashboard.incidents import IncidentPages
from jmmc.web.dashboard.layout import HEADERS, Layout
from jmmc.web.dashboard.lists import ListPages
from jmmc.web.dashboard.live import LivePages
from jmmc.web.dashboard.notes import NotesPage
from jmmc.web.dashboard.pages import Pages
from jmmc.web.dashboard.saved_views import PAGES, ViewsPage, saved_views
from jmmc.web.dashboard.selection import Selections
from jmmc.web.dashboard.usage import UsagePage
from jmmc.web.dashboard.users import UsersPage
from jmmc.web.disconnects import while_waiting
from jmmc.web.downloads import Downloads
from jmmc.web.http import accepted, cookie
from jmmc.web.problems import ANSWERED, Problem, problem_of
from jmmc.web.security.access import Access, Caller, Right
from jmmc.web.security.sessions import COOKIE, LoginSigner

_STREAM_AFTER = 0.2  # Seconds until the head of a slow page is sent without its content.
_ZONE_FIELDS = ("tz", "tz_name")

_NOBODY = Caller("", ())

_Page = Callable[[Request, Caller], Coroutine[Any, Any, Response]]
_Handler = Callable[[Request], Awaitable[Response]]


class Dashboard:
    """All pages of one server. `reference` gives the description of its API, `clock` Unix seconds.

    `queue` and `downloads` bound the answers and files of all readers.
    `demo` has the variables of the demo page, None where there is none.
    """

    def __init__(
        self,
        collector: Collector,
        access: Access,
        signer: LoginSigner,
        queue: AnswerQueue,
        downloads: Downloads,
        *,
        reference: Callable[[], Markup],
        demo: dict[str, str] | None = None,
        clock: Callable[[], float] = time.time,
    ) -> None:
        names = collector.pseudonyms
        rhythm = rhythm_of(collector.settings)
        queries = Queries(
            collector.store,
            rhythm=rhythm,
            clock=clock,
            pseudonyms=names,
            known_live=collector.live_sessions,
        )
        self._collector = collector
        self._access = access
        self._signer = signer
        self._queue = queue
        self._clock = clock
        self._reference = reference
        self._demo = demo
        self._layout = Layout(
            signer, lambda: collector.settings.time_zone, has_demo=demo is not None
        )
        selections = Selections(names, self._layout.zone, clock)
        self._pages = Pages(queries, names, selections, self._layout, clock=clock)
        self._incidents = IncidentPages(queries, self._layout, clock=clock)
        self._usage = UsagePage(queries, lambda: collector.settings, self._layout, clock=clock)
        self._lists = ListPages(queries, selections, self._layout, downloads)
        self._forms = FormAnswers(queries, selections)
        self._first_steps = FirstSteps(collector, signer, self._layout)
        self._live = LivePages(
            collector, access, queries, self._layout, self._first_steps, clock=clock
        )
        self._account = Account(collector, access, signer, self._layout, clock=clock)
        self._users = UsersPage(collector, signer, self._layout)
        self._notes = NotesPage(queries, collector, signer, self._layout, clock=clock)
        self._views = ViewsPage(collector, signer, self._layout)
        self._help = HelpPage(lambda: collector.settings, self._layout)
        self._erasure = ForgetPage(collector, signer, self._layout)

    def routes(self) -> list[BaseRoute]:
        """Return the routes of all pages and static files."""
        live: dict[str, _Page] = {
            "/live": self._live.now_updates,
            "/help": self._help.help,
            "/health": self._live.health,
            "/health/live": self._live.health_updates,
        }
        answers: dict[str, _Page] = {
            "/": self._live.now,
            "/incidents": self._incidents.incidents,
            "/incidents/{id}": self._incidents.incident,
            "/meetings/{id}": self._pages.meeting,
            "/sessions/{id}": self._pages.session,
            "/sessions/{id}/curves": self._pages.curves,
            "/participants/{participant}": self._pages.participant,
            "/find": self._pages.find,
        }
        slow_answers: dict[str, tuple[str, _Page]] = {
            "/overview": ("Overview", self._pages.overview),
            "/meetings": ("Meetings", self._lists.meetings),
            "/sessions": ("Sessions", self._lists.sessions),
            "/compare": ("Compare", self._pages.compare),
            "/usage": ("Usage", self._usage.usage),
            "/agreement": ("Ratings and grades", self._pages.agreement),
        }
        readable = {
            **live,
            **{path: self._queued(page) for path, page in answers.items()},
            **{
                path: self._streamed(title, self._queued(page))
                for path, (title, page) in slow_answers.items()
            },
        }
        form_methods = ["GET", "POST"]
        return [
            *(Route(path, self._guarded(page)) for path, page in readable.items()),
            Route("/login", self._with_error_pages(self._account.login), methods=form_methods),
            Route("/logout", self._with_error_pages(self._account.logout), methods=["POST"]),
            Route(
                "/account", self._guarded(self._account.account, "account"), methods=form_methods
            ),
            Route(
                "/first-steps",
                self._guarded(self._first_steps.page, "users"),
                methods=form_methods,
            ),
            *([Route("/demo", self._open(self._demo_page))] if self._demo else []),
            Route("/api/v1/", self._open(self._api_reference)),
            Route("/notes", self._guarded(self._notes.notes), methods=form_methods),
            Route("/views", self._guarded(self._views.views, "views"), methods=form_methods),
            Route("/users", self._guarded(self._users.users, "users"), methods=form_methods),
            Route("/forget", self._guarded(self._erasure.forget, "erase"), methods=form_methods),
            Route("/static/{path:path}", static_files()),
        ]

    async def _demo_page(self, request: Request, caller: Caller) -> Response:
        """Play a recorded meeting."""
        return self._layout.page(request, caller, "demo.html", demo=self._demo)

    async def _api_reference(self, request: Request, caller: Caller) -> Response:
        """Show what the API answers."""
        return await in_background(
            lambda: self._layout.page(
                request, caller, "api_reference.html", reference=self._reference()
            )
        )

    async def not_found(self, request: Request) -> Response:
        """Answer a request for an unknown path."""
        try:
            self._access.limit(request, self._clock())
        except Problem as problem:
            return self._error_page(request, problem)
        error = NotFoundError("{path}: no such page", path=request.url.path)
        return self._layout.problem(request, _NOBODY, 404, "Not found", error=error)

    async def error_answer(self, scope: Scope, problem: Problem) -> Response:
        """Answer a request that failed outside of the pages: browsers with a page, others JSON."""
        request = Request(scope)
        if not _is_for_browser(scope):
            return problem.response()
        try:
            self._access.limit(request, self._clock())
        except Problem as too_many:
            return self.flood_answer(scope, too_many)
        return self._error_page(request, problem)

    def flood_answer(self, scope: Scope, problem: Problem) -> Response:
        """Answer a request of too many, at next to no cost: browsers with a page, others JSON."""
        if _is_for_browser(scope):
            return self._layout.refusal(scope, problem)
        return problem.response()

    def _guarded(self, page: _Page, right: Right = "read") -> _Handler:
        """Open a page only to callers with the right; send others to the sign-in page."""

        async def handler(request: Request) -> Response:
            try:
                caller = await self._access.check(request, right, self._clock())
            except Problem as problem:
                if problem.status != 401 or not await self._access.has_users():
                    raise
                target = f"{request.url.path}?{request.url.query}".rstrip("?")
                root = request.scope.get("root_path", "")
                query = urlencode({"to": target})
                return RedirectResponse(f"{root}/login?{query}", 303, headers=HEADERS)
            await self._with_views(request, caller)
            if request.method == "POST":
                return await page(request, caller)
            if redirect := await self._redirect(request):
                return redirect
            return await while_waiting(request, self._page(request, caller, page))

        return self._with_error_pages(handler)

    def _open(self, page: _Page) -> _Handler:
        """Open a page to everybody; its menu is that of the caller."""

        async def handler(request: Request) -> Response:
            try:
                caller = await self._access.check(request, "read", self._clock())
            except Problem as problem:
                if problem.status not in (401, 403):
                    raise
                caller = _NOBODY
            await self._with_views(request, caller)
            if redirect := await self._redirect(request):
                return redirect
            return await self._page(request, caller, page)

        return self._with_error_pages(handler)

    async def _redirect(self, request: Request) -> Response | None:
        """Where the form of a request leads; None without one, and where its zone is none.

        The page is shown then, with what is wrong in the menu of the time zone.
        """
        try:
            return await self._forms.redirect(request)
        except InvalidInput as error:
            if error.field not in _ZONE_FIELDS:
                raise
            request.state.errors = {error.field: error}
            return None

    async def _page(self, request: Request, caller: Caller, page: _Page) -> Response:
        response = await page(request, caller)
        if hasattr(request.state, "errors"):
            response.status_code = 400
        return response

    async def _with_views(self, request: Request, caller: Caller) -> None:
        """Note the caller, and load the saved views for the menu if the caller may see it."""
        request.state.caller = caller
        if "views" in caller.rights:
            request.state.view_pages = PAGES
            request.state.views = await saved_views(self._collector.store.reports)

    def _with_error_pages(self, handler: _Handler) -> _Handler:
        async def with_error_pages(request: Request) -> Response:
            try:
                await self._collector.open()
                return await handler(request)
            except ANSWERED as error:
                return self._error_page(request, error)

        return with_error_pages

    def _queued(self, page: _Page) -> _Page:
        """Compute a page when the queue has a place for its answer."""

        async def queued(request: Request, caller: Caller) -> Response:
            async with self._queue.place(request):
                return await page(request, caller)

        return queued

    def _streamed(self, title: str, page: _Page) -> _Page:
        """Send the head of a page whose content takes longer than `_STREAM_AFTER`.

        Clients that do not accept HTML get the page as a whole, with its status; so do those that
        ask for it as a file.
        """

        async def streamed(request: Request, caller: Caller) -> Response:
            if request.query_params.get("format"):
                return await page(request, caller)
            rendering: asyncio.Task[Response] = asyncio.ensure_future(page(request, caller))
            try:
                await asyncio.wait({rendering}, timeout=_STREAM_AFTER)
            except asyncio.CancelledError:
                await stop(rendering)
                raise
            if rendering.done() or "text/html" not in accepted(request.scope, "accept"):
                return await rendering
            return self._layout.streamed(request, caller, title, self._finish(request, rendering))

        return streamed

    async def _finish(
        self, request: Request, rendering: "asyncio.Task[Response]"
    ) -> AsyncIterator[Response]:
        """Yield the page or its error page."""
        try:
            yield await rendering
        except ANSWERED as error:
            yield self._error_page(request, error)
        except Exception:
            id_ = get_contextvars().get("request", "")
            problem = Problem(500, "Internal server error", "request {id} in the log", id=id_)
            yield self._error_page(request, problem)
            raise
        finally:
            await stop(rendering)

    def _error_page(self, request: Request, error: Exception) -> Response:
        caller: Caller = getattr(request.state, "caller", _NOBODY)
        if isinstance(error, InvalidInput) and self._is_form(request):
            return self._layout.invalid(request, caller, error)
        problem = problem_of(error)
        if problem.status == 403 and caller is _NOBODY:  # The page offers to sign out.
            caller = self._signed_in_caller(request)
        worded = error if isinstance(error, Worded | Problem) else None
        response = self._layout.problem(
            request,
            caller,
            problem.status,
            problem.title,
            "" if worded else problem.detail,
            error=worded,
        )
        if problem.retry_after is not None:
            response.headers["retry-after"] = str(problem.retry_after)
        return response

    def _is_form(self, request: Request) -> bool:
        return request.method == "GET" and self._layout.has_form(request)

    def _signed_in_caller(self, request: Request) -> Caller:
        """Return the user of the cookie, without any right."""
        signed_in = self._signer.read(cookie(request.scope, COOKIE))
        return Caller(signed_in.name if signed_in else "", ())


def _is_for_browser(scope: Scope) -> bool:
    return scope["type"] == "http" and "text/html" in accepted(scope, "accept")
