"""Pages that update live over server-sent events: the current calls, and the collector's health."""

import asyncio
import re
import time
from collections.abc import AsyncIterator, Callable
from typing import Any

from starlette.requests import Request
from starlette.responses import Response, StreamingResponse

from jmmc.answers.queries import Queries
from jmmc.collector import Collector
from jmmc.core.errors import StoreError
from jmmc.core.text import without_controls_in_markup
from jmmc.quality.filters import IncidentFilter
from jmmc.web.dashboard.first_steps import FirstSteps
from jmmc.web.dashboard.layout import HEADERS, Layout
from jmmc.web.dashboard.live_cache import LiveCache
from jmmc.web.security.access import Access, Caller

_UPDATE_INTERVAL = 3.0  # Seconds between two events of a stream, of all streams at one time.
_CACHE_SECONDS = 1.0  # For how long all streams share one result.
_SHUTDOWN_CHECK = 0.25  # Seconds between two checks whether the server is shutting down.
_DAY = 86_400
_MAX_INCIDENTS = 5  # Running ones that are shown.
_MAX_MEETINGS = 120  # Rendering 500 would block the event loop for 0.15 s.
_LINE_END = re.compile("\\r\\n|\\r|\\n")  # As server-sent events define it.


class LivePages:
    """Each page, and a stream of its updates. `clock` gives Unix seconds."""

    def __init__(
        self,
        collector: Collector,
        access: Access,
        queries: Queries,
        layout: Layout,
        first_steps: FirstSteps,
        *,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._collector = collector
        self._access = access
        self._queries = queries
        self._layout = layout
        self._first_steps = first_steps
        self._clock = clock
        self._live_view = LiveCache(self._query_live, seconds=_CACHE_SECONDS)
        self._health_view = LiveCache(self._query_recent_health, seconds=_CACHE_SECONDS)
        self._previous = (collector.began, 0)  # When health was queried, and the pushes until then.

    async def now(self, request: Request, caller: Caller) -> Response:
        """Show the current calls."""
        context = {
            **await self._query_live(),
            **await self._first_steps.shown(request, caller),
        }
        return self._layout.page(request, caller, "now.html", **context, api="live")

    async def now_updates(self, request: Request, caller: Caller) -> Response:
        """Stream the updates of `now`."""
        return self._updates(request, caller, "now_live.html", self._live_view)

    async def health(self, request: Request, caller: Caller) -> Response:
        """Show the state of the collector; its rate is since the start."""
        context = await self._query_health(self._collector.began, 0)
        return self._layout.page(request, caller, "health.html", **context)

    async def health_updates(self, request: Request, caller: Caller) -> Response:
        """Stream the updates of `health`; the rate is since the previous update."""
        return self._updates(request, caller, "health_live.html", self._health_view)

    async def _query_live(self) -> dict[str, Any]:
        live, firing = await self._queries.live(), await self._collector.firing()
        now = int(self._clock())
        running = IncidentFilter(since=now - _DAY, until=now + 1, running=True)
        incidents = (await self._queries.incidents(running, limit=_MAX_INCIDENTS)).items
        return {
            "live": live,
            "firing": firing,
            "incidents": incidents,
            "most_incidents": _MAX_INCIDENTS,
            "shown": _MAX_MEETINGS,
        }

    async def _query_recent_health(self) -> dict[str, Any]:
        health = await self._query_health(*self._previous)
        self._previous = (self._clock(), health["stored"])
        return health

    async def _query_health(self, since: float, stored_then: int) -> dict[str, Any]:
        """Return the state; `rate` is per second since `since`, when `stored_then` were stored."""
        try:
            condition, problem = await self._collector.check(), ""
        except StoreError as error:
            condition, problem = None, str(error)
        counters = self._collector.counters
        stored = counters.accepted + counters.trimmed
        return {
            "counters": counters,
            "stored": stored,
            "rate": (stored - stored_then) / max(1.0, self._clock() - since),
            "waiting": self._collector.waiting,
            "queue_limit": self._collector.settings.queue_limit,
            "condition": condition,
            "firing": await self._collector.firing(),
            "problem": problem,
            "failing_tasks": [task for task in self._collector.background_tasks if task.error],
            "report": await self._collector.report_sending(),
            "disk": self._collector.disk,
            "retention_pause": self._collector.retention_pause,
            "upgraded": self._collector.upgraded,
            "compressed": self._collector.compressed,
            "began": int(self._collector.began),
        }

    def _updates(self, request: Request, caller: Caller, name: str, view: LiveCache) -> Response:
        """Stream a part of a page as server-sent events.

        The next event is made when the previous one is sent: a slow reader delays nobody, and
        misses the events in between.
        """
        template = self._layout.templates.get_template(name)
        context = self._layout.context(request, caller)

        def render(result: dict[str, Any]) -> bytes:
            text = without_controls_in_markup(template.render({**context, **result}))
            # Not splitlines, which would make a new line of a U+2028 in a name.
            lines = _LINE_END.split(text)
            return ("".join(f"data: {line}\n" for line in lines) + "\n").encode()

        async def events() -> AsyncIterator[bytes]:
            loop = asyncio.get_running_loop()
            while not await request.is_disconnected():
                try:
                    if not await self._access.is_still_allowed(request, "read", self._clock()):
                        return
                    # These templates use nothing else of the request.
                    variant = (context["language"], context["root"], context["zone"].name)
                    yield await view.rendered(variant, render)
                except StoreError:
                    yield b"event: down\ndata:\n\n"
                due = (loop.time() // _UPDATE_INTERVAL + 1) * _UPDATE_INTERVAL
                while (left := due - loop.time()) > 0:
                    if self._collector.leaving:
                        return
                    await asyncio.sleep(min(left, _SHUTDOWN_CHECK))

        return StreamingResponse(events(), headers=HEADERS, media_type="text/event-stream")
