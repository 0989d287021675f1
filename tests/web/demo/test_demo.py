"""The demo page in a real Chromium: what it claims about the samples is true."""

import json
import re
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.request import urlopen

import pytest
from playwright.sync_api import Browser, Page, Route, expect
from starlette.testclient import TestClient

from jmmc.settings import Settings
from jmmc.stores import open_store
from jmmc.web.site import create_app
from tests.support.servers import serving

PATIENCE = 15_000  # ms, for a machine that is busy with other tests


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
    """A page that must not have written a single error, nor broken its own policy."""
    with browser.new_context(viewport={"width": 1400, "height": 900}) as context:
        page = context.new_page()
        complaints: list[str] = []
        page.on(
            "console",
            lambda value: complaints.append(value.text) if value.type == "error" else None,
        )
        page.on("pageerror", lambda value: complaints.append(str(value)))
        yield page
        assert complaints == []


def figure(page: Page, name: str) -> int:
    return int(page.inner_text(f"#{name}"))


def shorten(page: Page, until: int) -> None:
    """Let the recording end after `until` of its own milliseconds."""

    def answer(route: Route) -> None:
        recording = route.fetch().json()
        recording["moments"] = [item for item in recording["moments"] if item["at"] < until]
        route.fulfill(json=recording)

    page.route("**/demo/recording.json", answer)


def stored_by(page: Page, server: str) -> list[dict[str, Any]]:
    conf = page.inner_text("#export-line").rpartition(" ")[2]
    with urlopen(f"{server}/demo/stored?room={conf}") as response:
        sessions = json.load(response)
    return [sample for session in sessions for sample in session["m"]]


def test_all_that_is_confirmed_is_stored_within_seconds(server: str, page: Page) -> None:
    """The first thing that a new operator sees must already be the proof."""
    opened = time.monotonic()
    page.goto(f"{server}/demo")
    page.wait_for_function(
        """() => {
            const [confirmed, stored] = ["confirmed", "stored"].map(
                (id) => Number(document.getElementById(id).textContent));
            return confirmed >= 3 && stored === confirmed;
        }""",
        timeout=PATIENCE,
    )
    assert time.monotonic() - opened < 8
    expect(page.locator("#verdict-text")).to_have_text("Nothing lost so far.")
    assert page.locator("#pushes .confirmed").count() >= 1


def test_at_the_end_the_page_counts_what_the_store_has(server: str, page: Page) -> None:
    shorten(page, until=9000)
    page.goto(f"{server}/demo")
    expect(page.locator("#verdict")).to_have_attribute("data-state", "done", timeout=PATIENCE * 2)
    samples = stored_by(page, server)
    assert [sample["seq"] for sample in samples] == list(range(figure(page, "sent")))
    assert len(samples) == figure(page, "stored") == figure(page, "confirmed")
    assert samples[-1]["bye"] is True
    assert "Nothing lost, nothing twice." in page.inner_text("#verdict-text")


def test_playing_again_is_a_conference_of_its_own(server: str, page: Page) -> None:
    shorten(page, until=5000)
    page.goto(f"{server}/demo")
    again = page.get_by_role("button", name="Play again")
    expect(again).to_be_enabled()
    expect(page.locator("#verdict")).to_have_attribute("data-state", "done")
    first = page.inner_text("#export-line")
    again.click()
    expect(again).to_be_disabled()
    expect(page.locator("#verdict")).to_have_attribute("data-state", "done")
    assert page.inner_text("#export-line") != first
    assert stored_by(page, server)[0]["seq"] == 0


def test_samples_of_an_outage_wait_in_the_browser_and_all_arrive(server: str, page: Page) -> None:
    """The central promise, made visible; the switch works from the keyboard."""
    shorten(page, until=24000)
    page.goto(f"{server}/demo")
    expect(page.locator("#verdict")).to_have_attribute("data-state", "ok")
    page.get_by_role("switch", name="Pretend the collector is down").focus()
    page.keyboard.press("Space")
    expect(page.locator("#verdict")).to_have_attribute("data-state", "down")
    expect(page.locator("#queue-text")).to_contain_text(re.compile(r"([4-9]|\d\d) samples wait"))
    confirmed = figure(page, "confirmed")
    assert figure(page, "stored") <= confirmed < figure(page, "sent")
    page.keyboard.press("Space")
    expect(page.locator("#verdict")).to_have_attribute("data-state", "done", timeout=40_000)
    assert [item["seq"] for item in stored_by(page, server)] == list(range(figure(page, "sent")))


@pytest.mark.parametrize(
    ("tamper", "words"),
    [
        (lambda samples: samples[:1] + samples[2:], "1 lost"),
        (lambda samples: [*samples, samples[0]], "1 stored twice"),
        (lambda samples: [{**samples[0], "pid": "other"}, *samples[1:]], "1 altered"),
    ],
)
def test_the_page_tells_when_the_store_differs(
    server: str, page: Page, tamper: Any, words: str
) -> None:
    """A proof that could not fail would prove nothing."""

    def answer(route: Route) -> None:
        sessions = route.fetch().json()
        for session in sessions:
            if len(session["m"]) >= 2:
                session["m"] = tamper(session["m"])
        route.fulfill(json=sessions)

    page.route("**/demo/stored?*", answer)
    shorten(page, until=9000)
    page.goto(f"{server}/demo")
    expect(page.locator("#verdict")).to_have_attribute("data-state", "wrong")
    expect(page.locator("#verdict-text")).to_contain_text(words)


def test_a_refusal_is_shown_with_its_reason(tmp_path: Path, browser: Browser) -> None:
    """An operator's own `conf_pattern` need not admit the demo's name."""
    with served(tmp_path, conf_pattern="team-.*") as server, browser.new_context() as context:
        page = context.new_page()
        page.goto(f"{server}/demo")
        expect(page.locator("#verdict")).to_have_attribute("data-state", "wrong")
        expect(page.locator("#verdict-text")).to_contain_text("bad_conf")


def test_a_phone_needs_no_sideways_scrolling(server: str, page: Page) -> None:
    page.set_viewport_size({"width": 390, "height": 844})
    page.goto(f"{server}/demo")
    expect(page.locator("#samples .amount").first).to_be_visible()
    assert page.evaluate("document.documentElement.scrollWidth") == 390


def test_the_line_for_jitsi_names_this_collector(server: str, page: Page) -> None:
    page.goto(f"{server}/demo")
    line = f"{server}/jitsi-meet-metrics-collector/getClient"
    expect(page.locator("#config-line")).to_contain_text(line)
    with urlopen(line) as response:
        assert response.status == 200


@pytest.mark.parametrize("path", ["/demo", "/demo/demo.js", "/demo/getClient", "/demo/stored"])
def test_without_the_switch_there_is_no_demo(path: str, tmp_path: Path) -> None:
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
    "conf", ["", "standup", "demo-", "demo-x", "demo-standup", "demo-0123456789abcdef0", "%"]
)
def test_no_conference_but_the_demos_own_is_shown(client: TestClient, conf: str) -> None:
    """A real conference may be called demo-something; its samples are nobody's business."""
    answer = client.get("/demo/stored", params={"room": conf})
    assert (answer.status_code, answer.json()["error"]) == (400, "bad_conf")


def test_a_demo_conference_without_samples_is_an_empty_list(client: TestClient) -> None:
    answer = client.get("/demo/stored", params={"room": "demo-0123456789abcdef"})
    assert (answer.status_code, answer.json()) == (200, [])


@pytest.mark.parametrize(
    "path", ["/demo", "/demo/demo.js", "/demo/demo.css", "/demo/recording.json", "/demo/getClient"]
)
def test_every_file_keeps_a_strict_policy(client: TestClient, path: str) -> None:
    answer = client.get(path)
    assert answer.status_code == 200
    assert answer.headers["content-security-policy"].startswith("default-src 'none'; ")
    assert "unsafe" not in answer.headers["content-security-policy"]
    assert answer.headers["x-content-type-options"] == "nosniff"


def test_the_script_pushes_to_this_collector_in_a_livelier_rhythm(client: TestClient) -> None:
    script = client.get("/demo/getClient").text
    assert '"push_url": "../m/push", "push_interval": 2, "sample_interval": 1' in script


def test_a_store_with_a_password_is_not_named(client: TestClient) -> None:
    page = client.get("/demo").text
    assert "hush" not in page
    assert "jmmc export --what sessions" in page
