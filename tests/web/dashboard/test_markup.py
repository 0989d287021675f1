"""Texts from outside are escaped: markup in them runs nothing, on any page."""

import asyncio
import json
import time
from collections.abc import Iterator
from typing import Any
from urllib.parse import quote, unquote, urlencode

import pytest
from playwright.sync_api import Browser, Page, expect

from jmmc.accounts import users
from jmmc.accounts.tokens import create
from jmmc.core.model import Dialect, Push, Sample
from jmmc.core.text import without_controls
from jmmc.stores import open_store
from tests.support.servers import FASTER, Serve, get_json, post_push
from tests.support.waiting import wait_until

pytestmark = pytest.mark.timeout(110)

_CONF = (
    "\"><img src=x onerror=alert(1)></script><script>alert(2)</script>{{7*7}}${7*7}'--\u2028\u202e"
    "%3Cimg%20src%3Dx%20onerror%3Dalert(3)%3E"
)
# Readings of a browser; each is valid in the protocol.
_READINGS = {
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
    for path, value in _READINGS.items():
        group, _, leaf = path.rpartition(".")
        (nested.setdefault(group, {}) if group else nested)[leaf] = value
    nested["t"] |= {"tp": "udp", "lct": "relay"}
    return nested | {"cq": 5, "rtt": 900}


async def _fill(url: str) -> str:
    """Store what is not pushed: names of networks, a user, a token."""
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


class HostileServer:
    """A server all of whose texts have markup."""

    def __init__(self, serve: Serve, token: str) -> None:
        self.serve = serve
        self.token = token
        self.root = f"http://127.0.0.1:{serve.port}"

    def call(self) -> None:
        """Push six calls with problems; wait until the API answers with them."""
        for number in range(6):
            self._call(number)
        wait_until(lambda: self.api("/live")["meetings"] and len(self.sessions()) >= 7)

    def _call(self, number: int) -> None:
        """Push ten minutes of a call with problems."""
        first = _readings(ev=[_EVENT])
        samples = [
            {"seq": seq, "age": 600 - 30 * seq, "m": {"cq": 5} if seq else first}
            for seq in range(20)
        ]
        self._push(number, samples)

    def continue_calls(self) -> None:
        """Push another sample of each call: they are live, however long other tests took."""
        for number in range(6):
            self._push(number, [{"seq": 20, "age": 0, "m": {"cq": 5}}])
        wait_until(lambda: self.api("/live")["meetings"])

    def _push(self, number: int, samples: list[dict[str, Any]]) -> None:
        body = {"v": 2, "sid": f"{number:032x}", "uid": _UIDS[number], "conf": _CONF}
        push = {**body, "js": "<img src=x>", "samples": samples}
        assert post_push(self.serve.url, push)["ack"] == samples[-1]["seq"]

    def api(self, path: str) -> Any:
        return get_json(f"{self.root}/api/v1{path}", {"Authorization": f"Bearer {self.token}"})

    def sessions(self) -> list[dict[str, Any]]:
        return list(self.api("/sessions?since=24h")["items"])


@pytest.fixture(scope="module")
def hostile(tmp_path_factory: pytest.TempPathFactory) -> Iterator[HostileServer]:
    folder = tmp_path_factory.mktemp("markup")
    token = asyncio.run(_fill(f"sqlite:///{folder}/calls.db"))
    options = ["--conf-pattern", "(?s).{1,300}", "--max-queries-per-minute", "0"]
    serve = Serve(folder, *options, code=FASTER)
    try:
        hostile = HostileServer(serve, token)
        hostile.call()
        yield hostile
    finally:
        serve.close()
    assert "Traceback" not in hostile.serve.log.read_text()


# Whether an element of a page comes from a text from outside.
_IS_INJECTED = r"""
(element) => element.getAttribute("src") === "x"
  || /^(x$|javascript:)/.test(element.getAttribute("src") || "")
  || [...element.attributes].some((attribute) => attribute.name.startsWith("on"))
  || /^\s*(javascript|data|vbscript):/i.test(element.getAttribute("href") || "")
  || /^(iframe|object|embed)$/i.test(element.tagName)
"""
_MARKUP_OF = "(element) => element.outerHTML"


class Reader:
    """A page, and what ran, failed or was loaded on it because of a text from outside."""

    def __init__(self, hostile: HostileServer, browser: Browser, language: str) -> None:
        self.context = browser.new_context(locale=language)
        self.incidents: list[str] = []
        self.context.add_init_script("window.alert = window.a = (...args) => window.owned(...args)")
        self.context.expose_function("owned", lambda *args: self.incidents.append(f"ran: {args}"))
        self.page = self.context.new_page()
        self.page.on("dialog", lambda dialog: self.incidents.append(f"dialog: {dialog.message}"))
        self.page.on("pageerror", lambda error: self.incidents.append(f"error: {error}"))
        self.page.on("console", self._on_console)
        self.page.on("request", self._on_request)
        self.root = hostile.root
        self.login(self.page)

    def _on_console(self, message: Any) -> None:
        # The console reports responses with 400 and 404 too.
        if message.type in ("error", "warning") and "the server responded" not in message.text:
            self.incidents.append(f"console: {message.text}")

    def _on_request(self, request: Any) -> None:
        ours = request.url.startswith((f"{self.root}/", "data:"))
        if not ours or request.url.endswith("/x"):  # The source of the images in the texts.
            self.incidents.append(f"request: {request.url}")

    def login(self, page: Page) -> None:
        page.goto(f"{self.root}/login?to=" + quote("//elsewhere.example/"))
        page.locator("main [name=name]").fill(_USER)
        page.locator("[name=password]").fill(_PASSWORD)
        page.locator("main button").click()
        page.wait_for_url(f"{self.root}/")

    def open(self, path: str, *texts: str) -> Page:
        """Open a page, which must show each text, with codes for what is not seen."""
        self.page.goto(self.root + path)
        self.page.wait_for_load_state("load")
        self.check(path)
        shown = self.page.locator("body").evaluate("body => body.textContent")
        for text in texts:
            assert without_controls(text) in shown, (path, text)
        return self.page

    def check(self, path: str) -> None:
        elements = "[...document.querySelectorAll('*')]"
        injected = self.page.evaluate(f"{elements}.filter({_IS_INJECTED}).map({_MARKUP_OF})")
        assert injected == [], path
        assert self.incidents == [], path

    def fetch(self, path: str) -> None:
        """Let the browser parse a page without showing it, which takes a fifth of the time."""
        parsed = "new DOMParser().parseFromString(text, 'text/html').querySelectorAll('*')"
        found = f"[...{parsed}].filter({_IS_INJECTED}).map({_MARKUP_OF})"
        text = "fetch(path).then((answer) => answer.text())"
        assert self.page.evaluate(f"(path) => {text}.then((text) => {found})", path) == [], path


def _session_of(hostile: HostileServer, browser_id: str) -> str:
    found = (item for item in hostile.sessions() if item["participant_id"] == browser_id)
    return str(next(found)["session"])


def test_markup_is_shown_as_text_on_every_page(hostile: HostileServer, browser: Browser) -> None:
    reader = Reader(hostile, browser, "en-GB")
    room = unquote(_CONF)
    live = _session_of(hostile, _UIDS[1])
    meeting = hostile.api("/live")["meetings"][0]["id"]

    page = reader.open("/", room, _USER, _READINGS["t.sr"])
    expect(page.locator("main a").filter(has_text="onerror=alert(3)").first).to_have_css(
        "unicode-bidi", "isolate"
    )
    with page.expect_response("**/live"):
        page.reload()
    expect(page.locator("#live-state")).not_to_be_empty()  # An update came, and was put in.
    reader.check("/live")
    reader.open("/overview?since=24h", room, _READINGS["t.sr"])
    page = reader.open(f"/meetings/{meeting}", room, _READINGS["pid"], _READINGS["br"])
    page.locator("[data-curves]").first.click()
    expect(page.locator(".curves .u-over").first).to_be_visible()
    for element in page.locator("details").all():
        element.evaluate("details => { details.open = true }")
    reader.check("open curves")
    texts = (_READINGS["br"], _READINGS["os"], _READINGS["t.sr"], _READINGS["cdc.v"], _EVENT)
    reader.open(f"/sessions/{live}", room, *texts)
    reader.open("/sessions/" + "e" * 24, room, _PROVIDER, _COUNTRY)
    reader.open(f"/participants/{_UIDS[1]}?since=24h", room, _READINGS["br"])
    # What the browser says, what its reports say, what the collector looks up.
    for by in ("browser", "codec", "provider", "country"):
        path = {"browser": "br", "os": "os", "region": "t.sr", "codec": "cdc.v"}.get(by)
        shown = {"provider": _PROVIDER, "country": _COUNTRY}.get(by, _READINGS.get(path or "", ""))
        reader.open(f"/compare?since=24h&by={by}", shown)
        value = next(item["value"] for item in hostile.api(f"/compare?since=24h&by={by}"))
        reader.open("/find?" + urlencode({"since": "24h", by: value}), room)
    reader.open("/health")
    reader.open("/find?" + urlencode({"q": "onerror"}), room)
    page.locator("#q").fill("")
    page.locator("#q").press_sequentially("onerror")
    expect(page.locator("#suggestions a").first).to_be_visible()
    reader.check("suggestions")
    reader.open("/forget?" + urlencode({"room": _CONF}), room)
    reader.context.close()


def test_markup_is_shown_as_text_in_another_language(
    hostile: HostileServer, browser: Browser
) -> None:
    hostile.continue_calls()
    reader = Reader(hostile, browser, "fr-FR")
    reader.open("/", unquote(_CONF), _USER, _READINGS["t.sr"])
    session = _session_of(hostile, _UIDS[1])
    reader.open(f"/sessions/{session}", unquote(_CONF), _READINGS["br"], _EVENT)
    reader.open("/find?" + urlencode({"q": "onerror"}), unquote(_CONF))
    reader.context.close()


_MARKUP = "\"'><img src=x onerror=alert(1)></script><script>alert(2)</script>{{7*7}}"


def test_markup_in_a_query_is_shown_as_text(hostile: HostileServer, browser: Browser) -> None:
    reader = Reader(hostile, browser, "en-GB")
    filters = ("room", "participant", *_DIMENSIONS, "grade")
    together = (*filters, "lang", "to", "what", "format", "limit", _MARKUP)
    every = urlencode(dict.fromkeys(together, _MARKUP))
    for path in ("/overview", "/compare", "/find", "/incidents", f"/participants/{_UIDS[0]}"):
        reader.open(f"{path}?{every}")
        for name in ("since", "until"):
            reader.fetch(f"{path}?{urlencode({name: _MARKUP})}")
    for path in ("/find?cursor=", "/compare?by=", "/incidents?order=newest&cursor=", "/incidents/"):
        reader.fetch(path + quote(_MARKUP))
    for path in ("/forget?participant=", "/forget?room=", "/login?to=", "/?lang=", "/nothing"):
        reader.fetch(path + quote(_MARKUP))
    for path in ("/sessions/", "/meetings/", "/participants/", "/static/", "/api/v1/"):
        reader.fetch(path + quote(_MARKUP))
    reader.open("/find?q=" + quote(_MARKUP))
    reader.context.close()


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
def test_signing_in_stays_on_this_site(hostile: HostileServer, browser: Browser, to: str) -> None:
    with browser.new_context() as context:
        page = context.new_page()
        requested: list[str] = []
        page.on("request", lambda request: requested.append(request.url))
        page.goto(f"{hostile.root}/login?to={quote(to)}")
        page.locator("main [name=name]").fill(_USER)
        page.locator("[name=password]").fill(_PASSWORD)
        page.locator("main button").click()
        page.wait_for_url(lambda url: "/login" not in url)
        assert page.url.startswith(f"{hostile.root}/")
        assert [url for url in requested if not url.startswith(f"{hostile.root}/")] == []


def test_the_receipt_of_an_erased_room_shows_markup_as_text(
    hostile: HostileServer, browser: Browser
) -> None:
    """The last test of the file: it erases the data of the others."""
    reader = Reader(hostile, browser, "en-GB")
    page = reader.open("/forget?" + urlencode({"room": _CONF}), unquote(_CONF))
    page.locator("button.danger").click()
    expect(page.locator("h1")).to_have_text("Erased", timeout=30_000)
    reader.check("the receipt")
    assert without_controls(unquote(_CONF)) in (page.locator("main").text_content() or "")
    assert hostile.sessions() == []
    reader.context.close()
