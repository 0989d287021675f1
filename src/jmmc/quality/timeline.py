"""Samples to a continuous timeline: the only module in which an absent reading means unchanged.

A reading holds from its sample until the next sample that changes it. Where a sample is missing, or
nothing arrived for longer than the lifetime of a silent session, the time between is unknown:
neither zero nor the old value.
"""

from collections.abc import Iterable, Mapping, Sequence

import msgspec
from msgspec import Struct

from jmmc.core.model import Dialect, Sample, Session
from jmmc.core.readings import READINGS, Subject

Value = float | int | str | bool | list[str]
State = Mapping[str, Value]
"""Readings by their path (`u.bw`), and `interrupted` while the connection is."""

SIGNS_OF_LIFE = 2.5
"""The lifetime of a silent session, in push intervals."""

_EVENTS = "ev"
_OF_A_CONNECTION = frozenset(
    row.path
    for row in READINGS
    if row.subject in (Subject.QUALITY, Subject.UPLINK, Subject.DOWNLINK, Subject.ROUND_TRIP)
)


class Span(Struct, frozen=True, gc=False):
    """A span of time, in Unix seconds, and its readings; `state` is None where unknown."""

    start: int
    end: int
    state: State | None


class Event(Struct, frozen=True, gc=False):
    """An event that a browser reported, at the time of its sample."""

    at: int
    what: str


class Timeline(Struct, frozen=True):
    """One session over time. `spans` have no gaps from `began` to `ended`.

    `left`: the participant left with a last sample (`bye`). `running`: the session may continue.
    `gaps` counts the places where samples are missing.
    """

    began: int
    ended: int
    spans: tuple[Span, ...]
    events: tuple[Event, ...] = ()
    left: bool = False
    running: bool = False
    gaps: int = 0


def build_timeline(session: Session, *, lifetime: float, now: float | None = None) -> Timeline:
    """The timeline of a session.

    `lifetime` is how long (seconds) a session is alive after a sample. With `now` (Unix seconds)
    a session that is still alive is running, and its last state holds until now; any other ended
    at its last sample. Samples may be in any order and repeated.
    """
    samples = _in_order(session)
    spans: list[Span] = []
    events: list[Event] = []
    state: dict[str, Value] = {}
    gaps = 0
    before: Sample | None = None
    at = samples[0].ts if samples else session.began
    began = at
    for sample in samples:
        moment = max(sample.ts, at)  # A clock may be set back; time is not.
        if before is not None:
            gap = sample.seq is not None and sample.seq != (before.seq or 0) + 1
            silent = moment - at > lifetime or before.bye
            _extend(spans, at, moment, None if gap or silent else state)
            if gap:
                gaps += 1
                state = {}
        state = _applied(state, sample, moment, events)
        at = moment
        before = sample
    left = before is not None and before.bye
    running = now is not None and not left and before is not None and now - at <= lifetime
    if running and now is not None:
        _extend(spans, at, max(int(now), at), state)
        at = max(int(now), at)
    return Timeline(began, at, tuple(spans), tuple(events), left, running, gaps)


def clip(spans: Iterable[Span], since: int, until: int) -> list[Span]:
    """The spans between two moments; those that reach beyond are cut."""
    return [
        Span(max(span.start, since), min(span.end, until), span.state)
        for span in spans
        if span.start < until and span.end > since
    ]


def sample_states(session: Session) -> Iterable[tuple[Sample, State]]:
    """Each sample with the state that holds from it on."""
    state: dict[str, Value] = {}
    before: Sample | None = None
    for sample in _in_order(session):
        if before is not None and sample.seq is not None and sample.seq != (before.seq or 0) + 1:
            state = {}
        state = _applied(state, sample, sample.ts, [])
        before = sample
        yield sample, state


def _in_order(session: Session) -> Sequence[Sample]:
    if session.dialect is Dialect.V1:
        return session.samples
    return list({sample.seq or 0: sample for sample in sorted(session.samples, key=_seq)}.values())


def _seq(sample: Sample) -> int:
    return sample.seq or 0


def _extend(spans: list[Span], start: int, end: int, state: State | None) -> None:
    if end <= start:
        return
    if spans and spans[-1].state == state:
        start = spans.pop().start
    spans.append(Span(start, end, state))


def _applied(
    state: dict[str, Value], sample: Sample, at: int, events: list[Event]
) -> dict[str, Value]:
    """The state after a sample: a new one, because a span may have the old one."""
    if sample.readings == b"{}" and not sample.full:
        return state
    cut = "interrupted" in state
    state = {} if sample.full else dict(state)
    for name, value in msgspec.json.decode(sample.readings).items():
        if name == _EVENTS:
            for what in value if isinstance(value, list) else ():
                events.append(Event(at, str(what)))
                cut = what == "interrupted" or (cut and what != "restored")
        elif isinstance(value, dict):
            for leaf, inner in value.items():
                _set(state, f"{name}.{leaf}", inner)
        else:
            _set(state, name, value)
    if cut and sample.full and not _OF_A_CONNECTION.isdisjoint(state):
        cut = False  # The connection works, so the event `restored` was in a sample that was lost.
    if cut:
        state["interrupted"] = True
    else:
        state.pop("interrupted", None)
    return state


def _set(state: dict[str, Value], path: str, value: Value | None) -> None:
    if value is None:
        state.pop(path, None)
    else:
        state[path] = value
