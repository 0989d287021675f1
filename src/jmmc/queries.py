"""Every question that may be asked, answered in one place: API, terminal and pages agree."""

import asyncio
import re
from collections import Counter
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any, Literal, NamedTuple

import msgspec

from jmmc.alerts import Share, Silence
from jmmc.answers import (
    BlamedSpell,
    Cell,
    Compared,
    Grades,
    HeatRow,
    Lane,
    Live,
    Meeting,
    Now,
    Overview,
    Participant,
    Point,
    Spread,
    Usage,
    WholeMeeting,
    WholeSession,
)
from jmmc.blame import blame
from jmmc.columns import curves
from jmmc.errors import JmmcError
from jmmc.fold import fold
from jmmc.incidents import incidents
from jmmc.live import Gathering
from jmmc.meetings import (
    Room,
    Stay,
    bad_share,
    badness,
    by_room,
    grades,
    meeting_of,
    meetings_of,
    minutes,
    rooms_of,
    split,
)
from jmmc.pseudonyms import Pseudonyms
from jmmc.rollup import ALL, CHOSEN, DAY, HOUR, Chosen, Part, by_value, total, windows
from jmmc.stores import Reports, Store
from jmmc.summary import BUCKET, DIMENSIONS, Found, Slice, Summary, Wanted, happenings
from jmmc.tasks import ahead

_LONG_ENOUGH = 300  # Seconds: shorter meetings are no use of the server, but tries.
_CELLS = 60  # Of a row of a heat map, at the most.
_POINTS = 200  # Of a series, at the most.
_SINGLY = 50  # Rooms: more of them are quicker read in one go than one by one.
_EVERYBODY = 5000  # Summaries that a blame looks at: those nearest in time.
_STEPS = (300, 900, 3600, 4 * 3600, DAY, 7 * DAY)
_SERIES = msgspec.json.Decoder(tuple[Slice, ...])

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


class WholeOverview(NamedTuple):
    """An overview, every hour of it in which somebody was there, a comparison, and a spread."""

    overview: Overview
    heat: Sequence[Cell]
    compared: Sequence[Compared]
    spread: Spread


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

    async def overview(self, wanted: Wanted) -> Overview:
        """Now, and the window of `wanted` (both ends needed): sums, and a series."""
        if _only_window(wanted):
            conferences = await self._reports.count_conferences(wanted)
            return await self._overview(wanted, await self._parts(wanted), conferences)
        chosen = await self._chosen(wanted, ALL)
        return await self._overview(wanted, chosen.parts, len(chosen.rooms))

    async def whole_overview(self, wanted: Wanted, by: str, *, worst: int) -> WholeOverview:
        """The overview with all that a page shows beside it.

        What has a filter is read once for all of it.
        """
        if _only_window(wanted):
            parts = await self._parts(wanted)
            compared = await self.compare(by, wanted)
            tenths, rooms = await self._tenths(wanted)
        else:
            chosen = await self._chosen(wanted, by)
            parts, compared = chosen.parts, _compared(chosen.values)
            tenths = chosen.tenths
            rooms = {conf: badness(*seconds) for conf, seconds in chosen.rooms.items()}
        return WholeOverview(
            await self._overview(wanted, parts, len(rooms)),
            [_cell(it) for it in _by_start(parts, HOUR)],
            compared,
            Spread(tuple(tenths), await self._worst(wanted, rooms, worst)),
        )

    async def live(self) -> Live:
        """This moment."""
        gathering = Gathering()
        async for some in ahead(self._reports.present()):
            gathering.add(some)
        return gathering.live(int(self._clock()))

    async def compare(self, by: str, wanted: Wanted) -> list[Compared]:
        """The values of a dimension, the most used first."""
        if by not in DIMENSIONS:
            raise ValueError(f"by = {by!r}: expected {', '.join(DIMENSIONS)}")
        if not _only_window(wanted):
            return _compared((await self._chosen(wanted, by)).values)
        values: dict[str, list[Part]] = {}
        for length, since, until in windows(*_window(wanted)):
            rollups = await self._reports.rollups(by, length, since - since % length, until)
            for value, parts in by_value(rollups).items():
                values.setdefault(value, []).extend(_inside(parts, since, until))
        return _compared({value: total(its, 0) for value, its in values.items()})

    async def heat_by(self, by: str, wanted: Wanted) -> list[HeatRow]:
        """Bad time by a dimension, in a few dozen steps; filters but the window do not count."""
        since, until = _window(wanted)
        step = next((it for it in _STEPS if (until - since) / it <= _CELLS), _STEPS[-1])
        step = max(step, HOUR)
        rollups = await self._reports.rollups(by, HOUR, since - since % HOUR, until)
        rows = [
            HeatRow(value, step, tuple(_cell(it) for it in _by_start(parts, step)))
            for value, parts in sorted(by_value(rollups).items())
            if value
        ]
        return [it for it in rows if it.cells]

    async def conferences(self, wanted: Wanted, *, limit: int, after: str | None = None) -> Page:
        """Rooms, the latest first."""
        found = await asyncio.to_thread(rooms_of, await self._stays(wanted))
        return _page(found, limit, after, lambda it: f"{it.last}:{it.conf}")

    async def meetings(self, wanted: Wanted) -> list[Meeting]:
        """The meetings of the window, the latest first."""
        return await asyncio.to_thread(meetings_of, await self._stays(wanted))

    async def meeting(self, id: str) -> WholeMeeting:  # noqa: A002 - it is the API's name
        """A meeting, by the id of any of its sessions. Raises `NotFoundError`."""
        summary = await self._summary(id)
        its = await self._meeting_with(summary)
        summaries = await self._reports.get_summaries([it.session for it in its])
        summaries.sort(key=lambda it: (it.began, it.session))
        meeting = meeting_of(its)
        everybody: list[Summary] = []
        if any(it.spells for it in summaries):
            around = Wanted(since=meeting.began, until=meeting.ended + 1)
            everybody = await self._reports.summaries(around, limit=_EVERYBODY)
        lanes = tuple(Lane(it, it.grade) for it in summaries)
        return WholeMeeting(meeting, lanes, incidents(summaries, everybody))

    async def sessions(self, wanted: Wanted, *, limit: int, after: str | None = None) -> Page:
        """Summaries, the newest first."""
        cursor = None
        if after is not None:
            began, _, session = after.partition(":")
            if not _BEGAN.fullmatch(began):
                raise ValueError(f"cursor = {after!r}: expected what an earlier answer gave")
            cursor = (int(began), session)
        found = await self._reports.summaries(wanted, limit=limit + 1, after=cursor)
        more = (
            f"{found[limit - 1].began}:{found[limit - 1].session}" if len(found) > limit else None
        )
        return Page(found[:limit], more)

    async def session(self, id: str) -> WholeSession:  # noqa: A002 - it is the API's name
        """A session with its curves. Raises `NotFoundError`.

        The curves are gone when its samples are too old to be kept.
        """
        summary = await self._summary(id)
        around = Wanted(since=summary.began, until=summary.ended + 1)
        everybody: list[Summary] = []
        if summary.spells:
            everybody = await self._reports.summaries(around, limit=_EVERYBODY)
        spells = tuple(
            BlamedSpell(it, blame(summary, it.start, it.end, everybody)) for it in summary.spells
        )
        first, *_ = await self._meeting_with(summary)
        stored = await self._store.get([id])
        times, values = curves(stored[0]) if stored else ((), {})
        line = fold(stored[0], lifetime=self._lifetime) if stored else None
        return WholeSession(
            summary,
            summary.grade,
            first.session,
            spells,
            summary.lane,
            times,
            values,
            happenings(line) if line else summary.happenings,
        )

    async def participant(self, uid: str, wanted: Wanted, *, limit: int = 50) -> Participant:
        """A browser's sessions in the window. Raises `NotFoundError`."""
        wanted = msgspec.structs.replace(wanted, uid=uid)
        rows = await self._reports.facts(("network", "browser", *Stay._fields), wanted)
        if not rows:
            raise NotFoundError(f"participant {uid}: no session in this time")
        stays = [Stay(*row[2:]) for row in rows]
        lengths = {it: known for it in stays if (known := it.good + it.fair + it.poor)}
        # Of equally good or bad calls the longest says most.
        best = min(lengths, key=lambda it: (bad_share(it), -lengths[it]), default=None)
        worst = max(lengths, key=lambda it: (bad_share(it), lengths[it]), default=None)
        extremes = {
            it.session: it
            for it in await self._reports.get_summaries(
                [it.session for it in (best, worst) if it is not None]
            )
        }
        return Participant(
            uid,
            len(stays),
            len({it.conf for it in stays}),
            minutes(stays),
            grades(stays),
            dict(Counter(row[0] for row in rows).most_common()),
            dict(Counter(row[1] for row in rows).most_common()),
            tuple(await self._reports.summaries(wanted, limit=limit)),
            extremes.get(best.session) if best else None,
            extremes.get(worst.session) if worst else None,
        )

    async def usage(self, period: Period, wanted: Wanted) -> list[Usage]:
        """Meetings of five minutes and more, by the period in which they began (UTC)."""
        return await asyncio.to_thread(_usage, await self._stays(wanted), period)

    async def search(self, text: str, *, limit: int = 20) -> list[Found]:
        """Conferences, participants and addresses that have `text` in them."""
        found: list[Found] = []
        for it in self._pseudonyms.texts(text):
            if it:
                found += await self._reports.search(it, limit)
        return list(dict.fromkeys(found))[:limit]

    async def shares(self, by: str, since: int, until: int) -> list[Share]:
        """How the known time was by a dimension, or over everybody (`ALL`), as it is now.

        From summaries and not from rollups, which do not know how many people there were; from the
        whole five minutes in which `since` lies.
        """
        columns = ("uid", "series", *([by] if by else ()))
        sums: dict[str, tuple[set[str], list[int]]] = {}
        rows = await self._reports.facts(columns, Wanted(since=since, until=until))
        for number, (uid, series, *values) in enumerate(rows):
            if number % _AT_ONCE == 0:
                await asyncio.sleep(0)  # Pushes come first.
            slices = [
                it for it in _SERIES.decode(series) if since - since % BUCKET <= it.start < until
            ]
            known = sum(it.good + it.fair + it.poor for it in slices)
            if known:
                people, seconds = sums.setdefault(values[0] if by else ALL, (set(), [0, 0]))
                people.add(uid)
                seconds[0] += known
                seconds[1] += sum(it.poor for it in slices)
        return [Share(value, len(its), *seconds) for value, (its, seconds) in sorted(sums.items())]

    async def silence(self, since: int, until: int, *, quiet: int) -> Silence | None:
        """The latest sample of the sessions that were there; None when there were none.

        Who fell silent is only looked up when that was `quiet` seconds before `until`.
        """
        rows = await self._reports.facts(("last", "session"), Wanted(since=since, until=until))
        if not rows:
            return None
        last = max(row[0] for row in rows)
        if until - last < quiet:
            return Silence(last, 0)
        together = [row[1] for row in rows if row[0] > last - _TOGETHER]
        found = await self._reports.get_summaries(together)
        return Silence(last, len({it.uid for it in found if not it.left}))

    @property
    def _reports(self) -> Reports:
        return self._store.reports

    async def _summary(self, id: str) -> Summary:  # noqa: A002 - it is the API's name
        found = await self._reports.get_summaries([id])
        if not found:
            raise NotFoundError(f"session {id}: not known")
        return found[0]

    async def _stays(self, wanted: Wanted) -> list[Stay]:
        """Of 100,000 what is asked takes half a second: a thread's work, beside the loop's."""
        rows = await self._reports.facts(Stay._fields, wanted)
        return await asyncio.to_thread(lambda: list(map(Stay._make, rows)))

    async def _meeting_with(self, summary: Summary) -> Room:
        """Who was in the meeting that this session was part of."""
        room = await self._stays(Wanted(conf=summary.conf))
        return next(its for its in split(room) if any(it.session == summary.session for it in its))

    async def _now(self, wanted: Wanted) -> Now:
        running = msgspec.structs.replace(wanted, since=None, until=None, running=True)
        rows = await self._reports.facts(("conf", "uid", "series"), running)
        latest = [its[-1] for row in rows if (its := _SERIES.decode(row[2]))]
        return Now(
            len(rows),
            len({row[1] for row in rows}),
            len({row[0] for row in rows}),
            Grades.of(
                sum(it.good for it in latest),
                sum(it.fair for it in latest),
                sum(it.poor for it in latest),
                sum(it.unknown for it in latest),
            ),
        )

    async def _parts(self, wanted: Wanted) -> list[Part]:
        """The sums of a window without a filter, by five minutes."""
        since, until = _window(wanted)
        rollups = await self._reports.rollups(ALL, HOUR, since - since % HOUR, until)
        return _inside(by_value(rollups).get("", ()), since, until)

    async def _chosen(self, wanted: Wanted, by: str) -> Chosen:
        """The sums of a window with a filter. Between its pieces pushes have their turn."""
        chosen = Chosen(*_window(wanted))
        names = (*CHOSEN, by) if by else CHOSEN
        async for columns in ahead(self._reports.columns(names, wanted)):
            chosen.add(columns)
        return chosen

    async def _tenths(self, wanted: Wanted) -> tuple[list[int], dict[str, int]]:
        """Sessions by how much of their time was good, and how bad each conference was."""
        counts = [0] * 10
        rooms: dict[str, int] = {}
        for it in await self._reports.tenths(wanted):
            if it.tenth is not None:
                counts[it.tenth] += it.sessions
            rooms[it.conf] = rooms.get(it.conf, 0) + badness(it.fair, it.poor)
        return counts, rooms

    async def _overview(self, wanted: Wanted, parts: Sequence[Part], conferences: int) -> Overview:
        since, until = _window(wanted)
        step = next((it for it in _STEPS if (until - since) / it <= _POINTS), _STEPS[-1])
        whole = total(parts, since)
        points = tuple(
            Point(
                it.start,
                round(it.seconds / max(1, min(it.start + step, until) - max(it.start, since)), 2),
                Grades.of(it.good, it.fair, it.poor, it.unknown),
            )
            for it in _by_start(parts, step)
        )
        return Overview(
            since,
            until,
            await self._now(wanted),
            whole.sessions,
            conferences,
            whole.seconds // 60,
            round(max((it.seconds / BUCKET for it in parts), default=0.0), 2),
            Grades.of(whole.good, whole.fair, whole.poor, whole.unknown),
            step,
            points,
        )

    async def _worst(
        self, wanted: Wanted, rooms: Mapping[str, int], worst: int
    ) -> tuple[Meeting, ...]:
        """The worst meetings of the window, of rooms of which it is known how bad they were.

        No meeting is worse than all of its room: only those that may have one are looked at.
        """
        confs = sorted(rooms, key=lambda conf: (rooms[conf], conf), reverse=True)
        found: list[tuple[int, Room]] = []
        looked = 0
        while looked < len(confs):
            least = found[worst - 1][0] if len(found) >= worst else 0
            if found and rooms[confs[looked]] < max(least, 1):
                break
            size = worst if looked < _SINGLY else len(confs)
            found += await self._bad_meetings(wanted, confs[looked : looked + size])
            found.sort(key=lambda it: (it[0], it[1][0].conf, it[1][0].began), reverse=True)
            looked += size
        return tuple(meeting_of(its) for _, its in found[:worst])

    async def _bad_meetings(self, wanted: Wanted, confs: Collection[str]) -> list[tuple[int, Room]]:
        """How bad the meetings of these rooms were, and who was there."""
        if len(confs) > _SINGLY:
            looked_for = set(confs)
            stays = [it for it in await self._stays(wanted) if it.conf in looked_for]
        else:
            stays = []
            for it in confs:
                stays += await self._stays(msgspec.structs.replace(wanted, conf=it))
        return [
            (bad, its)
            for room in by_room(stays).values()
            for its in split(room)
            if (bad := sum(badness(it.fair, it.poor) for it in its))
        ]


def _window(wanted: Wanted) -> tuple[int, int]:
    if wanted.since is None or wanted.until is None or wanted.since >= wanted.until:
        raise ValueError("since and until are needed, since before until")
    return wanted.since, wanted.until


def _only_window(wanted: Wanted) -> bool:
    return wanted == Wanted(since=wanted.since, until=wanted.until)


def _cell(part: Part) -> Cell:
    return Cell(part.start, part.good + part.fair + part.poor, part.fair + part.poor)


def _compared(values: Mapping[str, Part]) -> list[Compared]:
    compared = [Compared.of(value, sums) for value, sums in values.items()]
    compared = [it for it in compared if it.sessions or it.minutes]
    return sorted(compared, key=lambda it: (-it.minutes, -it.sessions, it.value))


def _inside(parts: Iterable[Part], since: int, until: int) -> list[Part]:
    """Parts that begin in a window, widened to whole five minutes."""
    return [it for it in parts if since - since % BUCKET <= it.start < until]


def _by_start(parts: Iterable[Part], step: int) -> list[Part]:
    steps: dict[int, list[Part]] = {}
    for it in parts:
        steps.setdefault(it.start - it.start % step, []).append(it)
    return [total(steps[start], start) for start in sorted(steps)]


def _usage(stays: Iterable[Stay], period: Period) -> list[Usage]:
    periods: dict[int, list[Room]] = {}
    for room in by_room(stays).values():
        for its in split(room):
            began = its[0].began
            if max(it.ended for it in its) - began >= _LONG_ENOUGH:
                periods.setdefault(_period(began, period), []).append(its)
    return [
        Usage(
            start,
            len(meetings),
            len({it.uid for its in meetings for it in its}),
            minutes(it for its in meetings for it in its),
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
        keys = [cursor(it) for it in items]
        if after not in keys:
            raise ValueError(f"cursor = {after!r}: expected what an earlier answer gave")
        start = keys.index(after) + 1
    found = items[start : start + limit]
    more = cursor(found[-1]) if start + limit < len(items) else None
    return Page(found, more)
