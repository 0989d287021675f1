"""Style sheet, scripts and icon of the pages."""

from collections.abc import Awaitable, Callable
from importlib.resources import files

from starlette.requests import Request
from starlette.responses import Response

_TYPES = {
    ".css": "text/css; charset=utf-8",
    ".js": "text/javascript; charset=utf-8",
    ".svg": "image/svg+xml",
}

MODULES = tuple(
    sorted(
        file.name
        for file in files("jmmc.web.dashboard").joinpath("static").iterdir()
        if file.name.endswith(".js")
    )
)
"""The scripts: a page preloads them all, so that no import waits for another one."""


def static_files() -> Callable[[Request], Awaitable[Response]]:
    """Answers with the file of the path, if it is one of ours."""
    assets = _assets()

    async def static(request: Request) -> Response:
        if (asset := assets.get(request.path_params["path"])) is None:
            return Response("not found\n", 404)
        content, media_type = asset
        headers = {"cache-control": "no-cache", "x-content-type-options": "nosniff"}
        return Response(content, headers=headers, media_type=media_type)

    return static


def _assets() -> dict[str, tuple[bytes, str]]:
    """All files that pages load, by path: what is looked up here is no path of a disk."""
    found = {}
    top = files("jmmc.web.dashboard").joinpath("static")
    for folder, prefix in ((top, ""), (top.joinpath("vendor"), "vendor/")):
        for file in folder.iterdir():
            if media_type := _TYPES.get(file.name[file.name.rfind(".") :]):
                found[prefix + file.name] = (file.read_bytes(), media_type)
    return found
