"""Files: exports, streamed while they are read, and answers of the API as rows.

Rows and bytes of an export are made in the threads of answers, some hundred rows at a time: in the
event loop a long session would delay pushes for a second.
"""

from collections.abc import AsyncIterator, Iterator, Sequence
from functools import partial
from itertools import chain, islice
from typing import Any, get_args

import msgspec
from msgspec import Struct
from starlette.responses import Response, StreamingResponse

from jmmc.answers.column_types import Columns, struct_columns, struct_row
from jmmc.answers.export import (
    COLUMNS_OF,
    INCIDENT_COLUMNS,
    SAMPLE_COLUMNS,
    SUMMARY_COLUMNS,
    What,
    chosen,
    incident_pages,
    incident_row,
    refuse_filters,
    stored_form,
    summary_pages,
    summary_row,
)
from jmmc.answers.incidents import IncidentDetail
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
from jmmc.answers.threads import in_background
from jmmc.answers.timeline_parquet import TimelineParquet
from jmmc.answers.timeline_text import TEXT_FORMATS, TimelineText
from jmmc.core.computing import pause, paused
from jmmc.core.model import Session
from jmmc.quality.causes.recorded import RecordedIncident
from jmmc.quality.filters import SummaryFilter
from jmmc.quality.ratings import Agreement, GradesOfRating
from jmmc.quality.summary import Summary
from jmmc.quality.timeline import Rhythm
from jmmc.stores import Store
from jmmc.web.problems import Problem

_ROWS = 200  # Made at a time: some milliseconds.
_FEW = 50  # Rows between two looks at the clock.

WHATS: tuple[str, ...] = get_args(What)


def export_response(
    store: Store, selection: SummaryFilter, rhythm: Rhythm, what: str, file_format: str
) -> StreamingResponse:
    """The export as a streamed file. Raises `Problem` for a format that `what` does not have."""
    if what == "sessions":
        if file_format != "ndjson":
            raise Problem(
                400, "Invalid parameter format", f"sessions are ndjson only, got {file_format!r}"
            )
        content = _lines(store, selection)
    else:
        if what == "incidents":
            refuse_filters(selection.only_window)
        if what == "timeline" and file_format in TEXT_FORMATS:
            text = TimelineText(file_format)
            content = _timeline(store, selection, rhythm, text)
        elif what == "timeline":
            content = _parquet_timeline(store, selection, rhythm, TimelineParquet())
        else:
            writer = table(file_format, COLUMNS_OF[what])
            content = _content(store, selection, what, writer)
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
        case IncidentDetail():
            return _table(answer.sessions, Summary)
        case MeetingDetail():
            return _table([lane.session for lane in answer.lanes], Summary)
        case Agreement():
            return _table(answer.table, GradesOfRating)
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
    if type_ is RecordedIncident:
        return INCIDENT_COLUMNS, [incident_row(item) for item in items]
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
    async for sessions in _batches(chosen(store, selection)):
        yield await in_background(partial(_stored_forms, sessions))


def _stored_forms(sessions: Sequence[Session]) -> bytes:
    return b"".join(stored_form(session) + b"\n" for session in paused(sessions, 1))


async def _timeline(
    store: Store, selection: SummaryFilter, rhythm: Rhythm, text: TimelineText
) -> AsyncIterator[bytes]:
    async for sessions in _batches(chosen(store, selection)):
        lines = chain.from_iterable(text.lines(session, rhythm) for session in sessions)
        while content := await in_background(partial(_some_lines, text, lines)):
            yield content
    yield text.end()


def _some_lines(text: TimelineText, lines: Iterator[str]) -> bytes:
    """The bytes of the next lines; none when there are no more."""
    part = list(islice(paused(lines, _FEW), _ROWS))
    pause()
    return text.content(part) if part else b""


async def _parquet_timeline(
    store: Store, selection: SummaryFilter, rhythm: Rhythm, file: TimelineParquet
) -> AsyncIterator[bytes]:
    async for sessions in _batches(chosen(store, selection)):
        rows = chain.from_iterable(file.add(session, rhythm) for session in sessions)
        while await in_background(partial(_take_some, rows)):
            pass
        if content := await in_background(file.content):
            yield content
    yield await in_background(file.end)


def _take_some(rows: Iterator[None]) -> int:
    """Have the next rows made; how many these were."""
    made = sum(1 for _ in islice(paused(rows, _FEW), _ROWS))
    pause()
    return made


async def _content(
    store: Store, selection: SummaryFilter, what: str, writer: Table
) -> AsyncIterator[bytes]:
    async for rows in _rows(store, selection, what):
        while (content := await in_background(partial(_add_some, writer, rows))) is not None:
            if content:
                yield content
    yield await in_background(writer.end)


async def _rows(
    store: Store, selection: SummaryFilter, what: str
) -> AsyncIterator[Iterator[dict[str, Any]]]:
    """The rows of some incidents or sessions. They are made as they are taken: in a thread."""
    if what == "incidents":
        async for incidents in incident_pages(store, selection.since, selection.until):
            yield map(incident_row, incidents)
    else:
        selection = msgspec.structs.replace(selection, attempts=what == "attempts")
        async for summaries in summary_pages(store, selection):
            yield map(summary_row, summaries)


def _add_some(writer: Table, rows: Iterator[dict[str, Any]]) -> bytes | None:
    """The bytes that the next rows add to the file; None when there are no more rows."""
    part = list(islice(paused(rows, _FEW), _ROWS))
    pause()
    return writer.add(part) if part else None


async def _batches(sessions: AsyncIterator[Session]) -> AsyncIterator[list[Session]]:
    """The sessions in order: so many together that a thread is worth it."""
    batch: list[Session] = []
    samples = 0
    async for session in sessions:
        batch.append(session)
        samples += 1 + len(session.samples)
        if samples >= _ROWS:
            yield batch
            batch, samples = [], 0
    if batch:
        yield batch
