"""Readers of the dashboard and of the API, who ask what costs most while a fault happens."""

import asyncio
import http.client
import urllib.error
import urllib.request
from collections.abc import AsyncIterator, Awaitable, Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager
from random import Random
from threading import Event

from jmmc.protocol.identity import session_of
from tests.faults.site import Site

_VIEWERS = 4
_TIMEOUT = 60.0  # Seconds for an answer while a process is stopped or a line is silent.
_EXPECTED = (404, 503)  # Other errors are bugs. 404: before there is a summary.
_QUESTIONS = (
    "/",
    "/overview?since=30d",
    "/compare?by=network&since=30d",
    "/health",
    "/sessions/{session}",
    "/meetings/{session}",
    "/participants/{participant}",
    "/find?room=round",
    "/api/v1/overview?since=30d",
    "/api/v1/live",
    "/api/v1/rooms?since=30d&limit=500",
    "/api/v1/rooms/{room}?since=30d",
    "/api/v1/meetings?since=30d",
    "/api/v1/sessions?since=30d&limit=500",
    "/api/v1/sessions/{session}",
    "/api/v1/compare?by=region&since=30d",
    "/api/v1/usage?since=30d",
    "/api/v1/search?q=r",
    "/api/v1/export?since=30d",
)


def beside_viewers(inject: Callable[[Site], Awaitable[None]]) -> Callable[[Site], Awaitable[None]]:
    """The same fault, while viewers ask."""

    async def inject_beside_viewers(site: Site) -> None:
        async with _viewers(site):
            await inject(site)
            await site.pause()

    return inject_beside_viewers


@asynccontextmanager
async def _viewers(site: Site) -> AsyncIterator[None]:
    """Viewers who ask one question after another until the block ends; each is answered."""
    until = Event()
    loop = asyncio.get_running_loop()
    with ThreadPoolExecutor(_VIEWERS) as executor:
        tasks = [
            loop.run_in_executor(executor, _ask, site, Random(f"{site.seed}-{n}"), until)
            for n in range(_VIEWERS)
        ]
        try:
            yield
        finally:
            until.set()
            answers = await asyncio.gather(*tasks)
    assert sum(answers) > 0, "no viewer got an answer"


def _ask(site: Site, chance: Random, until: Event) -> int:
    """Ask until the event is set; return how many answers had content."""
    answered = 0
    while not until.is_set():
        sender = chance.choice(site.senders)
        path = chance.choice(_QUESTIONS).format(
            session=session_of(sender.sid), participant=sender.browser_id, room=sender.room
        )
        url = f"http://127.0.0.1:{chance.choice(site.ports)}{path}"
        try:
            with urllib.request.urlopen(url, timeout=_TIMEOUT) as answer:
                answer.read()
            answered += 1
        except urllib.error.HTTPError as error:
            assert error.code in _EXPECTED, f"{path}: {error.code} {error.read()[:500]!r}"
        except (ConnectionError, urllib.error.URLError, http.client.HTTPException):
            until.wait(0.05)  # The collector is down.
    return answered
