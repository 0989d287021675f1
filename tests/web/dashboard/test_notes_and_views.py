"""Notes in the charts, saved views and links to a view: over HTTP and in a real browser."""

import asyncio
import re
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import pytest
from playwright.sync_api import Browser, Page, expect

from jmmc.accounts import users
from jmmc.answers.notes import Note, add_note
from jmmc.core.timestamps import parse_moment
from jmmc.settings import Settings
from jmmc.stores import Store, open_store
from jmmc.web.dashboard import saved_views as module
from jmmc.web.dashboard.i18n import words
from jmmc.web.dashboard.notes import DONE as NOTES_DONE
from jmmc.web.dashboard.saved_views import (
    DONE,
    LONGEST_NAME,
    ViewError,
    remove_view,
    save_view,
    saved_views,
)
from jmmc.web.dashboard.svg import note_marks, plot_notes
from jmmc.web.security.access import Caller
from jmmc.web.site import create_app
from tests.support.npm import installed
from tests.support.servers import serving
from tests.support.site import Site
from tests.web.dashboard.lives import LIVES, WINDOW, fill

_BEYOND = """[...document.querySelectorAll("body *")].filter((element) =>
  element.getBoundingClientRect().right > innerWidth + 0.5 && !element.closest(".scroll, .heat")
  && document.documentElement.scrollWidth > innerWidth).map((element) => element.outerHTML)"""
"""The elements because of which a page would scroll sideways."""

_ANN, _BOB = Caller("Ann", ("read", "views", "users")), Caller("Bob", ("read", "views"))


@pytest.fixture
async def store(tmp_path: Path) -> Store:
    store = open_store(f"sqlite:///{tmp_path}/a.db")
    await store.open()
    return store


async def test_a_view_keeps_its_page_filters_and_time_range(store: Store) -> None:
    reports = store.reports
    query = "since=24h&region=eu+west&cursor=x&lang=fr&tz=UTC&wall=UTC&done=saved"
    view = await save_view(reports, " Europe ", "/sessions", query, by="Ann")
    assert view.target == "/sessions?since=24h&region=eu+west"
    again = await save_view(reports, "Europe", "/overview", "", by="Ann")
    assert (again.id, again.target) == (view.id, "/overview")
    of_bob = await save_view(reports, "a view", "/overview", "", by="Bob")
    assert await saved_views(reports) == [of_bob, again]
    with pytest.raises(ViewError, match="Only the person"):
        await remove_view(reports, again.id, _BOB)
    await remove_view(reports, of_bob.id, _BOB)
    await remove_view(reports, again.id, _ANN)
    with pytest.raises(ViewError, match="no such"):
        await remove_view(reports, again.id, _ANN)
    await store.close()


@pytest.mark.parametrize(
    ("name", "path", "query"),
    [
        ("", "/overview", ""),
        ("x" * (LONGEST_NAME + 1), "/overview", ""),
        ("two\nlines", "/overview", ""),
        ("x", "//evil.example", ""),
        ("x", "/forget", ""),
        ("x", "/overview", "a=b&" * 600),
        ("x", "/overview", "a=b&" * 60),
    ],
)
async def test_only_views_of_lists_and_charts_with_a_short_name_are_saved(
    store: Store, name: str, path: str, query: str
) -> None:
    with pytest.raises(ViewError) as caught:
        await save_view(store.reports, name, path, query, by="")
    assert str(caught.value) in words("fr")
    assert not await saved_views(store.reports)
    await store.close()


async def test_a_store_keeps_few_views(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "MOST", 1)
    await save_view(store.reports, "x", "/overview", "", by="")
    with pytest.raises(ViewError, match="remove some first"):
        await save_view(store.reports, "y", "/overview", "", by="")
    await store.close()


def test_texts_of_notes_and_views_are_translated() -> None:
    assert {*DONE.values(), *NOTES_DONE.values()} <= words("fr").keys()


def test_marks_stand_where_their_notes_are_and_number_them_alike() -> None:
    notes = [
        Note("a", 0, 400, "began <before>", ""),
        Note("b", 100, None, "gone", ""),
        Note("c", 750, None, "later", ""),
    ]
    drawn = str(note_marks(notes, 200, 1200, "Notes"))
    assert '<rect class="span" x="0.00%" y="0" width="20.00%"' in drawn
    assert re.findall(r'<text x="([\d.]+)%" y="12">(\d)', drawn) == [("0.00", "1"), ("55.00", "3")]
    assert "began &lt;before&gt;" in drawn
    assert "gone" not in drawn
    assert plot_notes(notes) == [(1, 0, 400), (2, 100, 100), (3, 750, 750)]


async def test_every_chart_over_time_shows_the_notes_of_its_time(store: Store) -> None:
    site = Site(store)
    session = await site.push("Ann", {"cq": 100}, {"cq": 5}, seconds=600, ago=900)
    await site.summarize()
    now = int(time.time())
    for at, text in ((now - 600, "inside <b>"), (now - 9 * 86_400, "long ago")):
        await add_note(store.reports, text, at)
    own = [f"/sessions/{session}", f"/meetings/{session}"]
    pages = [*own, "/overview", "/usage?by=day&since=2d", "/compare?by=region"]
    for path in pages:
        page = await site.page(path)
        assert "inside &lt;b&gt;" in page, path
        assert "long ago" not in page, path
        assert "inside <b>" not in page, path
    notes = await site.page("/notes")
    assert notes.index("inside &lt;b&gt;") < notes.index("long ago"), "the newest first"
    await site.close()


async def test_a_link_to_a_view_has_the_moments_of_its_time_range(store: Store) -> None:
    site = Site(store)
    for path in ("/overview?since=3h&region=eu", "/incidents", "/usage", "/sessions?since=today"):
        page = await site.page(path)
        (link,) = re.findall(r'class="share" href="([^"]+)"', page)
        query = parse_qs(urlsplit(link.replace("&amp;", "&")).query)
        since, until = (parse_moment(query[name][0], 0) for name in ("since", "until"))
        assert abs(until - time.time()) < 60, path
        if "3h" in path:
            assert until - since == 3 * 3600
            assert query["region"] == ["eu"]
    await site.close()


@pytest.fixture
def root(tmp_path: Path) -> Iterator[str]:
    """The URL of a server with simulated calls and a user of each role."""
    url = f"sqlite:///{tmp_path}/calls.db"

    async def prepare() -> None:
        store = open_store(url)
        await store.open()
        await fill(store)
        await users.add(store.reports, "Ann", "correct horse", "admin")
        await users.add(store.reports, "Bob", "battery staple", "viewer")
        await store.close()

    with ThreadPoolExecutor(1) as thread:  # This one has the event loop of the browser.
        thread.submit(asyncio.run, prepare()).result()
    with serving(create_app(Settings.of(store=url, max_queries_per_minute=0))) as served:
        yield served


def _signed_in(browser: Browser, root: str, name: str, password: str) -> Page:
    context = browser.new_context(locale="en-GB", timezone_id="Europe/Paris")
    page = context.new_page()
    page.goto(f"{root}/login")
    page.get_by_label("Name").fill(name)
    page.get_by_label("Password").fill(password)
    page.get_by_role("button", name="Sign in").click()
    page.wait_for_url(f"{root}/")
    return page


def _check(page: Page) -> None:
    """The page is accessible in light and dark, and fits at four widths."""
    page.evaluate((installed("axe-core") / "axe.min.js").read_text())
    for scheme, more in (("light", {}), ("dark", {"runOnly": ["color-contrast"]})):
        page.emulate_media(color_scheme=scheme)  # type: ignore[arg-type]
        options = {"resultTypes": ["violations"], "preload": False, **more}
        found = page.evaluate("(options) => axe.run(options)", options)
        assert [violation["id"] for violation in found["violations"]] == []
    for width in (390, 820, 1920, 1440):
        page.set_viewport_size({"width": width, "height": 800})
        assert page.evaluate(_BEYOND) == []


def test_an_admin_writes_notes_and_everybody_saves_views(browser: Browser, root: str) -> None:
    ann = _signed_in(browser, root, "Ann", "correct horse")
    bob = _signed_in(browser, root, "Bob", "battery staple")
    session = LIVES[3].session
    began = session.samples[0].ts + 60
    ann.goto(f"{root}/notes")
    ann.get_by_label("text").fill("upgraded <bridge> 2")
    # Clocks in Paris are two hours before UTC in September.
    paris = time.strftime("%Y-%m-%dT%H:%M", time.gmtime(began + 7200))
    ann.get_by_label("from").fill(paris)
    ann.get_by_role("button", name="Add").click()
    expect(ann.get_by_role("status")).to_have_text("The note was added.")
    _check(ann)
    stored = ann.evaluate("fetch('/api/v1/notes').then((answer) => answer.json())")
    assert [parse_moment(note["at"], 0) for note in stored] == [began - began % 60]
    assert stored[0]["by"] == "Ann"

    bob.goto(f"{root}/notes")
    expect(bob.get_by_text("upgraded <bridge> 2")).to_be_visible()
    expect(bob.get_by_role("button", name="Remove")).to_have_count(0)
    query = "&".join(f"{name}={value}" for name, value in WINDOW.items())
    bob.goto(f"{root}/overview?{query}&browser=Chrome")
    expect(bob.locator(".note-texts")).to_contain_text("upgraded <bridge> 2")
    bob.get_by_text("Views", exact=True).click()
    bob.get_by_label("Save this view as").fill("Chrome <i>")
    bob.get_by_role("button", name="Save").click()
    bob.get_by_text("Views", exact=True).click()
    expect(bob.locator(".views-menu a[aria-current]")).to_have_text("Chrome <i>")
    _check(bob)

    ann.goto(f"{root}/sessions")
    ann.get_by_text("Views", exact=True).click()
    ann.get_by_role("link", name="Chrome <i>").click()
    assert f"/overview?{query}&browser=Chrome" in ann.url.replace("%3A", ":")
    ann.context.grant_permissions(["clipboard-read", "clipboard-write"])
    ann.get_by_role("button", name="Copy link to this view").click()
    expect(ann.get_by_text("Copied")).to_be_visible()
    copied = ann.evaluate("navigator.clipboard.readText()")
    assert copied.startswith(f"{root}/overview?since=20")
    ann.goto(f"{root}/views")
    ann.get_by_role("button", name="Remove: Chrome <i>").click()
    expect(ann.get_by_role("status")).to_have_text("The view was removed.")
    ann.goto(f"{root}/notes")
    ann.get_by_role("button", name="Remove: upgraded <bridge> 2").click()
    expect(ann.get_by_role("status")).to_have_text("The note was removed.")
    ann.context.clear_cookies(name="browser_zone")  # As on the first page that a browser opens.
    ann.goto(f"{root}/notes")
    ann.get_by_label("text").fill("just now")
    ann.get_by_role("button", name="Add").click()
    expect(ann.get_by_role("status")).to_have_text("The note was added.")
    stored = ann.evaluate("fetch('/api/v1/notes').then((answer) => answer.json())")
    assert abs(parse_moment(stored[0]["at"], 0) - time.time()) < 180
    for page in (ann, bob):
        page.context.close()
