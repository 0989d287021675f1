"""Filters of summaries, and the dimensions by which calls are compared."""

from collections.abc import Mapping
from typing import NamedTuple

from msgspec import Struct


class Filter(NamedTuple):
    """How sessions may be selected by one field of `SummaryFilter`.

    `name` is its name outside (flag, query parameter). `dimension`: sessions are also compared by
    it. `prefix`: its first words are enough (a browser without its version, a provider by its
    number).
    """

    field: str
    name: str
    dimension: bool = False
    prefix: bool = False


FILTERS: tuple[Filter, ...] = (
    Filter("room", "room"),
    Filter("browser_id", "participant"),
    Filter("browser", "browser", dimension=True, prefix=True),
    Filter("os", "os", dimension=True, prefix=True),
    Filter("region", "region", dimension=True),
    Filter("bridge", "bridge", dimension=True),
    Filter("network", "network", dimension=True),
    Filter("provider", "provider", dimension=True, prefix=True),
    Filter("country", "country", dimension=True),
    Filter("transport", "transport", dimension=True),
    Filter("codec", "codec", dimension=True),
    Filter("grade", "grade"),
    Filter("outcome", "outcome"),
)
"""Every filter, defined once for stores, API, pages and command."""

FIELD_OF_FILTER: Mapping[str, str] = {row.name: row.field for row in FILTERS}
"""The field of `SummaryFilter` by the filter's name outside."""

DIMENSIONS: tuple[str, ...] = tuple(row.field for row in FILTERS if row.dimension)
"""The fields by which calls are compared."""


class SummaryFilter(Struct, frozen=True):
    """Selects the summaries that match every field that is given. Its fields are in `FILTERS`.

    `since` and `until` (Unix seconds) select the sessions that overlap that time. `attempts`:
    whether the sessions are attempts to join that failed (`quality.joins.ATTEMPTS`); with None both
    these and others are selected, as with an `outcome`.
    """

    since: int | None = None
    until: int | None = None
    room: str | None = None
    browser_id: str | None = None
    region: str | None = None
    bridge: str | None = None
    browser: str | None = None
    os: str | None = None
    network: str | None = None
    provider: str | None = None
    country: str | None = None
    transport: str | None = None
    codec: str | None = None
    grade: str | None = None
    outcome: str | None = None
    running: bool | None = None
    attempts: bool | None = False

    @property
    def only_attempts(self) -> bool | None:
        """`attempts`, or None where an `outcome` decides."""
        return self.attempts if self.outcome is None else None

    @property
    def only_window(self) -> bool:
        """Whether nothing but a window is given."""
        return self == SummaryFilter(since=self.since, until=self.until)

    def fits(self, values: Mapping[str, str]) -> bool:
        """Whether the dimensions in `values` have what this selects of them."""
        for row in FILTERS:
            selected = getattr(self, row.field)
            if selected is None or row.field not in values:
                continue
            value = values[row.field]
            if value != selected and not (row.prefix and value.startswith(f"{selected} ")):
                return False
        return True
