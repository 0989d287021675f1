"""Grades of moments, with their reasons, and of calls: by shares of time, never by a mean."""

from bisect import bisect_right
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from enum import IntEnum
from functools import lru_cache
from heapq import nlargest
from itertools import accumulate
from math import inf
from typing import NamedTuple

from msgspec import Struct

from jmmc.core.fields import Moment
from jmmc.quality.mos import mos, twilio_mos
from jmmc.quality.signs import senders_at, signs_at
from jmmc.quality.thresholds import READINGS_OF, Limit, Limitation, Preset
from jmmc.quality.timeline import Span, State

VERSION = 5
"""Version of the formulas here, in `mos` and in `thresholds`; stored with their results."""

_MARGIN = 1.1  # Hysteresis of limited video, as a factor.
_MINUTE = 60
_NONE: tuple[str, ...] = ()
_MOST_SENDERS = 8  # Of a spell.
_NUMBERS = (int, float)  # And not bool, which is an int to `isinstance`.
_FAIR_WEIGHT = 0.5  # Of a fair second, where a poor one is 1, in the worst minute.


class Grade(IntEnum):
    """From best to worst after UNKNOWN, which is a moment without readings that are graded."""

    UNKNOWN = 0
    GOOD = 1
    FAIR = 2
    POOR = 3


class Judged(Struct, frozen=True, gc=False):
    """A span of time and its grade; when it was not good the reasons, the signs, and the senders.

    `senders` are the endpoints whose sound or pictures arrived badly.
    """

    start: int
    end: int
    grade: Grade
    reasons: tuple[str, ...] = ()
    signs: tuple[str, ...] = ()
    senders: tuple[str, ...] = ()


class Spell(Struct, frozen=True, gc=False):
    """A span with problems: its worst grade, and the seconds of each reason, sign and sender.

    `senders` are the endpoints whose sound or pictures arrived badly. `signs` (`quality.signs`) and
    `senders` are empty in spells that an earlier version stored.
    """

    start: Moment
    end: Moment
    grade: Grade
    reasons: dict[str, int]
    signs: dict[str, int] = {}
    senders: dict[str, int] = {}


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

    A reading that has passed a limit counts as beyond it until it is better by the limit's margin,
    so that a value at the limit does not flicker.
    """
    checks = _checks(*preset.limits.items())
    judged: list[Judged] = []
    levels: Mapping[str, _Level] = {}
    for start, end, state, settled in _settling(spans, preset.limitation):
        grade, reasons, signs, senders = Grade.UNKNOWN, _NONE, _NONE, _NONE
        if state is None:
            levels = {}
        else:
            levels, grade, reasons = _judge_moment(state, preset, checks, levels, settled)
            if grade >= Grade.FAIR:
                signs = tuple(dict.fromkeys(signs_at(state, reasons)))
                senders = tuple(senders_at(state))
        last = judged[-1] if judged else None
        judgement = Judged(start, end, grade, reasons, signs, senders)
        if last and last.end == start and _is_same(last, judgement):
            judged[-1] = Judged(last.start, end, grade, reasons, signs, senders)
        else:
            judged.append(judgement)
    return judged


def _is_same(judgement: Judged, other: Judged) -> bool:
    return (
        judgement.grade is other.grade
        and judgement.reasons == other.reasons
        and judgement.signs == other.signs
        and judgement.senders == other.senders
    )


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
        reasons: dict[str, int] = dict(last.reasons) if last else {}
        signs: dict[str, int] = dict(last.signs) if last else {}
        senders: dict[str, int] = dict(last.senders) if last else {}
        for seconds, held in (
            (reasons, judgement.reasons),
            (signs, judgement.signs),
            (senders, judgement.senders),
        ):
            for name in held:
                seconds[name] = seconds.get(name, 0) + judgement.end - judgement.start
        start, grade = (
            (last.start, max(last.grade, judgement.grade))
            if last
            else (judgement.start, judgement.grade)
        )
        if last:
            merged.pop()
        if len(senders) > _MOST_SENDERS:
            senders = dict(nlargest(_MOST_SENDERS, senders.items(), key=lambda pair: pair[1]))
        merged.append(Spell(start, judgement.end, grade, reasons, signs, senders))
    return tuple(merged)


def added_reasons(several: Iterable[Mapping[str, int]]) -> dict[str, int]:
    """The seconds of each reason, or of each sign, over several spells."""
    added: dict[str, int] = {}
    for reasons in several:
        for reason, seconds in reasons.items():
            added[reason] = added.get(reason, 0) + seconds
    return added


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
    """The estimated MOS of one moment; None when round-trip time, loss or jitter is unknown."""
    return mos(rtt=number(state, "rtt"), loss=_heard_loss(state), jitter=number(state, "d.jit"))


def _moment_twilio_mos(state: State) -> float | None:
    return twilio_mos(
        rtt=number(state, "rtt"), loss=_heard_loss(state), jitter=number(state, "d.jit")
    )


def _heard_loss(state: State) -> float | None:
    """Loss of the received audio; where only that of audio and video together is known, that."""
    loss = number(state, "d.apl")
    return number(state, "d.pl") if loss is None else loss


_ESTIMATES: Mapping[str, Callable[[State], float | None]] = {
    "mos": moment_mos,
    "mos_twilio": _moment_twilio_mos,
}


class _Level(IntEnum):
    """How bad one reading is. SIGN: good, but it supports a reading that needs a sign."""

    UNKNOWN = 0
    GOOD = 1
    SIGN = 2
    FAIR = 3
    POOR = 4


_NO_LEVEL, _WELL, _NEAR, _FAIR, _POOR = _Level  # A lookup in the class takes longer.
_GRADES = (Grade.UNKNOWN, Grade.GOOD, Grade.GOOD, Grade.FAIR, Grade.POOR)


class _Check(NamedTuple):
    """How one reason is checked, computed once for all moments.

    Values and limits are multiplied by `sign`, so that more is worse. `bounds` has the limits of
    POOR, FAIR and SIGN, by the level that the reason had before. `readings` are paths in a state,
    or estimates from it.
    """

    reason: str
    readings: tuple[tuple[str, Callable[[State], float | None] | None], ...]
    sign: int
    bounds: tuple[tuple[float, float, float], ...]
    needs_sign: bool


@lru_cache(maxsize=16)
def _checks(*limits: tuple[str, Limit]) -> tuple[_Check, ...]:
    return tuple(_check(reason, limit) for reason, limit in limits)


def _check(reason: str, limit: Limit) -> _Check:
    sign = -1 if limit.falling else 1
    limits = {_POOR: limit.poor, _FAIR: limit.fair, _NEAR: limit.sign}

    def bound(level: _Level, before: _Level) -> float:
        value = limits[level]
        if value is None:
            return inf
        return sign * value - (value * limit.margin if before >= level else 0.0)

    bounds = tuple(
        (bound(_POOR, before), bound(_FAIR, before), bound(_NEAR, before)) for before in _Level
    )
    paths = limit.readings or READINGS_OF[reason]
    readings = tuple((path, _ESTIMATES.get(path)) for path in paths)
    return _Check(reason, readings, sign, bounds, limit.needs_sign)


def _judge_moment(
    state: State,
    preset: Preset,
    checks: Iterable[_Check],
    before: Mapping[str, _Level],
    settled: bool,
) -> tuple[Mapping[str, _Level], Grade, tuple[str, ...]]:
    if "interrupted" in state:
        return {}, Grade.POOR, ("interrupted",)
    levels: dict[str, _Level] = {}
    unsupported: list[str] = []
    supported = False
    for reason, readings, sign, bounds, needs_sign in checks:
        worst: float | None = None
        for path, estimate in readings:
            value = estimate(state) if estimate else number(state, path)
            if value is not None and (worst is None or sign * value > worst):
                worst = sign * value
        if worst is None:
            continue
        poor, fair, near = bounds[before.get(reason, _NO_LEVEL)]
        if worst <= near and worst <= fair and worst <= poor:
            levels[reason] = _WELL
            continue
        levels[reason] = _POOR if worst > poor else _FAIR if worst > fair else _NEAR
        if needs_sign:
            unsupported.append(reason)
        else:
            supported = True
    if preset.limitation and (settled or supported):
        limited = _limited(state, preset.limitation, before)
        if limited:
            levels[limited] = _FAIR
            supported = True
    counted = levels
    if unsupported and not supported:
        counted = {reason: levels[reason] for reason in levels if reason not in unsupported}
    grade = _GRADES[max(counted.values(), default=_NO_LEVEL)]
    if grade is Grade.GOOD and counted.keys().isdisjoint(preset.needed):
        grade = Grade.UNKNOWN
    if grade <= Grade.GOOD:
        return levels, grade, ()
    return levels, grade, tuple(reason for reason, level in counted.items() if level >= _FAIR)


_LIMITED = ("cpu", "bandwidth")


def _limited(state: State, limitation: Limitation, before: Mapping[str, _Level]) -> str:
    """What limits the sent video, when others see that it is limited; else ""."""
    reason = state.get("u.lim")
    if reason not in _LIMITED:
        return ""
    factor = _MARGIN if str(reason) in before else 1.0
    height, rate = number(state, "res.h"), number(state, "u.fr")
    small = height is not None and height < limitation.height * factor
    camera = height is None or height <= limitation.camera
    slow = rate is not None and rate < limitation.frame_rate * factor and camera
    return str(reason) if small or slow else ""


def _settling(
    spans: Iterable[Span], limitation: Limitation | None
) -> Iterator[tuple[int, int, State | None, bool]]:
    """Start, end and state of each span, and whether its video has settled.

    A video starts with the session, after a time without video, after an interruption, and when the
    media goes another way (peer to peer, over the bridge). A span of limited video that is longer
    than the rest of the settling time is given in two parts.
    """
    since: int | None = None
    way: object = None
    for start, end, state in ((span.start, span.end, span.state) for span in spans):
        if limitation is None or state is None:
            yield start, end, state, True
            continue
        new_way = state.get("t.p2p", way)
        moved = way is not None and new_way is not way
        way = new_way
        if "u.lim" not in state or "interrupted" in state or state.get("u.vb") == 0:
            since = None
            yield start, end, state, False
            continue
        if since is None or moved:
            since = start
        settled = since + limitation.settling
        if start < settled < end and state["u.lim"] in _LIMITED:
            yield start, settled, state, False
            start = settled
        yield start, end, state, start >= settled
