"""The lists of sessions and of meetings: in any order, page by page, and as CSV."""

from collections.abc import AsyncIterator, Mapping, Sequence
from functools import partial
from typing import Any

from starlette.requests import Request
from starlette.responses import Response, StreamingResponse

from jmmc.answers.column_types import ColumnKind
from jmmc.answers.list_filters import CAUSES, LIST_FILTERS, ListFilter
from jmmc.answers.meeting_lists import MEETING_KEYS
from jmmc.answers.queries import Page, Queries
from jmmc.answers.tables import MEDIA_TYPES, table
from jmmc.answers.threads import in_background
from jmmc.core.computing import paused
from jmmc.quality.causes.recorded import RecordedIncident
from jmmc.quality.filters import CHOICES, FIELD_OF_FILTER, SummaryFilter
from jmmc.quality.ordering import NEWEST_FIRST, SORT_KEYS, Order
from jmmc.quality.outcomes import ATTEMPTS
from jmmc.web.dashboard.layout import Layout
from jmmc.web.dashboard.list_columns import COLUMNS, Column, Reading, chosen_columns
from jmmc.web.dashboard.reader_zone import ReaderZone
from jmmc.web.dashboard.selection import Selections
from jmmc.web.downloads import Downloads
from jmmc.web.security.access import Caller

_PAGE_SIZE = 50
_FEW_ATTEMPTS = 5  # Failed joins above a list of sessions.
_TOGETHER = 500  # Sessions of a CSV that are read in one query.


class ListPages:
    """Handlers of the lists."""

    def __init__(
        self, queries: Queries, selections: Selections, layout: Layout, downloads: Downloads
    ) -> None:
        self._queries = queries
        self._selections = selections
        self._layout = layout
        self._downloads = downloads

    async def sessions(self, request: Request, caller: Caller) -> Response:
        """List sessions; with the outcome of failed joins, those."""
        selection = self._selections.of(request)
        sort, cursor, also = _given(request, "sort"), _given(request, "cursor"), _also(request)
        order = Order.parse(sort) if sort else NEWEST_FIRST
        if selection.outcome in ATTEMPTS:
            page = await self._queries.attempts(selection, limit=_PAGE_SIZE, after=cursor)
            return await self._page(
                request, caller, "sessions", selection, order, page, attempts=True
            )
        if _given(request, "format") == "csv":
            pages = self._all_sessions(selection, order, also)
            return self._csv(request, "sessions", pages)
        page = await self._queries.sessions(
            selection, limit=_PAGE_SIZE, order=order, after=cursor, also=also
        )
        return await self._page(request, caller, "sessions", selection, order, page, attempts=False)

    async def meetings(self, request: Request, caller: Caller) -> Response:
        """List meetings."""
        selection = self._selections.of(request)
        sort, also = _given(request, "sort"), _also(request)
        order = Order.parse(sort, MEETING_KEYS) if sort else NEWEST_FIRST
        if _given(request, "format") == "csv":
            rows = self._queries.all_meetings(selection, order=order, also=also)
            return self._csv(request, "meetings", rows)
        page = await self._queries.meeting_list(
            selection, limit=_PAGE_SIZE, order=order, after=_given(request, "cursor"), also=also
        )
        return await self._page(request, caller, "meetings", selection, order, page)

    async def _page(
        self,
        request: Request,
        caller: Caller,
        name: str,
        selection: SummaryFilter,
        order: Order,
        page: Page,
        **context: Any,
    ) -> Response:
        failed, failed_count = await self._failed(request, selection)
        keys: Any = SORT_KEYS if name == "sessions" else MEETING_KEYS
        attempts = context.get("attempts", False)
        known = (*FIELD_OF_FILTER, *(() if attempts else LIST_FILTERS))
        columns = chosen_columns(request, name)
        incidents = await self._incidents(name, columns, page.items)
        return await in_background(
            lambda: self._layout.page(
                request,
                caller,
                f"{name}_list.html",
                page=page,
                list_name=name,
                order=order,
                next_sorts={
                    column.name: _next_sort(column, order, falling=keys[column.sort].falling)
                    for column in columns
                    if column.sort
                },
                columns=columns,
                all_columns=COLUMNS[name],
                failed=failed,
                failed_count=failed_count,
                incidents=incidents,
                window=(selection.since, selection.until),
                filters_known=known,
                filters=[key for key in known if _given(request, key)],
                filter_choices=CHOICES if attempts else {**CHOICES, "cause": CAUSES},
                api="attempts" if context.get("attempts") else name,
                **context,
            )
        )

    async def _failed(
        self, request: Request, selection: SummaryFilter
    ) -> tuple[Sequence[Any], int]:
        """The newest joins that failed or were refused, and how many there are."""
        if selection.outcome is not None or _given(request, "cursor"):
            return (), 0
        page = await self._queries.attempts(selection, limit=_FEW_ATTEMPTS)
        if page.after is None:
            return page.items, len(page.items)
        return page.items, await self._queries.count_attempts(selection)

    def _csv(self, request: Request, name: str, pages: AsyncIterator[Sequence[Any]]) -> Response:
        """What the list shows, as a file: its columns in its order, all pages of it."""
        columns, zone = chosen_columns(request, name), self._layout.zone(request)
        headers = {
            "content-disposition": f'attachment; filename="{name}.csv"',
            "cache-control": "no-store",
            "x-content-type-options": "nosniff",
        }
        content = self._csv_content(name, pages, columns, zone)
        file = StreamingResponse(content, headers=headers, media_type=MEDIA_TYPES["csv"])
        return self._downloads.bounded(request, file)

    async def _csv_content(
        self,
        name: str,
        pages: AsyncIterator[Sequence[Any]],
        columns: Sequence[Column],
        zone: ReaderZone,
    ) -> AsyncIterator[bytes]:
        heads = {column.name: _csv_head(column, zone) for column in columns}
        writer = table("csv", dict.fromkeys(heads.values(), ColumnKind.TEXT))

        def rows(items: Sequence[Any], reading: Reading) -> bytes:
            return writer.add(
                [
                    {heads[column.name]: column.cell(item, reading) for column in columns}
                    for item in paused(items, 50)
                ]
            )

        async for items in pages:
            reading = Reading(zone, await self._incidents(name, columns, items))
            if content := await in_background(partial(rows, items, reading)):
                yield content
        yield await in_background(writer.end)

    async def _incidents(
        self, name: str, columns: Sequence[Column], items: Sequence[Any]
    ) -> Mapping[str, RecordedIncident]:
        """The incidents of listed items by their id, if a column shows them."""
        if not items or not any(column.name == "cause" for column in columns):
            return {}
        if name == "sessions":
            return await self._queries.incidents_of_sessions(items)
        return await self._queries.incidents_of_meetings([row.meeting for row in items])

    async def _all_sessions(
        self, selection: SummaryFilter, order: Order, also: ListFilter
    ) -> AsyncIterator[Sequence[Any]]:
        cursor = None
        while True:
            page = await self._queries.sessions(
                selection, limit=_TOGETHER, order=order, after=cursor, also=also
            )
            yield page.items
            if (cursor := page.after) is None:
                return


def _given(request: Request, name: str) -> str | None:
    return request.query_params.get(name) or None


def _also(request: Request) -> ListFilter:
    return ListFilter.parse({key: value for key, value in request.query_params.items() if value})


def _next_sort(column: Column, order: Order, *, falling: bool) -> str:
    """What a click on the head sorts by: the other direction, if it is sorted by it already."""
    if order.key == column.sort:
        falling = not order.falling
    return Order(column.sort, falling).text


def _csv_head(column: Column, zone: ReaderZone) -> str:
    """The name of a column, with the unit of its values."""
    unit = {"began": zone.name, "length": "s"}.get(column.name)
    return f"{column.name} ({unit})" if unit else column.name
