"""The pages: what an operator opens in the morning, and while somebody complains on the phone."""

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from heapq import nlargest
from importlib.resources import files
from typing import Any
from urllib.parse import unquote, urlencode

import jinja2
import msgspec
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response, StreamingResponse
from starlette.routing import BaseRoute, Route

from jmmc.answers import FEW, Compared, Grades
from jmmc.collector import Collector
from jmmc.erasure import Subject
from jmmc.errors import StoreError
from jmmc.fold import SIGNS_OF_LIFE
from jmmc.moments import iso, moment
from jmmc.pseudonyms import as_jitsi_has_it
from jmmc.queries import NotFoundError, Queries
from jmmc.summary import DIMENSIONS, FILTERS, Wanted, network_of
from jmmc.tokens import Scope
from jmmc.users import stamp
from jmmc.version import __version__
from jmmc.web.access import Access, Caller
from jmmc.web.drawings import bar, heat_row, interval, lane, length
from jmmc.web.figures import duration, number, percent
from jmmc.web.forms import read_form
from jmmc.web.plots import PLOTS, curves_of
from jmmc.web.problems import Problem
from jmmc.web.signin import COOKIE, HOURS, NOBODY_YET, SignedIn, SignIn
from jmmc.web.words import LANGUAGES, chosen, words

_DAY = 86_400
_REFRESH = 5.0  # Seconds between two looks at what happens now.
_GLANCE = 0.25  # Seconds between two looks at whether the server is to stop.
_WINDOWS = ("1h", "24h", "7d", "30d")
_HEADERS = {
    "cache-control": "no-store",
    "content-security-policy": (
        "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; "
        "img-src 'self' data:; base-uri 'none'; form-action 'self'; frame-ancestors 'none'"
    ),
    "referrer-policy": "same-origin",
    "x-content-type-options": "nosniff",
}
_TYPES = {
    ".css": "text/css; charset=utf-8",
    ".js": "text/javascript; charset=utf-8",
    ".svg": "image/svg+xml",
}
_WINDOWED = ("overview", "compare", "sessions", "participants")  # Answers that know filters.
_WORST = 10  # Networks on the overview.
_TOLD = 5  # Incidents that are in sight.
_LISTED = 50  # Sessions on a page.

_Page = Callable[[Request, Caller], Awaitable[Response]]
_Door = Callable[[Request], Awaitable[Response]]


class Pages:
    """All pages of one server. `clock` gives Unix seconds."""

    def __init__(
        self,
        collector: Collector,
        access: Access,
        signin: SignIn,
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
        self._signin = signin
        self._clock = clock
        self._templates = jinja2.Environment(
            loader=jinja2.PackageLoader("jmmc.web"),
            autoescape=True,
            trim_blocks=True,
            lstrip_blocks=True,
            undefined=jinja2.StrictUndefined,
        )
        self._templates.filters.update(
            iso=iso,
            unquote=unquote,
            percent=percent,
            number=number,
            duration=duration,
            conf_of=as_jitsi_has_it,
            around=_around,
            named=lambda happenings, _: [(at, _(what)) for at, what in happenings],
            network_of=network_of,
            grades_of=lambda it: Grades.of(it["good"], it["fair"], it["poor"], 0),
        )
        self._templates.globals.update(
            lane=lane,
            bar=bar,
            heat_row=heat_row,
            interval=interval,
            length=length,
            version=__version__,
        )

    def routes(self) -> list[BaseRoute]:
        """The paths of the pages."""
        pages: dict[str, _Page] = {
            "/": self.now,
            "/live": self.live,
            "/overview": self.overview,
            "/meetings/{id}": self.meeting,
            "/sessions/{id}": self.session,
            "/participants/{uid}": self.participant,
            "/compare": self.compare,
            "/find": self.find,
            "/health": self.health,
            "/health/live": self.health_live,
        }
        return [
            *(Route(path, self._door(page)) for path, page in pages.items()),
            Route("/login", self._told(self.login), methods=["GET", "POST"]),
            Route("/logout", self._told(self.logout), methods=["POST"]),
            Route("/forget", self._door(self.forget, "erase"), methods=["GET", "POST"]),
            Route("/static/{path:path}", _static(_assets())),
        ]

    async def now(self, request: Request, caller: Caller) -> Response:
        """This moment; goes on by itself over `live`."""
        live = await self._queries.live()
        return self._page(request, caller, "now.html", live=live, api="live")

    async def live(self, request: Request, caller: Caller) -> Response:
        """What changes of `now`, as server-sent events."""

        async def look() -> dict[str, Any]:
            return {"live": await self._queries.live()}

        return self._events(request, caller, "now_live.html", look)

    async def overview(self, request: Request, caller: Caller) -> Response:
        """A window of time."""
        wanted = self._wanted(request)
        assert wanted.since is not None
        assert wanted.until is not None
        length = wanted.until - wanted.since
        before = msgspec.structs.replace(wanted, since=wanted.since - length, until=wanted.since)
        return self._page(
            request,
            caller,
            "overview.html",
            overview=await self._queries.overview(wanted),
            before=await self._queries.overview(before),
            networks=_worst(await self._queries.compare("network", wanted)),
            heat=msgspec.json.encode(await self._queries.heat(wanted)).decode(),
            regions=await self._queries.heat_by("region", wanted),
            spread=await self._queries.spread(wanted, worst=_WORST),
            api="overview",
        )

    async def meeting(self, request: Request, caller: Caller) -> Response:
        """One lane a participant."""
        whole = await self._queries.meeting(request.path_params["id"].lower())
        worst = nlargest(_TOLD, whole.incidents, key=lambda it: sum(it.reasons.values()))
        return self._page(
            request,
            caller,
            "meeting.html",
            whole=whole,
            first=[it for it in whole.incidents if it in worst],
            further=[it for it in whole.incidents if it not in worst],
            people={it.session.session: it.session for it in whole.lanes},
            plots=PLOTS,
            api=f"meetings/{whole.meeting.id}",
        )

    async def session(self, request: Request, caller: Caller) -> Response:
        """One participant's curves and spells."""
        whole = await self._queries.session(request.path_params["id"].lower())
        return self._page(
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
        uid = self._names.wanted_uid(request.path_params["uid"])
        found = await self._queries.participant(uid, self._wanted(request))
        return self._page(
            request, caller, "participant.html", found=found, api=f"participants/{uid}"
        )

    async def compare(self, request: Request, caller: Caller) -> Response:
        """By a dimension."""
        by = request.query_params.get("by", "network")
        compared = await self._queries.compare(by, self._wanted(request))
        return self._page(
            request, caller, "compare.html", compared=compared, by=by, dimensions=DIMENSIONS,
            api="compare",
        )  # fmt: skip

    async def find(self, request: Request, caller: Caller) -> Response:
        """One box; without script, a form."""
        text = request.query_params.get("q", "")
        wanted = self._wanted(request)
        after = request.query_params.get("cursor") or None
        return self._page(
            request,
            caller,
            "find.html",
            text=text,
            found=await self._queries.search(text),
            meetings=(await self._queries.meetings(wanted))[:_LISTED] if wanted.conf else [],
            page=await self._queries.sessions(wanted, limit=_LISTED, after=after),
            api="sessions",
        )

    async def health(self, request: Request, caller: Caller) -> Response:
        """The collector itself; goes on by itself over `health_live`."""
        health = await self._health(self._collector.began, 0)
        return self._page(request, caller, "health.html", **health)

    async def health_live(self, request: Request, caller: Caller) -> Response:
        """What changes of `health`, as server-sent events."""
        before = (self._collector.began, 0)

        async def look() -> dict[str, Any]:
            nonlocal before
            health = await self._health(*before)
            before = (self._clock(), health["stored"])
            return health

        return self._events(request, caller, "health_live.html", look)

    async def _health(self, since: float, stored_then: int) -> dict[str, Any]:
        """The figures; the rate is of what was stored since a moment."""
        try:
            condition, problem = await self._collector.check(), ""
        except StoreError as error:
            condition, problem = None, str(error)
        counters = self._collector.counters
        stored = counters.accepted + counters.trimmed
        return {
            "counters": counters,
            "stored": stored,
            "rate": (stored - stored_then) / max(1.0, self._clock() - since),
            "waiting": self._collector.waiting,
            "queue_limit": self._collector.settings.queue_limit,
            "condition": condition,
            "firing": await self._collector.firing(),
            "problem": problem,
            "began": int(self._collector.began),
        }

    def _events(
        self,
        request: Request,
        caller: Caller,
        name: str,
        look: Callable[[], Awaitable[dict[str, Any]]],
    ) -> Response:
        """A part of a page, again and again."""
        template = self._templates.get_template(name)

        async def events() -> AsyncIterator[str]:
            while not await request.is_disconnected():
                try:
                    if not await self._access.may_still(request, "read", self._clock()):
                        return
                    text = template.render(self._context(request, caller, **await look()))
                    yield "".join(f"data: {it}\n" for it in text.splitlines()) + "\n"
                except StoreError:
                    yield "event: down\ndata:\n\n"
                for _ in range(int(_REFRESH / _GLANCE)):
                    if self._collector.leaving:
                        return
                    await asyncio.sleep(_GLANCE)

        return StreamingResponse(events(), headers=_HEADERS, media_type="text/event-stream")

    async def unknown(self, request: Request) -> Response:
        """Whatever has no path here."""
        where = request.url.path
        return self._problem(request, Caller("", ()), 404, "Not found", f"{where}: no such page")

    async def login(self, request: Request) -> Response:
        """The form, and what it brings."""
        if request.method != "POST":
            return self._login(request, 200, "", request.query_params.get("to", "/"))
        form = await self._form(request)
        to = form.get("to", "/")
        if not self._signin.is_form_of(NOBODY_YET, form.get("form")):
            return self._login(request, 400, "This form is too old: try again.", to)
        try:
            user = await self._access.sign_in(
                request, form.get("name", ""), form.get("password", ""), self._clock()
            )
        except Problem as problem:
            return self._login(request, problem.status, problem.title, to)
        answer = RedirectResponse(_local(to), 303, headers=_HEADERS)
        answer.set_cookie(
            COOKIE,
            self._signin.cookie(SignedIn(user.name, stamp(user))),
            max_age=HOURS * 3600,
            httponly=True,
            samesite="lax",
            secure="https" in (request.url.scheme, request.headers.get("x-forwarded-proto")),
        )
        return answer

    async def forget(self, request: Request, caller: Caller) -> Response:
        """Asks, and erases when that was meant; shows the receipt."""
        given = (
            await self._form(request) if request.method == "POST" else dict(request.query_params)
        )
        uid, conf = given.get("uid", "").lower(), given.get("conf", "")
        if bool(uid) == bool(conf):
            raise ValueError("expected a uid or a conf")
        uid, conf = uid and self._names.wanted_uid(uid), conf and self._names.wanted_conf(conf)
        receipt = None
        if request.method == "POST":
            if not self._signin.is_form_of(caller.name, given.get("form")):
                raise ValueError("this form is too old or not of this page")
            receipt = await self._collector.forget(
                Subject("uid", uid) if uid else Subject("conf", conf)
            )
        return self._page(request, caller, "forget.html", uid=uid, conf=conf, receipt=receipt)

    async def logout(self, request: Request) -> Response:
        """Forget the cookie."""
        signed_in = self._signin.read(request.cookies.get(COOKIE))
        form = await self._form(request)
        if signed_in is None or not self._signin.is_form_of(signed_in.name, form.get("form")):
            raise ValueError("this form is too old or not of this page")
        root = request.scope.get("root_path", "")
        answer = RedirectResponse(f"{root}/login", 303, headers=_HEADERS)
        answer.delete_cookie(COOKIE)
        return answer

    async def _form(self, request: Request) -> dict[str, str]:
        return await read_form(request, self._collector.settings.body_timeout)

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
                return RedirectResponse(f"{root}/login?{to}", 303, headers=_HEADERS)
            return await page(request, caller)

        return self._told(door)

    def _told(self, door: _Door) -> _Door:
        """What goes wrong, as a page."""

        async def told(request: Request) -> Response:
            nobody = Caller("", ())
            try:
                await self._collector.open()
                return await door(request)
            except Problem as problem:
                return self._problem(request, nobody, problem.status, problem.title, problem.detail)
            except NotFoundError as error:
                return self._problem(request, nobody, 404, "Not found", str(error))
            except StoreError as error:
                return self._problem(request, nobody, 503, "The store is down", str(error))
            except ValueError as error:
                return self._problem(request, nobody, 400, "Bad question", str(error))

        return told

    def _wanted(self, request: Request) -> Wanted:
        given = request.query_params
        now = int(self._clock())
        until = moment(given["until"], now) if given.get("until") else now
        since = moment(given["since"], now) if given.get("since") else until - _DAY
        filters: dict[str, Any] = {it: given[it] for it in FILTERS if given.get(it)}
        return self._names.wanted(Wanted(since=since, until=until, **filters))

    def _login(self, request: Request, status: int, problem: str, to: str) -> Response:
        return self._page(
            request,
            Caller("", ()),
            "login.html",
            status=status,
            problem=problem,
            to=_local(to),
            token=self._signin.form(NOBODY_YET),
        )

    def _problem(
        self, request: Request, caller: Caller, status: int, title: str, detail: str
    ) -> Response:
        return self._page(
            request, caller, "problem.html", status=status, code=status, title=title, detail=detail
        )

    def _page(
        self, request: Request, caller: Caller, name: str, *, status: int = 200, **context: Any
    ) -> Response:
        text = self._templates.get_template(name).render(self._context(request, caller, **context))
        answer = Response(text, status, _HEADERS, "text/html; charset=utf-8")
        if request.query_params.get("lang") in LANGUAGES:
            answer.set_cookie("lang", request.query_params["lang"], samesite="lax")
        return answer

    def _context(self, request: Request, caller: Caller, **context: Any) -> dict[str, Any]:
        asked = request.query_params.get("lang") or request.cookies.get("lang")
        language = chosen(asked, request.headers.get("accept-language", ""))
        known = words(language)
        query = {key: it for key, it in request.query_params.items() if key != "lang" and it}
        api = context.get("api")
        asked_of_api: dict[str, str] = {}
        if api and api.split("/")[0] in _WINDOWED:
            knows = {"since", "until", *FILTERS, *(["by"] if api == "compare" else [])}
            asked_of_api = {key: it for key, it in query.items() if key in knows}
            if api == "compare":
                asked_of_api.setdefault("by", str(context["by"]))

        def with_query(**changes: str | None) -> str:
            changed = {**query, **changes}
            return "?" + urlencode({key: it for key, it in changed.items() if it is not None})

        return {
            "_": lambda text: known.get(text, text),
            "language": language,
            "languages": LANGUAGES,
            "caller": caller,
            "root": request.scope.get("root_path", ""),
            "here": request.url.path,
            "path": request.url.path.removeprefix(request.scope.get("root_path", "")),
            "query": query,
            "filters": [it for it in FILTERS if it in query],
            "filters_known": FILTERS,
            "windows": _WINDOWS,
            "with_query": with_query,
            "api_query": lambda **more: "?" + urlencode({**asked_of_api, **more}),
            "form_token": self._signin.form(caller.name),
            "api": None,
            **context,
        }


def _static(assets: dict[str, tuple[bytes, str]]) -> _Door:
    async def static(request: Request) -> Response:
        if (asset := assets.get(request.path_params["path"])) is None:
            return Response("not found\n", 404)
        content, media_type = asset
        headers = {"cache-control": "no-cache", "x-content-type-options": "nosniff"}
        return Response(content, headers=headers, media_type=media_type)

    return static


def _assets() -> dict[str, tuple[bytes, str]]:
    """All files that pages load, by path: what is looked up here is no path of a disk."""
    found = {}
    top = files("jmmc.web").joinpath("static")
    for folder, prefix in ((top, ""), (top.joinpath("vendor"), "vendor/")):
        for file in folder.iterdir():
            if media_type := _TYPES.get(file.name[file.name.rfind(".") :]):
                found[prefix + file.name] = (file.read_bytes(), media_type)
    return found


def _worst(compared: Sequence[Compared]) -> list[Compared]:
    """Those of whom the share of poor time is surely large: by the low end of its interval."""
    enough = [it for it in compared if it.sessions >= FEW and it.grades.poor_share]
    return nlargest(_WORST, enough, key=lambda it: (it.poor_interval[0], it.sessions))


def _local(target: str) -> str:
    """Only a path of our own may be gone to."""
    return target if target.startswith("/") and not target.startswith(("//", "/\\")) else "/"


def _around(last: int) -> str:
    """A window that ends where somebody was last there, for a query string."""
    return urlencode({"since": iso(last - 30 * _DAY)[:10], "until": iso(last + _DAY)[:10]})
