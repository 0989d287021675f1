"""A collector, a line to it that misbehaves, and a browser in a Jitsi Meet page."""

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page

from tests.e2e.proxy import Plan, Proxy
from tests.support.servers import PREFIX, Pages, Serve

HERE = Path(__file__).parent
# What is stored is compared with what the page said: whole, and in the rhythm of a test.
RHYTHM = ("--push-interval", "1", "--sample-interval", "1", "--ip", "full")


@pytest.fixture(scope="module")
def pages() -> Iterator[Pages]:
    pages = Pages(HERE)
    yield pages
    pages.close()


@pytest.fixture
def serve(tmp_path: Path) -> Iterator[Serve]:
    serve = Serve(tmp_path, *RHYTHM)
    yield serve
    serve.close()


@pytest.fixture
def line(serve: Serve) -> Iterator[Callable[[Plan], Proxy]]:
    """Make a line to the collector that follows a plan."""
    made: list[Proxy] = []

    def make(plan: Plan) -> Proxy:
        made.append(Proxy(serve.port, plan))
        return made[-1]

    yield make
    for proxy in made:
        proxy.close()


@pytest.fixture
def visit(browser: Browser, pages: Pages) -> Iterator[Callable[..., Page]]:
    """Open a Jitsi Meet page; in the same profile when `beside` names a page that is open."""
    contexts = []

    def open_page(beside: Page | None = None) -> Page:
        context = beside.context if beside else browser.new_context()
        contexts.append(context)
        page = context.new_page()
        page.goto(f"{pages.url}/jitsi.html")
        return page

    yield open_page
    for context in contexts:
        context.close()


def load_script(page: Page, port: int) -> None:
    """Load our script as `analytics.scriptURLs` does, from the collector's origin."""
    page.evaluate("url => jitsi.load(url)", f"http://127.0.0.1:{port}{PREFIX}/getClient")
    page.wait_for_function("window.__jmmc")
