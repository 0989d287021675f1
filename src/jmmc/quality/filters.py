"""Filters of summaries, and the dimensions by which calls are compared."""

import re
from collections.abc import Callable, Mapping
from typing import Literal, NamedTuple, get_args

from msgspec import Struct

from jmmc.quality.outcomes import OUTCOMES

GRADES = ("good", "fair", "poor", "unknown")
"""The grades of a session."""

RATINGS = ("1", "2", "3", "4", "5")
"""The ratings that people give, from very bad to very good."""

_CODE = re.compile("[0-9A-HJKMNP-TV-Z]{6}")
_CONFUSED = str.maketrans("OIL", "011", "- ")


def support_code(text: str) -> str:
    """A support code as it is stored, from what somebody typed: `o` is 0, `i` and `l` are 1.

    "" when the text is none.
    """
    code = text.strip().upper().translate(_CONFUSED)
    return code if _CODE.fullmatch(code) else ""


def _code_key(text: str) -> str:
    return support_code(text) or text


def _rating_key(text: str) -> int:
    """The number; 0, which no session has, for another text."""
    return int(text) if text in RATINGS else 0


class Filter(NamedTuple):
    """How sessions may be selected by one field of `SummaryFilter`.

    `name` is its name outside (flag, query parameter), `label` what that means where the name does
    not say it, and `choices` are the values that it may have, if they are few. `dimension`:
    sessions are also compared by it. `prefix`: its first words are enough (a browser without its
    version, a provider by its number). `part`: any part of it is enough, or several with spaces
    between them. `stored` is the field of a summary that is looked at, `field` where it is empty,
    and `key` the form in which that has the value. `sparse`: most summaries have "". `within` is a
    field that is "" in all summaries without any value: stores have an index of the others.
    """

    field: str
    name: str
    dimension: bool = False
    prefix: bool = False
    part: bool = False
    stored: str = ""
    key: Callable[[str], str | int] = str
    sparse: bool = False
    within: str = ""
    choices: tuple[str, ...] = ()
    label: str = ""

    @property
    def meaning(self) -> str:
        """What it selects by, in words."""
        return self.label or self.name

    def alternatives(self, value: str) -> tuple[str, ...]:
        """The values of which one is enough: of a dimension, those between `|`.

        A value that has a `|` itself is one of them, too.
        """
        return (value, *value.split("|")) if self.dimension and "|" in value else (value,)

    def parts(self, value: str) -> tuple[str, ...]:
        """The texts that must all be in the stored value; none unless it is matched by parts."""
        return tuple(str(self.key(value)).split()) if self.part else ()


FILTERS: tuple[Filter, ...] = (
    Filter("room", "room"),
    Filter("browser_id", "participant", label="participant id"),
    Filter("browser", "browser", dimension=True, prefix=True),
    Filter("os", "os", dimension=True, prefix=True, label="operating system"),
    Filter("region", "region", dimension=True),
    Filter("bridge", "bridge", dimension=True),
    Filter("network", "network", dimension=True),
    Filter("provider", "provider", dimension=True, prefix=True),
    Filter("country", "country", dimension=True),
    Filter("transport", "transport", dimension=True),
    Filter("codec", "codec", dimension=True),
    Filter("microphone", "microphone", dimension=True, within="devices_key"),
    Filter("camera", "camera", dimension=True, within="devices_key"),
    Filter("speaker", "speaker", dimension=True, within="devices_key"),
    Filter("grade", "grade", choices=GRADES),
    Filter("outcome", "outcome", choices=OUTCOMES),
    Filter(
        "name",
        "name",
        part=True,
        stored="name_key",
        key=str.lower,
        sparse=True,
        label="name of the participant, or a part of it",
    ),
    Filter("code", "code", key=_code_key, sparse=True, label="support code"),
    Filter(
        "device",
        "device",
        part=True,
        stored="devices_key",
        key=str.lower,
        sparse=True,
        label="microphone, camera or speaker, or a part of its name",
    ),
    Filter("rating", "rating", key=_rating_key, choices=RATINGS),
)
"""Every filter, defined once for stores, API, pages and command."""

_BY_FIELD: Mapping[str, Filter] = {row.field: row for row in FILTERS}

FIELD_OF_FILTER: Mapping[str, str] = {row.name: row.field for row in FILTERS}
"""The field of `SummaryFilter` by the filter's name outside."""

CHOICES: Mapping[str, tuple[str, ...]] = {row.name: row.choices for row in FILTERS if row.choices}
"""The values that a filter may have, by its name outside, of those that have few."""

DIMENSIONS: tuple[str, ...] = tuple(row.field for row in FILTERS if row.dimension)
"""The fields by which calls are compared."""

SELDOM_KNOWN: Mapping[str, str] = {row.field: row.within for row in FILTERS if row.within}
"""The dimensions that are "" unless the operator has chosen to collect them, with `within`."""


class SummaryFilter(Struct, frozen=True):
    """Selects the summaries that match every field that is given. Its fields are in `FILTERS`.

    `since` and `until` (Unix seconds) select the sessions that overlap that time. `attempts`:
    True selects the joins that failed or were refused (`quality.outcomes.UNSUCCESSFUL`), False the
    sessions in which somebody was in the room, and None both. `rated`: whether people rated the
    call. `min_seconds` and `max_seconds` are lengths, both included; `sessions` are ids, `rooms`
    names of rooms of which one is enough.
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
    microphone: str | None = None
    camera: str | None = None
    speaker: str | None = None
    grade: str | None = None
    outcome: str | None = None
    name: str | None = None
    code: str | None = None
    device: str | None = None
    rating: str | None = None
    rated: bool | None = None
    running: bool | None = None
    attempts: bool | None = False
    min_seconds: int | None = None
    max_seconds: int | None = None
    sessions: tuple[str, ...] | None = None
    rooms: tuple[str, ...] | None = None

    @property
    def window(self) -> tuple[int, int]:
        """`since` and `until`. Raises ValueError if one of them is not given."""
        if self.since is None or self.until is None:
            raise ValueError("this question is asked of a window: give since and until")
        return self.since, self.until

    @property
    def only_window(self) -> bool:
        """Whether nothing but a window is given."""
        return self == SummaryFilter(since=self.since, until=self.until)

    def fits(self, values: Mapping[str, str]) -> bool:
        """Whether the dimensions in `values` have what this selects of them."""
        for field, value in values.items():
            selected = getattr(self, field)
            if selected is None:
                continue
            row = _BY_FIELD[field]
            if not any(
                value == allowed or (row.prefix and value.startswith(f"{allowed} "))
                for allowed in row.alternatives(selected)
            ):
                return False
        return True


IncidentOrder = Literal["affected", "people", "newest"]
"""Which incidents come first: by affected person-seconds, by people, or the latest."""

INCIDENT_ORDERS: tuple[IncidentOrder, ...] = get_args(IncidentOrder)


class IncidentFilter(Struct, frozen=True):
    """Selects the incidents that match every field that is given.

    `since` and `until` (Unix seconds) select those that overlap that time. `cause` and `value` are
    those of the most probable cause, of at least `min_probability` (0 to 1).
    """

    since: int | None = None
    until: int | None = None
    running: bool | None = None
    cause: str | None = None
    value: str | None = None
    min_people: int = 1
    min_probability: float = 0.0
