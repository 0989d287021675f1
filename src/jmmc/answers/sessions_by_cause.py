"""The sessions in incidents with a likely cause of one kind."""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from typing import NamedTuple

from jmmc.answers.incidents import incidents
from jmmc.quality.causes import Cause
from jmmc.quality.causes.parameters import CLEAR
from jmmc.quality.filters import IncidentFilter, SummaryFilter
from jmmc.quality.size_limits import bounded
from jmmc.quality.summary import Summary
from jmmc.stores import Reports

_MOST_INCIDENTS = 2000  # Of the window.
_MOST_READ = 5000  # Sessions of the window among which they are sought.
_TOGETHER = 200  # Items of one query.


class SessionsByCause(NamedTuple):
    """Sessions with a likely cause of one kind, the newest first, and these causes by session.

    `is_complete`: there are no more. An incident names its 50 most affected sessions.
    """

    sessions: Sequence[Summary]
    causes: Mapping[str, Sequence[Cause]]
    is_complete: bool


async def sessions_by_cause(
    reports: Reports, selection: SummaryFilter, kind: str, *, limit: int
) -> SessionsByCause:
    """At most `limit` of the selected sessions that are in an incident with this likely cause."""
    causes, all_named = await _causes(reports, selection, kind)
    found: list[Summary] = []
    after: tuple[int, str] | None = None
    for _ in range(_MOST_READ // _TOGETHER if causes else 0):
        part = await reports.summaries(selection, limit=_TOGETHER, after=after)
        found += [bounded(summary) for summary in part if summary.session in causes]
        if len(part) < _TOGETHER or len(found) > limit:
            return SessionsByCause(found[:limit], causes, all_named and len(found) <= limit)
        after = (part[-1].began, part[-1].session)
    return SessionsByCause(found[:limit], causes, all_named and not causes)


async def _causes(
    reports: Reports, selection: SummaryFilter, kind: str
) -> tuple[Mapping[str, Sequence[Cause]], bool]:
    """The likely causes of this kind by session, and whether these are all sessions."""
    window = IncidentFilter(
        since=selection.since, until=selection.until, cause=kind, min_probability=CLEAR
    )
    causes: dict[str, list[Cause]] = defaultdict(list)
    all_named, after = True, None
    for _ in range(_MOST_INCIDENTS // _TOGETHER):
        page = await incidents(reports, window, limit=_TOGETHER, order="newest", after=after)
        for incident in page.items:
            all_named = all_named and incident.sessions == len(incident.worst_sessions)
            for affected in incident.worst_sessions:
                causes[affected.session].append(incident.cause)
        after = page.after
        if after is None:
            return dict(causes), all_named
    return dict(causes), False
