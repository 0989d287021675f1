"""The table of the API's operations: path, summary, answer, parameters, scope, and what runs."""

import re
from collections.abc import Awaitable, Callable
from typing import Any, Literal, NamedTuple, cast

import msgspec
from starlette.responses import Response

from jmmc.accounts.tokens import Scope
from jmmc.alerting.decision import State
from jmmc.alerting.evaluator import firing
from jmmc.answers.incidents import IncidentDetail
from jmmc.answers.model import (
    Change,
    Comparison,
    Live,
    Meeting,
    MeetingDetail,
    Outlier,
    Overview,
    Participant,
    RoomActivity,
    SessionDetail,
    StoredValue,
    Usage,
)
from jmmc.answers.notes import Note, NoteError, add_note, remove_note
from jmmc.answers.queries import NotFoundError, Page, Queries
from jmmc.answers.tables import FORMATS
from jmmc.answers.values import SUGGESTED
from jmmc.core.calendar import PERIODS, Period
from jmmc.maintenance.schedule import rhythm_of
from jmmc.privacy.receipts import Erasure, Subject, SubjectKind
from jmmc.protocol.identity import is_session_id
from jmmc.quality.causes.recorded import RecordedIncident
from jmmc.quality.filters import DIMENSIONS, INCIDENT_ORDERS, IncidentOrder
from jmmc.quality.ratings import Agreement
from jmmc.quality.summary import SearchHit, Summary
from jmmc.settings import Settings
from jmmc.stores import Store
from jmmc.stores.erasure_receipts import erasures
from jmmc.web.api.exports import WHATS, export_response
from jmmc.web.api.parameters import (
    AT,
    BY,
    CROSSED,
    FILE_FORMAT,
    FORMAT,
    INCIDENTS,
    LIMIT,
    LIST,
    MEETING_SORT,
    NEW_NOTE,
    NOTE_WINDOW,
    PAGING,
    PERIOD,
    SEARCH_TEXT,
    SORT,
    VALUE_TEXT,
    VALUES_OF,
    WHAT,
    WINDOW,
    Parameter,
    QueryParameters,
    without,
)
from jmmc.web.problems import Problem


class Backend(NamedTuple):
    """What operations run on. `forget` erases a subject and returns the receipt."""

    queries: Queries
    store: Store
    settings: Callable[[], Settings]
    forget: Callable[[Subject], Awaitable[Erasure]]


class Body(NamedTuple):
    """A JSON body: what it is decoded to, and its JSON Schema."""

    type: type[msgspec.Struct]
    schema: dict[str, Any]


class Operation(NamedTuple):
    """One method of one path.

    `answer` is the type of the answer: of an item where there is a cursor, None for a file. `run`
    takes the backend, the query and the values of the path's parameters; with a JSON body then also
    the body and the name of the caller.
    """

    path: str
    summary: str
    answer: Any
    run: Callable[..., Awaitable[Any]]
    parameters: tuple[Parameter, ...] = ()
    scope: Scope = "read"
    method: Literal["get", "post", "delete"] = "get"
    body: Body | None = None

    @property
    def name(self) -> str:
        """The name of a file with its answer."""
        return self.path.split("/")[1]

    @property
    def path_parameters(self) -> list[str]:
        """The names in the path's braces."""
        return re.findall(r"{(\w+)}", self.path)


async def _rooms(backend: Backend, query: QueryParameters) -> Page:
    return await backend.queries.rooms(query.selection, limit=query.limit, after=query.cursor)


async def _room_meetings(backend: Backend, query: QueryParameters, room: str) -> list[Meeting]:
    stored = await backend.queries.stored_room(room)
    meetings = await backend.queries.meetings(
        msgspec.structs.replace(query.selection, room=stored),
        order=query.order_of_meetings,
        also=query.list_filter,
    )
    if not meetings:
        raise NotFoundError("room {room}: no session in this window", room=room)
    return meetings


async def _sessions(backend: Backend, query: QueryParameters) -> Page:
    return await backend.queries.sessions(
        query.selection,
        limit=query.limit,
        order=query.order,
        after=query.cursor,
        also=query.list_filter,
    )


async def _meetings(backend: Backend, query: QueryParameters) -> list[Meeting]:
    return await backend.queries.meetings(
        query.selection, order=query.order_of_meetings, also=query.list_filter
    )


async def _attempts(backend: Backend, query: QueryParameters) -> Page:
    return await backend.queries.attempts(query.selection, limit=query.limit, after=query.cursor)


async def _incidents(backend: Backend, query: QueryParameters) -> Page:
    order = cast(IncidentOrder, query.one_of("order", INCIDENT_ORDERS, "affected"))
    return await backend.queries.incidents(
        query.incidents, limit=query.limit, order=order, after=query.cursor
    )


async def _participant(backend: Backend, query: QueryParameters, participant: str) -> Participant:
    stored = query.pseudonyms.stored_browser_id(participant)
    return await backend.queries.participant(stored, query.selection)


async def _compare(backend: Backend, query: QueryParameters) -> list[Comparison]:
    by = query.one_of("by", DIMENSIONS, None)
    if query.text("crossed") is None:
        return await backend.queries.compare(by, query.selection)
    crossed = query.one_of("crossed", DIMENSIONS, None)
    return await backend.queries.crossed(by, crossed, query.selection)


async def _usage(backend: Backend, query: QueryParameters) -> list[Usage]:
    period = cast(Period, query.one_of("period", PERIODS, "day"))
    return await backend.queries.usage(period, query.selection, query.zone)


async def _values(backend: Backend, query: QueryParameters) -> list[StoredValue]:
    name = query.one_of("of", tuple(SUGGESTED), None)
    return await backend.queries.stored_values(name, query.text("q") or "", query.selection)


async def _export(backend: Backend, query: QueryParameters) -> Response:
    what = query.one_of("what", WHATS, "timeline")
    file_format = query.one_of("format", FORMATS, "ndjson")
    return export_response(
        backend.store, query.selection, rhythm_of(backend.settings()), what, file_format
    )


async def _erase_participant(backend: Backend, query: QueryParameters, participant: str) -> Erasure:
    stored = query.pseudonyms.stored_browser_id(participant)
    return await backend.forget(Subject(SubjectKind.PARTICIPANT, stored))


async def _erase_room(backend: Backend, query: QueryParameters, room: str) -> Erasure:
    return await backend.forget(Subject(SubjectKind.ROOM, await backend.queries.stored_room(room)))


class NewNote(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A note to add. `at` (default: now) and `until` take the forms of `since`."""

    text: str
    at: str = "now"
    until: str | msgspec.UnsetType = msgspec.UNSET


async def _add_note(backend: Backend, query: QueryParameters, note: NewNote, by: str) -> Note:
    at, until = query.read_moment("at", note.at), None
    if note.until is not msgspec.UNSET:
        until = query.read_moment("until", note.until)
    try:
        return await add_note(backend.store.reports, note.text, at, until, by=by)
    except NoteError as error:
        raise Problem(400, "Invalid note", str(error)) from None


async def _remove_note(backend: Backend, query: QueryParameters, id_: str) -> list[Note]:
    await remove_note(backend.store.reports, id_)
    return await backend.queries.notes()


def _session_id(text: str) -> str:
    if not is_session_id(text):
        raise Problem(400, "Invalid id", f"expected 24 hex digits, got {text[:100]!r}")
    return text.lower()


_ANSWERS = (
    Operation(
        "/overview",
        "Totals of a time window with a time series, joins, and the sessions that run now.",
        Overview,
        lambda backend, query: backend.queries.overview(query.selection),
        WINDOW,
    ),
    Operation(
        "/live",
        "Running meetings with the current grades of their participants, worst first.",
        Live,
        lambda backend, query: backend.queries.live(),
    ),
    Operation(
        "/alerts",
        "Active alerts, newest first.",
        list[State],
        lambda backend, query: firing(backend.store.reports),
    ),
    Operation(
        "/rooms",
        "Rooms with their totals in the window, most recently used first.",
        RoomActivity,
        _rooms,
        (*WINDOW, *PAGING),
    ),
    Operation(
        "/rooms/{room}",
        "Meetings in a room, newest first or by `sort`; 404 if there are none in the window.",
        list[Meeting],
        _room_meetings,
        (*without("room", WINDOW), *LIST, MEETING_SORT),
    ),
    Operation(
        "/meetings",
        "Meetings, newest first or by `sort`; 400 if there are more than 20,000 in the window.",
        list[Meeting],
        _meetings,
        (*WINDOW, *LIST, MEETING_SORT),
    ),
    Operation(
        "/meetings/{id}",
        "A meeting with the timeline of every session, its incidents and failed joins.",
        MeetingDetail,
        lambda backend, query, session: backend.queries.meeting(_session_id(session)),
    ),
    Operation(
        "/incidents",
        "Incidents: problems that have one cause in common, over all meetings; the worst first.",
        RecordedIncident,
        _incidents,
        (*INCIDENTS, *PAGING),
    ),
    Operation(
        "/incidents/{id}",
        "An incident with its likely causes and its most affected sessions.",
        IncidentDetail,
        lambda backend, query, id_: backend.queries.incident(id_),
    ),
    Operation(
        "/sessions",
        "Session summaries, newest first or by `sort`; attempts to join that failed only with their"
        " outcome.",
        Summary,
        _sessions,
        (*WINDOW, *LIST, SORT, *PAGING),
    ),
    Operation(
        "/attempts",
        "Joins that failed or were refused, newest first. They are no sessions.",
        Summary,
        _attempts,
        (*WINDOW, *PAGING),
    ),
    Operation(
        "/sessions/{id}",
        "A session with its curves, its events and the likely cause of each problem.",
        SessionDetail,
        lambda backend, query, session: backend.queries.session(_session_id(session)),
    ),
    Operation(
        "/participants/{participant}",
        "A participant (one browser): totals over the window and the newest sessions.",
        Participant,
        _participant,
        without("participant", WINDOW),
    ),
    Operation(
        "/compare",
        "Grades and joins by the values of a dimension, or of two, with confidence intervals; those"
        " that are worse than the rest beyond chance first.",
        list[Comparison],
        _compare,
        (BY, CROSSED, *WINDOW),
    ),
    Operation(
        "/outliers",
        "The values of all dimensions that have more bad time than the rest, largest difference"
        " first.",
        list[Outlier],
        lambda backend, query: backend.queries.outliers(query.selection, limit=query.limit),
        (LIMIT, *WINDOW),
    ),
    Operation(
        "/changes",
        "Grades and joins before and after a moment: of all sessions, then by the values of a"
        " dimension, or of two.",
        list[Change],
        lambda backend, query: backend.queries.changes(
            query.one_of("by", DIMENSIONS, None),
            query.at,
            query.selection,
            query.one_of("crossed", ("", *DIMENSIONS), ""),
        ),
        (BY, CROSSED, AT, *WINDOW),
    ),
    Operation(
        "/agreement",
        "How well our grades agree with the ratings of participants.",
        Agreement,
        lambda backend, query: backend.queries.agreement(query.selection),
        WINDOW,
    ),
    Operation(
        "/usage",
        "Meetings, participants, peaks, lengths, quality and joins per day, week, month or year.",
        list[Usage],
        _usage,
        (PERIOD, *WINDOW),
    ),
    Operation(
        "/notes",
        "Notes that touch the window, the earliest first. Default: all.",
        list[Note],
        lambda backend, query: backend.queries.notes(*query.open_window),
        NOTE_WINDOW,
    ),
    Operation(
        "/search",
        "Rooms, participants, persons, addresses and providers whose name contains every part of a"
        " text; and the sessions of support codes.",
        list[SearchHit],
        lambda backend, query: backend.queries.search(query.text("q") or ""),
        (SEARCH_TEXT,),
    ),
    Operation(
        "/values",
        "Values of a filter in the window that contain every part of a text, the most frequent"
        " first.",
        list[StoredValue],
        _values,
        (VALUES_OF, VALUE_TEXT, *WINDOW[:3]),
    ),
)

OPERATIONS: tuple[Operation, ...] = (
    *(answer._replace(parameters=(*answer.parameters, FORMAT)) for answer in _ANSWERS),
    Operation(
        "/export",
        "Stored data as a file. Needs the scope `export`.",
        None,
        _export,
        (WHAT, FILE_FORMAT, *WINDOW),
        scope="export",
    ),
    Operation(
        "/notes",
        "Add a note to a moment, or to a span of time. Needs the scope `note`.",
        Note,
        _add_note,
        scope="note",
        method="post",
        body=Body(NewNote, NEW_NOTE),
    ),
    Operation(
        "/notes/{note}",
        "Remove a note, and return the others. Needs the scope `note`.",
        list[Note],
        _remove_note,
        scope="note",
        method="delete",
    ),
    Operation(
        "/participants/{participant}",
        "Erase everything about a participant. Needs the scope `erase`; takes seconds.",
        Erasure,
        _erase_participant,
        scope="erase",
        method="delete",
    ),
    Operation(
        "/rooms/{room}",
        "Erase everything about a room. Needs the scope `erase`; takes seconds.",
        Erasure,
        _erase_room,
        scope="erase",
        method="delete",
    ),
    Operation(
        "/erasures",
        "Receipts of erasures, newest first. Needs the scope `erase`.",
        list[Erasure],
        lambda backend, query: erasures(backend.store.reports),
        scope="erase",
    ),
)
"""Routes, the OpenAPI document and the reference page are all made from this table."""
