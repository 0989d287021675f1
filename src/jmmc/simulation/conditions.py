"""What a person has in each second of a call: problems, region, path of the media, screens."""

from collections.abc import Iterable, Iterator, Sequence
from itertools import pairwise
from random import Random
from typing import NamedTuple

from msgspec import Struct

from jmmc.simulation.meetings import DAY, REGIONS, SLOW_BROWSER, Scenario, Visit, Window

CUT = "interrupted"
DIRECT = "p2p"

_CAUSES_ALONE = ("loss", "rtt", "bandwidth")
_OF_OTHERS = ("jitter", "frozen")
"""Those that are heard and seen of one of the others."""

_CAUSES = (*_CAUSES_ALONE, *_OF_OTHERS)

_LOSSY_NETWORKS = 4  # The first ones: sessions begun from 17:00 to 23:00 UTC lose packets.
_CONNECTING = 3  # Seconds from a join to media.
_SEEN_SECONDS = 10
"""A path or a region has held for longer than this when a sample tells it. Shorter ones are left
out: then the one before goes on, or at the start the next one holds from the join."""

_SETTLING = 45
"""Seconds of new video in which its sender looks for the bandwidth: no limitation is planted."""


class PlantedProblem(Struct, frozen=True):
    """A problem of one participant's call. `start` and `end` are in Unix seconds."""

    start: int
    end: int
    cause: str


class Held(NamedTuple):
    """A region or a path, and the time in which it held, in Unix seconds without the last one."""

    start: int
    end: int
    value: str


class Conditions(NamedTuple):
    """What holds in a second. `cause` is "" without a problem; `screen` is "", "sent", "seen".

    `streams`: how many people's sound and video are received. `sender`: whose arrive badly, where
    that is the problem. `bridge` is its address, or `p2p`.
    """

    cause: str
    region: str
    path: str
    screen: str
    streams: int
    sender: str
    bridge: str


class Leg(NamedTuple):
    """A time in which the conditions were the same."""

    start: int
    end: int
    conditions: Conditions


class Course(NamedTuple):
    """All that happens to one visit; each of the four covers its time without gaps or in order."""

    problems: tuple[PlantedProblem, ...]
    regions: tuple[Held, ...]
    paths: tuple[Held, ...]
    legs: tuple[Leg, ...]


def draw_course(scenario: Scenario, visit: Visit, chance: Random) -> Course:
    """Draw what happens to a visit, by the second."""
    cuts, regions = _moved(visit)
    cuts += _outages(scenario, visit, regions, cuts)
    paths = _paths(visit, cuts)
    problems = _problems(visit, cuts, paths, chance)
    legs = tuple(_legs(visit, problems, regions, paths))
    return Course(problems, tuple(regions), tuple(paths), legs)


def _moved(visit: Visit) -> tuple[list[Window], list[Held]]:
    """When the visit is cut off because its bridge fails, and its regions."""
    began, left, meeting = visit.began, visit.left, visit.meeting
    moved = meeting.moved
    if moved is None or moved.start >= left:
        return [], [Held(began, left, meeting.region)]
    if moved.start < began + _CONNECTING:
        return [], [Held(began, left, meeting.next_region)]
    cut = Window(moved.start, min(moved.end, left))
    if moved.end >= left - _SEEN_SECONDS:
        return [cut], [Held(began, left, meeting.region)]
    return [cut], [
        Held(began, moved.end, meeting.region),
        Held(moved.end, left, meeting.next_region),
    ]


def _outages(
    scenario: Scenario, visit: Visit, regions: Iterable[Held], cuts: Sequence[Window]
) -> Iterator[Window]:
    """When the bridges of the visit's region fail; media from peer to peer do not use them."""
    if not scenario.outage:
        return
    failing, working = scenario.outage_window
    for held in regions:
        connected = held.start if cuts else held.start + _CONNECTING
        start, end = max(failing, connected), min(working, held.end)
        start = max([start, *(until for since, until in visit.meeting.direct if since <= start)])
        if held.value == REGIONS[1] and start < end:
            yield Window(start, end)


def _paths(visit: Visit, cuts: Sequence[Window]) -> list[Held]:
    """The paths of the media. While it is cut off, none is switched."""
    own = visit.person.path
    edges: list[tuple[int, str]] = [(visit.began, own)]
    for direct in visit.meeting.direct:
        for at, path in ((direct.start, DIRECT), (direct.end, own)):
            cut = next((cut for cut in cuts if cut.start < at < cut.end), None)
            edges.append((max(cut.end if cut else at, visit.began), path))
    ends = [at for at, _ in edges[1:]] + [visit.left]
    paths: list[Held] = []
    for (at, path), end in zip(edges, ends, strict=True):
        if (length := min(end, visit.left) - at) <= 0:
            continue
        if paths and length > _SEEN_SECONDS and paths[-1].value != path:
            paths.append(Held(at, at + length, path))
        elif paths:
            paths[-1] = paths[-1]._replace(end=at + length)
        else:
            seen = length > _SEEN_SECONDS or at + length == visit.left
            following = own if path == DIRECT else DIRECT
            paths.append(Held(at, at + length, path if seen else following))
    return paths


def _problems(
    visit: Visit, cuts: Iterable[Window], paths: Sequence[Held], chance: Random
) -> tuple[PlantedProblem, ...]:
    """Draw the problems of a visit. None overlaps another."""
    began, left, person = visit.began, visit.left, visit.person
    problems = [PlantedProblem(start, end, CUT) for start, end in cuts]

    def add(start: int, end: int, cause: str) -> None:
        start, end = max(start, began), min(end, left)
        if start < end and all(
            end <= problem.start or start >= problem.end for problem in problems
        ):
            problems.append(PlantedProblem(start, end, cause))

    if person.network < _LOSSY_NETWORKS and 17 <= began % DAY / 3600 < 23:
        at = began
        for cut in sorted(problems, key=lambda problem: problem.start):
            add(at, cut.start, "loss")
            at = cut.end
        add(at, left, "loss")
    slow = person.browser == SLOW_BROWSER and person.camera and chance.random() < 0.6
    if slow and visit.number != visit.meeting.sharer:
        changed = max(*(problem.end for problem in problems), *(path.start for path in paths), 0)
        add(max(began + (left - began) // 3, changed + _SETTLING), left, "cpu")
    while chance.random() < 0.25:
        start = began + int(chance.random() * (left - began))
        cause = chance.choice(_CAUSES if visit.meeting.size > 1 else _CAUSES_ALONE)
        add(start, start + chance.choice((60, 120, 300)) + chance.randrange(-15, 15), cause)
    return tuple(sorted(problems, key=lambda problem: problem.start))


def _legs(
    visit: Visit,
    problems: Sequence[PlantedProblem],
    regions: Sequence[Held],
    paths: Sequence[Held],
) -> Iterator[Leg]:
    """Cut a visit where something begins or ends."""
    began, left, meeting = visit.began, visit.left, visit.meeting
    shared = meeting.shared if meeting.size > 1 else None
    screen = "sent" if visit.number == meeting.sharer else "seen"
    own = visit.person.endpoint
    other = next((endpoint for endpoint in meeting.endpoints if endpoint != own), "")
    edges = {began, left}
    edges.update(held.start for held in (*regions, *paths))
    spans = [(problem.start, problem.end) for problem in problems]
    for span in (*spans, shared) if shared else spans:
        edges.update(min(max(edge, began), left) for edge in span)
    for start, end in pairwise(sorted(edges)):
        cause = next((item.cause for item in problems if item.start <= start < item.end), "")
        region = next(held.value for held in regions if start < held.end)
        path = next(held.value for held in paths if start < held.end)
        seen = screen if shared and shared.start <= start < shared.end else ""
        bridge = DIRECT if path == DIRECT else meeting.bridge_in(region)
        sender = other if cause in _OF_OTHERS else ""
        conditions = Conditions(cause, region, path, seen, meeting.size - 1, sender, bridge)
        yield Leg(start, end, conditions)
