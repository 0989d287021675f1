"""The script alone in a page: pushes are caught in the browser and answered as the test says."""

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, cast

import pytest
from playwright.sync_api import Browser, Page, Route

from jmmc.settings import Settings
from jmmc.web.script import ENTRANCES, Entrance, render

_PAGES = Path(__file__).parent.parent / "e2e"
_ORIGIN = "https://meet.example.org"

Answer = tuple[int, dict[str, str], Any] | None
"""Status, headers, JSON; None lets the request fail."""


class Stage:
    """One page with the script in it, and a collector that does as it is told."""

    def __init__(self, page: Page, **settings: Any) -> None:
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
        self.page.wait_for_function(
            "name => document.scripts[document.scripts.length - 1].src.endsWith(name)",
            arg=entrance,
        )
        self.page.wait_for_timeout(50)

    def join(self, conf: str = "room", me: str = "me") -> None:
        self.page.evaluate("([conf, me]) => void jitsi.join(conf, me)", [conf, me])
        self.load()

    def emit(self, record: dict[str, Any]) -> None:
        self.page.evaluate("it => jitsi.emitStats(it)", record)

    def raise_event(self, name: str, *arguments: Any) -> None:
        self.page.evaluate(
            "([name, args]) => APP.conference._room.emit(name, ...args)", [name, list(arguments)]
        )

    def wait_for(self, count: int) -> None:
        """Wait until so many pushes have come."""
        self.wait_until(lambda: len(self.pushes) >= count)

    def wait_until(self, happened: Callable[[], bool]) -> None:
        for _ in range(200):
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
        return [it for push in self.pushes for it in push["samples"]]

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
    """Make a stage: `clock=True` with time that only the test moves."""
    contexts = []

    def make(*, clock: bool = False, beside: Page | None = None, **settings: Any) -> Stage:
        context = beside.context if beside else browser.new_context()
        contexts.append(context)
        page = context.new_page()
        if clock:
            page.clock.install()
        return Stage(page, **settings)

    yield make
    for context in contexts:
        context.close()
