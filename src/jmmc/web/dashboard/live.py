"""The pages that go on by themselves: this moment, and the collector's own health."""

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
from jmmc.web.dashboard.layout import HEADERS, Layout
from jmmc.web.dashboard.shared_view import SharedView
from jmmc.web.security.access import Access, Caller

_REFRESH = 5.0  # Seconds between two events.
_KEPT = 2.5  # Seconds for which a look does for everybody.
_GLANCE = 0.25  # Seconds between two looks at whether the server is to stop.
_MEETINGS = 120  # Drawn at the most, the worst: 500 hold up the loop for 0.15 s.
_LINE = re.compile("\\r\\n|\\r|\\n")  # What ends a line of server-sent events.


class LivePages:
    """Each page, and what changes of it as server-sent events. `clock` gives Unix seconds."""

    def __init__(
        self,
        collector: Collector,
        access: Access,
        queries: Queries,
        layout: Layout,
        *,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._collector = collector
        self._access = access
        self._queries = queries
        self._layout = layout
        self._clock = clock
        self._now = SharedView(self._live, seconds=_KEPT)
        self._condition = SharedView(self._since_before, seconds=_KEPT)
        self._before = (collector.began, 0)

    async def now(self, request: Request, caller: Caller) -> Response:
        """This moment; goes on by itself over `live`."""
        return self._layout.page(request, caller, "now.html", **await self._live(), api="live")

    async def live(self, request: Request, caller: Caller) -> Response:
        """What changes of `now`, as server-sent events."""
        return self._events(request, caller, "now_live.html", self._now)

    async def _live(self) -> dict[str, Any]:
        live, firing = await self._queries.live(), await self._collector.firing()
        return {"live": live, "firing": firing, "most": _MEETINGS}

    async def health(self, request: Request, caller: Caller) -> Response:
        """The collector itself; goes on by itself over `health_live`."""
        health = await self._health(self._collector.began, 0)
        return self._layout.page(request, caller, "health.html", **health)

    async def health_live(self, request: Request, caller: Caller) -> Response:
        """What changes of `health`, as server-sent events."""
        return self._events(request, caller, "health_live.html", self._condition)

    async def _since_before(self) -> dict[str, Any]:
        """The figures; the rate is since the look before."""
        health = await self._health(*self._before)
        self._before = (self._clock(), health["stored"])
        return health

    async def _health(self, since: float, stored_then: int) -> dict[str, Any]:
        """The figures; the rate is of what was stored since a moment."""
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
            "began": int(self._collector.began),
        }

    def _events(self, request: Request, caller: Caller, name: str, glance: SharedView) -> Response:
        """A part of a page, again and again.

        Who reads slowly is not waited for by anybody, and misses what was in between: the next
        event is made when the one before has left.
        """
        template = self._layout.templates.get_template(name)
        context = self._layout.context(request, caller)

        def draw(found: dict[str, Any]) -> bytes:
            text = template.render({**context, **found})
            # Not splitlines, which would make a new line of a U+2028 in a name.
            return ("".join(f"data: {part}\n" for part in _LINE.split(text)) + "\n").encode()

        async def events() -> AsyncIterator[bytes]:
            while not await request.is_disconnected():
                try:
                    if not await self._access.is_still_allowed(request, "read", self._clock()):
                        return
                    # All that these parts know of who asks.
                    yield await glance.drawn((context["language"], context["root"]), draw)
                except StoreError:
                    yield b"event: down\ndata:\n\n"
                for _ in range(int(_REFRESH / _GLANCE)):
                    if self._collector.leaving:
                        return
                    await asyncio.sleep(_GLANCE)

        return StreamingResponse(events(), headers=HEADERS, media_type="text/event-stream")
