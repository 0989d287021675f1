"""The pages: what an operator opens in the morning, and while somebody complains on the phone."""

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from heapq import nlargest
from typing import Any
from urllib.parse import urlencode

import msgspec
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette.routing import BaseRoute, Route

from jmmc.accounts.tokens import Scope
from jmmc.answers.model import FEW, Comparison
from jmmc.answers.queries import NotFoundError, Queries
from jmmc.collector import Collector
from jmmc.core.errors import StoreError
from jmmc.core.tasks import stop
from jmmc.core.timestamps import moment
from jmmc.privacy.receipts import Subject, SubjectKind
from jmmc.quality.summary import DIMENSIONS, FIELD_OF_FILTER, SummaryFilter
from jmmc.quality.timeline import SIGNS_OF_LIFE
from jmmc.web.dashboard.account import Account
from jmmc.web.dashboard.assets import static_files
from jmmc.web.dashboard.charts import PLOTS, curves_of
from jmmc.web.dashboard.forms import read_form
from jmmc.web.dashboard.layout import HEADERS, Layout
from jmmc.web.dashboard.live import LivePages
from jmmc.web.problems import Problem
from jmmc.web.security.access import Access, Caller
from jmmc.web.security.sessions import COOKIE, LoginSigner

_DAY = 86_400
_WORST = 10  # Networks on the overview.
_TOLD = 5  # Incidents that are in sight.
_LISTED = 50  # Sessions on a page.
_PATIENCE = 0.2  # Seconds until a page whose answer is still counted is begun.
_FAILURES = (Problem, NotFoundError, StoreError, ValueError)

_NOBODY = Caller("", ())

_Page = Callable[[Request, Caller], Awaitable[Response]]
_Door = Callable[[Request], Awaitable[Response]]


class Pages:
    """All pages of one server. `clock` gives Unix seconds."""

    def __init__(
        self,
        collector: Collector,
        access: Access,
        signer: LoginSigner,
        *,
        clock: Callable[[], float] = time.time,
    ) -> None:
        lifetime = SIGNS_OF_LIFE * collector.settings.push_interval
        self._names = collector.pseudonyms
        self._queries = Queries(
            collector.store, lifetime=lifetime, clock=clock, pseudonyms=self._names
        )
        self._collector = collector
        self._access = access
        self._signer = signer
        self._clock = clock
        self._layout = Layout(signer)
        self._ongoing = LivePages(collector, access, self._queries, self._layout, clock=clock)
        self._account = Account(collector, access, signer, self._layout, clock=clock)

    def routes(self) -> list[BaseRoute]:
        """The paths of the pages."""
        ongoing = self._ongoing
        pages: dict[str, _Page] = {
            "/": ongoing.now,
            "/live": ongoing.live,
            "/overview": self._begun("Overview", self.overview),
            "/meetings/{id}": self.meeting,
            "/sessions/{id}": self.session,
            "/participants/{participant}": self.participant,
            "/compare": self._begun("Compare", self.compare),
            "/find": self.find,
            "/health": ongoing.health,
            "/health/live": ongoing.health_live,
        }
        return [
            *(Route(path, self._door(page)) for path, page in pages.items()),
            Route("/login", self._told(self._account.login), methods=["GET", "POST"]),
            Route("/logout", self._told(self._account.logout), methods=["POST"]),
            Route("/forget", self._door(self.forget, "erase"), methods=["GET", "POST"]),
            Route("/static/{path:path}", static_files()),
        ]

    async def overview(self, request: Request, caller: Caller) -> Response:
        """A window of time."""
        selection = self._selection(request)
        assert selection.since is not None
        assert selection.until is not None
        length = selection.until - selection.since
        before = msgspec.structs.replace(
            selection, since=selection.since - length, until=selection.since
        )
        whole = await self._queries.overview_detail(selection, "network", worst=_WORST)
        return self._layout.page(
            request,
            caller,
            "overview.html",
            overview=whole.overview,
            before=await self._queries.overview(before),
            networks=_worst(whole.compared),
            heat=msgspec.json.encode(whole.heat).decode(),
            regions=await self._queries.heat_by("region", selection),
            spread=whole.spread,
            api="overview",
        )

    async def meeting(self, request: Request, caller: Caller) -> Response:
        """One lane a participant."""
        whole = await self._queries.meeting(request.path_params["id"].lower())
        worst = nlargest(_TOLD, whole.incidents, key=lambda summary: sum(summary.reasons.values()))
        return self._layout.page(
            request,
            caller,
            "meeting.html",
            whole=whole,
            first=[incident for incident in whole.incidents if incident in worst],
            further=[incident for incident in whole.incidents if incident not in worst],
            people={lane.session.session: lane.session for lane in whole.lanes},
            plots=PLOTS,
            api=f"meetings/{whole.meeting.id}",
        )

    async def session(self, request: Request, caller: Caller) -> Response:
        """One participant's curves and spells."""
        whole = await self._queries.session(request.path_params["id"].lower())
        return self._layout.page(
            request,
            caller,
            "session.html",
            whole=whole,
            curves=curves_of(whole),
            plots=PLOTS,
            api=f"sessions/{whole.summary.session}",
        )

    async def participant(self, request: Request, caller: Caller) -> Response:
        """All stays of a browser."""
        browser_id = self._names.stored_browser_id(request.path_params["participant"])
        found = await self._queries.participant(browser_id, self._selection(request))
        return self._layout.page(
            request, caller, "participant.html", found=found, api=f"participants/{browser_id}"
        )

    async def compare(self, request: Request, caller: Caller) -> Response:
        """By a dimension."""
        by = request.query_params.get("by", "network")
        compared = await self._queries.compare(by, self._selection(request))
        return self._layout.page(
            request, caller, "compare.html", compared=compared, by=by, dimensions=DIMENSIONS,
            api="compare",
        )  # fmt: skip

    async def find(self, request: Request, caller: Caller) -> Response:
        """One box; without script, a form."""
        text = request.query_params.get("q", "")
        selection = self._selection(request)
        after = request.query_params.get("cursor") or None
        # Who looks for a name wants those that have it, not all sessions below them.
        lists = not text or any(request.query_params.get(item) for item in FIELD_OF_FILTER)
        return self._layout.page(
            request,
            caller,
            "find.html",
            text=text,
            found=await self._queries.search(text),
            meetings=(await self._queries.meetings(selection))[:_LISTED] if selection.room else [],
            page=await self._queries.sessions(selection, limit=_LISTED, after=after)
            if lists
            else None,
            api="sessions" if lists else "search",
        )

    async def unknown(self, request: Request) -> Response:
        """Whatever has no path here."""
        where = request.url.path
        return self._layout.problem(request, _NOBODY, 404, "Not found", f"{where}: no such page")

    async def forget(self, request: Request, caller: Caller) -> Response:
        """Asks, and erases when that was meant; shows the receipt."""
        given = (
            await read_form(request, self._collector.settings.body_timeout)
            if request.method == "POST"
            else dict(request.query_params)
        )
        browser_id, room = given.get("participant", "").lower(), given.get("room", "")
        if bool(browser_id) == bool(room):
            raise ValueError("expected a participant or a room")
        browser_id, room = (
            browser_id and self._names.stored_browser_id(browser_id),
            room and self._names.stored_room(room),
        )
        receipt = None
        if request.method == "POST":
            if not self._signer.is_csrf_token_of(caller.name, given.get("form")):
                raise ValueError("this form is too old or not of this page")
            receipt = await self._collector.forget(
                Subject(SubjectKind.PARTICIPANT, browser_id)
                if browser_id
                else Subject(SubjectKind.ROOM, room)
            )
        return self._layout.page(
            request, caller, "forget.html", browser_id=browser_id, room=room, receipt=receipt
        )

    def _door(self, page: _Page, scope: Scope = "read") -> _Door:
        async def door(request: Request) -> Response:
            try:
                caller = await self._access.check(request, scope, self._clock())
            except Problem as problem:
                if problem.status != 401 or not await self._access.has_users():
                    raise
                target = f"{request.url.path}?{request.url.query}".rstrip("?")
                root = request.scope.get("root_path", "")
                to = urlencode({"to": target})
                return RedirectResponse(f"{root}/login?{to}", 303, headers=HEADERS)
            return await page(request, caller)

        return self._told(door)

    def _begun(self, title: str, page: _Page) -> _Page:
        """A page over a long time: a reader who waits for its answer sees at once that it comes.

        Who asks for something else than a page to read gets it in one piece, with its status.
        """

        async def begun(request: Request, caller: Caller) -> Response:
            made: asyncio.Task[Response] = asyncio.ensure_future(page(request, caller))
            try:
                await asyncio.wait({made}, timeout=_PATIENCE)
            except asyncio.CancelledError:
                await stop(made)
                raise
            if made.done() or "text/html" not in request.headers.get("accept", ""):
                return await made
            return self._layout.begun(request, caller, title, self._rest(request, made))

        return begun

    async def _rest(
        self, request: Request, made: "asyncio.Task[Response]"
    ) -> AsyncIterator[Response]:
        try:
            yield await made
        except _FAILURES as error:
            yield self._failed(request, error)
        except Exception:
            yield self._layout.problem(request, _NOBODY, 500, "Something went wrong here", "")
            raise
        finally:
            await stop(made)

    def _told(self, door: _Door) -> _Door:
        """What goes wrong, as a page."""

        async def told(request: Request) -> Response:
            try:
                await self._collector.open()
                return await door(request)
            except _FAILURES as error:
                return self._failed(request, error)

        return told

    def _failed(self, request: Request, error: Exception) -> Response:
        match error:
            case Problem():
                caller = self._visitor(request) if error.status == 403 else _NOBODY
                told = (error.status, error.title, error.detail)
                return self._layout.problem(request, caller, *told)
            case NotFoundError():
                return self._layout.problem(request, _NOBODY, 404, "Not found", str(error))
            case StoreError():
                return self._layout.problem(request, _NOBODY, 503, "The store is down", str(error))
            case _:
                return self._layout.problem(request, _NOBODY, 400, "Bad question", str(error))

    def _visitor(self, request: Request) -> Caller:
        """Whoever may not do this may sign out, and in as somebody who may."""
        signed_in = self._signer.read(request.cookies.get(COOKIE))
        return Caller(signed_in.name if signed_in else "", ())

    def _selection(self, request: Request) -> SummaryFilter:
        given = request.query_params
        now = int(self._clock())
        until = moment(given["until"], now) if given.get("until") else now
        since = moment(given["since"], now) if given.get("since") else until - _DAY
        filters: dict[str, Any] = {
            field: given[name] for name, field in FIELD_OF_FILTER.items() if given.get(name)
        }
        return self._names.as_stored(SummaryFilter(since=since, until=until, **filters))


def _worst(compared: Sequence[Comparison]) -> list[Comparison]:
    """Those of whom the share of poor time is surely large: by the low end of its interval."""
    enough = [
        comparison
        for comparison in compared
        if comparison.sessions >= FEW and comparison.grades.poor_share
    ]
    return nlargest(_WORST, enough, key=lambda value: (value.poor_interval[0], value.sessions))
