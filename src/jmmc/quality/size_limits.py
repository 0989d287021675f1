"""Bounds of what one session may take in a summary, however often its grade changes.

What is beyond is joined with its neighbours at the finest resolution that fits. Seconds of each
grade, reasons and quantiles of a summary are computed before, so they stay exact, and a timeline
stays without gaps.
"""

from collections.abc import Sequence

import msgspec

from jmmc.quality.grades import Grade, GradeSpan, append_span
from jmmc.quality.grading import Spell, added_reasons
from jmmc.quality.joining import at_most
from jmmc.quality.summary import Summary

MOST_SPANS = 500
MOST_SPELLS = 200


def bounded(summary: Summary) -> Summary:
    """A summary within the bounds; one that an earlier version stored may be beyond."""
    if len(summary.grade_spans) <= MOST_SPANS and len(summary.spells) <= MOST_SPELLS:
        return summary
    return msgspec.structs.replace(
        summary,
        grade_spans=bounded_spans(summary.grade_spans),
        spells=bounded_spells(summary.spells),
    )


def bounded_spans(spans: Sequence[GradeSpan], most: int = MOST_SPANS) -> tuple[GradeSpan, ...]:
    """At most `most` spans: those shorter than a resolution are joined with their neighbours.

    What a grade has too little in one of them it has more in the next, so the seconds of each grade
    stay right within one resolution.
    """
    return at_most(most, spans, _joined_spans)


def bounded_spells(spells: Sequence[Spell], most: int = MOST_SPELLS) -> tuple[Spell, ...]:
    """At most `most` spells: those in the same short time are joined, with their reasons."""
    return at_most(most, spells, _joined_spells)


def _joined_spans(spans: Sequence[GradeSpan], resolution: int) -> tuple[GradeSpan, ...]:
    joined: list[GradeSpan] = []
    start = spans[0].start
    seconds = [0] * len(Grade)

    def close(end: int) -> None:
        nonlocal start
        if end > start:
            grade = max(Grade, key=lambda grade: (seconds[grade], grade))
            append_span(joined, GradeSpan(start, end, grade))
            seconds[grade] -= end - start
        start = end

    for span in spans:
        if span.end - span.start >= resolution:
            close(span.start)
            append_span(joined, span)
            start = span.end
            continue
        seconds[span.grade] += span.end - span.start
        if span.end - start >= resolution:
            close(span.end)
    close(spans[-1].end)
    return tuple(joined)


def _joined_spells(spells: Sequence[Spell], resolution: int) -> tuple[Spell, ...]:
    joined: list[Spell] = []
    for spell in spells:
        if joined and spell.end - joined[-1].start <= resolution:
            last = joined.pop()
            reasons = added_reasons((last.reasons, spell.reasons))
            spell = Spell(
                last.start,
                spell.end,
                max(last.grade, spell.grade),
                reasons,
                added_reasons((last.signs, spell.signs)),
                added_reasons((last.senders, spell.senders)),
            )
        joined.append(spell)
    return tuple(joined)
