"""An hour at a steady rhythm, with chores, retention, a dashboard in use and exports running.

    python bench/soak.py --seconds 3600 --participants 10000

Does anything grow, and do questions make pushes wait? Four phases of the same length: pushes
alone; a dashboard in use; exports running; both. History of three days is there at the start, of
which retention deletes two.
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
from bench.open_loop import AlertEvaluator, conclude
from tests.support.servers import Serve

_PAUSE = 1.0  # Seconds between two questions: somebody clicks, and the live page refreshes.
_QUESTIONS = (
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
_PHASES = ("pushes alone", "a dashboard in use", "exports running", "both")


class Visitors:
    """Those who ask while others push: a dashboard, and exports one after the other."""

    def __init__(self, serve: Serve) -> None:
        self._serve = serve
        self.looking = False
        self.exporting = False
        self.asked: Counter[str] = Counter()
        self.slowest: dict[str, float] = {}
        self.exported = 0

    async def look(self, until: asyncio.Event) -> None:
        """Ask one question after the other, as long as somebody looks."""
        base = f"http://127.0.0.1:{self._serve.port}"
        turn = 0
        while not until.is_set():
            await asyncio.sleep(_PAUSE)
            if self.looking:
                path = _QUESTIONS[turn % len(_QUESTIONS)]
                turn += 1
                began = time.monotonic()
                status = await asyncio.to_thread(_ask, base + path)
                took = time.monotonic() - began
                self.asked[f"{status}"] += 1
                self.slowest[path] = max(took, self.slowest.get(path, 0.0))

    async def export(self, until: asyncio.Event) -> None:
        """Write all time lines to nowhere, again and again, as long as somebody wants them."""
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


def _ask(url: str) -> int:
    try:
        with urllib.request.urlopen(url, timeout=60) as answer:
            answer.read()
            return int(answer.status)
    except urllib.error.HTTPError as error:
        return error.code


async def soak(options: argparse.Namespace, folder: Path) -> None:
    """Play the phases and say what came of them."""
    store = f"sqlite:///{folder}/calls.db"
    start = time.strftime("%Y-%m-%dT%H:%MZ", time.gmtime(time.time() - 3 * 86_400))
    simulate = [sys.executable, "-m", "jmmc", "simulate", "--store", store, "--start", start]
    simulate += ["--participants", f"{options.history}", "--rooms", "300"]
    history = await asyncio.create_subprocess_exec(*simulate, "--minutes", "4320")
    assert await history.wait() == 0
    serve = await asyncio.to_thread(Serve, folder, "--retention-days", "1")
    try:
        crowd = Crowd(options.participants, port=serve.port)
        watch, visitors = (
            AlertEvaluator(serve, folder, crowd, min(10, options.seconds / 16)),
            Visitors(serve),
        )
        until, told = asyncio.Event(), asyncio.Event()
        running = asyncio.gather(
            crowd.run(until), watch.run(told), visitors.look(told), visitors.export(told)
        )
        phases: list[Figures] = []
        for number, name in enumerate(_PHASES):
            visitors.looking, visitors.exporting = bool(number & 1), bool(number & 2)
            before = len(watch.rows)
            print(f"| {name} |", flush=True)
            await asyncio.sleep(options.seconds / len(_PHASES))
            phases.append(watch.whole(before))
        await crowd.drain(120)
        told.set()
        until.set()
        await running
        await asyncio.to_thread(serve.stop)
        conclude(watch)
        print("\n| | p50 ms | p99 ms | p99 against pushes alone |\n|---|---|---|---|")
        for name, phase in zip(_PHASES, phases, strict=True):
            factor = phase.percentile(99) / max(phases[0].percentile(99), 0.001)
            middle, worst = phase.percentile(50), phase.percentile(99)
            print(f"| {name} | {middle:.1f} | {worst:.1f} | {factor:.2f} |")
        print(f"\nanswers {dict(visitors.asked)}; exports {visitors.exported}; slowest answers, s:")
        for path, seconds in sorted(visitors.slowest.items(), key=lambda value: -value[1]):
            print(f"  {seconds:6.2f} {path}")
    finally:
        serve.close()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--participants", type=int, default=10_000)
    parser.add_argument("--seconds", type=float, default=3600)
    parser.add_argument("--history", type=int, default=6000, help="sessions at the start")
    parser.add_argument("--folder", default=None, help="where the store is made")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(dir=options.folder) as folder:
        asyncio.run(soak(options, Path(folder)))


if __name__ == "__main__":
    main()
