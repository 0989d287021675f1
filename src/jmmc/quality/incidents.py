"""Incidents of a meeting: spells of several participants with the same likely cause are one."""

from collections.abc import Callable, Iterable, Sequence
from heapq import nlargest

from msgspec import Struct

from jmmc.core.fields import Moment
from jmmc.quality.attribution import SCOPES, Attribution, Crowd
from jmmc.quality.grading import Grade, Spell, added_reasons
from jmmc.quality.summary import Summary

_MOST_SPELLS = 60  # The worst ones: each is compared with everybody.
_MOST_INCIDENTS = 20
_FAIR_WEIGHT = 0.3  # Of a fair second, where a poor one is 1.


class Incident(Struct, frozen=True):
    """A span of a meeting with problems: the affected sessions, and the likely cause.

    `attribution` is that of its worst spell, `reasons` are person-seconds.
    """

    start: Moment
    end: Moment
    grade: Grade
    reasons: dict[str, int]
    sessions: tuple[str, ...]
    attribution: Attribution


def incidents(
    meeting: Sequence[Summary],
    present: Iterable[Summary],
    *,
    pause: Callable[[], None] = lambda: None,
) -> tuple[Incident, ...]:
    """The worst incidents of a meeting, in order of time.

    `present` are all sessions at the time, of any meeting. Spells that overlap and have the same
    group as their cause are merged; problems of one participant alone are not. `pause` is called
    after each spell: comparing it with everybody takes milliseconds.
    """
    crowd = Crowd(present)
    spells = nlargest(
        _MOST_SPELLS,
        ((summary, spell) for summary in meeting for spell in summary.spells),
        key=_badness,
    )
    merged: list[Incident] = []
    for summary, spell in spells:
        attribution = crowd.attribute(summary, spell.start, spell.end)
        pause()
        same = next((row for row in merged if _is_same(row, spell, attribution)), None)
        if same is not None:
            merged.remove(same)
        merged.append(_joined(same, summary, spell, attribution))
    worst = sorted(merged, key=lambda incident: -sum(incident.reasons.values()))[:_MOST_INCIDENTS]
    return tuple(sorted(worst, key=lambda incident: (incident.start, incident.sessions)))


def _badness(spell_of: tuple[Summary, Spell]) -> tuple[float, str, int]:
    summary, spell = spell_of
    weight = 1.0 if spell.grade is Grade.POOR else _FAIR_WEIGHT
    return (spell.end - spell.start) * weight, summary.session, spell.start


def _is_same(incident: Incident, spell: Spell, attribution: Attribution) -> bool:
    if attribution.cause not in SCOPES:
        return False
    cause = (incident.attribution.cause, incident.attribution.scope.value)
    overlap = incident.start < spell.end and spell.start < incident.end
    return overlap and cause == (attribution.cause, attribution.scope.value)


def _joined(
    incident: Incident | None, summary: Summary, spell: Spell, attribution: Attribution
) -> Incident:
    if incident is None:
        reasons = dict(spell.reasons)
        return Incident(
            spell.start, spell.end, spell.grade, reasons, (summary.session,), attribution
        )
    return Incident(
        min(incident.start, spell.start),
        max(incident.end, spell.end),
        max(incident.grade, spell.grade),
        added_reasons((incident.reasons, spell.reasons)),
        tuple(dict.fromkeys((*incident.sessions, summary.session))),
        incident.attribution,
    )
