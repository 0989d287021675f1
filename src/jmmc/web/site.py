"""The app that `jmmc serve` runs: the collector under its prefix, and a few pages of its own."""

from collections.abc import Sequence
from dataclasses import dataclass

from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute
from starlette.types import ASGIApp

from jmmc.settings import Settings
from jmmc.stores import Store, configured_store
from jmmc.web.api.metrics import MetricsEndpoint
from jmmc.web.api.routes import api_routes
from jmmc.web.browser.app import MetricsCollector
from jmmc.web.dashboard.pages import Pages
from jmmc.web.demo.page import demo_routes
from jmmc.web.http import Receive, Scope, Send
from jmmc.web.request_log import RequestLog
from jmmc.web.security.access import Access
from jmmc.web.security.headers import Armour
from jmmc.web.security.sessions import SignIn

_OPS_PATHS = frozenset({"/healthz", "/readyz"})


def create_app(settings: Settings, *, store: Store | None = None) -> "Server":
    """The whole server for these settings; raises what `open_store` and the secret raise."""
    metrics = MetricsCollector(settings, store=store or configured_store(settings, spool=True))
    demo = demo_routes(settings, metrics.collector) if settings.demo else []
    pages, monitoring = _dashboard(metrics, demo)
    return Server(settings.prefix, metrics, pages, monitoring)


def dashboard(metrics: MetricsCollector) -> Starlette:
    """The pages and the API of a collector, as an app to mount under any prefix of a host app.

    They are closed as in `jmmc serve`: until there is a user or a token, only the machine itself
    may look. The host should mount `metrics` itself too, where browsers push to.
    """
    return _dashboard(metrics, [])[0]


def _middleware(metrics: MetricsCollector) -> list[Middleware]:
    traced = getattr(metrics.collector, "traced", None)  # Only with otlp_endpoint.
    return [Middleware(Armour), Middleware(RequestLog), *([Middleware(traced)] if traced else [])]


def _dashboard(
    metrics: MetricsCollector, more: Sequence[BaseRoute]
) -> tuple[Starlette, MetricsEndpoint]:
    """The paths of the pages, of the API and of monitoring, and what else there is."""
    collector = metrics.collector
    signin = SignIn(metrics.secret)
    access = Access(collector.settings, collector.store.reports, signin)
    collector.follow_settings(access.follow)
    monitoring = MetricsEndpoint(collector, access)
    pages = Pages(collector, access, signin)

    async def unknown(request: Request, _: Exception) -> Response:
        return await pages.unknown(request)

    app = Starlette(
        routes=[*pages.routes(), *api_routes(collector, access), monitoring.route, *more],
        middleware=_middleware(metrics),
        exception_handlers={404: unknown},
    )
    app.router.redirect_slashes = False  # It would redirect to whatever host the request names.
    return app, monitoring


@dataclass(frozen=True)
class Server:
    """Sends pushes straight to the collector: a router before it would cost a third of the CPU."""

    prefix: str
    metrics: MetricsCollector
    pages: ASGIApp
    monitoring: MetricsEndpoint

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request or the server's lifespan."""
        if scope["type"] == "http":
            path: str = scope["path"]
            if path.startswith(self.prefix + "/"):
                scope["root_path"] = scope.get("root_path", "") + self.prefix
            elif path not in _OPS_PATHS:
                await self.pages(scope, receive, send)
                return
        await self.metrics(scope, receive, send)


@dataclass(frozen=True)
class TwoPorts:
    """A server that shows its figures on a port of their own, and nothing else there."""

    server: Server
    metrics_port: int

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request or the server's lifespan."""
        if scope["type"] == "http" and scope["server"][1] == self.metrics_port:
            await self.server.monitoring.serve_open(scope, receive, send)
        else:
            await self.server(scope, receive, send)
