"""Segments: the parts of a session in which no dimension changed.

A person may move to another region, network or path during a call. Each second counts for the value
that held then. What is not known at a moment is as it was before; at the start, as it became known.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import NamedTuple

import msgspec
from msgspec import Struct

from jmmc.core.fields import Moment
from jmmc.quality.addresses import network_of, readable_address
from jmmc.quality.devices import DEVICES, device_name
from jmmc.quality.filters import DIMENSIONS
from jmmc.quality.grading import Grade
from jmmc.quality.joining import at_most
from jmmc.quality.timeline import State, Timeline

MOST_SEGMENTS = 60
"""Of a session; the shortest ones are joined."""

LONGEST_TEXT = 64
"""Characters of a value of a dimension, and of an event."""


class Segment(Struct, frozen=True, array_like=True, gc=False):
    """A part of a session in Unix seconds, with the dimensions that change during the session."""

    start: Moment
    end: Moment
    values: dict[str, str]


class Piece(NamedTuple):
    """A span of one grade in one segment; `values` are its changing dimensions."""

    start: int
    end: int
    grade: Grade
    values: Mapping[str, str]


_SEGMENTS = msgspec.json.Decoder(tuple[Segment, ...])
_SPANS = msgspec.json.Decoder(list[tuple[int, int, int]])
_GRADES = tuple(Grade)  # Looking up is a tenth of the work of calling `Grade`.
_SAME: Mapping[str, str] = {}


class Track(NamedTuple):
    """A session's spans (start, end, grade) and its segments; no segment when none changed."""

    spans: Sequence[tuple[int, int, int]]
    segments: Sequence[Segment]


def track_of(lane: str, segments: str) -> Track:
    """Decode the two from JSON, the form in which `Reports.facts` returns them."""
    return Track(_SPANS.decode(lane), () if segments == "[]" else _SEGMENTS.decode(segments))


def pieces(track: Track, since: int, until: int) -> Iterator[Piece]:
    """The pieces in a window, cut at its ends, by time."""
    segments = iter(track.segments)
    segment = next(segments, None)
    for start, end, grade in track.spans:
        if end <= since:
            continue
        if start >= until:
            return
        at, end = max(start, since), min(end, until)
        while segment is not None and at < end:
            if segment.end <= at and (later := next(segments, None)) is not None:
                segment = later
                continue
            cut = end if segment.end <= at else min(end, segment.end)
            yield Piece(at, cut, _GRADES[grade], segment.values)
            at = cut
        if at < end:
            yield Piece(at, end, _GRADES[grade], _SAME)


def entries(segments: Iterable[Segment], dimension: str) -> dict[str, int]:
    """When a session first had each value of a dimension that changes during it."""
    found: dict[str, int] = {}
    for segment in segments:
        if dimension in segment.values:
            found.setdefault(segment.values[dimension], segment.start)
    return found


def values_at(values: Mapping[str, str], segments: Sequence[Segment], at: int) -> Mapping[str, str]:
    """The dimensions of a session at a moment; `values` are those that it has on the whole."""
    for segment in segments:
        if at < segment.end:
            return {**values, **segment.values}
    return {**values, **segments[-1].values} if segments else values


class Run(NamedTuple):
    """A time with the same values, in the order of `DIMENSIONS`; `known` of its seconds are."""

    start: int
    end: int
    values: tuple[str, ...]
    known: int


def segments_of(timeline: Timeline) -> tuple[dict[str, str], tuple[Segment, ...]]:
    """The values that held longest in known time, and the segments; none when nothing changed."""
    runs: list[Run] = []
    for span in timeline.spans:
        values = NOTHING if span.state is None else values_of(span.state)
        add_run(runs, span.start, span.end, values, span.state is not None)
    return segments_of_runs(runs, values_of(timeline.joined))


def segments_of_runs(
    runs: Sequence[Run], joined: Sequence[str]
) -> tuple[dict[str, str], tuple[Segment, ...]]:
    """What `segments_of` answers; `joined` are the values when the participant joined."""
    runs = at_most(MOST_SEGMENTS, _filled(runs, joined), _joined)
    if not runs:
        return dict(zip(DIMENSIONS, joined, strict=True)), ()
    if len(runs) == 1:
        return dict(zip(DIMENSIONS, runs[0].values, strict=True)), ()
    longest: dict[str, str] = {}
    changing: dict[str, int] = {}
    for place, dimension in enumerate(DIMENSIONS):
        seconds: dict[str, int] = {}
        for run in runs:
            value = run.values[place]
            seconds[value] = seconds.get(value, 0) + run.known
        longest[dimension] = max((length, value) for value, length in seconds.items())[1]
        if len(seconds) > 1:
            changing[dimension] = place
    if not changing:
        return longest, ()
    return longest, tuple(
        Segment(
            run.start,
            run.end,
            {dimension: run.values[place] for dimension, place in changing.items()},
        )
        for run in runs
    )


def add_run(runs: list[Run], start: int, end: int, values: tuple[str, ...], known: bool) -> None:
    """Add a span with these values; neighbours with the same values are one run."""
    _append(runs, Run(start, end, values, end - start if known else 0))


def _append(runs: list[Run], run: Run) -> None:
    if runs and runs[-1].values == run.values:
        last = runs[-1]
        runs[-1] = Run(last.start, run.end, last.values, last.known + run.known)
    else:
        runs.append(run)


def _filled(runs: Sequence[Run], joined: Sequence[str]) -> list[Run]:
    """Fill what is unknown with the value before, or at the start with the first one."""
    if len(runs) == 1:
        (run,) = runs
        values = tuple([value or before for value, before in zip(run.values, joined, strict=True)])
        return [run._replace(values=values)]
    held = [
        next((run.values[place] for run in runs if run.values[place]), joined[place])
        for place in _PLACES
    ]
    filled: list[Run] = []
    for run in runs:
        held = [value or before for value, before in zip(run.values, held, strict=True)]
        _append(filled, run._replace(values=tuple(held)))
    return filled


def _joined(runs: Sequence[Run], resolution: int) -> tuple[Run, ...]:
    """Runs shorter than a resolution as one, with the values that held longest in that time."""
    joined: list[Run] = []
    short: list[Run] = []

    def close() -> None:
        if short:
            longest = max(short, key=lambda run: run.end - run.start)
            known = sum(run.known for run in short)
            _append(joined, Run(short[0].start, short[-1].end, longest.values, known))
            short.clear()

    for run in runs:
        if run.end - run.start >= resolution:
            close()
            _append(joined, run)
            continue
        short.append(run)
        if run.end - short[0].start >= resolution:
            close()
    close()
    return tuple(joined)


_PLACES = range(len(DIMENSIONS))
NOTHING = ("",) * len(DIMENSIONS)
"""The values of a moment of which nothing is known."""


def values_of(state: State) -> tuple[str, ...]:
    """The values of a moment, in the order of `DIMENSIONS`."""
    return tuple([value_of(state) for value_of in _VALUES_OF])


def text_of(value: object) -> str:
    """A value of a dimension; imported files may have longer ones than browsers can send."""
    return "" if isinstance(value, list | dict) else str(value or "")[:LONGEST_TEXT]


def _reading(path: str) -> Callable[[State], str]:
    return lambda state: text_of(state.get(path))


def _device(path: str) -> Callable[[State], str]:
    return lambda state: device_name(text_of(state.get(path)))


def _network(state: State) -> str:
    return network_of(readable_address(state.get("t.rip")))


PEER_TO_PEER = "p2p"
"""The transport and the bridge while the media go from peer to peer."""


def _bridge(state: State) -> str:
    """The address of the bridge, or `p2p` where the media do not go over one.

    Of scripts that do not tell it, it is the remote end's address, where that is not a peer's.
    """
    if state.get("t.p2p") is True:
        return PEER_TO_PEER
    if reported := state.get("t.brg"):
        return text_of(reported)
    return readable_address(state.get("t.ip")) if state.get("t.p2p") is False else ""


def is_relayed(state: State) -> bool:
    """Whether the media go through a relay (TURN)."""
    return "relay" in (state.get("t.lct"), state.get("t.rct")) or str(state.get("t.tp")).startswith(
        "relay"
    )


def _transport(state: State) -> str:
    """`p2p`, `relay`, or else the protocol; "" while that is unknown."""
    if not (protocol := text_of(state.get("t.tp"))):
        return ""
    if state.get("t.p2p") is True:
        return PEER_TO_PEER
    return "relay" if is_relayed(state) else protocol


def _codec(state: State) -> str:
    return text_of(state.get("cdc.v") or state.get("cdc.a"))


_VALUE_OF: Mapping[str, Callable[[State], str]] = {
    "browser": _reading("br"),
    "os": _reading("os"),
    "region": _reading("t.sr"),
    "bridge": _bridge,
    "network": _network,
    "provider": _reading("t.asn"),
    "country": _reading("t.cc"),
    "transport": _transport,
    "codec": _codec,
    **{dimension: _device(path) for path, dimension in DEVICES.items()},
}
_VALUES_OF = tuple(_VALUE_OF[dimension] for dimension in DIMENSIONS)
VALUE_PATHS = (
    *("br", "os", "t.sr", "t.brg", "t.ip", "t.rip", "t.asn", "t.cc"),
    *("t.tp", "t.lct", "t.rct", "t.p2p", "cdc.v", "cdc.a"),
    *DEVICES,
)
"""The readings that the values depend on."""
