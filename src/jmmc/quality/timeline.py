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

MOST_AHEAD = 300.0
"""Seconds by which a sample may be newer than `now`: a round of work takes them, not a right clock.

What is further ahead was dated by a clock that was wrong, and does not say who is there now.
"""

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

    def may_go_on(self, last: float, now: float) -> bool:
        """Whether a session whose last sample was at `last` may go on at `now` (Unix seconds)."""
        return last - MOST_AHEAD <= now <= last + self.lifetime


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


class Position(Struct, array_like=True):
    """Where a session is after some of its samples: what the next one is a change to.

    `at` is the moment of the last sample, `seq` its number, `left` whether it was the last word of
    the participant. `begun`: there was a sample. `dated` is the time of the last sample as the
    collector's clock gave it: where that was set back, `at` is later.
    """

    state: dict[str, Any] = {}
    at: int = 0
    seq: int | None = None
    left: bool = False
    begun: bool = False
    dated: int = 0

    def step(self, sample: Sample, rhythm: Rhythm) -> Step:
        """Move on by one sample. The first one says who joined; it holds for no time."""
        # A clock may be set back; time is not.
        moment = max(sample.ts, self.at) if self.begun else sample.ts
        before = since = self.at
        gap = False
        state: dict[str, Any] = self.state
        if not self.begun:
            before = since = moment
        else:
            gap = sample.seq is not None and sample.seq != (self.seq or 0) + 1
            if gap or self.left or moment - before > rhythm.lifetime:
                since = max(before, moment - int(rhythm.interval))
            if gap:
                state = {}
        state, events = _applied(state, sample, moment, before)
        self.state, self.at, self.seq = state, moment, sample.seq
        self.left, self.begun, self.dated = sample.bye, True, sample.ts
        return Step(sample, before, since, moment, state, events, gap)


class TimelineAccumulator(Struct, array_like=True):
    """The timeline of a session so far, advanced by one sample after the other.

    It keeps no spans but those that may still change. `began` is the time of the first sample.
    `cut`: the connection is interrupted. `measured`: a reading of the connection is known since
    some sample; until then spans are `held` back, for the first readings are means since the join.
    `quiet`: a sample before had no readings.
    """

    position: Position
    began: int
    gaps: int = 0
    cut: bool = False
    measured: bool = False
    quiet: bool = False
    held: list[tuple[int, int, dict[str, Any] | None]] = []

    def advance(self, sample: Sample, rhythm: Rhythm) -> tuple[list[Span], tuple[Event, ...]]:
        """Add a sample; return the spans that are certain now, by time, and its events.

        Neighbouring spans may have the same state.
        """
        began_now = not self.position.begun
        step = self.position.step(sample, rhythm)
        if began_now:
            self.began = step.until
        if step.gap:
            self.gaps += 1
            self.cut = False
        spans: list[Span] = []
        if step.before < step.since:
            spans.append(Span(step.before, step.since, None))
        if not self.measured:
            spans = self._wait_for_first_readings(spans, step, rhythm)
        self.cut = _extend_with_cuts(spans, step, self.cut)
        if not self.quiet:
            self.quiet = step.before < step.until and sample.readings == b"{}"
        if not self.measured:
            if self._may_be_filled(step.until, rhythm):
                self.held = [(span.start, span.end, span.state) for span in spans]  # type: ignore[misc]
                spans = []
            else:
                self.held = []
        return spans, step.events

    def _wait_for_first_readings(self, spans: list[Span], step: Step, rhythm: Rhythm) -> list[Span]:
        """The spans since the join, when these are held, with the first readings if they came."""
        spans = [*(Span(*held) for held in self.held), *spans]
        if not _MEASURED.isdisjoint(step.state):
            self.measured = True
            self.held = []
            if not self.cut and self._may_be_filled(step.until, rhythm):
                return _with_first_readings(spans, step.state)
        return spans

    def _may_be_filled(self, at: int, rhythm: Rhythm) -> bool:
        """Whether first readings that come after `at` can be means since the join."""
        return not (self.gaps or self.quiet) and at - self.began <= rhythm.lifetime

    @property
    def last(self) -> int:
        """The time of the last sample."""
        return self.position.at if self.position.begun else self.began

    def finish(self, rhythm: Rhythm, now: float | None) -> tuple[list[Span], int, bool]:
        """The spans that were held back, and the unknown time since the last sample.

        Also the end of the session, and whether it is running; `now` as in `build_timeline`.
        Nothing can be added afterwards.
        """
        last = self.last
        spans = [Span(*held) for held in self.held]
        self.held = []
        alive = self.position.begun and not self.position.left
        if now is None or not alive or not rhythm.may_go_on(self.position.dated, now):
            return spans, last, False
        ended = max(int(now), last)
        if ended > last:
            spans.append(Span(last, ended, None))
        return spans, ended, True


def build_timeline(session: Session, *, rhythm: Rhythm, now: float | None = None) -> Timeline:
    """The timeline of a session.

    With `now` (Unix seconds) a session that is still alive is running, and is unknown from its
    last sample until now; any other ended at its last sample. Samples may be in any order and
    repeated.
    """
    accumulator = TimelineAccumulator(Position(), session.began)
    position = accumulator.position
    spans: list[Span] = []
    events: list[Event] = []
    joined: State = {}
    for sample in in_order(session):
        is_first = not position.begun
        for span in (added := accumulator.advance(sample, rhythm))[0]:
            _extend(spans, span.start, span.end, span.state)
        events += added[1]
        if is_first:
            joined = position.state
    rest, ended, running = accumulator.finish(rhythm, now)
    for span in rest:
        _extend(spans, span.start, span.end, span.state)
    return Timeline(
        accumulator.began,
        ended,
        tuple(spans),
        tuple(events),
        position.left,
        running,
        accumulator.gaps,
        accumulator.last,
        joined,
        position.state,
    )


def steps(session: Session, rhythm: Rhythm) -> Iterator[Step]:
    """Each sample with what is known from it, in order."""
    position = Position()
    for sample in in_order(session):
        yield position.step(sample, rhythm)


def in_order(session: Session) -> Sequence[Sample]:
    """The samples of a session as its browser took them, each once."""
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
