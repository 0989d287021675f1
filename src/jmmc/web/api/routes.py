"""`/api/v1/`: routes and handlers that run the operations, and the OpenAPI document."""

import time
from collections.abc import Awaitable, Callable, Sequence
from functools import cache
from typing import Any

import msgspec
from markupsafe import Markup
from starlette.convertors import Convertor, register_url_convertor
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response, StreamingResponse
from starlette.routing import BaseRoute, Route

from jmmc.answers.queries import Page, Queries
from jmmc.answers.serialization import encode
from jmmc.answers.tables import FORMATS
from jmmc.answers.threads import in_background
from jmmc.collector import Collector
from jmmc.core.version import __version__
from jmmc.maintenance.schedule import rhythm_of
from jmmc.web.answer_queue import AnswerQueue
from jmmc.web.api.exports import answer_file
from jmmc.web.api.openapi import describe
from jmmc.web.api.operations import OPERATIONS, Backend, Operation
from jmmc.web.api.parameters import QueryParameters
from jmmc.web.api.reference_page import reference_content
from jmmc.web.disconnects import while_waiting
from jmmc.web.downloads import Downloads
from jmmc.web.problems import ANSWERED, Problem, problem_of
from jmmc.web.request_body import read_body
from jmmc.web.security.access import Access

ROOT = "/api/v1"

MOST_BYTES = 16 * 2**20
"""Bytes of one answer; exports are streamed and have no limit."""

_Handler = Callable[[Request], Awaitable[Response]]


@cache
def api_description() -> dict[str, Any]:
    """The OpenAPI document of the API. It is made once: change a copy."""
    return describe(ROOT, __version__, OPERATIONS)


@cache
def api_reference() -> Markup:
    """The content of the page that describes the API."""
    return reference_content(api_description())


def api_routes(
    collector: Collector,
    access: Access,
    queue: AnswerQueue,
    downloads: Downloads,
    *,
    clock: Callable[[], float] = time.time,
) -> list[BaseRoute]:
    """The paths under `/api/v1/`, with their description as OpenAPI; the dashboard has its page."""
    rhythm = rhythm_of(collector.settings)
    queries = Queries(
        collector.store,
        rhythm=rhythm,
        clock=clock,
        pseudonyms=collector.pseudonyms,
        known_live=collector.live_sessions,
    )
    backend = Backend(queries, collector.store, lambda: collector.settings, collector.forget)
    handlers: dict[str, dict[str, _Handler]] = {}
    for operation in OPERATIONS:
        handler = _handler(operation, backend, collector, access, queue, downloads, clock)
        handlers.setdefault(operation.path, {})[operation.method.upper()] = handler
    return [
        # One route a path: the Allow of a 405 names all of its methods.
        *(
            Route(
                ROOT + path.replace("{room}", "{room:room}"),
                _by_method(methods),
                methods=list(methods),
            )
            for path, methods in handlers.items()
        ),
        *_description_routes(),
    ]


def _handler(
    operation: Operation,
    backend: Backend,
    collector: Collector,
    access: Access,
    queue: AnswerQueue,
    downloads: Downloads,
    clock: Callable[[], float],
) -> _Handler:
    async def answered(request: Request, query: QueryParameters, values: Sequence[Any]) -> Response:
        async with queue.place(request):
            response = await _run(operation, backend, query, values)
        if isinstance(response, StreamingResponse):
            return downloads.bounded(request, response)
        return response

    async def handle(request: Request) -> Response:
        try:
            await collector.open()
            caller = await access.check(request, operation.scope, clock())
            query = QueryParameters(
                request.query_params,
                operation.parameters,
                clock(),
                collector.pseudonyms,
                collector.settings.time_zone,
            )
            values: list[Any] = [request.path_params[name] for name in operation.path_parameters]
            if operation.body is not None:
                timeout = collector.settings.body_timeout
                values += [await _json_body(request, operation.body.type, timeout), caller.name]
            if operation.method != "get":
                return await _run(operation, backend, query, values)
            return await while_waiting(request, answered(request, query, values))
        except ANSWERED as error:
            return problem_of(error).response()

    return handle


async def _run(
    operation: Operation, backend: Backend, query: QueryParameters, values: Sequence[Any]
) -> Response:
    """The response of an operation: its answer as JSON, or a file. Raises `Problem`.

    `values` are those of the path's parameters, and what comes with a body.
    """
    await query.find_room(backend.queries.stored_room)
    if operation.answer is None:
        response: Response = await operation.run(backend, query, *values)
        return response
    answer_format = query.one_of("format", ("json", *FORMATS), "json")
    answer = await operation.run(backend, query, *values)
    if answer_format == "json":
        response = await in_background(lambda: _json(answer))
    else:
        response = await in_background(
            lambda: answer_file(answer, operation.answer, operation.name, answer_format)
        )
    if len(response.body) > MOST_BYTES:
        raise Problem(
            400,
            "Answer too large",
            f"the answer has {len(response.body):,} bytes, at most {MOST_BYTES:,} are allowed:"
            " ask for a shorter time range, a smaller limit, or set a filter",
        )
    return response


async def _json_body(request: Request, type_: type[msgspec.Struct], timeout: float) -> Any:
    body = await read_body(request, "application/json", timeout)
    try:
        return msgspec.json.decode(body, type=type_)
    except (msgspec.MsgspecError, UnicodeError) as error:
        raise Problem(400, "Invalid body", str(error)) from None


def _json(answer: Any) -> Response:
    if isinstance(answer, Page):
        answer = {"items": list(answer.items), "next": answer.after}
    headers = {"cache-control": "no-store", "x-content-type-options": "nosniff"}
    return Response(encode(answer), headers=headers, media_type="application/json")


class _RoomConvertor(Convertor[str]):
    """A room in a path: that of a tenant has a slash in its name."""

    regex = r"[\s\S]+"

    def convert(self, value: str) -> str:
        """Return the room as it is."""
        return value

    def to_string(self, value: str) -> str:
        """Return the room as it is."""
        return value


register_url_convertor("room", _RoomConvertor())


def _by_method(handlers: dict[str, _Handler]) -> _Handler:
    async def handle(request: Request) -> Response:
        return await handlers["GET" if request.method == "HEAD" else request.method](request)

    return handle


def _description_routes() -> list[BaseRoute]:
    """The OpenAPI document, the way to the reference page, and a 404 for every other path."""

    async def openapi(request: Request) -> Response:
        root = request.scope.get("root_path", "")
        servers = {"servers": [{"url": root}]} if root else {}
        document = msgspec.json.encode({**api_description(), **servers})
        return Response(document, media_type="application/json")

    async def to_reference(request: Request) -> Response:
        return RedirectResponse(f"{request.scope.get('root_path', '')}{ROOT}/")

    async def unknown(request: Request) -> Response:
        return Problem(404, "No such path", f"see {ROOT}/").response()

    return [
        Route(f"{ROOT}/openapi.json", openapi),
        Route(ROOT, to_reference),
        Route(f"{ROOT}/{{rest:path}}", unknown),
    ]
