"""The first steps of an installation: whether each is done, and what to paste for it.

`jmmc check`, `jmmc doctor` and the dashboard take what they say of these from here.
"""

from collections.abc import Collection
from typing import Literal, NamedTuple
from urllib.parse import urlsplit

from jmmc.core.check_findings import Finding
from jmmc.jitsi.snippets import public_url, snippet
from jmmc.settings import Settings

StepName = Literal["script", "push", "user", "https", "retention", "alerts"]

_EXAMPLE = "https://metrics.example.org"
_PAGES = "the https pages of Jitsi Meet"
_LOCAL = ("localhost", "127.0.0.1", "::1")


class Step(NamedTuple):
    """One step: whether it is done, what a check says of it, and a command or text to paste."""

    name: StepName
    done: bool
    finding: Finding
    paste: str


def script_step(settings: Settings, base: str, *, is_loaded: bool) -> Step:
    """Whether a page has loaded the script. `base` is the server's URL for browsers."""
    try:
        url = public_url(f"{base}{settings.prefix}")
    except ValueError:
        url = f"{_EXAMPLE}{settings.prefix}"
    paste = snippet("config.js", url=url, upstream=url, settings=settings)
    if is_loaded:
        return Step("script", True, Finding("ok", "script: a page has loaded it"), paste)
    hint = "paste what jmmc snippet prints, then reload the web server"
    return Step("script", False, Finding("warn", "script: no page has loaded it yet", hint), paste)


def push_step(last: str | None, base: str = _EXAMPLE) -> Step:
    """Whether calls are pushed; `last` is when that was, None for not yet or not lately."""
    paste = f"jmmc doctor https://meet.example.org/test --collector {base}"
    if last is not None:
        finding = Finding("ok", f"pushing: the last sample is from {last}")
        return Step("push", True, finding, paste)
    hint = "join a room with a second participant for a minute, then run this again"
    finding = Finding("warn", "pushing: no session in the last 24 hours", hint)
    return Step("push", False, finding, paste)


def user_step(roles: Collection[str]) -> Step:
    """Whether somebody can sign in; `roles` has the role of each user."""
    paste = "jmmc user add NAME --role admin"
    if "admin" in roles:
        count = len(roles)
        what = f"users: {count} {'person' if count == 1 else 'people'} may sign in"
        return Step("user", True, Finding("ok", what), paste)
    what = "users: no admin, so only this machine itself may open the pages"
    return Step("user", False, Finding("ok", what, f"add one: {paste}"), paste)


def https_step(settings: Settings, *, is_https: bool = False) -> Step:
    """Whether browsers reach the server by HTTPS: by `public_url`, or by a request that came so.

    Browsers block what an https page loads by http from another machine (mixed content).
    """
    paste = f'public_url = "{_EXAMPLE}"'
    if _is_blocked(settings.push_url):
        what = f"https: push_url is {settings.push_url}"
        hint = f"browsers block http in {_PAGES}: push_url needs https, or to be relative"
        return Step("https", False, Finding("warn", what, hint), 'push_url = "push"')
    if is_https or settings.public_url.startswith("https:"):
        what = f"https: {settings.public_url or 'requests come by https'}"
        return Step("https", True, Finding("ok", what), paste)
    hint = f"browsers block http in {_PAGES}: a proxy with TLS in front, and its URL in public_url"
    if _is_blocked(settings.public_url):
        finding = Finding("warn", f"https: public_url is {settings.public_url}", hint)
    elif settings.public_url or settings.demo:
        finding = Finding("ok", "https: not needed by browsers on this machine itself")
    elif not set(settings.trusted_proxies) <= {"127.0.0.1/32", "::1/128"}:
        hint = "check it with --url, or set public_url to the URL of the proxy"
        finding = Finding("ok", "https: left to trusted_proxies", hint)
    else:
        finding = Finding("warn", "https: public_url names no https address", hint)
    return Step("https", False, finding, paste)


def _is_blocked(url: str) -> bool:
    """Whether a browser blocks this URL in an https page."""
    parts = urlsplit(url)
    return parts.scheme == "http" and parts.hostname not in _LOCAL


def retention_step(settings: Settings) -> Step:
    """Whether old data is deleted."""
    days = (settings.retention_days, settings.summary_retention_days)
    paste = "retention_days = 30\nsummary_retention_days = 400"
    if any(days):
        samples, summaries = (f"{count} days" if count else "kept" for count in days)
        what = f"retention: samples {samples}, summaries {summaries}"
        return Step("retention", True, Finding("ok", what), paste)
    finding = Finding("ok", "retention: nothing is deleted by age")
    return Step("retention", False, finding, paste)


def alerts_step(settings: Settings) -> Step:
    """Whether alerts are sent to somebody."""
    channels = (settings.alert_webhooks, settings.alert_services, settings.alert_emails)
    paste = 'alert_emails = ["admin@example.org"]'
    if count := sum(map(len, channels)):
        what = f"alerts: sent to {count} {'channel' if count == 1 else 'channels'}"
        return Step("alerts", True, Finding("ok", what), paste)
    names = "alert_webhooks, alert_services or alert_emails"
    hint = f"set {names}, and test them with jmmc alerts test"
    if settings.alerts:
        what = "alerts: rules are set, but no channel for notifications"
        return Step("alerts", False, Finding("warn", what, hint), paste)
    return Step("alerts", False, Finding("ok", "alerts: no rules and no channel", hint), paste)
