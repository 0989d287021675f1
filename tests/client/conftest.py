"""The script alone in a page: pushes are caught in the browser and answered as the test says."""

import json
import time
from collections.abc import Callable, Iterator
from typing import Any, cast

import pytest
from playwright.sync_api import Browser, Page, Route

from jmmc.settings import Settings
from jmmc.web.browser.script import ENTRANCES, Entrance, render
from tests.support.page_time import ANSWERED, answered, pass_time
from tests.support.paths import TESTS

_PAGES = TESTS / "e2e"
_ORIGIN = "https://meet.example.org"

# With a clock that stands still chance does too: the wait before another try is drawn, and one in
# some dozens would be longer than a test goes on.
_SEEDED = """
(() => {
  let drawn = 20_261_126;
  Math.random = () => (drawn = (drawn * 16_807) % 2_147_483_647) / 2_147_483_647;
})();
"""

Answer = tuple[int, dict[str, str], Any] | None
"""Status, headers, JSON; None lets the request fail."""


class Stage:
    """One page with the script in it, and a collector that does as it is told.

    With a `clock` time stands still in the page, `pass_time` moves it, and chance is the same in
    each page.
    """

    def __init__(self, page: Page, *, clock: bool = False, **settings: Any) -> None:
        if clock:
            page.clock.install(time=time.time())
            page.clock.pause_at(time.time() + 1)
            page.add_init_script(_SEEDED)
        page.add_init_script(ANSWERED)
        self.page = page
        self.settings = settings
        self.pushes: list[dict[str, Any]] = []
        self.reply: Callable[[dict[str, Any]], Answer] = self.confirm
        self.said: list[str] = []
        page.on("console", lambda message: self._hear(message.text))
        page.on("pageerror", lambda error: self.said.append(str(error)))
        page.route(f"{_ORIGIN}/**", self._serve)
        page.goto(f"{_ORIGIN}/jitsi.html")

    @staticmethod
    def confirm(push: dict[str, Any]) -> Answer:
        return 200, {}, {"ack": push["samples"][-1]["seq"]}

    def load(self, entrance: Entrance = "getClient") -> None:
        self.page.evaluate("name => jitsi.load('/jmmc/' + name)", entrance)

    def join(self, conf: str = "room", me: str = "me") -> None:
        self.page.evaluate("([conf, me]) => void jitsi.join(conf, me)", [conf, me])
        self.load()

    def emit(self, record: dict[str, Any]) -> None:
        self.page.evaluate("it => jitsi.emitStats(it)", record)

    def raise_event(self, name: str, *arguments: Any) -> None:
        self.page.evaluate(
            "([name, args]) => APP.conference._room.emit(name, ...args)", [name, list(arguments)]
        )

    def answered(self) -> None:
        """Wait until the script has the answers to all that it has asked."""
        answered(self.page)

    def pass_time(self, milliseconds: int) -> None:
        """Move the page's clock. What is asked meanwhile is answered before it goes further."""
        pass_time(self.page, milliseconds)

    def wait_for(self, count: int) -> None:
        """Wait until so many pushes have come."""
        self.wait_until(lambda: len(self.pushes) >= count)

    def wait_until(self, happened: Callable[[], bool]) -> None:
        for _ in range(600):
            if happened():
                return
            self.page.wait_for_timeout(25)
        raise AssertionError(f"it did not happen; pushes: {self.pushes}")

    def _hear(self, text: str) -> None:
        # What Chromium says itself of a request that failed; no script can keep it from that.
        if not text.startswith("Failed to load resource"):
            self.said.append(text)

    @property
    def samples(self) -> list[dict[str, Any]]:
        return [item for push in self.pushes for item in push["samples"]]

    def _serve(self, route: Route) -> None:
        path = route.request.url.removeprefix(_ORIGIN).partition("?")[0]
        if path == "/jmmc/push":
            push = json.loads(route.request.post_data or "")
            self.pushes.append(push)
            answer = self.reply(push)
            if answer is None:
                route.abort()
            else:
                status, headers, content = answer
                body = content if isinstance(content, str) else json.dumps(content)
                route.fulfill(status=status, headers=headers, body=body)
        elif (entrance := path.removeprefix("/jmmc/")) in ENTRANCES:
            text = render(Settings.of(**self.settings), cast(Entrance, entrance))
            route.fulfill(body=text, content_type="application/javascript")
        elif (_PAGES / path[1:]).is_file():
            route.fulfill(path=_PAGES / path[1:])
        else:
            route.fulfill(status=404)


@pytest.fixture
def stage(browser: Browser) -> Iterator[Callable[..., Stage]]:
    """Make a stage."""
    contexts = []

    def make(*, beside: Page | None = None, **settings: Any) -> Stage:
        context = beside.context if beside else browser.new_context()
        contexts.append(context)
        return Stage(context.new_page(), **settings)

    yield make
    for context in contexts:
        context.close()
