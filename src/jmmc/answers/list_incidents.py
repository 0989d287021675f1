"""The incidents of listed sessions and meetings: for each, the one that hurt it most."""

from collections.abc import Iterable, Sequence

from jmmc.answers.model import Meeting
from jmmc.quality.causes.recorded import RecordedIncident
from jmmc.quality.filters import IncidentFilter
from jmmc.quality.summary import Summary
from jmmc.stores import Reports

_MOST = 300  # Incidents of the time of a page: those with the most affected time.


async def incidents_of_sessions(
    reports: Reports, sessions: Sequence[Summary]
) -> dict[str, RecordedIncident]:
    """By id of the session; without those that no incident lists."""
    listed = {session.session for session in sessions if session.spells}
    found: dict[str, tuple[int, RecordedIncident]] = {}
    times = [(session.began, session.ended) for session in sessions if session.spells]
    for incident in await _incidents(reports, times):
        for affected in incident.worst_sessions:
            if affected.session in listed:
                _keep_worst(found, affected.session, affected.seconds, incident)
    return {id_: incident for id_, (_, incident) in found.items()}


async def incidents_of_meetings(
    reports: Reports, meetings: Sequence[Meeting]
) -> dict[str, RecordedIncident]:
    """By id of the meeting; without those that no incident lists."""
    found: dict[str, tuple[int, RecordedIncident]] = {}
    in_rooms: dict[str, list[Meeting]] = {}
    for meeting in meetings:
        in_rooms.setdefault(meeting.room, []).append(meeting)
    times = [(meeting.began, meeting.ended) for meeting in meetings]
    for incident in await _incidents(reports, times):
        for affected in incident.worst_meetings:
            for meeting in in_rooms.get(affected.room, ()):
                if incident.start < meeting.ended and incident.end > meeting.began:
                    _keep_worst(found, meeting.id, affected.seconds, incident)
    return {id_: incident for id_, (_, incident) in found.items()}


async def _incidents(
    reports: Reports, times: Iterable[tuple[int, int]]
) -> Sequence[RecordedIncident]:
    if not (spans := [*times]):
        return ()
    around = IncidentFilter(
        since=min(began for began, _ in spans), until=max(ended for _, ended in spans) + 1
    )
    return await reports.incidents(around, limit=_MOST, order="affected")


def _keep_worst(
    found: dict[str, tuple[int, RecordedIncident]],
    id_: str,
    seconds: int,
    incident: RecordedIncident,
) -> None:
    if id_ not in found or found[id_][0] < seconds:
        found[id_] = (seconds, incident)
