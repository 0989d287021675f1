"""Which incident over all meetings a problem on the page of a session or a meeting is part of."""

from collections.abc import Collection, Iterable

from jmmc.quality.causes import Answer
from jmmc.quality.causes.answer import OTHER_END, SIDES
from jmmc.quality.causes.recorded import RecordedIncident


def incident_with(
    recorded: Iterable[RecordedIncident],
    sessions: Collection[str],
    start: int,
    end: int,
    answer: Answer,
) -> RecordedIncident | None:
    """The incident that has most of these sessions in that time.

    An incident lists its most affected sessions only. Where none of these is listed, it is the
    largest one of the same likely cause, if that is no participant's own.
    """
    same_cause: RecordedIncident | None = None
    best: tuple[int, RecordedIncident] | None = None
    likely = answer.likely
    for incident in recorded:
        if incident.start >= end or incident.end <= start:
            continue
        seconds = sum(
            max(0, min(row.end, end) - max(row.start, start))
            for row in incident.worst_sessions
            if row.session in sessions
        )
        if seconds and (best is None or seconds > best[0]):
            best = seconds, incident
        if (
            likely is not None
            and SIDES[likely.kind] != "participant"
            and likely.kind != OTHER_END
            and (incident.cause.kind, incident.cause.value) == (likely.kind, likely.value)
            and (same_cause is None or incident.people > same_cause.people)
        ):
            same_cause = incident
    return best[1] if best else same_cause
