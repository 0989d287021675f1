"""`jmmc doctor` on pages that work and on pages with problems."""

import json
import re
import ssl
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, ClassVar

import pytest
from click.testing import CliRunner

from jmmc.cli import main
from jmmc.core.check_findings import Finding
from jmmc.jitsi import csp
from jmmc.jitsi.doctor import examine
from jmmc.jitsi.page import read_config
from jmmc.settings import Settings
from jmmc.web.browser.script import render
from tests.support.chats import TunnelProxy
from tests.support.servers import FASTER, PREFIX, Serve, free_port, post_push
from tests.support.waiting import wait_until

_LIBRARY = '<script src="libs/lib-jitsi-meet.min.js?v=1"></script>'
_OURS = '<script async src="/jmmc/getClient"></script>'


class Site:
    """A server whose responses a test sets: path to (status, headers, body)."""

    def __init__(self, secure: ssl.SSLContext | None = None) -> None:
        responses: dict[str, tuple[int, dict[str, str], str]] = {}
        self.responses = responses

        class Handler(BaseHTTPRequestHandler):
            timeout: ClassVar[float] = 10

            def do_GET(self) -> None:
                path = self.path.partition("?")[0]
                status, headers, body = responses.get(path, (404, {}, "no"))
                data = body.encode()
                self.send_response(status)
                for name, value in headers.items():
                    self.send_header(name, value)
                self.send_header("Content-Length", str(len(data)))
                self.end_headers()
                self.wfile.write(data)

            do_OPTIONS = do_GET  # noqa: N815 - the name is the library's.

            def log_message(self, format: str, *args: object) -> None:  # noqa: A002
                pass

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        if secure is not None:
            self._server.socket = secure.wrap_socket(
                self._server.socket, server_side=True, do_handshake_on_connect=False
            )
        self._thread = threading.Thread(target=self._server.serve_forever, daemon=True)
        self._thread.start()
        self.origin = f"127.0.0.1:{self._server.server_port}"
        self.url = f"{'https' if secure else 'http'}://{self.origin}"

    def put(self, path: str, body: str, *, status: int = 200, **headers: str) -> None:
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        self.responses[path] = (status, named, body)

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join(10)


@pytest.fixture(scope="module")
def sites() -> Iterator[tuple[Site, Site]]:
    """The host of Jitsi Meet, and that of the collector."""
    both = (Site(), Site())
    yield both
    for site in both:
        site.close()


def _page(head: str = "", config: str = "", meta: str = "") -> str:
    inline = f"<script>{config}</script>" if config else ""
    return f"<html><head>{meta}{inline}{_LIBRARY}{head}</head><body></body></html>"


def _config(**more: Any) -> str:
    fields = {"hosts": {"domain": "x"}, "analytics": {"scriptURLs": ["/jmmc/getClient"]}, **more}
    return f"var config = {json.dumps(fields)};"


# What is served, and parts of the findings that it must have. No other finding may fail.
PAGES: dict[str, tuple[dict[str, Any], list[str]]] = {
    "in the page": ({"page": _page(_OURS)}, ["ok script: in the page", "ok script: http"]),
    "in config.js, inlined": (
        {"page": _page(config=_config())},
        ["ok script: config.js (in the page) names", "warn mobile apps: push_url is relative"],
    ),
    "in config.js, beside": (
        {"page": _page(), "config": _config()},
        ["ok script: http", "/config.js names /jmmc/getClient"],
    ),
    "both": (
        {"page": _page(_OURS, config=_config())},
        ["warn script: named more than once"],
    ),
    "nowhere": ({"page": _page(config="var config = {};")}, ["fail script: neither"]),
    "only in a comment": (
        {"page": _page(config="var config = {}; // scriptURLs: ['/jmmc/getClient']")},
        ["fail script: neither"],
    ),
    "no third parties": (
        {"page": _page(config=_config(disableThirdPartyRequests=True))},
        ["fail disableThirdPartyRequests is true"],
    ),
    "no third parties, and in the page": (
        {"page": _page(_OURS, config=_config(disableThirdPartyRequests=True))},
        ["warn disableThirdPartyRequests is true"],
    ),
    "analytics off": (
        {"page": _page(config=_config() + "config.analytics.disabled = true;")},
        ["fail analytics.disabled is true"],
    ),
    "analytics off, and in the page": (
        {"page": _page(_OURS, config=_config() + "config.analytics.disabled = true;")},
        ["fail analytics.disabled is true"],
    ),
    "not Jitsi Meet": ({"page": f"<html>{_OURS}</html>"}, ["warn page: http"]),
    "no such page": ({"page": None}, ["fail page: http"]),
    "CSP allows": (
        {"page": _page(_OURS), "csp": "default-src 'self'"},
        ["ok CSP: script-src allows", "ok CSP: connect-src allows"],
    ),
    "CSP stops the script": (
        {"page": _page(_OURS), "csp": "script-src https://cdn.example.org; connect-src *"},
        ["fail CSP: script-src does not allow"],
    ),
    "CSP stops the push": (
        {"page": _page(_OURS), "csp": "script-src 'self'; connect-src wss:"},
        ["fail CSP: connect-src does not allow"],
    ),
    "CSP in the page": (
        {
            "page": _page(
                _OURS,
                meta='<meta http-equiv="content-security-policy" content="script-src \'none\'">',
            )
        },
        ["fail CSP: script-src does not allow"],
    ),
    "CSP with nonces": (
        {"page": _page(_OURS), "csp": "script-src 'nonce-x' 'strict-dynamic'"},
        ["fail CSP: 'strict-dynamic' blocks"],
    ),
    "the proxy answers with the page": (
        {"page": _page(_OURS), "script": _page(), "kind": "text/html"},
        ["fail script: http", "returned 200, text/html"],
    ),
    "the script is not there": (
        {"page": _page(_OURS), "script": None},
        ["returned 404"],
    ),
    "it waits for consent": (
        {"page": _page(_OURS), "settings": {"require_consent": True}},
        ["ok script: collects only after consent"],
    ),
    "an old script, with settings that cannot be read": (
        {"page": _page(_OURS), "script": 'jmmc_({"push_url":', "kind": "text/javascript"},
        ["ok script: http", "ok CORS: same origin"],
    ),
    "CSP with nonces, named in config.js": (
        {
            "page": _page(config=_config()),
            "csp": "script-src 'nonce-x' 'strict-dynamic'; connect-src 'self'",
        },
        ["warn CSP: 'strict-dynamic' lets Jitsi Meet load the script (a guess)"],
    ),
    "a guess": (
        {"page": _page(config="var config = {}; scripts.push('https://a.invalid/getClient')")},
        ["names https://a.invalid/getClient (a guess", "fail script: https://a.invalid/getClient"],
    ),
    "switched off": (
        {"page": _page(_OURS), "settings": {"enabled": False}},
        ["warn script: collection is off"],
    ),
}


@pytest.mark.parametrize("row", PAGES)
def test_each_kind_of_page_gets_its_findings(sites: tuple[Site, Site], row: str) -> None:
    served, expected = PAGES[row]
    site = sites[0]
    site.responses.clear()
    if served["page"] is not None:
        headers = {"Content_Security_Policy": served["csp"]} if "csp" in served else {}
        site.put("/room", served["page"], Content_Type="text/html", **headers)
    if "config" in served:
        site.put("/config.js", served["config"], Content_Type="application/javascript")
    script = served.get("script", render(Settings.of(**served.get("settings", {}))))
    if script is not None:
        site.put("/jmmc/getClient", script, Content_Type=served.get("kind", "text/javascript"))
    findings = list(examine(f"{site.url}/room"))
    report = "\n".join(f"{finding.verdict} {finding.what}" for finding in findings)
    for part in expected:
        assert part in report
    failing = [finding for finding in findings if finding.verdict == "fail"]
    assert bool(failing) == any("fail " in part or "returned 404" in part for part in expected), (
        report
    )
    assert all(finding.hint for finding in failing)
    assert all("\n" not in finding.what for finding in findings)


@pytest.mark.parametrize(
    ("cors", "verdict"),
    [({"Access_Control_Allow_Origin": "*"}, "ok"), ({}, "fail")],
    ids=["any origin", "none"],
)
def test_a_collector_on_another_origin_must_allow_the_page_by_cors(
    sites: tuple[Site, Site], cors: dict[str, str], verdict: str
) -> None:
    site, collector = sites
    site.responses.clear()
    push = f"{collector.url}/jmmc/push"
    url = f"{collector.url}/jmmc/getClient"
    site.put("/room", _page(f'<script src="{url}"></script>'), Content_Type="text/html")
    script = render(Settings.of(push_url=push))
    collector.put("/jmmc/getClient", script, Content_Type="application/javascript")
    collector.put("/jmmc/push", "", status=204, **cors)
    (cors_finding,) = [
        finding for finding in examine(f"{site.url}/room") if finding.what.startswith("CORS")
    ]
    assert cors_finding.verdict == verdict


def test_an_unreachable_config_js_is_reported_as_not_found(sites: tuple[Site, Site]) -> None:
    site = sites[0]
    site.responses.clear()
    gone = f"http://127.0.0.1:{free_port()}/config.js"
    site.put("/room", _page(f'<script src="{gone}"></script>'), Content_Type="text/html")
    report = [f"{finding.verdict} {finding.what}" for finding in examine(f"{site.url}/room")]
    assert report[1:] == [
        "warn config.js: not found",
        "fail script: neither in the page nor in analytics.scriptURLs",
    ]


def test_a_page_without_https_gets_a_warning(sites: tuple[Site, Site]) -> None:
    site = sites[0]
    site.responses.clear()
    site.put("/room", _page(_OURS), Content_Type="text/html")
    elsewhere = site.url.replace("127.0.0.1", "0.0.0.0")  # This machine under another name.
    finding = next(examine(f"{elsewhere}/room"))
    assert (finding.verdict, finding.what) == ("warn", f"page: {elsewhere}/room is not https")
    assert "no camera" in finding.hint


def test_an_unreachable_push_url_fails(sites: tuple[Site, Site]) -> None:
    site = sites[0]
    site.responses.clear()
    site.put("/room", _page(_OURS), Content_Type="text/html")
    push = f"http://127.0.0.1:{free_port()}/push"
    site.put("/jmmc/getClient", render(Settings.of(push_url=push)), Content_Type="text/javascript")
    last = [*examine(f"{site.url}/room")][-1]
    assert (last.verdict, last.hint) == ("fail", "check push_url")
    assert last.what.startswith(f"push: {push}: ")


@pytest.mark.parametrize(
    ("status", "body", "what", "hint"),
    [
        (403, "", "needs a token", "jmmc token create"),
        (401, "", "needs a token", "jmmc token create"),
        (404, "<html>", "returned 404, but no list of sessions", "without the prefix"),
        (200, '{"items": [7]}', "returned 200, but no list of sessions", "without the prefix"),
    ],
)
def test_unexpected_responses_of_the_collector_fail_with_a_hint(
    sites: tuple[Site, Site], status: int, body: str, what: str, hint: str
) -> None:
    site, collector = sites
    site.responses.clear()
    site.put("/room", _page(_OURS), Content_Type="text/html")
    collector.put("/api/v1/sessions", body, status=status)
    last = [*examine(f"{site.url}/room", collector=f"{collector.url}/", token="t")][-1]
    assert (last.verdict, last.what) == ("fail", f"collector: {collector.url} {what}")
    assert hint in last.hint


def test_an_unreachable_collector_fails(sites: tuple[Site, Site]) -> None:
    site = sites[0]
    site.responses.clear()
    site.put("/room", _page(_OURS), Content_Type="text/html")
    gone = f"http://127.0.0.1:{free_port()}"
    last = [*examine(f"{site.url}/room", collector=gone)][-1]
    assert (last.verdict, last.hint) == ("fail", "check that it runs")
    assert last.what.startswith(f"collector: {gone}: ")


def test_an_unreachable_page_is_one_finding_in_one_line() -> None:
    done = CliRunner().invoke(main, ["doctor", f"http://127.0.0.1:{free_port()}/room"])
    assert done.exit_code == 1
    assert done.output.startswith("FAIL page: ")
    assert "object at" not in done.output
    assert len(done.output.splitlines()) == 2


def test_a_url_without_a_scheme_is_refused() -> None:
    done = CliRunner().invoke(main, ["doctor", "meet.example.org"])
    assert done.exit_code == 2
    assert "expected an http or https URL" in done.stderr


def test_the_time_of_the_last_sample_is_reported(sites: tuple[Site, Site], tmp_path: Path) -> None:
    site = sites[0]
    site.responses.clear()
    serve = Serve(tmp_path, code=FASTER)
    try:
        url = f"{serve.url}/getClient"
        site.put("/room", _page(f'<script src="{url}"></script>'), Content_Type="text/html")
        collector = serve.url.removesuffix(PREFIX)
        last = [*examine(f"{site.url}/room", collector=collector)][-1]
        assert (last.verdict, "no session" in last.what) == ("warn", True)
        body = {
            "v": 2,
            "sid": "0" * 32,
            "uid": "a40bcaa8-8b36-11ec-a8a3-0242ac120002",
            "conf": "weekly",
            "samples": [{"seq": 0, "age": 1, "m": {"cq": 90}}],
        }
        post_push(serve.url, body)

        def find_success() -> Finding | None:
            last = [*examine(f"{site.url}/room", collector=collector)][-1]
            return last if last.verdict == "ok" else None

        last = wait_until(find_success, pause=0.2)
        assert re.fullmatch(r"pushing: the last sample is from 20[\dT:-]+Z", last.what)
    finally:
        serve.close()


@pytest.mark.parametrize(
    ("code", "scripts", "plainly"),
    [
        ("config.analytics = {scriptURLs: ['https://a/getClient']};", 1, True),
        (
            "config.analytics.scriptURLs = [\n 'x.js', // mine\n \"https://a/getClient\",\n];",
            2,
            True,
        ),
        ("scriptURLs = (scriptURLs || []).concat('https://a/getClient');", 1, True),
        ("scripts.push('https://a/getClient')", 1, False),
        ("/* scriptURLs: ['https://a/getClient'] */", 0, True),
    ],
)
def test_script_urls_are_found_in_the_text_of_config_js(
    code: str, scripts: int, plainly: bool
) -> None:
    config = read_config(code)
    assert (len(config.scripts), config.plainly) == (scripts, plainly)


@pytest.mark.parametrize(
    ("code", "disabled"),
    [
        ("var config = {analytics: {disabled: true, matomo: {disabled: false}}};", True),
        ("var config = {p2p: {disabled: true}, analytics: {x: {disabled: true}}};", None),
        ("config.analytics.disabled = true; config.analytics.disabled = false;", False),
    ],
)
def test_only_analytics_disabled_counts_not_other_disabled_flags(
    code: str, disabled: bool | None
) -> None:
    assert read_config(code).analytics_disabled is disabled


@pytest.mark.parametrize(
    ("policy", "url", "allowed"),
    [
        ("script-src *", "https://m.example.org/x", True),
        ("script-src 'self'", "https://meet.example.org/x", True),
        ("script-src 'self'", "https://m.example.org/x", False),
        ("script-src https:", "https://m.example.org/x", True),
        ("script-src http:", "https://m.example.org/x", True),
        ("script-src https:", "http://m.example.org/x", False),
        ("script-src m.example.org", "https://m.example.org/x", True),
        ("script-src *.example.org", "https://m.example.org/x", True),
        ("script-src *.example.org", "https://example.org/x", False),
        ("script-src m.example.org:8443", "https://m.example.org/x", False),
        ("script-src m.example.org:*", "https://m.example.org:8443/x", True),
        ("script-src https://m.example.org/a/", "https://m.example.org/a/x", True),
        ("script-src https://m.example.org/a", "https://m.example.org/a/x", False),
        ("script-src 'none'", "https://meet.example.org/x", False),
        ("script-src", "https://meet.example.org/x", False),
        ("default-src 'self'; script-src-elem m.example.org", "https://m.example.org/x", True),
        ("img-src 'none'", "https://m.example.org/x", True),
        ("SCRIPT-SRC 'SELF'", "https://meet.example.org/x", True),
        ("script-src a; script-src *", "https://m.example.org/x", False),
    ],
)
def test_a_policy_is_evaluated_as_browsers_do(policy: str, url: str, allowed: bool) -> None:
    directives = ("script-src-elem", "script-src", "default-src")
    assert csp.allows(csp.parse(policy), directives, url, "https://meet.example.org/r") is allowed


def test_the_doctor_goes_through_the_proxy_of_the_environment_and_not_where_no_proxy_says(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Also where a redirect leads."""
    site = Site()
    target = site.url.replace("127.0.0.1", "localhost")
    site.responses["/room"] = (302, {"Location": f"{target}/page"}, "")
    site.responses["/page"] = (200, {}, _LIBRARY)
    proxy = TunnelProxy({"meet.example.org": int(site.url.rpartition(":")[2])})
    monkeypatch.setenv("http_proxy", proxy.url)
    monkeypatch.setenv("no_proxy", "localhost")
    try:
        findings = list(examine("http://meet.example.org/room"))
    finally:
        site.close()
        proxy.close()
    assert findings[0].what.startswith(f"page: {target}/page is not https") or (
        findings[0].what.startswith(f"page: {target}/page is Jitsi Meet")
    )
    assert proxy.requests == ["GET http://meet.example.org/room HTTP/1.1"]
