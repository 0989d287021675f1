"""Real processes and servers that tests start: `jmmc serve`, `jmmc export`, apps, static pages."""

import itertools
import json
import os
import signal
import socket
import subprocess
import sys
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import uvicorn

PREFIX = "/jitsi-meet-metrics-collector"


# Below those that Linux gives away by itself: a connection that goes out, or a server on port 0,
# may get one of those before the process that is to listen there has come so far.
# Above the last one to which no browser goes, 10080 (the bad ports of the Fetch standard).
_PORTS = 11_000
_EACH = 2_500  # For each of eight workers of pytest-xdist.


def _own_ports() -> Iterator[int]:
    worker = int(os.environ.get("PYTEST_XDIST_WORKER", "gw0").removeprefix("gw"))
    for number in itertools.count(os.getpid()):  # Two runs side by side begin apart.
        yield _PORTS + worker % 8 * _EACH + number % _EACH


_own = _own_ports()


def free_port() -> int:
    """A port of 127.0.0.1 on which nobody listens, and which nobody else is given."""
    for port in itertools.islice(_own, _EACH):
        with socket.socket() as probe, suppress(OSError):
            probe.bind(("127.0.0.1", port))
            return port
    raise AssertionError("all ports are taken")


class Serve:
    """`jmmc serve` as a process of its own; may be killed and started again.

    Its store is one SQLite file, unless `store` is given. `program` is what Python runs. Without
    `wait` it is started only.
    """

    def __init__(
        self,
        folder: Path,
        *options: str,
        store: str = "",
        environ: Mapping[str, str] | None = None,
        program: Sequence[str] = ("-m", "jmmc"),
        wait: bool = True,
    ) -> None:
        folder.mkdir(exist_ok=True)
        self.store = store or f"sqlite:///{folder}/calls.db"
        self.port = free_port()
        self.options = options
        self.program = program
        self.environ = {**os.environ, **(environ or {})}
        self.log = folder / "serve.log"
        self.process: subprocess.Popen[bytes] | None = None
        self.start(wait=wait)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}{PREFIX}"

    def readiness(self, *, timeout: float) -> dict[str, Any]:
        """What `/readyz` says, ready or not. Raises `OSError` when nobody answers."""
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

    def files(self) -> int:
        """How many files and connections it has open."""
        assert self.process is not None
        return len(list(Path(f"/proc/{self.process.pid}/fd").iterdir()))

    def start(self, *, wait: bool = True) -> None:
        command = [sys.executable, *self.program, "serve", "--store", self.store]
        command += ["--port", str(self.port), "--max-pushes-per-minute", "0", *self.options]
        with self.log.open("ab") as log:
            self.process = subprocess.Popen(command, stdout=log, stderr=log, env=self.environ)
        if wait:
            self.wait_until_ready()

    def wait_until_ready(self) -> None:
        assert self.process is not None
        deadline = time.monotonic() + 60
        while time.monotonic() < deadline:
            assert self.process.poll() is None, self.log.read_text()
            try:
                with urllib.request.urlopen(f"{self.url}/readyz", timeout=5):
                    return
            except OSError:
                time.sleep(0.02)
        self.close()
        raise AssertionError(f"not ready: {self.log.read_text()}")

    def stop(self, number: int = signal.SIGTERM) -> int:
        """Send a signal and wait; the exit code."""
        assert self.process is not None
        self.process.send_signal(number)
        code = self.process.wait(20)
        self.process = None
        return code

    def hang_up(self, event: str) -> None:
        """Tell it to read its settings again, and wait until it logs `event` once more."""
        assert self.process is not None
        before = self.log.read_text().count(event)
        self.process.send_signal(signal.SIGHUP)
        deadline = time.monotonic() + 20
        while self.log.read_text().count(event) == before:
            assert time.monotonic() < deadline, self.log.read_text()
            time.sleep(0.01)

    def export(self, *options: str) -> list[dict[str, Any]]:
        """What `jmmc export` writes, decoded."""
        command = [sys.executable, "-m", "jmmc", "export", "--store", self.store, *options]
        done = subprocess.run(command, capture_output=True, check=True, timeout=60)
        return [json.loads(line) for line in done.stdout.splitlines()]

    def close(self) -> None:
        """End it at once; when coverage is measured, so that it tells what it has run."""
        if self.process is None:
            return
        if "COVERAGE_PROCESS_CONFIG" in os.environ:
            self.process.send_signal(signal.SIGTERM)
            with suppress(subprocess.TimeoutExpired):
                self.process.wait(20)
        self.stop(signal.SIGKILL)


@contextmanager
def serving(app: Any) -> Iterator[str]:
    """An ASGI app on a port of this machine, in a thread of this process; its URL."""
    config = uvicorn.Config(
        app, port=0, lifespan="on", ws="none", log_level="warning", log_config=None
    )
    server = uvicorn.Server(config)
    thread = threading.Thread(target=server.run, daemon=True)
    thread.start()
    try:
        deadline = time.monotonic() + 10
        while not server.started and time.monotonic() < deadline:
            time.sleep(0.02)
        yield f"http://127.0.0.1:{server.servers[0].sockets[0].getsockname()[1]}"
    finally:
        server.should_exit = True
        thread.join(timeout=10)
        assert not thread.is_alive()


class _Quiet(SimpleHTTPRequestHandler):
    def log_request(self, code: object = "-", size: object = "-") -> None:
        pass


class Pages:
    """A static web server: another origin than the collector's."""

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
