"""`jmmc serve`: checks the store, listens, runs uvicorn, reloads settings, and shuts down."""

import asyncio
import gc
import logging
import signal
import socket
import sys
import time
from collections.abc import Callable, Coroutine
from functools import partial
from typing import Any

import uvicorn
from rich.console import Console
from starlette.types import ASGIApp

from jmmc.alerting.channels import channels_of
from jmmc.collector import Collector
from jmmc.core.errors import JmmcError, SettingsError, UnusableStore
from jmmc.core.logging import logger, set_up
from jmmc.core.tasks import stop
from jmmc.core.version import __version__
from jmmc.server.connection_limits import ConnectionLimits
from jmmc.server.connections import (
    ClientNoiseFilter,
    close_stalled,
    connections_within,
    raise_file_limit,
)
from jmmc.server.memory import give_back, set_up_heaps
from jmmc.server.reload_signal import RELOAD_SIGNAL
from jmmc.server.sd_notify import notify
from jmmc.settings import Settings, without_password
from jmmc.simulation.demo import STORE, simulate_live_calls, simulate_past_day
from jmmc.stores import Store, configured_store
from jmmc.stores.sqlite.store import SqliteStore
from jmmc.web.site import TwoPorts, create_app

_log = logger(__name__)

GRACE = 10  # Seconds that open requests get to finish when the server stops.
_UNSENT = 65_536  # Bytes buffered for a client that does not read; the default is megabytes.
_TICKS = 10  # uvicorn's ticks, ten a second, between two checks of the connections.
_TICKS_BETWEEN_TRIMS = 300  # Of 2 to 5 ms, in a thread.
_SWITCH_SECONDS = 0.001  # As long as a push waits for the interpreter, a dozen times; usually 5 ms.
_VERIFY_LIMIT = 100 * 2**20  # Bytes: about a second. `jmmc check` verifies any size.


class CannotListen(JmmcError):
    """The address is in use, or does not belong to this machine."""


def run(load: Callable[[], Settings]) -> None:
    """Serve until SIGTERM or SIGINT; then finish open requests and return.

    `load` reads the settings: now, and again on SIGHUP. Before anything is served, raises the
    exceptions of `load`, `CannotListen`, or `StoreError` if the store cannot be opened.
    """
    RELOAD_SIGNAL.hold()  # Until there is something that can reload.
    try:
        _run(load)
    finally:
        RELOAD_SIGNAL.ignore()


def _run(load: Callable[[], Settings]) -> None:
    settings = _load_with_demo_store(load)
    simulated = settings.demo and settings.store == STORE
    set_up(settings.log_level, settings.log_format)
    logging.getLogger("uvicorn.error").addFilter(ClientNoiseFilter())
    files = raise_file_limit()
    set_up_heaps()
    if settings.metrics_port and settings.metrics_port == settings.port:
        raise CannotListen(f"metrics_port must differ from port (both are {settings.port})")
    store = configured_store(settings, spool=True)
    listeners = [_listen(settings.host, settings.port)]
    try:
        if settings.metrics_port:
            listeners.append(_listen(settings.metrics_host, settings.metrics_port))
        if simulated:
            asyncio.run(simulate_past_day(settings, time.time()))
        asyncio.run(_check_store(store))  # Fails before the server starts.
        app = create_app(settings, store=store)
        serving: ASGIApp = TwoPorts(app, settings.metrics_port) if settings.metrics_port else app
        collector = app.metrics.collector
        limits = ConnectionLimits(settings, collector.counters, files)
        collector.follow_settings(limits.apply)
        server = _Server(
            collector,
            limits,
            uvicorn.Config(
                serving,
                loop="uvloop",
                http=connections_within(limits),
                ws="none",
                lifespan="on",
                interface="asgi3",
                access_log=False,
                log_config=None,
                server_header=False,
                proxy_headers=False,
                timeout_graceful_shutdown=GRACE,
            ),
        )
        # Also for signals before and after uvicorn handles them: it raises them again at its end,
        # and a requested stop must exit with 0.
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, lambda *_: setattr(server, "should_exit", True))
        port = listeners[0].getsockname()[1]
        _greet(settings, port)
        _log.info("started", version=__version__, store=settings.store.partition(":")[0])
        _freeze_startup_objects()
        sys.setswitchinterval(_SWITCH_SECONDS)
        url = f"http://127.0.0.1:{port}{settings.prefix}"
        with asyncio.Runner(loop_factory=server.config.get_loop_factory()) as runner:
            reload = partial(_reload, collector, partial(_load_with_demo_store, load))
            loop = runner.get_loop()
            RELOAD_SIGNAL.deliver_to(partial(loop.call_soon_threadsafe, reload))
            collecting = server.serve(sockets=listeners)
            try:
                runner.run(_serve_with_calls(collecting, url) if simulated else collecting)
            finally:
                RELOAD_SIGNAL.ignore()
        _log.info("stopped")
    finally:
        for listener in listeners:
            listener.close()


class _Server(uvicorn.Server):
    """A uvicorn server that notifies systemd and the collector of its start and end."""

    def __init__(
        self, collector: Collector, limits: ConnectionLimits, config: uvicorn.Config
    ) -> None:
        super().__init__(config)
        self._collector = collector
        self._limits = limits

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        if self.started:
            notify("READY=1")

    async def on_tick(self, counter: int) -> bool:
        if counter % _TICKS == 0:
            close_stalled(self.server_state.connections, self._collector.settings.body_timeout)
            self._limits.report(time.monotonic())
        if counter % _TICKS_BETWEEN_TRIMS == 0:
            asyncio.get_running_loop().run_in_executor(None, give_back)
        return await super().on_tick(counter)

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        RELOAD_SIGNAL.ignore()
        notify("STOPPING=1")
        self._collector.leaving = True
        await super().shutdown(sockets)


def _load_with_demo_store(load: Callable[[], Settings]) -> Settings:
    """Load and check the settings; the demo uses a store of its own unless one is configured.

    There it also has the devices of the simulated people, unless the settings say otherwise.
    """
    settings = load()
    channels_of(settings)  # A service that cannot be used is a mistake in the settings.
    if settings.demo and "store" not in settings.model_fields_set:
        defaults = {"store": STORE, "collect_devices": True}
        unset = defaults.keys() - settings.model_fields_set
        return settings.model_copy(update={name: defaults[name] for name in unset})
    return settings


def _reload(collector: Collector, load: Callable[[], Settings]) -> None:
    """Load the settings again and apply them; invalid settings change nothing."""
    try:
        change = collector.adopt(load())
    except SettingsError as error:
        _log.error("settings_refused", why="; ".join(error.problems))
        return
    set_up(change.settings.log_level, change.settings.log_format)
    _log.warning("settings_reloaded", changed=change.applied, need_restart=change.waiting)


async def _serve_with_calls(collecting: Coroutine[Any, Any, None], url: str) -> None:
    """Serve while the demo's simulated calls push to `url`."""
    calls = asyncio.create_task(simulate_live_calls(url))
    try:
        await collecting
    finally:
        await stop(calls)


async def _check_store(store: Store) -> None:
    try:
        await store.open()
        if isinstance(store, SqliteStore) and store.path.stat().st_size <= _VERIFY_LIMIT:
            for complaint in await store.verify():
                raise UnusableStore(f"{store.path} is damaged, restore a backup: {complaint}")
    finally:
        await store.close()


def _listen(host: str, port: int) -> socket.socket:
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    listener = socket.socket(family)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    if hasattr(socket, "TCP_NOTSENT_LOWAT"):  # Accepted connections inherit it.
        listener.setsockopt(socket.IPPROTO_TCP, socket.TCP_NOTSENT_LOWAT, _UNSENT)
    try:
        listener.bind((host, port))
    except OSError as error:
        listener.close()
        raise CannotListen(f"cannot listen on {host}:{port}: {error.strerror or error}") from error
    listener.setblocking(False)
    return listener


def _freeze_startup_objects() -> None:
    """Exempt objects made at start-up from garbage collection, and raise its thresholds.

    This saves 2 µs of each push, out of 15 µs in this package.
    """
    gc.collect()
    gc.freeze()
    gc.set_threshold(50_000, 20, 50)


def _greet(settings: Settings, port: int) -> None:
    host = f"[{settings.host}]" if ":" in settings.host else settings.host
    base = f"http://{host}:{port}"
    url = f"{base}{settings.prefix}"
    console = Console(highlight=False, soft_wrap=True, markup=False)
    console.print(f"jmmc {__version__} collects at {url}", style="bold")
    console.print(f"Store: {without_password(settings.store)}")
    if settings.store == STORE:
        console.print(
            f"The server starts with one simulated day and live simulated calls. Dashboard: {base}/"
        )
        console.print("Query them from another terminal, in the same folder:")
        console.print(f"  jmmc report --store {STORE} --since 24h", style="cyan")
        console.print("For real calls, start the server with a store of its own (--store).")
    if settings.demo:
        console.print(f"Demo page, which shows each push: {base}/demo")
    if settings.metrics_port:
        console.print(f"Prometheus: http://{settings.metrics_host}:{settings.metrics_port}/metrics")
    public = settings.public_url.rstrip("/")
    script = f"{public or base}{settings.prefix}/getClient"
    with_url = "" if public else ", with this server's public URL"
    console.print(
        f"\nAdd to the end of your Jitsi Meet's config.js{with_url} (other ways: jmmc snippet):"
    )
    for line in (
        "config.analytics = config.analytics || {};",
        f"config.analytics.scriptURLs = (config.analytics.scriptURLs || []).concat('{script}');",
    ):
        console.print(f"  {line}", style="cyan")
    console.file.flush()
