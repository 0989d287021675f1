"""Answers the forms that choose what pages show: each leads to an address without its fields."""

from urllib.parse import urlencode

from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from jmmc.answers.queries import Queries
from jmmc.answers.values import SUGGESTED
from jmmc.core.errors import InvalidInput
from jmmc.core.timestamps import parse_moment, to_iso, zone_of
from jmmc.web.dashboard.layout import FORM_FIELDS, HEADERS
from jmmc.web.dashboard.list_columns import remember_columns
from jmmc.web.dashboard.reader_zone import WALL_TIME, remember_zone
from jmmc.web.dashboard.selection import Selections


class FormAnswers:
    """Redirects from the addresses of forms."""

    def __init__(self, queries: Queries, selections: Selections) -> None:
        self._queries = queries
        self._selections = selections

    async def redirect(self, request: Request) -> Response | None:
        """Remember what a form chooses, and lead to what it asks for; None without a form.

        Times that are written in the zone `wall` become moments, and texts of filters the values
        that they mean. Raises `ValueError` for what is none.
        """
        params = request.query_params
        if not params.keys() & {*FORM_FIELDS} - {"lang"}:
            return None
        query = {key: value for key, value in params.items() if value and key not in FORM_FIELDS}
        if params.get("wall"):
            for name in ("since", "until", "at"):
                if WALL_TIME.fullmatch(query.get(name, "")):
                    query[name] = _moment_of(name, query[name], params["wall"][:100])
        target = request.url.path
        if "typed" in params:
            meant = await self._meant(request, query)
            if unclear := next((name for name, value in meant.items() if not value), None):
                target, query = f"{request.scope.get('root_path', '')}/find", {"q": query[unclear]}
            else:
                query |= meant
        address = f"{target}?{urlencode(query)}" if query else target
        response = RedirectResponse(address, 303, headers=HEADERS)
        remember_zone(request, response)
        remember_columns(request, response)
        return response

    async def _meant(self, request: Request, query: dict[str, str]) -> dict[str, str]:
        """The values that texts of filters stand for."""
        selection = self._selections.of(request)
        return {
            name: await self._queries.resolved_value(name, query[name].strip(), selection)
            for name in SUGGESTED
            if name in query
        }


def _moment_of(name: str, wall_time: str, zone: str) -> str:
    """The moment of a time on the clocks of a zone, as ISO 8601. Raises `InvalidInput`."""
    try:
        return to_iso(parse_moment(wall_time, 0, zone_of(zone)))
    except InvalidInput as error:
        raise error.of(name) from None
