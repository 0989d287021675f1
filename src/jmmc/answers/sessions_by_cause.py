"""The incidents with a likely cause of one kind, and the sessions in them."""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from typing import NamedTuple

import msgspec

from jmmc.answers.incidents import incidents
from jmmc.answers.lists import sessions
from jmmc.quality.causes import Cause
from jmmc.quality.causes.parameters import CLEAR
from jmmc.quality.causes.recorded import RecordedIncident
from jmmc.quality.filters import IncidentFilter, SummaryFilter
from jmmc.quality.ordering import NEWEST_FIRST, Order
from jmmc.quality.summary import Summary
from jmmc.stores import Reports

_MOST_INCIDENTS = 2000  # Of the window.
_TOGETHER = 200  # Items of one query.


class SessionsByCause(NamedTuple):
    """Sessions with a likely cause of one kind, in an order, and these causes by session.

    `is_complete`: there are no more. An incident names its 50 most affected sessions.
    """

    sessions: Sequence[Summary]
    causes: Mapping[str, Sequence[Cause]]
    is_complete: bool


async def sessions_by_cause(
    reports: Reports,
    selection: SummaryFilter,
    kind: str,
    *,
    limit: int,
    order: Order = NEWEST_FIRST,
) -> SessionsByCause:
    """At most `limit` of the selected sessions that are in an incident with this likely cause."""
    causes, all_named = await sessions_with_cause(reports, selection, kind)
    page = await sessions(
        reports,
        msgspec.structs.replace(selection, sessions=tuple(causes)),
        limit=limit,
        order=order,
        after=None,
    )
    return SessionsByCause(page.items, causes, all_named and page.after is None)


async def sessions_with_cause(
    reports: Reports, selection: SummaryFilter, kind: str
) -> tuple[Mapping[str, Sequence[Cause]], bool]:
    """The likely causes of this kind by session, and whether these are all sessions."""
    causes: dict[str, list[Cause]] = defaultdict(list)
    found, all_named = await incidents_with_cause(reports, selection, kind)
    for incident in found:
        all_named = all_named and incident.sessions == len(incident.worst_sessions)
        for affected in incident.worst_sessions:
            causes[affected.session].append(incident.cause)
    return dict(causes), all_named


async def incidents_with_cause(
    reports: Reports, selection: SummaryFilter, kind: str
) -> tuple[list[RecordedIncident], bool]:
    """The incidents of the window with a likely cause of this kind, and whether these are all."""
    window = IncidentFilter(
        since=selection.since, until=selection.until, cause=kind, min_probability=CLEAR
    )
    found: list[RecordedIncident] = []
    after = None
    for _ in range(_MOST_INCIDENTS // _TOGETHER):
        page = await incidents(reports, window, limit=_TOGETHER, order="newest", after=after)
        found += [incident for incident in page.items if incident.answer.likely]
        after = page.after
        if after is None:
            return found, True
    return found, False
