"""The time zone in which a reader sees times: chosen once, and used by every page."""

import re
from datetime import datetime
from typing import NamedTuple
from urllib.parse import quote, unquote
from zoneinfo import ZoneInfo

from starlette.requests import Request
from starlette.responses import Response

from jmmc.core.errors import InvalidInput
from jmmc.core.timestamps import zone_of
from jmmc.web.http import cookie

WALL_TIME = re.compile(r"\d{4}-\d{2}-\d{2}T\d{2}:\d{2}(:\d{2})?")
"""How an input of type datetime-local gives a time."""

BROWSER, SERVER = "browser", "server"
"""Choices that name no zone: that of the reader's browser, and the setting `time_zone`."""

_CHOSEN = "tz"
_OF_BROWSER = "browser_zone"  # Set by `times.js`: a request does not tell it.
_YEAR = 365 * 86_400


class ReaderZone(NamedTuple):
    """The zone of a reader: the `choice`, and the `name` of the zone that follows from it.

    Until a browser has told its zone, its `name` is that of the server, and `is_known` is False.
    """

    choice: str
    name: str
    is_known: bool = True

    @property
    def zone(self) -> ZoneInfo:
        """The time zone."""
        return zone_of(self.name)

    @property
    def for_scripts(self) -> str:
        """The name for the scripts of the page; "" where they take the browser's own."""
        return "" if self.choice == BROWSER else self.name

    def wall_time(self, second: int) -> str:
        """A moment in this zone, as an input of type datetime-local has it."""
        return datetime.fromtimestamp(second, self.zone).strftime("%Y-%m-%dT%H:%M")


def reader_zone(request: Request, server_zone: str) -> ReaderZone:
    """The zone that the reader chose; that of the browser until then."""
    try:
        return _zone_of_choice(_cookie(request, _CHOSEN) or BROWSER, request, server_zone)
    except ValueError:
        return _zone_of_choice(BROWSER, request, server_zone)


def remember_zone(request: Request, response: Response) -> None:
    """Set a cookie if the query has a choice. Raises `InvalidInput` for an unknown time zone."""
    params = request.query_params
    # A name that is typed counts more than the one in the list.
    name = "tz_name" if params.get("tz_name") else "tz"
    if chosen := params.get(name, "").strip()[:100]:
        try:
            choice = _zone_of_choice(chosen, request, "UTC").choice
        except InvalidInput as error:
            raise error.of(name) from None
        path = f"{request.scope.get('root_path', '')}/"
        response.set_cookie(
            _CHOSEN, quote(choice, safe=""), max_age=_YEAR, samesite="lax", path=path
        )


def _zone_of_choice(choice: str, request: Request, server_zone: str) -> ReaderZone:
    if choice == SERVER:
        return ReaderZone(choice, server_zone)
    if choice != BROWSER:
        known = zone_of(choice).key
        return ReaderZone(known, known)
    name = _cookie(request, _OF_BROWSER)
    try:
        return ReaderZone(choice, zone_of(name).key)
    except ValueError:
        return ReaderZone(choice, server_zone, is_known=False)


def _cookie(request: Request, name: str) -> str:
    return unquote(cookie(request.scope, name) or "")[:100]
