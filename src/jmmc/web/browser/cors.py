"""CORS: pages of allowed origins may read the response to a push, and nothing else."""

from collections.abc import Sequence

from jmmc.web.http import Header

_PREFLIGHT: tuple[Header, ...] = (
    (b"access-control-allow-methods", b"POST"),
    (b"access-control-allow-headers", b"content-type"),
    (b"access-control-max-age", b"86400"),
)


class Cors:
    """The CORS headers for pages of the `allowed` origins.

    A listed origin may send credentials: the script of dialect v1 needs its cookie. `*` allows
    every other origin without credentials, which v2 does not need.
    """

    def __init__(self, allowed: Sequence[str]) -> None:
        self._any = "*" in allowed
        listed = {origin.encode() for origin in allowed if origin != "*"}
        vary = [(b"vary", b"origin")] if listed else []
        self._none: list[Header] = vary
        # Without this, a page sees the 503 but not its Retry-After.
        exposed = (b"access-control-expose-headers", b"retry-after")
        self._anonymous: list[Header] = [(b"access-control-allow-origin", b"*"), exposed, *vary]
        self._listed: dict[bytes, list[Header]] = {
            origin: [
                (b"access-control-allow-origin", origin),
                (b"access-control-allow-credentials", b"true"),
                exposed,
                *vary,
            ]
            for origin in listed
        }

    def headers(self, origin: bytes | None) -> list[Header]:
        """The headers of the response to a request with this Origin header."""
        if origin is None:
            return self._none
        listed = self._listed.get(origin)
        if listed is not None:
            return listed
        return self._anonymous if self._any else self._none

    def preflight(self, origin: bytes | None) -> list[Header]:
        """The headers of the response to an OPTIONS request."""
        headers = self.headers(origin)
        return headers if headers is self._none else [*headers, *_PREFLIGHT]
