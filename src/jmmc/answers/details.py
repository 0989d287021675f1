"""One session, one meeting or one participant, with everything that is known of it."""

from collections import Counter

import msgspec

from jmmc.answers.meetings import (
    Room,
    Stay,
    bad_share,
    grades,
    meeting_of,
    minutes,
    split,
)
from jmmc.answers.model import (
    AttributedSpell,
    Lane,
    MeetingDetail,
    Participant,
    SessionDetail,
)
from jmmc.answers.stays import read_stays
from jmmc.core.errors import JmmcError
from jmmc.quality.attribution import attribute
from jmmc.quality.columns import curves
from jmmc.quality.filters import SummaryFilter
from jmmc.quality.incidents import incidents
from jmmc.quality.summarize import events
from jmmc.quality.summary import Summary
from jmmc.quality.timeline import build_timeline
from jmmc.stores import Reports, Store

_EVERYBODY = 5000  # Summaries that an attribution takes into account: those nearest in time.


class NotFoundError(JmmcError):
    """There is no such session, meeting or participant."""


async def session_detail(store: Store, id_: str, *, lifetime: float) -> SessionDetail:
    """A session with its curves; they are empty once its samples are deleted by retention.

    `lifetime` as in `fold`. Raises `NotFoundError`.
    """
    reports = store.reports
    summary = await _summary(reports, id_)
    around = SummaryFilter(since=summary.began, until=summary.ended + 1)
    everybody: list[Summary] = []
    if summary.spells:
        everybody = await reports.summaries(around, limit=_EVERYBODY)
    spells = tuple(
        AttributedSpell(spell, attribute(summary, spell.start, spell.end, everybody))
        for spell in summary.spells
    )
    first, *_ = await _stays_of_meeting(reports, summary)
    stored = await store.get([id_])
    times, values = curves(stored[0]) if stored else ((), {})
    timeline = build_timeline(stored[0], lifetime=lifetime) if stored else None
    return SessionDetail(
        summary,
        summary.grade,
        first.session,
        spells,
        summary.grade_spans,
        times,
        values,
        events(timeline) if timeline else summary.events,
    )


async def meeting_detail(reports: Reports, id_: str) -> MeetingDetail:
    """A meeting, by the id of any of its sessions. Raises `NotFoundError`."""
    stays = await _stays_of_meeting(reports, await _summary(reports, id_))
    summaries = await reports.get_summaries([stay.session for stay in stays])
    summaries.sort(key=lambda summary: (summary.began, summary.session))
    meeting = meeting_of(stays)
    everybody: list[Summary] = []
    if any(summary.spells for summary in summaries):
        around = SummaryFilter(since=meeting.began, until=meeting.ended + 1)
        everybody = await reports.summaries(around, limit=_EVERYBODY)
    lanes = tuple(Lane(summary, summary.grade) for summary in summaries)
    return MeetingDetail(meeting, lanes, incidents(summaries, everybody))


async def participant_detail(
    reports: Reports, browser_id: str, selection: SummaryFilter, *, limit: int
) -> Participant:
    """A browser's sessions in a window, with the newest `limit` of them.

    Raises `NotFoundError`.
    """
    selection = msgspec.structs.replace(selection, browser_id=browser_id)
    rows = await reports.facts(("network", "browser", *Stay._fields), selection)
    if not rows:
        raise NotFoundError(f"participant {browser_id}: no session in this window")
    stays = [Stay(*row[2:]) for row in rows]
    lengths = {stay: known for stay in stays if (known := stay.good + stay.fair + stay.poor)}
    # Of equally good or bad calls the longest says most.
    best = min(lengths, key=lambda stay: (bad_share(stay), -lengths[stay]), default=None)
    worst = max(lengths, key=lambda stay: (bad_share(stay), lengths[stay]), default=None)
    extremes = {
        summary.session: summary
        for summary in await reports.get_summaries(
            [stay.session for stay in (best, worst) if stay is not None]
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
        tuple(await reports.summaries(selection, limit=limit)),
        extremes.get(best.session) if best else None,
        extremes.get(worst.session) if worst else None,
    )


async def _summary(reports: Reports, session: str) -> Summary:
    found = await reports.get_summaries([session])
    if not found:
        raise NotFoundError(f"session {session}: not known")
    return found[0]


async def _stays_of_meeting(reports: Reports, summary: Summary) -> Room:
    """The stays of the meeting that a session is part of."""
    stays = list(await read_stays(reports, SummaryFilter(room=summary.room)))
    return next(
        meeting
        for meeting in split(stays)
        if any(stay.session == summary.session for stay in meeting)
    )
