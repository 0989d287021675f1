"""What is stored, to take away: sessions as they are, their timelines, their summaries."""

from collections.abc import AsyncIterator
from typing import Any, Literal

import msgspec

from jmmc.core.model import Dialect, Sample, Session, SessionFilter
from jmmc.core.readings import METRICS
from jmmc.core.timestamps import iso
from jmmc.quality.columns import sample_rows
from jmmc.quality.summary import DIMENSIONS, Summary, SummaryFilter
from jmmc.stores import Store

What = Literal["sessions", "timeline", "summaries"]

_PAGE = 500
_READ = 20  # Sessions in memory at a time: one may have 20,000 samples.
_SHARES = ("p5", "p50", "p95")


async def session_lines(store: Store, selection: SessionFilter) -> AsyncIterator[bytes]:
    """The wanted sessions in order of time, each as one line of JSON."""
    async for session in store.sessions(selection):
        yield stored_form(session) + b"\n"


async def timeline_rows(
    store: Store, selection: SessionFilter
) -> AsyncIterator[list[dict[str, Any]]]:
    """One row a sample, all readings carried forward; a session's rows together."""
    async for session in store.sessions(selection):
        yield list(sample_rows(session))


async def summary_rows(
    store: Store, selection: SessionFilter
) -> AsyncIterator[list[dict[str, Any]]]:
    """One row a session, newest first."""
    asked = SummaryFilter(
        since=selection.since,
        until=selection.until,
        room=selection.room,
        browser_id=selection.browser_id,
    )
    async for found in summary_pages(store, asked):
        yield [summary_row(row) for row in found]


async def summary_pages(store: Store, selection: SummaryFilter) -> AsyncIterator[list[Summary]]:
    """All summaries that are wanted, newest first, some at a time."""
    after = None
    while True:
        found = await store.reports.summaries(selection, limit=_PAGE, after=after)
        yield list(found)
        if len(found) < _PAGE:
            return
        after = (found[-1].began, found[-1].session)


async def chosen(store: Store, selection: SummaryFilter) -> AsyncIterator[Session]:
    """The wanted sessions: oldest first, or newest first when it takes summaries to know them."""
    simple = SessionFilter(selection.room, selection.browser_id, selection.since, selection.until)
    if selection == SummaryFilter(**msgspec.structs.asdict(simple)):
        async for session in store.sessions(simple):
            yield session
        return
    async for found in summary_pages(store, selection):
        for start in range(0, len(found), _READ):
            for session in await store.get([row.session for row in found[start : start + _READ]]):
                yield session


def stored_form(session: Session) -> bytes:
    """A session as the document that MongoDB would hold, `_id` as 24 hex digits.

    The readings of a sample are spliced in as they are stored, neither parsed nor changed.
    """
    head: dict[str, object] = {"_id": session.id, "conf": session.room, "uid": session.browser_id}
    if session.dialect is Dialect.V2:
        head["v"] = 2
    elements = b",".join(map(_element, session.samples))
    return msgspec.json.encode(head)[:-1] + b',"m":[' + elements + b"]}"


def _element(sample: Sample) -> bytes:
    own = b'{"ts":%d' % sample.ts
    if sample.seq is not None:
        own += b',"seq":%d' % sample.seq
    if sample.full:
        own += b',"full":true'
    if sample.bye:
        own += b',"bye":true'
    return own + (b"}" if sample.readings == b"{}" else b"," + sample.readings[1:])


def summary_row(summary: Summary) -> dict[str, Any]:
    """A session as a row: units are in the names."""
    worst = summary.worst_minute
    row: dict[str, Any] = {
        "session": summary.session,
        "room": summary.room,
        "participant_id": summary.browser_id,
        "began": summary.began,
        "ended": summary.ended,
        "running": summary.running,
        "left": summary.left,
        "samples": summary.samples,
        "holes": summary.holes,
        "formula": summary.formula,
        "grade": summary.grade,
        "good_s": summary.good,
        "fair_s": summary.fair,
        "poor_s": summary.poor,
        "unknown_s": summary.unknown,
        "worst_minute_began": worst[0] if worst else None,
        "worst_minute_badness": worst[1] if worst else None,
        **{dimension: getattr(summary, dimension) for dimension in DIMENSIONS},
        "relay_share": summary.relay_share,
        "tcp_share": summary.tcp_share,
        "p2p_share": summary.p2p_share,
        "address": summary.address,
        "endpoint_id": summary.endpoint_id,
        "jitsi_meeting_id": summary.jitsi_meeting_id,
        "reasons": " ".join(f"{value}:{seconds}" for value, seconds in summary.reasons.items()),
    }
    for name in (*METRICS, "mos"):
        values = summary.quantiles.get(name, [None] * len(_SHARES))
        row |= {f"{name}_{share}": value for share, value in zip(_SHARES, values, strict=True)}
    return row


MOMENTS = frozenset({"time", "began", "ended", "last", "start", "worst_minute_began"})
"""Columns that hold Unix seconds; files have them as time stamps in UTC."""


def text_of(name: str, value: Any) -> Any:
    """A value of a row as a text file has it."""
    return iso(value) if name in MOMENTS and value is not None else value
