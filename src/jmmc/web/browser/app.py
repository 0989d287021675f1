"""`MetricsCollector`: the collector as an ASGI app that a host app mounts."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from functools import partial
from typing import Any

from jmmc.accounts.secret import resolve_secret
from jmmc.collector import Collector
from jmmc.core.errors import Rejected, SettingsError
from jmmc.core.install_hints import install_hint
from jmmc.settings import Settings
from jmmc.stores import Store, configured_store
from jmmc.web.browser.endpoints import BrowserEndpoints
from jmmc.web.browser.health import HealthEndpoints
from jmmc.web.browser.script import SCRIPT_NAMES, ScriptName
from jmmc.web.http import (
    Handler,
    Message,
    Receive,
    Request,
    Respond,
    Scope,
    Send,
    answer_json,
    encode,
    oversized,
)
from jmmc.web.root_path import local_path

_PUSH = "/push"
_HEALTH = ("/healthz", "/readyz")


class MetricsCollector:
    """Collects the pushes of Jitsi Meet pages. Mount it under any prefix of any ASGI app.

    Takes the settings of `Settings` as keywords, or a whole `Settings`; `store` may also be a
    `Store` of the host. The collector starts at its first request, or in `lifespan` if the host
    has one. `close` is optional: confirmed samples are on disk already.
    """

    def __init__(
        self, settings: Settings | None = None, *, store: str | Store | None = None, **fields: Any
    ) -> None:
        if isinstance(store, str):
            fields["store"] = store
            store = None
        if settings is None:
            settings = Settings.of(**fields)
        elif fields:
            raise TypeError("give either a Settings or single settings, not both")
        if store is None:
            store = configured_store(settings, spool="spool_dir" in settings.model_fields_set)
        self.secret = resolve_secret(settings)
        self.collector = _collector(settings, store, self.secret)
        self._browser, health = BrowserEndpoints(self.collector), HealthEndpoints(self.collector)
        browser = self._browser
        self._handlers: dict[str, dict[str, Handler]] = {
            _PUSH: {"POST": browser.push, "OPTIONS": browser.preflight},
            **{f"/{name}": _script_methods(browser, name) for name in SCRIPT_NAMES},
            "/objectId": {"GET": browser.object_id},
            "/healthz": {"GET": health.healthz, "HEAD": health.healthz},
            "/readyz": {"GET": health.readyz, "HEAD": health.readyz},
        }

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request, or the server's lifespan when this is the whole app."""
        if scope["type"] == "http":
            path = local_path(scope)
            request = Request(scope, receive)
            if path == _PUSH and scope["method"] == "POST":  # It has limits of its own.
                await self._browser.push(request, send)
            else:
                await self._serve_small(path, request, send)
        elif scope["type"] == "lifespan":
            await self._serve_lifespan(receive, send)
        else:
            await send({"type": "websocket.close", "code": 1000})

    def push_at_once(self, scope: Scope, body: bytes, respond: Respond) -> bool:
        """Serve `POST /push` whose body has arrived; see `BrowserEndpoints.push_at_once`."""
        return self._browser.push_at_once(Request(scope, _receive_nothing), body, respond)

    @asynccontextmanager
    async def lifespan(self, _app: object = None) -> AsyncIterator[None]:
        """Open at the start and close at the end, for `FastAPI(lifespan=...)` and the like."""
        await self.collector.open()
        try:
            yield
        finally:
            await self.close()

    async def close(self) -> None:
        """Commit and answer waiting pushes, then close the store."""
        await self.collector.close()

    async def _serve_small(self, path: str, request: Request, send: Send) -> None:
        """Serve a request that is no push, if the limits of its address allow it."""
        scope = request.scope
        try:
            self.collector.admit_small(request, "health" if path in _HEALTH else "browser")
        except Rejected as rejected:
            await self._browser.refuse(request, send, rejected, [])
            return
        methods = self._handlers.get(path)
        if methods is None:
            content = {"error": "not_found", "detail": path[:200]}
            await answer_json(send, 404, encode(content))
        elif (handler := methods.get(scope["method"])) is None:
            allow = [(b"allow", ", ".join(methods).encode())]
            await answer_json(send, 405, encode({"error": "method_not_allowed"}), allow)
        elif (status := oversized(scope)) is not None:
            await answer_json(send, status, encode({"error": "too_large"}))
        else:
            send = _without_body(send) if scope["method"] == "HEAD" else send
            await handler(request, send)

    async def _serve_lifespan(self, receive: Receive, send: Send) -> None:
        await receive()
        try:
            await self.collector.open()
        except Exception as error:
            await send({"type": "lifespan.startup.failed", "message": str(error)})
            return
        await send({"type": "lifespan.startup.complete"})
        await receive()
        await self.close()
        await send({"type": "lifespan.shutdown.complete"})


def _collector(settings: Settings, store: Store, secret: str) -> Collector:
    if not settings.otlp_endpoint:
        return Collector(settings, store, secret=secret)
    try:
        from jmmc.monitoring.otlp import TracedCollector
    except ImportError as error:
        raise SettingsError(
            f"otlp_endpoint needs the OpenTelemetry SDK; {install_hint('otel')}"
        ) from error
    return TracedCollector(settings, store, secret=secret)


def _script_methods(browser: BrowserEndpoints, name: ScriptName) -> dict[str, Handler]:
    send_script = partial(browser.script, name)
    return {"GET": send_script, "HEAD": send_script, "OPTIONS": browser.preflight}


async def _receive_nothing() -> Message:
    return {"type": "http.disconnect"}


def _without_body(send: Send) -> Send:
    async def send_head(message: Message) -> None:
        if message["type"] == "http.response.body":
            message = {"type": "http.response.body", "body": b""}
        await send(message)

    return send_head
