"""Files: exports, streamed while they are read, and answers of the API as rows."""

from collections.abc import AsyncIterator, Sequence
from typing import Any

from msgspec import Struct
from starlette.responses import Response, StreamingResponse

from jmmc.answers.export import chosen, stored_form, summary_pages, summary_row
from jmmc.answers.model import Live, MeetingDetail, Overview, Participant, SessionDetail
from jmmc.answers.queries import Page
from jmmc.answers.tables import MEDIA_TYPES, Table, table
from jmmc.quality.columns import sample_rows
from jmmc.quality.summary import Summary, SummaryFilter
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
        content = _content(store, selection, what, table(file_format))
    return StreamingResponse(
        content, headers=_headers(what, file_format), media_type=MEDIA_TYPES[file_format]
    )


def answer_file(answer: Any, name: str, file_format: str) -> Response:
    """An answer of the API as a file of rows."""
    writer = table(file_format)
    content = writer.add(rows_of(answer)) + writer.end()
    return Response(
        content, headers=_headers(name, file_format), media_type=MEDIA_TYPES[file_format]
    )


def rows_of(answer: Any) -> list[dict[str, Any]]:
    """The rows of an answer: points of a series, compared values, sessions or samples."""
    match answer:
        case Overview():
            return [_flat(point) for point in answer.series]
        case Live():
            return [_flat(meeting) for meeting in answer.meetings]
        case MeetingDetail():
            return [summary_row(lane.session) for lane in answer.lanes]
        case Participant():
            return [summary_row(summary) for summary in answer.latest]
        case SessionDetail():
            head = {"session": answer.summary.session}
            columns = answer.curves.items()
            return [
                {**head, "time": time, **{name: values[index] for name, values in columns}}
                for index, time in enumerate(answer.times)
            ]
        case Page():
            return rows_of(answer.items)
    return [summary_row(item) if isinstance(item, Summary) else _flat(item) for item in answer]


def _flat(answer: Struct) -> dict[str, Any]:
    """A struct as a flat row: nested fields are prefixed with the name of the outer field."""
    row: dict[str, Any] = {}
    for name in answer.__struct_fields__:
        value = getattr(answer, name)
        if isinstance(value, Struct):
            row |= {f"{name}_{key}": v for key, v in _flat(value).items()}
        elif name.endswith("_interval"):
            row |= {f"{name}_low": value[0], f"{name}_high": value[1]}
        elif isinstance(value, Sequence) and not isinstance(value, str):
            row[name] = " ".join(map(str, value))
        else:
            row[name] = value
    return row


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
