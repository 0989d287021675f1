"""Files: what is stored, streamed as it is read; and any answer of the API as rows."""

from collections.abc import AsyncIterator, Sequence
from typing import Any

from msgspec import Struct
from starlette.responses import Response, StreamingResponse

from jmmc.answers.export import chosen, stored_form, summary_pages, summary_row
from jmmc.answers.model import Live, MeetingDetail, Overview, Participant, SessionDetail
from jmmc.answers.queries import Page
from jmmc.answers.tables import MEDIA_TYPES, Table, table
from jmmc.quality.columns import rows as timeline
from jmmc.quality.summary import Summary, SummaryFilter
from jmmc.stores import Store
from jmmc.web.problems import Problem

WHATS = ("sessions", "timeline", "summaries")


def export_response(
    store: Store, selection: SummaryFilter, what: str, form: str
) -> StreamingResponse:
    """The file. Raises `Problem` for what cannot be had."""
    if what == "sessions":
        if form != "ndjson":
            raise Problem(400, "Bad parameter format", "sessions are nested: ndjson only")
        content = _lines(store, selection)
    else:
        content = _content(store, selection, what, table(form))
    return StreamingResponse(content, headers=_headers(what, form), media_type=MEDIA_TYPES[form])


def answer_file(answer: Any, name: str, form: str) -> Response:
    """An answer of the API as a file of rows."""
    writer = table(form)
    content = writer.add(rows_of(answer)) + writer.end()
    return Response(content, headers=_headers(name, form), media_type=MEDIA_TYPES[form])


def rows_of(answer: Any) -> list[dict[str, Any]]:
    """The rows that an answer has: points of a series, values compared, sessions, samples."""
    match answer:
        case Overview():
            return [_flat(point) for point in answer.series]
        case Live():
            return [_flat(meeting) for meeting in answer.meetings]
        case MeetingDetail():
            return [summary_row(lane.session) for lane in answer.lanes]
        case Participant():
            return [summary_row(item) for item in answer.latest]
        case SessionDetail():
            head = {"session": answer.summary.session}
            columns = answer.curves.items()
            return [
                {**head, "time": time, **{name: values[place] for name, values in columns}}
                for place, time in enumerate(answer.times)
            ]
        case Page():
            return rows_of(answer.items)
    return [summary_row(item) if isinstance(item, Summary) else _flat(item) for item in answer]


def _flat(answer: Struct) -> dict[str, Any]:
    """A struct without depth: what is inside a field has the field's name before its own."""
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


def _headers(name: str, form: str) -> dict[str, str]:
    return {
        "content-disposition": f'attachment; filename="{name}.{form}"',
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
            if content := writer.add(list(timeline(session))):
                yield content
    else:
        async for found in summary_pages(store, selection):
            if content := writer.add([summary_row(row) for row in found]):
                yield content
    yield writer.end()
