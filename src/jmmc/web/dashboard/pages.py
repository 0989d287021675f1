"""The pages that show stored calls: each handler asks a query and renders its template."""

import asyncio
import time
from collections.abc import Callable, Sequence
from functools import partial
from heapq import nlargest
from typing import Any
from urllib.parse import urlencode

import msgspec
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from jmmc.answers.model import (
    FEW,
    Change,
    Comparison,
    Grades,
    JoinRates,
    Outlier,
    Overview,
    SessionCurves,
    SessionDetail,
    StoredValue,
)
from jmmc.answers.queries import Queries
from jmmc.answers.threads import in_background
from jmmc.core.errors import InvalidInput
from jmmc.core.timestamps import parse_moment, to_iso
from jmmc.privacy.pseudonyms import Pseudonyms
from jmmc.quality.causes.recorded import RecordedIncident
from jmmc.quality.filters import DIMENSIONS, FIELD_OF_FILTER, IncidentFilter, SummaryFilter
from jmmc.quality.grading import Grade, Spell
from jmmc.quality.joins import KNOWN_AFTER_JOINING
from jmmc.quality.meetings import badness
from jmmc.quality.outcomes import ATTEMPTS
from jmmc.web.dashboard.charts import PLOTS, curves_of, figures_of, first_plot, has_curves
from jmmc.web.dashboard.lanes import ORDERS, WORST, failures_of, lanes_of
from jmmc.web.dashboard.layout import CARRIED, HEADERS, Layout
from jmmc.web.dashboard.selection import Selections
from jmmc.web.dashboard.svg import axis_end_of
from jmmc.web.dashboard.tracks import event_log, tracks_of
from jmmc.web.security.access import Caller

_MOST_OUTLIERS = 30  # Rows of a comparison of everything.
_VALUES_FOUND = 5  # Of each dimension, of a search.
_FOUND_WITHIN = 30 * 86_400  # Seconds before now.
_WORST_NETWORKS = 10  # Rows on the overview.
_WORST_OF_WINDOW = 5  # Incidents on the overview.
_WORST_INCIDENTS = 5  # Shown at once on a meeting; the others are folded.
_LEAST_KNOWN = 3600  # Person-seconds of a period with which another is compared.
_LEAST_KNOWN_PART = 0.5  # Of the time of both periods.
_MOST_AHEAD = 60  # Seconds that the end of a period may be after now.


class Pages:
    """Handlers of the pages. `clock` gives Unix seconds."""

    def __init__(
        self,
        queries: Queries,
        pseudonyms: Pseudonyms,
        selections: Selections,
        layout: Layout,
        *,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._queries = queries
        self._pseudonyms = pseudonyms
        self._selections = selections
        self._layout = layout
        self._clock = clock

    async def overview(self, request: Request, caller: Caller) -> Response:
        """Show all calls of a time range, compared with the range of the same length before."""
        selection = self._selections.of(request)
        since, until = selection.window
        before = msgspec.structs.replace(selection, since=since - (until - since), until=since)
        detail = await self._queries.overview_detail(selection, "network", worst=_WORST_NETWORKS)
        earlier, no_comparison = await self._compared_with(before, detail.overview)
        return await self._page(
            request,
            caller,
            "overview.html",
            overview=detail.overview,
            before=earlier,
            no_comparison=no_comparison,
            networks=_worst(detail.compared),
            heat=msgspec.json.encode(detail.heat).decode(),
            regions=await self._queries.heat_by("region", selection),
            bridges=await self._queries.heat_by("bridge", selection),
            distribution=detail.spread,
            incidents=await self._incidents(selection),
            failed_series=[
                (point.start, point.start + point.seconds, point.failed_joins)
                for point in detail.overview.series
            ],
            dropped_series=[
                (point.start, point.start + point.seconds, point.dropped_stays)
                for point in detail.overview.series
            ],
            sessions_of=partial(_sessions_of, request),
            notes=await self._queries.notes(since, until),
            window=selection.window,
            api="overview",
        )

    async def _incidents(self, selection: SummaryFilter) -> Sequence[Any]:
        """Return the incidents of the window with the most affected time; none with a filter."""
        if not selection.only_window:
            return ()
        window = IncidentFilter(since=selection.since, until=selection.until)
        return (await self._queries.incidents(window, limit=_WORST_OF_WINDOW)).items

    async def _compared_with(
        self, period: SummaryFilter, overview: Overview
    ) -> tuple[Overview | None, str | None]:
        """The period before, or why nothing is compared with it. It is read only if it may be."""
        since, until = period.window
        if overview.until > self._clock() + _MOST_AHEAD:
            return None, "this period is not over"
        first = await self._queries.first_session()
        if first is None or first >= until:
            return None, "there were no calls in the previous period"
        if first > since:
            return None, "the previous period is only partly covered"
        before = await self._queries.overview(period)
        if before.sessions < FEW or before.grades.known_seconds < _LEAST_KNOWN:
            return None, "there is too little data in the previous period"
        if overview.sessions < FEW or overview.grades.known_seconds < _LEAST_KNOWN:
            return None, "there is too little data in this period"
        if min(map(_known_part, (overview.grades, before.grades))) < _LEAST_KNOWN_PART:
            return None, "the quality of most of the time is not known"
        return before, None

    async def meeting(self, request: Request, caller: Caller) -> Response:
        """Show a meeting: its problems, who received whom badly, and a lane for each session."""
        detail = await self._queries.meeting(request.path_params["id"].lower())
        incidents = detail.incidents
        worst = nlargest(_WORST_INCIDENTS, incidents, key=lambda i: sum(i.reasons.values()))
        stored = {incident.id: incident for incident in detail.part_of}
        cards = [(incident, stored.get(incident.id or "")) for incident in incidents]
        order = request.query_params.get("order", "")
        lanes = await in_background(lambda: lanes_of(detail, order))
        times = [attempt.began for attempt in detail.attempts]
        since = min([detail.meeting.began, *times])
        until = max([detail.meeting.ended, *(at + 1 for at in times)])
        return await self._page(
            request,
            caller,
            "meeting.html",
            detail=detail,
            worst=[
                card for incident, card in zip(incidents, cards, strict=True) if incident in worst
            ],
            less_severe=[
                card
                for incident, card in zip(incidents, cards, strict=True)
                if incident not in worst
            ],
            sessions={lane.session.session: lane.session for lane in detail.lanes},
            names={
                lane.session.session: lane.session.endpoint_id or lane.session.browser_id[:8]
                for lane in detail.lanes
            },
            lanes=lanes,
            order=order if order in ORDERS else WORST,
            with_marks=any(lane.events for lane in lanes),
            failures=failures_of(detail.attempts),
            since=since,
            until=until,
            notes=await self._queries.notes(since, until),
            plots=PLOTS,
            part_of=[incident for incident in detail.part_of if incident.meetings > 1],
            api=f"meetings/{detail.meeting.id}",
        )

    async def session(self, request: Request, caller: Caller) -> Response:
        """Show a session: its timeline, problems and curves."""
        detail = await self._queries.session(request.path_params["id"].lower())
        if detail.summary.outcome in ATTEMPTS:
            api = f"sessions/{detail.summary.session}"
            return await self._page(request, caller, "attempt.html", detail=detail, api=api)
        return await self._page(
            request,
            caller,
            "session.html",
            detail=detail,
            plots=PLOTS,
            part_of=[incident for incident in detail.part_of if incident.people > 1],
            notes=await self._queries.notes(detail.summary.began, detail.summary.ended),
            api=f"sessions/{detail.summary.session}",
            **await in_background(lambda: _session_view(detail, detail.part_of)),
        )

    async def curves(self, request: Request, caller: Caller) -> Response:
        """Answer with the data of a session's charts, for the script of the pages."""
        drawn = await self._queries.curves(request.path_params["id"].lower())
        content = await in_background(lambda: curves_of(drawn))
        return Response(content, headers=HEADERS, media_type="application/json")

    async def participant(self, request: Request, caller: Caller) -> Response:
        """Show the sessions of one browser."""
        browser_id = self._pseudonyms.stored_browser_id(request.path_params["participant"])
        selection = self._selections.of(request)
        participant = await self._queries.participant(browser_id, selection)
        return await self._page(
            request,
            caller,
            "participant.html",
            participant=participant,
            since=selection.since,
            until=selection.until,
            window=(selection.since, selection.until),
            api=f"participants/{browser_id}",
        )

    async def compare(self, request: Request, caller: Caller) -> Response:
        """Compare the values of a dimension, of two, or before and after a moment; or of all."""
        selection = self._selections.of(request)
        params = {name: request.query_params.get(name, "") for name in ("by", "crossed", "at")}
        by, crossed = params["by"], params["crossed"]
        at = _moment("at", params["at"], int(self._clock())) if by and params["at"] else None
        rows: Sequence[Comparison | Outlier | Change]
        compared: Sequence[Comparison] = ()
        if not by:
            rows = await self._queries.outliers(selection, limit=_MOST_OUTLIERS)
        elif at is not None:
            rows = await self._queries.changes(by, at, selection, crossed)
        elif crossed:
            rows = compared = await self._queries.crossed(by, crossed, selection)
        else:
            rows = compared = await self._queries.compare(by, selection)
        return await self._page(
            request,
            caller,
            "compare.html",
            rows=rows,
            axis_end=axis_end_of(row.bad_difference for row in rows),
            rated=any(row.ratings.sessions for row in compared),
            with_joins=[
                row
                for row in rows
                if not isinstance(row, Outlier) and any(joins.are_known for joins in _joins_of(row))
            ],
            filters_of=lambda row: {
                name: value
                for name, value in ((by, row.value), (crossed, row.crossed))
                if name and value
            },
            by=by,
            crossed=crossed if by else "",
            at=at,
            since=selection.since,
            until=selection.until,
            dimensions=DIMENSIONS,
            known_after_joining=KNOWN_AFTER_JOINING,
            notes=await self._queries.notes(selection.since, selection.until),
            window=(selection.since, selection.until),
            api="changes" if at else "compare" if by else "outliers",
        )

    async def agreement(self, request: Request, caller: Caller) -> Response:
        """Show how well our grades agree with the ratings of participants."""
        selection = self._selections.of(request)
        return await self._page(
            request,
            caller,
            "agreement.html",
            agreement=await self._queries.agreement(selection),
            window=(selection.since, selection.until),
            api="agreement",
        )

    async def find(self, request: Request, caller: Caller) -> Response:
        """Show the names that match a text; with filters only, lead to the lists."""
        text = request.query_params.get("q", "")
        root = request.scope.get("root_path", "")
        if not text and request.query_params.keys() & {*CARRIED}:
            given = request.query_params.keys() & {*FIELD_OF_FILTER}
            listed = "meetings" if given == {"room"} else "sessions"
            target = f"{root}/{listed}?{request.url.query}".rstrip("?")
            return RedirectResponse(target, 303, headers=HEADERS)
        if len(sessions := await self._queries.sessions_of_code(text)) == 1:
            return RedirectResponse(f"{root}/sessions/{sessions[0].session}", 303, headers=HEADERS)
        hits = await self._queries.search(text)
        api = "search" if text else None
        return await self._page(
            request,
            caller,
            "find.html",
            text=text,
            hits=hits,
            values=await self._dimension_values(text) if text else [],
            api=api,
        )

    async def _dimension_values(self, text: str) -> list[tuple[str, list[StoredValue]]]:
        """Return the values of the last 30 days that contain a text, by dimension."""
        now = int(self._clock())
        window = SummaryFilter(since=now - _FOUND_WITHIN, until=now + 1)
        names = [name for name in DIMENSIONS if name != "provider"]  # A search finds those itself.
        found = await asyncio.gather(
            *(
                self._queries.stored_values(name, text, window, limit=_VALUES_FOUND)
                for name in names
            )
        )
        return [(name, values) for name, values in zip(names, found, strict=True) if values]

    async def _page(self, request: Request, caller: Caller, name: str, **context: Any) -> Response:
        """Render a page in the background: a long one takes a tenth of a second and more."""
        return await in_background(lambda: self._layout.page(request, caller, name, **context))


def _moment(name: str, given: str, now: int) -> int:
    """A moment that a parameter gives (Unix seconds). Raises `InvalidInput`."""
    try:
        return parse_moment(given, now)
    except InvalidInput as error:
        raise error.of(name) from None


def _joins_of(row: Comparison | Change) -> tuple[JoinRates, ...]:
    return (row.joins, row.before_joins) if isinstance(row, Change) else (row.joins,)


def _known_part(grades: Grades) -> float:
    """The part of all time of which the grade is known."""
    return grades.known_seconds / max(1, grades.known_seconds + grades.unknown_seconds)


def _sessions_of(request: Request, name: str, value: str) -> Callable[[int, int], str]:
    """Return the address of the list of sessions of a filter, in a part of the page's window."""
    root = request.scope.get("root_path", "")
    kept = {
        key: given
        for key, given in request.query_params.items()
        if key in FIELD_OF_FILTER and given
    }

    def address(start: int, end: int) -> str:
        window = {"since": to_iso(start), "until": to_iso(end)}
        return f"{root}/sessions?{urlencode({**kept, name: value, **window})}"

    return address


def _session_view(detail: SessionDetail, recorded: Sequence[RecordedIncident]) -> dict[str, Any]:
    """What the page of a session shows first: its worst problem and the chart of it."""
    stored = {incident.id: incident for incident in recorded}
    drawn = SessionCurves(detail.summary, detail.times, detail.curves, detail.events, detail.others)
    explained = [(spell, stored.get(spell.incident or "")) for spell in detail.spells]
    worst, record = max(explained, key=lambda found: _badness(found[0].spell), default=(None, None))
    first = first_plot(worst.spell, drawn) if worst else None
    return {
        "worst": worst,
        "record": record,
        "other_spells": [found for found in explained if found[0] is not worst],
        "names": {id_: name for incident in recorded for id_, name in incident.names.items()},
        "first": first,
        "has_charts": has_curves(drawn),
        "first_curves": curves_of(drawn, (first,)) if first else "",
        "figures": figures_of(detail.summary, detail.others),
        "log": event_log(detail.summary, detail.events),
        "tracks": tracks_of(detail.summary, detail.events, detail.times, detail.curves),
    }


def _badness(spell: Spell) -> tuple[int, int]:
    length = spell.end - spell.start
    return badness(0, length) if spell.grade is Grade.POOR else badness(length, 0), -spell.start


def _worst(compared: Sequence[Comparison]) -> list[Comparison]:
    """Return those whose share of poor time has the highest lower bound of its interval."""
    large_enough = [
        comparison
        for comparison in compared
        if comparison.sessions >= FEW and comparison.grades.poor_share
    ]
    return nlargest(
        _WORST_NETWORKS,
        large_enough,
        key=lambda comparison: (comparison.poor_interval[0], comparison.sessions),
    )
