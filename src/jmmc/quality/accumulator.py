"""A session, summed up as it goes on: the state after some samples, advanced by the next ones.

Whatever the samples are split into, the summary is the same, for a whole session is summed up in
the same way: as one that is advanced by all of its samples.
"""

from collections.abc import Callable, Iterable, Iterator
from typing import NamedTuple

import msgspec
from msgspec import Struct

from jmmc.core.model import Sample, Session
from jmmc.core.parts import parts_of
from jmmc.quality.grading import VERSION, CallAccumulator, GradingAccumulator, Rules, rules_of
from jmmc.quality.quantiles import QuantileAccumulator
from jmmc.quality.stay import MOST_EVENTS, StayAccumulator, StayRecord
from jmmc.quality.thresholds import PRESETS, Preset
from jmmc.quality.timeline import Position, Rhythm, Span, TimelineAccumulator, in_order

_BETWEEN_PAUSES = 100  # Samples: 2 ms.


class Formula(NamedTuple):
    """By what sessions are summed up."""

    rules: Rules
    rhythm: Rhythm
    name: str

    @staticmethod
    def of(preset: Preset, rhythm: Rhythm) -> "Formula":
        """The formula of a preset and a rhythm (`build_timeline`)."""
        return Formula(rules_of(preset), rhythm, formula_of(preset))


def formula_of(preset: Preset) -> str:
    """The value of `Summary.formula`: the version of the formulas and the preset."""
    return f"{VERSION}-{preset.name}"


def preset_of(formula: str) -> Preset | None:
    """The preset by which a summary was graded; None where an earlier version had another one."""
    return PRESETS.get(formula.partition("-")[2])


class Accumulated(Struct, array_like=True):
    """What is known of a session after its first `samples`; the last one has number `seq`."""

    session: str
    room: str
    browser_id: str
    samples: int
    seq: int | None
    timeline: TimelineAccumulator
    grading: GradingAccumulator
    call: CallAccumulator
    quantiles: QuantileAccumulator
    stay: StayRecord

    @staticmethod
    def of(session: Session) -> "Accumulated":
        """A session of which no sample is known."""
        return Accumulated(
            session.id,
            session.room,
            session.browser_id,
            0,
            None,
            TimelineAccumulator(Position(), session.began),
            GradingAccumulator(),
            CallAccumulator(),
            QuantileAccumulator(),
            StayRecord(),
        )


_DECODER = msgspec.msgpack.Decoder(Accumulated)
_ENCODER = msgspec.msgpack.Encoder()


class SessionAccumulator:
    """A session so far. `spans` are those that its last samples added, by time."""

    def __init__(self, accumulated: Accumulated, formula: Formula) -> None:
        self.accumulated = accumulated
        self.spans: list[Span] = []
        self.formula = formula
        self._stay = StayAccumulator(accumulated.stay)

    @staticmethod
    def of(
        session: Session, formula: Formula, *, pause: Callable[[], None] = lambda: None
    ) -> "SessionAccumulator":
        """A session with all of its samples, in any order and repeated.

        `pause` is called after each few samples.
        """
        accumulator = SessionAccumulator(Accumulated.of(session), formula)
        for part in parts_of(in_order(session), _BETWEEN_PAUSES):
            accumulator.advance(part)
            pause()
        accumulator.accumulated.samples = len(session.samples)
        return accumulator

    @staticmethod
    def decode(kept: bytes, formula: Formula) -> "SessionAccumulator":
        """The inverse of `encode`, with the same formula."""
        accumulator = SessionAccumulator(_DECODER.decode(kept), formula)
        accumulator._stay.resume(accumulator.accumulated.timeline.position.state)
        return accumulator

    def encode(self) -> bytes | None:
        """The session so far in some kilobytes; None where it cannot be advanced.

        In dialect v1 samples have no numbers. Imported files may have integers of any length.
        """
        if self.accumulated.seq is None:
            return None
        self._stay.pause(self.accumulated.timeline.position.state)
        try:
            return _ENCODER.encode(self.accumulated)
        except OverflowError:
            return None

    def advance(self, samples: Iterable[Sample]) -> None:
        """Add samples that follow those before, in the order in which the browser took them."""
        accumulated, rhythm = self.accumulated, self.formula.rhythm
        events = accumulated.stay.events
        certain: list[Span] = []
        for sample in samples:
            is_first = not accumulated.timeline.position.begun
            spans, added = accumulated.timeline.advance(sample, rhythm)
            if is_first:
                self._stay.join(accumulated.timeline.position.state)
            certain += spans
            if added and len(events) < MOST_EVENTS:
                events += added
            accumulated.samples += 1
            accumulated.seq = sample.seq
        self._add(certain)

    def finish(self, now: float | None) -> tuple[int, bool]:
        """Add what is known at `now`, as in `build_timeline`; nothing can be added afterwards.

        Returns when the session ended, and whether it is running.
        """
        accumulated = self.accumulated
        spans, ended, running = accumulated.timeline.finish(self.formula.rhythm, now)
        self._add(spans)
        for judgement in accumulated.grading.finish():
            accumulated.call.add(judgement)
        self._stay.hear(accumulated.timeline.position.state)
        return ended, running

    def _add(self, spans: Iterable[Span]) -> None:
        accumulated, rules = self.accumulated, self.formula.rules
        for span in _together(spans):
            for judgement in accumulated.grading.advance(span, rules):
                accumulated.call.add(judgement)
            if span.state is not None:
                accumulated.quantiles.add(span.state, span.end - span.start)
            self._stay.advance(span)
            self.spans.append(span)


def _together(spans: Iterable[Span]) -> Iterator[Span]:
    """Yield neighbours with the very same readings as one span: many samples change nothing.

    Not those that name senders: the sums of their percentages would depend on what is together.
    """
    last: Span | None = None
    for span in spans:
        state = span.state
        if last is not None:
            if state is last.state and state is not None and "d.by" not in state:
                last = Span(last.start, span.end, state)
                continue
            yield last
        last = span
    if last is not None:
        yield last
