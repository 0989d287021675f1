"""Samples to a continuous timeline: the only module in which an absent reading means unchanged.

A sample describes the time before it: its readings hold from the sample before it to its own
moment. Where a sample is missing, or nothing arrived for longer than the lifetime of a silent
session, the time between is unknown: neither zero nor the old value. Then the next sample speaks
for one sampling interval at most.
"""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, NamedTuple

import msgspec
from msgspec import Struct

from jmmc.core.model import Dialect, Sample, Session
from jmmc.core.readings import READINGS, Source, Subject

Value = float | int | str | bool | list[Any]
State = Mapping[str, Value]
"""Readings by their path (`u.bw`), and `interrupted` while the connection is."""

SIGNS_OF_LIFE = 2.5
"""The lifetime of a silent session, in push intervals."""

_EVENTS = "ev"
_CUT, _RESTORED = "interrupted", "restored"
_OF_A_CONNECTION = frozenset(
    row.path
    for row in READINGS
    if row.subject in (Subject.QUALITY, Subject.UPLINK, Subject.DOWNLINK, Subject.ROUND_TRIP)
)

_MEASURED = frozenset(row.path for row in READINGS if row.source is Source.STATS)


class Rhythm(NamedTuple):
    """How often browsers send.

    `interval`: seconds between two samples of a connection. `lifetime`: seconds that a session
    lives on after a sample.
    """

    interval: float
    lifetime: float


class Span(Struct, frozen=True, gc=False):
    """A span of time, in Unix seconds, and its readings; `state` is None where unknown."""

    start: int
    end: int
    state: State | None


class Event(Struct, frozen=True, gc=False):
    """An event that a browser reported, at its own moment."""

    at: int
    what: str


class Timeline(Struct, frozen=True):
    """One session over time. `spans` have no gaps from `began` to `ended`.

    `last` is the time of the last sample, `joined` what the first one said. `left`: the participant
    left with the last one (`bye`). `running`: the session may continue; what is after `last` is not
    known yet. `gaps` counts the places where samples are missing. `final` is what the last sample
    said: a rating comes after the end.
    """

    began: int
    ended: int
    spans: tuple[Span, ...]
    events: tuple[Event, ...] = ()
    left: bool = False
    running: bool = False
    gaps: int = 0
    last: int = 0
    joined: State = {}
    final: State = {}


class Step(NamedTuple):
    """One sample in its place: what is known from it, and for which time.

    `state` holds from `since` to `until`, the moment of the sample. What is between the sample
    before and `since` is unknown. `gap`: samples are missing before it.
    """

    sample: Sample
    before: int
    since: int
    until: int
    state: State
    events: tuple[Event, ...]
    gap: bool


def build_timeline(session: Session, *, rhythm: Rhythm, now: float | None = None) -> Timeline:
    """The timeline of a session.

    With `now` (Unix seconds) a session that is still alive is running, and is unknown from its
    last sample until now; any other ended at its last sample. Samples may be in any order and
    repeated.
    """
    spans: list[Span] = []
    events: list[Event] = []
    gaps = 0
    cut = measured = quiet = False
    last = began = session.began
    sample: Sample | None = None
    joined: State = {}
    final: State = {}
    for step in steps(session, rhythm):
        if sample is None:
            began = step.until
            joined = step.state
        sample = step.sample
        gaps += step.gap
        if step.gap:
            cut = False
        _extend(spans, step.before, step.since, None)
        if not measured and not _MEASURED.isdisjoint(step.state):
            measured = True
            if not (gaps or cut or quiet) and step.until - began <= rhythm.lifetime:
                spans[:] = _with_first_readings(spans, step.state)
        cut = _extend_with_cuts(spans, step, cut)
        quiet = quiet or (step.before < step.until and sample.readings == b"{}")
        events += step.events
        last = step.until
        final = step.state
    ended = last
    left = sample is not None and sample.bye
    running = now is not None and not left and sample is not None and now - last <= rhythm.lifetime
    if running and now is not None:
        ended = max(int(now), last)
        _extend(spans, last, ended, None)
    return Timeline(
        began, ended, tuple(spans), tuple(events), left, running, gaps, last, joined, final
    )


def steps(session: Session, rhythm: Rhythm) -> Iterator[Step]:
    """Each sample with what is known from it, in order.

    The first sample says who joined; it holds for no time.
    """
    state: dict[str, Value] = {}
    before: Sample | None = None
    at = 0
    for sample in _in_order(session):
        # A clock may be set back; time is not.
        moment = sample.ts if before is None else max(sample.ts, at)
        since = at
        gap = False
        if before is None:
            at = since = moment
        else:
            gap = sample.seq is not None and sample.seq != (before.seq or 0) + 1
            if gap or before.bye or moment - at > rhythm.lifetime:
                since = max(at, moment - int(rhythm.interval))
            if gap:
                state = {}
        state, events = _applied(state, sample, moment, at)
        yield Step(sample, at, since, moment, state, events, gap)
        at = moment
        before = sample


def _in_order(session: Session) -> Sequence[Sample]:
    if session.dialect is Dialect.V1:
        return session.samples
    return list({sample.seq or 0: sample for sample in sorted(session.samples, key=_seq)}.values())


def _seq(sample: Sample) -> int:
    return sample.seq or 0


def _extend(spans: list[Span], start: int, end: int, state: State | None) -> None:
    if end <= start:
        return
    if spans and spans[-1].end == start and spans[-1].state == state:
        start = spans.pop().start
    spans.append(Span(start, end, state))


def _extend_with_cuts(spans: list[Span], step: Step, cut: bool) -> bool:
    """Add the span of a sample, in parts where the connection was interrupted or restored.

    Returns whether it is interrupted at the end.
    """
    at = step.since
    for event in step.events:
        if event.what in (_CUT, _RESTORED):
            moment = max(at, event.at)
            _extend(spans, at, moment, _with_cut(step.state, cut))
            at, cut = moment, event.what == _CUT
    cut_before = not any(event.what == _CUT for event in step.events)
    if cut and cut_before and step.sample.full and not _OF_A_CONNECTION.isdisjoint(step.state):
        cut = False  # The connection works, so the event `restored` was in a sample that was lost.
    _extend(spans, at, step.until, _with_cut(step.state, cut))
    return cut


def _with_first_readings(spans: Sequence[Span], state: State) -> list[Span]:
    """The spans since the join, with the first readings, which are means since then."""
    first = {path: value for path, value in state.items() if path in _OF_A_CONNECTION}
    return [Span(span.start, span.end, {**first, **(span.state or {})}) for span in spans]


def _with_cut(state: State, cut: bool) -> State:
    return {**state, _CUT: True} if cut else state


def _applied(
    state: dict[str, Value], sample: Sample, at: int, before: int
) -> tuple[dict[str, Value], tuple[Event, ...]]:
    """The state by a sample: a new one, because a span may have the old one; and its events."""
    if sample.readings == b"{}" and not sample.full:
        return state, ()
    state = {} if sample.full else dict(state)
    events: list[Event] = []
    for name, value in msgspec.json.decode(sample.readings).items():
        if name == _EVENTS:
            events += _events(value, at, before)
        elif isinstance(value, dict):
            for leaf, inner in value.items():
                _set(state, f"{name}.{leaf}", inner)
        else:
            _set(state, name, value)
    return state, tuple(events)


def _events(listed: object, at: int, before: int) -> list[Event]:
    """The events of a sample by time: each a name, or a name with its age before the sample."""
    found: list[Event] = []
    for item in listed if isinstance(listed, list) else ():
        name, age = (*item, 0)[:2] if isinstance(item, list) and item else (item, 0)
        seconds = age if isinstance(age, int | float) else 0
        found.append(Event(min(at, max(before, round(at - seconds))), str(name)))
    return sorted(found, key=lambda event: event.at)


def _set(state: dict[str, Value], path: str, value: Value | None) -> None:
    if value is None:
        state.pop(path, None)
    else:
        state[path] = value
