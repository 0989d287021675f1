"""Measure what hurt most in a month: the incidents of a store with 100,000 sessions in 30 days.

Takes the store of `bench/queries.py` from --folder, or makes it with `jmmc simulate` (a quarter of
an hour), where the product finds the incidents, unless they are up to date. Asks a running `jmmc
serve` by HTTP, on SQLite and, with --mongod, on MongoDB, which gets a copy of the incidents.
*First*: the first request after a start, which compiles the templates of a page. *Cold*: the first
for this time, with the templates. Both are without SQLite's file in the page cache of the system.
*Median*: of further ones, with the CPU of the server for each, and of mongod.
"""

import argparse
import asyncio
import os
import statistics
import sys
import tempfile
import time
import urllib.request
from collections.abc import Callable
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent.parent))

from bench.queries import created
from jmmc.core.timestamps import to_iso
from jmmc.maintenance.schedule import summarizer_of
from jmmc.settings import Settings
from jmmc.stores import open_store
from tests.support.mongod import Mongod, started
from tests.support.servers import Serve

_DAY = 86_400
_ROUNDS = 15
_LIMIT = 300  # Milliseconds.
_SETTLED = 20.0  # Seconds after which a server has begun its background work.
_ANOTHER_TIME = "since=2001-01-01&until=2001-01-02"
_FLAGS = ("--retention-days", "3650", "--summary-retention-days", "3650", "--spool-dir", "")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--folder", type=Path, default=Path("/tmp/jmmc-bench"))
    parser.add_argument("--sessions", type=int, default=100_000)
    parser.add_argument("--mongod", action="store_true", help="also on MongoDB")
    options = parser.parse_args()
    options.folder.mkdir(exist_ok=True)
    url = created(options.folder, options.sessions, 30)
    file = Path(url.removeprefix("sqlite:///"))
    until, number = asyncio.run(_found(url))
    print(f"{number:,} incidents in 30 days; the aim is {_LIMIT} ms\n")
    print("| on | what | first | cold | median | CPU of jmmc | of mongod, ms |")
    print("|---|---|---|---|---|---|---|", flush=True)
    _measure("SQLite", url, until, lambda: _drop_from_cache(file))
    if options.mongod:
        with tempfile.TemporaryDirectory() as folder, started(Path(folder)) as mongod:
            asyncio.run(_copy_incidents(url, mongod.url))
            _measure("MongoDB", mongod.url, until, lambda: None, mongod)


async def _found(url: str) -> tuple[int, int]:
    """The end of the last incident, and how many there are; found by this version of the model."""
    store = open_store(url)
    await store.open()
    try:
        began = time.process_time()
        summarizer = summarizer_of(store, Settings.of(), time.time)
        async for _ in summarizer.incidents.upgrade():
            pass
        await summarizer.release()
        print(f"incidents up to date after {time.process_time() - began:.0f} s of CPU")
        stored = await store.reports.stored_incidents(0, int(time.time()) + _DAY)
    finally:
        await store.close()
    return max(row.incident.end for row in stored), len(stored)


async def _copy_incidents(source: str, target: str) -> None:
    stores = [open_store(url, timeout=60) for url in (source, target)]
    for store in stores:
        await store.open()
    found = await stores[0].reports.stored_incidents(0, int(time.time()) + _DAY)
    for start in range(0, len(found), 500):
        await stores[1].reports.replace_incidents([], found[start : start + 500])
    for store in stores:
        await store.close()


def _measure(
    name: str, url: str, until: int, forget: Callable[[], None], mongod: Mongod | None = None
) -> None:
    window = f"since={to_iso(until - 30 * _DAY)}&until={to_iso(until + 1)}"
    asked = {
        "API, 50 incidents": f"/api/v1/incidents?{window}&limit=50",
        "API, 50 of the most people": f"/api/v1/incidents?{window}&limit=50&order=people",
        "API, the newest 50": f"/api/v1/incidents?{window}&limit=50&order=newest",
        "API, 50 of one cause": f"/api/v1/incidents?{window}&limit=50&cause=region",
        "page, what hurt most": f"/incidents?{window}",
        "page, several people": f"/incidents?{window}&show=several",
    }
    first: dict[str, float] = {}
    cold: dict[str, float] = {}
    for what, path in asked.items():
        for found, before in ((first, ""), (cold, path.replace(window, _ANOTHER_TIME))):
            with tempfile.TemporaryDirectory() as folder:
                serve = Serve(Path(folder), *_FLAGS, store=url, fresh=True)
                try:
                    if before:
                        _ask(serve, before)
                    forget()
                    found[what] = _ask(serve, path)
                finally:
                    serve.close()
    with tempfile.TemporaryDirectory() as folder:
        serve = Serve(Path(folder), *_FLAGS, store=url, fresh=True)
        try:
            time.sleep(_SETTLED)
            for what, path in asked.items():
                _ask(serve, path)
                cpu, other = serve.cpu(), mongod.cpu() if mongod else 0.0
                median = statistics.median([_ask(serve, path) for _ in range(_ROUNDS)])
                cpu = 1000 * (serve.cpu() - cpu) / _ROUNDS
                other = 1000 * ((mongod.cpu() if mongod else 0.0) - other) / _ROUNDS
                over = " **over**" if max(median, cold[what]) > _LIMIT else ""
                figures = f"{first[what]:.0f} | {cold[what]:.0f} | {median:.0f} | {cpu:.0f}"
                figures += f" | {other:.0f} |"
                print(f"| {name} | {what} | {figures}{over}", flush=True)
        finally:
            serve.close()


def _ask(serve: Serve, path: str) -> float:
    """The milliseconds until an answer is read."""
    began = time.perf_counter()
    with urllib.request.urlopen(f"http://127.0.0.1:{serve.port}{path}", timeout=60) as answer:
        answer.read()
    return 1000 * (time.perf_counter() - began)


def _drop_from_cache(file: Path) -> None:
    """Have the system read the file anew from its disk."""
    for part in (file, file.with_name(f"{file.name}-wal")):
        if part.exists():
            with part.open("rb") as opened:
                os.fsync(opened.fileno())
                os.posix_fadvise(opened.fileno(), 0, 0, os.POSIX_FADV_DONTNEED)


if __name__ == "__main__":
    main()
