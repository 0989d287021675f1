"""Texts from outside are only texts: markup in any of them runs nothing, on any page."""

import asyncio
import json
import time
import urllib.request
from collections.abc import Iterator
from typing import Any
from urllib.parse import quote, unquote, urlencode

import pytest
from playwright.sync_api import Browser, Page, expect

from jmmc.accounts import users
from jmmc.accounts.tokens import create
from jmmc.core.model import Dialect, Push, Sample
from jmmc.stores import open_store
from tests.support.servers import PREFIX, Serve

pytestmark = pytest.mark.timeout(110)

_CONF = (
    "\"><img src=x onerror=alert(1)></script><script>alert(2)</script>{{7*7}}${7*7}'--\u2028\u202e"
    "%3Cimg%20src%3Dx%20onerror%3Dalert(3)%3E"
)
# What a browser says of itself; each fits the table of readings.
_SAID = {
    "pid": "\"><img src=x onerror=alert('pid')>{{7*7}}",
    "br": "</script><script>alert('br')</script>",
    "os": "<svg onload=alert('os')></svg>",
    "mid": "'><iframe src=javascript:alert('mid')>",
    "t.sr": "' onmouseover=alert(1) x='<b>",
    "t.net": "<img src=x onerror=alert(5)>",
    "cdc.v": "<img src=x onerror=alert(6)>",
    "cdc.a": "<img src=x onerror=alert(7)>",
}
_PROVIDER = "AS64496 <img src=x onerror=alert('provider')>"
_COUNTRY = "<b>"
_EVENT = "<b onclick=a()>"
_USER = "ann\"><script>alert('user')</script>"
_PASSWORD = "correct horse"
_DIMENSIONS = (
    *("browser", "os", "region", "network", "provider", "country", "transport", "codec"),
)
_UIDS = [f"a40bcaa8-8b36-11ec-a8a3-0242ac1200{number:02}" for number in range(6)]


def _readings(**more: Any) -> dict[str, Any]:
    nested: dict[str, Any] = {"u": {"pl": 30, "vb": 10}, "d": {"pl": 30, "vb": 10}, **more}
    for path, value in _SAID.items():
        group, _, leaf = path.rpartition(".")
        (nested.setdefault(group, {}) if group else nested)[leaf] = value
    nested["t"] |= {"tp": "udp", "lct": "relay"}
    return nested | {"cq": 5, "rtt": 900}


async def _fill(url: str) -> str:
    """What does not come in through the collector: names of networks, users, tokens."""
    store = open_store(url)
    await store.open()
    now = int(time.time())
    readings = _readings()
    readings["t"] |= {"rip": 3_221_225_986, "asn": _PROVIDER, "cc": _COUNTRY}
    samples = [
        Sample(seq, now - 7200 + 30 * seq, json.dumps(readings if not seq else {"cq": 5}).encode())
        for seq in range(40)
    ]
    await store.append([Push("e" * 24, _CONF, _UIDS[0], Dialect.V2, tuple(samples))])
    await users.add(store.reports, _USER, _PASSWORD, "admin")
    token = await create(store.reports, _USER, ["read", "export", "erase"], now)
    await store.close()
    return token


class Evil:
    """A server that has nothing but texts of ill will."""

    def __init__(self, serve: Serve, token: str) -> None:
        self.serve = serve
        self.token = token
        self.root = f"http://127.0.0.1:{serve.port}"

    def call(self) -> None:
        """Six are in a bad call; come back when it is in the answers."""
        for number in range(6):
            self._call(number)
        deadline = time.monotonic() + 30
        while len(self.api("/live")["meetings"]) < 1 or len(self.sessions()) < 7:
            assert time.monotonic() < deadline
            time.sleep(0.1)

    def _call(self, number: int) -> None:
        """One who has been in a bad call for ten minutes."""
        first = _readings(ev=[_EVENT])
        samples = [
            {"seq": seq, "age": 600 - 30 * seq, "m": {"cq": 5} if seq else first}
            for seq in range(20)
        ]
        body = {"v": 2, "sid": f"{number:032x}", "uid": _UIDS[number], "conf": _CONF}
        content = json.dumps({**body, "js": "<img src=x>", "samples": samples}).encode()
        kind = {"Content-Type": "text/plain"}
        request = urllib.request.Request(f"{self.root}{PREFIX}/push", content, kind)
        with urllib.request.urlopen(request, timeout=10) as answer:
            assert json.load(answer)["ack"] == 19

    def api(self, path: str) -> Any:
        headers = {"Authorization": f"Bearer {self.token}"}
        request = urllib.request.Request(f"{self.root}/api/v1{path}", headers=headers)
        with urllib.request.urlopen(request, timeout=10) as answer:
            return json.load(answer)

    def sessions(self) -> list[dict[str, Any]]:
        return list(self.api("/sessions?since=24h")["items"])


@pytest.fixture(scope="module")
def evil(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Evil]:
    folder = tmp_path_factory.mktemp("markup")
    token = asyncio.run(_fill(f"sqlite:///{folder}/calls.db"))
    options = ["--conf-pattern", "(?s).{1,300}", "--max-queries-per-minute", "0"]
    serve = Serve(folder, *options)
    try:
        evil = Evil(serve, token)
        evil.call()
        yield evil
    finally:
        serve.close()
    assert "Traceback" not in evil.serve.log.read_text()


class Looked:
    """A page, and whatever happened on it that nobody may bring about from outside."""

    def __init__(self, evil: Evil, browser: Browser, language: str) -> None:
        self.context = browser.new_context(locale=language)
        self.happened: list[str] = []
        self.context.add_init_script("window.alert = window.a = (...it) => window.owned(...it)")
        self.context.expose_function("owned", lambda *it: self.happened.append(f"ran: {it}"))
        self.page = self.context.new_page()
        self.page.on("dialog", lambda value: self.happened.append(f"dialog: {value.message}"))
        self.page.on("pageerror", lambda value: self.happened.append(f"error: {value}"))
        self.page.on("console", self._said)
        self.page.on("request", self._requested)
        self.root = evil.root
        self.login(self.page)

    def _said(self, message: Any) -> None:
        # A page that says 400 or 404 is told in the console too.
        if message.type in ("error", "warning") and "the server responded" not in message.text:
            self.happened.append(f"console: {message.text}")

    def _requested(self, request: Any) -> None:
        ours = request.url.startswith((f"{self.root}/", "data:"))
        if not ours or request.url.endswith("/x"):  # The source of the images in our texts.
            self.happened.append(f"request: {request.url}")

    def login(self, page: Page) -> None:
        page.goto(f"{self.root}/login?to=" + quote("//elsewhere.example/"))
        page.locator("main [name=name]").fill(_USER)
        page.locator("[name=password]").fill(_PASSWORD)
        page.locator("main button").click()
        page.wait_for_url(f"{self.root}/")

    def see(self, path: str, *texts: str) -> Page:
        """Open a page; each text must stand there as it is."""
        self.page.goto(self.root + path)
        self.page.wait_for_load_state("load")
        self.check(path)
        shown = self.page.locator("body").evaluate("it => it.textContent")
        for text in texts:
            assert text in shown, (path, text)
        return self.page

    def check(self, path: str) -> None:
        made = self.page.evaluate(
            "() => [...document.querySelectorAll('*')].filter((it) => it.src === 'x'"
            " || (it.getAttribute('src') || '').match(/^(x$|javascript:)/)"
            " || [...it.attributes].some((at) => at.name.startsWith('on'))"
            " || /^\\s*(javascript|data|vbscript):/i.test(it.getAttribute('href') || '')"
            " || /^(iframe|object|embed)$/i.test(it.tagName)).map((it) => it.outerHTML)"
        )
        assert made == [], path
        assert self.happened == [], path


@pytest.mark.parametrize("language", ["en-GB", "fr-FR"])
def test_markup_is_shown_and_not_obeyed_on_every_page(
    evil: Evil, browser: Browser, language: str
) -> None:
    looked = Looked(evil, browser, language)
    conf = unquote(_CONF)
    live = next(
        session["session"] for session in evil.sessions() if session["participant_id"] == _UIDS[1]
    )
    meeting = evil.api("/live")["meetings"][0]["id"]

    page = looked.see("/", conf, _USER, _SAID["t.sr"])
    with page.expect_response("**/live"):
        page.reload()
    expect(page.locator("#live-state")).not_to_be_empty()  # An update came, and was put in.
    looked.check("/live")
    looked.see("/overview?since=24h", conf, _SAID["t.sr"])
    page = looked.see(f"/meetings/{meeting}", conf, _SAID["pid"], _SAID["br"])
    page.locator("[data-curves]").first.click()
    expect(page.locator(".curves .u-over").first).to_be_visible()
    for element in page.locator("details").all():
        element.evaluate("it => { it.open = true }")
    looked.check("an open lane")
    texts = (_SAID["br"], _SAID["os"], _SAID["t.sr"], _SAID["cdc.v"], _EVENT)
    looked.see(f"/sessions/{live}", conf, *texts)
    looked.see("/sessions/" + "e" * 24, conf, _PROVIDER, _COUNTRY)
    looked.see(f"/participants/{_UIDS[1]}?since=24h", conf, _SAID["br"])
    for by in _DIMENSIONS:
        path = {"browser": "br", "os": "os", "region": "t.sr", "codec": "cdc.v"}.get(by)
        shown = {"provider": _PROVIDER, "country": _COUNTRY}.get(by, _SAID.get(path or "", ""))
        looked.see(f"/compare?since=24h&by={by}", shown)
        value = next(item["value"] for item in evil.api(f"/compare?since=24h&by={by}"))
        looked.see("/find?" + urlencode({"since": "24h", by: value}), conf)
    looked.see("/health")
    looked.see("/find?" + urlencode({"q": "onerror"}), conf)
    page.locator("#q").fill("")
    page.locator("#q").press_sequentially("onerror")
    expect(page.locator("#suggestions a").first).to_be_visible()
    looked.check("suggestions")
    looked.see("/forget?" + urlencode({"room": _CONF}), conf)
    looked.context.close()


_MARKUP = "\"'><img src=x onerror=alert(1)></script><script>alert(2)</script>{{7*7}}"


def test_markup_in_a_question_is_shown_and_not_obeyed(evil: Evil, browser: Browser) -> None:
    looked = Looked(evil, browser, "en-GB")
    filters = ("room", "participant", *_DIMENSIONS, "grade")
    together = (*filters, "lang", "to", "what", "format", "limit", _MARKUP)
    every = urlencode(dict.fromkeys(together, _MARKUP))
    for path in ("/overview", "/compare", "/find", f"/participants/{_UIDS[0]}"):
        looked.see(f"{path}?{every}")
        for name in ("since", "until"):
            looked.see(f"{path}?{urlencode({name: _MARKUP})}")
    for path in ("/find?cursor=", "/compare?by="):
        looked.see(path + quote(_MARKUP))
    for path in (
        "/find?q=",
        "/forget?participant=",
        "/forget?room=",
        "/login?to=",
        "/?lang=",
        "/nothing",
    ):
        looked.see(path + quote(_MARKUP))
    for path in ("/sessions/", "/meetings/", "/participants/", "/static/", "/api/v1/"):
        looked.see(path + quote(_MARKUP))
    looked.context.close()


@pytest.mark.parametrize(
    "to",
    [
        "//elsewhere.example/",
        "/\\elsewhere.example/",
        "/\t/elsewhere.example/",
        "https://elsewhere.example/",
        "javascript:alert(1)",
        "/%09/elsewhere.example",
    ],
)
def test_whoever_signs_in_stays_here(evil: Evil, browser: Browser, to: str) -> None:
    with browser.new_context() as context:
        page = context.new_page()
        asked: list[str] = []
        page.on("request", lambda value: asked.append(value.url))
        page.goto(f"{evil.root}/login?to={quote(to)}")
        page.locator("main [name=name]").fill(_USER)
        page.locator("[name=password]").fill(_PASSWORD)
        page.locator("main button").click()
        page.wait_for_url(lambda url: "/login" not in url)
        assert page.url.startswith(f"{evil.root}/")
        assert [item for item in asked if not item.startswith(f"{evil.root}/")] == []


def test_erasing_what_has_markup_for_a_name_shows_it_in_the_receipt(
    evil: Evil, browser: Browser
) -> None:
    """The last test: it erases."""
    looked = Looked(evil, browser, "en-GB")
    page = looked.see("/forget?" + urlencode({"room": _CONF}), unquote(_CONF))
    page.locator("button.danger").click()
    expect(page.locator("h1")).to_have_text("Erased", timeout=30_000)
    looked.check("the receipt")
    assert unquote(_CONF) in (page.locator("main").text_content() or "")
    assert evil.sessions() == []
    looked.context.close()
