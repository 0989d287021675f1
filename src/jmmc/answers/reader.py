"""Answers for scripts and notebooks: without an event loop of their own, and as tables."""

import asyncio
import threading
import time
from collections.abc import AsyncIterator, Coroutine, Iterator
from datetime import UTC, datetime, tzinfo
from types import TracebackType
from typing import Any, Literal, TypedDict, TypeVar, Unpack

import msgspec

from jmmc.answers.column_types import ColumnKind
from jmmc.answers.export import (
    COLUMNS_OF,
    chosen,
    incident_pages,
    incident_row,
    summary_pages,
    summary_row,
)
from jmmc.answers.incidents import IncidentDetail
from jmmc.answers.model import (
    Comparison,
    Meeting,
    MeetingDetail,
    Overview,
    Participant,
    SessionDetail,
    Usage,
)
from jmmc.answers.queries import Queries
from jmmc.answers.tables import arrow_table
from jmmc.core.calendar import Period
from jmmc.core.errors import StoreError
from jmmc.core.timestamps import parse_moment
from jmmc.maintenance.schedule import rhythm_of, usual_rhythm
from jmmc.quality.causes.recorded import RecordedIncident
from jmmc.quality.filters import FIELD_OF_FILTER, SummaryFilter
from jmmc.quality.summary import SearchHit, Summary
from jmmc.quality.timeline_rows import sample_rows
from jmmc.settings import Settings
from jmmc.stores import open_store

Moment = datetime | int | str
"""A time: aware, Unix seconds, or a text as options take it (`2026-11-24T10:00Z`, `24h` ago).

A text without an offset is in UTC.
"""

Rows = Literal["timeline", "summaries", "attempts", "incidents"]
"""What a table has rows of: samples, sessions, joins that failed, incidents."""

_T = TypeVar("_T")


class Filters(TypedDict, total=False):
    """What sessions are selected by, under the names that options and the API have."""

    room: str
    participant: str
    browser: str
    os: str
    region: str
    bridge: str
    network: str
    provider: str
    country: str
    transport: str
    codec: str
    microphone: str
    camera: str
    speaker: str
    grade: str
    outcome: str
    name: str
    code: str
    device: str
    rating: str


class Reader:
    """The answers of a store. Each method blocks until its answer is there.

    Nothing is written: a read-only file, and the role `read` on MongoDB, are enough. It has an
    event loop in a thread of its own, so it works in a notebook. `settings` are those of the
    collector, where they differ from the defaults in how often browsers send. Times in answers are
    Unix seconds, those in rows `datetime`. Raises `UnusableStore` for a store that cannot be read.
    """

    def __init__(
        self,
        url: str,
        *,
        collection: str = "metrics-collector",
        settings: Settings | None = None,
    ) -> None:
        self._rhythm = rhythm_of(settings) if settings else usual_rhythm()
        self._store = open_store(url, collection=collection, read_only=True)
        self._queries = Queries(self._store, rhythm=self._rhythm)
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, daemon=True)
        self._thread.start()
        try:
            self._wait(self._store.open())
        except BaseException:
            self._stop()
            raise

    def __enter__(self) -> "Reader":
        return self

    def __exit__(
        self,
        _kind: type[BaseException] | None,
        _error: BaseException | None,
        _traceback: TracebackType | None,
    ) -> None:
        self.close()

    def close(self) -> None:
        """Close the store. May be called twice."""
        if self._thread.is_alive():
            self._wait(self._loop.shutdown_asyncgens())
            self._wait(self._store.close())
            self._stop()

    def overview(
        self, since: Moment, until: Moment = "now", **filters: Unpack[Filters]
    ) -> Overview:
        """Totals and a time series of a window."""
        return self._wait(self._queries.overview(_selection(since, until, filters)))

    def compare(
        self, by: str, since: Moment, until: Moment = "now", **filters: Unpack[Filters]
    ) -> list[Comparison]:
        """The values of a dimension in a window, with 95 % intervals."""
        return self._wait(self._queries.compare(by, _selection(since, until, filters)))

    def sessions(
        self,
        since: Moment | None = None,
        until: Moment | None = None,
        **filters: Unpack[Filters],
    ) -> Iterator[Summary]:
        """The summaries of sessions, the newest first, read as they are needed."""
        for page in self._parts(summary_pages(self._store, _selection(since, until, filters))):
            yield from page

    def session(self, id_: str) -> SessionDetail:
        """A session with the curves of its readings, its spells and their likely causes.

        The first characters of an id are enough. Raises `NotFoundError`.
        """

        async def answer() -> SessionDetail:
            return await self._queries.session(await self._queries.session_id(id_))

        return self._wait(answer())

    def meetings(
        self, since: Moment, until: Moment = "now", **filters: Unpack[Filters]
    ) -> list[Meeting]:
        """The meetings of a window, the newest first."""
        return self._wait(self._queries.meetings(_selection(since, until, filters)))

    def meeting(self, id_: str) -> MeetingDetail:
        """A meeting, by the id of any of its sessions. Raises `NotFoundError`."""
        return self._wait(self._queries.meeting(id_))

    def participant(self, id_: str, since: Moment, until: Moment = "now") -> Participant:
        """A participant's sessions in a window. Raises `NotFoundError`."""
        return self._wait(self._queries.participant(id_, _selection(since, until, {})))

    def incidents(
        self, since: Moment | None = None, until: Moment | None = None
    ) -> Iterator[RecordedIncident]:
        """The incidents that touch a time, the newest first, read as they are needed."""
        window = _selection(since, until, {})
        for page in self._parts(incident_pages(self._store, window.since, window.until)):
            yield from page

    def incident(self, id_: str) -> IncidentDetail:
        """An incident with its most affected sessions. Raises `NotFoundError`."""
        return self._wait(self._queries.incident(id_))

    def usage(
        self, period: Period, since: Moment, until: Moment = "now", *, zone: tzinfo = UTC
    ) -> list[Usage]:
        """Meetings, people and person-minutes by calendar periods of a time zone."""
        return self._wait(self._queries.usage(period, _selection(since, until, {}), zone))

    def search(self, text: str, *, limit: int = 20) -> list[SearchHit]:
        """Rooms, participants and other names that contain `text`."""
        return self._wait(self._queries.search(text, limit=limit))

    def rows(
        self,
        what: Rows,
        since: Moment | None = None,
        until: Moment | None = None,
        **filters: Unpack[Filters],
    ) -> Iterator[dict[str, Any]]:
        """Rows as `jmmc export` has them, read as they are needed; times as `datetime` in UTC.

        Incidents are selected by time only: raises `ValueError` for a filter.
        """
        moments = {name for name, kind in COLUMNS_OF[what].items() if kind is ColumnKind.MOMENT}
        for part in self._row_parts(what, _selection(since, until, filters)):
            for row in part:
                yield {
                    name: datetime.fromtimestamp(value, UTC)
                    if name in moments and value is not None
                    else value
                    for name, value in row.items()
                }

    def table(
        self,
        what: Rows,
        since: Moment | None = None,
        until: Moment | None = None,
        **filters: Unpack[Filters],
    ) -> Any:
        """The rows as a `pyarrow.Table`, which pandas and polars take without a copy.

        Raises `MissingLibrary` without the extra `parquet`.
        """
        parts = self._row_parts(what, _selection(since, until, filters))
        return arrow_table(COLUMNS_OF[what], [row for part in parts for row in part])

    def _row_parts(self, what: Rows, selection: SummaryFilter) -> Iterator[list[dict[str, Any]]]:
        if what == "timeline":
            for session in self._parts(chosen(self._store, selection)):
                yield list(sample_rows(session, self._rhythm))
        elif what == "incidents":
            if not selection.only_window:
                raise ValueError("incidents can only be selected by time")
            for incidents in self._parts(
                incident_pages(self._store, selection.since, selection.until)
            ):
                yield [incident_row(incident) for incident in incidents]
        else:
            selection = msgspec.structs.replace(selection, attempts=what == "attempts")
            for summaries in self._parts(summary_pages(self._store, selection)):
                yield [summary_row(summary) for summary in summaries]

    def _parts(self, parts: AsyncIterator[_T]) -> Iterator[_T]:
        async def following() -> tuple[_T] | None:
            async for part in parts:
                return (part,)
            return None

        while (part := self._wait(following())) is not None:
            yield part[0]

    def _wait(self, answer: Coroutine[Any, Any, _T]) -> _T:
        if not self._thread.is_alive():
            answer.close()
            raise StoreError("the reader is closed")
        return asyncio.run_coroutine_threadsafe(answer, self._loop).result()

    def _stop(self) -> None:
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()


def _selection(since: Moment | None, until: Moment | None, filters: Filters) -> SummaryFilter:
    """The filter of these times and values. Raises `ValueError` and `TypeError` for others."""
    unknown = filters.keys() - FIELD_OF_FILTER.keys()
    if unknown:
        known = ", ".join(FIELD_OF_FILTER)
        raise TypeError(f"no filter {min(unknown)!r}; filters are {known}")
    values: dict[str, Any] = {FIELD_OF_FILTER[name]: value for name, value in filters.items()}
    return SummaryFilter(since=_second(since), until=_second(until), **values)


def _second(moment: Moment | None) -> int | None:
    if isinstance(moment, str):
        return parse_moment(moment, time.time())
    if isinstance(moment, datetime):
        if moment.tzinfo is None:
            raise ValueError(f"{moment}: expected a time with its zone, as datetime(…, tzinfo=UTC)")
        return int(moment.timestamp())
    return moment
