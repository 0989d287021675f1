"""The parameters of the API: how each is described, and how the values of a request are read."""

import re
from collections.abc import Awaitable, Callable, Collection, Iterable, Mapping, Sequence
from typing import Any, NamedTuple
from zoneinfo import ZoneInfo

from jmmc.answers.list_filters import CAUSES, LIST_FILTERS, ListFilter
from jmmc.answers.meeting_lists import MEETING_KEYS
from jmmc.answers.notes import LONGEST_TEXT
from jmmc.answers.tables import FORMATS
from jmmc.answers.values import SUGGESTED
from jmmc.core.calendar import PERIODS
from jmmc.core.timestamps import parse_moment, parse_window, zone_of
from jmmc.privacy.pseudonyms import Pseudonyms
from jmmc.quality.filters import (
    CHOICES,
    DIMENSIONS,
    FIELD_OF_FILTER,
    FILTERS,
    INCIDENT_ORDERS,
    IncidentFilter,
    SummaryFilter,
)
from jmmc.quality.ordering import NEWEST_FIRST, SORT_KEYS, Order
from jmmc.web.api.exports import WHATS
from jmmc.web.problems import Problem


class Parameter(NamedTuple):
    """A parameter of the query string; `schema` is its JSON Schema."""

    name: str
    description: str
    schema: dict[str, Any]
    required: bool = False


def _text(name: str, description: str) -> Parameter:
    return Parameter(name, description, {"type": "string"})


def _choice(
    name: str, description: str, values: Iterable[str], *, required: bool = False
) -> Parameter:
    return Parameter(name, description, {"type": "string", "enum": list(values)}, required)


_MOMENT = {
    "type": "string",
    "anyOf": [
        {"format": "date-time"},
        {"format": "date"},
        {
            "type": "string",
            "pattern": (
                "^(now|(to|yester)day|(this|last)-(week|month)|[0-9]{1,5}[mhdw]"
                "|[0-9-]{10}T[0-9]{2}(:[0-9]{2}){1,2})$"
            ),
        },
    ],
}

ZONE = _text(
    "tz",
    "Time zone of calendar days, weeks and months, such as Europe/Paris: of periods, and of words"
    " such as today. Default: the setting time_zone.",
)
_ANY = " Several values have a | between them: any of them is enough."

WINDOW = (
    Parameter(
        "since",
        "Start of the window: an ISO 8601 date or time (UTC by default), an age such as 90m, 24h or"
        " 7d, or the start of today, yesterday, this-week, last-week, this-month or last-month."
        " Default: one day before until.",
        _MOMENT,
    ),
    Parameter("until", "End of the window, in the same forms. Default: now.", _MOMENT),
    ZONE,
    *(
        _choice(row.name, f"Only sessions with this {row.meaning}.", row.choices)
        if row.choices
        else _text(
            row.name, f"Only sessions with this {row.meaning}.{_ANY if row.dimension else ''}"
        )
        for row in FILTERS
    ),
)
LIMIT = Parameter(
    "limit",
    "Maximum number of items in the answer. Default: 50.",
    {"type": "integer", "minimum": 1, "maximum": 500},
)
NOTE_WINDOW = (
    Parameter("since", "Start of the window, in the forms of other windows.", _MOMENT),
    Parameter("until", "End of the window.", _MOMENT),
)
NEW_NOTE: dict[str, Any] = {
    "type": "object",
    "properties": {
        "text": {"type": "string", "minLength": 1, "maxLength": LONGEST_TEXT},
        "at": {**_MOMENT, "description": "Default: now."},
        "until": {**_MOMENT, "description": "The end of a span."},
    },
    "required": ["text"],
    "additionalProperties": False,
}
PAGING = (
    LIMIT,
    _text("cursor", "The `next` of the previous answer, for the items that follow."),
)
_FLAG = {"type": "string", "enum": ["true", "false"]}
INCIDENTS = (
    *WINDOW[:3],
    _choice("cause", "Only incidents with this kind of most probable cause.", CAUSES),
    _text("value", "Only incidents whose most probable cause has this value, such as a region."),
    Parameter("running", "Only incidents that go on, or only those that have ended.", _FLAG),
    Parameter(
        "min_people",
        "Fewest affected people. Default: 1.",
        {"type": "integer", "minimum": 1, "maximum": 1_000_000},
    ),
    Parameter(
        "min_probability",
        "Lowest probability of the most probable cause, 0 to 1. Default: 0.",
        {"type": "number", "minimum": 0, "maximum": 1},
    ),
    _choice(
        "order",
        "By affected person-seconds or people, most first; or newest first, which alone has pages."
        " Default: affected.",
        INCIDENT_ORDERS,
    ),
)
SORT = _choice(
    "sort",
    "Order of the items; falling with a - before the key. Unknown values come last. Default:"
    " -began, the newest first.",
    [sign + key for key in SORT_KEYS for sign in ("", "-")],
)
MEETING_SORT = _choice(
    "sort",
    "Order of the meetings; falling with a - before the key. Unknown values come last. Default:"
    " -began, the newest first.",
    [sign + key for key in MEETING_KEYS for sign in ("", "-")],
)
_MINUTES = {"type": "string", "pattern": r"^[0-9]{1,6}(\.[0-9]{1,3})?$"}
LIST = (
    Parameter("min_minutes", "Only items that lasted at least so many minutes.", _MINUTES),
    Parameter("max_minutes", "Only items that lasted at most so many minutes.", _MINUTES),
    _choice("cause", "Only items of incidents with this kind of likely cause.", CAUSES),
)
BY = _choice("by", "Dimension to compare by.", DIMENSIONS, required=True)
CROSSED = _choice("crossed", "A second dimension: compare each pair of values of both.", DIMENSIONS)
AT = Parameter(
    "at", "The moment of the change, in the same forms as since.", _MOMENT, required=True
)
PERIOD = _choice("period", "Length of a period. Default: day.", PERIODS)
SEARCH_TEXT = _text(
    "q",
    "Text to find in names of rooms and persons, participant ids, addresses and providers; or a"
    " support code.",
)
VALUES_OF = _choice("of", "The filter whose values are asked for.", SUGGESTED, required=True)
VALUE_TEXT = _text(
    "q", "Parts that a value must contain, separated by spaces, in upper or lower case."
)
FORMAT = _choice(
    "format",
    "Default: json. The other formats have the rows only, such as the points of a series.",
    ("json", *FORMATS),
)
WHAT = _choice("what", "What to export. Default: timeline.", WHATS)
FILE_FORMAT = _choice("format", "Default: ndjson, the only one for sessions.", FORMATS)


def without(name: str, parameters: Sequence[Parameter]) -> tuple[Parameter, ...]:
    """These parameters without the one of that name, which is part of the path."""
    return tuple(parameter for parameter in parameters if parameter.name != name)


class QueryParameters:
    """Reads the query string of one request. Raises `Problem` for unknown or invalid parameters.

    `now` (Unix seconds) is what relative times refer to, `time_zone` where no other is given.
    """

    def __init__(
        self,
        given: Mapping[str, str],
        parameters: Sequence[Parameter],
        now: float,
        pseudonyms: Pseudonyms,
        time_zone: str = "UTC",
    ) -> None:
        self.pseudonyms = pseudonyms
        self._time_zone = time_zone
        self._given = given
        self._now = now
        known = {parameter.name for parameter in parameters}
        for name in given:
            if name not in known:
                raise Problem(
                    400, f"Unknown parameter {name}", f"known: {', '.join(sorted(known))}"
                )

    @property
    def selection(self) -> SummaryFilter:
        """Window (default: the last day) and filters, with room and browser id as stored."""
        since, until = self._window()
        filters: dict[str, Any] = {
            field: value
            for name, field in FIELD_OF_FILTER.items()
            if (value := self._given.get(name)) is not None
        }
        for name, values in CHOICES.items():
            if name in filters:
                self.one_of(name, values, None)
        return self.pseudonyms.as_stored(SummaryFilter(since=since, until=until, **filters))

    @property
    def open_window(self) -> tuple[int | None, int | None]:
        """Start and end of the window; None where the request gives none."""
        since, until = (
            self.read_moment(name, self._given[name]) if name in self._given else None
            for name in ("since", "until")
        )
        return since, until

    @property
    def incidents(self) -> IncidentFilter:
        """Window (default: the last day) and filters of incidents."""
        since, until = self._window()
        running = self.one_of("running", ("true", "false", ""), "")
        return IncidentFilter(
            since=since,
            until=until,
            running=running == "true" if running else None,
            cause=self.one_of("cause", (*CAUSES, ""), "") or None,
            value=self._given.get("value"),
            min_people=int(self._number("min_people", r"[0-9]{1,7}", 1, 1_000_000, "1")),
            min_probability=self._number("min_probability", r"[01](\.[0-9]{0,9})?", 0, 1, "0"),
        )

    def _number(self, name: str, pattern: str, least: float, most: float, default: str) -> float:
        given = self._given.get(name, default)
        if not re.fullmatch(pattern, given) or not least <= float(given) <= most:
            raise Problem(
                400, f"Invalid parameter {name}", f"expected {least}..{most}, got {given[:100]!r}"
            )
        return float(given)

    @property
    def at(self) -> int:
        """The moment `at`, Unix seconds."""
        if "at" not in self._given:
            raise Problem(400, "Invalid parameter at", "expected a moment; got nothing")
        try:
            return parse_moment(self._given["at"], self._now, self.zone)
        except ValueError as error:
            raise Problem(400, "Invalid parameter at", str(error)) from None

    @property
    def zone(self) -> ZoneInfo:
        """The time zone `tz`, or else that of the server's setting."""
        try:
            return zone_of(self._given.get("tz", self._time_zone)[:100])
        except ValueError as error:
            raise Problem(400, "Invalid parameter tz", str(error)) from None

    @property
    def order(self) -> Order:
        """The order of the items."""
        return self._order(SORT_KEYS)

    @property
    def order_of_meetings(self) -> Order:
        """The order of meetings."""
        return self._order(MEETING_KEYS)

    def _order(self, keys: Collection[str]) -> Order:
        if (given := self._given.get("sort")) is None:
            return NEWEST_FIRST
        try:
            return Order.parse(given, keys)
        except ValueError as error:
            raise Problem(400, "Invalid parameter sort", str(error)) from None

    @property
    def list_filter(self) -> ListFilter:
        """The filters that only lists have."""
        try:
            return ListFilter.parse(
                {name: self._given[name] for name in LIST_FILTERS if name in self._given}
            )
        except ValueError as error:
            raise Problem(400, "Invalid filter", str(error)) from None

    async def find_room(self, find: Callable[[str], Awaitable[str]]) -> None:
        """Replace the filter by a room, as it was typed, by the stored form that `find` returns."""
        if room := self._given.get("room"):
            self._given = {**self._given, "room": await find(room)}

    @property
    def limit(self) -> int:
        """Maximum number of items in the answer. Default: 50."""
        given = self._given.get("limit", "50")
        if not re.fullmatch(r"\d{1,3}", given) or not 1 <= int(given) <= 500:
            raise Problem(400, "Invalid parameter limit", f"expected 1..500, got {given[:100]!r}")
        return int(given)

    @property
    def cursor(self) -> str | None:
        """The cursor of the previous answer, None for the first."""
        return self._given.get("cursor")

    def text(self, name: str) -> str | None:
        """The value of a free text parameter, cut to 200 characters."""
        value = self._given.get(name)
        return None if value is None else value[:200]

    def one_of(self, name: str, allowed: Sequence[str], default: str | None) -> str:
        """The value of a parameter that must be one of `allowed`."""
        value = self._given.get(name, default)
        if value not in allowed:
            got = "nothing" if value is None else repr(value[:100])
            raise Problem(
                400, f"Invalid parameter {name}", f"expected {', '.join(allowed)}; got {got}"
            )
        return str(value)

    def read_moment(self, name: str, text: str) -> int:
        """Parse a time that a request gives (Unix seconds)."""
        try:
            return parse_moment(text, self._now)
        except ValueError as error:
            raise Problem(400, f"Invalid parameter {name}", str(error)) from None

    def _window(self) -> tuple[int, int]:
        try:
            return parse_window(
                self._given.get("since"), self._given.get("until"), self._now, self.zone
            )
        except ValueError as error:
            raise Problem(400, "Invalid time range", str(error)) from None
