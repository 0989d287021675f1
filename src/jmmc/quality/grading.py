"""How good a moment was, and why; how good a call was: shares of time, never a plain mean."""

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
"""Of the formulas in here, in `mos` and in `thresholds`: stored with whatever they made."""

_MARGIN = 0.1  # Share of a limit that a reading must be better by before a grade gets better.
_MINUTE = 60
_NONE: tuple[str, ...] = ()
_NUMBERS = (int, float)  # And not bool, which is an int to `isinstance`.
_WORTH = 0.5  # Of a fair second, beside a poor one, in the search for the worst minute.


class Grade(IntEnum):
    """In order of badness; nothing is known of an unknown moment."""

    UNKNOWN = 0
    GOOD = 1
    FAIR = 2
    POOR = 3


class Judged(Struct, frozen=True, gc=False):
    """A stretch of time, its grade, and the reasons when it was not good."""

    start: int
    end: int
    grade: Grade
    reasons: tuple[str, ...] = ()


class Spell(Struct, frozen=True, gc=False):
    """A bad stretch: its worst grade, and how many seconds each reason held."""

    start: Moment
    end: Moment
    grade: Grade
    reasons: dict[str, int]


class Verdict(Struct, frozen=True):
    """A call in seconds of each grade, its worst minute (start and badness 0..1), its spells."""

    good: int
    fair: int
    poor: int
    unknown: int
    worst_minute: tuple[int, float] | None
    spells: tuple[Spell, ...]


def judge(spans: Iterable[Span], preset: Preset) -> list[Judged]:
    """Each moment's grade. Neighbours with the same grade and reasons are one.

    A reading that has passed a limit counts as beyond it until it is a tenth better, so that a
    value at the limit does not flicker.
    """
    looks = _looks(*preset.limits.items())
    judged: list[Judged] = []
    levels: dict[str, Grade] = {}
    for span in spans:
        grade, reasons = Grade.UNKNOWN, _NONE
        if span.state is None:
            levels = {}
        else:
            levels, grade, reasons = _judge_moment(span.state, looks, levels)
        last = judged[-1] if judged else None
        if last and last.end == span.start and (last.grade, last.reasons) == (grade, reasons):
            judged[-1] = Judged(last.start, span.end, grade, reasons)
        else:
            judged.append(Judged(span.start, span.end, grade, reasons))
    return judged


def verdict(judged: Sequence[Judged]) -> Verdict:
    """The whole call."""
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
    found: list[Spell] = []
    for judgement in judged:
        if judgement.grade < Grade.FAIR:
            continue
        last = found[-1] if found and found[-1].end == judgement.start else None
        reasons = dict(last.reasons) if last else {}
        for reason in judgement.reasons:
            reasons[reason] = reasons.get(reason, 0) + judgement.end - judgement.start
        start, grade = (
            (last.start, max(last.grade, judgement.grade))
            if last
            else (judgement.start, judgement.grade)
        )
        if last:
            found.pop()
        found.append(Spell(start, judgement.end, grade, reasons))
    return tuple(found)


def worst_minute(judged: Sequence[Judged]) -> tuple[int, float] | None:
    """Where the worst 60 seconds begin, and how bad they were: 0 all good, 1 all poor.

    None when no moment is known. A call shorter than a minute is taken whole.
    """
    if not any(judgement.grade for judgement in judged):
        return None
    worth = {Grade.POOR: 1.0, Grade.FAIR: _WORTH}
    edges = [judgement.start for judgement in judged] + [judged[-1].end]
    sums = [
        0.0,
        *accumulate(
            worth.get(judgement.grade, 0.0) * (judgement.end - judgement.start)
            for judgement in judged
        ),
    ]

    def until(moment: int) -> float:
        place = min(bisect_right(edges, moment) - 1, len(judged) - 1)
        part = min(moment, judged[place].end) - judged[place].start
        return sums[place] + worth.get(judged[place].grade, 0.0) * part

    first, last = edges[0], max(edges[0], edges[-1] - _MINUTE)
    starts = {min(max(item, first), last) for edge in edges for item in (edge, edge - _MINUTE)}
    length = min(_MINUTE, edges[-1] - edges[0]) or 1
    badness, start = max((until(item + length) - until(item), -item) for item in starts)
    return -start, round(badness / length, 4)


def quantiles(weighted: Iterable[tuple[float, int]], shares: Sequence[float]) -> list[float | None]:
    """Values that the given shares of time (0..1) were at or under; weights are seconds."""
    lengths: dict[float, int] = {}
    for value, weight in weighted:
        if weight > 0:
            lengths[value] = lengths.get(value, 0) + weight
    if not lengths:
        return [None] * len(shares)
    ordered = sorted(lengths)
    sums = list(accumulate([lengths[item] for item in ordered]))
    last = len(ordered) - 1
    return [ordered[min(bisect_right(sums, share * sums[-1]), last)] for share in shares]


def number(state: State, path: str) -> float | None:
    """A reading that is a number, None when there is none."""
    value = state.get(path)
    return value if type(value) in _NUMBERS else None  # type: ignore[return-value]


def moment_mos(state: State) -> float | None:
    """The estimate for one moment."""
    return mos(rtt=number(state, "rtt"), loss=number(state, "d.pl"), jitter=number(state, "d.jit"))


class _Look(NamedTuple):
    """How one reason is looked for, worked out once for all moments.

    Values and limits have `sign`, so that more is worse. `bounds` has the limits of poor and of
    fair, by the grade that the reason had before.
    """

    reason: str
    paths: tuple[str, ...]
    sign: int
    bounds: tuple[tuple[float, float], ...]


@lru_cache(maxsize=16)
def _looks(*limits: tuple[str, Limit]) -> tuple[_Look, ...]:
    return tuple(_look(reason, limit) for reason, limit in limits)


def _look(reason: str, limit: Limit) -> _Look:
    sign = -1 if limit.falling else 1

    def bound(grade: Grade, before: Grade) -> float:
        it = limit.poor if grade is Grade.POOR else limit.fair
        if it is None:
            return inf
        return sign * it - (it * _MARGIN if before >= grade else 0.0)

    bounds = tuple((bound(Grade.POOR, item), bound(Grade.FAIR, item)) for item in Grade)
    return _Look(reason, READINGS_OF[reason], sign, bounds)


def _judge_moment(
    state: State, looks: Iterable[_Look], before: Mapping[str, Grade]
) -> tuple[dict[str, Grade], Grade, tuple[str, ...]]:
    if "interrupted" in state:
        return {}, Grade.POOR, ("interrupted",)
    levels: dict[str, Grade] = {}
    for reason, paths, sign, bounds in looks:
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
        # The browser itself says that it sends less than it would.
        levels[str(limited)] = Grade.FAIR
    grade = max(levels.values())
    if grade is Grade.GOOD:
        return levels, grade, ()
    return levels, grade, tuple(v for v, level in levels.items() if level > Grade.GOOD)
