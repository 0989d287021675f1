"""Every question that the API, the command and the pages ask, in one class."""

import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Sequence
from datetime import UTC, tzinfo
from functools import partial

import msgspec

from jmmc.answers import alerts, lists, room_lists, values
from jmmc.answers import incidents as incident_answers
from jmmc.answers.details import (
    NotFoundError,
    meeting_detail,
    participant_detail,
    session_curves,
    session_detail,
)
from jmmc.answers.incidents import IncidentDetail, RunningIncident
from jmmc.answers.joins import recent_joins
from jmmc.answers.list_filters import EVERY_ITEM, ListFilter
from jmmc.answers.list_incidents import incidents_of_meetings, incidents_of_sessions
from jmmc.answers.lists import Page
from jmmc.answers.live import LiveView
from jmmc.answers.live_beginnings import LiveBeginnings
from jmmc.answers.meeting_lists import (
    MEETING_KEYS,
    ListedMeeting,
    all_meetings,
    meeting_list,
)
from jmmc.answers.model import (
    Change,
    Comparison,
    Failures,
    FailureShare,
    HeatRow,
    Live,
    Meeting,
    MeetingDetail,
    Outlier,
    Overview,
    Participant,
    SessionCurves,
    SessionDetail,
    Share,
    Silence,
    StoredValue,
    Usage,
)
from jmmc.answers.notes import Note, notes
from jmmc.answers.overviews import OverviewDetail, Overviews
from jmmc.answers.people import MOST_SESSIONS, with_people
from jmmc.answers.ratings import agreement, ratings, ratings_by
from jmmc.answers.recent import LastHour, usual
from jmmc.answers.sessions_by_cause import SessionsByCause, sessions_by_cause
from jmmc.answers.short_ids import whole_browser_id, whole_session_id
from jmmc.answers.threads import in_background
from jmmc.answers.usage import usage, usage_begins
from jmmc.core.calendar import Period
from jmmc.core.computing import paused
from jmmc.core.tasks import prefetch
from jmmc.maintenance.schedule import usual_rhythm
from jmmc.privacy.pseudonyms import Pseudonyms
from jmmc.quality.causes.recorded import RecordedIncident
from jmmc.quality.filters import IncidentFilter, IncidentOrder, SummaryFilter, support_code
from jmmc.quality.ordering import NEWEST_FIRST, Order
from jmmc.quality.outcomes import ATTEMPTS
from jmmc.quality.ratings import Agreement
from jmmc.quality.summary import LiveSession, SearchHit, Summary
from jmmc.quality.timeline import Rhythm
from jmmc.stores import Reports, Store

__all__ = ["NotFoundError", "Page", "Queries"]

_MOST_OF_A_CODE = 5  # Sessions: of 1,000 million codes one is rarely drawn twice.


def with_attempts(selection: SummaryFilter) -> SummaryFilter:
    """The selection as its outcome wants it: of attempts that failed, if that is theirs."""
    if selection.outcome in ATTEMPTS:
        return msgspec.structs.replace(selection, attempts=True)
    return selection


def _window_of(selection: SummaryFilter) -> SummaryFilter:
    return SummaryFilter(since=selection.since, until=selection.until)


class Queries:
    """Answers from one store. `rhythm` as in `build_timeline`; `clock` gives Unix seconds.

    The store is open. Without `rhythm` browsers send as often as settings say by default.
    `known_live` gives the running sessions where this process knows them all; otherwise they are
    read from the store.

    Selections have room and browser id as they are stored; a search takes real names too. A
    selection's `since` and `until` are Unix seconds.
    """

    def __init__(
        self,
        store: Store,
        *,
        rhythm: Rhythm | None = None,
        clock: Callable[[], float] = time.time,
        pseudonyms: Pseudonyms | None = None,
        known_live: Callable[[], Awaitable[Sequence[LiveSession] | None]] | None = None,
    ) -> None:
        self._known_live = known_live
        self._pseudonyms = pseudonyms or Pseudonyms()
        self._store = store
        self._rhythm = rhythm or usual_rhythm()
        self._clock = clock
        self._overviews = Overviews(store)
        self._beginnings = LiveBeginnings()
        self._last_hour = LastHour(self._overviews, clock)

    async def live(self) -> Live:
        """The running meetings and the current grades of their participants."""
        view = LiveView()
        known = await self._known_live() if self._known_live else None
        if known is None:
            async for live_sessions in prefetch(self._reports.live_sessions()):
                await in_background(partial(view.add, paused(live_sessions)))
        else:
            await in_background(lambda: view.add(paused(known)))
        now = int(self._clock())
        joins = await recent_joins(self._reports, now)
        live = await in_background(lambda: view.live(now, joins))
        return msgspec.structs.replace(
            live,
            meetings=await self._beginnings.with_beginnings(self._reports, live.meetings, now),
            last_hour=await self._last_hour.points(),
            usual=await usual(self._reports, now),
        )

    async def overview(self, selection: SummaryFilter) -> Overview:
        """Totals and a time series of a window, and what runs now."""
        return await self._with_ratings(await self._overviews.overview(selection), selection)

    async def overview_detail(
        self, selection: SummaryFilter, by: str, *, worst: int
    ) -> OverviewDetail:
        """An overview with its heat map, a comparison and the `worst` meetings."""
        detail = await self._overviews.detail(selection, by, worst=worst)
        overview = await self._with_ratings(detail.overview, selection)
        compared = await self._each_with_ratings(detail.compared, by, selection)
        return detail._replace(overview=overview, compared=compared)

    async def compare(self, by: str, selection: SummaryFilter) -> list[Comparison]:
        """The values of a dimension, those worse than the rest first."""
        compared = await self._overviews.compare(by, selection)
        return await self._each_with_ratings(compared, by, selection)

    async def crossed(self, by: str, crossed: str, selection: SummaryFilter) -> list[Comparison]:
        """The pairs of values of two dimensions, those worse than the rest first."""
        return await self._overviews.crossed(by, crossed, selection)

    async def outliers(self, selection: SummaryFilter, *, limit: int) -> list[Outlier]:
        """The values of all dimensions that are worse than the rest, by the difference."""
        found, sessions = await self._overviews.outliers(selection, limit=limit)
        if sessions > MOST_SESSIONS:
            return found
        return await with_people(self._reports, found, selection)

    async def changes(
        self, by: str, at: int, selection: SummaryFilter, crossed: str = ""
    ) -> list[Change]:
        """All sessions and the values of a dimension before and after a moment (Unix seconds).

        With `crossed`, the pairs of values of both dimensions.
        """
        return await self._overviews.changes(by, at, selection, crossed)

    async def agreement(self, selection: SummaryFilter) -> Agreement:
        """How well our grades agree with the ratings of a window."""
        return await agreement(self._reports, selection)

    async def heat_by(self, by: str, selection: SummaryFilter) -> list[HeatRow]:
        """The heat map of a dimension; filters other than the window are ignored."""
        return await self._overviews.heat_by(by, selection)

    async def rooms(
        self, selection: SummaryFilter, *, limit: int, after: str | None = None
    ) -> Page:
        """A page of rooms (`RoomActivity`), the most recently used first."""
        return await room_lists.rooms(self._reports, selection, limit=limit, after=after)

    async def meetings(
        self,
        selection: SummaryFilter,
        *,
        order: Order = NEWEST_FIRST,
        also: ListFilter = EVERY_ITEM,
    ) -> list[Meeting]:
        """The meetings of a window, by default the newest first."""
        found = await lists.meetings(self._reports, selection)
        fits = await also.of_meetings(self._reports, selection)
        if order != NEWEST_FIRST:
            found = MEETING_KEYS[order.key].sorted(found, falling=order.falling)
        return [meeting for meeting in found if fits(meeting)]

    async def sessions(
        self,
        selection: SummaryFilter,
        *,
        limit: int,
        order: Order = NEWEST_FIRST,
        after: str | None = None,
        also: ListFilter = EVERY_ITEM,
    ) -> Page:
        """A page of summaries; with such an outcome, of attempts to join."""
        selection = await also.of_sessions(self._reports, with_attempts(selection))
        return await lists.sessions(self._reports, selection, limit=limit, order=order, after=after)

    async def attempts(
        self, selection: SummaryFilter, *, limit: int, after: str | None = None
    ) -> Page:
        """A page of joins that failed or were refused, the newest first."""
        attempts = msgspec.structs.replace(selection, attempts=True)
        return await lists.sessions(
            self._reports, attempts, limit=limit, order=NEWEST_FIRST, after=after
        )

    async def count_attempts(self, selection: SummaryFilter) -> int:
        """How many joins failed or were refused."""
        attempts = msgspec.structs.replace(selection, attempts=True)
        return sum((await self._reports.count_values("outcome", attempts)).values())

    async def meeting_list(
        self,
        selection: SummaryFilter,
        *,
        limit: int,
        order: Order = NEWEST_FIRST,
        after: str | None = None,
        also: ListFilter = EVERY_ITEM,
    ) -> Page:
        """A page of meetings (`ListedMeeting`) in an order."""
        return await meeting_list(
            self._reports, selection, limit=limit, order=order, after=after, also=also
        )

    def all_meetings(
        self, selection: SummaryFilter, *, order: Order, also: ListFilter
    ) -> AsyncIterator[Sequence[ListedMeeting]]:
        """All meetings in an order, some at a time."""
        return all_meetings(self._reports, selection, order=order, also=also)

    async def incidents_of_sessions(
        self, sessions: Sequence[Summary]
    ) -> dict[str, RecordedIncident]:
        """The incident that hurt each session most, by the session's id, where one lists it."""
        return await incidents_of_sessions(self._reports, sessions)

    async def incidents_of_meetings(
        self, meetings: Sequence[Meeting]
    ) -> dict[str, RecordedIncident]:
        """The incident that hurt each meeting most, by the meeting's id, where one lists it."""
        return await incidents_of_meetings(self._reports, meetings)

    async def notes(self, since: int | None = None, until: int | None = None) -> list[Note]:
        """The notes that touch a window, the earliest first."""
        return await notes(self._reports, since, until)

    async def sessions_by_cause(
        self,
        selection: SummaryFilter,
        kind: str,
        *,
        limit: int,
        order: Order = NEWEST_FIRST,
        also: ListFilter = EVERY_ITEM,
    ) -> SessionsByCause:
        """The selected sessions with a likely cause of one kind, and these causes."""
        selection = await also.of_sessions(self._reports, selection)
        return await sessions_by_cause(self._reports, selection, kind, limit=limit, order=order)

    async def session_id(self, text: str) -> str:
        """The whole id of a session. Raises `NotFoundError` and `AmbiguousSession`."""
        return await whole_session_id(self._reports, text)

    async def browser_id(self, text: str) -> str:
        """The whole id of a participant. Raises `NotFoundError` and `AmbiguousId`."""
        return await whole_browser_id(self._reports, text)

    async def meeting(self, id_: str) -> MeetingDetail:
        """A meeting, by the id of any of its sessions. Raises `NotFoundError`."""
        return await meeting_detail(self._reports, id_)

    async def session(self, id_: str) -> SessionDetail:
        """A session with its curves. Raises `NotFoundError`."""
        return await session_detail(self._store, id_, rhythm=self._rhythm)

    async def curves(self, id_: str) -> SessionCurves:
        """A session's curves, quicker than its detail. Raises `NotFoundError`."""
        return await session_curves(self._store, id_, rhythm=self._rhythm)

    async def participant(
        self, browser_id: str, selection: SummaryFilter, *, limit: int = 50
    ) -> Participant:
        """A browser's sessions in a window. Raises `NotFoundError`."""
        return await participant_detail(self._reports, browser_id, selection, limit=limit)

    async def incidents(
        self,
        selection: IncidentFilter,
        *,
        limit: int = 50,
        order: IncidentOrder = "affected",
        after: str | None = None,
    ) -> Page:
        """Incidents (`RecordedIncident`) of a time, those with the most affected time first."""
        return await incident_answers.incidents(
            self._reports, selection, limit=limit, order=order, after=after
        )

    async def incident(self, id_: str) -> IncidentDetail:
        """One incident with its most affected sessions. Raises `NotFoundError`."""
        return await incident_answers.incident(self._reports, id_)

    async def running_incidents(self) -> list[RunningIncident]:
        """The incidents that go on, with their support, for alert rules."""
        return await incident_answers.running_incidents(self._reports)

    async def usage(
        self, period: Period, selection: SummaryFilter, zone: tzinfo = UTC
    ) -> list[Usage]:
        """Meetings of five minutes and more, by calendar periods of a time zone.

        The selection needs `since` and `until`. Periods of which nothing is stored are left out.
        """
        now = int(self._clock())
        return await usage(self._store, period, selection, zone, now)

    async def usage_begins(self) -> int | None:
        """When the earliest session began of which usage knows (Unix seconds)."""
        return await usage_begins(self._store)

    async def first_session(self) -> int | None:
        """When the earliest stored session began (Unix seconds); None without sessions."""
        times = await self._store.session_times()
        return None if times is None else times[0]

    async def search(self, text: str, *, limit: int = 20) -> list[SearchHit]:
        """Rooms, participants, addresses, providers, persons and codes that contain `text`.

        Parts of names are enough, separated by spaces. A whole support code comes first; codes
        have their sessions.
        """
        hits = await self.sessions_of_code(text)
        for stored_text in self._pseudonyms.search_texts(text):
            if not stored_text:
                continue
            for hit in await self._reports.search(stored_text, limit):
                hits += await self.sessions_of_code(hit.name) if hit.kind == "code" else [hit]
        return list(dict.fromkeys(hits))[:limit]

    async def stored_values(
        self, name: str, text: str, selection: SummaryFilter, *, limit: int = 12
    ) -> list[StoredValue]:
        """Values of the filter of that name that contain every part of `text`.

        The most frequent in the window first; filters other than the window are ignored.
        """
        window = _window_of(selection)
        return await values.stored_values(self._reports, name, text, window, limit=limit)

    async def resolved_value(self, name: str, text: str, selection: SummaryFilter) -> str:
        """The value of a filter that somebody means with `text` (`values.resolved_value`)."""
        return await values.resolved_value(
            self._reports, name, text, _window_of(selection), self._pseudonyms
        )

    async def stored_room(self, text: str) -> str:
        """The stored form of a room that somebody names (`values.stored_room`)."""
        return await values.stored_room(self._reports, text, self._pseudonyms)

    async def sessions_of_code(self, text: str) -> list[SearchHit]:
        """The sessions with a support code, the newest first; none when the text is no code."""
        if not (code := support_code(text)):
            return []
        selection = SummaryFilter(code=code, attempts=None)
        found = await self._reports.summaries(selection, limit=_MOST_OF_A_CODE)
        return [SearchHit("code", code, row.last, row.session) for row in found]

    async def shares(self, by: str, since: int, until: int) -> list[Share]:
        """The known and poor time of a window by a dimension, for alert rules."""
        return await alerts.shares(self._reports, by, since, until)

    async def failures(self, kind: Failures, by: str, since: int, until: int) -> list[FailureShare]:
        """The joins or the ends of stays of a window by a dimension, for alert rules."""
        return await alerts.failures(self._reports, kind, by, since, until)

    async def silence(self, since: int, until: int, *, quiet: int) -> Silence | None:
        """The newest sample of a window and who fell silent then, for alert rules."""
        return await alerts.silence(self._reports, since, until, quiet=quiet)

    async def _each_with_ratings(
        self, compared: Iterable[Comparison], by: str, selection: SummaryFilter
    ) -> list[Comparison]:
        rated = await ratings_by(self._reports, by, selection)
        return [
            msgspec.structs.replace(row, ratings=rated[row.value]) if row.value in rated else row
            for row in compared
        ]

    async def _with_ratings(self, overview: Overview, selection: SummaryFilter) -> Overview:
        return msgspec.structs.replace(overview, ratings=await ratings(self._reports, selection))

    @property
    def _reports(self) -> Reports:
        return self._store.reports
