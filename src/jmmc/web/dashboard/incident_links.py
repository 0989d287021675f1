"""Which incident over all meetings a problem on the page of a session or a meeting is part of."""

from collections.abc import Collection, Iterable

from msgspec import structs

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

    Of several, one with the most probable cause of `answer` goes first. An incident lists its most
    affected sessions only. Where none of these is listed, it is the largest one of the same likely
    cause, if that is no participant's own.
    """
    same_cause: RecordedIncident | None = None
    best: tuple[tuple[bool, int], RecordedIncident] | None = None
    likely = answer.likely
    first = answer.causes[0]
    for incident in recorded:
        if incident.start >= end or incident.end <= start:
            continue
        seconds = sum(
            max(0, min(row.end, end) - max(row.start, start))
            for row in incident.worst_sessions
            if row.session in sessions
        )
        is_same = (incident.cause.kind, incident.cause.value) == (first.kind, first.value)
        if seconds and (best is None or (is_same, seconds) > best[0]):
            best = (is_same, seconds), incident
        if (
            likely is not None
            and SIDES[likely.kind] != "participant"
            and likely.kind != OTHER_END
            and (incident.cause.kind, incident.cause.value) == (likely.kind, likely.value)
            and (same_cause is None or incident.people > same_cause.people)
        ):
            same_cause = incident
    return best[1] if best else same_cause


def shown_answer(own: Answer, record: RecordedIncident | None, session: str = "") -> Answer:
    """The stored answer of the incident that a problem is part of: every page shows this one.

    `own` is the answer for the problem by itself, which is shown where there is no incident. On the
    page of the session that has the problem alone, the incident's cause is called as its own.
    """
    if record is None:
        return own
    if (record.cause.kind, record.cause.value) != (OTHER_END, session):
        return record.answer
    first = structs.replace(own.causes[0], probability=record.cause.probability)
    return structs.replace(own, causes=(first, *own.causes[1:]))
