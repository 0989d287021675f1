"""What monitoring may see of the calls: time that has passed, by grade, and who is there.

Whoever keeps the summaries tells us each time that a session has got longer. Counted is the time
from the last sample of the summary before to the last sample of the new one: between two samples
all is known that ever will be, and the summary that was stored before says, also to another
process and after a restart, how far was counted. So a second counts once, and no sum gets less.
"""

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Literal, NamedTuple, Protocol, TypeVar

from jmmc.core.histogram import Histogram
from jmmc.core.labels import OTHER, UNKNOWN, Names, family
from jmmc.maintenance.freshness import PATIENCE
from jmmc.quality.grading import Grade, moment_mos
from jmmc.quality.summary import Summary
from jmmc.quality.timeline import State, Timeline

Direction = Literal["up", "down", ""]

_LATE = 600.0  # Seconds: what was that long ago belongs into no rate of now.
_REGIONS, _BROWSERS, _TRANSPORTS = 20, 10, 6  # Values of a label; the rest is `other`.
_PLACES = 200  # Combinations of them: 4,000 series, 25 ms of a scrape.


class Labels(NamedTuple):
    """Where a call is made, in bounded words."""

    region: str
    browser: str
    transport: str


class Measure(NamedTuple):
    """A reading whose spread over time is kept, in base units."""

    name: str
    direction: Direction
    bounds: tuple[float, ...]
    value: Callable[[State], float | None]


def _scaled(path: str, factor: float) -> Callable[[State], float | None]:
    def value(state: State) -> float | None:
        reading = state.get(path)
        return None if not isinstance(reading, int | float) else reading * factor

    return value


def _bitrate(link: str) -> Callable[[State], float | None]:
    """Audio and video together; a browser that sends no video says nothing of its rate."""
    audio, video = _scaled(f"{link}.ab", 1000.0), _scaled(f"{link}.vb", 1000.0)

    def value(state: State) -> float | None:
        known = [item for item in (audio(state), video(state)) if item is not None]
        return sum(known) if known else None

    return value


_RTT = (0.02, 0.05, 0.1, 0.15, 0.2, 0.3, 0.4, 0.5, 0.6, 1.0, 2.0)
_LOSS = (0.0, 0.005, 0.01, 0.02, 0.03, 0.05, 0.08, 0.1, 0.12, 0.2, 0.5)
_BITRATE = (32e3, 64e3, 128e3, 256e3, 512e3, 1e6, 1.5e6, 2e6, 3e6, 5e6, 10e6)
_MOS = (1.5, 2.0, 2.5, 3.0, 3.3, 3.5, 3.8, 4.0, 4.2, 4.3, 4.4)

MEASURES: tuple[Measure, ...] = (
    Measure("rtt", "", _RTT, _scaled("rtt", 0.001)),
    Measure("loss", "up", _LOSS, _scaled("u.pl", 0.01)),
    Measure("loss", "down", _LOSS, _scaled("d.pl", 0.01)),
    Measure("bitrate", "up", _BITRATE, _bitrate("u")),
    Measure("bitrate", "down", _BITRATE, _bitrate("d")),
    Measure("mos", "", _MOS, moment_mos),
)


class LiveCounts(NamedTuple):
    """Participants by place and grade at present, and the meetings that they are in."""

    participants: dict[tuple[Labels, Grade], int]
    meetings: int


class _Present(NamedTuple):
    room: str
    last: int
    place: Labels
    grade: Grade


class TimeTotals:
    """Sums of the calls that this process has kept the summaries of.

    `regions` always have their name in the labels; `lifetime` (seconds) is how long a session
    lives on after a sample. `leads` tells whether it is this process that keeps the summaries:
    all others know nothing of who is there. `seconds` is by place and grade, `spreads` by region
    and in the order of `MEASURES`, both in person-seconds; `late` is person-seconds that became
    known too late to be counted as of now.
    """

    def __init__(self, regions: Sequence[str] = (), *, lifetime: float) -> None:
        self.leads = False
        self.late = 0
        self.seconds: dict[Labels, dict[Grade, int]] = {}
        self.spreads: dict[str, tuple[Histogram, ...]] = {}
        self._as_of = 0.0
        self._lifetime = lifetime
        self._present: dict[str, _Present] = {}
        self._regions = Names(_REGIONS, regions)
        self._browsers = Names(_BROWSERS)
        self._transports = Names(_TRANSPORTS)
        self._open(Labels(UNKNOWN, UNKNOWN, UNKNOWN))

    def lead(self, running: Iterable[Summary]) -> None:
        """From now on this process keeps the summaries; these sessions run."""
        self.leads = True
        self._present.clear()
        for item in running:
            self._see(item, self._labels_of(item))

    def leave(self) -> None:
        """Another process keeps the summaries now."""
        self.leads = False
        self._present.clear()

    def catch_up(self, now: float) -> None:
        """All that was stored until now has been counted."""
        self._as_of = now

    def count(self, before: Summary | None, after: Summary, timeline: Timeline, now: float) -> None:
        """A session has a new summary, made of `timeline`; `before` is the one that it had."""
        place = self._labels_of(after)
        self._see(after, place)
        since = after.began if before is None else before.last
        recent = max(since, min(int(now - max(_LATE, 2 * self._lifetime)), after.last))
        self.late += max(0, recent - since)
        for stretch, passed in _backwards(after.grade_spans, recent, after.last):
            self.seconds[place][stretch.grade] += passed
        for span, passed in _backwards(timeline.spans, recent, after.last):
            if span.state is not None:
                for measure, spread in zip(MEASURES, self.spreads[place.region], strict=True):
                    value = measure.value(span.state)
                    if value is not None:
                        spread.add(value, passed)

    def live_counts(self, now: float) -> LiveCounts | None:
        """Who is there; None when that is not known here, or has not been looked at of late."""
        if not self.leads or now - self._as_of > self._lifetime:
            return None
        alive = self._lifetime + PATIENCE
        over = [key for key, session in self._present.items() if now - session.last > alive]
        for key in over:  # Sessions that nobody has ended in time.
            del self._present[key]
        there = self._present.values()
        found = {(place, grade): 0 for place in self.seconds for grade in Grade}
        found.update(Counter((item.place, item.grade) for item in there))
        return LiveCounts(found, len({summary.room for summary in there}))

    def _open(self, place: Labels) -> None:
        """Nothing counts from zero that was not seen at zero: a rate would miss its beginning."""
        if place not in self.seconds:
            self.seconds[place] = dict.fromkeys(Grade, 0)
            if place.region not in self.spreads:
                self.spreads[place.region] = tuple(
                    Histogram(measure.bounds) for measure in MEASURES
                )

    def _labels_of(self, summary: Summary) -> Labels:
        place = Labels(
            self._regions.of(summary.region),
            self._browsers.of(family(summary.browser)),
            self._transports.of(summary.transport),
        )
        if place not in self.seconds and len(self.seconds) >= _PLACES:
            place = Labels(place.region, OTHER, OTHER)
        self._open(place)
        return place

    def _see(self, summary: Summary, place: Labels) -> None:
        if summary.running:
            present = _Present(summary.room, summary.last, place, summary.at_present)
            self._present[summary.session] = present
        else:
            self._present.pop(summary.session, None)


class _Piece(Protocol):
    @property
    def start(self) -> int: ...
    @property
    def end(self) -> int: ...


_P = TypeVar("_P", bound=_Piece)


def _backwards(pieces: Sequence[_P], since: int, until: int) -> Iterator[tuple[_P, int]]:
    """Pieces of a time line with their seconds in a window, from its end: a call may be long."""
    for piece in reversed(pieces):
        if piece.end <= since:
            return
        if (seconds := min(piece.end, until) - max(piece.start, since)) > 0:
            yield piece, seconds
