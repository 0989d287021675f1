"""The path under which browsers reach an app that is mounted, or behind a proxy that strips one."""

import re
from urllib.parse import urlsplit

from jmmc.protocol.addresses import Proxies
from jmmc.settings import Settings
from jmmc.web.http import ASGIApp, Receive, Scope, Send, joined, peer_of

_PREFIX = re.compile(r"(/[\w.~-]+)+", re.ASCII)
_LONGEST = 256


def local_path(scope: Scope) -> str:
    """The path inside the app.

    `path` should begin with `root_path` (ASGI); hosts behind a proxy that strips a part of it
    leave that part out.
    """
    path: str = scope["path"]
    root: str = scope.get("root_path", "")
    for mounted in (root, root.removeprefix(scope.get("app_root_path", ""))):
        if mounted and (path == mounted or path.startswith(mounted + "/")):
            return path[len(mounted) :]
    return path


class RootPath:
    """Sets `root_path` to the path that browsers see before that of the app, for links and cookies.

    A trusted proxy says it in `X-Forwarded-Prefix`; without that, `public_url` does. It may strip
    the path or not.
    """

    def __init__(self, settings: Settings) -> None:
        self.apply(settings)

    def apply(self, settings: Settings) -> None:
        """Use these settings from the next request on."""
        self._proxies = Proxies(settings.trusted_proxies)
        self._default = _valid(urlsplit(settings.public_url).path)

    def set_in(self, scope: Scope) -> str:
        """Set `root_path` and `path` of a request, and return the path inside the app.

        The path of `public_url` counts only where the request has it: pushes may come elsewhere.
        """
        root: str = scope.get("root_path", "")
        local = local_path(scope)
        prefix = self._prefix(scope)
        if prefix and not root.startswith(prefix):
            root = prefix + root
        known = root or self._default
        if known and (local == known or local.startswith(known + "/")):
            # The proxy has not stripped it, and the server does not know of it.
            root, local = known, local[len(known) :]
        _move(scope, root, local)
        return local

    def set_in_page(self, scope: Scope) -> None:
        """Set `root_path` and `path` of a request to the pages or the API."""
        local = self.set_in(scope)
        if not scope.get("root_path"):
            _move(scope, self._default, local)

    def _prefix(self, scope: Scope) -> str:
        """`X-Forwarded-Prefix` of a trusted proxy; several are one path, the outermost first."""
        for name, _ in scope["headers"]:
            if name == b"x-forwarded-prefix":
                break
        else:
            return ""
        peer = peer_of(scope)
        if peer is not None and not self._proxies.is_trusted(peer):
            return ""
        given = joined(scope["headers"], "x-forwarded-prefix") or ""
        return _valid("".join(part.strip().rstrip("/") for part in given[:_LONGEST].split(",")))


class UnderRootPath:
    """Middleware that sets the root path of an app, as `RootPath` has it."""

    def __init__(self, app: ASGIApp, root_path: RootPath) -> None:
        self._app = app
        self._root_path = root_path

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request."""
        if scope["type"] == "http":
            self._root_path.set_in_page(scope)
        await self._app(scope, receive, send)


def _move(scope: Scope, root: str, local: str) -> None:
    if root:
        scope["root_path"] = root
        scope["path"] = root + local


def _valid(path: str) -> str:
    """A path without a slash at its end; "" for anything else, which could lead elsewhere."""
    path = path.rstrip("/")
    return path if len(path) < _LONGEST and _PREFIX.fullmatch(path) else ""
