"""Soak test: an hour of constant load with maintenance, retention, dashboard users and exports.

    python bench/soak.py --seconds 3600 --participants 10000

Shows whether memory or files grow, and whether queries delay pushes. Four phases of equal length:
pushes only; a dashboard in use; exports running; both. The store starts with three days of
history, of which retention deletes two.
"""

import argparse
import asyncio
import sys
import tempfile
import time
import urllib.error
import urllib.request
from collections import Counter
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent.parent))

from bench.crowd import Crowd, Figures
from bench.open_loop import LoadMonitor, print_results
from tests.support.servers import Serve

_PAUSE = 1.0  # Seconds between two requests of the dashboard.
_PATHS = (
    "/",
    "/overview",
    "/find?q=room",
    "/compare",
    "/api/v1/live",
    "/api/v1/overview?since=2d",
    "/api/v1/compare?by=network&since=2d",
    "/api/v1/meetings?since=6h",
    "/api/v1/sessions?grade=poor",
    "/api/v1/search?q=room-1",
    "/metrics",
)
_PHASES = ("pushes only", "a dashboard in use", "exports running", "both")


class Readers:
    """Reads beside the pushes: a dashboard user, and exports one after the other."""

    def __init__(self, serve: Serve) -> None:
        self._serve = serve
        self.browsing = False
        self.exporting = False
        self.statuses: Counter[str] = Counter()
        self.slowest: dict[str, float] = {}
        self.exported = 0

    async def browse(self, until: asyncio.Event) -> None:
        """Request one page after the other while `browsing` is set."""
        base = f"http://127.0.0.1:{self._serve.port}"
        turn = 0
        while not until.is_set():
            await asyncio.sleep(_PAUSE)
            if self.browsing:
                path = _PATHS[turn % len(_PATHS)]
                turn += 1
                began = time.monotonic()
                status = await asyncio.to_thread(_request, base + path)
                took = time.monotonic() - began
                self.statuses[f"{status}"] += 1
                self.slowest[path] = max(took, self.slowest.get(path, 0.0))

    async def export(self, until: asyncio.Event) -> None:
        """Export all timelines to /dev/null, repeatedly, while `exporting` is set."""
        command = [sys.executable, "-m", "jmmc", "export", "--store", self._serve.store]
        command += ["--what", "timeline", "-o", "/dev/null"]
        while not until.is_set():
            await asyncio.sleep(_PAUSE)
            if self.exporting:
                export = await asyncio.create_subprocess_exec(
                    *command, stderr=asyncio.subprocess.DEVNULL
                )
                await export.wait()
                self.exported += 1


def _request(url: str) -> int:
    try:
        with urllib.request.urlopen(url, timeout=60) as answer:
            answer.read()
            return int(answer.status)
    except urllib.error.HTTPError as error:
        return error.code


async def soak(options: argparse.Namespace, folder: Path) -> None:
    """Run the phases and print the results."""
    store = f"sqlite:///{folder}/calls.db"
    start = time.strftime("%Y-%m-%dT%H:%MZ", time.gmtime(time.time() - 3 * 86_400))
    simulate = [sys.executable, "-m", "jmmc", "simulate", "--store", store, "--start", start]
    simulate += ["--participants", f"{options.history}", "--rooms", "300"]
    history = await asyncio.create_subprocess_exec(*simulate, "--minutes", "4320")
    assert await history.wait() == 0
    serve = await asyncio.to_thread(Serve, folder, "--retention-days", "1")
    try:
        crowd = Crowd(options.participants, port=serve.port)
        monitor, readers = (
            LoadMonitor(serve, folder, crowd, min(10, options.seconds / 16)),
            Readers(serve),
        )
        until, monitored = asyncio.Event(), asyncio.Event()
        running = asyncio.gather(
            crowd.run(until),
            monitor.run(monitored),
            readers.browse(monitored),
            readers.export(monitored),
        )
        phases: list[Figures] = []
        for number, name in enumerate(_PHASES):
            readers.browsing, readers.exporting = bool(number & 1), bool(number & 2)
            before = len(monitor.rows)
            print(f"| {name} |", flush=True)
            await asyncio.sleep(options.seconds / len(_PHASES))
            phases.append(monitor.total(before))
        await crowd.drain(120)
        monitored.set()
        until.set()
        await running
        await asyncio.to_thread(serve.stop)
        print_results(monitor)
        print("\n| phase | p50 ms | p99 ms | p99 relative to pushes only |\n|---|---|---|---|")
        for name, phase in zip(_PHASES, phases, strict=True):
            factor = phase.percentile(99) / max(phases[0].percentile(99), 0.001)
            middle, worst = phase.percentile(50), phase.percentile(99)
            print(f"| {name} | {middle:.1f} | {worst:.1f} | {factor:.2f} |")
        print(f"\nstatuses {dict(readers.statuses)}; exports {readers.exported}")
        print("slowest responses, s:")
        for path, seconds in sorted(readers.slowest.items(), key=lambda item: -item[1]):
            print(f"  {seconds:6.2f} {path}")
    finally:
        serve.close()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--participants", type=int, default=10_000)
    parser.add_argument("--seconds", type=float, default=3600)
    parser.add_argument("--history", type=int, default=6000, help="sessions in the store before")
    parser.add_argument("--folder", default=None, help="where to create the store")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(dir=options.folder) as folder:
        asyncio.run(soak(options, Path(folder)))


if __name__ == "__main__":
    main()
