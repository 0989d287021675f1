"""Waits until something happens, in place of sleeping for as long as it usually takes."""

import asyncio
import inspect
import socket
import time
import urllib.request
from collections.abc import Callable
from pathlib import Path
from typing import Any, Protocol

from jmmc.stores.spool import SpooledStore


class Process(Protocol):
    """A process that tests have started; as `subprocess.Popen`."""

    @property
    def pid(self) -> int:
        """Its process id."""

    def poll(self) -> int | None:
        """Its exit code; None while it runs."""

    def wait(self, timeout: float | None = None) -> int:
        """Wait for its end; its exit code."""

    def send_signal(self, number: int, /) -> None:
        """Send a signal, unless it has ended."""

    def kill(self) -> None:
        """Send SIGKILL."""


def wait_until(
    condition: Callable[[], Any],
    why: Callable[[], object] = lambda: "it did not happen",
    *,
    within: float = 60,
    pause: float = 0.05,
) -> Any:
    """Call `condition` every `pause` seconds until its result is true, and return that result.

    Raises `AssertionError` with what `why` returns when it is not true `within` seconds.
    """
    deadline = time.monotonic() + within
    while not (result := condition()):
        assert time.monotonic() < deadline, why()
        time.sleep(pause)
    return result


async def wait_until_async(
    condition: Callable[[], Any],
    why: Callable[[], object] = lambda: "it did not happen",
    *,
    within: float = 60,
    pause: float = 0.02,
) -> Any:
    """As `wait_until`, while the event loop runs; `condition` may be a coroutine function."""
    deadline = time.monotonic() + within
    while True:
        result = condition()
        if inspect.isawaitable(result):
            result = await result
        if result:
            return result
        assert time.monotonic() < deadline, why()
        await asyncio.sleep(pause)


async def wait_until_moved(store: SpooledStore) -> None:
    """Wait until the database has everything that waited in the spool."""

    async def is_moved() -> bool:
        return (await store.check()).spooled is None

    await wait_until_async(is_moved, lambda: "the spool still holds data", pause=0.05)


def wait_until_answered(
    url: str,
    process: Process | None = None,
    *,
    log: Path | None = None,
    within: float = 60,
) -> None:
    """Wait until a GET of `url` succeeds.

    Raises `AssertionError` with the log when `process` ends before, or after `within` seconds.
    """

    def is_answered() -> bool:
        try:
            urllib.request.urlopen(url, timeout=5).close()
        except OSError:
            return False
        return True

    _wait_for_process(is_answered, f"{url} is not answered", process, log, within)


def wait_until_listening(
    port: int,
    process: Process | None = None,
    *,
    log: Path | None = None,
    within: float = 60,
) -> None:
    """Wait until a port of this machine accepts connections; fails as `wait_until_answered`."""

    def is_listening() -> bool:
        with socket.socket() as probe:
            return probe.connect_ex(("127.0.0.1", port)) == 0

    _wait_for_process(is_listening, f"port {port} is not open", process, log, within)


def _wait_for_process(
    condition: Callable[[], bool],
    complaint: str,
    process: Process | None,
    log: Path | None,
    within: float,
) -> None:
    def complain() -> str:
        said = log.read_text(errors="replace")[-4000:] if log else ""
        return f"{complaint}: {said}"

    def has_started() -> bool:
        assert process is None or process.poll() is None, complain()
        return condition()

    wait_until(has_started, complain, within=within, pause=0.02)
