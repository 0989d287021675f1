"""Check a live Jitsi Meet page: is the script named, allowed, served, and are calls pushed?"""

import json
import re
from collections.abc import Iterator, Mapping
from typing import NamedTuple
from urllib.parse import urljoin, urlsplit

import urllib3

from jmmc.core.check_findings import Finding
from jmmc.core.outgoing import pool_for
from jmmc.core.version import __version__
from jmmc.jitsi import csp
from jmmc.jitsi.first_steps import push_step
from jmmc.jitsi.page import Config, Html, is_ours, read_config, read_html

_LIMIT = 4 * 2**20  # Bytes of one response; a page of Jitsi Meet has about 100 KB.
_TIMEOUT = urllib3.Timeout(connect=5, read=10)
_REDIRECTS = 4
_LOADS = ("script-src-elem", "script-src", "default-src")
_PUSHES = ("connect-src", "default-src")
_LOCAL = ("localhost", "127.0.0.1", "::1")


class Response(NamedTuple):
    """An HTTP response. `url` is the one after redirects; `policies` are its CSP headers."""

    url: str
    status: int
    headers: Mapping[str, str]
    policies: list[str]
    text: str


class Unreachable(Exception):
    """No response. The message says why, in one line."""


class Web:
    """Fetches with limits of time and size, through the proxies that the environment names.

    Certificates are verified.
    """

    def get(self, url: str, *, method: str = "GET", **headers: str) -> Response:
        """Fetch a URL and follow redirects. Raises `Unreachable`."""
        sent = {
            "user-agent": f"jmmc-doctor/{__version__}",
            **{name.replace("_", "-"): value for name, value in headers.items()},
        }
        try:
            for _ in range(_REDIRECTS + 1):
                # Each place may have another proxy, or none.
                with pool_for(url, timeout=_TIMEOUT, retries=False) as pool:
                    response = pool.request(
                        method, url, headers=sent, preload_content=False, redirect=False
                    )
                    try:
                        body = response.read(_LIMIT, decode_content=True)
                    finally:
                        response.release_conn()
                        response.close()
                location = response.get_redirect_location()
                if not location:
                    break
                target = urljoin(url, location)
                if urlsplit(target).netloc != urlsplit(url).netloc:
                    sent.pop("authorization", None)
                if response.status == 303:
                    method = "GET"
                url = target
            else:
                raise Unreachable("too many redirects")
        except (urllib3.exceptions.HTTPError, UnicodeError, ValueError) as error:
            raise Unreachable(_reason(error)) from None
        return Response(
            url,
            response.status,
            response.headers,
            response.headers.getlist("content-security-policy"),
            body.decode("utf-8", "replace"),
        )


def examine(
    url: str, *, collector: str | None = None, token: str | None = None, web: Web | None = None
) -> Iterator[Finding]:
    """Check a room's page; with `collector` (a URL without the prefix), also whether calls arrive.

    Checks that depend on one that failed are left out.
    """
    web = web or Web()
    try:
        page = web.get(url)
    except Unreachable as error:
        hint = "check the address, and that this machine can reach it"
        yield Finding("fail", f"page: {url}: {error}", hint)
        return
    if page.status >= 400:
        yield Finding("fail", f"page: {url} returned {page.status}", "give the URL of a room")
        return
    html = read_html(page.text)
    yield _page(page, html)
    config, source = _config(web, page, html)
    in_page = [script for script in html.scripts if is_ours(script)]
    in_config = [script for script in config.scripts if is_ours(script)]
    yield from _named(in_page, config, source)
    loaded = dict.fromkeys(urljoin(page.url, script) for script in (*in_page, *in_config))
    for script in loaded:
        yield from _script(
            web,
            page,
            html,
            script,
            by_config=script not in {urljoin(page.url, source) for source in in_page},
        )
    if collector is not None and loaded:
        yield _pushing(web, collector.rstrip("/"), token)


def _page(page: Response, html: Html) -> Finding:
    if "lib-jitsi-meet" not in page.text:
        what = f"page: {page.url} does not look like Jitsi Meet"
        return Finding("warn", what, "give the URL of a room")
    if urlsplit(page.url).scheme == "http" and urlsplit(page.url).hostname not in _LOCAL:
        hint = "browsers allow no camera and no microphone without https"
        return Finding("warn", f"page: {page.url} is not https", hint)
    return Finding("ok", f"page: {page.url} is Jitsi Meet, with {len(html.scripts)} scripts")


def _config(web: Web, page: Response, html: Html) -> tuple[Config, str]:
    """The page's configuration, and where it was found: in the page or in config.js."""
    inline = read_config(html.inline)
    if re.search(r"\bconfig\s*=\s*\{", html.inline):
        return inline, "config.js (in the page)"
    name = next(
        (script for script in html.scripts if re.search(r"(^|/)config\.js\b", script)), "/config.js"
    )
    try:
        response = web.get(urljoin(page.url, name))
    except Unreachable:
        return inline, ""
    text = response.text
    is_config = response.status == 200 and "config" in text and "<html" not in text
    return (read_config(text), response.url) if is_config else (inline, "")


def _named(in_page: list[str], config: Config, source: str) -> Iterator[Finding]:
    """Where the script is named, and whether Jitsi Meet loads what config.js names."""
    in_config = [script for script in config.scripts if is_ours(script)]
    if in_page:
        yield Finding("ok", f"script: in the page itself: {in_page[0]}")
    if not source:
        hint = "analytics.scriptURLs could not be checked"
        yield Finding("ok" if in_page else "warn", "config.js: not found", hint)
    if in_config:
        guess = "" if config.plainly else " (a guess: it is not in a plain list)"
        yield Finding("ok", f"script: {source} names {in_config[0]}{guess}")
        if config.no_third_parties:
            what = "disableThirdPartyRequests is true: Jitsi Meet does not load scriptURLs"
            hint = "set it to false, or put the script into the page: jmmc snippet"
            yield Finding("warn" if in_page else "fail", what, hint)
    if config.analytics_disabled and (in_page or in_config):
        what = "analytics.disabled is true: the script collects nothing, however it is loaded"
        yield Finding("fail", what, "set it to false in config.js")
    if not in_page and not in_config:
        hint = "paste what jmmc snippet prints, then reload the web server"
        yield Finding("fail", "script: neither in the page nor in analytics.scriptURLs", hint)
    if len(in_page) > 1 or (in_page and in_config):
        hint = "it runs only once; remove all but one"
        yield Finding("warn", "script: named more than once", hint)


def _script(
    web: Web, page: Response, html: Html, script: str, *, by_config: bool
) -> Iterator[Finding]:
    if urlsplit(page.url).scheme == "https" and urlsplit(script).scheme == "http":
        hint = "serve the collector over https"
        yield Finding("fail", "mixed content: an https page may not load an http script", hint)
        return
    policies = [csp.parse(policy) for policy in (*page.policies, *html.policies)]
    yield from _csp(policies, _LOADS, "script-src", script, page.url, by_config=by_config)
    try:
        response = web.get(script)
    except Unreachable as error:
        yield Finding("fail", f"script: {script}: {error}", "check that the collector runs")
        return
    kind = response.headers.get("content-type", "none").partition(";")[0]
    if response.status != 200 or "javascript" not in kind or "jmmc_" not in response.text:
        hint = "check the prefix, and that the proxy forwards this path"
        yield Finding("fail", f"script: {script} returned {response.status}, {kind}", hint)
        return
    yield Finding("ok", f"script: {script} is served")
    settings = _settings(response.text)
    if settings.get("enabled") is False:
        yield Finding("warn", "script: collection is off", "set enabled = true in the collector")
    if settings.get("require_consent") is True:
        yield Finding(
            "ok",
            "script: collects only after consent",
            "the page allows it by window.jmmc_consent = true",
        )
    push_url = str(settings.get("push_url", "push"))
    if by_config and not push_url.startswith("http"):
        hint = "set push_url to an absolute URL: an app does not know where the script came from"
        yield Finding("warn", "mobile apps: push_url is relative, so apps do not collect", hint)
    push = urljoin(response.url, push_url)
    yield from _csp(policies, _PUSHES, "connect-src", push, page.url, by_config=True)
    yield from _push(web, page, push)


def _settings(script: str) -> dict[str, object]:
    """The settings in a served script: the JSON object that begins with `push_url`."""
    start = script.find('{"push_url"')
    try:
        settings = json.JSONDecoder().raw_decode(script, start)[0] if start >= 0 else {}
    except ValueError:
        return {}
    return settings if isinstance(settings, dict) else {}


def _csp(
    policies: list[dict[str, list[str]]],
    directives: tuple[str, ...],
    name: str,
    url: str,
    page: str,
    *,
    by_config: bool,
) -> Iterator[Finding]:
    """Whether the page's policies allow a URL: all of them must."""
    if not policies:
        yield Finding("ok", f"CSP: none, so {name} is not restricted")
        return
    target = urlsplit(url)
    hint = f"add {target.scheme}://{target.netloc} to {name}"
    for policy in policies:
        if name == "script-src" and csp.needs_nonce(policy, directives):
            if by_config:
                what = "CSP: 'strict-dynamic' lets Jitsi Meet load the script (a guess)"
                yield Finding("warn", what, "check the browser's console in a call")
            else:
                what = "CSP: 'strict-dynamic' blocks a script without a nonce"
                yield Finding("fail", what, "name it in analytics.scriptURLs: jmmc snippet")
            return
        if not csp.allows(policy, directives, url, page):
            yield Finding("fail", f"CSP: {name} does not allow {url}", hint)
            return
    yield Finding("ok", f"CSP: {name} allows {target.scheme}://{target.netloc}")


def _push(web: Web, page: Response, push: str) -> Iterator[Finding]:
    if urlsplit(page.url).scheme == "https" and urlsplit(push).scheme == "http":
        hint = "set push_url to https, or make it relative"
        yield Finding("fail", f"mixed content: an https page may not push to {push}", hint)
        return
    here, there = urlsplit(page.url), urlsplit(push)
    origin = f"{here.scheme}://{here.netloc}"
    if (here.scheme, here.netloc) == (there.scheme, there.netloc):
        yield Finding("ok", "CORS: same origin, not needed")
        return
    try:
        response = web.get(
            push, method="OPTIONS", origin=origin, access_control_request_method="POST"
        )
    except Unreachable as error:
        yield Finding("fail", f"push: {push}: {error}", "check push_url")
        return
    allowed = response.headers.get("access-control-allow-origin", "")
    if response.status >= 400 or allowed not in ("*", origin):
        hint = f"add {origin} to allowed_origins; the proxy must forward OPTIONS requests"
        yield Finding("fail", f"CORS: {push} does not allow {origin}", hint)
    else:
        yield Finding("ok", f"CORS: {push} allows {origin}")


def _pushing(web: Web, collector: str, token: str | None) -> Finding:
    """Whether the collector has a session of the last 24 hours."""
    headers = {"authorization": f"Bearer {token}"} if token else {}
    try:
        response = web.get(f"{collector}/api/v1/sessions?since=24h&limit=1", **headers)
    except Unreachable as error:
        return Finding("fail", f"collector: {collector}: {error}", "check that it runs")
    if response.status in (401, 403):
        hint = "create one with jmmc token create doctor --scope read; give it with --token"
        return Finding("fail", f"collector: {collector} needs a token", hint)
    try:
        items = json.loads(response.text)["items"]
        last = items[0]["last"] if items else None
    except (ValueError, KeyError, TypeError, IndexError):
        hint = "give the collector's URL without the prefix"
        what = f"collector: {collector} returned {response.status}, but no list of sessions"
        return Finding("fail", what, hint)
    return push_step(last).finding


def _reason(error: Exception) -> str:
    """The innermost cause of an error, in one line, without addresses of objects."""
    cause: BaseException = error
    while (inner := getattr(cause, "reason", None) or cause.__cause__) is not None and isinstance(
        inner, BaseException
    ):
        cause = inner
    text = re.sub(r"<[^>]*>:?\s*", "", str(cause)).strip() or type(cause).__name__
    return text.splitlines()[0][:200]
