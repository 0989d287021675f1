"""Files: exports, streamed while they are read, and answers of the API as rows."""

from collections.abc import AsyncIterator, Sequence
from typing import Any, get_args

from msgspec import Struct
from starlette.responses import Response, StreamingResponse

from jmmc.answers.column_types import Columns, struct_columns, struct_row
from jmmc.answers.export import (
    COLUMNS_OF,
    SAMPLE_COLUMNS,
    SUMMARY_COLUMNS,
    chosen,
    stored_form,
    summary_pages,
    summary_row,
)
from jmmc.answers.model import (
    Live,
    LiveMeeting,
    MeetingDetail,
    Overview,
    Participant,
    Point,
    SessionDetail,
)
from jmmc.answers.queries import Page
from jmmc.answers.tables import MEDIA_TYPES, Table, table
from jmmc.quality.filters import SummaryFilter
from jmmc.quality.summary import Summary
from jmmc.quality.timeline_rows import sample_rows
from jmmc.stores import Store
from jmmc.web.problems import Problem

WHATS = ("sessions", "timeline", "summaries")


def export_response(
    store: Store, selection: SummaryFilter, what: str, file_format: str
) -> StreamingResponse:
    """The export as a streamed file. Raises `Problem` for a format that `what` does not have."""
    if what == "sessions":
        if file_format != "ndjson":
            raise Problem(
                400, "Invalid parameter format", f"sessions are ndjson only, got {file_format!r}"
            )
        content = _lines(store, selection)
    else:
        content = _content(store, selection, what, table(file_format, COLUMNS_OF[what]))
    return StreamingResponse(
        content, headers=_headers(what, file_format), media_type=MEDIA_TYPES[file_format]
    )


def answer_file(answer: Any, type_: Any, name: str, file_format: str) -> Response:
    """An answer of the API as a file of rows; `type_` is its type, or of an item of its pages."""
    columns, rows = table_of(answer, type_)
    writer = table(file_format, columns)
    content = writer.add(rows) + writer.end()
    return Response(
        content, headers=_headers(name, file_format), media_type=MEDIA_TYPES[file_format]
    )


def table_of(answer: Any, type_: Any) -> tuple[Columns, list[dict[str, Any]]]:
    """The rows of an answer: points of a series, compared values, sessions or samples."""
    match answer:
        case Overview():
            return _table(answer.series, Point)
        case Live():
            return _table(answer.meetings, LiveMeeting)
        case MeetingDetail():
            return _table([lane.session for lane in answer.lanes], Summary)
        case Participant():
            return _table(answer.latest, Summary)
        case SessionDetail():
            head = {"session": answer.summary.session}
            columns = answer.curves.items()
            return SAMPLE_COLUMNS, [
                {**head, "time": time, **{name: values[index] for name, values in columns}}
                for index, time in enumerate(answer.times)
            ]
        case Page():
            return _table(answer.items, type_)
    (item_type,) = get_args(type_)
    return _table(answer, item_type)


def _table(items: Sequence[Any], type_: type[Struct]) -> tuple[Columns, list[dict[str, Any]]]:
    if type_ is Summary:
        return SUMMARY_COLUMNS, [summary_row(item) for item in items]
    return struct_columns(type_), [struct_row(item) for item in items]


def _headers(name: str, file_format: str) -> dict[str, str]:
    return {
        "content-disposition": f'attachment; filename="{name}.{file_format}"',
        "cache-control": "no-store",
        "x-content-type-options": "nosniff",
    }


async def _lines(store: Store, selection: SummaryFilter) -> AsyncIterator[bytes]:
    async for session in chosen(store, selection):
        yield stored_form(session) + b"\n"


async def _content(
    store: Store, selection: SummaryFilter, what: str, writer: Table
) -> AsyncIterator[bytes]:
    if what == "timeline":
        async for session in chosen(store, selection):
            if content := writer.add(list(sample_rows(session))):
                yield content
    else:
        async for summaries in summary_pages(store, selection):
            if content := writer.add([summary_row(summary) for summary in summaries]):
                yield content
    yield writer.end()
