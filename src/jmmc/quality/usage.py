"""How much a server was used over times that add up: meetings, people, lengths, quality, failures.

Use is what happened in meetings of five minutes and more: a shorter one is a test. Quality and
joins are those of all sessions, as everywhere.
"""

from array import array
from bisect import bisect_right
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from operator import attrgetter
from typing import NamedTuple

from msgspec import Struct, field

from jmmc.quality.filters import SummaryFilter
from jmmc.quality.intervals import Replicates, groups_of
from jmmc.quality.joins import JoinCounter, JoinSums, begun_as, ended_as
from jmmc.quality.meetings import split
from jmmc.quality.outcomes import ATTEMPTS
from jmmc.quality.peaks import peak
from jmmc.quality.people import (
    digest_of,
    estimate,
    pack_digests,
    sketch_of,
    unpack_digests,
)
from jmmc.quality.rollups import COLUMN_OF_GRADE
from jmmc.quality.segments import Piece, Track, pieces, track_of

LEAST_SECONDS = 300
"""Length of the shortest meeting that is use of the server."""

LONGEST_MINUTES = 720
"""Lengths are counted up to this one, which stands for all longer ones."""

BEFORE, AFTER = 900, LONGEST_MINUTES * 60
"""Seconds around a time, in which stays belong to meetings that reach into it."""

ROW_COLUMNS = (
    *("session", "room", "browser_id", "began", "ended", "running"),
    *("good", "fair", "poor", "unknown", "jitsi_meeting_id", "outcome", "failure", "setup_steps"),
)
"""The columns of a `UsageRow`."""

Spans = Sequence[tuple[int, int]]
"""Disjoint times (start, end) in Unix seconds, by start."""

_EVER = 2**62
_ROWS = 100  # Between two pauses.


class UsageRow(NamedTuple):
    """A session as stores return it: see `Summary`."""

    session: str
    room: str
    browser_id: str
    began: int
    ended: int
    running: int
    good: int
    fair: int
    poor: int
    unknown: int
    jitsi_meeting_id: str
    outcome: str
    failure: str
    setup_steps: str


class UsageSums(Struct, frozen=True):
    """The use of a time from `start` to `end` (Unix seconds), in a form that adds up.

    `first` is when somebody was first there, `start` if nobody was. A meeting counts where it
    began; `continuing` ones had begun before. Lengths count meetings, and the stays in them, by
    whole minutes, each where it began itself. `digests` has the ids of the people, `sketch` an
    estimate of their number (`quality.people`); a `reduced` one has no digests any more.
    `replicates` is packed (`quality.intervals`).
    """

    start: int
    end: int
    first: int
    meetings: int = 0
    continuing: int = 0
    people: int = 0
    seconds: int = 0
    peak_people: int = 0
    peak_meetings: int = 0
    meeting_minutes: dict[int, int] = {}
    stay_minutes: dict[int, int] = {}
    good: int = 0
    fair: int = 0
    poor: int = 0
    unknown: int = 0
    replicates: tuple[int, ...] = ()
    joins: JoinSums = field(default_factory=JoinSums)
    digests: bytes = b""
    sketch: bytes = b""
    reduced: bool = False


class People(NamedTuple):
    """How many different people there were; `is_exact`, or an estimate."""

    number: int
    is_exact: bool


def people_of(parts: Sequence[UsageSums]) -> People:
    """The different people of some times: exact with all their digests, or of one time."""
    used = [part for part in parts if part.people]
    if len(used) <= 1:
        return People(used[0].people if used else 0, True)
    if any(part.reduced for part in used):
        return People(estimate(part.sketch for part in used), False)
    digests: set[int] = set()
    for part in used:
        digests.update(unpack_digests(part.digests))
    return People(len(digests), True)


def total_lengths(lengths: Iterable[Mapping[int, int]]) -> Counter[int]:
    """How often there was each length in minutes."""
    found: Counter[int] = Counter()
    for counts in lengths:
        found.update(counts)
    return found


def by_length(minutes: Mapping[int, int], bounds: Sequence[int]) -> tuple[int, ...]:
    """Counts of lengths: below the first bound, from it to below the second, ..., and beyond."""
    counts = [0] * (len(bounds) + 1)
    for length, count in minutes.items():
        counts[bisect_right(bounds, length)] += count
    return tuple(counts)


def median_of(minutes: Mapping[int, int]) -> int | None:
    """The median length in minutes; None without any."""
    left = (sum(minutes.values()) + 1) // 2
    for length in sorted(minutes):
        left -= minutes[length]
        if left <= 0:
            return length
    return None


class _Times:
    """When many people or meetings were there, in 24 bytes each."""

    def __init__(self) -> None:
        self._starts, self._ends, self._of = array("q"), array("q"), array("Q")

    def add(self, start: int, end: int, of: int) -> None:
        self._starts.append(start)
        self._ends.append(end)
        self._of.append(of)

    def everybody(self) -> set[int]:
        return set(self._of)

    def peak(self) -> int:
        """The most of them at once."""
        return peak(zip(self._starts, self._ends, self._of, strict=True))[0]


class _Sums:
    """What one span has so far."""

    def __init__(self) -> None:
        self.first = _EVER
        self.meetings = self.continuing = self.seconds = 0
        self.stays = _Times()  # Of people, by their digests,
        self.meetings_there = _Times()  # and of meetings, by number.
        self.meeting_minutes: Counter[int] = Counter()
        self.stay_minutes: Counter[int] = Counter()
        self.grades = [0] * 5
        self.replicates = Replicates()
        self.joins = JoinCounter(with_steps=True)

    def result(self, start: int, end: int, *, with_people: bool) -> UsageSums:
        people = self.stays.everybody()
        digests = people if with_people else ()
        _, good, fair, poor, unknown = self.grades
        return UsageSums(
            start,
            end,
            start if self.first == _EVER else self.first,
            self.meetings,
            self.continuing,
            len(people),
            self.seconds,
            self.stays.peak(),
            self.meetings_there.peak(),
            dict(self.meeting_minutes),
            dict(self.stay_minutes),
            good,
            fair,
            poor,
            unknown,
            self.replicates.pack(),
            self.joins.sums(),
            pack_digests(digests),
            sketch_of(digests) if digests else b"",
        )


class UsageCounter:
    """Counts the use of each of some spans, from all sessions up to `BEFORE` and `AFTER` them.

    Sessions come in parts, in any order; of each little is kept until the end, when the meetings
    are known. `pause` is called after every few milliseconds of work.
    """

    def __init__(
        self, spans: Spans, selection: SummaryFilter, *, pause: Callable[[], None] = lambda: None
    ) -> None:
        self._selection = selection
        self._pause = pause
        self._counts = _Spans(spans)
        self._stays: dict[str, _RoomStays] = {}
        self._meeting_ids = _Numbers()

    def add(self, rows: Iterable[UsageRow], lanes: Mapping[str, tuple[str, str]]) -> None:
        """Count more sessions.

        `lanes` has lane and segments, as stores return them, of those that cross an end of a span,
        or have time that the selection leaves out.
        """
        for number, row in enumerate(rows):
            if not number % _ROWS:
                self._pause()
            lane = lanes.get(row.session)
            own = None if lane is None else _fitting(track_of(*lane), self._selection)
            groups = groups_of(row.browser_id, row.room, row.began)
            self._counts.add_joins(row, own, groups)
            if row.outcome in ATTEMPTS or (own is not None and not own and row.began < row.ended):
                continue
            self._counts.add_grades(row, own, groups)
            stays = self._stays.get(row.room)
            if stays is None:
                stays = self._stays[row.room] = _RoomStays(self._meeting_ids)
            stays.add(row, own)

    def results(self, *, with_people: bool = True) -> list[UsageSums]:
        """The use of each span, when there are no more sessions.

        Without people, their number alone is known: it cannot be added to that of another time.
        """
        for stays in self._stays.values():
            self._pause()
            for meeting in split(stays.by_began()):
                if max(stay.ended for stay in meeting) - meeting[0].began >= LEAST_SECONDS:
                    self._counts.add_meeting(meeting)
        return self._counts.results(with_people=with_people)


class _Stay(NamedTuple):
    """What a meeting needs of a session. `parts` is the time that the selection has, () for all."""

    person: int
    jitsi_meeting_id: str
    began: int
    ended: int
    parts: tuple[tuple[int, int], ...]


_began = attrgetter("began")


class _Numbers:
    """A number for each text."""

    def __init__(self) -> None:
        self._numbers: dict[str, int] = {}
        self._texts: list[str] = []

    def number_of(self, text: str) -> int:
        number = self._numbers.setdefault(text, len(self._texts))
        if number == len(self._texts):
            self._texts.append(text)
        return number

    def text_of(self, number: int) -> str:
        return self._texts[number]


class _RoomStays:
    """The stays in a room, in 32 bytes each: a day of a large server has half a million."""

    def __init__(self, meeting_ids: _Numbers) -> None:
        self._meeting_ids = meeting_ids
        self._people = array("Q")
        self._numbers = array("q")  # Of each the number of the meeting's id, its begin and its end.
        self._parts: dict[int, tuple[tuple[int, int], ...]] = {}  # Of the few that have some.

    def add(self, row: UsageRow, own: Sequence[Piece] | None) -> None:
        if own:
            parts = tuple((piece.start, piece.end) for piece in own)
            self._parts[len(self._people)] = parts
        self._people.append(digest_of(row.browser_id))
        number = self._meeting_ids.number_of(row.jitsi_meeting_id)
        self._numbers.extend((number, row.began, row.ended))

    def by_began(self) -> list[_Stay]:
        numbers = iter(self._numbers)
        rows = zip(self._people, numbers, numbers, numbers, strict=True)
        text_of = self._meeting_ids.text_of
        stays = [
            _Stay(person, text_of(number), began, ended, self._parts.get(place, ()))
            for place, (person, number, began, ended) in enumerate(rows)
        ]
        return sorted(stays, key=_began)


class _Spans:
    """The sums of several spans, and where each moment counts."""

    def __init__(self, spans: Spans) -> None:
        self._spans = spans
        self._starts = [start for start, _ in spans]
        self._sums = [_Sums() for _ in spans]
        self._meetings = 0

    def results(self, *, with_people: bool) -> list[UsageSums]:
        """The sums of each span."""
        return [
            sums.result(*bounds, with_people=with_people)
            for bounds, sums in zip(self._spans, self._sums, strict=True)
        ]

    def add_joins(
        self, row: UsageRow, own: Sequence[Piece] | None, groups: tuple[int, int]
    ) -> None:
        """Count what a session counts for, at its moments."""
        outcome, began = row.outcome, row.began
        if begun_as(outcome) and (sums := self._at(began)) and _has(own, began):
            sums.joins.begin(outcome, row.failure, groups, row.setup_steps)
        last = max(began, row.ended - 1)
        if not row.running and ended_as(outcome) and (sums := self._at(last)) and _has(own, last):
            sums.joins.end(outcome, row.failure, groups)

    def add_grades(
        self, row: UsageRow, own: Sequence[Piece] | None, groups: tuple[int, int]
    ) -> None:
        """Count the seconds of each grade."""
        if own is None:
            if (sums := self._at(row.began)) is not None:
                _add_cut(sums, groups, [0, row.good, row.fair, row.poor, row.unknown])
                sums.first = min(sums.first, row.began)
            return
        cuts: dict[int, list[int]] = {}
        for piece in own:
            for place, start, end in self._cut(piece.start, piece.end):
                cut = cuts.setdefault(place, [0] * 5)
                cut[COLUMN_OF_GRADE[piece.grade]] += end - start
                self._sums[place].first = min(self._sums[place].first, start)
        for place, cut in cuts.items():
            _add_cut(self._sums[place], groups, cut)

    def add_meeting(self, meeting: Sequence[_Stay]) -> None:
        """Count a meeting and its stays."""
        began, ended = _EVER, -_EVER
        for stay in meeting:
            present = stay.parts or ((stay.began, stay.ended),)
            first, last = present[0][0], present[-1][1]
            if first < began:
                began = first
            if last > ended:
                ended = last
            at_start = self._at(first)
            for start, end in present:
                for place, cut_start, cut_end in self._cut(start, end):
                    sums = self._sums[place]
                    sums.seconds += cut_end - cut_start
                    sums.stays.add(cut_start, cut_end, stay.person)
            if at_start is not None:
                at_start.stay_minutes[_minutes(last - first)] += 1
        of_first = self._at(began)
        if of_first is not None:
            of_first.meetings += 1
            of_first.meeting_minutes[_minutes(ended - began)] += 1
        self._meetings += 1
        for place, start, end in self._cut(began, ended):
            sums = self._sums[place]
            sums.continuing += sums is not of_first
            sums.meetings_there.add(start, end, self._meetings)

    def _at(self, moment: int) -> _Sums | None:
        place = bisect_right(self._starts, moment) - 1
        return self._sums[place] if place >= 0 and moment < self._spans[place][1] else None

    def _cut(self, start: int, end: int) -> Iterable[tuple[int, int, int]]:
        """The parts of a time that are in spans: place, start and end."""
        place = bisect_right(self._starts, start) - 1
        if place >= 0 and start < end <= self._spans[place][1]:
            return ((place, start, end),)
        return self._cut_parts(start, end)

    def _cut_parts(self, start: int, end: int) -> Iterator[tuple[int, int, int]]:
        place = max(0, bisect_right(self._starts, start) - 1)
        while place < len(self._spans) and self._spans[place][0] < end:
            cut_start, cut_end = max(start, self._spans[place][0]), min(end, self._spans[place][1])
            if cut_start < cut_end:
                yield place, cut_start, cut_end
            place += 1


def _has(own: Sequence[Piece] | None, at: int) -> bool:
    """Whether the selection has a moment of a session; without pieces it has all of them."""
    return not own or any(piece.start <= at < piece.end for piece in own)


def _add_cut(sums: _Sums, groups: tuple[int, int], cut: Sequence[int]) -> None:
    _, good, fair, poor, unknown = cut
    grades = sums.grades
    grades[1] += good
    grades[2] += fair
    grades[3] += poor
    grades[4] += unknown
    if known := good + fair + poor:
        sums.replicates.add(groups, known, fair, poor)


def _fitting(track: Track, selection: SummaryFilter) -> list[Piece]:
    return [piece for piece in pieces(track, -_EVER, _EVER) if selection.fits(piece.values)]


def _minutes(seconds: int) -> int:
    return min(seconds // 60, LONGEST_MINUTES)
