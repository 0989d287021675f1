"""Grades of moments, with their reasons, and of calls: by shares of time, never by a mean."""

from collections.abc import Callable, Iterable, Mapping
from enum import IntEnum
from functools import lru_cache
from heapq import nlargest
from math import inf
from typing import Any, NamedTuple

from msgspec import Struct, field

from jmmc.core.fields import Moment
from jmmc.quality.grades import Grade as Grade
from jmmc.quality.grades import GradeSpan, append_span
from jmmc.quality.mos import mos, twilio_mos
from jmmc.quality.signs import senders_at, signs_at
from jmmc.quality.thresholds import READINGS_OF, Limit, Limitation, Preset
from jmmc.quality.timeline import Span, State
from jmmc.quality.worst_minute import WorstMinuteSearch

VERSION = 6
"""Version of the formulas here, in `mos` and in `thresholds`; stored with their results."""

_MARGIN = 1.1  # Hysteresis of limited video, as a factor.
_NONE: tuple[str, ...] = ()
_MOST_SENDERS = 8  # Of a spell.
_NUMBERS = (int, float)  # And not bool, which is an int to `isinstance`.


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


class GradingAccumulator(Struct, array_like=True):
    """Grades the spans of a session one after the other.

    `levels` has the level of each reason at the last moment, `since` when the video that is sent
    began, `way` whether the media went from peer to peer. `last` is the judgement of the last
    moment, which may still get longer.
    """

    levels: dict[str, int] = {}
    since: int | None = None
    way: Any = None
    last: Judged | None = None

    def advance(self, span: Span, rules: "Rules") -> list[Judged]:
        """Grade a span; return the judgements that are complete now.

        A reading that has passed a limit counts as beyond it until it is better by the limit's
        margin, so that a value at the limit does not flicker.
        """
        complete: list[Judged] = []
        state = span.state
        if state is None:
            self.levels = {}
            self._add(Judged(span.start, span.end, Grade.UNKNOWN), complete)
            return complete
        limitation = rules.preset.limitation
        for start, end, settled in self._settling(span.start, span.end, state, limitation):
            self.levels, grade, reasons = _judge_moment(state, rules, self.levels, settled)
            signs, senders = _NONE, _NONE
            if grade >= Grade.FAIR:
                signs = tuple(dict.fromkeys(signs_at(state, reasons)))
                senders = tuple(senders_at(state))
            self._add(Judged(start, end, grade, reasons, signs, senders), complete)
        return complete

    def finish(self) -> list[Judged]:
        """The last judgement. Nothing can be added afterwards."""
        return [] if self.last is None else [self.last]

    def _add(self, judgement: Judged, complete: list[Judged]) -> None:
        """Add a judgement, merged with the one before where they are the same."""
        last = self.last
        if last is not None and last.end == judgement.start and _is_same(last, judgement):
            judgement = Judged(
                last.start,
                judgement.end,
                last.grade,
                last.reasons,
                last.signs,
                last.senders,
            )
        elif last is not None:
            complete.append(last)
        self.last = judgement

    def _settling(
        self, start: int, end: int, state: State, limitation: Limitation | None
    ) -> Iterable[tuple[int, int, bool]]:
        """Start and end of a span, and whether its video has settled.

        A video starts with the session, after a time without video, after an interruption, and when
        the media goes another way (peer to peer, over the bridge). A span of limited video that is
        longer than the rest of the settling time is given in two parts.
        """
        if limitation is None:
            return ((start, end, True),)
        way = state.get("t.p2p", self.way)
        moved = self.way is not None and way != self.way
        self.way = way
        if "u.lim" not in state or "interrupted" in state or state.get("u.vb") == 0:
            self.since = None
            return ((start, end, False),)
        if self.since is None or moved:
            self.since = start
        settled = self.since + limitation.settling
        if start < settled < end and state["u.lim"] in _LIMITED:
            return ((start, settled, False), (settled, end, True))
        return ((start, end, start >= settled),)


def judge(spans: Iterable[Span], preset: Preset) -> list[Judged]:
    """Grade each moment. Neighbours with the same grade, reasons, signs and senders are merged."""
    accumulator, rules = GradingAccumulator(), rules_of(preset)
    judged: list[Judged] = []
    for span in spans:
        judged += accumulator.advance(span, rules)
    return judged + accumulator.finish()


def _is_same(judgement: Judged, other: Judged) -> bool:
    return (
        judgement.grade is other.grade
        and judgement.reasons == other.reasons
        and judgement.signs == other.signs
        and judgement.senders == other.senders
    )


class CallAccumulator(Struct, array_like=True):
    """A call by its judgements so far: seconds by grade, spells, spans of one grade."""

    seconds: list[int] = field(default_factory=lambda: [0] * len(Grade))
    spells: list[Spell] = []
    grade_spans: list[GradeSpan] = []
    minutes: WorstMinuteSearch = field(default_factory=WorstMinuteSearch)

    def add(self, judgement: Judged) -> None:
        """Add a judgement that is complete; they come by time."""
        start, end, grade = judgement.start, judgement.end, judgement.grade
        self.seconds[grade] += end - start
        if grade >= Grade.FAIR:
            _add_to_spells(self.spells, judgement)
        before = len(self.grade_spans)
        append_span(self.grade_spans, GradeSpan(start, end, grade))
        self.minutes.extend(self.grade_spans, changed=len(self.grade_spans) > before)

    def finish(self) -> Verdict:
        """The verdict of the whole call."""
        return Verdict(
            self.seconds[Grade.GOOD],
            self.seconds[Grade.FAIR],
            self.seconds[Grade.POOR],
            self.seconds[Grade.UNKNOWN],
            self.minutes.finish(self.grade_spans),
            tuple(self.spells),
        )


def verdict(judged: Iterable[Judged]) -> Verdict:
    """Grade a whole call."""
    accumulator = CallAccumulator()
    for judgement in judged:
        accumulator.add(judgement)
    return accumulator.finish()


def spells(judged: Iterable[Judged]) -> tuple[Spell, ...]:
    """The runs of moments that were not good."""
    return verdict(judged).spells


def _add_to_spells(merged: list[Spell], judgement: Judged) -> None:
    """Add a moment that was not good: it continues the last spell, or begins one."""
    last = merged.pop() if merged and merged[-1].end == judgement.start else None
    length = judgement.end - judgement.start
    reasons = _longer(last.reasons if last else {}, judgement.reasons, length)
    signs = _longer(last.signs if last else {}, judgement.signs, length)
    senders = _longer(last.senders if last else {}, judgement.senders, length)
    if len(senders) > _MOST_SENDERS:
        senders = dict(nlargest(_MOST_SENDERS, senders.items(), key=lambda pair: pair[1]))
    start = last.start if last else judgement.start
    grade = max(last.grade, judgement.grade) if last else judgement.grade
    merged.append(Spell(start, judgement.end, grade, reasons, signs, senders))


def _longer(seconds: Mapping[str, int], held: Iterable[str], length: int) -> dict[str, int]:
    longer = dict(seconds)
    for name in held:
        longer[name] = longer.get(name, 0) + length
    return longer


def added_reasons(several: Iterable[Mapping[str, int]]) -> dict[str, int]:
    """The seconds of each reason, or of each sign, over several spells."""
    added: dict[str, int] = {}
    for reasons in several:
        for reason, seconds in reasons.items():
            added[reason] = added.get(reason, 0) + seconds
    return added


def worst_minute(judged: Iterable[Judged]) -> tuple[int, float] | None:
    """Start and badness of the worst 60 seconds: see `WorstMinuteSearch.finish`."""
    return verdict(judged).worst_minute


def number(state: State, path: str) -> float | None:
    """A reading as a number, None when it is absent or not a number."""
    value = state.get(path)
    return value if type(value) in _NUMBERS else None  # type: ignore[return-value]


def moment_mos(state: State) -> float | None:
    """The estimated MOS of one moment; None when round-trip time, loss or jitter is unknown."""
    return _mos(number(state, "rtt"), _heard_loss(state), number(state, "d.jit"))


@lru_cache(maxsize=1024)  # Grades, quantiles and metrics ask for the same moments.
def _mos(rtt: float | None, loss: float | None, jitter: float | None) -> float | None:
    return mos(rtt=rtt, loss=loss, jitter=jitter)


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


class Rules(NamedTuple):
    """A preset, and its checks."""

    preset: Preset
    checks: tuple[_Check, ...]


def rules_of(preset: Preset) -> Rules:
    """What `GradingAccumulator` grades by."""
    return Rules(preset, _checks(*preset.limits.items()))


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
    rules: Rules,
    before: Mapping[str, int],
    settled: bool,
) -> tuple[dict[str, int], Grade, tuple[str, ...]]:
    if "interrupted" in state:
        return {}, Grade.POOR, ("interrupted",)
    preset, checks = rules
    levels: dict[str, int] = {}
    unsupported: list[str] = []
    supported = False
    for reason, readings, sign, bounds, needs_sign in checks:
        worst: float | None = None
        for path, estimate in readings:
            value: Any = state.get(path) if estimate is None else estimate(state)
            if type(value) in _NUMBERS and (worst is None or sign * value > worst):
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


def _limited(state: State, limitation: Limitation, before: Mapping[str, int]) -> str:
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
