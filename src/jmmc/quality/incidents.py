"""What went wrong in a meeting: spells of several people that have one cause are one incident."""

from collections.abc import Iterable, Sequence
from heapq import nlargest

from msgspec import Struct

from jmmc.core.fields import Moment
from jmmc.quality.attribution import SCOPES, Attribution, attribute
from jmmc.quality.grading import Grade, Spell
from jmmc.quality.summary import Summary

_LOOKED_AT = 60  # Spells, the worst: each is compared with everybody.
_TOLD = 20
_FAIR = 0.3  # Of a poor second.


class Incident(Struct, frozen=True):
    """A bad stretch of a meeting: whom it struck (sessions), and whose fault it was.

    `attribution` is that of the worst spell in it, `reasons` are person-seconds.
    """

    start: Moment
    end: Moment
    grade: Grade
    reasons: dict[str, int]
    sessions: tuple[str, ...]
    attribution: Attribution


def incidents(meeting: Sequence[Summary], everybody: Iterable[Summary]) -> tuple[Incident, ...]:
    """The worst incidents, in order of time.

    Spells that overlap and have the same group to blame are one; who was bad alone stays alone.
    """
    there = list(everybody)
    spells = nlargest(
        _LOOKED_AT,
        ((summary, spell) for summary in meeting for spell in summary.spells),
        key=_badness,
    )
    found: list[Incident] = []
    for value, spell in spells:
        judged = attribute(value, spell.start, spell.end, there)
        same = next((row for row in found if _is_same(row, spell, judged)), None)
        if same is not None:
            found.remove(same)
        found.append(_joined(same, value, spell, judged))
    worst = sorted(found, key=lambda row: -sum(row.reasons.values()))[:_TOLD]
    return tuple(sorted(worst, key=lambda value: (value.start, value.sessions)))


def _badness(it: tuple[Summary, Spell]) -> tuple[float, str, int]:
    summary, spell = it
    weight = 1.0 if spell.grade is Grade.POOR else _FAIR
    return (spell.end - spell.start) * weight, summary.session, spell.start


def _is_same(incident: Incident, spell: Spell, judged: Attribution) -> bool:
    if judged.cause not in SCOPES:
        return False
    cause = (incident.attribution.cause, incident.attribution.scope.value)
    overlap = incident.start < spell.end and spell.start < incident.end
    return overlap and cause == (judged.cause, judged.scope.value)


def _joined(
    incident: Incident | None, summary: Summary, spell: Spell, judged: Attribution
) -> Incident:
    if incident is None:
        reasons = dict(spell.reasons)
        return Incident(spell.start, spell.end, spell.grade, reasons, (summary.session,), judged)
    reasons = dict(incident.reasons)
    for reason, seconds in spell.reasons.items():
        reasons[reason] = reasons.get(reason, 0) + seconds
    return Incident(
        min(incident.start, spell.start),
        max(incident.end, spell.end),
        max(incident.grade, spell.grade),
        reasons,
        tuple(dict.fromkeys((*incident.sessions, summary.session))),
        incident.attribution,
    )
