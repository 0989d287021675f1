"""The columns of lists of sessions and of meetings: which a reader sees, and what a CSV has."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple
from urllib.parse import unquote

from starlette.requests import Request
from starlette.responses import Response

from jmmc.answers.cause_texts import title
from jmmc.answers.meeting_lists import ListedMeeting
from jmmc.core.timestamps import to_local_iso
from jmmc.quality.causes.recorded import RecordedIncident
from jmmc.quality.summary import Summary
from jmmc.web.dashboard.reader_zone import ReaderZone
from jmmc.web.http import cookie

ARROW = " → "
_YEAR = 365 * 86_400


class Reading(NamedTuple):
    """What a cell needs beside its item: the reader's zone, and incidents by id of the item."""

    zone: ReaderZone
    incidents: Mapping[str, RecordedIncident]


class Column(NamedTuple):
    """A column: its name, its head, the key that sorts by it, and its cell in a CSV.

    `shown`: readers see it unless they choose others.
    """

    name: str
    head: str
    cell: Callable[[Any, Reading], Any]
    sort: str = ""
    number: bool = False
    shown: bool = True


def _moment(second: int, reading: Reading) -> str:
    return to_local_iso(second, reading.zone.zone)


def _cause(id_: str, reading: Reading) -> str:
    """The likely cause of the incident that hurt a session or meeting most; "" for none."""
    incident = reading.incidents.get(id_)
    return title(incident.answer, "en", incident.names) if incident else ""


def _field(name: str, *, sort: str = "", shown: bool = False) -> Column:
    """A dimension of sessions: all values that it had."""
    return Column(
        name,
        name,
        lambda session, _: ARROW.join(value or "?" for value in session.values_of(name)),
        sort,
        shown=shown,
    )


def _seconds(session: Summary) -> str:
    """The grades over time, such as `good 300 s, poor 20 s`."""
    spans = (f"{span.grade.name.lower()} {span.end - span.start} s" for span in session.grade_spans)
    return ", ".join(spans)


def _share(bad: int, session: Summary) -> float | None:
    return round(bad / session.known, 4) if session.known else None


def _meeting(
    name: str, head: str, field: str, *, number: bool = True, shown: bool = True
) -> Column:
    """A figure of a meeting, by which it is sorted under the same name."""
    return Column(
        name, head, lambda row, _: getattr(row.meeting, field), name, number=number, shown=shown
    )


SESSION_COLUMNS: tuple[Column, ...] = (
    Column("room", "room", lambda session, _: unquote(session.room), "room"),
    Column("person", "participant", lambda session, _: session.who, "person"),
    Column("began", "start", lambda session, reading: _moment(session.began, reading), "began"),
    Column(
        "length",
        "duration",
        lambda session, _: session.ended - session.began,
        "length",
        number=True,
    ),
    Column("grade", "grade", lambda session, _: session.grade, "poor"),
    Column("timeline", "timeline", lambda session, _: _seconds(session)),
    Column("reasons", "reasons", lambda session, _: ", ".join(session.reasons), shown=False),
    Column("cause", "likely cause", lambda session, reading: _cause(session.session, reading)),
    _field("region", sort="region", shown=True),
    _field("network", sort="network", shown=True),
    _field("browser", sort="browser", shown=True),
    Column(
        "poor",
        "poor",
        lambda session, _: _share(session.poor, session),
        "poor",
        number=True,
        shown=False,
    ),
    Column(
        "bad",
        "fair or poor",
        lambda session, _: _share(session.fair + session.poor, session),
        "bad",
        number=True,
        shown=False,
    ),
    *map(_field, ("os", "provider", "country", "bridge", "transport", "codec")),
    *map(_field, ("microphone", "camera", "speaker")),
    Column("outcome", "outcome", lambda session, _: session.outcome, shown=False),
    Column("rating", "rating", lambda session, _: session.rating, number=True, shown=False),
    Column("code", "code", lambda session, _: session.code, shown=False),
)

MEETING_COLUMNS: tuple[Column, ...] = (
    Column("room", "room", lambda row, _: unquote(row.meeting.room), "room"),
    Column("began", "start", lambda row, reading: _moment(row.meeting.began, reading), "began"),
    Column(
        "length",
        "duration",
        lambda row, _: row.meeting.ended - row.meeting.began,
        "length",
        number=True,
    ),
    _meeting("people", "participants", "participants"),
    _meeting("peak", "peak concurrent people", "peak_people", shown=False),
    _meeting("minutes", "minutes", "minutes", shown=False),
    Column("timeline", "timeline", lambda row, _: _parts(row)),
    Column("poor", "poor", lambda row, _: _rounded(row.meeting.grades.poor_share), "poor", True),
    Column("bad", "fair or poor", lambda row, _: _bad(row), "bad", number=True, shown=False),
    Column("cause", "likely cause", lambda row, reading: _cause(row.meeting.id, reading)),
    Column("region", "region", lambda row, _: ", ".join(row.regions)),
    Column("network", "network", lambda row, _: ", ".join(row.networks)),
    Column("browser", "browser", lambda row, _: ", ".join(row.browsers), shown=False),
)

COLUMNS: Mapping[str, tuple[Column, ...]] = {
    "sessions": SESSION_COLUMNS,
    "meetings": MEETING_COLUMNS,
}
"""By the name of the list."""


def _parts(row: ListedMeeting) -> str:
    return ", ".join(f"{span.grade.name.lower()} {span.end - span.start} s" for span in row.lane)


def _rounded(share: float | None) -> float | None:
    return None if share is None else round(share, 4)


def _bad(row: ListedMeeting) -> float | None:
    grades = row.meeting.grades
    if grades.poor_share is None or grades.fair_share is None:
        return None
    return round(grades.poor_share + grades.fair_share, 4)


def chosen_columns(request: Request, name: str) -> Sequence[Column]:
    """The columns of a list that the reader chose; those that are shown to all until then."""
    columns = COLUMNS[name]
    chosen = (cookie(request.scope, f"columns_{name}") or "").split(".")
    return [column for column in columns if column.name in chosen] or [
        column for column in columns if column.shown
    ]


def remember_columns(request: Request, response: Response) -> None:
    """Set a cookie with the columns that the query chooses for the list that it names."""
    params = request.query_params
    name = params.get("list", "")
    if name not in COLUMNS:
        return
    chosen = {*params.getlist("columns")}
    columns = ".".join(column.name for column in COLUMNS[name] if column.name in chosen)
    path = f"{request.scope.get('root_path', '')}/"
    response.set_cookie(f"columns_{name}", columns, max_age=_YEAR, samesite="lax", path=path)
