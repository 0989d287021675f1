"""A collector, a faulty connection to it, and a browser in a page that behaves as Jitsi Meet."""

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page

from tests.e2e.proxy import Plan, Proxy
from tests.support.servers import PREFIX, Pages, Serve
from tests.support.tabs import Tabs

HERE = Path(__file__).parent
# Short intervals and whole addresses, so that tests can compare samples one by one.
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
def make_proxy(serve: Serve) -> Iterator[Callable[[Plan], Proxy]]:
    """Make a connection to the collector that has the faults of a plan."""
    proxies: list[Proxy] = []

    def make(plan: Plan) -> Proxy:
        proxies.append(Proxy(serve.port, plan))
        return proxies[-1]

    yield make
    for proxy in proxies:
        proxy.close()


@pytest.fixture
def visit(browser: Browser, pages: Pages) -> Iterator[Callable[..., Page]]:
    """Open a Jitsi Meet page; in the same profile as the page `beside`."""
    tabs = Tabs(browser)

    def open_page(beside: Page | None = None) -> Page:
        page = tabs.open(beside)
        page.goto(f"{pages.url}/jitsi.html")
        return page

    yield open_page
    tabs.close()


def load_script(page: Page, port: int) -> None:
    """Load our script from the collector's origin, as `analytics.scriptURLs` does."""
    page.evaluate("url => jitsi.load(url)", f"http://127.0.0.1:{port}{PREFIX}/getClient")
    page.wait_for_function("window.__jmmc")
