"""What a browser said of itself, its path and its peers during a session, as time goes on.

Most of it hardly ever changes: a moment that has the same as the one before only adds its seconds.
"""

from collections.abc import Iterable
from operator import is_not
from typing import Any, NamedTuple

from msgspec import Struct, field

from jmmc.quality.segments import (
    LONGEST_TEXT,
    NOTHING,
    VALUE_PATHS,
    Run,
    add_run,
    is_relayed,
    text_of,
    values_of,
)
from jmmc.quality.signs import named_senders
from jmmc.quality.summary import CallEvent, Sender
from jmmc.quality.timeline import Event, Span, State

MOST_EVENTS = 100
"""Of a session in its summary."""

_MOST_SENDERS = 10
_PATH = ("t.tp", "t.ip", "t.lip", "t.lct", "t.rct")
_HELD = ("pid", "mid", "t.rip", "t.tp", "t.p2p", "t.lct", "t.rct")
_SAID = (
    *("fail", "drop", "set.ask", "set.join", "set.ice", "set.med", "name", "code", "rate", "why"),
)
_SLOW = tuple(dict.fromkeys((*VALUE_PATHS, *_PATH, *_HELD, *_SAID)))
_NO_READING = {list, dict}  # Imported files may have anything.


class PathChanges(Struct, array_like=True):
    """When the network path changed: `path` is the last one that is known."""

    path: tuple[Any, ...] | None = None
    moments: list[int] = []

    def see(self, state: State, start: int) -> None:
        """Note the path from a moment on, in order of time."""
        path = tuple(map(state.get, _PATH))
        if path[0] is None:
            return
        if self.path is not None and path != self.path:
            self.moments.append(start)
        self.path = path


class _Moment(Struct):
    """The readings in `_SLOW` at the last moment, and what follows from them."""

    readings: tuple[Any, ...]
    held: tuple[Any, ...]
    values: tuple[str, ...]


class StayRecord(Struct, array_like=True):
    """What is kept of `StayAccumulator`.

    `known` is the seconds of which anything is known. `held` has the seconds for which the readings
    in `_HELD` held together, `said` the last values of those in `_SAID`. `runs` and `joined` are
    for segments. `senders` has by endpoint for how long its media arrived badly, and by kind the
    sum of its percentages by second, and their seconds. `continues`: the last run is of the last
    sample's readings.
    """

    known: int = 0
    held: dict[tuple[Any, ...], int] = {}
    said: dict[str, Any] = {}
    joined: tuple[str, ...] = NOTHING
    runs: list[Run] = []
    changes: PathChanges = field(default_factory=PathChanges)
    events: list[Event] = []
    senders: dict[str, tuple[int, list[tuple[float, int]]]] = {}
    continues: bool = False


class StayAccumulator:
    """What a browser said, advanced by one span after the other; `record` can be stored."""

    def __init__(self, record: StayRecord) -> None:
        self.record = record
        self._moment: _Moment | None = None

    def pause(self, state: State) -> None:
        """Make `record` ready to be stored, after a sample that has these readings."""
        moment, runs = self._moment, self.record.runs
        self.record.continues = (
            moment is not None
            and runs[-1].values == moment.values
            and not any(map(is_not, map(state.get, _SLOW), moment.readings))
        )

    def resume(self, state: State) -> None:
        """Go on after `pause`."""
        if self.record.continues:
            readings = tuple(map(state.get, _SLOW))
            self._moment = _Moment(readings, _held_together(state), self.record.runs[-1].values)

    def join(self, state: State) -> None:
        """Note what the first sample said. It holds for no time."""
        record = self.record
        record.joined = values_of(state)
        held = _held_together(state)
        record.held[held] = record.held.get(held, 0)
        self.hear(state)

    def hear(self, state: State) -> None:
        """Note what a sample said, which may hold for no time: a rating comes after the end."""
        for path in _SAID:
            if (value := state.get(path)) is not None:
                self.record.said[path] = value

    def advance(self, span: Span) -> None:
        """Add a span."""
        state, record = span.state, self.record
        if state is None:
            # What is not known is as it was before.
            values = record.runs[-1].values if record.runs else NOTHING
            add_run(record.runs, span.start, span.end, values, False)
            return
        seconds = span.end - span.start
        readings = tuple(map(state.get, _SLOW))
        moment = self._moment
        # The same objects: 1 and True are equal, and are not the same reading.
        if moment is None or any(map(is_not, readings, moment.readings)):
            moment = self._moment = _Moment(readings, _held_together(state), values_of(state))
            record.changes.see(state, span.start)
            self.hear(state)
        record.known += seconds
        record.held[moment.held] = record.held.get(moment.held, 0) + seconds
        add_run(record.runs, span.start, span.end, moment.values, True)
        if "d.by" in state:
            self._add_senders(state, seconds)

    def _add_senders(self, state: State, seconds: int) -> None:
        for named, shares in named_senders(state):
            endpoint = text_of(named)
            before, sums = self.record.senders.get(endpoint, (0, [(0.0, 0)] * len(shares)))
            self.record.senders[endpoint] = (
                before + seconds,
                [
                    pair if share is None else (pair[0] + share * seconds, pair[1] + seconds)
                    for pair, share in zip(sums, shares, strict=True)
                ],
            )


class PathSeconds(NamedTuple):
    """For how many seconds the media went through a relay, over TCP, and from peer to peer."""

    relay: int
    tcp: int
    p2p: int

    @staticmethod
    def of(record: StayRecord) -> "PathSeconds":
        """Those of a stay."""
        relay = tcp = p2p = 0
        for values, seconds in record.held.items():
            _, _, _, protocol, direct, local, remote = values
            if protocol is None and direct is None and local is None and remote is None:
                continue
            if is_relayed({"t.tp": protocol, "t.lct": local, "t.rct": remote}):
                relay += seconds
            if "tcp" in str(protocol):
                tcp += seconds
            if direct == 1:
                p2p += seconds
        return PathSeconds(relay, tcp, p2p)


def longest_held(record: StayRecord, path: str) -> object:
    """The value of a reading in `_HELD` that held longest; None without one."""
    place = _HELD.index(path)
    lengths: dict[object, int] = {}
    for values, seconds in record.held.items():
        if (value := values[place]) is not None:
            lengths[value] = lengths.get(value, 0) + seconds
    if len(lengths) <= 1:
        return next(iter(lengths), None)
    return max(lengths.items(), key=lambda value: (value[1], str(value[0])))[0]


def call_events(reported: Iterable[Event], changes: PathChanges) -> tuple[CallEvent, ...]:
    """The events that the browser reported, and each change of the network path, by time."""
    found = [CallEvent(event.at, event.what[:LONGEST_TEXT]) for event in reported]
    found += [CallEvent(moment, "path") for moment in changes.moments]
    return tuple(sorted(found, key=lambda event: event.at))


def worst_senders(record: StayRecord) -> tuple[Sender, ...]:
    """The senders whose media arrived worst for the longest time."""
    senders = record.senders
    longest_first = sorted(senders, key=lambda endpoint: (-senders[endpoint][0], endpoint))
    return tuple(
        Sender(
            endpoint,
            senders[endpoint][0],
            *(round(total / known, 1) if known else None for total, known in senders[endpoint][1]),
        )
        for endpoint in longest_first[:_MOST_SENDERS]
    )


def _held_together(state: State) -> tuple[Any, ...]:
    values: tuple[Any, ...] = tuple(map(state.get, _HELD))
    if _NO_READING.isdisjoint(map(type, values)):
        return values
    return tuple(None if type(value) in _NO_READING else value for value in values)
