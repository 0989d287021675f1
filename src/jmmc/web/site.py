"""The app that `jmmc serve` runs: the collector under its prefix, the dashboard and the API."""

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
from jmmc.web.answer_queue import AnswerQueue
from jmmc.web.api.metrics import MetricsEndpoint
from jmmc.web.api.routes import api_reference, api_routes
from jmmc.web.browser.app import MetricsCollector
from jmmc.web.dashboard.routes import Dashboard
from jmmc.web.demo.page import demo_routes, demo_variables
from jmmc.web.downloads import Downloads
from jmmc.web.http import Receive, Respond, Scope, Send
from jmmc.web.problems import Problem
from jmmc.web.request_log import RequestLog
from jmmc.web.root_path import RootPath, UnderRootPath
from jmmc.web.security.access import Access
from jmmc.web.security.headers import SecurityHeaders
from jmmc.web.security.request_rate import RequestRate
from jmmc.web.security.request_size import RequestLimits
from jmmc.web.security.sessions import LoginSigner

_HEALTH_PATHS = frozenset({"/healthz", "/readyz"})


def create_app(settings: Settings, *, store: Store | None = None) -> "Server":
    """The whole server for these settings. Raises `UnusableStore` and `SettingsError`."""
    metrics = MetricsCollector(settings, store=store or configured_store(settings, spool=True))
    demo = demo_routes(settings, metrics.collector) if settings.demo else []
    pages, monitoring = _dashboard(metrics, demo, [])
    return Server(settings.prefix, metrics, pages, monitoring, _root_path(metrics))


def dashboard(metrics: MetricsCollector) -> Starlette:
    """The dashboard and the API of a collector, as an app to mount under any prefix of a host app.

    Access is restricted as in `jmmc serve`: until there is a user or a token, only requests from
    the same machine are allowed. The host also mounts `metrics` itself, for the browsers.
    """
    return _dashboard(metrics, [], [Middleware(UnderRootPath, _root_path(metrics))])[0]


def _root_path(metrics: MetricsCollector) -> RootPath:
    root_path = RootPath(metrics.collector.settings)
    metrics.collector.follow_settings(root_path.apply)
    return root_path


def _middleware(metrics: MetricsCollector, pages: Dashboard, access: Access) -> list[Middleware]:
    traced = getattr(metrics.collector, "trace_requests", None)  # Only with otlp_endpoint.
    return [
        Middleware(SecurityHeaders),
        Middleware(RequestRate, access, answer=pages.flood_answer),
        Middleware(RequestLog, answer=pages.error_answer),
        Middleware(RequestLimits, answer=pages.error_answer),
        *([Middleware(traced)] if traced else []),
    ]


def _dashboard(
    metrics: MetricsCollector,
    further_routes: Sequence[BaseRoute],
    outer_middleware: Sequence[Middleware],
) -> tuple[Starlette, MetricsEndpoint]:
    """The app with the pages, the API, `/metrics` and the further routes."""
    collector = metrics.collector
    signer = LoginSigner(metrics.secret)
    access = Access(collector.settings, collector.store.reports, signer)
    collector.follow_settings(access.apply)
    monitoring = MetricsEndpoint(collector, access)
    demo = demo_variables(collector.settings) if further_routes else None
    queue, downloads = AnswerQueue(access.key), Downloads(access.key)
    pages = Dashboard(
        collector, access, signer, queue, downloads, reference=api_reference, demo=demo
    )

    async def unknown(request: Request, _: Exception) -> Response:
        return await pages.not_found(request)

    async def wrong_method(request: Request, error: Exception) -> Response:
        problem = Problem(405, "Method not allowed", "this address is that of a form")
        response = await pages.error_answer(request.scope, problem)
        response.headers.update(getattr(error, "headers", None) or {})
        return response

    app = Starlette(
        routes=[
            *pages.routes(),
            *api_routes(collector, access, queue, downloads),
            monitoring.route,
            *further_routes,
        ],
        middleware=[*outer_middleware, *_middleware(metrics, pages, access)],
        exception_handlers={404: unknown, 405: wrong_method},
    )
    app.router.redirect_slashes = False  # A redirect would go to the host that the request names.
    return app, monitoring


@dataclass(frozen=True)
class Server:
    """Passes pushes directly to the collector: a router would take a third of the CPU."""

    prefix: str
    metrics: MetricsCollector
    pages: ASGIApp
    monitoring: MetricsEndpoint
    root_path: RootPath

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request or the server's lifespan."""
        if scope["type"] == "http":
            path = self.root_path.set_in(scope)
            if path.startswith(self.prefix + "/"):
                scope["root_path"] = scope.get("root_path", "") + self.prefix
            elif path not in _HEALTH_PATHS:
                self.root_path.set_in_page(scope)
                await self.pages(scope, receive, send)
                return
        await self.metrics(scope, receive, send)

    @property
    def push_url(self) -> bytes:
        """The target of the requests that `push_at_once` takes."""
        return f"{self.prefix}/push".encode()

    def push_at_once(self, scope: Scope, body: bytes, respond: Respond) -> bool:
        """Serve a POST to `push_url` whose body has arrived, without a task: half of the CPU.

        False, and nothing was done, where only the app itself can serve it.
        """
        if self.root_path.set_in(scope) != f"{self.prefix}/push":
            return False
        scope["root_path"] = scope.get("root_path", "") + self.prefix
        return self.metrics.push_at_once(scope, body, respond)


@dataclass(frozen=True)
class TwoPorts:
    """A server that serves `/metrics`, and nothing else, on a separate port too."""

    server: Server
    metrics_port: int

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request or the server's lifespan."""
        if scope["type"] == "http" and scope["server"][1] == self.metrics_port:
            await self.server.monitoring.serve_open(scope, receive, send)
        else:
            await self.server(scope, receive, send)

    @property
    def push_url(self) -> bytes:
        """See `Server.push_url`."""
        return self.server.push_url

    def push_at_once(self, scope: Scope, body: bytes, respond: Respond) -> bool:
        """See `Server.push_at_once`."""
        if scope["server"][1] == self.metrics_port:
            return False
        return self.server.push_at_once(scope, body, respond)
