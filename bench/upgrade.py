"""Measure the first start after an upgrade whose formulas differ: all sessions are graded anew.

    python bench/upgrade.py --store sqlite:////tmp/jmmc-bench/copy.db

Works on the store itself: give a copy. Notes that an earlier formula made its summaries, starts
`jmmc serve`, and measures the first answers, then sessions a second while participants push and
pages are read; kills the server, and shows that the next one continues.
"""

import argparse
import asyncio
import re
import signal
import sys
import tempfile
import time
import urllib.request
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent.parent))

from bench.crowd import Crowd
from jmmc.core.errors import StoreError
from jmmc.stores import open_store
from tests.support.mongod import started
from tests.support.servers import Serve

_FLAGS = ("--retention-days", "3650", "--summary-retention-days", "3650", "--spool-dir", "")
_PATHS = ("/", "/overview?since=30d", "/meetings?since=30d", "/health")
_PROGRESS = re.compile(r'data-key="upgraded"[^>]*>[^<]*?Done: ([\d,]+) of ([\d,]+)')
_PATIENCE = 60.0  # Seconds until the first answer.
_LEASE = 180.0  # Seconds until the lease of a process that was killed has surely run out.


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--store", default="", help="the URL of a copy of a store")
    parser.add_argument("--mongod", type=Path, help="instead: the folder of a mongod to start")
    parser.add_argument("--participants", type=int, default=1000)
    parser.add_argument(
        "--seconds", type=float, default=30, help="of each of two runs, from the first progress on"
    )
    options = parser.parse_args()
    if options.mongod is None:
        asyncio.run(_measure(options.store, options))
        return
    with started(options.mongod) as mongod:
        asyncio.run(_measure(mongod.url, options))


async def _measure(url: str, options: argparse.Namespace) -> None:
    store = open_store(url, timeout=60)
    await store.open()
    await store.reports.put_record("formula", "current", b'"0-earlier"')
    for name in await store.reports.records("rebuild"):
        await store.reports.delete_record("rebuild", name)
    await store.close()
    with tempfile.TemporaryDirectory() as folder:
        serve = Serve(Path(folder), *_FLAGS, store=url, fresh=True, wait=False)
        try:
            await _run(serve, options, "after the upgrade")
            await asyncio.to_thread(serve.stop, signal.SIGKILL)
            serve.start(wait=False)
            await _run(serve, options, "after kill -9")
        finally:
            serve.close()


async def _run(serve: Serve, options: argparse.Namespace, name: str) -> None:
    """Measure one start and what follows."""
    began = time.monotonic()
    ready = await asyncio.to_thread(_wait, f"{serve.url}/readyz", began)
    base = f"http://127.0.0.1:{serve.port}"
    first = {path: await asyncio.to_thread(_get, base + path) for path in _PATHS}
    print(f"\n{name}: /readyz after {ready:.1f} s; first answers, s:", flush=True)
    for path, (seconds, _) in first.items():
        print(f"  {seconds:6.2f} {path}")
    crowd, until = Crowd(options.participants, port=serve.port), asyncio.Event()
    pushing = asyncio.create_task(crowd.run(until))
    slowest = dict.fromkeys(_PATHS, 0.0)
    seen: list[tuple[float, int, int]] = []
    cpu, at = serve.cpu(), time.monotonic()
    while time.monotonic() - (seen[0][0] if seen else at) < (options.seconds if seen else _LEASE):
        for path in _PATHS:
            seconds, text = await asyncio.to_thread(_get, base + path)
            slowest[path] = max(slowest[path], seconds)
        if found := _PROGRESS.search(text):
            done, total = (int(number.replace(",", "")) for number in found.groups())
            seen.append((time.monotonic(), done, total))
        await asyncio.sleep(1)
    took, cpu = time.monotonic() - at, serve.cpu() - cpu
    until.set()
    await pushing
    if len(seen) > 1:
        (since, before, _), (then, done, total) = seen[0], seen[-1]
        rate = (done - before) / (then - since)
        print(f"health page: {before:,} to {done:,} of {total:,} sessions, {rate:.0f} a second,")
        print(f"first seen {since - began:.0f} s after the start")
    else:
        print(f"health page: no progress to see ({len(seen)} times)")
    print(f"{cpu / took:.2f} cores, {serve.memory():.0f} MB")
    figures = crowd.figures
    print(f"pushes: {dict(figures.outcomes)}; p50 {figures.percentile(50):.0f} ms,", end=" ")
    print(f"p99 {figures.percentile(99):.0f} ms; slowest pages, s:")
    for path, seconds in slowest.items():
        print(f"  {seconds:6.2f} {path}", flush=True)


def _wait(url: str, began: float) -> float:
    """Seconds until the URL answers with 200."""
    while time.monotonic() - began < _PATIENCE:
        try:
            with urllib.request.urlopen(url, timeout=5):
                return time.monotonic() - began
        except OSError:
            time.sleep(0.02)
    raise StoreError(f"{url} does not answer")


def _get(url: str) -> tuple[float, str]:
    began = time.monotonic()
    with urllib.request.urlopen(url, timeout=120) as answer:
        text = answer.read().decode()
    return time.monotonic() - began, text


if __name__ == "__main__":
    main()
