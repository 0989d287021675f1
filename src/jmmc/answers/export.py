"""Exports of a store: sessions in their stored form; timelines, summaries, incidents as rows."""

from collections.abc import AsyncIterator, Callable, Mapping
from operator import attrgetter
from typing import Any, Literal, NamedTuple, get_type_hints

import msgspec

from jmmc.answers.column_types import Columns, columns_of
from jmmc.core.fields import Moment
from jmmc.core.model import Dialect, Sample, Session, SessionFilter
from jmmc.core.parts import parts_within
from jmmc.core.readings import METRICS
from jmmc.core.text import printable_json
from jmmc.quality.causes.recorded import RecordedIncident
from jmmc.quality.filters import DIMENSIONS, SELDOM_KNOWN, IncidentFilter, SummaryFilter
from jmmc.quality.joins import STEPS
from jmmc.quality.summary import Summary
from jmmc.quality.timeline import Rhythm
from jmmc.quality.timeline_rows import TIMELINE_COLUMNS, sample_rows
from jmmc.stores import Store

What = Literal["sessions", "timeline", "summaries", "attempts", "incidents"]

_PAGE = 500
_READ = 20_000  # Samples of sessions in memory at a time.
_SHARES = ("p5", "p50", "p95")


async def session_lines(store: Store, selection: SessionFilter) -> AsyncIterator[bytes]:
    """The selected sessions in order of time, each as one line of JSON."""
    async for session in store.sessions(selection):
        yield stored_form(session) + b"\n"


async def timeline_rows(
    store: Store, selection: SessionFilter, rhythm: Rhythm
) -> AsyncIterator[list[dict[str, Any]]]:
    """One row for each sample, with all readings that hold; the rows of a session together."""
    async for session in store.sessions(selection):
        yield list(sample_rows(session, rhythm))


async def summary_rows(
    store: Store, selection: SessionFilter, *, attempts: bool = False
) -> AsyncIterator[list[dict[str, Any]]]:
    """One row for each session, newest first, in batches; or for each attempt that failed."""
    summaries = SummaryFilter(
        since=selection.since,
        until=selection.until,
        room=selection.room,
        browser_id=selection.browser_id,
        attempts=attempts,
    )
    async for page in summary_pages(store, summaries):
        yield [summary_row(summary) for summary in page]


async def summary_pages(store: Store, selection: SummaryFilter) -> AsyncIterator[list[Summary]]:
    """The selected summaries, newest first, in batches."""
    after = None
    while True:
        page = await store.reports.summaries(selection, limit=_PAGE, after=after)
        yield [summary for summary in page if summary.fits_at_once(selection)]
        if len(page) < _PAGE:
            return
        after = (page[-1].began, page[-1].session)


async def incident_pages(
    store: Store, since: int | None, until: int | None
) -> AsyncIterator[list[RecordedIncident]]:
    """The incidents of a time, newest first, in batches."""
    after = None
    while True:
        page = await store.reports.incidents(
            IncidentFilter(since=since, until=until), limit=_PAGE, order="newest", after=after
        )
        yield page
        if len(page) < _PAGE:
            return
        after = (page[-1].start, page[-1].id)


async def incident_rows(
    store: Store, selection: SessionFilter
) -> AsyncIterator[list[dict[str, Any]]]:
    """One row for each incident, newest first, in batches. Raises `ValueError` for a filter."""
    refuse_filters(selection == SessionFilter(since=selection.since, until=selection.until))
    async for page in incident_pages(store, selection.since, selection.until):
        yield [incident_row(incident) for incident in page]


def refuse_filters(only_window: bool) -> None:
    """Raise `ValueError` unless nothing but a window is given: incidents are of many sessions."""
    if not only_window:
        raise ValueError("incidents can only be selected by time: leave out the other filters")


async def chosen(store: Store, selection: SummaryFilter) -> AsyncIterator[Session]:
    """The selected sessions, oldest first; newest first when they are selected by summaries.

    Attempts that failed are stored as sessions and are among them.
    """
    simple = SessionFilter(selection.room, selection.browser_id, selection.since, selection.until)
    if selection == SummaryFilter(**msgspec.structs.asdict(simple)):
        async for session in store.sessions(simple):
            yield session
        return
    everything = msgspec.structs.replace(selection, attempts=None)
    async for summaries in summary_pages(store, everything):
        for part in parts_within(summaries, _READ, lambda summary: summary.samples):
            for session in await store.get([summary.session for summary in part]):
                yield session


def stored_form(session: Session) -> bytes:
    """A session as the document that MongoDB would hold, `_id` as 24 hex digits.

    The readings of a sample are copied as they are stored, without parsing them, except that
    what is not printable is escaped.
    """
    head: dict[str, object] = {"_id": session.id, "conf": session.room, "uid": session.browser_id}
    if session.dialect is Dialect.V2:
        head["v"] = 2
    elements = b",".join(map(_stored_sample, session.samples))
    return printable_json(msgspec.json.encode(head)[:-1] + b',"m":[' + elements + b"]}")


def _stored_sample(sample: Sample) -> bytes:
    head = b'{"ts":%d' % sample.ts
    if sample.seq is not None:
        head += b',"seq":%d' % sample.seq
    if sample.full:
        head += b',"full":true'
    if sample.bye:
        head += b',"bye":true'
    return head + (b"}" if sample.readings == b"{}" else b"," + sample.readings[1:])


class _SummaryColumn(NamedTuple):
    """One column of `summary_row`: its name, the type of its values, and how to get one."""

    name: str
    type: Any
    value: Callable[[Summary], Any]


_FIELD_TYPES = get_type_hints(Summary, include_extras=True)


def _field(field: str, column: str = "") -> _SummaryColumn:
    return _SummaryColumn(column or field, _FIELD_TYPES[field], attrgetter(field))


def _quantile(metric: str, place: int) -> _SummaryColumn:
    def value(summary: Summary) -> float | None:
        values = summary.quantiles.get(metric)
        return values[place] if values else None

    return _SummaryColumn(f"{metric}_{_SHARES[place]}", float | None, value)


def _reasons(summary: Summary) -> str:
    return _listed(summary.reasons)


def _listed(reasons: Mapping[str, int]) -> str:
    return " ".join(f"{reason}:{seconds}" for reason, seconds in reasons.items())


_SUMMARY_COLUMNS: tuple[_SummaryColumn, ...] = (
    _field("session"),
    _field("room"),
    _field("browser_id", "participant_id"),
    *map(_field, ("began", "ended", "running", "left", "samples", "gaps", "formula")),
    _SummaryColumn("grade", str, attrgetter("grade")),
    *(_field(grade, f"{grade}_s") for grade in ("good", "fair", "poor", "unknown")),
    _SummaryColumn(
        "worst_minute_began",
        Moment | None,
        lambda summary: summary.worst_minute.start if summary.worst_minute else None,
    ),
    _SummaryColumn(
        "worst_minute_badness",
        float | None,
        lambda summary: summary.worst_minute.badness if summary.worst_minute else None,
    ),
    *map(_field, ("outcome", "failure")),
    _SummaryColumn("setup_ms", int | None, attrgetter("setup_ms")),
    *(
        _SummaryColumn(f"setup_{step}_ms", int | None, attrgetter(f"setup.{step}"))
        for step in STEPS
    ),
    *(_field(name) for name in DIMENSIONS if name not in SELDOM_KNOWN),
    *map(_field, ("relay_share", "tcp_share", "p2p_share")),
    *map(_field, ("address", "endpoint_id", "jitsi_meeting_id", "name")),
    _field("code", "support_code"),
    *map(_field, ("microphone", "camera", "speaker", "rating", "rating_reason")),
    _SummaryColumn("reasons", str, _reasons),
    *(_quantile(metric, place) for metric in (*METRICS, "mos") for place in range(len(_SHARES))),
)


_IN_INCIDENT: Mapping[str, tuple[Any, Callable[[RecordedIncident], Any]]] = {
    "id": (str, attrgetter("id")),
    "began": (Moment, attrgetter("start")),
    "ended": (Moment, attrgetter("end")),
    "running": (bool, attrgetter("running")),
    "grade": (str, lambda incident: incident.grade.name.lower()),
    "cause": (str, attrgetter("cause.kind")),
    "value": (str, attrgetter("cause.value")),
    "probability": (float, attrgetter("cause.probability")),
    "verdict": (str, attrgetter("answer.verdict.value")),
    "people": (int, attrgetter("people")),
    "meetings": (int, attrgetter("meetings")),
    "sessions": (int, attrgetter("sessions")),
    "affected_s": (int, attrgetter("seconds")),
    "reasons": (str, lambda incident: _listed(incident.reasons)),
}
"""Name, type and value of each column of `incident_row`."""


def incident_row(incident: RecordedIncident) -> dict[str, Any]:
    """An incident as a row."""
    return {name: value(incident) for name, (_, value) in _IN_INCIDENT.items()}


INCIDENT_COLUMNS: Columns = columns_of({name: type_ for name, (type_, _) in _IN_INCIDENT.items()})
"""The columns of `incident_row`."""


def summary_row(summary: Summary) -> dict[str, Any]:
    """A session as a row: units are in the names of the columns."""
    return {column.name: column.value(summary) for column in _SUMMARY_COLUMNS}


SUMMARY_COLUMNS: Columns = columns_of({column.name: column.type for column in _SUMMARY_COLUMNS})
"""The columns of `summary_row`."""

SAMPLE_COLUMNS: Columns = columns_of(TIMELINE_COLUMNS)
"""The columns of a row of a timeline."""

COLUMNS_OF: Mapping[str, Columns] = {
    "timeline": SAMPLE_COLUMNS,
    "summaries": SUMMARY_COLUMNS,
    "attempts": SUMMARY_COLUMNS,
    "incidents": INCIDENT_COLUMNS,
}
"""The columns of what is exported as rows."""
