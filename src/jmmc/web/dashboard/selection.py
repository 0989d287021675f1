"""The time range and the filters of a page's query."""

from typing import Any

from starlette.requests import Request

from jmmc.core.errors import InvalidInput
from jmmc.core.timestamps import parse_window
from jmmc.privacy.pseudonyms import Pseudonyms
from jmmc.quality.filters import CHOICES, FIELD_OF_FILTER, SummaryFilter
from jmmc.web.dashboard.reader_zone import ReaderZone


def selection_of(
    request: Request, now: float, zone: ReaderZone, pseudonyms: Pseudonyms
) -> SummaryFilter:
    """The time range (by default, the last day) and the filters, with names as they are stored.

    `now` is Unix seconds. Raises `ValueError` with what is allowed.
    """
    params = request.query_params
    since, until = parse_window(
        params.get("since") or None, params.get("until") or None, now, zone.zone
    )
    filters: dict[str, Any] = {
        field: params[name] for name, field in FIELD_OF_FILTER.items() if params.get(name)
    }
    for name, allowed in CHOICES.items():
        if (value := params.get(name)) and value not in allowed:
            raise InvalidInput(
                "expected {allowed}", field=name, given=value, allowed=", ".join(allowed)
            )
    return pseudonyms.as_stored(SummaryFilter(since=since, until=until, **filters))
