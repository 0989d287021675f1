"""The most people and connections at once, to the second."""

from bisect import bisect_right
from collections import Counter
from collections.abc import Hashable, Iterable, Mapping, Sequence, Set
from itertools import compress
from operator import itemgetter
from typing import NamedTuple


class Presence(NamedTuple):
    """When a session was there (Unix seconds, without the last one), and of whom."""

    began: int
    ended: int
    browser_id: str


_NEVER = 2**63
_BLOCK = 64  # Beginnings that are looked at together.
_Span = tuple[int, int, str]  # As a `Presence`, which takes three times as long to make.


Span = tuple[int, int, Hashable]
"""The same, with anything that tells people apart."""


def peak(present: Iterable[Span]) -> tuple[int, int]:
    """The most people, and the most connections, at once; quickest by time."""
    there = sorted((span for span in present if span[0] < span[1]), key=itemgetter(0))
    began, ended = _merged(there)
    starts = [start for start, _, _ in there]
    connections = _most(starts, [end for _, end, _ in there])
    if len(began) == len(starts):
        return connections, connections
    return _most(began, ended), connections


class PresentSessions:
    """When many sessions were there, few of which overlap another one of the same person."""

    def __init__(self) -> None:
        self._starts: list[int] = []
        self._ends: list[int] = []
        self._people: list[Hashable] = []
        self._spans: list[Span] = []
        self._overlapping: set[Hashable] = set()

    def add(
        self,
        starts: Iterable[int],
        ends: Iterable[int],
        people: Iterable[Hashable],
        overlapping: Set[Hashable],
    ) -> None:
        """Add sessions by column.

        `overlapping` has at least the people of sessions that overlap others of theirs among these,
        or among those that are added later.
        """
        self._starts += starts
        self._ends += ends
        self._people += people
        self._overlapping |= overlapping

    def add_span(self, span: Span) -> None:
        """Add a time that may overlap any other of the same person."""
        self._spans.append(span)

    def peak(self, others: Iterable[Span]) -> tuple[int, int]:
        """The most people, and the most connections, at once, with others that are not added."""
        spans = [*self._spans, *others]
        watched = self._overlapping.union(person for _, _, person in spans)
        are_watched = bytes(map(watched.__contains__, self._people))
        columns = zip(self._starts, self._ends, self._people, strict=True)
        spans += compress(columns, are_watched)
        spans = sorted((span for span in spans if span[0] < span[1]), key=itemgetter(0))
        alone = are_watched.translate(b"\1\0".ljust(256, b"\0"))
        starts, ends = list(compress(self._starts, alone)), list(compress(self._ends, alone))
        began, ended = _merged(spans)
        connections = _most(
            sorted([*starts, *(start for start, _, _ in spans)]),
            [*ends, *(end for _, end, _ in spans)],
        )
        if len(began) == len(spans):
            return connections, connections
        return _most(sorted([*starts, *began]), [*ends, *ended]), connections


def _merged(there: Sequence[Span]) -> tuple[list[int], list[int]]:
    """When people came and left, by the time of sessions, which come by their beginning."""
    began: list[int] = []
    there_until: dict[Hashable, int] = {}  # By person; the ends of earlier times are in `ended`.
    ended: list[int] = []
    for start, end, person in there:
        until = there_until.get(person)
        if until is None or start > until:
            if until is not None:
                ended.append(until)
            began.append(start)
            there_until[person] = end
        elif end > until:
            there_until[person] = end
    return began, [*ended, *there_until.values()]


def _most(began: Sequence[int], ended: list[int]) -> int:
    """How many spans there are at once, at the most; `began` is in order."""
    ended.sort()
    ended.append(_NEVER)
    over = most = 0
    for first in range(0, len(began), _BLOCK):
        block = began[first : first + _BLOCK]
        over = bisect_right(ended, block[0], over)
        if first + len(block) - over <= most:
            continue  # Not even when nobody leaves meanwhile.
        for begun, moment in enumerate(block, first + 1):
            while ended[over] <= moment:
                over += 1
            if begun - over > most:
                most = begun - over
    return most


def peaks(
    present: Iterable[tuple[int, int, str]], since: int, until: int, step: int
) -> dict[int, tuple[int, int]]:
    """The same for each `step` seconds of a window, by their start; nobody there is left out.

    Steps begin at multiples of `step`; the first and the last one may be partly in the window.
    """
    if since >= until:
        return {}
    there = [
        (
            began if began > since else since,
            ended if ended < until else until,
            browser_id,
        )
        for began, ended, browser_id in present
        if began < ended and began < until and ended > since
    ]
    return _peaks(there, step)


def _peaks(there: Sequence[_Span], step: int) -> dict[int, tuple[int, int]]:
    connections = _levels([began for began, _, _ in there], [ended for _, ended, _ in there], step)
    sessions = Counter([browser_id for _, _, browser_id in there])
    if len(sessions) == len(there):
        return {start: (most, most) for start, most in connections.items()}
    people = _levels(*_of_people(there, sessions), step)
    return {start: (people[start], most) for start, most in connections.items()}


def _of_people(
    present: Sequence[_Span], sessions: Mapping[str, int]
) -> tuple[list[int], list[int]]:
    """When people came and left: the time of sessions of one person that overlap is one.

    `sessions` says how many each person has.
    """
    alone = [span for span in present if sessions[span[2]] == 1]
    began, ended = [start for start, _, _ in alone], [end for _, end, _ in alone]
    person = None
    for start, end, browser_id in sorted(
        (span for span in present if sessions[span[2]] > 1), key=itemgetter(2, 0)
    ):
        if browser_id != person or start > ended[-1]:
            began.append(start)
            ended.append(end)
            person = browser_id
        elif end > ended[-1]:
            ended[-1] = end
    return began, ended


def _levels(began: list[int], ended: list[int], step: int) -> dict[int, int]:
    """How many spans there are at once, at the most, in each `step` seconds with any."""
    began.sort()
    ended.sort()
    found: dict[int, int] = {}
    level = begun = over = 0  # Spans at once; how many have begun, and how many are over.
    start = began[0] - began[0] % step if began else 0
    while over < len(ended):
        end, most = start + step, level
        while begun < len(began) and (moment := began[begun]) < end:
            while ended[over] <= moment:
                level -= 1
                over += 1
            level += 1
            begun += 1
            if level > most:
                most = level
        found[start] = most
        while over < len(ended) and ended[over] <= end:
            level -= 1
            over += 1
        start = end
        if not level and begun < len(began):
            start = began[begun] - began[begun] % step
    return found
