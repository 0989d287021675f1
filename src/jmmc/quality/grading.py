"""Grades of moments, with their reasons, and of calls: by shares of time, never by a mean."""

from bisect import bisect_right
from collections.abc import Iterable, Mapping, Sequence
from enum import IntEnum
from functools import lru_cache
from itertools import accumulate
from math import inf
from typing import NamedTuple

from msgspec import Struct

from jmmc.core.fields import Moment
from jmmc.quality.mos import mos
from jmmc.quality.thresholds import READINGS_OF, Limit, Preset
from jmmc.quality.timeline import Span, State

VERSION = 2
"""Version of the formulas here, in `mos` and in `thresholds`; stored with their results."""

_MARGIN = 0.1  # Hysteresis: share of a limit by which a reading must improve before its grade does.
_MINUTE = 60
_NONE: tuple[str, ...] = ()
_NUMBERS = (int, float)  # And not bool, which is an int to `isinstance`.
_FAIR_WEIGHT = 0.5  # Of a fair second, where a poor one is 1, in the worst minute.


class Grade(IntEnum):
    """From best to worst after UNKNOWN, which is a moment without readings that are graded."""

    UNKNOWN = 0
    GOOD = 1
    FAIR = 2
    POOR = 3


class Judged(Struct, frozen=True, gc=False):
    """A span of time, its grade, and the reasons when it was not good."""

    start: int
    end: int
    grade: Grade
    reasons: tuple[str, ...] = ()


class Spell(Struct, frozen=True, gc=False):
    """A span with problems: its worst grade, and the seconds for which each reason held."""

    start: Moment
    end: Moment
    grade: Grade
    reasons: dict[str, int]


class Verdict(Struct, frozen=True):
    """A call: seconds of each grade, its worst minute (start and badness 0..1), its spells."""

    good: int
    fair: int
    poor: int
    unknown: int
    worst_minute: tuple[int, float] | None
    spells: tuple[Spell, ...]


def judge(spans: Iterable[Span], preset: Preset) -> list[Judged]:
    """Grade each moment. Neighbours with the same grade and reasons are merged.

    A reading that has passed a limit counts as beyond it until it is better by a tenth, so that a
    value at the limit does not flicker.
    """
    checks = _checks(*preset.limits.items())
    judged: list[Judged] = []
    levels: dict[str, Grade] = {}
    for span in spans:
        grade, reasons = Grade.UNKNOWN, _NONE
        if span.state is None:
            levels = {}
        else:
            levels, grade, reasons = _judge_moment(span.state, checks, levels)
        last = judged[-1] if judged else None
        if last and last.end == span.start and (last.grade, last.reasons) == (grade, reasons):
            judged[-1] = Judged(last.start, span.end, grade, reasons)
        else:
            judged.append(Judged(span.start, span.end, grade, reasons))
    return judged


def verdict(judged: Sequence[Judged]) -> Verdict:
    """Grade a whole call."""
    seconds = dict.fromkeys(Grade, 0)
    for judgement in judged:
        seconds[judgement.grade] += judgement.end - judgement.start
    return Verdict(
        seconds[Grade.GOOD],
        seconds[Grade.FAIR],
        seconds[Grade.POOR],
        seconds[Grade.UNKNOWN],
        worst_minute(judged),
        spells(judged),
    )


def spells(judged: Sequence[Judged]) -> tuple[Spell, ...]:
    """The runs of moments that were not good."""
    merged: list[Spell] = []
    for judgement in judged:
        if judgement.grade < Grade.FAIR:
            continue
        last = merged[-1] if merged and merged[-1].end == judgement.start else None
        reasons = dict(last.reasons) if last else {}
        for reason in judgement.reasons:
            reasons[reason] = reasons.get(reason, 0) + judgement.end - judgement.start
        start, grade = (
            (last.start, max(last.grade, judgement.grade))
            if last
            else (judgement.start, judgement.grade)
        )
        if last:
            merged.pop()
        merged.append(Spell(start, judgement.end, grade, reasons))
    return tuple(merged)


def worst_minute(judged: Sequence[Judged]) -> tuple[int, float] | None:
    """Start and badness of the worst 60 seconds: 0 is all good, 1 is all poor.

    None when every moment is unknown. A call shorter than a minute is taken whole.
    """
    if not any(judgement.grade for judgement in judged):
        return None
    weights = {Grade.POOR: 1.0, Grade.FAIR: _FAIR_WEIGHT}
    edges = [judgement.start for judgement in judged] + [judged[-1].end]
    sums = [
        0.0,
        *accumulate(
            weights.get(judgement.grade, 0.0) * (judgement.end - judgement.start)
            for judgement in judged
        ),
    ]

    def until(moment: int) -> float:
        place = min(bisect_right(edges, moment) - 1, len(judged) - 1)
        part = min(moment, judged[place].end) - judged[place].start
        return sums[place] + weights.get(judged[place].grade, 0.0) * part

    first, last = edges[0], max(edges[0], edges[-1] - _MINUTE)
    starts = {min(max(at, first), last) for edge in edges for at in (edge, edge - _MINUTE)}
    length = min(_MINUTE, edges[-1] - edges[0]) or 1
    badness, start = max((until(at + length) - until(at), -at) for at in starts)
    return -start, round(badness / length, 4)


def quantiles(weighted: Iterable[tuple[float, int]], shares: Sequence[float]) -> list[float | None]:
    """The quantiles at the given shares (0..1) of values with their weights in seconds."""
    lengths: dict[float, int] = {}
    for value, weight in weighted:
        if weight > 0:
            lengths[value] = lengths.get(value, 0) + weight
    if not lengths:
        return [None] * len(shares)
    ordered = sorted(lengths)
    sums = list(accumulate([lengths[value] for value in ordered]))
    last = len(ordered) - 1
    return [ordered[min(bisect_right(sums, share * sums[-1]), last)] for share in shares]


def number(state: State, path: str) -> float | None:
    """A reading as a number, None when it is absent or not a number."""
    value = state.get(path)
    return value if type(value) in _NUMBERS else None  # type: ignore[return-value]


def moment_mos(state: State) -> float | None:
    """The estimated MOS of one moment."""
    return mos(rtt=number(state, "rtt"), loss=number(state, "d.pl"), jitter=number(state, "d.jit"))


class _Check(NamedTuple):
    """How one reason is checked, computed once for all moments.

    Values and limits are multiplied by `sign`, so that more is worse. `bounds` has the limits of
    poor and of fair, by the grade that the reason had before.
    """

    reason: str
    paths: tuple[str, ...]
    sign: int
    bounds: tuple[tuple[float, float], ...]


@lru_cache(maxsize=16)
def _checks(*limits: tuple[str, Limit]) -> tuple[_Check, ...]:
    return tuple(_check(reason, limit) for reason, limit in limits)


def _check(reason: str, limit: Limit) -> _Check:
    sign = -1 if limit.falling else 1

    def bound(grade: Grade, before: Grade) -> float:
        value = limit.poor if grade is Grade.POOR else limit.fair
        if value is None:
            return inf
        return sign * value - (value * _MARGIN if before >= grade else 0.0)

    bounds = tuple((bound(Grade.POOR, before), bound(Grade.FAIR, before)) for before in Grade)
    return _Check(reason, READINGS_OF[reason], sign, bounds)


def _judge_moment(
    state: State, checks: Iterable[_Check], before: Mapping[str, Grade]
) -> tuple[dict[str, Grade], Grade, tuple[str, ...]]:
    if "interrupted" in state:
        return {}, Grade.POOR, ("interrupted",)
    levels: dict[str, Grade] = {}
    for reason, paths, sign, bounds in checks:
        worst: float | None = None
        for path in paths:
            value = moment_mos(state) if path == "mos" else number(state, path)
            if value is not None and (worst is None or sign * value > worst):
                worst = sign * value
        if worst is not None:
            poor, fair = bounds[before.get(reason, Grade.UNKNOWN)]
            levels[reason] = (
                Grade.POOR if worst > poor else Grade.FAIR if worst > fair else Grade.GOOD
            )
    if not levels:
        return levels, Grade.UNKNOWN, ()
    limited = state.get("u.lim")
    if limited in ("cpu", "bandwidth"):
        # The browser reports that it sends less than it could.
        levels[str(limited)] = Grade.FAIR
    grade = max(levels.values())
    if grade is Grade.GOOD:
        return levels, grade, ()
    return levels, grade, tuple(reason for reason, level in levels.items() if level > Grade.GOOD)
