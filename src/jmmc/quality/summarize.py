"""Makes the summary of a session from its timeline."""

from collections.abc import Iterable, Mapping, Sequence

from jmmc.core.model import Session
from jmmc.core.readings import METRICS, READINGS
from jmmc.quality.addresses import readable_address
from jmmc.quality.grading import (
    VERSION,
    Judged,
    added_reasons,
    judge,
    moment_mos,
    number,
    quantiles,
    verdict,
)
from jmmc.quality.joins import media_came, outcome_of
from jmmc.quality.segments import LONGEST_TEXT, is_relayed, segments_of, text_of
from jmmc.quality.signs import named_senders
from jmmc.quality.size_limits import (
    MOST_EVENTS,
    append_span,
    bounded_spans,
    bounded_spells,
)
from jmmc.quality.summary import CallEvent, GradeSpan, Sender, Setup, Summary, WorstMinute
from jmmc.quality.thresholds import Preset
from jmmc.quality.timeline import Rhythm, Span, State, Timeline, Value, build_timeline

SHARES = (0.05, 0.5, 0.95)
"""The quantiles in a summary, as shares of time (not of samples)."""


def formula_of(preset: Preset) -> str:
    """The value of `Summary.formula`: the version of the formulas and the preset."""
    return f"{VERSION}-{preset.name}"


def summarize(
    session: Session, *, preset: Preset, rhythm: Rhythm, now: float | None = None
) -> Summary:
    """Summarize a session; `rhythm` and `now` as in `build_timeline`."""
    return sum_up(session, build_timeline(session, rhythm=rhythm, now=now), preset)


def sum_up(session: Session, timeline: Timeline, preset: Preset) -> Summary:
    """Summarize a session whose timeline has been built."""
    judged = judge(timeline.spans, preset)
    call = verdict(judged)
    held = _held(timeline)
    known = sum(span.end - span.start for span in timeline.spans if span.state is not None) or 1
    values, segments = segments_of(timeline)
    relay, tcp, p2p = (held.get(name, {}) for name in ("relay", "t.tp", "t.p2p"))
    address = readable_address(_longest(held, "t.rip"))
    said = _last_said(timeline)
    failure, drop = text_of(said.get("fail")), text_of(said.get("drop"))
    setup = _setup(said)
    had_media = media_came(setup, graded=call.good + call.fair + call.poor)
    rating = number(said, "rate")
    return Summary(
        session=session.id,
        room=session.room,
        browser_id=session.browser_id,
        began=timeline.began,
        ended=timeline.ended,
        last=timeline.last,
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
        reasons=added_reasons(spell.reasons for spell in call.spells),
        spells=bounded_spells(call.spells),
        grade_spans=bounded_spans(_grade_spans(judged)),
        segments=segments,
        **values,
        relay_share=round(relay.get(True, 0) / known, 4),
        tcp_share=round(sum(s for value, s in tcp.items() if "tcp" in str(value)) / known, 4),
        p2p_share=round(p2p.get(True, 0) / known, 4),
        address=address,
        endpoint_id=text_of(_longest(held, "pid")),
        jitsi_meeting_id=text_of(_longest(held, "mid")),
        events=events(timeline)[:MOST_EVENTS],
        outcome=outcome_of(
            failure=failure, drop=drop, tells=setup.join is not None, had_media=had_media
        ),
        failure=failure or drop,
        setup=setup,
        senders=_senders(timeline.spans),
        name=text_of(said.get("name")),
        code=text_of(said.get("code")),
        **{field: text_of(said.get(path)) for path, field in _DEVICES.items()},
        rating=None if rating is None else int(rating),
        rating_reason=text_of(said.get("why")),
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


_DEVICES = {"dev.mic": "microphone", "dev.cam": "camera", "dev.spk": "speaker"}
_SAID = ("fail", "drop", "set.ask", "set.join", "set.ice", "set.med", "name", "code", "rate", "why")
_MOST_SENDERS = 10


def _last_said(timeline: Timeline) -> State:
    """What the browser said last of the join, the person, the devices and the rating."""
    said: dict[str, Value] = {}
    for state in (timeline.joined, *(span.state for span in timeline.spans), timeline.final):
        for path in (*_SAID, *_DEVICES):
            if state and (value := state.get(path)) is not None:
                said[path] = value
    return said


def _setup(said: State) -> Setup:
    steps = [number(said, f"set.{step}") for step in ("ask", "join", "ice", "med")]
    return Setup(*(None if step is None else round(step) for step in steps))


def _senders(spans: Sequence[Span]) -> tuple[Sender, ...]:
    """The senders whose media arrived worst for the longest time."""
    seconds: dict[str, int] = {}
    sums: dict[str, list[list[float]]] = {}
    for span in spans:
        length = span.end - span.start
        for named, shares in named_senders(span.state or {}):
            endpoint = text_of(named)
            seconds[endpoint] = seconds.get(endpoint, 0) + length
            of_sender = sums.setdefault(endpoint, [[0.0, 0] for _ in shares])
            for pair, share in zip(of_sender, shares, strict=True):
                if share is not None:
                    pair[0] += share * length
                    pair[1] += length
    longest = sorted(seconds, key=lambda endpoint: (-seconds[endpoint], endpoint))
    return tuple(
        Sender(
            endpoint,
            seconds[endpoint],
            *(round(total / known, 1) if known else None for total, known in sums[endpoint]),
        )
        for endpoint in longest[:_MOST_SENDERS]
    )


_NO_READING = {list, dict}  # Imported files may have anything.


def _held(timeline: Timeline) -> dict[str, dict[object, int]]:
    """Seconds for which each value of the readings in `_HELD` held, by path; also of `relay`."""
    lengths: dict[tuple[object, ...], int] = {}
    for state, length in (
        (timeline.joined, 0),
        *((span.state, span.end - span.start) for span in timeline.spans),
    ):
        if state is None:
            continue
        values_held: tuple[object, ...] = tuple(map(state.get, _HELD))
        if not _NO_READING.isdisjoint(map(type, values_held)):
            values_held = tuple(
                None if type(value) in _NO_READING else value for value in values_held
            )
        lengths[values_held] = lengths.get(values_held, 0) + length
    held: dict[str, dict[object, int]] = {}
    for values_held, seconds in lengths.items():
        relayed = is_relayed(dict(zip(_HELD, values_held, strict=True)))  # type: ignore[arg-type]
        for path, value in (*zip(_HELD, values_held, strict=True), ("relay", relayed or None)):
            if value is not None:
                values = held.setdefault(path, {})
                values[value] = values.get(value, 0) + seconds
    return held


def _longest(held: Mapping[str, Mapping[object, int]], path: str) -> object:
    values = held.get(path)
    return max(values.items(), key=lambda value: (value[1], str(value[0])))[0] if values else None


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
