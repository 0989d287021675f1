"""The pages in a real browser, on simulated calls whose problems are known."""

import html
import re
import time
import urllib.error
import urllib.parse
import urllib.request
from collections import Counter
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from functools import cache
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, Locator, Page, Route, expect

from jmmc.simulation.scenario import Scenario, SimulatedSession, simulate
from jmmc.web.dashboard.i18n import words
from tests.support.commands import jmmc
from tests.support.npm import installed
from tests.support.servers import (
    FASTER,
    QUICK_PASSWORDS,
    Serve,
    get_json,
    post_push,
    process_delay,
)

_START = int(datetime(2026, 9, 21, 8, tzinfo=UTC).timestamp())
_SCENARIO = Scenario(participants=120, rooms=10, minutes=600, seed=2, start=_START)
_RANGE = "since=2026-09-21&until=2026-09-22"
_ABOUT_PEOPLE = ("--identify", "display_name", "--support-code", "code")
_MARKUP = "<img src=x onerror=document.title='owned'>"
_PROBLEM_CALL = next(
    call for call in simulate(_SCENARIO) if call.problems and call.problems[0].cause == "loss"
)
_ZOOMED_TO = """
  import(document.querySelector('link[href$="/zoom.js"]').href).then((zoom) => zoom.zoomedTo())
"""

pytestmark = pytest.mark.timeout(110)
Visit = Callable[..., Page]


@cache  # Otherwise each worker would simulate them when it collects tests.
def _calls() -> list[SimulatedSession]:
    return list(simulate(_SCENARIO))


def _jmmc(folder: Path, *arguments: str) -> None:
    done = jmmc(*arguments, "--store", f"sqlite:///{folder}/calls.db")
    assert done.returncode == 0, done.stderr


@pytest.fixture(scope="module")
def serve(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Serve]:
    folder = tmp_path_factory.mktemp("pages")
    options = ["--participants", "120", "--rooms", "10", "--minutes", "600", "--seed", "2"]
    _jmmc(folder, "simulate", *options, "--start", "2026-09-21T08:00")
    options = ["--conf-pattern", ".{1,100}", "--max-queries-per-minute", "0", *_ABOUT_PEOPLE]
    serve = Serve(folder, *options, code=FASTER)
    yield serve
    serve.close()


@pytest.fixture
def visit(browser: Browser, serve: Serve) -> Iterator[Visit]:
    """Open a page; an error or a warning in its console fails the test."""
    contexts = []
    errors: list[str] = []

    def open_page(path: str, **options: Any) -> Page:
        context = browser.new_context(**{"locale": "en-GB", "timezone_id": "UTC", **options})
        contexts.append(context)
        page = context.new_page()
        page.on("pageerror", lambda error: errors.append(str(error)))
        page.on(
            "console",
            lambda message: (
                errors.append(message.text) if message.type in ("error", "warning") else None
            ),
        )
        page.goto(f"http://127.0.0.1:{serve.port}{path}")
        return page

    yield open_page
    for context in contexts:
        context.close()
    assert errors == []


def _follow(page: Page, link: Locator) -> None:
    """Click, and wait until the next page has loaded."""
    with page.expect_event("load"):
        link.click()


def _api(serve: Serve, path: str) -> Any:
    return get_json(f"http://127.0.0.1:{serve.port}/api/v1{path}")


_PATHS = {
    "now": "/",
    "overview": f"/overview?{_RANGE}",
    "empty overview": "/overview?since=1h",
    "meeting": f"/meetings/{_PROBLEM_CALL.session.id}",
    "session": f"/sessions/{_PROBLEM_CALL.session.id}",
    "participant": f"/participants/{_PROBLEM_CALL.session.browser_id}?{_RANGE}",
    "compare": f"/compare?by=region&{_RANGE}",
    "outliers": f"/compare?{_RANGE}",
    "usage": f"/usage?by=day&tz=UTC&{_RANGE}",
    "agreement": f"/agreement?{_RANGE}",
    "incidents": f"/incidents?{_RANGE}",
    "find": f"/find?q=room&{_RANGE}",
    "meetings": f"/meetings?{_RANGE}",
    "sessions": f"/sessions?{_RANGE}&browser=Chrome",
    "health": "/health",
    "login": "/login",
}


_LISTS = ("meetings", "sessions")


@pytest.mark.parametrize("name", _PATHS)
def test_a_page_has_no_serious_accessibility_violation_and_fits_on_a_phone(
    visit: Visit, name: str
) -> None:
    page = visit(_PATHS[name], color_scheme="light")
    page.wait_for_load_state("load")
    if name in ("session", "meeting", "participant"):
        _open_all(page)
    page.evaluate((installed("axe-core") / "axe.min.js").read_text())
    assert _violations(page) == []
    page.emulate_media(color_scheme="dark")
    assert _violations(page, runOnly=["color-contrast"]) == []
    page.set_viewport_size({"width": 360, "height": 740})
    assert page.evaluate("document.documentElement.scrollWidth") <= 360
    for table in page.locator(".scroll:has(.sessions, .list)").all():
        assert table.evaluate(_OVERFLOW) == 0


def _open_all(page: Page) -> None:
    """Open every part that is folded; wait for its charts."""
    page.evaluate(
        "document.querySelectorAll('main details').forEach((part) => { part.open = true })"
    )
    if charts := page.locator("[data-charts]").count():
        expect(page.locator(".curves.two .chart", has_text="Machine")).to_have_count(charts)


# The rows of a list are alike: its first ones stand for all.
_AXE = """
(more) => axe.run(
  {exclude: ["tbody tr:nth-child(n+12)"]},
  {resultTypes: ["violations"], preload: false, ...more},
)
"""


def _violations(page: Page, **more: Any) -> list[tuple[str, list[str]]]:
    return [
        (violation["id"], [node["html"][:200] for node in violation["nodes"][:3]])
        for violation in page.evaluate(_AXE, more)["violations"]
        if violation["impact"] in ("serious", "critical")
    ]


def test_the_usage_page_has_the_figures_of_the_api_on_screen_and_on_paper(
    visit: Visit, serve: Serve
) -> None:
    window = "since=2026-09-21T00:00Z&until=2026-09-23T00:00Z"
    day, *_ = _api(serve, f"/usage?period=day&tz=UTC&{window}")
    page = visit(_PATHS["usage"], color_scheme="light")
    rows = page.locator(".usage-table tbody tr")
    expect(rows.last).to_contain_text("Mon 21 September 2026")
    for figure in (day["meetings"], day["participants"], f"{day['minutes']:,}"):
        expect(rows.last.get_by_role("cell", name=str(figure), exact=True).first).to_be_visible()
    download = page.get_by_role("link", name="Download these figures (CSV)")
    with page.expect_download() as downloaded:
        download.click()
    lines = downloaded.value.path().read_text().splitlines()
    assert lines[1].startswith(f"2026-09-21T00:00:00Z,2026-09-22T00:00:00Z,{day['meetings']},")
    assert len(lines) == rows.count() + 1
    page.emulate_media(media="print")
    expect(page.locator("header.top")).to_be_hidden()
    expect(page.locator(".usage-chart svg").first).to_be_visible()
    assert page.evaluate("getComputedStyle(document.body).backgroundColor") == "rgb(255, 255, 255)"


def test_what_hurt_most_comes_first_and_says_why_and_whom(visit: Visit, serve: Serve) -> None:
    worst = _api(serve, f"/incidents?{_RANGE}&order=people")["items"][0]
    assert worst["people"] > 1
    page = visit(f"/incidents?{_RANGE}&order=people", color_scheme="light")
    first = page.locator(".incident-list tbody tr").first
    expect(first).to_contain_text(str(worst["people"]))
    _follow(page, first.get_by_role("link"))
    expect(page).to_have_url(re.compile(f"/incidents/{worst['id']}\\?{_RANGE}$"))
    expect(page.locator(".figures")).to_contain_text(f"{worst['people']} affected people")
    expect(page.locator(".timelines .timeline-row").first).to_be_visible()
    page.evaluate((installed("axe-core") / "axe.min.js").read_text())
    assert _violations(page) == []
    _follow(page, page.locator("section.panel td a").first)
    expect(page).to_have_url(re.compile("/meetings/"))


def test_a_session_links_to_the_sessions_of_its_provider(visit: Visit, serve: Serve) -> None:
    provider = _api(serve, f"/sessions/{_PROBLEM_CALL.session.id}")["summary"]["provider"]
    page = visit(f"/sessions/{_PROBLEM_CALL.session.id}")
    page.get_by_role("link", name=provider).click()
    expect(page.locator(".active-filters")).to_contain_text(f"provider: {provider}")
    count = len(
        _api(serve, f"/sessions?{_RANGE}&limit=500&provider={provider.split()[0]}")["items"]
    )
    page.goto(f"http://127.0.0.1:{serve.port}/compare?{_RANGE}&by=provider")
    row = page.locator("table.ranked").get_by_role("row", name=provider)
    expect(row.locator("td").nth(4)).to_have_text(str(count))


def test_a_provider_is_found_by_part_of_its_name(visit: Visit) -> None:
    page = visit(f"/find?q=fibre&{_RANGE}")
    _follow(page, page.get_by_role("link", name="as64497 example fibre"))
    expect(page.locator(".active-filters")).to_contain_text("provider: AS64497")
    assert page.locator("table.list tbody tr").count() > 0


# The texts that an ancestor cuts off, and how wide the page is beyond its window.
_CUT_OFF = """
() => {
  const cut = [document.documentElement.scrollWidth - innerWidth];
  const walker = document.createTreeWalker(document.querySelector("main"), NodeFilter.SHOW_TEXT);
  for (let node = walker.nextNode(); node; node = walker.nextNode()) {
    const range = document.createRange();
    range.selectNodeContents(node);
    const box = range.getBoundingClientRect();
    if (!node.textContent.trim() || !box.width || node.parentElement.closest("title, .visually-hidden")) continue;
    for (let above = node.parentElement; above; above = above.parentElement) {
      const edge = above.getBoundingClientRect();
      if (/hidden|clip/.test(getComputedStyle(above).overflowX) && box.right > edge.right + 1) cut.push(node.textContent);
      if (/auto|scroll/.test(getComputedStyle(above).overflowX)) break;
    }
  }
  return cut;
}
"""  # noqa: E501


@pytest.mark.parametrize("name", ["session", "meeting"])
def test_no_text_of_a_call_is_cut_off_at_any_width_in_french(visit: Visit, name: str) -> None:
    page = visit(_PATHS[name], locale="fr-FR", viewport={"width": 1920, "height": 900})
    _open_all(page)
    for width in (1920, 1440, 820, 390):
        page.set_viewport_size({"width": width, "height": 900})
        assert page.evaluate(_CUT_OFF) == [0], width


def test_without_a_mouse_every_question_is_answered_in_few_keys(visit: Visit) -> None:
    page = visit("/")

    def press(*keys: str) -> None:
        for key in keys:
            page.keyboard.press(key)

    def press_enter() -> None:
        with page.expect_event("load"):
            press("Enter")

    # Is anything bad right now? The first page says it.
    expect(page.locator(".now-verdict")).not_to_be_empty()
    # Why was a call bad: server, network or laptop? By room and meeting to the session.
    press("/")
    page.keyboard.type(_PROBLEM_CALL.session.room)
    # Not one of those for the first letters, which are there meanwhile.
    expect(page.locator("#suggestions a").first).to_contain_text(_PROBLEM_CALL.session.room)
    press("ArrowDown")
    press_enter()
    press("Tab", "Tab", "Enter", "Tab")
    press_enter()
    expect(page.locator("h1")).to_have_text(_PROBLEM_CALL.session.room)
    press("Tab", "Tab", "Enter", "Tab")
    press_enter()
    expect(page.locator("h1")).to_contain_text(_PROBLEM_CALL.session.room)
    # Which region is worst? How many meetings? By the menu: after two links to the content.
    page.goto(page.url.partition("/sessions")[0])
    press(*["Tab"] * 6)
    press_enter()
    expect(page.locator("h1")).to_contain_text("Compare")
    page.goto(page.url.partition("/compare")[0])
    press(*["Tab"] * 9)
    press_enter()
    expect(page.locator("h1")).to_contain_text("Usage")


def test_the_order_of_lanes_is_kept_in_the_url(visit: Visit, serve: Serve) -> None:
    page = visit(_PATHS["meeting"])
    lanes = _api(serve, f"/meetings/{_PROBLEM_CALL.session.id}")["lanes"]

    def shown() -> list[str]:
        ids = page.locator(".timeline-row[id]").evaluate_all("rows => rows.map((row) => row.id)")
        return [id_.removeprefix("lane-") for id_ in ids]

    def bad(session: dict[str, Any]) -> int:
        return int(10 * session["poor"] + 3 * session["fair"])

    sessions = {lane["session"]["session"]: lane["session"] for lane in lanes}
    shares = [bad(sessions[id_]) for id_ in shown()]
    assert shares == sorted(shares, reverse=True)
    page.get_by_role("link", name="by join").click()
    page.wait_for_url("**?order=join#lanes")
    assert shown() == [lane["session"]["session"] for lane in lanes]
    expect(page.locator(".segments [aria-current]")).to_have_text("by join")


@pytest.mark.parametrize("locale", ["en-GB", "fr-FR"])
def test_menus_fit_on_a_phone(visit: Visit, locale: str) -> None:
    page = visit(_PATHS["compare"], viewport={"width": 360, "height": 740}, locale=locale)
    assert page.locator(".top nav").evaluate(_OVERFLOW) == 0
    for menu in page.locator(".menu").all():
        menu.locator("summary").click()
        box = menu.locator(".menu-body").bounding_box()
        assert box is not None
        assert box["x"] >= 0
        assert box["x"] + box["width"] <= 360


def test_plots_follow_the_color_scheme(visit: Visit) -> None:
    page = visit(_PATHS["session"], color_scheme="light")
    canvas = page.locator("canvas").first
    light = canvas.evaluate("canvas => canvas.toDataURL()")
    page.emulate_media(color_scheme="dark")
    page.wait_for_function(
        "before => document.querySelector('canvas').toDataURL() !== before", arg=light
    )
    fresh = visit(_PATHS["session"], color_scheme="dark").locator("canvas").first
    assert canvas.evaluate("canvas => canvas.toDataURL()") == fresh.evaluate(
        "canvas => canvas.toDataURL()"
    )


@pytest.mark.parametrize("name", _PATHS)
def test_a_page_is_served_within_a_second(serve: Serve, name: str) -> None:
    """Not counted is how long server and test wait for a processor that other programs use."""
    began = time.monotonic() - serve.delay() - process_delay("self")
    with urllib.request.urlopen(
        f"http://127.0.0.1:{serve.port}{_PATHS[name]}", timeout=60
    ) as response:
        assert response.read().endswith(b"</html>")
    assert time.monotonic() - serve.delay() - process_delay("self") - began < 1


_OVERFLOW = "element => element.scrollWidth - element.clientWidth"


def _number(text: str) -> float:
    return float(re.sub(r"[^\d.]", "", text))


def test_the_overview_shows_the_numbers_of_the_api_and_of_the_simulation(
    visit: Visit, serve: Serve
) -> None:
    page = visit(_PATHS["overview"])
    answer = _api(serve, f"/overview?{_RANGE}")
    figures = [_number(text) for text in page.locator(".figures:not(.joins) b").all_text_contents()]
    assert figures[0] == answer["sessions"] == len(_calls())
    assert figures[1] == answer["rooms"] == len({call.session.room for call in _calls()})
    assert figures[2] == answer["minutes"]
    shares = answer["grades"]
    expected = [shares["good_share"], shares["fair_share"], shares["poor_share"]]
    assert figures[4] == pytest.approx(answer["ratings"]["mean"], abs=0.06)
    assert figures[5:] == pytest.approx([share * 100 for share in expected], abs=0.06)
    assert page.locator("canvas").count() == 2, "participants, and shares of time"
    assert page.get_by_role("heading", name="Worst meetings").is_visible()


def test_a_meeting_has_a_timeline_for_each_participant_that_links_to_the_session(
    visit: Visit, serve: Serve
) -> None:
    page = visit(_PATHS["meeting"])
    answer = _api(serve, f"/meetings/{_PROBLEM_CALL.session.id}")
    assert page.locator(".timeline-row > a").count() == len(answer["lanes"])
    _follow(page, page.locator(f".timeline-row > a[href='/sessions/{_PROBLEM_CALL.session.id}']"))
    expect(page.locator("h1")).to_contain_text(_PROBLEM_CALL.session.browser_id[:8])
    expect(page.locator("canvas").first).to_be_visible()
    spells = _api(serve, f"/sessions/{_PROBLEM_CALL.session.id}")["spells"]
    assert page.locator(".spell").count() == len(spells)
    assert words("en")["reason loss"] in page.locator(".spell").first.inner_text().lower()
    shown = page.locator(".cause").all_inner_texts()
    for spell in spells:
        first = spell["answer"]["causes"][0]
        percent = f"{max(1, min(99, round(100 * first['probability'])))}\u00a0%"
        assert spell["answer"]["verdict"] == "tie" or any(percent in text for text in shown)


def test_a_meeting_shows_each_problem_with_its_participants_and_likely_cause(
    visit: Visit, serve: Serve
) -> None:
    page = visit(_PATHS["meeting"])
    incidents = _api(serve, f"/meetings/{_PROBLEM_CALL.session.id}")["incidents"]
    assert page.locator(".incident").count() == len(incidents) > 0
    page.evaluate(
        "document.querySelectorAll('details').forEach((details) => { details.open = true })"
    )
    for incident in incidents:
        lane = f"#lane-{incident['sessions'][0]}"
        assert page.locator(f".incident a[href='{lane}']").count() >= 1
        assert page.locator(lane).count() == 1
    assert all(page.locator(".cause").all_inner_texts())


def test_every_page_links_to_its_data_and_shows_its_api_request(serve: Serve) -> None:
    def get(path: str) -> bytes:
        url = f"http://127.0.0.1:{serve.port}{path}"
        with urllib.request.urlopen(url, timeout=10) as response:
            assert response.status == 200
            return bytes(response.read())

    names = ("overview", "meeting", "session", "participant", "compare", "find", "now", *_LISTS)
    for name in names:
        _, _, footer = get(_PATHS[name]).decode().partition("<footer>")
        links = [html.unescape(link) for link in re.findall(r'<a href="([^"]*)"', footer)]
        assert len(links) == 4, "JSON, CSV, Parquet, and the API reference"
        for link in links[:3]:
            assert get(link)
        assert "<code>GET /api/v1/" in footer


def test_a_filter_is_set_in_a_form_and_the_rest_of_the_query_stays(visit: Visit) -> None:
    page = visit(f"/compare?by=browser&{_RANGE}")
    page.get_by_text("Filter").click()
    page.get_by_label("region").fill("eu-west")
    page.get_by_label("grade").select_option("poor")
    page.locator("form[data-filter] button").click()
    page.wait_for_url("**region=eu-west&grade=poor")
    assert "by=browser" in page.url
    assert "since=2026-09-21" in page.url
    assert page.locator(".active-filters a").count() == 2


def test_older_sessions_are_on_the_next_page(visit: Visit, serve: Serve) -> None:
    page = visit(f"/find?{_RANGE}")
    links = page.locator(".list tbody .c-room a")
    first = links.evaluate_all("links => links.map(link => link.href)")
    page.get_by_role("link", name="Next page").click()
    page.wait_for_url("**cursor=**")
    second = links.evaluate_all("links => links.map(link => link.href)")
    assert len(first) == 50
    assert not set(first) & set(second)


def test_a_room_lists_its_meetings(visit: Visit, serve: Serve) -> None:
    room = _PROBLEM_CALL.session.room
    query = urllib.parse.urlencode({"room": room})
    page = visit(f"/find?{query}&{_RANGE}")
    answer = _api(serve, f"/rooms/{urllib.parse.quote(room, safe='')}?{_RANGE}")
    assert page.url.startswith(f"http://127.0.0.1:{serve.port}/meetings?")
    assert page.locator("a[href*='/meetings/']").count() == len(answer) >= 1


def test_a_participant_has_a_best_and_a_worst_call(visit: Visit, serve: Serve) -> None:
    page = visit(_PATHS["participant"])
    answer = _api(serve, f"/participants/{_PROBLEM_CALL.session.browser_id}?{_RANGE}")
    facts = page.locator(".facts a").evaluate_all("links => links.map(link => link.pathname)")
    assert facts == [f"/sessions/{answer[name]['session']}" for name in ("worst", "best")]


def test_slash_focuses_the_search_field_and_escape_closes_menus(visit: Visit) -> None:
    page = visit(_PATHS["overview"])
    page.keyboard.press("/")
    expect(page.locator("#q")).to_be_focused()
    page.locator("main summary").first.focus()
    page.keyboard.press("Enter")
    expect(page.get_by_label("from")).to_be_visible()
    page.keyboard.press("Escape")
    expect(page.get_by_label("from")).to_be_hidden()


def test_the_health_page_updates_automatically(visit: Visit, serve: Serve) -> None:
    page = visit("/health")
    stored = page.locator(".figures:not(.joins) b").nth(2)
    before = _number(stored.inner_text())
    _push(serve, f"{time.time_ns():032x}", "healthy", {"seq": 0, "age": 5, "m": {"cq": 100}})
    expect(stored).to_have_text(f"{before + 1:,.0f}")
    assert page.locator("dt", has_text="script versions seen").count() == 1


def test_a_person_and_a_support_code_are_suggested_and_lead_to_their_sessions(
    visit: Visit, serve: Serve
) -> None:
    who = {"pid": "8b4139fa", "name": "Anna <b>Berg", "code": "10AB9Z"}
    _push(serve, f"{time.time_ns():032x}", "support", {"seq": 0, "age": 5, "m": who})
    page = visit("/health")
    suggestion = page.locator("#suggestions a").first

    def suggested(text: str) -> None:
        """Type until the summary of the new session is made."""
        for _ in range(40):
            page.fill("#q", "")
            with page.expect_response("**/api/v1/search?**"):
                page.fill("#q", text)
            if page.locator("#suggestions a").count():
                return
            page.wait_for_timeout(250)

    suggested("berg")
    expect(suggestion).to_have_text("nameanna <b>berg")
    _follow(page, suggestion)
    expect(page.locator(".active-filters")).to_contain_text("name: anna <b>berg")
    expect(page.locator("table.list")).to_contain_text("Anna <b>Berg (8b4139fa)")
    suggested("ioab9z")
    expect(suggestion).to_have_text("support code10AB9Z")
    _follow(page, suggestion)
    expect(page.locator("h1")).to_contain_text("Anna <b>Berg (8b4139fa)")
    page.fill("#q", "IO ab-9z")
    with page.expect_event("load"):
        page.keyboard.press("Enter")
    expect(page.locator("h1")).to_contain_text("Anna <b>Berg (8b4139fa)")


def test_a_session_shows_the_chart_of_its_problem_and_all_others_on_demand(visit: Visit) -> None:
    page = visit(_PATHS["session"])
    assert page.locator(".main-answer .chart h3").inner_text().startswith("Packet loss")
    assert page.locator("canvas").count() == 1
    requested: list[str] = []
    page.on("request", lambda request: requested.append(request.url))
    page.get_by_text("All charts").click()
    charts = page.locator(".curves.two .chart")
    expect(charts.filter(has_text="Machine")).to_have_count(1)  # The last one.
    assert charts.count() >= 8
    expect(charts.locator("canvas")).to_have_count(charts.count())
    assert [url.partition("/sessions/")[2] for url in requested] == [
        f"{_PROBLEM_CALL.session.id}/curves"
    ]
    values = ".u-series:not(:first-child) .u-value"
    assert all("p50" in text for text in charts.locator(values).all_text_contents())
    charts.first.locator(".u-over").hover(position={"x": 200, "y": 50})
    pointed = [chart.locator(".u-value").last.inner_text() for chart in charts.all()]
    assert sum("p50" not in text for text in pointed) >= 8, "the cursor is in every chart"


def test_a_selection_in_one_chart_zooms_all_and_the_whole_is_one_step_away(visit: Visit) -> None:
    page = visit(_PATHS["session"])
    page.get_by_text("All charts").click()
    over = page.locator(".u-over")
    expect(over.nth(3)).to_be_visible()
    over.first.scroll_into_view_if_needed()
    box = over.first.bounding_box()
    assert box is not None
    back = page.get_by_role("button", name="Show the whole time")
    expect(back).to_be_hidden()
    page.mouse.move(box["x"] + box["width"] * 0.25, box["y"] + 40)
    page.mouse.down()
    page.mouse.move(box["x"] + box["width"] * 0.5, box["y"] + 40, steps=4)
    page.mouse.up()
    expect(back).to_be_visible()
    began, ended = _PROBLEM_CALL.session.began, _PROBLEM_CALL.session.samples[-1].ts
    window = page.locator(".zoom-window").evaluate(
        "(mark) => [parseFloat(mark.style.left), parseFloat(mark.style.width)]"
    )
    assert window == pytest.approx([25, 25], abs=1)
    ranges = page.evaluate(_ZOOMED_TO)
    length = ended - began
    assert ranges == pytest.approx([began + length / 4, began + length / 2], abs=length * 0.01)
    page.keyboard.press("Escape")
    expect(back).to_be_hidden()
    page.get_by_role("button", name="Zoom the charts to this").first.click()
    spell = _PROBLEM_CALL.problems[0]
    shown = page.evaluate(_ZOOMED_TO)
    assert shown == pytest.approx([spell.start, spell.end], abs=30)
    assert f"zoom={shown[0]}-{shown[1]}" in page.url, "it can be shared"
    page.go_back()
    expect(back).to_be_hidden()
    page.go_forward()
    page.reload()
    expect(back).to_be_visible()
    assert page.evaluate(_ZOOMED_TO) == shown
    back.click()
    expect(page.locator(".zoom-window")).to_be_hidden()


def test_times_are_in_the_time_zone_of_the_reader(visit: Visit) -> None:
    there = visit(_PATHS["session"], timezone_id="Asia/Tokyo").locator("time").first
    here = visit(_PATHS["session"]).locator("time").first
    assert there.get_attribute("datetime") == here.get_attribute("datetime")
    assert there.inner_text() != here.inner_text()


def test_without_javascript_only_curves_are_missing(visit: Visit) -> None:
    page = visit(_PATHS["session"], java_script_enabled=False)
    assert page.locator("time").first.inner_text().startswith("2026-09-21 ")
    assert page.locator(".zone").first.inner_text() == "UTC"
    assert page.locator("svg.timeline rect").count() >= 2
    assert "Curves need JavaScript" in page.inner_text("main")


def test_suggestions_appear_while_typing_and_are_chosen_by_keys(visit: Visit) -> None:
    page = visit(_PATHS["now"])
    page.fill("#q", "réun")
    expect(page.locator("#suggestions a").first).to_contain_text("réunion-")
    page.keyboard.press("ArrowDown")
    page.keyboard.press("Enter")
    page.wait_for_url("**/meetings?**room=r**")
    expect(page.locator("tbody .c-room a").first).to_contain_text("réunion-")
    page.fill("#q", _PROBLEM_CALL.session.browser_id[:13])
    page.locator("#suggestions a").first.click()
    page.wait_for_url(f"**/participants/{_PROBLEM_CALL.session.browser_id}**")
    expect(page.locator("tbody tr").first).to_be_visible()


def test_a_filter_is_part_of_the_url_and_can_be_removed(visit: Visit, serve: Serve) -> None:
    page = visit(f"/compare?by=browser&{_RANGE}")
    page.get_by_role("link", name="Chrome 130").first.click()
    page.wait_for_url("**browser=Chrome+130**")
    answer = _api(serve, f"/sessions?{_RANGE}&browser=Chrome%20130&limit=500")["items"]
    assert page.locator(".list tbody tr").count() == min(50, len(answer))
    _follow(page, page.locator(".active-filters a"))
    assert "browser=" not in page.url


def test_a_comparison_can_be_sorted_and_marks_small_samples(visit: Visit) -> None:
    page = visit(f"/compare?by=network&{_RANGE}")
    page.get_by_role("button", name="sessions").click()
    table = page.locator("table.compare").first
    counts = [int(text) for text in table.locator("tbody td:nth-child(5)").all_text_contents()]
    assert counts == sorted(counts, reverse=True)
    small_samples = table.locator("tr.small-sample")
    assert small_samples.count() == sum(count < 5 for count in counts)
    assert "too few" in small_samples.first.inner_text()


def test_the_pages_are_available_in_french_and_remember_a_chosen_language(visit: Visit) -> None:
    page = visit(_PATHS["overview"], locale="fr-FR")
    assert page.locator("h1").inner_text() == words("fr")["Overview"]
    page.locator(".own-menu > summary").click()
    _follow(page, page.get_by_role("link", name="English"))
    assert page.locator("h1").inner_text() == "Overview"
    _follow(page, page.get_by_role("link", name="Now", exact=True))
    assert page.locator("html").get_attribute("lang") == "en", "the choice is remembered"


def _push(serve: Serve, sid: str, room: str, *samples: dict[str, Any]) -> None:
    uid = "a40bcaa8-8b36-11ec-a8a3-0242ac120002"
    push = {"v": 2, "sid": sid, "uid": uid, "conf": room, "samples": samples}
    post_push(serve.url, push)


def test_a_new_call_appears_automatically_and_changes_its_grade(visit: Visit, serve: Serve) -> None:
    page = visit("/")
    page.evaluate("window.before = true")
    sid = f"{time.time_ns():032x}"
    good = {"cq": 100, "rtt": 20, "d": {"pl": 0}}
    joined, measured = {"seq": 0, "age": 30, "m": {"pid": "p"}}, {"seq": 1, "age": 20, "m": good}
    _push(serve, sid, "living", joined, measured)
    card = page.locator(".meeting-card", has_text="living")
    expect(card).to_be_visible(timeout=25_000)
    expect(card).to_have_class(re.compile("good"), timeout=25_000)
    _push(serve, sid, "living", {"seq": 2, "age": 5, "m": {"cq": 3, "d": {"pl": 30}}})
    expect(card).to_have_class(re.compile("poor"), timeout=25_000)
    expect(card).to_contain_text("loss")
    assert page.evaluate("window.before"), "without loading the page again"
    card.click()
    expect(page.locator("h1")).to_have_text("living")


def test_markup_in_a_name_is_shown_as_text(visit: Visit, serve: Serve) -> None:
    sid = f"{time.time_ns():032x}"
    readings = {"pid": _MARKUP[:60], "br": _MARKUP[:60], "d": {"pl": 30}, "t": {"sr": _MARKUP[:60]}}
    _push(serve, sid, _MARKUP, {"seq": 0, "age": 60, "m": readings}, {"seq": 1, "age": 5, "m": {}})
    page = visit("/")
    card = page.locator(".meeting-card", has_text="<img")
    expect(card).to_be_visible(timeout=25_000)
    card.click()
    expect(page.locator("h1")).to_contain_text("<img")
    page.locator(".timeline-row > a").first.click()
    expect(page.locator("h1")).to_contain_text("<img")
    page.goto(f"http://127.0.0.1:{serve.port}/compare?by=region&since=1h")
    expect(page.locator("tbody")).to_contain_text("<img")
    page.fill("#q", "<img")
    expect(page.locator("#suggestions a").first).to_contain_text("<img")
    assert page.title() != "owned"
    assert page.locator("main img").count() == 0


@pytest.fixture
def guarded(tmp_path: Path) -> Iterator[Serve]:
    """A server with a user."""
    serve = Serve(tmp_path, code=QUICK_PASSWORDS)
    _jmmc(tmp_path, "user", "add", "Zoë", "--password", "correct horse")
    yield serve
    serve.close()


def test_a_user_signs_in_and_out(browser: Browser, guarded: Serve) -> None:
    page = browser.new_page(locale="en-GB")
    root = f"http://127.0.0.1:{guarded.port}"
    page.goto(f"{root}/overview?since=7d")
    assert "/login?to=%2Foverview%3Fsince%3D7d" in page.url
    page.get_by_label("Name").fill("Zoë")
    page.get_by_label("Password").fill("wrong")
    page.get_by_role("button", name="Sign in").click()
    expect(page.get_by_role("alert")).to_have_text("Wrong name or password")
    page.get_by_label("Name").fill("Zoë")
    page.get_by_label("Password").fill("correct horse")
    page.get_by_role("button", name="Sign in").click()
    page.wait_for_url("**/overview?since=7d")
    cookie = next(cookie for cookie in page.context.cookies() if cookie["name"] == "jmmc_session")
    assert (cookie["httpOnly"], cookie["sameSite"]) == (True, "Lax")
    assert page.evaluate("fetch('/api/v1/live').then(response => response.status)") == 200
    page.locator(".own-menu > summary").click()
    page.get_by_role("button", name="Sign out").click()
    page.wait_for_url("**/login")
    assert page.evaluate("fetch('/api/v1/live').then(response => response.status)") == 401
    page.close()


def test_sign_in_is_rate_limited_and_forged_forms_get_400(guarded: Serve) -> None:
    root = f"http://127.0.0.1:{guarded.port}"

    def post(path: str, **fields: str) -> int:
        body = urllib.parse.urlencode(fields).encode()
        try:
            return int(urllib.request.urlopen(f"{root}{path}", body, timeout=20).status)
        except urllib.error.HTTPError as error:
            return error.code

    assert post("/login", name="Zoë", password="correct horse", form="forged") == 400
    assert post("/logout", form="forged") == 400
    with urllib.request.urlopen(f"{root}/login", timeout=10) as page:
        (token,) = re.findall(r'name="form" value="([^"]+)"', page.read().decode())
    statuses = [post("/login", name="x", password="guess", form=token) for _ in range(14)]
    assert statuses[0] == 401
    assert statuses[-1] == 429


def test_curves_open_under_a_timeline_on_the_same_axis(visit: Visit) -> None:
    page = visit(_PATHS["meeting"])
    button = page.locator(f"[data-curves='{_PROBLEM_CALL.session.id}']")
    button.click()
    panel = page.locator(".timeline-row", has=button).locator(".curves")
    expect(panel.locator("canvas").first).to_be_visible()
    assert button.get_attribute("aria-expanded") == "true"
    plot = panel.locator(".u-over").first.bounding_box()
    timeline = button.bounding_box()
    assert plot is not None
    assert timeline is not None
    assert plot["x"] == pytest.approx(timeline["x"], abs=2)
    assert plot["width"] == pytest.approx(timeline["width"], abs=2)
    button.click()
    expect(panel).to_have_count(0)


def test_a_timeline_has_at_most_twelve_nodes_besides_its_grades(visit: Visit) -> None:
    page = visit(_PATHS["meeting"])
    rows = page.locator(".timeline-row").count()
    nodes = page.evaluate("document.querySelectorAll('.timeline-row *').length")
    grade_spans = page.evaluate("document.querySelectorAll('.timeline-row svg > *').length")
    assert nodes - grade_spans <= 12 * rows


def test_heat_maps_and_the_distribution_show_all_known_time(visit: Visit, serve: Serve) -> None:
    page = visit(_PATHS["overview"])
    hours = page.locator(".heat tbody td[class]").count()
    assert hours >= 10, "ten hours of calls"
    regions = {call.region for call in _calls()}
    assert page.locator('.heat-rows[data-by="region"] svg').count() == len(regions)
    bridges = {held.value for call in _calls() for held in call.bridges}
    assert page.locator('.heat-rows[data-by="bridge"] svg').count() == len(bridges)
    counts = [int(text) for text in page.locator(".distribution td.number").all_text_contents()]
    assert sum(counts) <= len(_calls())
    assert counts[0] == max(counts), "most sessions had good time only"


def _window_of(url: str) -> tuple[float, float]:
    query = urllib.parse.parse_qs(urllib.parse.urlsplit(url).query)
    since, until = (datetime.fromisoformat(query[name][0]) for name in ("since", "until"))
    return since.timestamp(), until.timestamp()


def test_a_drag_over_a_chart_sets_the_window_and_a_click_lists_the_sessions(visit: Visit) -> None:
    page = visit(f"{_PATHS['overview']}&browser=Chrome+130")
    chart = page.locator("[data-plot=participants] .u-over")
    box = chart.bounding_box()
    assert box is not None
    middle = box["y"] + box["height"] / 2
    page.mouse.move(box["x"] + box["width"] * 0.25, middle)
    page.mouse.down()
    page.mouse.move(box["x"] + box["width"] * 0.45, middle, steps=4)
    page.mouse.up()
    page.wait_for_url("**/overview?**since=2026-09-21T0**")
    since, until = _window_of(page.url)
    day = _START - 8 * 3600
    assert since == pytest.approx(day + 6 * 3600, abs=300)
    assert until == pytest.approx(day + 10.8 * 3600, abs=300)
    assert "browser=Chrome" in page.url, "the filter stays"
    shares = page.locator("[data-plot=shares] .u-over")
    box = shares.bounding_box()
    assert box is not None
    # In less than six hours, a step of this chart has 15 minutes: that of 10:24 begins at 10:15.
    shares.click(
        position={"x": box["width"] * (day + 10.4 * 3600 - since) / (until - since), "y": 9}
    )
    page.wait_for_url("**/sessions?**")
    assert _window_of(page.url) == (day + 10.25 * 3600, day + 10.5 * 3600)
    assert page.locator("tbody tr").count() > 0


def test_cells_of_heat_maps_lead_to_their_sessions_also_by_keys(visit: Visit, serve: Serve) -> None:
    page = visit(_PATHS["overview"])
    first = page.locator(".heat td a").first
    first.focus()
    page.keyboard.press("ArrowRight")
    cell = page.locator(".heat td a:focus")
    assert cell.get_attribute("href") != first.get_attribute("href")
    minutes = int(re.findall(r", (\d+)\smin", cell.get_attribute("title") or "")[0])
    since, until = _window_of(cell.get_attribute("href") or "")
    assert until - since == 3600
    window = f"since={_iso(since)}&until={_iso(until)}"
    grades = _api(serve, f"/overview?{window}")["grades"]
    assert minutes == pytest.approx(grades["known_seconds"] / 60, abs=0.6)
    region = page.locator('.heat-rows[data-by="region"] svg a').first
    name = page.locator('.heat-rows[data-by="region"] > div > a').first.inner_text()
    region.focus()
    with page.expect_event("load"):
        page.keyboard.press("Enter")
    expect(page.locator(".active-filters")).to_contain_text(f"region: {name}")
    assert page.locator("tbody tr").count() > 0
    with page.expect_event("load"):
        page.locator(".top nav").get_by_role("link", name="Compare").click()
    expect(page.locator(".active-filters").first).to_contain_text(f"region: {name}")
    assert _window_of(page.url)[1] > _window_of(page.url)[0], "the window goes along"


def _iso(second: float) -> str:
    return f"{datetime.fromtimestamp(second, UTC):%Y-%m-%dT%H:%M:%SZ}"


def test_two_dimensions_are_crossed_and_two_periods_compared_from_menus(
    visit: Visit, serve: Serve
) -> None:
    page = visit(f"/compare?by=browser&{_RANGE}")
    page.get_by_text("More").click()
    page.get_by_label("cross with").select_option("os")
    page.locator("form[data-split] button").click()
    page.wait_for_url("**crossed=os**")
    pairs = _api(serve, f"/compare?by=browser&crossed=os&{_RANGE}")
    shown = page.locator("table.ranked tbody td:first-child").all_inner_texts()
    assert [text.partition("\n")[0].split(" \u00d7 ") for text in shown] == [
        [row["value"] or "unknown", row["crossed"] or "unknown"] for row in pairs
    ]
    by_browser = Counter[str]()
    for row in pairs:
        by_browser[row["value"]] += row["sessions"]
    assert by_browser == Counter(call.browser for call in _calls())
    page.get_by_text("More").click()
    page.get_by_label("before and after").fill("2026-09-21T13:00")
    page.locator("form[data-split] button").click()
    page.wait_for_url("**at=2026-09-21T13%3A00%3A00Z**")
    assert "crossed=os" in page.url, "what was chosen before is kept"
    whole, *of_pairs = _api(serve, f"/changes?by=browser&crossed=os&at=2026-09-21T13:00&{_RANGE}")
    assert {(row["value"], row["crossed"]) for row in of_pairs} == {
        (row["value"], row["crossed"]) for row in pairs
    }
    row = page.locator("table.ranked tr.whole td")
    expect(row.nth(2)).to_have_text(f"{100 - whole['grades']['good_share'] * 100:.1f} %")
    expect(row.nth(6)).to_have_text(str(whole["sessions"]))


def test_everything_is_compared_in_one_list_with_the_people_of_each_value(
    visit: Visit, serve: Serve
) -> None:
    page = visit(_PATHS["outliers"])
    rows = _api(serve, f"/outliers?{_RANGE}")
    shown = page.locator("table.ranked tbody td:first-child a").all_inner_texts()
    assert shown == [row["value"] for row in rows][: len(shown)]
    assert len({row["dimension"] for row in rows}) > 2
    chrome = next(row for row in rows if row["value"] == "Chrome 130")
    people = {call.session.browser_id for call in _calls() if call.browser == "Chrome 130"}
    assert chrome["people"] == len(people)
    order = [(row["bad_difference"]["mark"], -row["bad_difference"]["share"]) for row in rows]
    assert order == sorted(order, key=lambda row: (row[0] != "worse", row[1]))


def test_on_a_phone_the_answer_of_a_comparison_is_seen_without_scrolling(visit: Visit) -> None:
    page = visit(_PATHS["compare"], viewport={"width": 390, "height": 844}, locale="fr-FR")
    for cell in page.locator("table.ranked td.answer strong").all():
        box = cell.bounding_box()
        assert box is not None
        assert 0 < box["x"] < box["x"] + box["width"] <= 390
    for table in page.locator(".scroll:has(.ranked)").all():
        assert table.evaluate(_OVERFLOW) == 0


def test_a_time_range_is_entered_in_the_time_zone_of_the_reader(visit: Visit) -> None:
    page = visit(_PATHS["overview"], timezone_id="Asia/Tokyo")
    page.locator("main summary").first.click()
    assert page.get_by_label("from").input_value() == "2026-09-21T09:00", "the current time range"
    page.get_by_label("from").fill("2026-09-21T12:00")
    page.get_by_label("to").fill("2026-09-22T12:00")
    page.get_by_role("button", name="Apply").click()
    page.wait_for_url("**since=2026-09-21T03%3A00%3A00Z&until=2026-09-22T03%3A00%3A00Z**")
    assert page.locator(".zone").inner_text() == "Tokyo"


def test_events_are_marked_on_the_timeline(visit: Visit, serve: Serve) -> None:
    sid = f"{time.time_ns():032x}"
    events = {"cq": 90, "ev": ["p2p", "interrupted"]}
    _push(serve, sid, "eventful", {"seq": 0, "age": 60, "m": {"cq": 100}})
    _push(serve, sid, "eventful", {"seq": 1, "age": 30, "m": events})
    page = visit("/")
    card = page.locator(".meeting-card", has_text="eventful")
    expect(card).to_be_visible(timeout=25_000)
    _follow(page, card)
    marks = page.locator("path.mark title")
    texts = words("en")
    assert marks.all_text_contents() == [texts["p2p"], texts["interrupted"]]
    edges = page.locator("rect.edge title")
    assert edges.all_text_contents() == ["joined", "in the call now"]


# All elements that Tab can reach, in the order of the document.
_REACHABLE = """
() => {
  const reachable = document.querySelectorAll(
    "a[href]:not([tabindex='-1']), button, input:not([type=hidden]), select, summary,"
      + " [tabindex='0']"
  );
  window.reachable = [...reachable].filter(
    (element) => element.checkVisibility() && element.getClientRects().length
  );
  document.body.tabIndex = -1;
  document.body.focus();
  document.body.removeAttribute("tabindex");
  return window.reachable.length;
}
"""
# The position of the focused element, and why a reader would not see the focus.
_FOCUSED = """
() => {
  const focused = document.activeElement;
  const box = focused.getBoundingClientRect(), style = getComputedStyle(focused);
  const [x, y] = [box.left + Math.min(box.width / 2, 40), box.top + box.height / 2];
  const top = document.elementFromPoint(x, y);
  const visible = top && (focused.contains(top) || top.contains(focused) || top.closest("label"));
  const outlined = style.outlineStyle !== "none" && parseFloat(style.outlineWidth) >= 2;
  const wrong = [visible ? "" : "hidden", outlined ? "" : "no outline"];
  return [window.reachable.indexOf(focused), ...wrong, focused.outerHTML.slice(0, 120)];
}
"""


_MOST_TABS = 25  # Beyond these are more rows of a list.
_BACK = 4  # An order that differs backwards does so at the first steps.


@pytest.mark.parametrize("name", [*_PATHS, "erase"])
def test_tab_visits_a_page_in_its_order_with_a_visible_focus(visit: Visit, name: str) -> None:
    more = {"erase": f"/forget?participant={_PROBLEM_CALL.session.browser_id}"}
    page = visit({**_PATHS, **more}[name], viewport={"width": 1280, "height": 600})
    page.wait_for_load_state("load")
    count = min(page.evaluate(_REACHABLE), _MOST_TABS)
    back = range(count - 2, max(count - 2 - _BACK, -1), -1)
    for key, positions in (("Tab", range(count)), ("Shift+Tab", back)):
        for position in positions:
            page.keyboard.press(key)
            actual, *reasons, element = page.evaluate(_FOCUSED)
            assert (actual, *reasons) == (position, "", ""), f"{key}: {element}"
    page.evaluate("window.reachable[0].focus()")
    page.keyboard.press("Enter")
    page.keyboard.press("Tab")
    past_header = "!document.querySelector('header').contains(document.activeElement)"
    assert page.evaluate(past_header), "the first link skips the header"


@pytest.mark.parametrize("name", ["overview", "sessions"])
def test_menus_open_and_close_by_keys_and_return_the_focus(visit: Visit, name: str) -> None:
    page = visit(_PATHS[name])
    for menu in page.locator(".menu").all():
        summary, body = menu.locator("summary"), menu.locator("summary ~ *")
        summary.focus()
        page.keyboard.press("Enter")
        expect(body).to_be_visible()
        page.keyboard.press("Tab")
        expect(body.locator("a, input:not([type=hidden]), select").first).to_be_focused()
        page.keyboard.press("Escape")
        expect(body).to_be_hidden()
        expect(summary).to_be_focused()
        page.keyboard.press("Space")
        expect(body).to_be_visible()
        page.keyboard.press("Shift+Tab")
        expect(body).to_be_hidden()
    page.locator("#q").press_sequentially("room")
    suggested = page.locator("#suggestions a")
    expect(suggested.first).to_be_visible()
    page.keyboard.press("Tab")
    expect(suggested.first).to_be_focused()
    page.keyboard.press("Escape")
    expect(suggested.first).to_be_hidden()
    expect(page.locator("#q")).to_be_focused()
    page.keyboard.type("-")
    expect(suggested.first).to_be_visible()
    page.keyboard.press("Shift+Tab")
    expect(suggested.first).to_be_hidden()


def test_a_late_answer_does_not_change_the_suggestions(visit: Visit) -> None:
    page = visit("/")
    late: list[Route] = []
    page.route("**/api/v1/search?q=room", lambda route: late.append(route))
    field, suggested = page.locator("#q"), page.locator("#suggestions a")
    field.press_sequentially("roo")
    expect(suggested.first).to_be_visible()
    with page.expect_request("**/search?q=room"):
        field.press_sequentially("m")
    page.keyboard.press("Tab")
    with page.expect_request_finished():
        late.pop().continue_()
    expect(suggested.first).to_be_focused()
    field.fill("")
    with page.expect_request("**/search?q=room"):
        field.fill("room")
    page.keyboard.press("Escape")
    with page.expect_request_finished():
        late.pop().continue_()
    page.evaluate("() => new Promise(requestAnimationFrame)")
    expect(suggested.first).to_be_hidden()


def test_a_live_update_keeps_the_focus(visit: Visit) -> None:
    page = visit("/")
    focused = page.evaluate(
        """async () => {
          const script = document.querySelector('link[href$="/live.js"]').href;
          const { replaceChanged } = await import(script);
          const live = document.getElementById("live");
          live.innerHTML = '<p data-key="firing"><a href="/health">Active alert:</a> one</p>';
          live.querySelector("a").focus();
          const fresh = '<p data-key="firing"><a href="/health">Active alerts:</a> one, two</p>';
          replaceChanged(live, fresh);
          return document.activeElement.textContent;
        }"""
    )
    assert focused == "Active alerts:"


def test_the_loading_note_is_hidden_when_the_content_is_there(visit: Visit) -> None:
    page = visit(_PATHS["compare"])
    waiting = '<p class="waiting">Loading …</p>'
    page.evaluate(
        "html => document.querySelector('main').insertAdjacentHTML('afterbegin', html)", waiting
    )
    expect(page.locator(".waiting").first).to_be_hidden()
    page.evaluate("html => { document.querySelector('main').innerHTML = html }", waiting)
    expect(page.locator(".waiting").first).to_be_visible()


def test_a_list_is_sorted_by_its_heads_and_shows_the_chosen_columns(
    visit: Visit, serve: Serve
) -> None:
    page = visit(f"/sessions?{_RANGE}", java_script_enabled=False)
    page.locator("th.c-length a").click()
    assert "sort=-length" in page.url
    expect(page.locator("th.c-length")).to_have_attribute("aria-sort", "descending")
    longest = _api(serve, f"/sessions?{_RANGE}&sort=-length&limit=50")["items"]
    links = page.locator("tbody .c-room a").evaluate_all(
        "links => links.map(link => link.pathname)"
    )
    assert links == [f"/sessions/{item['session']}" for item in longest]
    page.get_by_text("Columns").click()
    page.get_by_role("checkbox", name="network").uncheck()
    page.get_by_role("checkbox", name="codec").check()
    page.locator(".column-chooser button").click()
    assert page.locator("th.c-network").count() == 0
    assert "sort=-length" in page.url
    page.goto(f"http://127.0.0.1:{serve.port}/sessions?{_RANGE}")
    expect(page.locator("th.c-codec")).to_be_visible()


def test_a_filter_box_completes_from_stored_values_and_finds_parts_of_them(visit: Visit) -> None:
    page = visit(f"/meetings?{_RANGE}")
    page.get_by_text("Filter").click()
    box = page.locator("input[name=browser]")
    box.fill("130 chr")
    offered = page.locator(".values button")
    expect(offered).to_have_count(1)
    page.keyboard.press("ArrowDown")
    page.keyboard.press("Enter")
    assert box.input_value() == "Chrome 130"
    box.fill("131 c")
    expect(offered.first).to_contain_text("Chrome 131")
    page.keyboard.press("Escape")
    expect(offered.first).to_be_hidden()
    expect(page.locator("form[data-filter]")).to_be_visible()
    box.fill("CHROME 130")
    page.locator("form[data-filter] button.main").click()
    page.wait_for_url("**browser=Chrome+130**")
    assert page.locator("tbody tr").count() > 0


def test_a_chosen_zone_holds_on_every_page_chart_and_axis(visit: Visit) -> None:
    page = visit(_PATHS["session"])
    utc = page.locator("time").first.inner_text()
    page.locator(".zone-menu summary").click()
    page.locator("input[name=tz_name]").fill("Asia/Tokyo")
    _follow(page, page.locator(".zone-menu button"))
    assert page.locator("time").first.inner_text() != utc
    assert page.locator(".zone").inner_text() == "Tokyo"
    page.goto(page.url.partition("/sessions/")[0] + _PATHS["overview"])
    assert "Asia/Tokyo" in page.locator(".u-legend").first.inner_text()
    assert "(Asia/Tokyo)" in page.locator(".heat caption").inner_text()
    # The first call of the day began after eight o'clock, UTC.
    first = page.locator(".heat tbody tr").last
    hours = first.locator("td").evaluate_all("cells => cells.map(cell => cell.className)")
    assert not any(hours[:17])
    assert any(hours[17:])
    page.locator("main summary").first.click()
    assert page.get_by_label("from").input_value() == "2026-09-21T09:00"
    page.locator("[type=datetime-local][name=since]").fill("2026-09-21T18:00")
    page.locator("[type=datetime-local][name=until]").fill("2026-09-21T19:00")
    page.locator("form[data-time-range] button").click()
    page.wait_for_url("**since=2026-09-21T09%3A00%3A00Z&until=2026-09-21T10%3A00%3A00Z**")


def test_the_first_page_of_a_browser_has_the_day_of_its_own_zone(visit: Visit) -> None:
    page = visit("/overview?since=today", timezone_id="Pacific/Kiritimati")
    page.locator("main summary").first.click()
    expect(page.get_by_label("from")).to_have_value(re.compile("T00:00$"))
