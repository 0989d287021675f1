"""Filters that only lists have: by length, and by the kind of the likely cause."""

import re
from collections.abc import Callable, Mapping
from typing import NamedTuple

import msgspec

from jmmc.answers.meetings import MeetingFigures
from jmmc.answers.sessions_by_cause import incidents_with_cause, sessions_with_cause
from jmmc.core.errors import InvalidInput
from jmmc.quality.causes.answer import SIDES
from jmmc.quality.filters import SummaryFilter
from jmmc.stores import Reports

LIST_FILTERS = ("min_minutes", "max_minutes", "cause")
"""The names of these filters outside."""

CAUSES = tuple(SIDES)
"""The kinds of likely causes."""

_MINUTES = re.compile(r"[0-9]{1,6}(\.[0-9]{1,3})?")


class ListFilter(NamedTuple):
    """Selects the items of a list that match every field that is given.

    `min_seconds` and `max_seconds` are lengths, of sessions in a list of sessions and of meetings
    in a list of meetings; both ends are included. `cause` is one of `CAUSES`, of an incident that
    names the session or the meeting among those that it affected most.
    """

    min_seconds: int | None = None
    max_seconds: int | None = None
    cause: str | None = None

    @staticmethod
    def parse(given: Mapping[str, str]) -> "ListFilter":
        """Read `LIST_FILTERS` of a query; what is missing selects by nothing.

        Raises `ValueError` with what is allowed.
        """
        least, most = (_seconds(given, name) for name in LIST_FILTERS[:2])
        if least is not None and most is not None and least > most:
            raise InvalidInput(
                "min_minutes must not be more than max_minutes (got {least}, {most})",
                field="min_minutes",
                least=given["min_minutes"],
                most=given["max_minutes"],
            )
        cause = given.get("cause")
        if cause is not None and cause not in CAUSES:
            raise InvalidInput(
                "expected {allowed}", field="cause", given=cause, allowed=", ".join(CAUSES)
            )
        return ListFilter(least, most, cause)

    def has_length(self, seconds: int) -> bool:
        """Whether an item of this length is selected."""
        return (self.min_seconds is None or seconds >= self.min_seconds) and (
            self.max_seconds is None or seconds <= self.max_seconds
        )

    async def of_meetings(
        self, reports: Reports, selection: SummaryFilter
    ) -> Callable[[MeetingFigures], bool]:
        """Whether a meeting of the selection matches this."""
        if self.cause is None:
            return lambda meeting: self.has_length(meeting.ended - meeting.began)
        affected: dict[str, list[tuple[int, int]]] = {}
        for incident in (await incidents_with_cause(reports, selection, self.cause))[0]:
            for meeting in incident.worst_meetings:
                affected.setdefault(meeting.room, []).append((incident.start, incident.end))
        return lambda meeting: (
            self.has_length(meeting.ended - meeting.began)
            and any(
                start < meeting.ended and end > meeting.began
                for start, end in affected.get(meeting.room, ())
            )
        )

    async def of_sessions(self, reports: Reports, selection: SummaryFilter) -> SummaryFilter:
        """The selection of sessions that match this, too."""
        selection = msgspec.structs.replace(
            selection, min_seconds=self.min_seconds, max_seconds=self.max_seconds
        )
        if self.cause is None:
            return selection
        causes, _ = await sessions_with_cause(reports, selection, self.cause)
        return msgspec.structs.replace(selection, sessions=tuple(causes))


EVERY_ITEM = ListFilter()
"""Selects all items."""


def _seconds(given: Mapping[str, str], name: str) -> int | None:
    if (text := given.get(name)) is None:
        return None
    if not _MINUTES.fullmatch(text):
        raise InvalidInput("expected a number of minutes, such as 5 or 0.5", field=name, given=text)
    return round(float(text) * 60)
