"""Makes the summary of a session from its timeline."""

from collections.abc import Iterable, Mapping, Sequence

from jmmc.core.model import Session
from jmmc.core.readings import METRICS, READINGS
from jmmc.quality.addresses import network_of, readable_address
from jmmc.quality.grading import (
    VERSION,
    Grade,
    Judged,
    judge,
    moment_mos,
    number,
    quantiles,
    verdict,
)
from jmmc.quality.rollups import DAY, HOUR
from jmmc.quality.size_limits import (
    LONGEST_TEXT,
    MOST_EVENTS,
    MOST_SLICES,
    append_span,
    bounded_spans,
    bounded_spells,
)
from jmmc.quality.summary import BUCKET, CallEvent, GradeSpan, Slice, Summary, WorstMinute
from jmmc.quality.thresholds import Preset
from jmmc.quality.timeline import Span, State, Timeline, build_timeline

_LONG_UNKNOWN = 3 * 86_400  # Seconds: a clock was set meanwhile; decades would be gigabytes.
_STEPS = (BUCKET, HOUR, DAY)

SHARES = (0.05, 0.5, 0.95)
"""The quantiles in a summary, as shares of time (not of samples)."""


def formula_of(preset: Preset) -> str:
    """The value of `Summary.formula`: the version of the formulas and the preset."""
    return f"{VERSION}-{preset.name}"


def summarize(
    session: Session, *, preset: Preset, lifetime: float, now: float | None = None
) -> Summary:
    """Summarize a session; `lifetime` and `now` as in `build_timeline`."""
    return sum_up(session, build_timeline(session, lifetime=lifetime, now=now), preset)


def sum_up(session: Session, timeline: Timeline, preset: Preset) -> Summary:
    """Summarize a session whose timeline has been built."""
    judged = judge(timeline.spans, preset)
    call = verdict(judged)
    held = _held(timeline)
    reasons: dict[str, int] = {}
    for spell in call.spells:
        for reason, seconds in spell.reasons.items():
            reasons[reason] = reasons.get(reason, 0) + seconds
    known = sum(span.end - span.start for span in timeline.spans if span.state is not None) or 1
    relay, tcp, p2p = (held.get(name, {}) for name in ("relay", "t.tp", "t.p2p"))
    address = readable_address(_longest(held, "t.rip"))
    return Summary(
        session=session.id,
        room=session.room,
        browser_id=session.browser_id,
        began=timeline.began,
        ended=timeline.ended,
        last=max((sample.ts for sample in session.samples), default=session.began),
        running=timeline.running,
        left=timeline.left,
        samples=len(session.samples),
        gaps=timeline.gaps,
        formula=formula_of(preset),
        good=call.good,
        fair=call.fair,
        poor=call.poor,
        unknown=call.unknown,
        worst_minute=WorstMinute(*call.worst_minute) if call.worst_minute else None,
        quantiles=_quantiles(timeline.spans),
        reasons=reasons,
        spells=bounded_spells(call.spells),
        grade_spans=bounded_spans(_grade_spans(judged)),
        series=_series(judged),
        browser=_text(_longest(held, "br")),
        os=_text(_longest(held, "os")),
        region=_text(_longest(held, "t.sr")),
        network=network_of(address),
        transport=_transport(held),
        codec=_text(_longest(held, "cdc.v") or _longest(held, "cdc.a")),
        relay_share=round(relay.get(True, 0) / known, 4),
        tcp_share=round(sum(s for value, s in tcp.items() if "tcp" in str(value)) / known, 4),
        p2p_share=round(p2p.get(True, 0) / known, 4),
        address=address,
        endpoint_id=_text(_longest(held, "pid")),
        jitsi_meeting_id=_text(_longest(held, "mid")),
        events=events(timeline)[:MOST_EVENTS],
        provider=_text(_longest(held, "t.asn")),
        country=_text(_longest(held, "t.cc")),
    )


def events(timeline: Timeline) -> tuple[CallEvent, ...]:
    """The events that the browser reported, and each change of the network path, by time."""
    call_events = [CallEvent(event.at, event.what[:LONGEST_TEXT]) for event in timeline.events]
    before: tuple[object, ...] | None = None
    for span in timeline.spans:
        path = tuple(map((span.state or {}).get, _PATH))
        if path[0] is None:
            continue
        if before is not None and path != before:
            call_events.append(CallEvent(span.start, "path"))
        before = path
    return tuple(sorted(call_events, key=lambda event: event.at))


_PATH = ("t.tp", "t.ip", "t.lip", "t.lct", "t.rct")
_HELD = tuple(row.path for row in READINGS if row.summary)
_TRANSPORT, _LOCAL, _REMOTE = map(_HELD.index, ("t.tp", "t.lct", "t.rct"))


_NO_READING = {list, dict}  # Imported files may have anything.


def _held(timeline: Timeline) -> dict[str, dict[object, int]]:
    """Seconds for which each value of the readings in `_HELD` held, by path; also of `relay`."""
    lengths: dict[tuple[object, ...], int] = {}
    for span in timeline.spans:
        if span.state is None:
            continue
        values_held: tuple[object, ...] = tuple(map(span.state.get, _HELD))
        if not _NO_READING.isdisjoint(map(type, values_held)):
            values_held = tuple(
                None if type(value) in _NO_READING else value for value in values_held
            )
        lengths[values_held] = lengths.get(values_held, 0) + span.end - span.start
    held: dict[str, dict[object, int]] = {}
    for values_held, seconds in lengths.items():
        relayed = "relay" in (values_held[_LOCAL], values_held[_REMOTE]) or str(
            values_held[_TRANSPORT]
        ).startswith("relay")
        for path, value in (*zip(_HELD, values_held, strict=True), ("relay", relayed or None)):
            if value is not None:
                values = held.setdefault(path, {})
                values[value] = values.get(value, 0) + seconds
    return held


def _longest(held: Mapping[str, Mapping[object, int]], path: str) -> object:
    values = held.get(path)
    return max(values.items(), key=lambda value: (value[1], str(value[0])))[0] if values else None


def _text(value: object) -> str:
    """A value of a dimension; imported files may have longer ones than browsers can send."""
    return str(value or "")[:LONGEST_TEXT]


def _transport(held: Mapping[str, Mapping[object, int]]) -> str:
    """`p2p` or `relay` when most of the time was, else the protocol; "" when it is unknown."""
    protocol = _longest(held, "t.tp")
    if protocol is None:
        return ""
    total = sum(held["t.tp"].values())
    if held.get("t.p2p", {}).get(True, 0) * 2 > total:
        return "p2p"
    if held.get("relay", {}).get(True, 0) * 2 > total:
        return "relay"
    return _text(protocol)


def _quantiles(spans: Sequence[Span]) -> dict[str, list[float | None]]:
    known = [(span.state, span.end - span.start) for span in spans if span.state is not None]
    found = {name: quantiles(_weighted(known, path), SHARES) for name, path in METRICS.items()}
    scores = [(score, s) for state, s in known if (score := moment_mos(state)) is not None]
    found["mos"] = [
        None if quantile is None else round(quantile, 2) for quantile in quantiles(scores, SHARES)
    ]
    return {name: values for name, values in found.items() if values[0] is not None}


def _weighted(known: Iterable[tuple[State, int]], path: str) -> list[tuple[float, int]]:
    return [(value, s) for state, s in known if (value := number(state, path)) is not None]


def _grade_spans(judged: Sequence[Judged]) -> tuple[GradeSpan, ...]:
    grade_spans: list[GradeSpan] = []
    for judgement in judged:
        append_span(grade_spans, GradeSpan(judgement.start, judgement.end, judgement.grade))
    return tuple(grade_spans)


def _series(judged: Sequence[Judged]) -> tuple[Slice, ...]:
    """The slices of a session. Of very long unknown time only the first and the last one."""
    step = _step(judged)
    slices: dict[int, list[int]] = {}
    place = {Grade.GOOD: 0, Grade.FAIR: 1, Grade.POOR: 2, Grade.UNKNOWN: 3}
    for judgement in judged:
        start = judgement.start
        while start < judgement.end:
            bucket = start - start % step
            end = min(judgement.end, bucket + step)
            slices.setdefault(bucket, [0, 0, 0, 0])[place[judgement.grade]] += end - start
            start = end
            if judgement.grade is Grade.UNKNOWN and judgement.end - start > _LONG_UNKNOWN:
                start = judgement.end - (judgement.end % step or step)
    return tuple(Slice(start, *slices[start]) for start in sorted(slices))


def _step(judged: Sequence[Judged]) -> int:
    """Seconds of a slice: five minutes, longer where that would be too many."""
    length = sum(
        min(judgement.end - judgement.start, _LONG_UNKNOWN)
        if judgement.grade is Grade.UNKNOWN
        else judgement.end - judgement.start
        for judgement in judged
    )
    return next(
        (step for step in _STEPS if length // step < MOST_SLICES - 1),
        -(-length // MOST_SLICES // DAY) * DAY + DAY,
    )
