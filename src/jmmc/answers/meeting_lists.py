"""Lists of meetings in any order, with where their people were and how they went over time."""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from functools import partial
from typing import Any, NamedTuple

import msgspec
from msgspec import Struct

from jmmc.answers.list_filters import EVERY_ITEM, ListFilter
from jmmc.answers.lists import Page, parsed_cursor
from jmmc.answers.meetings import Room, Stay, meeting_of
from jmmc.answers.model import Meeting
from jmmc.answers.stays import read_stays
from jmmc.answers.threads import in_background, paused
from jmmc.core.errors import InvalidInput
from jmmc.quality.filters import DIMENSIONS, SummaryFilter
from jmmc.quality.grades import append_span
from jmmc.quality.grading import Grade
from jmmc.quality.meetings import EMPTY_FOR, by_room, split, until_empty
from jmmc.quality.ordering import NEWEST_FIRST, Order
from jmmc.quality.segments import Track, track_of
from jmmc.quality.summary import GradeSpan
from jmmc.stores import Reports

MOST_LISTED = 20_000
"""Meetings of one list."""

LANE_PARTS = 60
"""Into how many parts the time of a meeting is divided, each with one grade."""

_SINGLY = 60  # Meetings whose sessions are read one meeting at a time; more in one query.
_MOST_TRACKS = 300  # Sessions of a meeting of which the time is drawn.
_MOST_VALUES = 5  # Of a dimension, the most frequent.
_FIRST_PART = 6 * 3600  # Seconds before the end of a window that are read first.
_SHOWN = ("region", "network", "browser")
_COLUMNS = ("session", "lane", "segments", *_SHOWN)


def _share(part: float | None, falling: bool) -> float:
    """A share; an unknown one comes last in both orders."""
    return (-1.0 if falling else 2.0) if part is None else part


def _bad(meeting: Meeting) -> float | None:
    grades = meeting.grades
    poor, fair = grades.poor_share, grades.fair_share
    return None if poor is None or fair is None else poor + fair


class MeetingKey(NamedTuple):
    """What meetings may be sorted by; `of` takes a meeting and whether the order is falling."""

    name: str
    of: Callable[[Meeting, bool], Any]
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


class _Group(NamedTuple):
    """A meeting, and the sessions in it."""

    meeting: Meeting
    sessions: tuple[str, ...]


async def meeting_list(
    reports: Reports,
    selection: SummaryFilter,
    *,
    limit: int | None,
    order: Order,
    after: str | None = None,
    also: ListFilter = EVERY_ITEM,
) -> Page:
    """Meetings (`ListedMeeting`) in an order; without a `limit`, all that follow.

    The selection needs `since` and `until`. Raises `ValueError` for more than `MOST_LISTED`.
    """
    key = MEETING_KEYS[order.key]
    cursor = None if after is None else parsed_cursor(after, key.type)
    fits = await also.of_meetings(reports, selection)
    groups = await _groups(reports, selection, limit, order, cursor, fits)
    listed = await in_background(lambda: _sorted_after(groups, order, cursor))
    shown = listed if limit is None else listed[:limit]
    details = await _details(reports, selection, shown)
    last = shown[-1].meeting if len(listed) > len(shown) else None
    return Page(details, f"{key.of(last, order.falling)}:{last.id}" if last else None)


async def _groups(
    reports: Reports,
    selection: SummaryFilter,
    limit: int | None,
    order: Order,
    cursor: tuple[Any, str] | None,
    fits: Callable[[Meeting], bool],
) -> list[_Group]:
    """The meetings that fit; of the newest ones first, no more than a page may need."""
    since, until = selection.since, selection.until
    assert since is not None and until is not None
    # With a filter by a dimension, a session may have time before a part that counts for it.
    if order == NEWEST_FIRST and limit is not None and not _has_dimension(selection):
        length = _FIRST_PART
        while (start := until - length) > since:
            stays = await read_stays(reports, msgspec.structs.replace(selection, since=start))
            certain = await in_background(partial(_certain, stays, start))
            groups = [group for group in certain if fits(group.meeting)]
            if len(_sorted_after(groups, order, cursor)) > limit:
                return groups
            length *= 4
    stays = await read_stays(reports, selection)
    groups = await in_background(lambda: _all_groups(stays))
    if len(groups) > MOST_LISTED:
        raise InvalidInput(
            "{found:,} meetings in this time range, at most {most:,} are listed: ask for a shorter"
            " time range, or set a filter",
            found=len(groups),
            most=MOST_LISTED,
        )
    return [group for group in groups if fits(group.meeting)]


def _has_dimension(selection: SummaryFilter) -> bool:
    return any(getattr(selection, dimension) is not None for dimension in DIMENSIONS)


def _all_groups(stays: Iterable[Stay]) -> list[_Group]:
    return [
        _group(meeting)
        for room_stays in by_room(paused(stays)).values()
        for meeting in split(room_stays)
    ]


def _certain(stays: Iterable[Stay], start: int) -> list[_Group]:
    """Meetings of which it is certain that nobody was in their room shortly before `start`.

    Of the others some may have begun later than some of these: those are left out.
    """
    certain: list[_Group] = []
    uncertain = start
    for room_stays in by_room(paused(stays)).values():
        for together in until_empty(room_stays):
            if together[0].began >= start + EMPTY_FOR:
                certain += map(_group, split(together))
            else:
                uncertain = max(uncertain, *(meeting[0].began for meeting in split(together)))
    return [group for group in certain if group.meeting.began > uncertain]


def _group(stays: Room) -> _Group:
    return _Group(meeting_of(stays), tuple(stay.session for stay in stays))


def _sorted_after(
    groups: Iterable[_Group], order: Order, cursor: tuple[Any, str] | None
) -> list[_Group]:
    key = MEETING_KEYS[order.key]

    def place(group: _Group) -> tuple[Any, str]:
        return key.of(group.meeting, order.falling), group.meeting.id

    found = sorted(groups, key=place, reverse=order.falling)
    if cursor is None:
        return found
    return [
        group
        for group in found
        if (place(group) < cursor if order.falling else place(group) > cursor)
    ]


async def _details(
    reports: Reports, selection: SummaryFilter, groups: Sequence[_Group]
) -> list[ListedMeeting]:
    """What a list shows of these meetings beside their figures."""
    listed: list[ListedMeeting] = []
    rows: dict[str, Sequence[Any]] = {}
    if len(groups) > _SINGLY:
        rows = {row[0]: row for row in await reports.facts(_COLUMNS, selection)}
    for group in groups:
        if len(groups) <= _SINGLY:
            meeting = group.meeting
            in_room = SummaryFilter(room=meeting.room, since=meeting.began, until=meeting.ended + 1)
            rows = {row[0]: row for row in await reports.facts(_COLUMNS, in_room)}
        listed.append(_listed(group, rows))
    return listed


def _listed(group: _Group, rows: Mapping[str, Sequence[Any]]) -> ListedMeeting:
    counts: tuple[dict[str, int], ...] = tuple({} for _ in _SHOWN)
    tracks: list[Track] = []
    for session in group.sessions[:_MOST_TRACKS]:
        if (row := rows.get(session)) is None:
            continue
        track = track_of(row[1], row[2])
        tracks.append(track)
        for dimension, value, count in zip(_SHOWN, row[3:], counts, strict=True):
            for had in _values(track, dimension, value):
                count[had] = count.get(had, 0) + 1
    frequent = [
        tuple(sorted((value for value in count if value), key=lambda value: (-count[value], value)))
        for count in counts
    ]
    meeting = group.meeting
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
