"""Servers that tests start: `jmmc serve` as a process, ASGI apps, static pages."""

import itertools
import json
import os
import signal
import socket
import subprocess
import sys
import threading
import urllib.error
import urllib.request
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import uvicorn

from tests.support.commands import jmmc
from tests.support.waiting import Process, wait_until, wait_until_answered
from tests.support.warm import JMMC, warm

_OF_A_START = ("LD_", "PYTHON")  # Variables that only a process's start reads.
_COVERED = "COVERAGE_PROCESS_CONFIG"
PREFIX = "/jitsi-meet-metrics-collector"


# Below Linux's ephemeral ports, which a connection or a server on port 0 might take before
# the process under test listens. Above 10080, the last port that browsers block (Fetch standard).
_FIRST_PORT = 11_000
_PER_WORKER = 2_500  # For each of eight workers of pytest-xdist.


def _worker_ports() -> Iterator[int]:
    worker = int(os.environ.get("PYTEST_XDIST_WORKER", "gw0").removeprefix("gw"))
    for number in itertools.count(os.getpid()):  # Two concurrent runs start at different ports.
        yield _FIRST_PORT + worker % 8 * _PER_WORKER + number % _PER_WORKER


_ports = _worker_ports()


def free_port() -> int:
    """Return a port of 127.0.0.1 that is free, and that no other test gets."""
    for port in itertools.islice(_ports, _PER_WORKER):
        with socket.socket() as probe, suppress(OSError):
            probe.bind(("127.0.0.1", port))
            return port
    raise AssertionError("no free port")


def post_push(url: str, content: Mapping[str, Any], *, address: str = "") -> dict[str, Any]:
    """POST a push to the collector at `url`; the decoded response. Raises `HTTPError`.

    With `address`, as a proxy on this machine does for that browser.
    """
    headers = {"Content-Type": "text/plain"}
    if address:
        headers["X-Forwarded-For"] = address
    request = urllib.request.Request(f"{url}/push", json.dumps(content).encode(), headers)
    with urllib.request.urlopen(request, timeout=10) as response:
        return dict(json.load(response))


def get_json(url: str, headers: Mapping[str, str] | None = None) -> Any:
    """GET a URL; the decoded response. Raises `OSError`."""
    request = urllib.request.Request(url, headers=dict(headers or {}))
    with urllib.request.urlopen(request, timeout=10) as response:
        return json.load(response)


def process_delay(pid: int | str) -> float:
    """Seconds that the main thread of a process waited for a processor, ready to run.

    Of the calling thread with "thread-self".
    """
    return int(Path(f"/proc/{pid}/schedstat").read_text().split()[1]) / 1e9


FASTER = """
import asyncio
sleep = asyncio.sleep
asyncio.sleep = lambda delay, result=None: sleep(delay / 10 if 1 < delay < 60 else delay, result)
"""
"""A `code` of `Serve` that does ten times as often what it does every few seconds.

Its clocks are as ever.
"""

QUICK_PASSWORDS = """
from argon2 import PasswordHasher
from jmmc.accounts import users
users._HASHER = PasswordHasher(time_cost=1, memory_cost=64)
users._NOBODY = users._HASHER.hash("of nobody")
"""
"""A `code` of `Serve` that verifies the passwords of unknown users with a thousandth of the work.

tests/accounts tests the real parameters.
"""


class Serve:
    """A process with `jmmc serve`; tests may kill it and start it again.

    Its store is a SQLite file in `folder` unless `store` is given. `code` runs before the command.
    Without `wait` it is started only. With `fresh` it begins as a user's does, without it as a fork
    of a process that has the package imported. `environ` may ask for what begins with a process.
    """

    def __init__(
        self,
        folder: Path,
        *options: str,
        store: str = "",
        environ: Mapping[str, str] | None = None,
        code: str = "",
        fresh: bool = False,
        wait: bool = True,
    ) -> None:
        folder.mkdir(exist_ok=True)
        self.store = store or f"sqlite:///{folder}/calls.db"
        self.port = free_port()
        self.options = options
        self.code = f"{code}\n{JMMC}"
        self.environ = {**os.environ, **(environ or {})}
        of_a_start = any(name.startswith(_OF_A_START) for name in environ or {})
        self.fresh = fresh or of_a_start or _COVERED in os.environ
        self.log = folder / "serve.log"
        self.process: Process | None = None
        self.start(wait=wait)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}{PREFIX}"

    def readiness(self, *, timeout: float) -> dict[str, Any]:
        """The content of `/readyz`, ready or not. Raises `OSError` if the server is down."""
        try:
            with urllib.request.urlopen(f"{self.url}/readyz", timeout=timeout) as answer:
                return dict(json.load(answer))
        except urllib.error.HTTPError as error:
            return dict(json.load(error))

    def memory(self) -> float:
        """Resident memory in MiB."""
        assert self.process is not None
        status = Path(f"/proc/{self.process.pid}/status").read_text()
        return int(status.partition("VmRSS:")[2].split()[0]) / 1024

    def cpu(self) -> float:
        """Seconds of CPU that the process has used."""
        assert self.process is not None
        fields = Path(f"/proc/{self.process.pid}/stat").read_text().rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")

    def delay(self) -> float:
        """Seconds that the event loop has waited for a processor, ready to run."""
        assert self.process is not None
        return process_delay(self.process.pid)

    def thread_delay(self) -> float:
        """Seconds that all threads, added up, have waited for a processor, ready to run.

        One of them may hold the GIL for which the event loop waits.
        """
        assert self.process is not None
        delay = 0.0
        for thread in Path(f"/proc/{self.process.pid}/task").iterdir():
            with suppress(FileNotFoundError, ProcessLookupError):  # It has just ended.
                delay += process_delay(f"{self.process.pid}/task/{thread.name}")
        return delay

    def files(self) -> int:
        """The number of open files and connections."""
        assert self.process is not None
        return len(list(Path(f"/proc/{self.process.pid}/fd").iterdir()))

    def start(self, *, wait: bool = True) -> None:
        arguments = ["serve", "--store", self.store, "--port", str(self.port)]
        arguments += ["--max-pushes-per-minute", "0", *self.options]
        with self.log.open("ab") as log:
            if self.fresh:
                command = [sys.executable, "-c", self.code, *arguments]
                self.process = subprocess.Popen(command, stdout=log, stderr=log, env=self.environ)
            else:
                self.process = warm().start(self.code, arguments, environ=self.environ, output=log)
        if wait:
            self.wait_until_ready()

    def wait_until_ready(self) -> None:
        try:
            wait_until_answered(f"{self.url}/readyz", self.process, log=self.log)
        except AssertionError:
            self.close()
            raise

    def stop(self, number: int = signal.SIGTERM) -> int:
        """Send a signal and wait for the end; returns the exit code."""
        assert self.process is not None
        self.process.send_signal(number)
        code = self.process.wait(20)
        self.process = None
        return code

    def hang_up(self, event: str) -> None:
        """Send SIGHUP, and wait until `event` is in the log once more."""
        assert self.process is not None
        before = self.log.read_text().count(event)
        self.process.send_signal(signal.SIGHUP)
        wait_until(
            lambda: self.log.read_text().count(event) > before, self.log.read_text, pause=0.01
        )

    def export(self, *options: str) -> list[dict[str, Any]]:
        """The output of `jmmc export`, decoded."""
        done = jmmc("export", "--store", self.store, *options)
        assert done.returncode == 0, done.stderr
        return [json.loads(line) for line in done.stdout.splitlines()]

    def close(self) -> None:
        """Kill the process; under coverage, stop it first, so that it writes its data."""
        if self.process is None:
            return
        if _COVERED in os.environ:
            self.process.send_signal(signal.SIGTERM)
            with suppress(subprocess.TimeoutExpired):
                self.process.wait(20)
        self.stop(signal.SIGKILL)


@contextmanager
def serving(app: Any) -> Iterator[str]:
    """Serve an ASGI app in a thread of this process; its URL."""
    config = uvicorn.Config(
        app, port=0, lifespan="on", ws="none", log_level="warning", log_config=None
    )
    server = uvicorn.Server(config)
    thread = threading.Thread(target=server.run, daemon=True)
    thread.start()
    try:
        wait_until(lambda: server.started, within=10)
        yield f"http://127.0.0.1:{server.servers[0].sockets[0].getsockname()[1]}"
    finally:
        server.should_exit = True
        thread.join(timeout=10)
        assert not thread.is_alive()


class _Quiet(SimpleHTTPRequestHandler):
    def log_request(self, code: object = "-", size: object = "-") -> None:
        pass


class Pages:
    """A static web server: an origin that is not the collector's."""

    def __init__(self, folder: Path) -> None:
        handler = partial(_Quiet, directory=str(folder))
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
        self._server.daemon_threads = True
        self._thread = threading.Thread(target=self._server.serve_forever, daemon=True)
        self._thread.start()
        self.url = f"http://127.0.0.1:{self._server.server_port}"

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join(10)
