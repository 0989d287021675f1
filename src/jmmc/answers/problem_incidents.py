"""The incident that each problem is part of: its answer is that of the problem, wherever shown."""

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence

from jmmc.answers.threads import in_background
from jmmc.core.computing import paused
from jmmc.quality.causes import Answer
from jmmc.quality.causes.answer import OTHER_END, SIDES
from jmmc.quality.causes.incidents import as_seen_by_itself, has_end_of
from jmmc.quality.causes.recorded import (
    RecordedIncident,
    StoredIncident,
    problem_digest,
    session_digests,
)
from jmmc.quality.grading import Spell
from jmmc.quality.summary import Summary
from jmmc.stores import Reports

_FEW = 20  # Incidents between two looks at the clock.


class ProblemIncidents:
    """The stored incidents of some problems."""

    def __init__(
        self,
        of_digest: Mapping[str, RecordedIncident] = {},
        large: Sequence[RecordedIncident] = (),
        affecting: Sequence[RecordedIncident] = (),
    ) -> None:
        """`large` are those of so many problems that they do not tell all of them apart.

        `affecting` are those that affected any of the sessions with these problems.
        """
        self._of_digest = of_digest
        self._large = large
        self._affecting = affecting

    @property
    def affecting(self) -> tuple[RecordedIncident, ...]:
        """The incidents that affected any of the sessions, the worst first."""
        worst_first = sorted(self._affecting, key=lambda incident: (-incident.seconds, incident.id))
        return tuple(worst_first)

    def incident_of(self, session: str, spell: Spell) -> RecordedIncident | None:
        """The incident that a problem is part of."""
        return self._of_digest.get(problem_digest(session, spell.start))

    def large_incident_of(self, spell: Spell, own: Answer) -> RecordedIncident | None:
        """The largest one of that time which has the same likely cause, if that is a group."""
        likely = own.likely
        if likely is None or likely.kind == OTHER_END or SIDES[likely.kind] == "participant":
            return None
        found = [
            incident
            for incident in self._large
            if incident.start <= spell.start <= incident.end
            and (incident.cause.kind, incident.cause.value) == (likely.kind, likely.value)
        ]
        return max(found, key=lambda incident: incident.people, default=None)


async def incidents_of_problems(
    reports: Reports, problems: Iterable[tuple[Summary, Spell]]
) -> ProblemIncidents:
    """The stored incidents of problems. Raises `StoreError`."""
    problems = list(problems)
    by_digest = {problem_digest(summary.session, spell.start): spell for summary, spell in problems}
    sessions = session_digests(summary.session for summary, _ in problems)
    if not by_digest:
        return ProblemIncidents()
    since = min(spell.start for spell in by_digest.values())
    until = max(spell.start for spell in by_digest.values())
    stored = await reports.stored_incidents(since, until)
    return await in_background(lambda: _incidents_of(stored, by_digest, sessions))


def _incidents_of(
    stored: Iterable[StoredIncident], digests: Collection[str], sessions: Collection[str]
) -> ProblemIncidents:
    of_digest: dict[str, RecordedIncident] = {}
    large: list[RecordedIncident] = []
    affecting: list[RecordedIncident] = []
    for row in paused(stored, _FEW):
        of_digest |= dict.fromkeys(row.problems_among(digests), row.incident)
        if any(part.problems.more for part in row.parts):
            large.append(row.incident)
        if row.affects(sessions):
            affecting.append(row.incident)
    return ProblemIncidents(of_digest, large, affecting)


def needs_own_answer(incident: RecordedIncident | None, sessions: Collection[str]) -> bool:
    """Whether a problem of these sessions of one participant has to be explained by itself."""
    return incident is None or has_end_of(incident.answer, sessions)


def answer_for(
    incident: RecordedIncident, sessions: Collection[str], own: Callable[[], Answer]
) -> Answer:
    """The answer of an incident, as one of the participants in it is told.

    `sessions` are those of this participant: what others have from there is called its own, as
    `own` says of the problem by itself.
    """
    if not has_end_of(incident.answer, sessions):
        return incident.answer
    return as_seen_by_itself(incident.answer, sessions, own())
