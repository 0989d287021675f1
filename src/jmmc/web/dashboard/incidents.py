"""The pages of incidents: what hurt most in a time, and one incident."""

import time
from collections.abc import Callable
from typing import Any

from starlette.requests import Request
from starlette.responses import Response

from jmmc.answers.queries import Queries
from jmmc.answers.threads import in_background
from jmmc.core.timestamps import parse_window
from jmmc.quality.filters import INCIDENT_ORDERS, IncidentFilter, IncidentOrder
from jmmc.web.dashboard.layout import Layout
from jmmc.web.security.access import Caller

_SHOWN = 50
_SEVERAL = 2  # People: with fewer it is the trouble of one participant.
_SHOWS = ("all", "several", "running")
_LEAST_AROUND = 60  # Seconds of the timelines before and after an incident.
_MOST_ROWS = 10  # Sessions and meetings shown at once; the others are folded.


class IncidentPages:
    """Handlers of the pages. `clock` gives Unix seconds."""

    def __init__(
        self, queries: Queries, layout: Layout, *, clock: Callable[[], float] = time.time
    ) -> None:
        self._queries = queries
        self._layout = layout
        self._clock = clock

    async def incidents(self, request: Request, caller: Caller) -> Response:
        """Show the incidents of a time, by default of the last day, the worst first."""
        params = request.query_params
        now = int(self._clock())
        zone = self._layout.zone(request)
        since, until = parse_window(
            params.get("since") or None, params.get("until") or None, now, zone.zone
        )
        show = params.get("show", "all")
        order: IncidentOrder = "affected"
        order = next((name for name in INCIDENT_ORDERS if name == params.get("order")), order)
        selection = IncidentFilter(
            since=since,
            until=until,
            running=True if show == "running" else None,
            min_people=_SEVERAL if show == "several" else 1,
        )
        page = await self._queries.incidents(
            selection, limit=_SHOWN, order=order, after=params.get("cursor") or None
        )
        return await self._page(
            request,
            caller,
            "incidents.html",
            page=page,
            since=since,
            until=until,
            order=order,
            orders=INCIDENT_ORDERS,
            show=show,
            shows=_SHOWS,
            most=_SHOWN,
            notes=await self._queries.notes(since, until),
            window=(since, until),
            api="incidents",
            api_selection={
                "since": params.get("since") or "24h",
                **({"until": params["until"]} if params.get("until") else {}),
                "tz": zone.name,
                **({"running": "true"} if selection.running else {}),
                **({"min_people": _SEVERAL} if show == "several" else {}),
                "order": order,
            },
        )

    async def incident(self, request: Request, caller: Caller) -> Response:
        """Show one incident: its causes, and whom it affected."""
        detail = await self._queries.incident(request.path_params["id"].lower())
        incident = detail.incident
        around = max(_LEAST_AROUND, (incident.end - incident.start) // 5)
        return await self._page(
            request,
            caller,
            "incident.html",
            incident=incident,
            sessions={summary.session: summary for summary in detail.sessions},
            rows=_MOST_ROWS,
            since=incident.start - around,
            until=incident.end + around,
            notes=await self._queries.notes(incident.start - around, incident.end + around),
            api=f"incidents/{incident.id}",
        )

    async def _page(self, request: Request, caller: Caller, name: str, **context: Any) -> Response:
        return await in_background(lambda: self._layout.page(request, caller, name, **context))
