"""Static files of the pages: style sheets, scripts and the icon."""

from collections.abc import Awaitable, Callable
from functools import cache
from importlib.resources import files

from starlette.requests import Request
from starlette.responses import Response

_MEDIA_TYPES = {
    ".css": "text/css; charset=utf-8",
    ".js": "text/javascript; charset=utf-8",
    ".svg": "image/svg+xml",
}


def static_files() -> Callable[[Request], Awaitable[Response]]:
    """Return a handler that serves the packaged file named by the path, 404 for any other."""
    assets = _assets()

    async def serve_file(request: Request) -> Response:
        if (asset := assets.get(request.path_params["path"])) is None:
            return Response("not found\n", 404)
        content, media_type = asset
        headers = {"cache-control": "no-cache", "x-content-type-options": "nosniff"}
        return Response(content, headers=headers, media_type=media_type)

    return serve_file


def script_modules() -> list[str]:
    """Return the paths of all ES modules: a page preloads them, so that no import waits."""
    return sorted(path for path in _assets() if path.endswith(".js") and "/" not in path)


@cache
def _assets() -> dict[str, tuple[bytes, str]]:
    """Read all files into memory: a path of a request is a key, never a path on disk."""
    assets = {}
    top = files("jmmc.web.dashboard").joinpath("static")
    for folder, prefix in ((top, ""), (top.joinpath("vendor"), "vendor/")):
        for file in folder.iterdir():
            if media_type := _MEDIA_TYPES.get(file.name[file.name.rfind(".") :]):
                assets[prefix + file.name] = (file.read_bytes(), media_type)
    return assets
