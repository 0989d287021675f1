"""The time range and the filters of a page's query."""

from collections.abc import Callable
from typing import Any

from starlette.requests import Request

from jmmc.core.errors import InvalidInput
from jmmc.core.timestamps import parse_window
from jmmc.privacy.pseudonyms import Pseudonyms
from jmmc.quality.filters import CHOICES, FIELD_OF_FILTER, SummaryFilter
from jmmc.web.dashboard.reader_zone import ReaderZone


class Selections:
    """Reads selections. `zone_of` gives the reader's zone, `clock` Unix seconds."""

    def __init__(
        self,
        pseudonyms: Pseudonyms,
        zone_of: Callable[[Request], ReaderZone],
        clock: Callable[[], float],
    ) -> None:
        self._pseudonyms = pseudonyms
        self._zone_of = zone_of
        self._clock = clock

    def of(self, request: Request) -> SummaryFilter:
        """The time range (by default, the last day) and the filters, with names as stored.

        Raises `ValueError` with what is allowed.
        """
        params, zone = request.query_params, self._zone_of(request)
        since, until = parse_window(
            params.get("since") or None, params.get("until") or None, self._clock(), zone.zone
        )
        filters: dict[str, Any] = {
            field: params[name] for name, field in FIELD_OF_FILTER.items() if params.get(name)
        }
        for name, allowed in CHOICES.items():
            if (value := params.get(name)) and value not in allowed:
                raise InvalidInput(
                    "expected {allowed}", field=name, given=value, allowed=", ".join(allowed)
                )
        return self._pseudonyms.as_stored(SummaryFilter(since=since, until=until, **filters))
