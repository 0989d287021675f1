"""The demo page: what it shows, its files, the script, and the stored samples of a demo room.

The dashboard frames the page itself.
"""

import json
import re
import shlex
from importlib.resources import files
from typing import Any

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route

from jmmc.collector import Collector
from jmmc.core.errors import StoreError
from jmmc.core.model import Session, SessionFilter
from jmmc.settings import Settings
from jmmc.web.browser.script import render
from jmmc.web.http import encode

# 64 random bits: only the page that made a name knows it, so no real room can be read.
_DEMO_ROOM = re.compile(r"demo-[0-9a-f]{16}")

_MEDIA_TYPES = {
    "demo.css": "text/css; charset=utf-8",
    "demo.js": "text/javascript; charset=utf-8",
    "jitsi.js": "text/javascript; charset=utf-8",
    "ledger.js": "text/javascript; charset=utf-8",
    "pushes.js": "text/javascript; charset=utf-8",
    "texts.js": "text/javascript; charset=utf-8",
    "view.js": "text/javascript; charset=utf-8",
    "recording.json": "application/json",
}

_HEADERS = {
    "cache-control": "no-cache",
    "content-security-policy": (
        "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; "
        "img-src 'self' data:; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
    ),
    "referrer-policy": "no-referrer",
    "x-content-type-options": "nosniff",
}


def demo_routes(settings: Settings, collector: Collector) -> list[BaseRoute]:
    """Return the routes below `/demo/`, whose script pushes every 2 s."""
    demo_settings = settings.model_copy(
        update={
            "push_url": f"..{settings.prefix}/push",
            "push_interval": 2,
            "sample_interval": 1,
            "enabled": True,
            "sample_ratio": 1.0,
            # The page compares stored with sent samples: a truncated address would differ.
            "ip": "full" if settings.ip == "full" else "none",
        }
    )
    responses = {
        "/demo/getClient": _response(render(demo_settings), "text/javascript; charset=utf-8"),
    }
    for name, media_type in _MEDIA_TYPES.items():
        responses[f"/demo/{name}"] = _response(_asset(name), media_type)

    async def serve_file(request: Request) -> Response:
        return responses[request.url.path.removeprefix(request.scope.get("root_path", ""))]

    async def stored_samples(request: Request) -> Response:
        room = request.query_params.get("room", "")
        if not _DEMO_ROOM.fullmatch(room):
            return _json(400, {"error": "bad_conf", "detail": "not a room of the demo"})
        try:
            await collector.open()
            sessions = [
                session
                async for session in collector.store.sessions(
                    SessionFilter(room=collector.pseudonyms.stored_room(room))
                )
            ]
        except StoreError as error:
            return _json(503, {"error": "store_down", "detail": str(error)})
        return _json(200, [_stored_form(session) for session in sessions])

    return [*(Route(path, serve_file) for path in responses), Route("/demo/stored", stored_samples)]


def _stored_form(session: Session) -> dict[str, Any]:
    """Return a session as the MongoDB store has it."""
    flags = ("full", "bye")
    samples = [
        {"ts": sample.ts, "seq": sample.seq}
        | {flag: True for flag in flags if getattr(sample, flag)}
        | json.loads(sample.readings)
        for sample in session.samples
    ]
    return {"_id": session.id, "conf": session.room, "uid": session.browser_id, "m": samples}


def demo_variables(settings: Settings) -> dict[str, str]:
    """What the page shows of the settings: the prefix, and the command that exports a meeting."""
    # A URL with a password is not shown: the command then takes the store of the settings.
    store = "" if "@" in settings.store else f" --store {shlex.quote(settings.store)}"
    export = f"jmmc export{store} --what sessions --format ndjson"
    return {"prefix": settings.prefix, "export": export}


def _asset(name: str) -> str:
    return files("jmmc.web.demo").joinpath("assets", name).read_text("utf-8")


def _response(text: str, media_type: str) -> Response:
    return Response(text, media_type=media_type, headers=_HEADERS)


def _json(status: int, content: Any) -> Response:
    headers = {**_HEADERS, "cache-control": "no-store"}
    return Response(encode(content), status, headers, media_type="application/json")
