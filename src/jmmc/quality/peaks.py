"""The most people and connections at once, to the second."""

from collections.abc import Iterable, Iterator
from itertools import groupby
from operator import itemgetter
from typing import NamedTuple


class Presence(NamedTuple):
    """When a session was there (Unix seconds, without the last one), and of whom."""

    began: int
    ended: int
    browser_id: str


def peak(present: Iterable[Presence]) -> tuple[int, int]:
    """The most people, and the most connections, at once."""
    most_people = most_connections = 0
    for _, people, connections in _levels(present):
        most_people = max(most_people, people)
        most_connections = max(most_connections, connections)
    return most_people, most_connections


def peaks(
    present: Iterable[Presence], since: int, until: int, step: int
) -> dict[int, tuple[int, int]]:
    """The same for each `step` seconds of a window, by their start; nobody there is left out.

    Steps begin at multiples of `step`; the first and the last one may be partly in the window.
    """
    cut = (
        Presence(max(began, since), min(ended, until), browser_id)
        for began, ended, browser_id in present
        if began < until and ended > since
    )
    found: dict[int, tuple[int, int]] = {}
    at, people, connections = since, 0, 0

    def hold(end: int) -> None:
        """These people are there from `at` to `end`."""
        if not connections:
            return
        for start in range(at - at % step, end, step):
            before = found.get(start, (0, 0))
            found[start] = (max(before[0], people), max(before[1], connections))

    for moment, people_then, connections_then in _levels(cut):
        hold(moment)
        at, people, connections = moment, people_then, connections_then
    return found


def _levels(present: Iterable[Presence]) -> Iterator[tuple[int, int, int]]:
    """Each moment at which somebody came or left, with the people and connections from then on."""
    changes: list[tuple[int, int, str]] = []
    for began, ended, browser_id in present:
        if began < ended:
            changes.append((began, 1, browser_id))
            changes.append((ended, -1, browser_id))
    changes.sort(key=itemgetter(0))
    tabs: dict[str, int] = {}
    connections = 0
    for moment, of_moment in groupby(changes, key=itemgetter(0)):
        for _, change, browser_id in of_moment:
            connections += change
            tabs[browser_id] = tabs.get(browser_id, 0) + change
            if not tabs[browser_id]:
                del tabs[browser_id]
        yield moment, len(tabs), connections
