"""How a summary is made of the samples of a session."""

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
from jmmc.quality.summary import BUCKET, CallEvent, GradeSpan, Slice, Summary, WorstMinute
from jmmc.quality.thresholds import Preset
from jmmc.quality.timeline import Span, State, Timeline, build_timeline

_HAPPENINGS = 100  # Kept in a summary.

SHARES = (0.05, 0.5, 0.95)
"""Which quantiles: of time, not of samples."""


def formula_of(preset: Preset) -> str:
    """What a summary says of how it was made."""
    return f"{VERSION}-{preset.name}"


def summarize(
    session: Session, *, preset: Preset, lifetime: float, now: float | None = None
) -> Summary:
    """The summary of a session; `lifetime` and `now` as in `fold`."""
    return sum_up(session, build_timeline(session, lifetime=lifetime, now=now), preset)


def sum_up(session: Session, timeline: Timeline, preset: Preset) -> Summary:
    """The summary of a session that has been folded."""
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
        holes=timeline.holes,
        formula=formula_of(preset),
        good=call.good,
        fair=call.fair,
        poor=call.poor,
        unknown=call.unknown,
        worst_minute=WorstMinute(*call.worst_minute) if call.worst_minute else None,
        quantiles=_quantiles(timeline.spans),
        reasons=reasons,
        spells=call.spells,
        grade_spans=_grade_spans(judged),
        series=_series(judged),
        browser=str(_longest(held, "br") or ""),
        os=str(_longest(held, "os") or ""),
        region=str(_longest(held, "t.sr") or ""),
        network=network_of(address),
        transport=_transport(held),
        codec=str(_longest(held, "cdc.v") or _longest(held, "cdc.a") or ""),
        relay_share=round(relay.get(True, 0) / known, 4),
        tcp_share=round(sum(s for value, s in tcp.items() if "tcp" in str(value)) / known, 4),
        p2p_share=round(p2p.get(True, 0) / known, 4),
        address=address,
        endpoint_id=str(_longest(held, "pid") or ""),
        jitsi_meeting_id=str(_longest(held, "mid") or ""),
        events=events(timeline)[:_HAPPENINGS],
        provider=str(_longest(held, "t.asn") or ""),
        country=str(_longest(held, "t.cc") or ""),
    )


def events(timeline: Timeline) -> tuple[CallEvent, ...]:
    """When the browser said that what had happened, and when its packets took another path."""
    found = [CallEvent(event.at, event.what) for event in timeline.events]
    before: tuple[object, ...] | None = None
    for span in timeline.spans:
        path = tuple(map((span.state or {}).get, _PATH))
        if path[0] is None:
            continue
        if before is not None and path != before:
            found.append(CallEvent(span.start, "path"))
        before = path
    return tuple(sorted(found, key=lambda event: event.at))


_PATH = ("t.tp", "t.ip", "t.lip", "t.lct", "t.rct")
_HELD = tuple(row.path for row in READINGS if row.summary)
_TRANSPORT, _LOCAL, _REMOTE = map(_HELD.index, ("t.tp", "t.lct", "t.rct"))


_NOTHING_HELD = {list, dict}  # No reading of ours; files of others may have anything.


def _held(timeline: Timeline) -> dict[str, dict[object, int]]:
    """For how long each value of the readings that are not measures held."""
    together: dict[tuple[object, ...], int] = {}
    for span in timeline.spans:
        if span.state is None:
            continue
        its: tuple[object, ...] = tuple(map(span.state.get, _HELD))
        if not _NOTHING_HELD.isdisjoint(map(type, its)):
            its = tuple(None if type(item) in _NOTHING_HELD else item for item in its)
        together[its] = together.get(its, 0) + span.end - span.start
    held: dict[str, dict[object, int]] = {}
    for its, seconds in together.items():
        relayed = "relay" in (its[_LOCAL], its[_REMOTE]) or str(its[_TRANSPORT]).startswith("relay")
        for path, value in (*zip(_HELD, its, strict=True), ("relay", relayed or None)):
            if value is not None:
                values = held.setdefault(path, {})
                values[value] = values.get(value, 0) + seconds
    return held


def _longest(held: Mapping[str, Mapping[object, int]], path: str) -> object:
    values = held.get(path)
    return max(values.items(), key=lambda value: (value[1], str(value[0])))[0] if values else None


def _transport(held: Mapping[str, Mapping[object, int]]) -> str:
    """In a word: p2p, relay, or the protocol."""
    protocol = _longest(held, "t.tp")
    if protocol is None:
        return ""
    total = sum(held["t.tp"].values())
    if held.get("t.p2p", {}).get(True, 0) * 2 > total:
        return "p2p"
    if held.get("relay", {}).get(True, 0) * 2 > total:
        return "relay"
    return str(protocol)


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
    lane: list[GradeSpan] = []
    for judgement in judged:
        start = judgement.start
        if lane and lane[-1].end == judgement.start and lane[-1].grade == judgement.grade:
            start = lane.pop().start
        lane.append(GradeSpan(start, judgement.end, judgement.grade))
    return tuple(lane)


def _series(judged: Sequence[Judged]) -> tuple[Slice, ...]:
    slices: dict[int, list[int]] = {}
    place = {Grade.GOOD: 0, Grade.FAIR: 1, Grade.POOR: 2, Grade.UNKNOWN: 3}
    for judgement in judged:
        start = judgement.start
        while start < judgement.end:
            bucket = start - start % BUCKET
            end = min(judgement.end, bucket + BUCKET)
            slices.setdefault(bucket, [0, 0, 0, 0])[place[judgement.grade]] += end - start
            start = end
    return tuple(Slice(start, *slices[start]) for start in sorted(slices))
