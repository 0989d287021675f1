"""Filters of summaries, and the dimensions by which calls are compared."""

from collections.abc import Mapping
from typing import NamedTuple

from msgspec import Struct


class Filter(NamedTuple):
    """How sessions may be selected by one field of `SummaryFilter`.

    `name` is what it is called outside (flag, query parameter). `dimension`: sessions are also
    compared by it. `prefix`: its first words are enough (a browser without its version, a
    provider by its number).
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
    Filter("network", "network", dimension=True),
    Filter("provider", "provider", dimension=True, prefix=True),
    Filter("country", "country", dimension=True),
    Filter("transport", "transport", dimension=True),
    Filter("codec", "codec", dimension=True),
    Filter("grade", "grade"),
)
"""Every filter, defined once: stores, API, pages and command take theirs from here."""

FIELD_OF_FILTER: Mapping[str, str] = {row.name: row.field for row in FILTERS}
"""The field of `SummaryFilter` by the filter's name outside."""

DIMENSIONS: tuple[str, ...] = tuple(row.field for row in FILTERS if row.dimension)
"""By what calls are compared."""


class SummaryFilter(Struct, frozen=True):
    """Selects summaries: those that fit every part that is given. Its fields are `FILTERS`.

    `since` and `until` (Unix seconds) mean sessions that were there in between.
    """

    since: int | None = None
    until: int | None = None
    room: str | None = None
    browser_id: str | None = None
    region: str | None = None
    browser: str | None = None
    os: str | None = None
    network: str | None = None
    provider: str | None = None
    country: str | None = None
    transport: str | None = None
    codec: str | None = None
    grade: str | None = None
    running: bool | None = None
