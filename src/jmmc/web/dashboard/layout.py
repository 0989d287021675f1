"""What is around every page: its templates, words, window and filters, and how it is sent."""

from collections.abc import AsyncIterator
from typing import Any
from urllib.parse import unquote, urlencode

import jinja2
from starlette.requests import Request
from starlette.responses import Response, StreamingResponse

from jmmc.answers.model import Grades
from jmmc.core.timestamps import iso
from jmmc.core.version import __version__
from jmmc.privacy.pseudonyms import jitsi_room_name
from jmmc.quality.summary import FIELD_OF_FILTER, network_of
from jmmc.web.dashboard.assets import MODULES
from jmmc.web.dashboard.formatting import duration, number, percent
from jmmc.web.dashboard.i18n import LANGUAGES, cause_sentence, chosen, words
from jmmc.web.dashboard.svg import bar, heat_row, interval, lane, length
from jmmc.web.security.access import Caller
from jmmc.web.security.sessions import LoginSigner

HEADERS = {
    "cache-control": "no-store",
    "content-security-policy": (
        "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; "
        "img-src 'self' data:; base-uri 'none'; form-action 'self'; frame-ancestors 'none'"
    ),
    "referrer-policy": "same-origin",
    "x-content-type-options": "nosniff",
}
"""Of everything but static files: no page is kept by anybody, and none loads from elsewhere."""

_DAY = 86_400
_MAIN = '<main id="main" tabindex="-1">'
_HTML = "text/html; charset=utf-8"
_WINDOWS = ("1h", "24h", "7d", "30d")
_WINDOWED = ("overview", "compare", "sessions", "participants")  # Answers that know filters.


class Layout:
    """Renders the pages of one server."""

    def __init__(self, signer: LoginSigner) -> None:
        self._signer = signer
        self.templates = jinja2.Environment(
            loader=jinja2.PackageLoader("jmmc.web.dashboard"),
            autoescape=True,
            trim_blocks=True,
            lstrip_blocks=True,
            undefined=jinja2.StrictUndefined,
        )
        self.templates.filters.update(
            iso=iso,
            unquote=unquote,
            percent=percent,
            number=number,
            duration=duration,
            cause_sentence=cause_sentence,
            room_name=jitsi_room_name,
            around=_around,
            named=lambda events, _: [(at, _(what)) for at, what in events],
            network_of=network_of,
            grades_of=lambda value: Grades.of(value["good"], value["fair"], value["poor"], 0),
        )
        self.templates.globals.update(
            lane=lane,
            bar=bar,
            heat_row=heat_row,
            interval=interval,
            length=length,
            version=__version__,
            modules=MODULES,
        )

    def page(
        self, request: Request, caller: Caller, name: str, *, status: int = 200, **context: Any
    ) -> Response:
        """A whole page from the template of that name."""
        text = self._text(request, caller, name, **context)
        return _in_language(request, Response(text, status, HEADERS, _HTML))

    def begun(
        self, request: Request, caller: Caller, title: str, rest: AsyncIterator[Response]
    ) -> Response:
        """A page that is sent down to its content already; of the page in `rest` the content is.

        Meanwhile it says that it is on its way. The status is that of success, whatever comes.
        """
        head = self._text(request, caller, "waiting.html", title=title).rpartition("</main>")[0]

        async def parts() -> AsyncIterator[bytes]:
            yield head.encode()
            async for page in rest:
                yield bytes(page.body).partition(_MAIN.encode())[2]

        headers = {**HEADERS, "x-accel-buffering": "no"}  # nginx would keep the beginning back.
        return _in_language(request, StreamingResponse(parts(), 200, headers, _HTML))

    def problem(
        self, request: Request, caller: Caller, status: int, title: str, detail: str
    ) -> Response:
        """A page that says what went wrong."""
        return self.page(
            request, caller, "problem.html", status=status, code=status, title=title, detail=detail
        )

    def _text(self, request: Request, caller: Caller, name: str, **context: Any) -> str:
        return self.templates.get_template(name).render(self.context(request, caller, **context))

    def context(self, request: Request, caller: Caller, **context: Any) -> dict[str, Any]:
        """What a template of a page, or of a part of one, knows."""
        asked = request.query_params.get("lang") or request.cookies.get("lang")
        language = chosen(asked, request.headers.get("accept-language", ""))
        known = words(language)
        query = {
            key: query_param
            for key, query_param in request.query_params.items()
            if key != "lang" and query_param
        }
        api = context.get("api")
        asked_of_api: dict[str, str] = {}
        if api and api.split("/")[0] in _WINDOWED:
            knows = {"since", "until", *FIELD_OF_FILTER, *(["by"] if api == "compare" else [])}
            asked_of_api = {key: value for key, value in query.items() if key in knows}
            if api == "compare":
                asked_of_api.setdefault("by", str(context["by"]))
        elif api == "search":
            asked_of_api = {"q": query["q"]}

        def with_query(**changes: str | None) -> str:
            changed = {**query, **changes}
            return "?" + urlencode(
                {key: value for key, value in changed.items() if value is not None}
            )

        return {
            "_": lambda text: known.get(text, text),
            "language": language,
            "languages": LANGUAGES,
            "caller": caller,
            "root": request.scope.get("root_path", ""),
            "here": request.url.path,
            "path": request.url.path.removeprefix(request.scope.get("root_path", "")),
            "query": query,
            "filters": [item for item in FIELD_OF_FILTER if item in query],
            "filters_known": tuple(FIELD_OF_FILTER),
            "windows": _WINDOWS,
            "with_query": with_query,
            "api_query": lambda **more: "?" + urlencode({**asked_of_api, **more}),
            "form_token": self._signer.csrf_token(caller.name),
            "api": None,
            **context,
        }


def _in_language(request: Request, answer: Response) -> Response:
    """The answer, by which the browser remembers a language that was chosen."""
    if request.query_params.get("lang") in LANGUAGES:
        answer.set_cookie("lang", request.query_params["lang"], samesite="lax")
    return answer


def _around(last: int) -> str:
    """A window that ends where somebody was last there, for a query string."""
    return urlencode({"since": iso(last - 30 * _DAY)[:10], "until": iso(last + _DAY)[:10]})
