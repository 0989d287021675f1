"""The lanes of a meeting: their order, and what is marked on them."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

from jmmc.answers.model import Lane, MeetingDetail
from jmmc.quality.meetings import badness
from jmmc.quality.summary import CallEvent, Summary
from jmmc.web.dashboard.tracks import TELLING

WORST = "worst"
"""The order by bad time, the most first: that of a page that asks for no other."""


class MarkedLane(NamedTuple):
    """A lane with the events that are marked on it, and the person's failed joins."""

    lane: Lane
    events: tuple[CallEvent, ...]
    attempts: tuple[CallEvent, ...]


ORDERS: Mapping[str, Callable[[Summary], Any]] = {
    WORST: lambda summary: (-badness(summary.fair, summary.poor), summary.began, summary.session),
    "join": lambda summary: (summary.began, summary.session),
    "name": lambda summary: (summary.who.lower(), summary.began),
}
"""What lanes are sorted by, by the name of the order."""

_FEW_EVENTS = 8  # Of a lane: as many can be told apart.
_FEW_LANES = 30  # Of a meeting; on more, only the telling events are marked.
_MOST_EVENTS = 20  # Of a lane; the first.


def lanes_of(detail: MeetingDetail, order: str) -> list[MarkedLane]:
    """The lanes in an order of `ORDERS`, by default the worst first."""
    attempts: dict[str, list[Summary]] = {}
    for attempt in detail.attempts:
        attempts.setdefault(attempt.browser_id, []).append(attempt)
    sort_key = ORDERS.get(order, ORDERS[WORST])
    lanes = sorted(detail.lanes, key=lambda lane: sort_key(lane.session))
    few = len(lanes) <= _FEW_LANES
    return [
        MarkedLane(
            lane,
            _marked(lane.session.events, few),
            failures_of(attempts.get(lane.session.browser_id, ())),
        )
        for lane in lanes
    ]


def failures_of(attempts: Sequence[Summary]) -> tuple[CallEvent, ...]:
    """When joins failed, and the key of the text why."""
    return tuple(CallEvent(attempt.began, f"failure {attempt.failure}") for attempt in attempts)


def _marked(events: Sequence[CallEvent], few_lanes: bool) -> tuple[CallEvent, ...]:
    if few_lanes and len(events) <= _FEW_EVENTS:
        return tuple(events)
    return tuple(event for event in events if event.what in TELLING)[:_MOST_EVENTS]
