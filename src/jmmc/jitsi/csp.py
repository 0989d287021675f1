"""Content Security Policy, as far as it decides over a script from somewhere and its requests."""

import re
from collections.abc import Mapping, Sequence
from urllib.parse import urlsplit

_PORTS = {"http": 80, "https": 443, "ws": 80, "wss": 443}


def parse(policy: str) -> dict[str, list[str]]:
    """One policy: its directives with their sources. The first of a name counts."""
    found: dict[str, list[str]] = {}
    for directive in policy.split(";"):
        name, *sources = directive.split() or [""]
        if name:
            found.setdefault(name.lower(), sources)
    return found


def allows(
    policy: Mapping[str, Sequence[str]], directives: Sequence[str], url: str, page: str
) -> bool:
    """Whether a policy lets `page` load `url`; the first of `directives` that it has decides.

    Follows https://www.w3.org/TR/CSP3/#match-url-to-source-list. Nonces and hashes are not looked
    at: see `needs_nonce`.
    """
    sources = _sources(policy, directives)
    return sources is None or any(_matches(source, url, page) for source in sources)


def needs_nonce(policy: Mapping[str, Sequence[str]], directives: Sequence[str]) -> bool:
    """Whether the list of hosts is ignored, for only scripts with a nonce may load others."""
    return "'strict-dynamic'" in [source.lower() for source in _sources(policy, directives) or ()]


def _sources(
    policy: Mapping[str, Sequence[str]], directives: Sequence[str]
) -> Sequence[str] | None:
    return next((policy[name] for name in directives if name in policy), None)


def _matches(source: str, url: str, page: str) -> bool:
    there, here = urlsplit(url), urlsplit(page)
    if source == "*":
        return there.scheme in ("http", "https", here.scheme)
    if source.lower() == "'self'":
        return there.hostname == here.hostname and _same_or_safer(here.scheme, there, _port(here))
    if re.fullmatch(r"[a-z][a-z0-9+.-]*:", source, re.IGNORECASE):
        return there.scheme in {source[:-1].lower(), _safer(source[:-1].lower())}
    found = re.fullmatch(r"(?:(\w+)://)?([\w*.\[\]:-]+?)(?::(\d+|\*))?(/[^?#]*)?", source)
    if found is None:
        return False
    scheme, host, port, path = found.groups()
    return (
        _host_matches(host.lower(), there.hostname or "")
        and (port == "*" or _same_or_safer(scheme or here.scheme, there, int(port or 0)))
        and _path_matches(path or "", there.path)
    )


def _same_or_safer(scheme: str, there: object, port: int) -> bool:
    """Whether a URL has the scheme, or its safer kin, and the port that goes with it."""
    actual = getattr(there, "scheme", "")
    if actual not in (scheme, _safer(scheme)):
        return False
    selection = port or _PORTS.get(scheme, 0)
    found = getattr(there, "port", None) or _PORTS.get(actual, 0)
    return found == selection or (selection == _PORTS.get(scheme) and found == _PORTS.get(actual))


def _safer(scheme: str) -> str:
    return {"http": "https", "ws": "wss"}.get(scheme, scheme)


def _port(url: object) -> int:
    return getattr(url, "port", None) or 0


def _host_matches(pattern: str, host: str) -> bool:
    if pattern == "*":
        return True
    if pattern.startswith("*."):
        return host.endswith(pattern[1:])
    return pattern.strip("[]") == host


def _path_matches(pattern: str, path: str) -> bool:
    if not pattern:
        return True
    return path.startswith(pattern) if pattern.endswith("/") else path == pattern
