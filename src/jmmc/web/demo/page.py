"""The demo page: a recorded conference plays into the real script, and what was stored is shown."""

import html
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

# A name that nobody guesses: one who knows it made it, so real conferences stay unread.
_CONF = re.compile(r"demo-[0-9a-f]{16}")

_TYPES = {
    "demo.css": "text/css; charset=utf-8",
    "demo.js": "text/javascript; charset=utf-8",
    "jitsi.js": "text/javascript; charset=utf-8",
    "ledger.js": "text/javascript; charset=utf-8",
    "pushes.js": "text/javascript; charset=utf-8",
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
    """`/demo`, its files, the script in a quicker rhythm, and what a demo conference stored."""
    lively = settings.model_copy(
        update={
            "push_url": f"..{settings.prefix}/push",
            "push_interval": 2,
            "sample_interval": 1,
            "enabled": True,
            "sample_ratio": 1.0,
            # The page compares what is stored with what was sent: no address, unless whole.
            "ip": "full" if settings.ip == "full" else "none",
        }
    )
    pages = {
        "/demo": _answer(_page(settings), "text/html; charset=utf-8"),
        "/demo/getClient": _answer(render(lively), "text/javascript; charset=utf-8"),
    }
    for name, media_type in _TYPES.items():
        pages[f"/demo/{name}"] = _answer(_asset(name), media_type)

    async def page(request: Request) -> Response:
        return pages[request.url.path.removeprefix(request.scope.get("root_path", ""))]

    async def stored(request: Request) -> Response:
        room = request.query_params.get("room", "")
        if not _CONF.fullmatch(room):
            return _json(400, {"error": "bad_conf", "detail": "only the demo's own conferences"})
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

    return [*(Route(path, page) for path in pages), Route("/demo/stored", stored)]


def _stored_form(session: Session) -> dict[str, Any]:
    marks = ("full", "bye")
    elements = [
        {"ts": sample.ts, "seq": sample.seq}
        | {mark: True for mark in marks if getattr(sample, mark)}
        | json.loads(sample.readings)
        for sample in session.samples
    ]
    return {"_id": session.id, "conf": session.room, "uid": session.browser_id, "m": elements}


def _page(settings: Settings) -> str:
    # A store's URL may hold a password; then the reader's own settings must name the store.
    store = "" if "@" in settings.store else f" --store {shlex.quote(settings.store)}"
    export = f"jmmc export{store} --what sessions --format ndjson"
    text = _asset("index.html")
    for placeholder, value in {"{{prefix}}": settings.prefix, "{{export}}": export}.items():
        text = text.replace(placeholder, html.escape(value))
    return text


def _asset(name: str) -> str:
    return files("jmmc.web.demo").joinpath("assets", name).read_text("utf-8")


def _answer(text: str, media_type: str) -> Response:
    return Response(text, media_type=media_type, headers=_HEADERS)


def _json(status: int, content: Any) -> Response:
    headers = {**_HEADERS, "cache-control": "no-store"}
    return Response(encode(content), status, headers, media_type="application/json")
