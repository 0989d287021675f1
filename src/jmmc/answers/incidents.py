"""Incidents of a time, the worst first, and one with the sessions that it affected."""

import re

from msgspec import Struct

from jmmc.answers.details import NotFoundError
from jmmc.answers.lists import Page
from jmmc.core.errors import InvalidInput
from jmmc.quality.causes.recorded import RecordedIncident
from jmmc.quality.filters import IncidentFilter, IncidentOrder
from jmmc.quality.rollups import weights
from jmmc.quality.size_limits import bounded
from jmmc.quality.summary import Summary
from jmmc.stores import Reports

_FEW = 20  # Incidents between two looks at the clock.
_CURSOR = re.compile(r"(-?[0-9]{1,12}):(i[0-9a-f]{16})")
_ID = re.compile("i[0-9a-f]{16}")


class IncidentDetail(Struct, frozen=True):
    """An incident, and the summaries of its most affected sessions that are still stored."""

    incident: RecordedIncident
    sessions: tuple[Summary, ...]


class RunningIncident(Struct, frozen=True):
    """An incident that goes on. `support` is how much stands behind it.

    Each network has one vote, which the running incidents share by their affected time in it.
    """

    incident: RecordedIncident
    support: float


async def running_incidents(reports: Reports) -> list[RunningIncident]:
    """The incidents that go on, for alert rules."""
    stored = await reports.running_incidents()
    support = weights(
        (row.incident.id, network, seconds)
        for row in stored
        for part in row.parts
        for network, seconds in part.networks
    )
    return [RunningIncident(row.incident, support.get(row.incident.id, 0.0)) for row in stored]


def is_incident_id(text: str) -> bool:
    """Whether a text has the form of the id of an incident: an `i` and 16 hex digits."""
    return bool(_ID.fullmatch(text))


async def incidents(
    reports: Reports,
    selection: IncidentFilter,
    *,
    limit: int,
    order: IncidentOrder,
    after: str | None = None,
) -> Page:
    """A page of incidents; only the order `newest` has a page that follows.

    Raises `ValueError` for a cursor that is not one of such a page.
    """
    cursor = None
    if after is not None:
        found = _CURSOR.fullmatch(after)
        if found is None or order != "newest":
            raise InvalidInput(
                "expected the cursor of an earlier answer, newest first",
                field="cursor",
                given=after,
            )
        cursor = int(found[1]), found[2]
    page = await reports.incidents(selection, limit=limit, order=order, after=cursor)
    more = order == "newest" and len(page) == limit
    return Page(page, f"{page[-1].start}:{page[-1].id}" if more else None)


async def incident(reports: Reports, id_: str) -> IncidentDetail:
    """One incident. Raises `NotFoundError`."""
    found = await reports.get_incidents([id_]) if is_incident_id(id_) else []
    if not found:
        raise NotFoundError(
            "incident {id}: not known; an older one may be part of another now", id=id_[:100]
        )
    ids = [session.session for session in found[0].worst_sessions]
    by_id = {summary.session: bounded(summary) for summary in await reports.get_summaries(ids)}
    return IncidentDetail(found[0], tuple(by_id[id_] for id_ in ids if id_ in by_id))
