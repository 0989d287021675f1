"""Keeps meetings apart that were at the same time in rooms of the same name.

Rooms of two tenants (`alpha/standup`, `beta/standup`) had one name as long as scripts did not send
the tenant. Jitsi's id of a meeting tells them apart: it is the same for all who are in it, and
another one when the room is opened again.

* Where no two sessions with different ids overlap, all are one meeting: the room was opened again.
* Else those of each id are a meeting. A session without an id is in the one with which it shared
  most time, or else in the one that is nearest in time.
"""

from collections.abc import Iterable, Sequence
from typing import Protocol, TypeVar

_CLOCKS = 10
"""Seconds of overlap that errors of clocks may make."""


class Present(Protocol):
    """Somebody in a room, from `began` to `ended` (Unix seconds)."""

    @property
    def began(self) -> int:
        """When it began."""

    @property
    def ended(self) -> int:
        """When it ended."""

    @property
    def jitsi_meeting_id(self) -> str:
        """Jitsi's id of the meeting; "" when it is unknown."""


_P = TypeVar("_P", bound=Present)
_Spans = list[tuple[int, int]]


def meetings_apart(sessions: Sequence[_P]) -> list[list[_P]]:
    """Sessions of one room (by `began`) as those of its meetings, each by `began`."""
    if not _have_different_ids(sessions):
        return [list(sessions)]
    by_id: dict[str, list[_P]] = {}
    for session in sessions:
        if session.jitsi_meeting_id:
            by_id.setdefault(session.jitsi_meeting_id, []).append(session)
    spans = {id_: _spans(of_id) for id_, of_id in by_id.items()}
    for session in sessions:
        if not session.jitsi_meeting_id:
            by_id[max(spans, key=lambda id_: _nearness(session, spans[id_]))].append(session)
    return [sorted(of_id, key=lambda session: session.began) for of_id in by_id.values()]


def _have_different_ids(sessions: Iterable[Present]) -> bool:
    """Whether two sessions with different ids overlap."""
    latest: dict[str, int] = {}  # Of the two ids whose sessions ended last.
    for session in sessions:
        if not (own := session.jitsi_meeting_id):
            continue
        for id_, ended in latest.items():
            if id_ != own and min(ended, session.ended) - session.began > _CLOCKS:
                return True
        latest[own] = max(session.ended, latest.get(own, session.ended))
        if len(latest) > 2:
            del latest[min(latest, key=lambda id_: latest[id_])]
    return False


def _spans(sessions: Iterable[Present]) -> _Spans:
    """The times in which any of them was there."""
    spans: _Spans = []
    for session in sessions:
        if spans and session.began <= spans[-1][1]:
            spans[-1] = (spans[-1][0], max(spans[-1][1], session.ended))
        else:
            spans.append((session.began, session.ended))
    return spans


def _nearness(session: Present, spans: _Spans) -> int:
    """The seconds in these spans; without any, the seconds to the nearest one, below zero."""
    shared = [min(session.ended, end) - max(session.began, start) for start, end in spans]
    return sum(seconds for seconds in shared if seconds > 0) or max(shared)
