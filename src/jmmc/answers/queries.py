"""Every question that may be asked, answered in one place: API, terminal and pages agree."""

import asyncio
import re
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any, Literal, NamedTuple

import msgspec

from jmmc.answers.live import LiveView
from jmmc.answers.meetings import (
    Room,
    Stay,
    bad_share,
    by_room,
    grades,
    meeting_of,
    meetings_of,
    minutes,
    rooms_of,
    split,
)
from jmmc.answers.model import (
    AttributedSpell,
    Comparison,
    HeatRow,
    Lane,
    Live,
    Meeting,
    MeetingDetail,
    Overview,
    Participant,
    SessionDetail,
    Share,
    Silence,
    Usage,
)
from jmmc.answers.overviews import OverviewDetail, Overviews, read_stays
from jmmc.core.errors import JmmcError
from jmmc.core.tasks import ahead
from jmmc.privacy.pseudonyms import Pseudonyms
from jmmc.quality.attribution import attribute
from jmmc.quality.columns import curves
from jmmc.quality.incidents import incidents
from jmmc.quality.rollups import ALL, DAY
from jmmc.quality.summary import BUCKET, SearchHit, Summary, SummaryFilter, events, slices_of
from jmmc.quality.timeline import fold
from jmmc.stores import Reports, Store

_LONG_ENOUGH = 300  # Seconds: shorter meetings are no use of the server, but tries.
_EVERYBODY = 5000  # Summaries that a blame looks at: those nearest in time.

_AT_ONCE = 500  # Sessions looked at before others get their turn: some 5 ms.
_TOGETHER = 90  # Seconds: whoever falls silent within three pushes does it together.

Period = Literal["day", "week", "month"]
_BEGAN = re.compile("-?[0-9]{1,12}")


class NotFoundError(JmmcError):
    """There is no such session, meeting or participant."""


class Page(NamedTuple):
    """Some items, and the cursor that goes on after them; None at the end."""

    items: Sequence[Any]
    after: str | None


class Queries:
    """Answers from one store. `lifetime` as in `fold`; `clock` gives Unix seconds.

    Sessions are asked for by the names that are stored; a search also finds real ones.
    """

    def __init__(
        self,
        store: Store,
        *,
        lifetime: float,
        clock: Callable[[], float],
        pseudonyms: Pseudonyms | None = None,
    ) -> None:
        self._pseudonyms = pseudonyms or Pseudonyms()
        self._store = store
        self._lifetime = lifetime
        self._clock = clock
        self._overviews = Overviews(store)

    async def overview(self, selection: SummaryFilter) -> Overview:
        """See `Overviews.overview`."""
        return await self._overviews.overview(selection)

    async def overview_detail(
        self, selection: SummaryFilter, by: str, *, worst: int
    ) -> OverviewDetail:
        """See `Overviews.whole`."""
        return await self._overviews.whole(selection, by, worst=worst)

    async def compare(self, by: str, selection: SummaryFilter) -> list[Comparison]:
        """See `Overviews.compare`."""
        return await self._overviews.compare(by, selection)

    async def heat_by(self, by: str, selection: SummaryFilter) -> list[HeatRow]:
        """See `Overviews.heat_by`."""
        return await self._overviews.heat_by(by, selection)

    async def live(self) -> Live:
        """This moment."""
        gathering = LiveView()
        async for live_session in ahead(self._reports.live_sessions()):
            gathering.add(live_session)
        return gathering.live(int(self._clock()))

    async def rooms(
        self, selection: SummaryFilter, *, limit: int, after: str | None = None
    ) -> Page:
        """Rooms, the latest first."""
        found = await asyncio.to_thread(rooms_of, await read_stays(self._reports, selection))
        return _page(found, limit, after, lambda row: f"{row.last}:{row.room}")

    async def meetings(self, selection: SummaryFilter) -> list[Meeting]:
        """The meetings of the window, the latest first."""
        return await asyncio.to_thread(meetings_of, await read_stays(self._reports, selection))

    async def meeting(self, id: str) -> MeetingDetail:  # noqa: A002 - it is the API's name
        """A meeting, by the id of any of its sessions. Raises `NotFoundError`."""
        summary = await self._summary(id)
        meeting_with = await self._meeting_with(summary)
        summaries = await self._reports.get_summaries([item.session for item in meeting_with])
        summaries.sort(key=lambda value: (value.began, value.session))
        meeting = meeting_of(meeting_with)
        everybody: list[Summary] = []
        if any(item.spells for item in summaries):
            around = SummaryFilter(since=meeting.began, until=meeting.ended + 1)
            everybody = await self._reports.summaries(around, limit=_EVERYBODY)
        lanes = tuple(Lane(span, span.grade) for span in summaries)
        return MeetingDetail(meeting, lanes, incidents(summaries, everybody))

    async def sessions(
        self, selection: SummaryFilter, *, limit: int, after: str | None = None
    ) -> Page:
        """Summaries, the newest first."""
        cursor = None
        if after is not None:
            began, _, session = after.partition(":")
            if not _BEGAN.fullmatch(began):
                raise ValueError(f"cursor = {after!r}: expected what an earlier answer gave")
            cursor = (int(began), session)
        found = await self._reports.summaries(selection, limit=limit + 1, after=cursor)
        more = (
            f"{found[limit - 1].began}:{found[limit - 1].session}" if len(found) > limit else None
        )
        return Page(found[:limit], more)

    async def session(self, id: str) -> SessionDetail:  # noqa: A002 - it is the API's name
        """A session with its curves. Raises `NotFoundError`.

        The curves are gone when its samples are too old to be kept.
        """
        summary = await self._summary(id)
        around = SummaryFilter(since=summary.began, until=summary.ended + 1)
        everybody: list[Summary] = []
        if summary.spells:
            everybody = await self._reports.summaries(around, limit=_EVERYBODY)
        spells = tuple(
            AttributedSpell(spell, attribute(summary, spell.start, spell.end, everybody))
            for spell in summary.spells
        )
        first, *_ = await self._meeting_with(summary)
        stored = await self._store.get([id])
        times, values = curves(stored[0]) if stored else ((), {})
        line = fold(stored[0], lifetime=self._lifetime) if stored else None
        return SessionDetail(
            summary,
            summary.grade,
            first.session,
            spells,
            summary.grade_spans,
            times,
            values,
            events(line) if line else summary.events,
        )

    async def participant(
        self, browser_id: str, selection: SummaryFilter, *, limit: int = 50
    ) -> Participant:
        """A browser's sessions in the window. Raises `NotFoundError`."""
        selection = msgspec.structs.replace(selection, browser_id=browser_id)
        rows = await self._reports.facts(("network", "browser", *Stay._fields), selection)
        if not rows:
            raise NotFoundError(f"participant {browser_id}: no session in this time")
        stays = [Stay(*row[2:]) for row in rows]
        lengths = {stay: known for stay in stays if (known := stay.good + stay.fair + stay.poor)}
        # Of equally good or bad calls the longest says most.
        best = min(lengths, key=lambda length: (bad_share(length), -lengths[length]), default=None)
        worst = max(lengths, key=lambda length: (bad_share(length), lengths[length]), default=None)
        extremes = {
            summary.session: summary
            for summary in await self._reports.get_summaries(
                [summary.session for summary in (best, worst) if summary is not None]
            )
        }
        return Participant(
            browser_id,
            len(stays),
            len({stay.room for stay in stays}),
            minutes(stays),
            grades(stays),
            dict(Counter(row[0] for row in rows).most_common()),
            dict(Counter(row[1] for row in rows).most_common()),
            tuple(await self._reports.summaries(selection, limit=limit)),
            extremes.get(best.session) if best else None,
            extremes.get(worst.session) if worst else None,
        )

    async def usage(self, period: Period, selection: SummaryFilter) -> list[Usage]:
        """Meetings of five minutes and more, by the period in which they began (UTC)."""
        return await asyncio.to_thread(_usage, await read_stays(self._reports, selection), period)

    async def search(self, text: str, *, limit: int = 20) -> list[SearchHit]:
        """Conferences, participants and addresses that have `text` in them."""
        found: list[SearchHit] = []
        for item in self._pseudonyms.search_texts(text):
            if item:
                found += await self._reports.search(item, limit)
        return list(dict.fromkeys(found))[:limit]

    async def shares(self, by: str, since: int, until: int) -> list[Share]:
        """How the known time was by a dimension, or over everybody (`ALL`), as it is now.

        From summaries and not from rollups, which do not know how many people there were; from the
        whole five minutes in which `since` lies.
        """
        columns = ("browser_id", "series", *([by] if by else ()))
        sums: dict[str, tuple[set[str], list[int]]] = {}
        rows = await self._reports.facts(columns, SummaryFilter(since=since, until=until))
        for number, (browser_id, series, *values) in enumerate(rows):
            if number % _AT_ONCE == 0:
                await asyncio.sleep(0)  # Pushes come first.
            slices = [
                span for span in slices_of(series) if since - since % BUCKET <= span.start < until
            ]
            known = sum(part.good + part.fair + part.poor for part in slices)
            if known:
                people, seconds = sums.setdefault(values[0] if by else ALL, (set(), [0, 0]))
                people.add(browser_id)
                seconds[0] += known
                seconds[1] += sum(part.poor for part in slices)
        return [Share(value, len(v), *seconds) for value, (v, seconds) in sorted(sums.items())]

    async def silence(self, since: int, until: int, *, quiet: int) -> Silence | None:
        """The latest sample of the sessions that were there; None when there were none.

        Who fell silent is only looked up when that was `quiet` seconds before `until`.
        """
        rows = await self._reports.facts(
            ("last", "session"), SummaryFilter(since=since, until=until)
        )
        if not rows:
            return None
        last = max(row[0] for row in rows)
        if until - last < quiet:
            return Silence(last, 0)
        together = [row[1] for row in rows if row[0] > last - _TOGETHER]
        found = await self._reports.get_summaries(together)
        return Silence(last, len({row.browser_id for row in found if not row.left}))

    @property
    def _reports(self) -> Reports:
        return self._store.reports

    async def _summary(self, id: str) -> Summary:  # noqa: A002 - it is the API's name
        found = await self._reports.get_summaries([id])
        if not found:
            raise NotFoundError(f"session {id}: not known")
        return found[0]

    async def _meeting_with(self, summary: Summary) -> Room:
        """Who was in the meeting that this session was part of."""
        room_stays = list(await read_stays(self._reports, SummaryFilter(room=summary.room)))
        return next(
            part
            for part in split(room_stays)
            if any(item.session == summary.session for item in part)
        )


def _usage(stays: Iterable[Stay], period: Period) -> list[Usage]:
    periods: dict[int, list[Room]] = {}
    for room_stays in by_room(stays).values():
        for part in split(room_stays):
            began = part[0].began
            if max(item.ended for item in part) - began >= _LONG_ENOUGH:
                periods.setdefault(_period(began, period), []).append(part)
    return [
        Usage(
            start,
            len(meetings),
            len({item.browser_id for meeting in meetings for item in meeting}),
            minutes(item for meeting in meetings for item in meeting),
        )
        for start, meetings in sorted(periods.items())
    ]


def _period(moment: int, period: Period) -> int:
    day = datetime.fromtimestamp(moment - moment % DAY, UTC)
    if period == "week":
        day -= timedelta(days=day.weekday())
    elif period == "month":
        day = day.replace(day=1)
    return int(day.timestamp())


def _page(
    items: Sequence[Any], limit: int, after: str | None, cursor: Callable[[Any], str]
) -> Page:
    start = 0
    if after is not None:
        keys = [cursor(item) for item in items]
        if after not in keys:
            raise ValueError(f"cursor = {after!r}: expected what an earlier answer gave")
        start = keys.index(after) + 1
    found = items[start : start + limit]
    more = cursor(found[-1]) if start + limit < len(items) else None
    return Page(found, more)
