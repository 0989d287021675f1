"""`GET /api/v1/export`: what is stored as a file, streamed as it is read."""

from collections.abc import AsyncIterator

from starlette.responses import StreamingResponse

from jmmc.export import session_lines, summary_rows, timeline_rows
from jmmc.model import SessionFilter
from jmmc.stores import Store
from jmmc.tables import MEDIA_TYPES, Table, table
from jmmc.web.problems import Problem

WHATS = ("sessions", "timeline", "summaries")


def export_response(store: Store, wanted: SessionFilter, what: str, form: str) -> StreamingResponse:
    """The file. Raises `Problem` for what cannot be had."""
    if what == "sessions":
        if form != "ndjson":
            raise Problem(400, "Bad parameter format", "sessions are nested: ndjson only")
        content = session_lines(store, wanted)
    else:
        content = _content(store, wanted, what, table(form))
    headers = {
        "content-disposition": f'attachment; filename="{what}.{form}"',
        "cache-control": "no-store",
        "x-content-type-options": "nosniff",
    }
    return StreamingResponse(content, headers=headers, media_type=MEDIA_TYPES[form])


async def _content(
    store: Store, wanted: SessionFilter, what: str, writer: Table
) -> AsyncIterator[bytes]:
    make = timeline_rows if what == "timeline" else summary_rows
    async for rows in make(store, wanted):
        if content := writer.add(rows):
            yield content
    yield writer.end()
