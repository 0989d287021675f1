"""Renders the templates: what every page has around its content, and how it is sent."""

from collections.abc import AsyncIterator, Callable, Sequence
from functools import cache, lru_cache
from typing import Any
from urllib.parse import unquote, urlencode

import jinja2
from jinja2 import pass_context
from jinja2.runtime import Context
from markupsafe import Markup
from starlette.requests import Request
from starlette.responses import Response, StreamingResponse

from jmmc.answers.cause_texts import (
    advice_for,
    advice_of,
    fact_sentences,
    first_of_title,
    headline,
    name_of,
)
from jmmc.answers.cause_texts import percent as percent_of
from jmmc.answers.cause_texts import title as incident_title
from jmmc.answers.incidents import is_incident_id
from jmmc.answers.list_filters import LIST_FILTERS
from jmmc.answers.model import FEW, Grades, SessionMark
from jmmc.answers.notes import Note
from jmmc.core.errors import InvalidInput, Worded
from jmmc.core.text import without_controls_in_markup
from jmmc.core.timestamps import PERIOD_STARTS, parse_moment, to_iso
from jmmc.core.version import __version__
from jmmc.privacy.pseudonyms import jitsi_room_name
from jmmc.quality.addresses import network_of
from jmmc.quality.filters import CHOICES, DIMENSIONS, FIELD_OF_FILTER
from jmmc.quality.intervals import wilson
from jmmc.quality.summary import GRADE_PERCENT
from jmmc.quality.ways import Way
from jmmc.web.dashboard.assets import assets_version, script_modules
from jmmc.web.dashboard.durations import duration
from jmmc.web.dashboard.error_texts import field_name, quoted, sentence
from jmmc.web.dashboard.formatting import (
    bad_seconds,
    bad_values,
    cell_labels,
    figure,
    minutes,
    number,
    people_values,
    percent,
    points,
    translated_number,
    weekday_hour,
)
from jmmc.web.dashboard.i18n import (
    LANGUAGES,
    choose_language,
    upload_sentence,
    way_sentence,
    words,
)
from jmmc.web.dashboard.reader_zone import WALL_TIME, ReaderZone, reader_zone
from jmmc.web.dashboard.svg import (
    MOST_NOTES,
    count_bar,
    count_columns,
    difference_bar,
    grade_bar,
    heat_row,
    note_marks,
    plot_notes,
    sparkline,
    strip,
    timeline,
    track,
)
from jmmc.web.http import Scope, accepted, cookie
from jmmc.web.problems import Problem
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
"""Security headers of every response but static files: not cached, nothing from other origins."""

_DAY = 86_400
_NORMAL = 1.96  # Standard deviations on either side that 95 % are within.
_MAIN = '<main id="main" tabindex="-1">'
_HTML = "text/html; charset=utf-8"
_TIME_RANGES = ("1h", "24h", "7d", "30d")
FORM_FIELDS = ("lang", "tz", "tz_name", "typed", "wall", "columns", "list")
"""Fields of forms that no link has: choices that are remembered, and how a value is meant."""

CARRIED = ("since", "until", *FIELD_OF_FILTER)
"""What links take along from page to page."""

_FILTERED = (
    *("overview", "compare", "outliers", "changes", "sessions", "meetings", "attempts"),
    *("participants", "agreement"),
)
"""Operations of the API that take the time range and the filters of a page."""


_TITLES_OF_FORMS = {
    "overview": "Overview",
    "incidents": "Incidents",
    "compare": "Compare",
    "meetings": "Meetings",
    "sessions": "Sessions",
    "participants": "Participant",
    "agreement": "Ratings and grades",
    "usage": "Usage",
}
"""The pages whose form is shown again with what is wrong in it, by the first part of the path."""


class Layout:
    """Renders the pages of one server, whose own time zone is `time_zone()`.

    With `has_demo` the menu leads to the demo page.
    """

    def __init__(
        self, signer: LoginSigner, time_zone: Callable[[], str], *, has_demo: bool = False
    ) -> None:
        self._signer = signer
        self._time_zone = time_zone
        self._has_demo = has_demo
        self.templates = _templates()

    def page(
        self, request: Request, caller: Caller, name: str, *, status: int = 200, **context: Any
    ) -> Response:
        """Render a whole page from the template of that name."""
        text = self._render(request, caller, name, **context)
        return _remember_language(request, Response(text, status, HEADERS, _HTML))

    def streamed(
        self, request: Request, caller: Caller, title: str, pages: AsyncIterator[Response]
    ) -> Response:
        """Send the head of a page with a "loading" note at once, the content when it is there.

        `pages` yields the rendered page; its content is sent. The status is 200 in any case.
        """
        head = self._render(request, caller, "waiting.html", title=title).rpartition("</main>")[0]

        async def chunks() -> AsyncIterator[bytes]:
            yield head.encode()
            async for page in pages:
                yield bytes(page.body).partition(_MAIN.encode())[2]

        headers = {**HEADERS, "x-accel-buffering": "no"}  # nginx would hold the head back.
        return _remember_language(request, StreamingResponse(chunks(), 200, headers, _HTML))

    def problem(
        self,
        request: Request,
        caller: Caller,
        status: int,
        title: str,
        detail: str = "",
        *,
        error: Worded | Problem | None = None,
    ) -> Response:
        """Render an error page: with the sentence of `error`, or else an English `detail`."""
        return self.page(
            request,
            caller,
            "problem.html",
            status=status,
            code=status,
            title=title,
            detail=detail,
            error=error,
            path="",  # No page of the menu.
        )

    def refusal(self, scope: Scope, problem: Problem) -> Response:
        """A page without a menu, which takes no rendering: a flood gets it again and again."""
        language = choose_language(cookie(scope, "lang"), accepted(scope, "accept-language"))
        template = self.templates.get_template("refused.html")
        wait = problem.retry_after
        text = _refusal(
            template, language, scope.get("root_path", ""), problem.status, problem.title, wait
        )
        headers = HEADERS if wait is None else {**HEADERS, "retry-after": str(wait)}
        return Response(text, problem.status, headers, _HTML)

    def invalid(self, request: Request, caller: Caller, error: InvalidInput) -> Response:
        """Render the form of a page with what was typed, and what is wrong with it."""
        path = request.url.path.removeprefix(request.scope.get("root_path", ""))
        name = path.partition("/")[2].partition("/")[0]
        return self.page(
            request,
            caller,
            "invalid.html",
            status=400,
            page=name,
            title=_TITLES_OF_FORMS[name],
            error=error,
            errors={error.field: error},
        )

    @staticmethod
    def has_form(request: Request) -> bool:
        """Whether a page has a form with the time range and the filters."""
        path = request.url.path.removeprefix(request.scope.get("root_path", ""))
        name, _, rest = path.partition("/")[2].partition("/")
        return name in _TITLES_OF_FORMS and bool(rest) == (name == "participants")

    def context(self, request: Request, caller: Caller, **context: Any) -> dict[str, Any]:
        """Return the variables that every template has, and those of `context`."""
        preferred = request.query_params.get("lang") or cookie(request.scope, "lang")
        language = choose_language(preferred, accepted(request.scope, "accept-language"))
        texts = words(language)
        zone = self.zone(request)
        query = {
            key: value
            for key, value in request.query_params.items()
            if key not in FORM_FIELDS and value
        }
        api_query = _api_query(context, query, zone)

        carried = {key: value for key, value in query.items() if key in CARRIED}

        def with_query(**changes: str | None) -> str:
            changed = {**query, **changes}
            return "?" + urlencode(
                {key: value for key, value in changed.items() if value is not None}
            )

        root = request.scope.get("root_path", "")
        return {
            "_": lambda text: texts.get(text, text),
            "language": language,
            "languages": LANGUAGES,
            "caller": caller,
            "root": root,
            "static": _static(root),
            "here": request.url.path,
            "path": request.url.path.removeprefix(root),
            "query": query,
            "carried": f"?{urlencode(carried)}" if carried else "",
            "zone": zone,
            "filters": [name for name in FIELD_OF_FILTER if name in query],
            "filters_known": tuple(FIELD_OF_FILTER),
            "filter_choices": CHOICES,
            "window": None,
            "has_demo": self._has_demo,
            "notes": (),
            "errors": getattr(request.state, "errors", {}),
            "views": getattr(request.state, "views", ()),
            "view_pages": getattr(request.state, "view_pages", ()),
            "view_query": urlencode(
                {key: value for key, value in query.items() if key not in ("cursor", "done")}
            ),
            "time_ranges": _TIME_RANGES,
            "with_query": with_query,
            "export_query": lambda **more: (
                "?" + urlencode({**_window_and_filters(query, zone), **more})
            ),
            "api_query": lambda **more: "?" + urlencode({**api_query, **more}),
            "form_token": self._signer.csrf_token(caller.name),
            "api": None,
            **context,
        }

    def zone(self, request: Request) -> ReaderZone:
        """The time zone of the reader."""
        return reader_zone(request, self._time_zone())

    def _render(self, request: Request, caller: Caller, name: str, **context: Any) -> str:
        template = self.templates.get_template(name)
        return without_controls_in_markup(template.render(self.context(request, caller, **context)))


@cache
def _templates() -> jinja2.Environment:
    """The templates of every server in this process: to compile one takes up to 0.1 s."""
    templates = jinja2.Environment(
        loader=jinja2.PackageLoader("jmmc.web.dashboard"),
        autoescape=True,
        trim_blocks=True,
        lstrip_blocks=True,
        undefined=jinja2.StrictUndefined,
        auto_reload=False,  # An upgrade replaces files under a running server.
    )
    templates.filters.update(
        iso=to_iso,
        wall_time=_wall_time,
        unquote=unquote,
        percent=percent,
        number=number,
        minutes=minutes,
        translated_number=translated_number,
        zip=zip,
        is_incident_id=is_incident_id,
        points=points,
        weekday_hour=weekday_hour,
        people_values=people_values,
        bad_values=bad_values,
        bad_seconds=bad_seconds,
        figure=figure,
        duration=duration,
        sentence=sentence,
        quoted=quoted,
        is_wall_time=lambda text: bool(WALL_TIME.fullmatch(text)),
        as_wall_time=_as_wall_time,
        field_name=field_name,
        headline=headline,
        cause_name=name_of,
        incident_title=incident_title,
        first_cause=first_of_title,
        advice=advice_for,
        advice_of=advice_of,
        fact_sentences=fact_sentences,
        probability=percent_of,
        way_sentence=_way_sentence,
        upload_sentence=upload_sentence,
        room_name=jitsi_room_name,
        days_around=_days_around,
        translated=lambda events, _: [(at, _(what)) for at, what in events],
        network_of=network_of,
        around=lambda note: _window(note, _DAY),
        before_and_after=_before_and_after,
        grades_of=lambda counts: Grades.of(counts["good"], counts["fair"], counts["poor"], 0),
    )
    templates.globals.update(
        timeline=timeline,
        track_svg=track,
        strip=_strip,
        dimensions=DIMENSIONS,
        grade_bar=grade_bar,
        heat_row=heat_row,
        difference_bar=difference_bar,
        sparkline=sparkline,
        note_marks=note_marks,
        plot_notes=plot_notes,
        most_notes=MOST_NOTES,
        grade_percent=GRADE_PERCENT,
        count_bar=count_bar,
        count_columns=count_columns,
        share_interval=_share_interval,
        version=__version__,
        script_modules=script_modules(),
        cell_labels=cell_labels,
    )
    return templates


def _static(root: str) -> str:
    """The address of the static files of this version."""
    return f"{root}/static/{assets_version()}"


@lru_cache(maxsize=256)  # Waits are up to a minute.
def _refusal(
    template: jinja2.Template, language: str, root: str, status: int, title: str, wait: int | None
) -> str:
    texts = words(language)
    return template.render(
        _=lambda text: texts.get(text, text),
        language=language,
        root=root,
        static=_static(root),
        status=status,
        title=title,
        wait=wait,
    )


def _api_query(context: dict[str, Any], query: dict[str, str], zone: ReaderZone) -> dict[str, str]:
    """Return the parameters of a page's query that the API operation behind it takes too."""
    operation, _, item = str(context.get("api") or "").partition("/")
    if operation == "search":
        return {"q": query.get("q", "")}
    if operation == "incidents":
        return {key: str(value) for key, value in context.get("api_selection", {}).items()}
    if operation not in _FILTERED or (item and operation != "participants"):
        return {}
    params = _window_and_filters(query, zone)
    if operation in ("sessions", "meetings"):
        params |= {name: query[name] for name in ("sort", *LIST_FILTERS) if query.get(name)}
    if operation in ("compare", "changes"):
        params |= {name: query[name] for name in ("by", "crossed", "at") if context.get(name)}
    return params


def _window_and_filters(query: dict[str, str], zone: ReaderZone) -> dict[str, str]:
    """The time range and the filters of a page, as the API takes them."""
    params = {key: value for key, value in query.items() if key in CARRIED}
    if {params.get("since"), params.get("until")} & {*PERIOD_STARTS}:
        params["tz"] = zone.name
    return params


def _remember_language(request: Request, response: Response) -> Response:
    """Set a cookie if the reader has chosen a language by the query."""
    if request.query_params.get("lang") in LANGUAGES:
        path = f"{request.scope.get('root_path', '')}/"
        response.set_cookie("lang", request.query_params["lang"], samesite="lax", path=path)
    return response


@pass_context
def _as_wall_time(context: Context, text: str) -> str:
    """What was typed as a time: as an input of type datetime-local has it, where it is a time."""
    if WALL_TIME.fullmatch(text):
        return text
    try:
        return str(context["zone"].wall_time(parse_moment(text, 0)))
    except ValueError:
        return text


@pass_context
def _wall_time(context: Context, second: int) -> str:
    """Format a moment in the reader's time zone."""
    return str(context["zone"].wall_time(second)).replace("T", " ")


@pass_context
def _way_sentence(context: Context, way: Way, translate: Callable[[str], str]) -> str:
    return way_sentence(way, translate, lambda share: percent(context, share))


def _share_interval(count: int, size: int) -> tuple[float, float] | None:
    """The 95 % interval of a share; None for a sample that is too small to say anything."""
    return wilson(count / size, size, _NORMAL) if size >= FEW else None


@pass_context
def _strip(
    context: Context, marks: Sequence[SessionMark], since: int, until: int, current: str = ""
) -> Markup:
    """Draw a participant's sessions, in the language of the page."""
    translate = context["_"]

    def described(mark: SessionMark) -> str:
        began = _wall_time(context, mark.began)
        return f"{began}, {unquote(mark.room)}: {translate(mark.grade)}"

    title = f"{translate('Sessions')}: {len(marks)}"
    return strip(marks, since, until, title, described, context["root"], current)


def _window(note: Note, around: int) -> str:
    """Return a query of the time of a note, and of some seconds before and after."""
    return urlencode({"since": to_iso(note.at - around), "until": to_iso(note.end + around)})


def _before_and_after(note: Note) -> str:
    """Return a query of the comparison of the week before a note with the week after."""
    return f"{_window(note, 7 * _DAY)}&{urlencode({'by': 'region', 'at': to_iso(note.at)})}"


def _days_around(last: int) -> str:
    """Return a query from 30 days before a moment to one day after it."""
    return urlencode({"since": to_iso(last - 30 * _DAY)[:10], "until": to_iso(last + _DAY)[:10]})
