"""Content Security Policy: whether a page may load a script and send requests to a URL."""

import re
from collections.abc import Mapping, Sequence
from urllib.parse import SplitResult, urlsplit

_PORTS = {"http": 80, "https": 443, "ws": 80, "wss": 443}


def parse(policy: str) -> dict[str, list[str]]:
    """Parse one policy into directives with their sources. Of repeated ones the first counts."""
    directives: dict[str, list[str]] = {}
    for directive in policy.split(";"):
        name, *sources = directive.split() or [""]
        if name:
            directives.setdefault(name.lower(), sources)
    return directives


def allows(
    policy: Mapping[str, Sequence[str]], directives: Sequence[str], url: str, page: str
) -> bool:
    """Whether a policy lets `page` load `url`. The first of `directives` that it has decides.

    Source: https://www.w3.org/TR/CSP3/#match-url-to-source-list. Nonces and hashes are ignored: see
    `needs_nonce`.
    """
    sources = _sources(policy, directives)
    return sources is None or any(_matches(source, url, page) for source in sources)


def needs_nonce(policy: Mapping[str, Sequence[str]], directives: Sequence[str]) -> bool:
    """Whether 'strict-dynamic' is set: then hosts are ignored, and scripts need a nonce."""
    return "'strict-dynamic'" in [source.lower() for source in _sources(policy, directives) or ()]


def _sources(
    policy: Mapping[str, Sequence[str]], directives: Sequence[str]
) -> Sequence[str] | None:
    return next((policy[name] for name in directives if name in policy), None)


def _matches(source: str, url: str, page: str) -> bool:
    target, origin = urlsplit(url), urlsplit(page)
    if source == "*":
        return target.scheme in ("http", "https", origin.scheme)
    if source.lower() == "'self'":
        return target.hostname == origin.hostname and _same_or_safer(
            origin.scheme, target, origin.port or 0
        )
    if re.fullmatch(r"[a-z][a-z0-9+.-]*:", source, re.IGNORECASE):
        return target.scheme in {source[:-1].lower(), _safer(source[:-1].lower())}
    match = re.fullmatch(r"(?:(\w+)://)?([\w*.\[\]:-]+?)(?::(\d+|\*))?(/[^?#]*)?", source)
    if match is None:
        return False
    scheme, host, port, path = match.groups()
    return (
        _host_matches(host.lower(), target.hostname or "")
        and (port == "*" or _same_or_safer(scheme or origin.scheme, target, int(port or 0)))
        and _path_matches(path or "", target.path)
    )


def _same_or_safer(scheme: str, target: SplitResult, port: int) -> bool:
    """Whether a URL has the scheme or its secure form, and the port (0: the scheme's default)."""
    if target.scheme not in (scheme, _safer(scheme)):
        return False
    allowed = port or _PORTS.get(scheme, 0)
    default = _PORTS.get(target.scheme, 0)
    actual = target.port or default
    return actual == allowed or (allowed == _PORTS.get(scheme) and actual == default)


def _safer(scheme: str) -> str:
    return {"http": "https", "ws": "wss"}.get(scheme, scheme)


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
