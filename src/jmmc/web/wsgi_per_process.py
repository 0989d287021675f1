"""A WSGI app that is made in each process of a preforking server."""

import os
import threading
from collections.abc import Callable, Iterable
from importlib import import_module
from typing import Any

from jmmc.core.errors import JmmcError

WsgiApp = Callable[[dict[str, Any], Callable[..., Any]], Iterable[bytes]]


class NoThreads(JmmcError):
    """The server runs no threads, which the event loop of the collector needs."""


class PerProcess:
    """Calls `make` for a WSGI app at the first request of each process.

    gunicorn with `--preload`, and uWSGI unless told `--lazy-apps`, load an app and then fork.
    Threads and event loops of an app that was made before do not exist in the fork: its requests
    would wait for ever. Raises `NoThreads` in uWSGI without `--enable-threads`.
    """

    def __init__(self, make: Callable[[], WsgiApp]) -> None:
        _refuse_without_threads()
        self._make = make
        self._lock = threading.Lock()
        self._app: tuple[int, WsgiApp] | None = None
        # A lock that a thread of the parent holds would stay locked in the fork.
        os.register_at_fork(after_in_child=self._forget)

    def __call__(self, environ: dict[str, Any], start_response: Callable[..., Any]) -> Any:
        """Serve one request."""
        return self._own_app()(environ, start_response)

    def _own_app(self) -> WsgiApp:
        with self._lock:
            if self._app is None or self._app[0] != os.getpid():
                self._app = os.getpid(), self._make()
            return self._app[1]

    def _forget(self) -> None:
        self._lock = threading.Lock()


def _refuse_without_threads() -> None:
    try:
        options = import_module("uwsgi").opt  # A module that exists only inside uWSGI.
    except ImportError:
        return
    if not {"enable-threads", "threads"} & set(options):
        raise NoThreads("uWSGI runs the collector only with --enable-threads (or --threads N)")
