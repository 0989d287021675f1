"""Whether a live Jitsi Meet page loads our script, may load it, reaches it, and pushes."""

import json
import re
from collections.abc import Iterator, Mapping
from typing import Literal, NamedTuple
from urllib.parse import urljoin, urlsplit

import urllib3

from jmmc.core.findings import Finding
from jmmc.core.version import __version__
from jmmc.jitsi import csp
from jmmc.jitsi.page import Config, Html, is_ours, read_config, read_html

_LIMIT = 4 * 2**20  # Bytes that one answer may have; a page of Jitsi Meet has some 100 KB.
_TIMEOUT = urllib3.Timeout(connect=5, read=10)
_LOADS = ("script-src-elem", "script-src", "default-src")
_PUSHES = ("connect-src", "default-src")
_LOCAL = ("localhost", "127.0.0.1", "::1")


class Answered(NamedTuple):
    """An answer. `url` is where redirects led to."""

    url: str
    status: int
    headers: Mapping[str, str]
    policies: list[str]
    text: str


class Unreachable(Exception):
    """No answer; in one line why."""


class Web:
    """Fetches within limits of time and size, certificates verified."""

    def __init__(self) -> None:
        self._pool = urllib3.PoolManager(
            timeout=_TIMEOUT, headers={"user-agent": f"jmmc-doctor/{__version__}"}
        )

    def get(self, url: str, *, method: str = "GET", **headers: str) -> Answered:
        """One answer, redirects followed. Raises `Unreachable`."""
        try:
            answer = self._pool.request(
                method,
                url,
                headers={
                    **self._pool.headers,
                    **{k.replace("_", "-"): v for k, v in headers.items()},
                },
                preload_content=False,
                retries=urllib3.Retry(redirect=4, connect=0, read=0, status=0, other=0),
            )
            try:
                body = answer.read(_LIMIT, decode_content=True)
            finally:
                answer.release_conn()
                answer.close()
        except (urllib3.exceptions.HTTPError, UnicodeError) as error:
            raise Unreachable(_reason(error)) from None
        reached = urljoin(url, answer.geturl() or url)
        return Answered(
            reached,
            answer.status,
            answer.headers,
            answer.headers.getlist("content-security-policy"),
            body.decode("utf-8", "replace"),
        )


def examine(
    url: str, *, collector: str | None = None, token: str | None = None, web: Web | None = None
) -> Iterator[Finding]:
    """Look at a room's page; with `collector`, its URL without the prefix, also at what it has.

    What follows from something that failed is not looked at.
    """
    web = web or Web()
    try:
        page = web.get(url)
    except Unreachable as error:
        yield Finding("fail", f"page: {url}: {error}", "is the address right, and open from here?")
        return
    if page.status >= 400:
        yield Finding("fail", f"page: {url} answers {page.status}", "give the URL of a room")
        return
    html = read_html(page.text)
    yield _page(page, html)
    config, source = _config(web, page, html)
    here = [item for item in html.scripts if is_ours(item)]
    named = [item for item in config.scripts if is_ours(item)]
    yield from _named(here, config, source)
    loaded = dict.fromkeys(urljoin(page.url, item) for item in (*here, *named))
    for script in loaded:
        yield from _script(
            web,
            page,
            html,
            script,
            by_config=script not in {urljoin(page.url, item) for item in here},
        )
    if collector is not None and loaded:
        yield _pushing(web, collector.rstrip("/"), token)


def _page(page: Answered, html: Html) -> Finding:
    if "lib-jitsi-meet" not in page.text:
        return Finding(
            "warn", f"page: {page.url} does not look like Jitsi Meet", "give a room's URL"
        )
    if urlsplit(page.url).scheme == "http" and urlsplit(page.url).hostname not in _LOCAL:
        hint = "browsers give no camera and no microphone to it"
        return Finding("warn", f"page: {page.url} is not https", hint)
    return Finding("ok", f"page: {page.url} is Jitsi Meet, with {len(html.scripts)} scripts")


def _config(web: Web, page: Answered, html: Html) -> tuple[Config, str]:
    """What the page's configuration says, and where it was read: in the page or beside it."""
    inline = read_config(html.inline)
    if re.search(r"\bconfig\s*=\s*\{", html.inline):
        return inline, "config.js (in the page)"
    name = next(
        (script for script in html.scripts if re.search(r"(^|/)config\.js\b", script)), "/config.js"
    )
    try:
        answer = web.get(urljoin(page.url, name))
    except Unreachable:
        return inline, ""
    looks_right = answer.status == 200 and "config" in answer.text and "<html" not in answer.text
    return (read_config(answer.text), answer.url) if looks_right else (inline, "")


def _named(here: list[str], config: Config, source: str) -> Iterator[Finding]:
    """Where the script is named, and whether Jitsi Meet will load what config.js names."""
    named = [script for script in config.scripts if is_ours(script)]
    if here:
        yield Finding("ok", f"script: in the page itself: {here[0]}")
    if not source:
        hint = "its analytics.scriptURLs could not be looked at"
        yield Finding("ok" if here else "warn", "config.js: not found", hint)
    if named:
        guess = "" if config.plainly else " (a guess: it is not in a plain list)"
        yield Finding("ok", f"script: {source} names {named[0]}{guess}")
        for name, off in (
            ("disableThirdPartyRequests", config.no_third_parties),
            ("analytics.disabled", config.analytics_disabled),
        ):
            if off:
                verdict: Literal["warn", "fail"] = "warn" if here else "fail"
                hint = "set it to false, or put the script into the page: jmmc snippet"
                yield Finding(verdict, f"{name} is true: scriptURLs are not loaded", hint)
    if not here and not named:
        hint = "jmmc snippet prints what to paste; was the server reloaded since?"
        yield Finding("fail", "script: neither in the page nor in analytics.scriptURLs", hint)
    if len(here) > 1 or (here and named):
        hint = "it runs once all the same; one is enough"
        yield Finding("warn", "script: named more than once", hint)


def _script(
    web: Web, page: Answered, html: Html, script: str, *, by_config: bool
) -> Iterator[Finding]:
    if urlsplit(page.url).scheme == "https" and urlsplit(script).scheme == "http":
        hint = "serve the collector over https"
        yield Finding("fail", "mixed content: an https page may not load an http script", hint)
        return
    policies = [csp.parse(policy) for policy in (*page.policies, *html.policies)]
    yield from _may(policies, _LOADS, "script-src", script, page.url, by_config=by_config)
    try:
        answer = web.get(script)
    except Unreachable as error:
        yield Finding("fail", f"script: {script}: {error}", "is the collector running?")
        return
    kind = answer.headers.get("content-type", "none").partition(";")[0]
    if answer.status != 200 or "javascript" not in kind or "jmmc_" not in answer.text:
        hint = "is the prefix right, and does a proxy pass the path on?"
        yield Finding("fail", f"script: {script} answers {answer.status}, {kind}", hint)
        return
    yield Finding("ok", f"script: {script} is served")
    told = _settings(answer.text)
    if told.get("enabled") is False:
        yield Finding("warn", "script: collecting is switched off", "set enabled")
    if told.get("require_consent") is True:
        yield Finding("ok", "script: waits for consent", "see docs/privacy.md")
    push_url = str(told.get("push_url", "push"))
    if by_config and not push_url.startswith("http"):
        hint = "set push_url to the whole URL: an app cannot know where a script came from"
        yield Finding("warn", "mobile apps: push_url is relative, they do not collect", hint)
    push = urljoin(answer.url, push_url)
    yield from _may(policies, _PUSHES, "connect-src", push, page.url, by_config=True)
    yield from _push(web, page, push)


def _settings(script: str) -> dict[str, object]:
    """What the script was served with: the one JSON object that has `push_url`."""
    start = script.find('{"push_url"')
    try:
        found = json.JSONDecoder().raw_decode(script, start)[0] if start >= 0 else {}
    except ValueError:
        return {}
    return found if isinstance(found, dict) else {}


def _may(
    policies: list[dict[str, list[str]]],
    directives: tuple[str, ...],
    name: str,
    url: str,
    page: str,
    *,
    by_config: bool,
) -> Iterator[Finding]:
    """Whether each policy allows it; the strictest decides."""
    if not policies:
        yield Finding("ok", f"CSP: none, so {name} is free")
        return
    target = urlsplit(url)
    hint = f"add {target.scheme}://{target.netloc} to {name}"
    for policy in policies:
        if name == "script-src" and csp.needs_nonce(policy, directives):
            if by_config:
                what = "CSP: 'strict-dynamic' lets Jitsi Meet load it (a guess)"
                yield Finding("warn", what, "look at the console of a browser")
            else:
                what = "CSP: 'strict-dynamic' stops a script without a nonce"
                yield Finding("fail", what, "name it in analytics.scriptURLs: jmmc snippet")
            return
        if not csp.allows(policy, directives, url, page):
            yield Finding("fail", f"CSP: {name} does not allow {url}", hint)
            return
    yield Finding("ok", f"CSP: {name} allows {target.scheme}://{target.netloc}")


def _push(web: Web, page: Answered, push: str) -> Iterator[Finding]:
    if urlsplit(page.url).scheme == "https" and urlsplit(push).scheme == "http":
        hint = "set push_url to https, or make it relative"
        yield Finding("fail", f"mixed content: an https page may not push to {push}", hint)
        return
    here, there = urlsplit(page.url), urlsplit(push)
    origin = f"{here.scheme}://{here.netloc}"
    if (here.scheme, here.netloc) == (there.scheme, there.netloc):
        yield Finding("ok", "CORS: same origin, nothing needed")
        return
    try:
        answer = web.get(
            push, method="OPTIONS", origin=origin, access_control_request_method="POST"
        )
    except Unreachable as error:
        yield Finding("fail", f"push: {push}: {error}", "is push_url right?")
        return
    allowed = answer.headers.get("access-control-allow-origin", "")
    if answer.status >= 400 or allowed not in ("*", origin):
        hint = f"allowed_origins must list {origin}, and no proxy may answer OPTIONS itself"
        yield Finding("fail", f"CORS: {push} does not let {origin} push", hint)
    else:
        yield Finding("ok", f"CORS: {push} lets {origin} push")


def _pushing(web: Web, collector: str, token: str | None) -> Finding:
    """Whether anybody has been collected lately."""
    headers = {"authorization": f"Bearer {token}"} if token else {}
    try:
        answer = web.get(f"{collector}/api/v1/sessions?since=24h&limit=1", **headers)
    except Unreachable as error:
        return Finding("fail", f"collector: {collector}: {error}", "is it running?")
    if answer.status in (401, 403):
        hint = "--token: jmmc token create doctor --scope read"
        return Finding("fail", f"collector: {collector} wants a token", hint)
    try:
        items = json.loads(answer.text)["items"]
        last = items[0]["last"] if items else None
    except (ValueError, KeyError, TypeError, IndexError):
        hint = "give its URL without the prefix of the script"
        return Finding("fail", f"collector: {collector} answers {answer.status}, no list", hint)
    if last is None:
        hint = "join a room for a minute with a second participant, then look again"
        return Finding("warn", "pushing: no session in the last 24 hours", hint)
    return Finding("ok", f"pushing: the last session said something at {last}")


def _reason(error: Exception) -> str:
    """What went wrong, in a line, without the addresses of objects."""
    cause: BaseException = error
    while (inner := getattr(cause, "reason", None) or cause.__cause__) is not None and isinstance(
        inner, BaseException
    ):
        cause = inner
    text = re.sub(r"<[^>]*>:?\s*", "", str(cause)).strip() or type(cause).__name__
    return text.splitlines()[0][:200]
