"""Five questions of an operator, answered from the first page by at most three links."""

import re
import time
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from html import unescape
from pathlib import Path

import pytest

from jmmc.maintenance.schedule import summarizer_of
from jmmc.settings import Settings
from jmmc.simulation.scenario import Scenario, simulate
from jmmc.stores.sqlite.store import SqliteStore
from jmmc.web.site import Server, create_app
from tests.support.builders import call

_START = int(time.time()) - 6 * 3600
_CALLS = list(simulate(Scenario(participants=40, rooms=4, minutes=240, seed=5, start=_START)))


@pytest.fixture
async def app(tmp_path: Path) -> AsyncIterator[Server]:
    file = tmp_path / "calls.db"
    store = SqliteStore(file)
    await store.open()
    await store.append([made.session.as_push() for made in _CALLS])
    async for _ in summarizer_of(store, Settings.of(), time.time).upgrade():
        pass
    await store.close()
    app = create_app(Settings.of(store=f"sqlite:///{file}", secret="x"))
    yield app
    await app.metrics.close()


class _Reader:
    """Somebody who begins on the first page and follows links that are on the page."""

    def __init__(self, app: Server) -> None:
        self._app = app
        self.clicks = 0
        self.html = ""
        self.zone = "UTC"

    async def start(self) -> None:
        self.html = await self._load("/")

    async def click(self, pattern: str) -> None:
        """Follow the first link whose address and text match."""
        links = re.findall(r'<a[^>]*href="([^"]+)"[^>]*>(.*?)</a>', self.html, re.DOTALL)
        found = [unescape(target) for target, text in links if re.search(pattern, target + text)]
        assert found, pattern
        self.clicks += 1
        self.html = await self._load(found[0])

    async def _load(self, path: str) -> str:
        headers = {"host": "127.0.0.1", "accept": "application/json", "cookie": f"tz={self.zone}"}
        answer = await call(self._app, "GET", path, client="127.0.0.1", headers=headers)
        assert answer.status == 200, path
        return answer.body.decode()

    async def search(self, text: str) -> None:
        """Type into the search of the header; the list of hits is what it suggests."""
        await self.load(f"/find?q={text}")

    async def load(self, path: str) -> None:
        self.html = await self._load(path)

    @property
    def text(self) -> str:
        return " ".join(unescape(re.sub(r"<[^>]+>", " ", self.html)).split())


async def test_five_questions_are_answered_in_at_most_three_clicks(app: Server) -> None:
    reader = _Reader(app)
    await reader.start()
    assert re.search("Nobody is in a call|All good|incident|with problems", reader.text)
    made = next(made for made in _CALLS if made.problems and made.problems[0].cause == "loss")
    await reader.search(made.session.room)
    await reader.click(rf"/meetings\?.*room={made.session.room}")
    await reader.click(r"^[^?]*/meetings/[0-9a-f]{24}")
    assert re.search(r"Likely cause|participant|network|region|browser", reader.text)
    assert "Show the numbers" in reader.text
    await reader.click(r"/sessions/[0-9a-f]{24}")
    assert reader.clicks <= 3
    for path, answer, clicks in (
        (["/compare", "since=7d"], r"beyond chance", 2),
        (["/usage"], r"meetings? .* participants? .* person-minutes", 1),
    ):
        reader.clicks = 0
        await reader.start()
        for step in path:
            await reader.click(step)
        assert re.search(answer, reader.text)
        assert reader.clicks == clicks
    hour = datetime.fromtimestamp(_START + 2 * 3600, UTC).hour  # Midnight in the middle of them.
    reader.zone = f"Etc/GMT+{hour}" if hour <= 12 else f"Etc/GMT-{24 - hour}"
    await reader.load("/usage?by=day")
    ((earlier, name),) = re.findall(r'<td [^>]*><a href="(/usage[^"]+)">([^<]+)</a>', reader.html)
    await reader.load(unescape(earlier))
    assert re.findall(r'<h2 class="usage-latest">([^<]+?) *<', reader.html) == [name]
