"""The pages, in a real browser, on a life whose truth is known."""

import json
import re
import subprocess
import sys
import time
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, Locator, Page, Route, expect

from jmmc.simulation.scenario import Scenario, simulate
from jmmc.web.dashboard.i18n import words
from tests.support.npm import installed
from tests.support.servers import Serve

_START = int(datetime(2026, 9, 21, 8, tzinfo=UTC).timestamp())
_SCENARIO = Scenario(participants=120, rooms=10, minutes=600, seed=2, start=_START)
_LIVES = list(simulate(_SCENARIO))
_WINDOW = "since=2026-09-21&until=2026-09-22"
_EVIL = "<img src=x onerror=document.title='owned'>"
_BAD = next(life for life in _LIVES if life.problems and life.problems[0].cause == "loss")

pytestmark = pytest.mark.timeout(110)
Visit = Callable[..., Page]


def _jmmc(folder: Path, *arguments: str, **environ: str) -> None:
    command = [sys.executable, "-m", "jmmc", *arguments, "--store", f"sqlite:///{folder}/calls.db"]
    subprocess.run(command, check=True, capture_output=True, timeout=60, env=environ or None)


@pytest.fixture(scope="module")
def serve(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Serve]:
    folder = tmp_path_factory.mktemp("pages")
    options = ["--participants", "120", "--rooms", "10", "--minutes", "600", "--seed", "2"]
    _jmmc(folder, "simulate", *options, "--start", "2026-09-21T08:00")
    serve = Serve(folder, "--conf-pattern", ".{1,100}", "--max-queries-per-minute", "0")
    yield serve
    serve.close()


@pytest.fixture
def visit(browser: Browser, serve: Serve) -> Iterator[Visit]:
    """Open a page; whatever the browser complains of fails the test."""
    contexts = []
    complaints: list[str] = []

    def open_page(path: str, **options: Any) -> Page:
        context = browser.new_context(**{"locale": "en-GB", "timezone_id": "UTC", **options})
        contexts.append(context)
        page = context.new_page()
        page.on("pageerror", lambda error: complaints.append(str(error)))
        page.on(
            "console",
            lambda value: (
                complaints.append(value.text) if value.type in ("error", "warning") else None
            ),
        )
        page.goto(f"http://127.0.0.1:{serve.port}{path}")
        return page

    yield open_page
    for context in contexts:
        context.close()
    assert complaints == []


def _follow(page: Page, link: Locator) -> None:
    """Click, and wait until all of the page to which it leads is there."""
    with page.expect_event("load"):
        link.click()


def _api(serve: Serve, path: str) -> Any:
    with urllib.request.urlopen(f"http://127.0.0.1:{serve.port}/api/v1{path}", timeout=10) as it:
        return json.load(it)


_PATHS = {
    "now": "/",
    "overview": f"/overview?{_WINDOW}",
    "empty overview": "/overview?since=1h",
    "meeting": f"/meetings/{_BAD.session.id}",
    "session": f"/sessions/{_BAD.session.id}",
    "participant": f"/participants/{_BAD.session.browser_id}?{_WINDOW}",
    "compare": f"/compare?by=region&{_WINDOW}",
    "find": f"/find?q=room&{_WINDOW}",
    "health": "/health",
    "login": "/login",
}


@pytest.mark.parametrize("name", _PATHS)
def test_axe_finds_nothing_serious(visit: Visit, name: str) -> None:
    page = visit(_PATHS[name], color_scheme="light")
    page.wait_for_load_state("load")
    page.evaluate((installed("axe-core") / "axe.min.js").read_text())
    assert _serious(page, "axe.run()") == []
    page.emulate_media(color_scheme="dark")
    assert _serious(page, "axe.run({runOnly: ['color-contrast']})") == []


def _serious(page: Page, run: str) -> list[tuple[str, list[str]]]:
    return [
        (value["id"], [node["html"][:200] for node in value["nodes"][:3]])
        for value in page.evaluate(run)["violations"]
        if value["impact"] in ("serious", "critical")
    ]


def test_a_session_leads_to_all_of_its_provider(visit: Visit, serve: Serve) -> None:
    provider = _api(serve, f"/sessions/{_BAD.session.id}")["summary"]["provider"]
    page = visit(f"/sessions/{_BAD.session.id}")
    page.get_by_role("link", name=provider).click()
    expect(page.locator(".active-filters")).to_contain_text(f"provider: {provider}")
    count = len(
        _api(serve, f"/sessions?{_WINDOW}&limit=500&provider={provider.split()[0]}")["items"]
    )
    page.goto(f"http://127.0.0.1:{serve.port}/compare?{_WINDOW}&by=provider")
    row = page.get_by_role("row", name=provider)
    expect(row.locator("td").nth(1)).to_have_text(str(count))


def test_a_provider_is_found_by_a_part_of_its_name(visit: Visit) -> None:
    page = visit(f"/find?q=fibre&{_WINDOW}")
    _follow(page, page.get_by_role("link", name="as64497 example fibre"))
    expect(page.locator(".active-filters")).to_contain_text("provider: AS64497")
    assert page.locator("table.sessions tbody tr").count() > 0


@pytest.mark.parametrize("name", _PATHS)
def test_a_phone_shows_every_page_without_scrolling_sideways(visit: Visit, name: str) -> None:
    page = visit(_PATHS[name], viewport={"width": 360, "height": 740})
    assert page.evaluate("document.documentElement.scrollWidth") <= 360
    for part in page.locator(".scroll:has(.sessions)").all():
        assert part.evaluate("it => it.scrollWidth - it.clientWidth") == 0, "nor a list of sessions"


@pytest.mark.parametrize("locale", ["en-GB", "fr-FR"])
def test_menus_fit_on_a_phone(visit: Visit, locale: str) -> None:
    page = visit(_PATHS["compare"], viewport={"width": 360, "height": 740}, locale=locale)
    assert page.locator(".top nav").evaluate("it => it.scrollWidth - it.clientWidth") == 0
    for menu in page.locator(".menu").all():
        menu.locator("summary").click()
        box = menu.locator("form").bounding_box()
        assert box is not None
        assert box["x"] >= 0
        assert box["x"] + box["width"] <= 360


def test_charts_take_the_colours_of_light_and_dark(visit: Visit) -> None:
    page = visit(_PATHS["session"], color_scheme="light")
    canvas = page.locator("canvas").first
    light = canvas.evaluate("it => it.toDataURL()")
    page.emulate_media(color_scheme="dark")
    page.wait_for_function(
        "before => document.querySelector('canvas').toDataURL() !== before", arg=light
    )
    fresh = visit(_PATHS["session"], color_scheme="dark").locator("canvas").first
    assert canvas.evaluate("it => it.toDataURL()") == fresh.evaluate("it => it.toDataURL()")


@pytest.mark.parametrize("name", _PATHS)
def test_a_page_is_there_within_a_second(serve: Serve, name: str) -> None:
    began = time.monotonic()
    with urllib.request.urlopen(f"http://127.0.0.1:{serve.port}{_PATHS[name]}", timeout=10) as it:
        assert it.read().endswith(b"</html>")
    assert time.monotonic() - began < 1


def _number(text: str) -> float:
    return float(re.sub(r"[^\d.]", "", text))


def test_the_overview_shows_what_the_api_says_and_what_was_simulated(
    visit: Visit, serve: Serve
) -> None:
    page = visit(_PATHS["overview"])
    said = _api(serve, f"/overview?{_WINDOW}")
    figures = [_number(text) for text in page.locator(".figures b").all_text_contents()]
    assert figures[0] == said["sessions"] == len(_LIVES)
    assert figures[1] == said["rooms"] == len({life.session.room for life in _LIVES})
    assert figures[2] == said["minutes"]
    shares = said["grades"]
    expected = [shares["good_share"], shares["fair_share"], shares["poor_share"]]
    assert figures[4:] == pytest.approx([item * 100 for item in expected], abs=0.06)
    assert page.locator("canvas").count() == 2, "people, and shares of time"
    assert page.get_by_role("heading", name="Worst meetings").is_visible()


def test_a_meeting_has_a_lane_for_everybody_that_leads_to_the_curves(
    visit: Visit, serve: Serve
) -> None:
    page = visit(_PATHS["meeting"])
    said = _api(serve, f"/meetings/{_BAD.session.id}")
    assert page.locator(".timeline-row > a").count() == len(said["lanes"])
    _follow(page, page.locator(f".timeline-row > a[href='/sessions/{_BAD.session.id}']"))
    expect(page.locator("h1")).to_contain_text(_BAD.session.browser_id[:8])
    expect(page.locator("canvas").first).to_be_visible()
    assert page.locator("canvas").count() >= 5
    spells = _api(serve, f"/sessions/{_BAD.session.id}")["spells"]
    assert page.locator(".spell").count() == len(spells)
    assert words("en")["reason loss"] in page.locator(".spell").first.inner_text()
    for said, shown in zip(spells, page.locator(".cause").all_inner_texts(), strict=True):
        call = said["attribution"]["scopes"][0]
        assert f"{call['bad'] - 1} of {call['known'] - 1}" in shown or said["attribution"][
            "cause"
        ] not in ("alone", "room", "unclear", "too few")


def test_a_meeting_says_what_went_wrong_for_whom_and_whose_fault_it_was(
    visit: Visit, serve: Serve
) -> None:
    page = visit(_PATHS["meeting"])
    said = _api(serve, f"/meetings/{_BAD.session.id}")["incidents"]
    assert page.locator(".incident").count() == len(said) > 0
    page.evaluate("document.querySelectorAll('details').forEach((it) => { it.open = true })")
    for text in said:
        link = f".incident a[href='/sessions/{text['sessions'][0]}']"
        assert page.locator(link).count() >= 1
    assert all(page.locator(".cause").all_inner_texts())


def test_every_view_is_a_file_and_a_question_to_the_api(visit: Visit, serve: Serve) -> None:
    for name in ("overview", "meeting", "session", "participant", "compare", "find", "now"):
        page = visit(_PATHS[name])
        for link in page.locator("footer a").all()[:3]:
            href = link.get_attribute("href")
            assert href is not None
            with urllib.request.urlopen(f"http://127.0.0.1:{serve.port}{href}", timeout=10) as it:
                assert it.status == 200
        call = page.locator("footer code").inner_text()
        assert call.startswith("GET /api/v1/")
        page.context.close()


def test_a_filter_is_set_in_a_form_and_the_rest_of_the_question_stays(visit: Visit) -> None:
    page = visit(f"/compare?by=browser&{_WINDOW}")
    page.get_by_text("Filter").click()
    page.get_by_label("region").fill("eu-west")
    page.get_by_label("grade").select_option("poor")
    page.locator("form[data-filter] button").click()
    page.wait_for_url("**region=eu-west&grade=poor")
    assert "by=browser" in page.url
    assert "since=2026-09-21" in page.url
    assert page.locator(".active-filters a").count() == 2


def test_older_sessions_are_on_the_next_page(visit: Visit, serve: Serve) -> None:
    page = visit(f"/find?{_WINDOW}")
    first = page.locator(".sessions a").evaluate_all("its => its.map(it => it.href)")
    page.get_by_role("link", name="Older sessions").click()
    page.wait_for_url("**cursor=**")
    second = page.locator(".sessions a").evaluate_all("its => its.map(it => it.href)")
    assert len(first) == 50
    assert not set(first) & set(second)


def test_a_room_lists_its_meetings(visit: Visit, serve: Serve) -> None:
    conf = _BAD.session.room
    query = urllib.parse.urlencode({"room": conf})
    page = visit(f"/find?{query}&{_WINDOW}")
    said = _api(serve, f"/rooms/{urllib.parse.quote(conf, safe='')}?{_WINDOW}")
    assert page.locator("a[href*='/meetings/']").count() == len(said) >= 1


def test_a_participant_has_a_best_and_a_worst_call(visit: Visit, serve: Serve) -> None:
    page = visit(_PATHS["participant"])
    said = _api(serve, f"/participants/{_BAD.session.browser_id}?{_WINDOW}")
    facts = page.locator(".facts a").evaluate_all("its => its.map(it => it.pathname)")
    assert facts == [f"/sessions/{said[name]['session']}" for name in ("worst", "best")]


def test_a_slash_leads_to_the_search_and_escape_closes_what_is_open(visit: Visit) -> None:
    page = visit(_PATHS["overview"])
    page.keyboard.press("/")
    expect(page.locator("#q")).to_be_focused()
    page.locator("summary").first.focus()
    page.keyboard.press("Enter")
    expect(page.get_by_label("from")).to_be_visible()
    page.keyboard.press("Escape")
    expect(page.get_by_label("from")).to_be_hidden()


def test_the_health_page_goes_on_by_itself(visit: Visit, serve: Serve) -> None:
    page = visit("/health")
    stored = page.locator(".figures b").nth(2)
    before = _number(stored.inner_text())
    _push(serve, f"{time.time_ns():032x}", "healthy", {"seq": 0, "age": 5, "m": {"cq": 100}})
    expect(stored).to_have_text(f"{before + 1:,.0f}")
    assert page.locator("dt", has_text="script versions seen").count() == 1


def test_curves_share_one_cursor(visit: Visit) -> None:
    page = visit(_PATHS["session"])
    first = page.locator(".u-over").first
    first.scroll_into_view_if_needed()
    first.hover(position={"x": 200, "y": 50})
    values = page.locator(".u-legend .u-value").all_text_contents()
    assert sum(value not in ("--", "") for value in values) >= 4


def test_times_are_those_of_the_reader(visit: Visit) -> None:
    there = visit(_PATHS["session"], timezone_id="Asia/Tokyo").locator("time").first
    here = visit(_PATHS["session"]).locator("time").first
    assert there.get_attribute("datetime") == here.get_attribute("datetime")
    assert there.inner_text() != here.inner_text()


def test_without_script_everything_but_curves_is_there(visit: Visit) -> None:
    page = visit(_PATHS["session"], java_script_enabled=False)
    assert "UTC" in page.locator("time").first.inner_text()
    assert page.locator("svg.timeline rect").count() >= 2
    assert "Curves need JavaScript" in page.inner_text("main")


def test_names_are_suggested_as_one_types_and_followed_by_keys(visit: Visit) -> None:
    page = visit(_PATHS["now"])
    page.fill("#q", "réun")
    expect(page.locator("#suggestions a").first).to_contain_text("réunion-")
    page.keyboard.press("ArrowDown")
    page.keyboard.press("Enter")
    page.wait_for_url("**/find?**")
    expect(page.locator(".search-hits a").first).to_contain_text("réunion-")
    page.fill("#q", _BAD.session.browser_id[:13])
    page.locator("#suggestions a").first.click()
    page.wait_for_url(f"**/participants/{_BAD.session.browser_id}**")
    expect(page.locator("tbody tr").first).to_be_visible()


def test_a_filter_lives_in_the_url_and_can_be_taken_off(visit: Visit, serve: Serve) -> None:
    page = visit(f"/compare?by=browser&{_WINDOW}")
    page.get_by_role("link", name="Chrome 130").click()
    page.wait_for_url("**browser=Chrome+130**")
    said = _api(serve, f"/sessions?{_WINDOW}&browser=Chrome%20130&limit=500")["items"]
    assert page.locator("tbody tr").count() == min(50, len(said))
    _follow(page, page.locator(".active-filters a"))
    assert "browser=" not in page.url


def test_a_comparison_can_be_sorted_and_warns_of_small_groups(visit: Visit) -> None:
    page = visit(f"/compare?by=network&{_WINDOW}")
    page.get_by_role("button", name="sessions").click()
    counts = [int(text) for text in page.locator("tbody td:nth-child(2)").all_text_contents()]
    assert counts == sorted(counts, reverse=True)
    small_samples = page.locator("tr.small-sample")
    assert small_samples.count() == sum(count < 5 for count in counts)
    assert "too few" in small_samples.first.inner_text()


def test_the_pages_speak_french(visit: Visit) -> None:
    page = visit(_PATHS["overview"], locale="fr-FR")
    assert page.locator("h1").inner_text() == words("fr")["Overview"]
    _follow(page, page.get_by_role("link", name="English"))
    assert page.locator("h1").inner_text() == "Overview"
    _follow(page, page.get_by_role("link", name="Now"))
    assert page.locator("html").get_attribute("lang") == "en", "the choice is remembered"


def _push(serve: Serve, sid: str, conf: str, *samples: dict[str, Any]) -> None:
    uid = "a40bcaa8-8b36-11ec-a8a3-0242ac120002"
    push = {"v": 2, "sid": sid, "uid": uid, "conf": conf, "samples": samples}
    body = json.dumps(push).encode()
    request = urllib.request.Request(f"{serve.url}/push", body, {"Content-Type": "text/plain"})
    urllib.request.urlopen(request, timeout=10).close()


def test_a_call_that_begins_appears_by_itself_and_turns_bad(visit: Visit, serve: Serve) -> None:
    page = visit("/")
    page.evaluate("window.before = true")
    sid = f"{time.time_ns():032x}"
    _push(serve, sid, "living", {"seq": 0, "age": 30, "m": {"pid": "p", "cq": 100, "rtt": 20}})
    tile = page.locator(".meeting-card", has_text="living")
    expect(tile).to_be_visible(timeout=25_000)
    expect(tile).to_have_class(re.compile("good"), timeout=25_000)
    _push(serve, sid, "living", {"seq": 1, "age": 10, "m": {"cq": 3, "d": {"pl": 30}}})
    expect(tile).to_have_class(re.compile("poor"), timeout=25_000)
    expect(tile).to_contain_text("loss")
    assert page.evaluate("window.before"), "without loading the page again"
    tile.click()
    expect(page.locator("h1")).to_have_text("living")


def test_a_name_that_is_markup_is_only_a_name(visit: Visit, serve: Serve) -> None:
    sid = f"{time.time_ns():032x}"
    readings = {"pid": _EVIL[:60], "br": _EVIL[:60], "cq": 3, "t": {"sr": _EVIL[:60]}}
    _push(serve, sid, _EVIL, {"seq": 0, "age": 60, "m": readings}, {"seq": 1, "age": 5, "m": {}})
    page = visit("/")
    tile = page.locator(".meeting-card", has_text="<img")
    expect(tile).to_be_visible(timeout=25_000)
    tile.click()
    expect(page.locator("h1")).to_contain_text("<img")
    page.locator(".timeline-row > a").first.click()
    expect(page.locator("h1")).to_contain_text("<img")
    page.goto(f"http://127.0.0.1:{serve.port}/compare?by=region&since=1h")
    expect(page.locator("tbody")).to_contain_text("<img")
    page.fill("#q", "<img")
    expect(page.locator("#suggestions a").first).to_contain_text("<img")
    assert page.title() != "owned"
    assert page.locator("main img").count() == 0


def test_what_does_not_exist_is_said_on_a_page(browser: Browser, serve: Serve) -> None:
    page = browser.new_page()
    base = f"http://127.0.0.1:{serve.port}"
    for path, status, said in (
        ("/sessions/" + "f" * 24, 404, "not known"),
        ("/participants/nobody", 404, "no session"),
        ("/overview?since=yesterday", 400, "expected a date"),
        ("/compare?by=weather", 400, "expected browser"),
        ("/nothing/at/all", 404, "no such page"),
    ):
        answer = page.goto(base + path)
        assert answer is not None
        assert answer.status == status
        assert said in page.inner_text("main")
        assert str(status) in page.inner_text("main")
    page.close()


@pytest.fixture
def guarded(tmp_path: Path) -> Iterator[Serve]:
    """A server with a user."""
    serve = Serve(tmp_path)
    _jmmc(tmp_path, "user", "add", "Zoë", "--password", "correct horse")
    yield serve
    serve.close()


def test_one_signs_in_and_out(browser: Browser, guarded: Serve) -> None:
    page = browser.new_page(locale="en-GB")
    base = f"http://127.0.0.1:{guarded.port}"
    page.goto(f"{base}/overview?since=7d")
    assert "/login?to=%2Foverview%3Fsince%3D7d" in page.url
    page.get_by_label("Name").fill("Zoë")
    page.get_by_label("Password").fill("wrong")
    page.get_by_role("button", name="Sign in").click()
    expect(page.get_by_role("alert")).to_have_text("Wrong name or password")
    page.get_by_label("Name").fill("Zoë")
    page.get_by_label("Password").fill("correct horse")
    page.get_by_role("button", name="Sign in").click()
    page.wait_for_url("**/overview?since=7d")
    cookie = next(cooky for cooky in page.context.cookies() if cooky["name"] == "jmmc_session")
    assert (cookie["httpOnly"], cookie["sameSite"]) == (True, "Lax")
    assert page.evaluate("fetch('/api/v1/live').then(it => it.status)") == 200
    page.get_by_role("button", name="Sign out").click()
    page.wait_for_url("**/login")
    assert page.evaluate("fetch('/api/v1/live').then(it => it.status)") == 401
    page.close()


def test_tries_are_throttled_and_forms_of_others_refused(guarded: Serve) -> None:
    base = f"http://127.0.0.1:{guarded.port}"

    def post(path: str, **fields: str) -> int:
        body = urllib.parse.urlencode(fields).encode()
        try:
            return int(urllib.request.urlopen(f"{base}{path}", body, timeout=20).status)
        except urllib.error.HTTPError as error:
            return error.code

    assert post("/login", name="Zoë", password="correct horse", form="forged") == 400
    assert post("/logout", form="forged") == 400
    with urllib.request.urlopen(f"{base}/login", timeout=10) as page:
        (token,) = re.findall(r'name="form" value="([^"]+)"', page.read().decode())
    statuses = [post("/login", name="x", password="guess", form=token) for _ in range(14)]
    assert statuses[0] == 401
    assert statuses[-1] == 429


def test_one_is_not_sent_to_another_site_after_signing_in(guarded: Serve, browser: Browser) -> None:
    page = browser.new_page(locale="en-GB")
    page.goto(f"http://127.0.0.1:{guarded.port}/login?to=//evil.example/")
    page.get_by_label("Name").fill("Zoë")
    page.get_by_label("Password").fill("correct horse")
    page.get_by_role("button", name="Sign in").click()
    page.wait_for_url(f"http://127.0.0.1:{guarded.port}/")
    page.close()


def test_curves_open_under_a_lane_on_the_same_axis(visit: Visit) -> None:
    page = visit(_PATHS["meeting"])
    button = page.locator(f"[data-curves='{_BAD.session.id}']")
    button.click()
    panel = page.locator(".timeline-row", has=button).locator(".curves")
    expect(panel.locator("canvas").first).to_be_visible()
    assert button.get_attribute("aria-expanded") == "true"
    over = panel.locator(".u-over").first.bounding_box()
    lane = button.bounding_box()
    assert over is not None
    assert lane is not None
    assert over["x"] == pytest.approx(lane["x"], abs=2)
    assert over["width"] == pytest.approx(lane["width"], abs=2)
    button.click()
    expect(panel).to_have_count(0)


def test_a_lane_costs_few_nodes_however_large_the_meeting(visit: Visit) -> None:
    page = visit(_PATHS["meeting"])
    lanes = page.locator(".timeline-row").count()
    nodes = page.evaluate("document.querySelectorAll('.timeline-row *').length")
    stretches = page.evaluate("document.querySelectorAll('.timeline-row svg > *').length")
    assert nodes - stretches <= 12 * lanes


def test_heat_maps_and_the_spread_have_what_is_known(visit: Visit, serve: Serve) -> None:
    page = visit(_PATHS["overview"])
    hours = page.locator(".heat tbody td[class]").count()
    assert hours >= 10, "ten hours of calls"
    regions = {life.region for life in _LIVES}
    assert page.locator(".heat-rows svg").count() == len(regions)
    counts = [int(text) for text in page.locator(".distribution td.number").all_text_contents()]
    assert sum(counts) <= len(_LIVES)
    assert counts[0] == max(counts), "most had nearly all of their time good"


def test_a_window_is_asked_for_in_the_time_of_the_reader(visit: Visit) -> None:
    page = visit(_PATHS["overview"], timezone_id="Asia/Tokyo")
    page.locator("summary").first.click()
    assert page.get_by_label("from").input_value() == "2026-09-21T09:00", "the window as it is"
    page.get_by_label("from").fill("2026-09-21T12:00")
    page.get_by_label("to").fill("2026-09-22T12:00")
    page.get_by_role("button", name="Apply").click()
    page.wait_for_url("**since=2026-09-21T03%3A00%3A00Z&until=2026-09-22T03%3A00%3A00Z**")
    page.locator("summary").first.click()
    assert page.locator("form[data-time-range] .zone").inner_text() == "Asia/Tokyo"


def test_what_happened_is_marked_on_the_lane(visit: Visit, serve: Serve) -> None:
    sid = f"{time.time_ns():032x}"
    events = {"cq": 90, "ev": ["p2p", "interrupted"]}
    _push(serve, sid, "eventful", {"seq": 0, "age": 60, "m": {"cq": 100}})
    _push(serve, sid, "eventful", {"seq": 1, "age": 30, "m": events})
    page = visit("/")
    tile = page.locator(".meeting-card", has_text="eventful")
    expect(tile).to_be_visible(timeout=25_000)
    _follow(page, tile)
    marks = page.locator("path.mark title")
    said = words("en")
    assert marks.all_text_contents() == [said["p2p"], said["interrupted"]]
    edges = page.locator("rect.edge title")
    assert edges.all_text_contents() == ["joined", "in the call now"]


# What can be reached by Tab, in the order in which it is read.
_REACHABLE = """
() => {
  const them = document.querySelectorAll(
    "a[href], button, input:not([type=hidden]), select, summary, [tabindex='0']"
  );
  window.walk = [...them].filter((it) => it.checkVisibility() && it.getClientRects().length);
  document.body.tabIndex = -1;
  document.body.focus();
  document.body.removeAttribute("tabindex");
  return window.walk.length;
}
"""
# Where the focus is, and why a reader would not see it there.
_FOCUSED = """
() => {
  const it = document.activeElement, box = it.getBoundingClientRect(), style = getComputedStyle(it);
  const [x, y] = [box.left + Math.min(box.width / 2, 40), box.top + box.height / 2];
  const over = document.elementFromPoint(x, y);
  const seen = over && (it.contains(over) || over.contains(it) || over.closest("label"));
  const marked = style.outlineStyle !== "none" && parseFloat(style.outlineWidth) >= 2;
  const wrong = [seen ? "" : "hidden", marked ? "" : "not marked"];
  return [window.walk.indexOf(it), ...wrong, it.outerHTML.slice(0, 120)];
}
"""


@pytest.mark.parametrize("name", [*_PATHS, "erase"])
def test_tab_leads_through_a_page_in_its_order_and_is_seen(visit: Visit, name: str) -> None:
    more = {"erase": f"/forget?participant={_BAD.session.browser_id}"}
    page = visit({**_PATHS, **more}[name], viewport={"width": 1280, "height": 600})
    page.wait_for_load_state("load")
    count = page.evaluate(_REACHABLE)
    for key, places in (("Tab", range(count)), ("Shift+Tab", range(count - 2, -1, -1))):
        for place in places:
            page.keyboard.press(key)
            where, *wrong, what = page.evaluate(_FOCUSED)
            assert (where, *wrong) == (place, "", ""), f"{key}: {what}"
    page.keyboard.press("Enter")
    page.keyboard.press("Tab")
    passed = "!document.querySelector('header').contains(document.activeElement)"
    assert page.evaluate(passed), "the first link leads past the header"


@pytest.mark.parametrize("name", ["overview", "compare", "find", "participant"])
def test_menus_open_and_close_by_keys_and_give_the_focus_back(visit: Visit, name: str) -> None:
    page = visit(f"{_PATHS[name].replace('q=room&', '')}")
    for menu in page.locator(".menu").all():
        summary = menu.locator("summary")
        summary.focus()
        page.keyboard.press("Enter")
        expect(menu.locator("form")).to_be_visible()
        page.keyboard.press("Tab")
        expect(menu.locator("input:not([type=hidden])").first).to_be_focused()
        page.keyboard.press("Escape")
        expect(menu.locator("form")).to_be_hidden()
        expect(summary).to_be_focused()
        page.keyboard.press("Space")
        expect(menu.locator("form")).to_be_visible()
        page.keyboard.press("Shift+Tab")
        expect(menu.locator("form")).to_be_hidden()
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


def test_an_answer_that_comes_late_does_not_disturb_who_has_gone_on(visit: Visit) -> None:
    page = visit("/")
    late: list[Route] = []
    page.route("**/api/v1/search?q=room", lambda value: late.append(value))
    box, suggested = page.locator("#q"), page.locator("#suggestions a")
    box.press_sequentially("roo")
    expect(suggested.first).to_be_visible()
    with page.expect_request("**/search?q=room"):
        box.press_sequentially("m")
    page.keyboard.press("Tab")
    with page.expect_request_finished():
        late.pop().continue_()
    expect(suggested.first).to_be_focused()
    box.fill("")
    with page.expect_request("**/search?q=room"):
        box.fill("room")
    page.keyboard.press("Escape")
    with page.expect_request_finished():
        late.pop().continue_()
    page.evaluate("() => new Promise(requestAnimationFrame)")
    expect(suggested.first).to_be_hidden()


def test_what_goes_on_by_itself_leaves_the_focus_where_it_is(visit: Visit) -> None:
    page = visit("/")
    focused = page.evaluate(
        """async () => {
          const { replaceChanged } = await import("/static/live.js");
          const live = document.getElementById("live");
          live.innerHTML = '<p data-key="firing"><a href="/health">Active alert:</a> one</p>';
          live.querySelector("a").focus();
          const fresh = '<p data-key="firing"><a href="/health">Active alerts:</a> one, two</p>';
          replaceChanged(live, fresh);
          return document.activeElement.textContent;
        }"""
    )
    assert focused == "Active alerts:"


def test_what_says_that_a_page_is_on_its_way_goes_when_it_is_there(visit: Visit) -> None:
    page = visit(_PATHS["compare"])
    waiting = '<p class="waiting">Loading …</p>'
    page.evaluate(
        "it => document.querySelector('main').insertAdjacentHTML('afterbegin', it)", waiting
    )
    expect(page.locator(".waiting")).to_be_hidden()
    page.evaluate("it => { document.querySelector('main').innerHTML = it }", waiting)
    expect(page.locator(".waiting")).to_be_visible()
