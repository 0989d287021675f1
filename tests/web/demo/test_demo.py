"""The demo page in a real Chromium: what it claims about the samples is true."""

import json
import re
import shlex
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.request import urlopen

import pytest
from playwright.sync_api import Browser, Page, Route, expect
from starlette.testclient import TestClient

from jmmc.jitsi.snippets import snippet
from jmmc.settings import Settings
from jmmc.stores import open_store
from jmmc.web.site import create_app
from tests.support.commands import jmmc
from tests.support.servers import serving

TIMEOUT = 15_000  # Milliseconds, on a machine that is busy with other tests.


@contextmanager
def served(tmp_path: Path, **fields: Any) -> Iterator[str]:
    settings = Settings(store=f"sqlite:///{tmp_path}/demo.db", secret="s" * 32, demo=True, **fields)
    with serving(create_app(settings)) as url:
        yield url


@pytest.fixture
def server(tmp_path: Path) -> Iterator[str]:
    with served(tmp_path) as url:
        yield url


@pytest.fixture
def page(browser: Browser) -> Iterator[Page]:
    """A page; any error in its console, such as one of its CSP, fails the test."""
    with browser.new_context(viewport={"width": 1400, "height": 900}) as context:
        page = context.new_page()
        errors: list[str] = []
        page.on(
            "console",
            lambda message: errors.append(message.text) if message.type == "error" else None,
        )
        page.on("pageerror", lambda error: errors.append(str(error)))
        yield page
        assert errors == []


def count(page: Page, name: str) -> int:
    return int(page.inner_text(f"#{name}"))


def shorten(page: Page, until: int) -> None:
    """Cut the recording after `until` of its milliseconds."""

    def fulfill(route: Route) -> None:
        recording = route.fetch().json()
        recording["moments"] = [moment for moment in recording["moments"] if moment["at"] < until]
        route.fulfill(json=recording)

    page.route("**/demo/recording.json", fulfill)


def stored_samples(page: Page, server: str) -> list[dict[str, Any]]:
    room = page.inner_text("#export-line").rpartition(" ")[2]
    with urlopen(f"{server}/demo/stored?room={room}") as response:
        sessions = json.load(response)
    return [sample for session in sessions for sample in session["m"]]


def test_confirmed_samples_are_stored_within_seconds(server: str, page: Page) -> None:
    """A new operator sees stored samples at once."""
    opened = time.monotonic()
    page.goto(f"{server}/demo")
    page.wait_for_function(
        """() => {
            const [confirmed, stored] = ["confirmed", "stored"].map(
                (id) => Number(document.getElementById(id).textContent));
            return confirmed >= 3 && stored === confirmed;
        }""",
        timeout=TIMEOUT,
    )
    assert time.monotonic() - opened < 8
    expect(page.locator("#state-text")).to_have_text("Nothing lost so far.")
    assert page.locator("#pushes .confirmed").count() >= 1


def test_the_final_counts_are_those_of_the_store(server: str, page: Page) -> None:
    shorten(page, until=9000)
    page.goto(f"{server}/demo")
    expect(page.locator("#state")).to_have_attribute("data-state", "done", timeout=TIMEOUT * 2)
    samples = stored_samples(page, server)
    assert [sample["seq"] for sample in samples] == list(range(count(page, "sent")))
    assert len(samples) == count(page, "stored") == count(page, "confirmed")
    assert samples[-1]["bye"] is True
    assert "Nothing lost, nothing duplicated." in page.inner_text("#state-text")


def test_playing_again_uses_a_new_room(server: str, page: Page) -> None:
    shorten(page, until=5000)
    page.goto(f"{server}/demo")
    again = page.get_by_role("button", name="Play again")
    expect(again).to_be_enabled()
    expect(page.locator("#state")).to_have_attribute("data-state", "done")
    first = page.inner_text("#export-line")
    again.click()
    expect(again).to_be_disabled()
    expect(page.locator("#state")).to_have_attribute("data-state", "done")
    assert page.inner_text("#export-line") != first
    assert stored_samples(page, server)[0]["seq"] == 0


def test_samples_of_an_outage_are_queued_in_the_browser_and_all_arrive(
    server: str, page: Page
) -> None:
    """The switch works from the keyboard."""
    shorten(page, until=24000)
    page.goto(f"{server}/demo")
    expect(page.locator("#state")).to_have_attribute("data-state", "ok")
    page.get_by_role("switch", name="Simulate a collector outage").focus()
    page.keyboard.press("Space")
    expect(page.locator("#state")).to_have_attribute("data-state", "down")
    expect(page.locator("#queue-text")).to_contain_text(re.compile(r"([4-9]|\d\d) samples queued"))
    confirmed = count(page, "confirmed")
    assert count(page, "stored") <= confirmed < count(page, "sent")
    page.keyboard.press("Space")
    expect(page.locator("#state")).to_have_attribute("data-state", "done", timeout=40_000)
    assert [sample["seq"] for sample in stored_samples(page, server)] == list(
        range(count(page, "sent"))
    )


@pytest.mark.parametrize(
    ("tamper", "words"),
    [
        (lambda samples: samples[:1] + samples[2:], "1 lost"),
        (lambda samples: [*samples, samples[0]], "1 stored twice"),
        (lambda samples: [{**samples[0], "pid": "other"}, *samples[1:]], "1 altered"),
    ],
)
def test_the_page_reports_a_store_that_differs_from_what_was_sent(
    server: str, page: Page, tamper: Any, words: str
) -> None:
    """Samples lost, doubled or altered in the store are counted."""

    def fulfill(route: Route) -> None:
        sessions = route.fetch().json()
        for session in sessions:
            if len(session["m"]) >= 2:
                session["m"] = tamper(session["m"])
        route.fulfill(json=sessions)

    page.route("**/demo/stored?*", fulfill)
    shorten(page, until=9000)
    page.goto(f"{server}/demo")
    expect(page.locator("#state")).to_have_attribute("data-state", "wrong")
    expect(page.locator("#state-text")).to_contain_text(words)


def test_a_rejected_push_is_shown_with_its_reason(tmp_path: Path, browser: Browser) -> None:
    """`conf_pattern` may exclude the demo's room."""
    with served(tmp_path, conf_pattern="team-.*") as server, browser.new_context() as context:
        page = context.new_page()
        page.goto(f"{server}/demo")
        expect(page.locator("#state")).to_have_attribute("data-state", "wrong")
        expect(page.locator("#state-text")).to_contain_text("bad_conf")


def test_the_page_has_the_menu_and_fits_on_a_phone_in_both_languages(
    server: str, page: Page
) -> None:
    page.set_viewport_size({"width": 390, "height": 844})
    for language, now, state in (
        ("en", "Now", "Nothing lost so far."),
        ("fr", "En direct", re.compile("Rien de perdu")),
    ):
        page.goto(f"{server}/demo?lang={language}")
        expect(page.get_by_role("link", name=now)).to_be_visible()
        expect(page.locator("#samples .amount").first).to_be_visible()
        expect(page.locator("#state-text")).to_have_text(state)
        assert page.evaluate("document.documentElement.scrollWidth") == 390


def test_the_lines_for_jitsi_meet_are_those_of_jmmc_snippet(server: str, page: Page) -> None:
    page.goto(f"{server}/demo")
    url = f"{server}/jitsi-meet-metrics-collector"
    expect(page.locator("#config-line")).to_contain_text(f"{url}/getClient")
    assert page.inner_text("#config-line") in snippet("config.js", url=url, upstream=url)
    with urlopen(f"{url}/getClient") as response:
        assert response.status == 200


def test_the_export_command_exports_the_meeting(server: str, page: Page) -> None:
    shorten(page, until=5000)
    page.goto(f"{server}/demo")
    expect(page.locator("#state")).to_have_attribute("data-state", "done")
    command, *arguments = shlex.split(page.inner_text("#export-line"))
    assert command == "jmmc"
    export = jmmc(*arguments)
    assert export.returncode == 0, export.stderr
    (session,) = map(json.loads, export.stdout.splitlines())
    assert len(session["m"]) == count(page, "stored")


@pytest.mark.parametrize("path", ["/demo", "/demo/demo.js", "/demo/getClient", "/demo/stored"])
def test_without_the_demo_setting_its_paths_get_404(path: str, tmp_path: Path) -> None:
    settings = Settings(store=f"sqlite:///{tmp_path}/jmmc.db", secret="s" * 32)
    with TestClient(create_app(settings)) as client:
        assert client.get(path).status_code == 404


@pytest.fixture
def client(tmp_path: Path) -> Iterator[TestClient]:
    settings = Settings(
        store="mongodb://operator:hush@db/calls", secret="s" * 32, demo=True, prefix="/m"
    )
    app = create_app(settings, store=open_store(f"sqlite:///{tmp_path}/jmmc.db"))
    with TestClient(app) as client:
        yield client


@pytest.mark.parametrize(
    "room", ["", "standup", "demo-", "demo-x", "demo-standup", "demo-0123456789abcdef0", "%"]
)
def test_stored_samples_of_other_rooms_are_not_shown(client: TestClient, room: str) -> None:
    """A real room may be called demo-something."""
    response = client.get("/demo/stored", params={"room": room})
    assert (response.status_code, response.json()["error"]) == (400, "bad_conf")


def test_a_demo_room_without_samples_is_an_empty_list(client: TestClient) -> None:
    response = client.get("/demo/stored", params={"room": "demo-0123456789abcdef"})
    assert (response.status_code, response.json()) == (200, [])


@pytest.mark.parametrize(
    "path", ["/demo", "/demo/demo.js", "/demo/demo.css", "/demo/recording.json", "/demo/getClient"]
)
def test_every_file_has_a_strict_csp(client: TestClient, path: str) -> None:
    response = client.get(path)
    assert response.status_code == 200
    assert response.headers["content-security-policy"].startswith("default-src 'none'; ")
    assert "unsafe" not in response.headers["content-security-policy"]
    assert response.headers["x-content-type-options"] == "nosniff"


def test_the_script_pushes_to_this_collector_every_two_seconds(client: TestClient) -> None:
    script = client.get("/demo/getClient").text
    assert '"push_url": "../m/push", "push_interval": 2, "sample_interval": 1' in script


def test_the_url_of_a_store_with_a_password_is_not_shown(client: TestClient) -> None:
    page = client.get("/demo").text
    assert "hush" not in page
    assert "jmmc export --what sessions" in page
