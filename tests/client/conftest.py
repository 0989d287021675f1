"""The script alone in a page: pushes are caught in the browser and get the test's responses."""

import json
import time
from collections.abc import Callable, Iterator
from typing import Any, cast

import pytest
from playwright.sync_api import Browser, Page, Route

from jmmc.settings import Settings
from jmmc.web.browser.script import SCRIPT_NAMES, ScriptName, render
from tests.support.page_time import ANSWERED, answered, pass_time
from tests.support.paths import TESTS
from tests.support.tabs import Tabs

_PAGES = TESTS / "e2e"
_ORIGIN = "https://meet.example.org"

# With a controlled clock random numbers are fixed too: the wait before a retry is random, and would
# sometimes be longer than a test.
_SEEDED = """
(() => {
  let drawn = 20_261_126;
  Math.random = () => (drawn = (drawn * 16_807) % 2_147_483_647) / 2_147_483_647;
})();
"""

_REPORTS = """
reports => {
  const maps = reports.map(stats => new Map(stats.map(stat => [stat.id, stat])));
  APP.conference._room.pc = {
    peerconnection: { getStats: async () => maps.length > 1 ? maps.shift() : maps[0] },
  };
}
"""

Answer = tuple[int, dict[str, str], Any] | None
"""Status, headers, JSON. With None the request fails."""


class Stage:
    """One page with the script, and a stand-in of the collector that answers with `reply`.

    With `clock`, time in the page moves only by `pass_time`, and random numbers are fixed. `logged`
    has all console messages and uncaught errors of the page.
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
        self.logged: list[str] = []
        page.on("console", lambda message: self._log(message.text))
        page.on("pageerror", lambda error: self.logged.append(str(error)))
        page.route(f"{_ORIGIN}/**", self._serve)
        page.goto(f"{_ORIGIN}/jitsi.html")

    def report(self, reports: list[list[dict[str, Any]]]) -> None:
        """Let the peer connection give these reports one after the other, then the last again."""
        self.page.evaluate(_REPORTS, reports)

    @staticmethod
    def confirm(push: dict[str, Any]) -> Answer:
        return 200, {}, {"ack": push["samples"][-1]["seq"]}

    def load(self, entrance: ScriptName = "getClient") -> None:
        self.page.evaluate("name => jitsi.load('/jmmc/' + name)", entrance)

    def join(self, conf: str = "room", me: str = "me") -> None:
        self.page.evaluate("([conf, me]) => void jitsi.join(conf, me)", [conf, me])
        self.load()

    def emit(self, record: dict[str, Any]) -> None:
        self.page.evaluate("record => jitsi.emitStats(record)", record)

    def raise_event(self, name: str, *arguments: Any) -> None:
        self.page.evaluate(
            "([name, args]) => APP.conference._room.emit(name, ...args)", [name, list(arguments)]
        )

    def answered(self) -> None:
        """Wait until the script has handled the responses to all its requests."""
        answered(self.page)

    def pass_time(self, milliseconds: int) -> None:
        """Move the page's clock; requests made meanwhile are answered before it moves further."""
        pass_time(self.page, milliseconds)

    def reload(self) -> None:
        """Load the page again; its controlled clock goes on."""
        now = self.page.evaluate("Date.now()")
        self.page.clock.pause_at((now + 1) / 1000)  # Not before now: times are not whole.
        self.page.goto(self.page.url)

    def wait_for(self, count: int) -> None:
        """Wait until `count` pushes have arrived."""
        self.wait_until(lambda: len(self.pushes) >= count)

    def wait_until(self, condition: Callable[[], bool]) -> None:
        for _ in range(600):
            if condition():
                return
            self.page.wait_for_timeout(25)
        raise AssertionError(f"the condition did not become true; pushes: {self.pushes}")

    def _log(self, text: str) -> None:
        # Chromium logs a failed request itself; a script cannot prevent that.
        if not text.startswith("Failed to load resource"):
            self.logged.append(text)

    @property
    def samples(self) -> list[dict[str, Any]]:
        return [sample for push in self.pushes for sample in push["samples"]]

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
        elif (entrance := path.removeprefix("/jmmc/")) in SCRIPT_NAMES:
            text = render(Settings.of(**self.settings), cast(ScriptName, entrance))
            route.fulfill(body=text, content_type="application/javascript")
        elif (_PAGES / path[1:]).is_file():
            route.fulfill(path=_PAGES / path[1:])
        else:
            route.fulfill(status=404)


MakeStage = Callable[..., Stage]


@pytest.fixture
def make_stage(browser: Browser) -> Iterator[MakeStage]:
    """Make a stage; in the same profile as the page `beside`."""
    tabs = Tabs(browser)

    def make(*, beside: Page | None = None, **settings: Any) -> Stage:
        return Stage(tabs.open(beside), **settings)

    yield make
    tabs.close()
