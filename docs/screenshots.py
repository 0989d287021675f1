"""Takes the pictures of README and docs: `./run screenshots`.

The calls are those of the tutorial. Seed, times and sizes are fixed, so a picture changes only when
a page does.
"""

import sys
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Literal
from urllib.parse import urlencode

from playwright.sync_api import Browser, Page, sync_playwright

from tests.conftest import CHROMIUM, CHROMIUM_OPTIONS
from tests.support.commands import jmmc
from tests.support.servers import Serve

FOLDER = Path(__file__).parent / "images"
LARGEST = 150_000
"""Bytes of a picture."""

_BEGIN, _END = "2026-11-24T08:00:00Z", "2026-11-24T13:00:00Z"
_CALLS = ["--participants", "400", "--rooms", "30", "--minutes", "240", "--seed", "7"]
_SCROLL_TO = "heading => heading.scrollIntoView()"  # The page's own padding is for the menu.
_MORNING = urlencode({"since": _BEGIN, "until": _END})


@dataclass(frozen=True, slots=True)
class Shot:
    """One picture of a page."""

    name: str
    path: str
    links: tuple[str, ...] = ()
    """CSS selectors of the links that are followed from `path`."""
    height: int = 800
    """In CSS pixels; the width is 1,280."""
    heading: str = ""
    """The heading that is scrolled to; without one the top of the page is shown."""
    scheme: Literal["light", "dark"] = "light"


_OUTAGE = "main a[href^='/incidents/']:has-text('eu-west')"
_OWN_LINE = "main a[href^='/incidents/']:has-text('own connection, download')"
_MEETING = "main a[href^='/meetings/']"
_SESSION = "main a[href^='/sessions/']"
_INCIDENTS = f"/incidents?{_MORNING}"
SHOTS = (
    Shot("overview", f"/overview?{_MORNING}", height=1190),
    Shot("incidents", _INCIDENTS, height=640),
    Shot("incident", _INCIDENTS, (_OUTAGE,)),
    Shot("meeting", _INCIDENTS, (_OUTAGE, _MEETING), heading="Timelines of all participants"),
    Shot("session", _INCIDENTS, (_OWN_LINE, _SESSION), height=900),
    Shot("session-dark", _INCIDENTS, (_OWN_LINE, _SESSION), height=900, scheme="dark"),
)


def take(folder: Path) -> None:
    """Write all pictures into a folder, as PNG. Raises `ValueError` if one is too large."""
    with tempfile.TemporaryDirectory() as scratch:
        store = f"sqlite:///{scratch}/calls.db"
        done = jmmc("simulate", "--store", store, "--start", _BEGIN, *_CALLS)
        if done.returncode:
            raise RuntimeError(done.stderr)
        server = Serve(Path(scratch), store=store)
        try:
            for name, picture in _pictures(f"http://127.0.0.1:{server.port}"):
                if len(picture) > LARGEST:
                    raise ValueError(f"{name}: at most {LARGEST} bytes (got {len(picture)})")
                (folder / f"{name}.png").write_bytes(picture)
        finally:
            server.close()


def _pictures(base: str) -> Iterator[tuple[str, bytes]]:
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=CHROMIUM_OPTIONS)
        for shot in SHOTS:
            yield shot.name, _picture(shot, browser, base)


def _picture(shot: Shot, browser: Browser, base: str) -> bytes:
    page = browser.new_page(
        viewport={"width": 1280, "height": shot.height},
        color_scheme=shot.scheme,
        reduced_motion="reduce",
        timezone_id="UTC",
        locale="en-GB",
    )
    try:
        _open(page, f"{base}{shot.path}")
        for link in shot.links:
            target = page.locator(link).first.get_attribute("href")
            _open(page, f"{base}{target}")
        if shot.heading:
            page.get_by_role("heading", name=shot.heading).evaluate(_SCROLL_TO)
        return page.screenshot()
    finally:
        page.close()


def _open(page: Page, url: str) -> None:
    """Open a page, and wait until its charts are drawn."""
    page.goto(url, wait_until="networkidle")
    page.wait_for_timeout(300)


if __name__ == "__main__":
    take(Path(sys.argv[1]) if len(sys.argv) > 1 else FOLDER)
