"""Counters of call time for monitoring: seconds by grade, and who is in a call now.

The summarizer calls `CallTimeCounters.count` each time that a session has a new summary. Counted is
the time from the last sample of the summary before to the last sample of the new one. The stored
summary thus says, also to another process and after a restart, up to where time was counted: each
second counts once, and no counter ever falls. Joins, ends of stays and drops are counted the same
way: those that the summary before did not have.
"""

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence, Set
from typing import Literal, NamedTuple, Protocol, TypeVar

from jmmc.core.histogram import Histogram
from jmmc.core.label_values import OTHER, UNKNOWN, LabelValues, browser_family
from jmmc.core.partitions import partition_of
from jmmc.core.readings import OTHER_FAILURES, READINGS, TECHNICAL_FAILURES, Number
from jmmc.maintenance.summary_due_times import PATIENCE
from jmmc.quality.grading import Grade, moment_mos
from jmmc.quality.joins import media_came
from jmmc.quality.meeting_ids import meetings_apart
from jmmc.quality.outcomes import (
    ATTEMPTS,
    DROPPED,
    FAILED,
    JOINED,
    NO_MEDIA,
    REFUSED,
    UNSUCCESSFUL,
)
from jmmc.quality.summary import Summary
from jmmc.quality.timeline import Span, State

Direction = Literal["up", "down", ""]

_LATE = 600.0  # Seconds: older time would falsify a rate of today.
_REGIONS, _BROWSERS, _TRANSPORTS = 20, 10, 6  # Values of a label; the rest is `other`.
_BRIDGES = 50
_KNOWN_TRANSPORTS = ("udp", "tcp", "relay", "p2p")
_DROPS = (DROPPED, NO_MEDIA)  # Without media: where the join was counted as joined before.
_MEDIA_WITHIN = 60  # Seconds after the join: ICE takes at most 30 to fail.
_COMBINATIONS = 200  # Of label values: 4,000 series, 25 ms of a scrape.


class Labels(NamedTuple):
    """The labels of a session, each with few values."""

    region: str
    browser: str
    transport: str


class Measure(NamedTuple):
    """A reading of which a histogram over time is kept, in base units."""

    name: str
    direction: Direction
    bounds: tuple[float, ...]
    value: Callable[[State], float | None]


_NUMBERS = (int, float)
_BASE_UNITS = {"ms": 0.001, "%": 0.01, "kbit/s": 1000.0}  # Seconds, shares of 1, bits a second.
_UNITS = {row.path: row.values.unit for row in READINGS if isinstance(row.values, Number)}


def _in_base_unit(path: str) -> Callable[[State], float | None]:
    factor = _BASE_UNITS[_UNITS[path]]

    def value(state: State) -> float | None:
        reading = state.get(path)
        return reading * factor if isinstance(reading, _NUMBERS) else None

    return value


def _bitrate(link: str) -> Callable[[State], float | None]:
    """Audio and video together; a browser that sends no video reports no video bitrate."""
    audio_of, video_of = _in_base_unit(f"{link}.ab"), _in_base_unit(f"{link}.vb")

    def value(state: State) -> float | None:
        audio, video = audio_of(state), video_of(state)
        if audio is None or video is None:
            return video if audio is None else audio
        return audio + video

    return value


_RTT = (0.02, 0.05, 0.1, 0.15, 0.2, 0.3, 0.4, 0.5, 0.6, 1.0, 2.0)
_LOSS = (0.0, 0.005, 0.01, 0.02, 0.03, 0.05, 0.08, 0.1, 0.12, 0.2, 0.5)
_BITRATE = (32e3, 64e3, 128e3, 256e3, 512e3, 1e6, 1.5e6, 2e6, 3e6, 5e6, 10e6)
_MOS = (1.5, 2.0, 2.5, 3.0, 3.3, 3.5, 3.8, 4.0, 4.2, 4.3, 4.4)

MEASURES: tuple[Measure, ...] = (
    Measure("rtt", "", _RTT, _in_base_unit("rtt")),
    Measure("loss", "up", _LOSS, _in_base_unit("u.pl")),
    Measure("loss", "down", _LOSS, _in_base_unit("d.pl")),
    Measure("bitrate", "up", _BITRATE, _bitrate("u")),
    Measure("bitrate", "down", _BITRATE, _bitrate("d")),
    Measure("mos", "", _MOS, moment_mos),
)


_SETUP = (0.5, 1.0, 1.5, 2.0, 3.0, 4.0, 6.0, 8.0, 10.0, 15.0, 20.0, 30.0, 60.0)


class JoinLabels(NamedTuple):
    """The labels of a join: `reason` is empty where it succeeded."""

    region: str
    outcome: str
    reason: str


class LiveCounts(NamedTuple):
    """Live participants by labels and grade, the meetings that they are in, and their connections.

    A participant in two tabs counts once, with the worse grade, and has two connections.
    """

    participants: dict[tuple[Labels, Grade], int]
    meetings: int
    connections: int


class _LiveParticipant(NamedTuple):
    browser_id: str
    room: str
    jitsi_meeting_id: str
    began: int
    last: int
    labels: Labels
    grade: Grade

    @property
    def ended(self) -> int:
        """The time of the last sample."""
        return self.last


class CallTimeCounters:
    """Counters of the calls whose summaries this process makes.

    `regions` always keep their own label value. `lifetime` (seconds) is how long a session lives
    on after a sample. `counts`: this process makes summaries, of its share of the rooms; without a
    share it does not know who is in a call. `leads`: it has the lease, too. `seconds` has
    person-seconds by labels and grade, `histograms` person-seconds by region in the order of
    `MEASURES`, `bridge_seconds` person-seconds by bridge and grade. `late` counts person-seconds
    that became known too late.

    `joins` counts joins, `ended` the ends of stays by region, `drops` those of them that a failure
    ended by region and reason, `setup` has the seconds until the first media by region.
    `late_joins` counts joins, ends and drops that became known too late.
    """

    def __init__(self, regions: Sequence[str] = (), *, lifetime: float) -> None:
        self.counts = False
        self.leads = False
        self.late = 0
        self.seconds: dict[Labels, dict[Grade, int]] = {}
        self.histograms: dict[str, tuple[Histogram, ...]] = {}
        self.joins: dict[JoinLabels, int] = {}
        self.ended: dict[str, int] = {}
        self.drops: dict[tuple[str, str], int] = {}
        self.setup: dict[str, Histogram] = {}
        self.late_joins = 0
        self.bridge_seconds = {UNKNOWN: dict.fromkeys(Grade, 0)}
        self._as_of = 0.0
        self._lifetime = lifetime
        self._live: dict[str, _LiveParticipant] = {}
        self._regions = LabelValues(_REGIONS, regions)
        self._bridges = LabelValues(_BRIDGES)
        self._browsers = LabelValues(_BROWSERS)
        self._transports = LabelValues(_TRANSPORTS, _KNOWN_TRANSPORTS)
        self._start_at_zero(Labels(UNKNOWN, UNKNOWN, UNKNOWN))
        self._start_joins_at_zero(UNKNOWN)

    def take(self, running: Iterable[Summary]) -> None:
        """Note that this process makes the summaries of more rooms now, with live sessions."""
        self.counts = True
        for summary in running:
            self._note_live(summary, self._labels_of(summary, summary.last))

    def leave(self, partitions: Set[int]) -> None:
        """Note that another process makes the summaries of these partitions now."""
        self._live = {
            session: live
            for session, live in self._live.items()
            if partition_of(live.room) not in partitions
        }

    def catch_up(self, now: float) -> None:
        """Note that all that was stored until `now` has been counted."""
        self._as_of = now

    def count(
        self, before: Summary | None, after: Summary, spans: Sequence[Span], now: float
    ) -> None:
        """Count what a new summary `after` adds to the one `before` it.

        `spans` are those of the session since then, by time; there may be earlier ones.
        """
        self._count_joins(before, after, now)
        if after.outcome in ATTEMPTS:
            return  # Nobody was in the room.
        labels = self._labels_of(after, after.last)
        self._note_live(after, labels)
        since = after.began if before is None else before.last
        recent = max(since, min(int(now - max(_LATE, 2 * self._lifetime)), after.last))
        self.late += max(0, recent - since)
        for start, end in _steady_parts(after, recent):
            if after.segments:
                labels = self._labels_of(after, start)
            bridge = self._seconds_of_bridge(after, start)
            for grade_span, passed in _backwards(after.grade_spans, start, end):
                self.seconds[labels][grade_span.grade] += passed
                bridge[grade_span.grade] += passed
            for span, passed in _backwards(spans, start, end):
                if span.state is not None:
                    self._add_measures(labels, span.state, passed)

    def _count_joins(self, before: Summary | None, after: Summary, now: float) -> None:
        """Count the join, the end and the drop that the summary before did not have."""
        if not after.outcome:
            return
        was_known = before is not None and before.outcome != ""
        had_joined = before is not None and _is_join_settled(before)
        if not had_joined and _is_join_settled(after) and self._is_recent(after.began, now):
            self._count_join(after)
        self._count_setup(before, after, now)
        if after.outcome in ATTEMPTS or (after.outcome == NO_MEDIA and not had_joined):
            return
        had_ended = was_known and before is not None and not before.running
        region = self._region_of(after, after.last)
        is_first_end = not (had_ended or after.running or after.resumed)
        if is_first_end and self._is_recent(after.ended, now):
            self.ended[region] += 1
        was_dropped = before is not None and before.outcome in _DROPS
        if after.outcome in _DROPS and not was_dropped and self._is_recent(after.ended, now):
            key = (region, after.failure)
            self.drops[key] = self.drops.get(key, 0) + 1

    def _count_join(self, summary: Summary) -> None:
        region = self._region_of(summary, summary.began)
        outcome, reason = JOINED, ""
        if summary.outcome in UNSUCCESSFUL:
            outcome = REFUSED if summary.outcome == REFUSED else FAILED
            reason = summary.failure
        labels = JoinLabels(region, outcome, reason)
        self.joins[labels] = self.joins.get(labels, 0) + 1

    def _count_setup(self, before: Summary | None, after: Summary, now: float) -> None:
        is_new = before is None or before.setup_ms is None
        recent = now - after.began <= max(_LATE, 2 * self._lifetime)
        if is_new and recent and after.setup_ms is not None and after.outcome not in ATTEMPTS:
            self.setup[self._region_of(after, after.began)].add(after.setup_ms / 1000)

    def _is_recent(self, at: int, now: float) -> bool:
        if now - at <= max(_LATE, 2 * self._lifetime):
            return True
        self.late_joins += 1
        return False

    def _region_of(self, summary: Summary, moment: int) -> str:
        values = summary.values_at(moment)
        region = self._regions.of(values["region"], values["network"] or summary.browser_id)
        self._start_joins_at_zero(region)
        return region

    def _start_joins_at_zero(self, region: str) -> None:
        if region not in self.ended:
            self.ended[region] = 0
            self.setup[region] = Histogram(_SETUP)
            self.joins[JoinLabels(region, JOINED, "")] = 0
            for reason in TECHNICAL_FAILURES:
                self.joins[JoinLabels(region, FAILED, reason)] = 0
                self.drops[region, reason] = 0
            for reason in OTHER_FAILURES:
                self.joins[JoinLabels(region, REFUSED, reason)] = 0

    def _seconds_of_bridge(self, summary: Summary, moment: int) -> dict[Grade, int]:
        values = summary.values_at(moment)
        label = self._bridges.of(values["bridge"], values["network"] or summary.browser_id)
        if label not in self.bridge_seconds:
            self.bridge_seconds[label] = dict.fromkeys(Grade, 0)
        return self.bridge_seconds[label]

    def _add_measures(self, labels: Labels, state: State, seconds: int) -> None:
        histograms = self.histograms[labels.region]
        for (_, _, _, value_of), histogram in zip(MEASURES, histograms, strict=True):
            if (value := value_of(state)) is not None:
                histogram.add(value, seconds)

    def live_counts(self, now: float) -> LiveCounts | None:
        """Who is in a call; None when this process does not know, or not recently enough."""
        if not self.counts or now - self._as_of > self._lifetime:
            return None
        alive = self._lifetime + PATIENCE
        ended = [key for key, session in self._live.items() if now - session.last > alive]
        for key in ended:  # Sessions whose end was never stored.
            del self._live[key]
        live = self._live.values()
        found = {(labels, grade): 0 for labels in self.seconds for grade in Grade}
        people: dict[str, _LiveParticipant] = {}
        for tab in live:
            other = people.get(tab.browser_id)
            if other is None or tab.grade > other.grade:
                people[tab.browser_id] = tab
        found.update(Counter((person.labels, person.grade) for person in people.values()))
        return LiveCounts(found, _count_meetings(live), len(live))

    def _start_at_zero(self, labels: Labels) -> None:
        """Make counters start at zero, visibly: a rate would miss the first seconds otherwise."""
        if labels not in self.seconds:
            self.seconds[labels] = dict.fromkeys(Grade, 0)
            if labels.region not in self.histograms:
                self.histograms[labels.region] = tuple(
                    Histogram(measure.bounds) for measure in MEASURES
                )

    def _labels_of(self, summary: Summary, moment: int) -> Labels:
        values = summary.values_at(moment)
        source = values["network"] or summary.browser_id
        labels = Labels(
            self._regions.of(values["region"], source),
            self._browsers.of(browser_family(values["browser"]), source),
            self._transports.of(values["transport"]),
        )
        if labels not in self.seconds and len(self.seconds) >= _COMBINATIONS:
            labels = Labels(labels.region, OTHER, OTHER)
        self._start_at_zero(labels)
        return labels

    def _note_live(self, summary: Summary, labels: Labels) -> None:
        if summary.running:
            self._live[summary.session] = _LiveParticipant(
                summary.browser_id,
                summary.room,
                summary.jitsi_meeting_id,
                summary.began,
                summary.last,
                labels,
                summary.at_present,
            )
        else:
            self._live.pop(summary.session, None)


def _count_meetings(live: Iterable[_LiveParticipant]) -> int:
    rooms: dict[str, list[_LiveParticipant]] = {}
    for tab in sorted(live, key=lambda tab: tab.began):
        rooms.setdefault(tab.room, []).append(tab)
    return sum(len(meetings_apart(tabs)) for tabs in rooms.values())


def _steady_parts(summary: Summary, since: int) -> Iterator[tuple[int, int]]:
    """The parts of the time from `since` to the last sample in which no dimension changed."""
    if not summary.segments:
        yield since, summary.last
    for segment in summary.segments:
        start, end = max(segment.start, since), min(segment.end, summary.last)
        if start < end:
            yield start, end


def _is_join_settled(summary: Summary) -> bool:
    """Whether it is clear how a join went: in the room, media may yet fail to come."""
    if summary.outcome != JOINED or not summary.running:
        return summary.outcome != ""
    graded = summary.good + summary.fair + summary.poor
    return media_came(summary.setup, graded=graded) or (
        summary.last - summary.began >= _MEDIA_WITHIN
    )


class _Piece(Protocol):
    @property
    def start(self) -> int: ...
    @property
    def end(self) -> int: ...


_P = TypeVar("_P", bound=_Piece)


def _backwards(pieces: Sequence[_P], since: int, until: int) -> Iterator[tuple[_P, int]]:
    """Yield pieces with their seconds in a window, latest first: a call may be long."""
    for piece in reversed(pieces):
        if piece.end <= since:
            return
        if (seconds := min(piece.end, until) - max(piece.start, since)) > 0:
            yield piece, seconds
