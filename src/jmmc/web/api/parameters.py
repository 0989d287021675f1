"""The parameters of the API: how each is described, and how the values of a request are read."""

import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, NamedTuple

from jmmc.answers.tables import FORMATS
from jmmc.core.timestamps import moment
from jmmc.privacy.pseudonyms import Pseudonyms
from jmmc.quality.grading import Grade
from jmmc.quality.rollups import DAY
from jmmc.quality.summary import DIMENSIONS, FIELD_OF_FILTER, SummaryFilter
from jmmc.web.api.exports import WHATS
from jmmc.web.problems import Problem


class Parameter(NamedTuple):
    """What may stand in the query string."""

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
            "pattern": "^(now|[0-9]{1,5}[mhdw]|[0-9-]{10}T[0-9]{2}(:[0-9]{2}){1,2})$",
        },
    ],
}
_GRADES = tuple(grade.name.lower() for grade in Grade)
PERIODS = ("day", "week", "month")

WINDOW = (
    Parameter(
        "since",
        "ISO 8601 (UTC unless it says), or 24h, 7d ago; a day before until by default.",
        _MOMENT,
    ),
    Parameter("until", "The same; now by default.", _MOMENT),
    *(
        _text(name, f"Only sessions with this {name}.")
        for name in FIELD_OF_FILTER
        if name != "grade"
    ),
    _choice("grade", "Only sessions with this.", _GRADES),
)
PAGING = (
    Parameter("limit", "Items an answer.", {"type": "integer", "minimum": 1, "maximum": 500}),
    _text("cursor", "`next` of the answer before."),
)
BY = _choice("by", "The dimension.", DIMENSIONS, required=True)
PERIOD = _choice("period", "Day by default.", PERIODS)
SEARCH_TEXT = _text("q", "Part of a room's name, a participant id or an address.")
FORMAT = _choice(
    "format",
    "JSON by default; the others have the rows alone, such as the points of a series.",
    ("json", *FORMATS),
)
WHAT = _choice("what", "Timeline by default.", WHATS)
FILE_FORMAT = _choice("format", "NDJSON by default.", FORMATS)


def without(name: str, parameters: Sequence[Parameter]) -> tuple[Parameter, ...]:
    """Parameters less one that the path itself says."""
    return tuple(parameter for parameter in parameters if parameter.name != name)


class QueryParameters:
    """The query string of one request, checked. Raises `Problem`.

    `now` (Unix seconds) is what relative times refer to.
    """

    def __init__(
        self,
        given: Mapping[str, str],
        parameters: Sequence[Parameter],
        now: float,
        pseudonyms: Pseudonyms,
    ) -> None:
        self.pseudonyms = pseudonyms
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
        """Filters and window; a day by default. Names are those that are stored."""
        until = self._moment("until", int(self._now))
        since = self._moment("since", until - DAY)
        filters: dict[str, Any] = {
            field: value
            for name, field in FIELD_OF_FILTER.items()
            if (value := self._given.get(name)) is not None
        }
        if "grade" in filters:
            self.one_of("grade", _GRADES, None)
        return self.pseudonyms.as_stored(SummaryFilter(since=since, until=until, **filters))

    @property
    def limit(self) -> int:
        """Items an answer."""
        given = self._given.get("limit", "50")
        if not re.fullmatch(r"\d{1,3}", given) or not 1 <= int(given) <= 500:
            raise Problem(400, "Bad parameter limit", "expected 1..500")
        return int(given)

    @property
    def cursor(self) -> str | None:
        """Where to go on."""
        return self._given.get("cursor")

    def text(self, name: str) -> str | None:
        """A parameter as it came, of at most 200 characters."""
        value = self._given.get(name)
        return None if value is None else value[:200]

    def one_of(self, name: str, allowed: Sequence[str], default: str | None) -> str:
        """A parameter that has few values."""
        value = self._given.get(name, default)
        if value not in allowed:
            raise Problem(400, f"Bad parameter {name}", f"expected {', '.join(allowed)}")
        return str(value)

    def _moment(self, name: str, default: int) -> int:
        given = self._given.get(name)
        try:
            return default if given is None else moment(given, self._now)
        except ValueError as error:
            raise Problem(400, f"Bad parameter {name}", str(error)) from None
