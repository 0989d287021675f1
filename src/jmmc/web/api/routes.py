"""`/api/v1/`: every answer of the query layer, over HTTP."""

import re
import time
from collections.abc import Awaitable, Callable, Sequence
from typing import Any, Literal, NamedTuple

import msgspec
from msgspec import Struct
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette.routing import BaseRoute, Route

from jmmc.accounts.tokens import Scope
from jmmc.alerting.evaluator import firing
from jmmc.alerting.rules import State
from jmmc.answers.model import (
    Comparison,
    Live,
    Meeting,
    MeetingDetail,
    Overview,
    Participant,
    RoomActivity,
    SessionDetail,
    Usage,
)
from jmmc.answers.queries import NotFoundError, Page, Queries
from jmmc.answers.serialization import encode
from jmmc.answers.tables import FORMATS, MissingLibrary
from jmmc.collector import Collector
from jmmc.core.errors import StoreError
from jmmc.core.timestamps import moment
from jmmc.core.version import __version__
from jmmc.privacy.pseudonyms import Pseudonyms
from jmmc.privacy.receipts import Erasure, Subject, SubjectKind
from jmmc.protocol.identity import is_session_id
from jmmc.quality.grading import Grade
from jmmc.quality.summary import DIMENSIONS, FIELD_OF_FILTER, SearchHit, Summary, SummaryFilter
from jmmc.quality.timeline import SIGNS_OF_LIFE
from jmmc.stores import Store
from jmmc.stores.erasure_receipts import erasures
from jmmc.web.api.exports import WHATS, answer_file, export_response
from jmmc.web.api.openapi import describe, reference_page
from jmmc.web.problems import Problem
from jmmc.web.security.access import Access

ROOT = "/api/v1"

_Door = Callable[[Request], Awaitable[Response]]

_DAY = 86_400
_REFERENCE_HEADERS = {
    "content-security-policy": (
        "default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'; form-action 'none';"
        " frame-ancestors 'none'"
    )
}


class Parameter(NamedTuple):
    """What may stand in the query string."""

    name: str
    description: str
    schema: dict[str, Any]
    required: bool = False


class Operation(NamedTuple):
    """One path: what it answers, and by what."""

    path: str
    summary: str
    answer: Any
    ask: Callable[..., Awaitable[Any]]
    parameters: tuple[Parameter, ...] = ()
    scope: Scope = "read"
    method: Literal["get", "delete"] = "get"

    @property
    def name(self) -> str:
        """Of a file with its answer."""
        return self.path.split("/")[1]


class PageOf(Struct, frozen=True):
    """Some items; `next` goes into `cursor` for those that follow, and is null at the end."""

    items: list[Any]
    next: str | None


def _text(name: str, description: str) -> Parameter:
    return Parameter(name, description, {"type": "string"})


_MOMENT = {
    "type": "string",
    "anyOf": [
        {"format": "date-time"},
        {"format": "date"},
        {
            "type": "string",
            "pattern": "^(now|[0-9]{1,5}[mhdw]|[0-9-]{10}T[0-9]{2}(:[0-9]{2}){1,2})$",
        },
    ],
}
_GRADES = tuple(item.name.lower() for item in Grade)
_WINDOW = (
    Parameter(
        "since",
        "ISO 8601 (UTC unless it says), or 24h, 7d ago; a day before until by default.",
        _MOMENT,
    ),
    Parameter("until", "The same; now by default.", _MOMENT),
    *(
        _text(item, f"Only sessions with this {item}.")
        for item in FIELD_OF_FILTER
        if item != "grade"
    ),
    Parameter("grade", "Only sessions with this.", {"type": "string", "enum": list(_GRADES)}),
)
_PAGING = (
    Parameter("limit", "Items an answer.", {"type": "integer", "minimum": 1, "maximum": 500}),
    _text("cursor", "`next` of the answer before."),
)
_PERIODS = ("day", "week", "month")
_FORMAT = Parameter(
    "format",
    "JSON by default; the others have the rows alone, such as the points of a series.",
    {"type": "string", "enum": ["json", *FORMATS]},
)


def _without(name: str, parameters: tuple[Parameter, ...]) -> tuple[Parameter, ...]:
    """Parameters less one that the path itself says."""
    return tuple(parameter for parameter in parameters if parameter.name != name)


def operations(
    queries: Queries, store: Store, forget: Callable[[Subject], Awaitable[Erasure]]
) -> list[Operation]:
    """Everything that can be asked."""
    by = Parameter("by", "The dimension.", {"type": "string", "enum": list(DIMENSIONS)}, True)
    period = Parameter("period", "Day by default.", {"type": "string", "enum": list(_PERIODS)})
    text = _text("q", "Part of a room's name, a participant id or an address.")

    async def usage(asked: "QueryParameters") -> list[Usage]:
        chosen = asked.one_of("period", _PERIODS, "day")
        return await queries.usage(chosen, asked.selection)  # type: ignore[arg-type]

    async def export(asked: "QueryParameters") -> Response:
        what = asked.one_of("what", WHATS, "timeline")
        form = asked.one_of("format", FORMATS, "ndjson")
        return export_response(store, asked.selection, what, form)

    async def rooms(asked: "QueryParameters") -> Page:
        return await queries.rooms(asked.selection, limit=asked.limit, after=asked.cursor)

    async def sessions(asked: "QueryParameters") -> Page:
        return await queries.sessions(asked.selection, limit=asked.limit, after=asked.cursor)

    async def conference(asked: "QueryParameters", room: str) -> list[Meeting]:
        stored = asked.names.stored_room(room)
        selection = msgspec.structs.replace(asked.selection, room=stored)
        found = await queries.meetings(selection)
        if not found:
            raise NotFoundError(f"room {room}: nobody was there in this time")
        return found

    def erasing(
        path: str, summary: str, subject: Callable[[Pseudonyms, str], Subject]
    ) -> Operation:
        return Operation(
            path,
            summary,
            Erasure,
            lambda asked, name: forget(subject(asked.names, name)),
            scope="erase",
            method="delete",
        )

    answers = [
        Operation(
            "/overview",
            "Now and a window: how many, for how long, and how they fared.",
            Overview,
            lambda asked: queries.overview(asked.selection),
            _WINDOW,
        ),
        Operation(
            "/live",
            "This moment: running meetings, the worst first, and where it is bad.",
            Live,
            lambda asked: queries.live(),
        ),
        Operation(
            "/alerts",
            "Alarms that are on: what was decided by the rules in the settings.",
            list[State],
            lambda asked: firing(store.reports),
        ),
        Operation(
            "/rooms",
            "Rooms, the latest first.",
            RoomActivity,
            rooms,
            (*_WINDOW, *_PAGING),
        ),
        Operation(
            "/rooms/{room}",
            "The meetings in a room.",
            list[Meeting],
            conference,
            _without("room", _WINDOW),
        ),
        Operation(
            "/meetings",
            "Meetings, the latest first.",
            list[Meeting],
            lambda asked: queries.meetings(asked.selection),
            _WINDOW,
        ),
        Operation(
            "/meetings/{id}",
            "A meeting, with everybody's time line and bad spells.",
            MeetingDetail,
            lambda asked, session: queries.meeting(_session_id(session)),
        ),
        Operation(
            "/sessions", "Sessions, the newest first.", Summary, sessions, (*_WINDOW, *_PAGING)
        ),
        Operation(
            "/sessions/{id}",
            "A session: its curves, its spells, and who else was bad then.",
            SessionDetail,
            lambda asked, session: queries.session(_session_id(session)),
        ),
        Operation(
            "/participants/{participant}",
            "All sessions of a participant: one browser.",
            Participant,
            lambda asked, browser_id: queries.participant(
                asked.names.stored_browser_id(browser_id), asked.selection
            ),
            _without("participant", _WINDOW),
        ),
        Operation(
            "/compare",
            "Grades by browser, region, network and the like, with intervals.",
            list[Comparison],
            lambda asked: queries.compare(asked.one_of("by", DIMENSIONS, None), asked.selection),
            (by, *_WINDOW),
        ),
        Operation(
            "/usage", "Meetings, people and minutes a day.", list[Usage], usage, (period, *_WINDOW)
        ),
        Operation(
            "/search",
            "As one types.",
            list[SearchHit],
            lambda asked: queries.search(asked.text("q") or ""),
            (text,),
        ),
    ]
    what = Parameter("what", "Timeline by default.", {"type": "string", "enum": list(WHATS)})
    form = Parameter("format", "NDJSON by default.", {"type": "string", "enum": list(FORMATS)})
    return [
        *(answer._replace(parameters=(*answer.parameters, _FORMAT)) for answer in answers),
        Operation(
            "/export",
            "What is stored, as a file. Needs a token that may export.",
            None,
            export,
            (what, form, *_WINDOW),
            "export",
        ),
        erasing(
            "/participants/{participant}",
            "Erase everything about a participant. Needs a token that may erase; takes seconds.",
            lambda names, browser_id: Subject(
                SubjectKind.PARTICIPANT, names.stored_browser_id(browser_id)
            ),
        ),
        erasing(
            "/rooms/{room}",
            "Erase everything about a room, under its name as Jitsi has it.",
            lambda names, room: Subject(SubjectKind.ROOM, names.stored_room(room)),
        ),
        Operation(
            "/erasures",
            "The receipts of what was erased, the latest first.",
            list[Erasure],
            lambda asked: erasures(store.reports),
            scope="erase",
        ),
    ]


class QueryParameters:
    """The query string of one request, checked. Raises `Problem`."""

    def __init__(
        self, request: Request, operation: Operation, now: float, names: Pseudonyms
    ) -> None:
        self.names = names
        self._given = request.query_params
        known = {parameter.name for parameter in operation.parameters}
        for name in self._given:
            if name not in known:
                raise Problem(
                    400, f"Unknown parameter {name}", f"known: {', '.join(sorted(known))}"
                )
        self._now = now

    @property
    def selection(self) -> SummaryFilter:
        """Filters and window; a day by default."""
        until = self._moment("until", int(self._now))
        since = self._moment("since", until - _DAY)
        filters: dict[str, Any] = {
            field: value
            for name, field in FIELD_OF_FILTER.items()
            if (value := self._given.get(name)) is not None
        }
        if "grade" in filters:
            self.one_of("grade", _GRADES, None)
        return self.names.as_stored(SummaryFilter(since=since, until=until, **filters))

    @property
    def limit(self) -> int:
        """Items an answer."""
        given = self._given.get("limit", "50")
        if not re.fullmatch(r"\d{1,3}", given) or not 1 <= int(given) <= 500:
            raise Problem(400, "Bad parameter limit", "expected 1..500")
        return int(given)

    @property
    def cursor(self) -> str | None:
        """Where to go on."""
        return self._given.get("cursor")

    def text(self, name: str) -> str | None:
        """A parameter as it came, of at most 200 characters."""
        value = self._given.get(name)
        return None if value is None else value[:200]

    def one_of(self, name: str, allowed: Sequence[str], default: str | None) -> str:
        """A parameter that has few values."""
        value = self._given.get(name, default)
        if value not in allowed:
            raise Problem(400, f"Bad parameter {name}", f"expected {', '.join(allowed)}")
        return str(value)

    def _moment(self, name: str, default: int) -> int:
        given = self._given.get(name)
        try:
            return default if given is None else moment(given, self._now)
        except ValueError as error:
            raise Problem(400, f"Bad parameter {name}", str(error)) from None


def api_description(collector: Collector) -> dict[str, Any]:
    """The OpenAPI document of a collector's API."""
    return describe(ROOT, __version__, _operations_of(collector, time.time), PageOf)


def api_routes(
    collector: Collector, access: Access, *, clock: Callable[[], float] = time.time
) -> list[BaseRoute]:
    """The paths under `/api/v1/`, with their description as OpenAPI and as a page."""
    doors: dict[str, dict[str, _Door]] = {}
    for item in _operations_of(collector, clock):
        at = doors.setdefault(item.path, {})
        at[item.method.upper()] = _door(item, collector, access, clock)
    # One route a path: the Allow of a 405 names all of its methods.
    routes: list[BaseRoute] = [
        Route(ROOT + path, _by_method(door), methods=list(door)) for path, door in doors.items()
    ]
    description = api_description(collector)
    page = reference_page(description)

    async def openapi(request: Request) -> Response:
        return Response(msgspec.json.encode(description), media_type="application/json")

    async def reference(request: Request) -> Response:
        return Response(page, media_type="text/html; charset=utf-8", headers=_REFERENCE_HEADERS)

    async def to_reference(request: Request) -> Response:
        return RedirectResponse(f"{request.scope.get('root_path', '')}{ROOT}/")

    async def unknown(request: Request) -> Response:
        return Problem(404, "No such path", f"see {ROOT}/").response()

    routes += [
        Route(f"{ROOT}/openapi.json", openapi),
        Route(f"{ROOT}/", reference),
        Route(ROOT, to_reference),
        Route(f"{ROOT}/{{rest:path}}", unknown),
    ]
    return routes


def _operations_of(collector: Collector, clock: Callable[[], float]) -> list[Operation]:
    lifetime = SIGNS_OF_LIFE * collector.settings.push_interval
    names = collector.pseudonyms
    queries = Queries(collector.store, lifetime=lifetime, clock=clock, pseudonyms=names)
    return operations(queries, collector.store, collector.forget)


def _by_method(doors: dict[str, _Door]) -> _Door:
    async def door(request: Request) -> Response:
        return await doors["GET" if request.method == "HEAD" else request.method](request)

    return door


def _door(
    operation: Operation, collector: Collector, access: Access, clock: Callable[[], float]
) -> _Door:
    names = re.findall(r"{(\w+)}", operation.path)

    async def door(request: Request) -> Response:
        try:
            await collector.open()
            await access.check(request, operation.scope, clock())
            asked = QueryParameters(request, operation, clock(), collector.pseudonyms)
            exports = operation.scope == "export"
            form = "json" if exports else asked.one_of("format", ("json", *FORMATS), "json")
            answer = await operation.ask(asked, *(request.path_params[name] for name in names))
            if form != "json":
                answer = answer_file(answer, operation.name, form)
        except Problem as problem:
            return problem.response()
        except NotFoundError as error:
            return Problem(404, "Not found", str(error)).response()
        except MissingLibrary as error:
            return Problem(501, "Not installed", str(error)).response()
        except StoreError as error:
            return Problem(503, "The store is down", str(error), retry_after=5).response()
        except ValueError as error:
            return Problem(400, "Bad question", str(error)).response()
        if isinstance(answer, Response):
            return answer
        if isinstance(answer, Page):
            answer = PageOf(list(answer.items), answer.after)
        headers = {"cache-control": "no-store", "x-content-type-options": "nosniff"}
        return Response(encode(answer), headers=headers, media_type="application/json")

    return door


def _session_id(text: str) -> str:
    if not is_session_id(text):
        raise Problem(400, "Bad id", "expected 24 hex digits")
    return text.lower()
