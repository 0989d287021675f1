"""One session, one meeting or one participant, with everything that is known of it."""

import statistics
from collections import Counter
from collections.abc import Collection, Iterable, Mapping, Sequence
from heapq import nlargest
from typing import Any

import msgspec

from jmmc.answers.joins import all_joins, attempts_in, rates_of
from jmmc.answers.meetings import (
    Room,
    Stay,
    bad_share,
    empty_meeting,
    grades,
    meeting_of,
    minutes,
)
from jmmc.answers.model import (
    ExplainedSpell,
    Lane,
    Meeting,
    MeetingDetail,
    OthersFigure,
    Participant,
    SessionCurves,
    SessionDetail,
    SessionMark,
)
from jmmc.answers.problem_incidents import (
    ProblemIncidents,
    answer_for,
    incidents_of_problems,
    needs_own_answer,
)
from jmmc.answers.stays import read_stays
from jmmc.answers.threads import in_background
from jmmc.core.computing import pause, paused
from jmmc.core.errors import JmmcError, Worded
from jmmc.core.model import Session
from jmmc.core.parts import parts_of
from jmmc.maintenance.cause_records import read_records
from jmmc.quality.causes import (
    Answer,
    Crowd,
    Explained,
    Incident,
    Records,
    incidents,
    likely_causes,
)
from jmmc.quality.causes.clipping import Clipping
from jmmc.quality.causes.incidents import incident_of
from jmmc.quality.causes.recorded import AFTER, BEFORE, RecordedIncident
from jmmc.quality.filters import SummaryFilter
from jmmc.quality.grading import Grade, Spell
from jmmc.quality.joins import JoinSums
from jmmc.quality.losses import losses_in
from jmmc.quality.meetings import EMPTY_FOR, badness, split
from jmmc.quality.outcomes import ATTEMPTS
from jmmc.quality.segments import track_of
from jmmc.quality.size_limits import bounded
from jmmc.quality.summarize import events
from jmmc.quality.summary import Summary
from jmmc.quality.timeline import Rhythm, Timeline, build_timeline
from jmmc.quality.timeline_rows import curves
from jmmc.quality.ways import matrix_of, ways_of, ways_with
from jmmc.quality.window_sums import fitting_pieces
from jmmc.stores import Reports, Store

MOST_SPELLS = 60
"""Problems of a meeting that are explained, each in about a millisecond: the worst ones, of those
that are part of no stored incident."""
_EVERYBODY = 5000  # Summaries that a likely cause takes into account: those nearest in time.
_SPANS_OF_EACH = 10  # Problems and spans of grades; together some 20 MB.
_MOST_INCIDENTS = 20
_TOGETHER = 200  # Summaries that are decoded without a pause.
_FEW = 5  # Summaries between two looks at the clock: one may take a millisecond.
_MOST_LANES = 1000  # Sessions of one meeting: those with the most known time.
_MOST_EVENTS = 1000
_MOST_ATTEMPTS = 200  # Of one meeting: the newest.
_MOST_VALUES = 100  # Networks and browsers of one participant: the most frequent.
_MOST_MARKS = 500  # Sessions of one participant on a time scale: the newest.
_DAY = 86_400
_RECENT = 30 * _DAY
_TOGETHER_FOR = 30  # Seconds that two sessions of a meeting overlap at least, to be compared.
_MEDIAN = 1  # Place in the quantiles of a summary.


class NotFoundError(Worded, JmmcError):
    """There is no such session, meeting or participant."""


async def session_detail(store: Store, id_: str, *, rhythm: Rhythm) -> SessionDetail:
    """A session with its curves; they are empty once its samples are deleted by retention.

    `rhythm` as in `build_timeline`. Raises `NotFoundError`.
    """
    reports = store.reports
    summary = await _summary(reports, id_)
    recent = await _recent(reports, summary)
    own_sessions = {summary.session, *(mark.session for mark in recent)}
    recorded = await incidents_of_problems(reports, ((summary, spell) for spell in summary.spells))
    to_explain = [
        spell
        for spell in summary.spells
        if needs_own_answer(recorded.incident_of(summary.session, spell), own_sessions)
    ]
    everybody: list[Summary] = []
    if to_explain:
        everybody = await _everybody(reports, summary.began, summary.ended, _EVERYBODY)
    stays = await _stays_of_meeting(reports, summary)
    meeting = stays[0].session if stays else summary.session
    others = await _summaries_of_others(reports, stays, id_)
    records = Records()
    if to_explain:
        people = [summary.browser_id, *(stay.browser_id for stay in stays)]
        records = await read_records(reports, [summary], people, summary.began)
    stored = await store.get([id_])
    session = stored[0] if stored else None
    problems = [(summary, spell) for spell in to_explain]
    explained = await in_background(lambda: _explain(problems, everybody, records, summary))
    own = {problem.spell.start: problem.answer for problem in explained}
    spells = [_explained(summary, spell, recorded, own, own_sessions) for spell in summary.spells]
    detail = await in_background(
        lambda: _detail_of(summary, meeting, others, spells, session, rhythm)
    )
    return msgspec.structs.replace(detail, recent=recent, part_of=recorded.affecting)


async def session_curves(store: Store, id_: str, *, rhythm: Rhythm) -> SessionCurves:
    """The curves of a session; they are empty once its samples are deleted by retention.

    `rhythm` as in `build_timeline`. Raises `NotFoundError`.
    """
    reports = store.reports
    summary = await _summary(reports, id_)
    stays = await _stays_of_meeting(reports, summary)
    others = await _summaries_of_others(reports, stays, id_)
    stored = await store.get([id_])
    session = stored[0] if stored else None
    return await in_background(lambda: _curves_of(summary, others, session, rhythm))


def _curves_of(
    summary: Summary, others: Sequence[Summary], session: Session | None, rhythm: Rhythm
) -> SessionCurves:
    timeline = build_timeline(session, rhythm=rhythm) if session else None
    pause()
    times, values = curves(timeline) if timeline else ((), {})
    found = events(timeline)[:_MOST_EVENTS] if timeline else summary.events
    return SessionCurves(summary, times, values, found, _others(summary, others))


async def _summaries_of_others(reports: Reports, stays: Room, session: str) -> list[Summary]:
    return await reports.get_summaries(
        [stay.session for stay in _longest(stays, _TOGETHER) if stay.session != session]
    )


async def _recent(reports: Reports, summary: Summary) -> tuple[SessionMark, ...]:
    selection = SummaryFilter(
        browser_id=summary.browser_id,
        since=summary.began - _RECENT,
        until=summary.ended + _DAY,
    )
    return await _marks(reports, selection)


async def _marks(reports: Reports, selection: SummaryFilter) -> tuple[SessionMark, ...]:
    rows = await reports.facts(("session", "room", "began", "ended", "grade"), selection)
    return tuple(SessionMark(*row) for row in rows[-_MOST_MARKS:])


def _others(summary: Summary, others: Sequence[Summary]) -> dict[str, OthersFigure]:
    """The metrics of those who were there at the same time; each session has one vote."""
    found: dict[str, OthersFigure] = {}
    together = [
        other
        for other in others
        if other.browser_id != summary.browser_id
        and min(other.ended, summary.ended) - max(other.began, summary.began) >= _TOGETHER_FOR
    ]
    for metric in dict.fromkeys(name for other in together for name in other.quantiles):
        known = [
            other.quantiles[metric][_MEDIAN] for other in together if metric in other.quantiles
        ]
        medians = [value for value in known if value is not None]
        if not medians:
            continue
        # A quantile needs two values.
        low, middle, high = statistics.quantiles(
            medians if len(medians) > 1 else medians * 2, n=4, method="inclusive"
        )
        found[metric] = OthersFigure(len(medians), low, middle, high)
    return found


def _detail_of(
    summary: Summary,
    meeting: str,
    others: Sequence[Summary],
    spells: Sequence[ExplainedSpell],
    session: Session | None,
    rhythm: Rhythm,
) -> SessionDetail:
    timeline = build_timeline(session, rhythm=rhythm) if session else None
    pause()
    if timeline:
        spells = [_with_losses(explained, timeline) for explained in paused(spells, _FEW)]
    times, values = curves(timeline) if timeline else ((), {})
    return SessionDetail(
        summary,
        summary.grade,
        meeting,
        tuple(spells),
        summary.grade_spans,
        times,
        values,
        events(timeline)[:_MOST_EVENTS] if timeline else summary.events,
        ways_with(ways_of([summary, *others]), summary.session),
        _others(summary, others),
    )


def _explained(
    summary: Summary,
    spell: Spell,
    recorded: ProblemIncidents,
    own: Mapping[int, Answer],
    own_sessions: Collection[str],
) -> ExplainedSpell:
    """A problem with the answer of its incident, or its own where there is none."""
    incident = recorded.incident_of(summary.session, spell)
    if incident is None:
        incident = recorded.large_incident_of(spell, own[spell.start])
    if incident is None:
        return ExplainedSpell(spell, own[spell.start])
    answer = answer_for(incident, own_sessions, lambda: own[spell.start])
    return ExplainedSpell(spell, answer, incident=incident.id)


def _with_losses(explained: ExplainedSpell, timeline: Timeline) -> ExplainedSpell:
    spell = explained.spell
    if "loss" not in spell.reasons:
        return explained
    losses = losses_in(timeline.spans, spell.start, spell.end)
    return msgspec.structs.replace(explained, losses=losses)


async def meeting_detail(reports: Reports, id_: str) -> MeetingDetail:
    """A meeting, by the id of any of its sessions or attempts. Raises `NotFoundError`.

    Of a very large meeting it has the sessions with the most known time.
    """
    summary = await _summary(reports, id_, "meeting {id}: not known")
    stays = await _stays_of_meeting(reports, summary)
    if not stays:
        around = await _attempts_around(reports, summary.room, summary.began, summary.began + 1)
        meeting = empty_meeting(summary.session, summary.room, summary.began)
        return MeetingDetail(meeting, (), (), ways_of(()), around)
    shown = _longest(stays, _MOST_LANES)
    summaries: list[Summary] = []
    for part in parts_of([stay.session for stay in shown], _TOGETHER):
        summaries += map(bounded, await reports.get_summaries(part))
    summaries.sort(key=lambda summary: (summary.began, summary.session))
    meeting = await in_background(lambda: meeting_of(stays))
    lanes = tuple(Lane(summary, summary.grade) for summary in summaries)
    problems = [(summary, spell) for summary in summaries for spell in summary.spells]
    recorded = await incidents_of_problems(reports, problems)
    found = await _incidents_of(reports, summaries, meeting, problems, recorded)
    ways = await in_background(lambda: ways_of(summaries))
    matrix = await in_background(lambda: matrix_of(summaries))
    attempts = await _attempts_around(reports, meeting.room, meeting.began, meeting.ended)
    return MeetingDetail(meeting, lanes, found, ways, attempts, matrix, recorded.affecting)


def _longest(stays: Sequence[Stay], most: int) -> list[Stay]:
    """The stays with the most known time."""
    return nlargest(most, stays, key=lambda stay: stay.good + stay.fair + stay.poor)


async def _attempts_around(
    reports: Reports, room: str, began: int, ended: int
) -> tuple[Summary, ...]:
    """The joins of a room that failed or were refused around a meeting, by time."""
    around = SummaryFilter(room=room, since=began - EMPTY_FOR, until=ended + EMPTY_FOR)
    return tuple(reversed(await attempts_in(reports, around, limit=_MOST_ATTEMPTS)))


async def _incidents_of(
    reports: Reports,
    summaries: Sequence[Summary],
    meeting: Meeting,
    problems: Sequence[tuple[Summary, Spell]],
    recorded: ProblemIncidents,
) -> tuple[Incident, ...]:
    """The worst incidents of a meeting, in order of time.

    Problems that are part of a stored incident are one incident of the meeting, with its answer.
    """
    alone = [pair for pair in problems if not recorded.incident_of(pair[0].session, pair[1])]
    alone = nlargest(MOST_SPELLS, alone, key=_badness)
    explained: list[Explained] = []
    if alone:
        everybody = await _everybody(reports, meeting.began, meeting.ended, _EVERYBODY)
        affected = {summary.session: summary for summary, _ in alone}
        by_badness = sorted(
            affected.values(), key=lambda summary: -badness(summary.fair, summary.poor)
        )
        people = [summary.browser_id for summary in by_badness]
        records = await read_records(reports, by_badness, people, meeting.began)
        explained = await in_background(lambda: _explain(alone, everybody, records, meeting))
    return await in_background(lambda: _joined(summaries, problems, recorded, explained))


def _explain(
    problems: Sequence[tuple[Summary, Spell]],
    everybody: Sequence[Summary],
    records: Records,
    time: Summary | Meeting,
) -> list[Explained]:
    """The likely causes of problems, each by itself; `everybody` was there at that time."""
    if not problems:
        return []
    crowd = Crowd(paused(everybody, _FEW), time.began, time.ended)
    explained: list[Explained] = []
    for summary, spell in problems:
        answer = likely_causes(summary, spell, crowd, records)
        explained.append(Explained(summary, spell, answer))
        pause()
    return explained


def _joined(
    summaries: Sequence[Summary],
    problems: Iterable[tuple[Summary, Spell]],
    recorded: ProblemIncidents,
    explained: Iterable[Explained],
) -> tuple[Incident, ...]:
    """The worst incidents of a meeting; `explained` are problems that no stored one names."""
    of_incident: dict[str, tuple[RecordedIncident, list[Explained]]] = {}

    def add(incident: RecordedIncident, summary: Summary, spell: Spell) -> None:
        _, listed = of_incident.setdefault(incident.id, (incident, []))
        listed.append(Explained(summary, spell, incident.answer))

    alone: list[Explained] = []
    for summary, spell in paused(problems):
        if incident := recorded.incident_of(summary.session, spell):
            add(incident, summary, spell)
    for problem in explained:
        if incident := recorded.large_incident_of(problem.spell, problem.answer):
            add(incident, problem.summary, problem.spell)
        else:
            alone.append(problem)
    people = {summary.session: summary.browser_id for summary in summaries}
    found = incidents(alone, people, pause=pause)
    for incident, listed in of_incident.values():
        listed.sort(key=lambda problem: (problem.spell.start, problem.summary.session))
        found.append(incident_of(listed, incident.answer, incident.id))
    worst = nlargest(_MOST_INCIDENTS, found, key=lambda incident: sum(incident.reasons.values()))
    return tuple(sorted(worst, key=lambda incident: (incident.start, incident.sessions)))


def _badness(spell_of: tuple[Summary, Spell]) -> tuple[int, str, int]:
    summary, spell = spell_of
    length = spell.end - spell.start
    bad = badness(0, length) if spell.grade is Grade.POOR else badness(length, 0)
    return bad, summary.session, spell.start


async def participant_detail(
    reports: Reports, browser_id: str, selection: SummaryFilter, *, limit: int
) -> Participant:
    """A browser's sessions in a window, with the newest `limit` of them, and of its attempts.

    Raises `NotFoundError`.
    """
    selection = msgspec.structs.replace(selection, browser_id=browser_id)
    stays = [*await read_stays(reports, selection)]
    attempts = await attempts_in(reports, selection, limit=limit)
    if not (stays or attempts):
        raise NotFoundError("participant {id}: no session in this window", id=browser_id[:100])
    joins = await all_joins(reports, selection)
    there = {stay.session for stay in stays}
    columns = ("session", "browser", "network", "lane", "segments")
    rows = [row for row in await reports.facts(columns, selection) if row[0] in there]
    latest = await reports.summaries(selection, limit=limit)
    participant, best, worst = await in_background(
        lambda: _participant_of(
            browser_id,
            stays,
            _sessions_by_network(rows, selection),
            Counter(browser for _, browser, *_ in rows),
            [bounded(summary) for summary in latest],
        )
    )
    extremes = {
        summary.session: bounded(summary)
        for summary in await reports.get_summaries(
            [stay.session for stay in (best, worst) if stay is not None]
        )
    }
    return msgspec.structs.replace(
        participant,
        best=extremes.get(best.session) if best else None,
        worst=extremes.get(worst.session) if worst else None,
        joins=rates_of(joins, selection),
        attempts=tuple(attempts),
        marks=await _marks(reports, selection),
    )


def _participant_of(
    browser_id: str,
    stays: Sequence[Stay],
    networks: Counter[str],
    browsers: Counter[str],
    latest: Sequence[Summary],
) -> tuple[Participant, Stay | None, Stay | None]:
    """A participant without the best and the worst session, and these two."""
    lengths = {stay: known for stay in stays if (known := stay.good + stay.fair + stay.poor)}
    # Of equally good or bad calls the longest says most.
    best = min(lengths, key=lambda stay: (bad_share(stay), -lengths[stay]), default=None)
    worst = max(lengths, key=lambda stay: (bad_share(stay), lengths[stay]), default=None)
    participant = Participant(
        browser_id,
        len(stays),
        len({stay.room for stay in stays}),
        minutes(stays),
        grades(stays),
        dict(networks.most_common(_MOST_VALUES)),
        dict(browsers.most_common(_MOST_VALUES)),
        tuple(latest),
        None,
        None,
        rates_of(JoinSums(), SummaryFilter()),
        names=tuple(dict.fromkeys(summary.name for summary in latest if summary.name)),
    )
    return participant, best, worst


def _sessions_by_network(rows: Iterable[Sequence[Any]], selection: SummaryFilter) -> Counter[str]:
    """How many sessions had each network in the window; one that moved had several."""
    since, until = selection.window
    networks: Counter[str] = Counter()
    for _, _, network, lane, segments in rows:
        track = track_of(lane, segments)
        fitting = fitting_pieces(track, since, until, selection) if track.segments else ()
        networks.update({piece.values.get("network", network) for piece in fitting} or {network})
    return networks


async def _summary(
    reports: Reports, session: str, not_found: str = "session {id}: not known"
) -> Summary:
    found = await reports.get_summaries([session])
    if not found:
        raise NotFoundError(not_found, id=session[:100])
    return await in_background(lambda: bounded(found[0]))


async def _everybody(reports: Reports, began: int, ended: int, most: int) -> list[Summary]:
    """What likely causes need of at most `most` sessions in a time, the latest."""
    clipped = Clipping(began - BEFORE, ended + AFTER, most=_SPANS_OF_EACH * most)
    around = SummaryFilter(since=began, until=ended + 1)
    found: list[Summary] = []
    after: tuple[int, str] | None = None
    while len(found) < most:
        part = await reports.summaries(around, limit=min(_TOGETHER, most - len(found)), after=after)
        found += map(clipped, part)
        if len(part) < _TOGETHER:
            break
        after = (part[-1].began, part[-1].session)
    return found


async def _stays_of_meeting(reports: Reports, summary: Summary) -> Room:
    """The stays of the meeting that a session is part of.

    Of an attempt, those of the meeting around it; none where the room was empty for long.
    """
    stays = await read_stays(reports, SummaryFilter(room=summary.room))
    if summary.outcome in ATTEMPTS:
        return await in_background(lambda: _meeting_around(stays, summary.began))
    return await in_background(lambda: _meeting_with(stays, summary.session))


def _meeting_with(stays: Iterable[Stay], session: str) -> Room:
    return next(
        meeting
        for meeting in split(paused(stays))
        if any(stay.session == session for stay in meeting)
    )


def _meeting_around(stays: Iterable[Stay], moment: int) -> Room:
    """The nearest meeting, if it is less than `EMPTY_FOR` away."""

    def distance(meeting: Room) -> int:
        ended = max(stay.ended for stay in meeting)
        return max(meeting[0].began - moment, moment - ended, 0)

    nearest = min(split(paused(stays)), key=distance, default=[])
    return nearest if nearest and distance(nearest) < EMPTY_FOR else []
