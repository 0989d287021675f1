"""Static files of the pages: style sheets, scripts and the icon."""

import hashlib
from collections.abc import Awaitable, Callable
from functools import cache
from importlib.resources import files
from typing import NamedTuple

from starlette.requests import Request
from starlette.responses import Response

_MEDIA_TYPES = {
    ".css": "text/css; charset=utf-8",
    ".js": "text/javascript; charset=utf-8",
    ".svg": "image/svg+xml",
}
_FOR_EVER = "public, max-age=31536000, immutable"  # A year: other contents have another address.


class _Asset(NamedTuple):
    """A file, with its strong ETag, quoted as in the header."""

    content: bytes
    media_type: str
    etag: str


def static_files() -> Callable[[Request], Awaitable[Response]]:
    """Return a handler that serves the packaged file named by the path, 404 for any other.

    A browser keeps a file whose path begins with the current `assets_version`. It asks for others
    each time, such as those of a page from before an upgrade, and gets 304 for what it has.
    """
    assets = _assets()
    version = assets_version()

    async def serve_file(request: Request) -> Response:
        path = request.path_params["path"]
        first, _, rest = path.partition("/")
        asset = assets.get(path) or assets.get(rest)
        if asset is None:
            return Response("not found\n", 404)
        headers = {
            "cache-control": _FOR_EVER if first == version else "no-cache",
            "etag": asset.etag,
            "x-content-type-options": "nosniff",
        }
        if asset.etag in request.headers.get("if-none-match", ""):
            return Response(status_code=304, headers=headers)
        return Response(asset.content, headers=headers, media_type=asset.media_type)

    return serve_file


def script_modules() -> list[str]:
    """Return the paths of all ES modules: a page preloads them, so that no import waits."""
    return sorted(path for path in _assets() if path.endswith(".js") and "/" not in path)


@cache
def assets_version() -> str:
    """The first part of the paths of static files in pages: a digest of all their contents.

    The modules import each other by relative paths, so all of a page are of one version.
    """
    etags = "".join(f"{path}{asset.etag}" for path, asset in sorted(_assets().items()))
    return hashlib.sha256(etags.encode()).hexdigest()[:12]


@cache
def _assets() -> dict[str, _Asset]:
    """Read all files into memory: a path of a request is a key, never a path on disk."""
    assets = {}
    top = files("jmmc.web.dashboard").joinpath("static")
    for folder, prefix in ((top, ""), (top.joinpath("vendor"), "vendor/")):
        for file in folder.iterdir():
            if media_type := _MEDIA_TYPES.get(file.name[file.name.rfind(".") :]):
                content = file.read_bytes()
                etag = f'"{hashlib.sha256(content).hexdigest()[:16]}"'
                assets[prefix + file.name] = _Asset(content, media_type, etag)
    return assets
