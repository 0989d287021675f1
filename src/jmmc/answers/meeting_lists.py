"""Lists of meetings in any order, with where their people were and how they went over time."""

from collections.abc import AsyncIterator, Callable, Iterable, Iterator, Mapping, Sequence
from functools import partial
from heapq import nlargest, nsmallest
from typing import Any, NamedTuple

import msgspec
from msgspec import Struct

from jmmc.answers.list_filters import EVERY_ITEM, ListFilter
from jmmc.answers.lists import Page, parsed_cursor
from jmmc.answers.meeting_beginnings import first_sessions, may_have_begun_before
from jmmc.answers.meetings import MeetingFigures, MeetingOfStays, Stay, meeting_of
from jmmc.answers.model import Meeting
from jmmc.answers.stays import (
    STAY_COLUMNS,
    has_dimension,
    read_stays,
    read_stays_by_parts,
    stay_of,
)
from jmmc.answers.threads import in_background
from jmmc.core.computing import paused
from jmmc.core.parts import parts_of
from jmmc.core.tasks import prefetch
from jmmc.quality.filters import SummaryFilter
from jmmc.quality.grades import append_span
from jmmc.quality.grading import Grade
from jmmc.quality.meetings import EMPTY_FOR, MeetingSplitter, by_room, split, until_empty
from jmmc.quality.ordering import NEWEST_FIRST, Order
from jmmc.quality.segments import Track, track_of
from jmmc.quality.summary import GradeSpan
from jmmc.stores import Reports

LANE_PARTS = 60
"""Into how many parts the time of a meeting is divided, each with one grade."""

_TOGETHER = 200  # Meetings of a list of all whose sessions are read in one query.
_MOST_TRACKS = 300  # Sessions of a meeting of which the time is drawn.
_MOST_VALUES = 5  # Of a dimension, the most frequent.
_FIRST_PART = 6 * 3600  # Seconds before the end of a window that are read first.
_SHOWN = ("region", "network", "browser")


def _share(part: float | None, falling: bool) -> float:
    """A share; an unknown one comes last in both orders."""
    return (-1.0 if falling else 2.0) if part is None else part


def _bad(meeting: MeetingFigures) -> float | None:
    grades = meeting.grades
    poor, fair = grades.poor_share, grades.fair_share
    return None if poor is None or fair is None else poor + fair


class MeetingKey(NamedTuple):
    """What meetings may be sorted by; `of` takes a meeting and whether the order is falling."""

    name: str
    of: Callable[[MeetingFigures, bool], Any]
    type: Callable[[str], Any] = int

    def sorted(self, meetings: Iterable[Meeting], *, falling: bool) -> list[Meeting]:
        """The meetings in this order; where keys are equal, the id decides."""
        return sorted(
            meetings,
            key=lambda meeting: (self.of(meeting, falling), meeting.id),
            reverse=falling,
        )

    @property
    def falling(self) -> bool:
        """Whether readers want the highest values first."""
        return self.type is not str


MEETING_KEYS: Mapping[str, MeetingKey] = {
    key.name: key
    for key in (
        MeetingKey("began", lambda meeting, _: meeting.began),
        MeetingKey("length", lambda meeting, _: meeting.ended - meeting.began),
        MeetingKey("room", lambda meeting, _: meeting.room, str),
        MeetingKey("people", lambda meeting, _: meeting.participants),
        MeetingKey("peak", lambda meeting, _: meeting.peak_people),
        MeetingKey("minutes", lambda meeting, _: meeting.minutes),
        MeetingKey("poor", lambda meeting, down: _share(meeting.grades.poor_share, down), float),
        MeetingKey("bad", lambda meeting, down: _share(_bad(meeting), down), float),
    )
}
"""Every key, by its name outside; `poor` and `bad` are shares of known time."""


class ListedMeeting(Struct, frozen=True):
    """A meeting of a list.

    `lane` has a grade for each of `LANE_PARTS` parts of its time: poor where a tenth of the known
    time of its people was, fair where a tenth was fair or poor. `regions`, `networks` and
    `browsers` are those of its people, the most frequent first, at most five.
    """

    meeting: Meeting
    lane: tuple[GradeSpan, ...]
    regions: tuple[str, ...]
    networks: tuple[str, ...]
    browsers: tuple[str, ...]


class _Place(NamedTuple):
    """Where a meeting is in a list, and its sessions."""

    key: Any
    id: str
    sessions: tuple[str, ...]


class _Places:
    """The first `limit` places of a list after a cursor, or all of them."""

    def __init__(
        self,
        order: Order,
        cursor: tuple[Any, str] | None,
        limit: int | None,
        fits: Callable[[MeetingFigures], bool],
    ) -> None:
        self._key = MEETING_KEYS[order.key]
        self._falling = order.falling
        self._cursor = cursor
        self._limit = limit
        self._fits = fits
        self.found: list[_Place] = []

    def add(self, meetings: Iterable[Sequence[Stay]]) -> None:
        """Take these meetings into account."""
        self._add(map(MeetingOfStays, meetings))

    def add_early(self, meetings: Iterable[Sequence[Stay]], firsts: Mapping[str, str]) -> None:
        """Take meetings into account whose first session is in `firsts` (`first_sessions`)."""
        self._add(MeetingOfStays(stays, firsts.get(stays[0].session, "")) for stays in meetings)

    def _add(self, meetings: Iterable[MeetingOfStays]) -> None:
        places = map(self._place, filter(self._fits, meetings))
        self.found += filter(self._follows, paused(places))
        if self._limit is not None:
            first = nlargest if self._falling else nsmallest
            self.found = first(self._limit, self.found)

    def sort(self) -> None:
        """Put the places in their order."""
        self.found.sort(reverse=self._falling)

    def _place(self, meeting: MeetingOfStays) -> _Place:
        sessions = tuple(stay.session for stay in meeting.stays)
        return _Place(self._key.of(meeting, self._falling), meeting.id, sessions)

    def _follows(self, place: _Place) -> bool:
        if self._cursor is None:
            return True
        return place[:2] < self._cursor if self._falling else place[:2] > self._cursor


async def meeting_list(
    reports: Reports,
    selection: SummaryFilter,
    *,
    limit: int,
    order: Order,
    after: str | None = None,
    also: ListFilter = EVERY_ITEM,
) -> Page:
    """Some meetings (`ListedMeeting`) in an order. The selection needs `since` and `until`."""
    cursor = None if after is None else parsed_cursor(after, MEETING_KEYS[order.key].type)
    fits = await also.of_meetings(reports, selection)
    places = None
    # With a filter by a dimension, a session may have time before a part that counts for it.
    if order == NEWEST_FIRST and not has_dimension(selection):
        places = await _newest_places(reports, selection, cursor, limit + 1, fits)
    if places is None:
        places = await _places(reports, selection, _Places(order, cursor, limit + 1, fits))
    shown = places[:limit]
    last = shown[-1] if len(places) > limit else None
    listed = await _listed_meetings(reports, selection, shown)
    return Page(listed, f"{last.key}:{last.id}" if last else None)


async def all_meetings(
    reports: Reports, selection: SummaryFilter, *, order: Order, also: ListFilter = EVERY_ITEM
) -> AsyncIterator[Sequence["ListedMeeting"]]:
    """All meetings in an order, some at a time. The selection needs `since` and `until`."""
    fits = await also.of_meetings(reports, selection)
    places = await _places(reports, selection, _Places(order, None, None, fits))
    for part in parts_of(places, _TOGETHER):
        yield await _listed_meetings(reports, selection, part)


async def _places(reports: Reports, selection: SummaryFilter, places: _Places) -> Sequence[_Place]:
    """The places of all meetings of a window."""
    splitter: MeetingSplitter[Stay] = MeetingSplitter()
    early: list[Sequence[Stay]] = []

    def add(meetings: Iterable[Sequence[Stay]]) -> None:
        later: list[Sequence[Stay]] = []
        for meeting in meetings:
            group = early if may_have_begun_before(meeting, selection) else later
            group.append(meeting)
        places.add(later)

    async for stays, until in prefetch(read_stays_by_parts(reports, selection)):
        await in_background(partial(add, splitter.add(paused(stays), until)))
    await in_background(lambda: add(splitter.rest()))
    firsts = await first_sessions(reports, selection, early)
    await in_background(lambda: places.add_early(early, firsts))
    await in_background(places.sort)
    return places.found


async def _newest_places(
    reports: Reports,
    selection: SummaryFilter,
    cursor: tuple[Any, str] | None,
    limit: int,
    fits: Callable[[MeetingFigures], bool],
) -> Sequence[_Place] | None:
    """The places of the newest meetings, from the end of the window; None if all must be read."""
    since, until = selection.window
    length = _FIRST_PART
    while (start := until - length) > since:
        stays = await read_stays(reports, msgspec.structs.replace(selection, since=start))
        places = _Places(NEWEST_FIRST, cursor, limit, fits)
        await in_background(partial(_add_certain, places, stays, start))
        if len(places.found) == limit:
            return places.found
        length *= 4
    return None


def _add_certain(places: _Places, stays: Iterable[Stay], start: int) -> None:
    """Add meetings of which it is certain that nobody was in their room shortly before `start`.

    Of the others some may have begun later than some of these: those are left out.
    """
    certain: list[list[Stay]] = []
    uncertain = start
    for room_stays in by_room(paused(stays)).values():
        for together in until_empty(room_stays):
            if together[0].began >= start + EMPTY_FOR:
                certain += split(together)
            else:
                uncertain = max(uncertain, *(meeting[0].began for meeting in split(together)))
    places.add(meeting for meeting in certain if meeting[0].began > uncertain)
    places.sort()


async def _listed_meetings(
    reports: Reports, selection: SummaryFilter, places: Sequence[_Place]
) -> list[ListedMeeting]:
    """The meetings at these places, with what a list shows of them beside their figures."""
    sessions = tuple(session for place in places for session in place.sessions)
    columns = (*STAY_COLUMNS, *_SHOWN)
    rows = await reports.facts(columns, SummaryFilter(sessions=sessions)) if sessions else []
    by_session = {row[0]: row for row in rows}
    return await in_background(
        lambda: [
            listed
            for place in paused(places, every=10)
            if (listed := _listed(place, by_session, selection)) is not None
        ]
    )


def _listed(
    place: _Place, by_session: Mapping[str, Sequence[Any]], selection: SummaryFilter
) -> ListedMeeting | None:
    """A meeting out of rows of its sessions; None when they were deleted meanwhile."""
    rows = [by_session[session] for session in place.sessions if session in by_session]
    size = len(STAY_COLUMNS)
    stays = [stay for row in rows if (stay := stay_of(row[:size], selection)) is not None]
    if not stays:
        return None
    counts: tuple[dict[str, int], ...] = tuple({} for _ in _SHOWN)
    tracks: list[Track] = []
    for row in rows[:_MOST_TRACKS]:
        track = track_of(row[size - 2], row[size - 1])
        tracks.append(track)
        for dimension, value, count in zip(_SHOWN, row[size:], counts, strict=True):
            for had in _values(track, dimension, value):
                count[had] = count.get(had, 0) + 1
    frequent = [
        tuple(sorted((value for value in count if value), key=lambda value: (-count[value], value)))
        for count in counts
    ]
    meeting = meeting_of(stays, place.id)
    return ListedMeeting(
        meeting,
        lane_of_meeting(tracks, meeting.began, meeting.ended),
        *(values[:_MOST_VALUES] for values in frequent),
    )


def _values(track: Track, dimension: str, value: str) -> Iterator[str]:
    """The values that a session had, each once."""
    had = {segment.values.get(dimension, value): None for segment in track.segments}
    yield from had or {value: None}


def lane_of_meeting(tracks: Iterable[Track], began: int, ended: int) -> tuple[GradeSpan, ...]:
    """The grades of a meeting over its time, in `LANE_PARTS` parts (see `ListedMeeting`)."""
    length = max(1, ended - began)
    parts = min(LANE_PARTS, length)
    seconds = [[0.0] * len(Grade) for _ in range(parts)]
    for track in tracks:
        for start, end, grade in track.spans:
            at, stop = max(start, began) - began, min(end, ended) - began
            place = at * parts // length
            while at < stop:
                edge = min(stop, -(-(place + 1) * length // parts))
                seconds[place][grade] += edge - at
                at, place = edge, place + 1
    spans: list[GradeSpan] = []
    for place, sums in enumerate(seconds):
        if any(sums):
            start, end = place * length // parts, (place + 1) * length // parts
            append_span(spans, GradeSpan(began + start, began + end, _grade_of(sums)))
    return tuple(spans)


def _grade_of(seconds: Sequence[float]) -> Grade:
    """Poor where a tenth of the known time was, fair where a tenth was fair or poor."""
    fair, poor = seconds[Grade.FAIR], seconds[Grade.POOR]
    known = seconds[Grade.GOOD] + fair + poor
    if not known:
        return Grade.UNKNOWN
    if poor * 10 >= known:
        return Grade.POOR
    return Grade.FAIR if (fair + poor) * 10 >= known else Grade.GOOD
