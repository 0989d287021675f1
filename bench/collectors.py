"""Load one, two and four collectors on one MongoDB, and measure how they share the work.

    python bench/collectors.py                  2,000 participants on each number of collectors
    python bench/collectors.py --kill           also kill one (kill -9) and wait for the others

Prints the CPU of each collector and of mongod for 1,000 pushes. Of collectors that share the work
each has an equal part, and all of them together use what one alone does.
"""

import argparse
import asyncio
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parent.parent))

from bench.crowd import Crowd
from tests.support.mongod import Mongod
from tests.support.servers import Serve

_WARM_UP = 40  # Seconds: every session is known by then, and the shares are equal.
_LONGEST_TAKE_OVER = 150


async def measure(options: argparse.Namespace, count: int, mongod: Mongod, folder: Path) -> None:
    """Run `count` collectors on a new database under load, and print a row."""
    store = mongod.url.replace("/jmmc", f"/bench{count}")
    flags = ("--max-pushes-per-minute", "0", "--secret", "x", "--spool-dir", "")
    collectors = [
        Serve(folder / f"{count}-{n}", *flags, store=store, fresh=True) for n in range(count)
    ]
    until = asyncio.Event()
    size = options.participants // count
    crowds = [Crowd(size, port=serve.port, seed=n) for n, serve in enumerate(collectors)]
    running = asyncio.gather(*[crowd.run(until) for crowd in crowds])
    try:
        await asyncio.sleep(_WARM_UP)
        for crowd in crowds:
            crowd.figures.take()
        before, database = [serve.cpu() for serve in collectors], mongod.cpu()
        await asyncio.sleep(options.seconds)
        used = [serve.cpu() - start for serve, start in zip(collectors, before, strict=True)]
        database = mongod.cpu() - database
        figures = [crowd.figures.take() for crowd in crowds]
        pushes = sum(taken.outcomes["confirmed"] for taken in figures)
        each = ", ".join(f"{seconds * 1000 / pushes:.2f}" for seconds in used)
        print(
            f"| {count} | {pushes / options.seconds:,.0f} | {each} |"
            f" {sum(used) * 1000 / pushes:.2f} | {database * 1000 / pushes:.2f} |"
            f" {await asyncio.to_thread(_dirty, mongod, store):,} |",
            flush=True,
        )
        if options.kill and count > 1:
            await _kill_one(collectors, crowds, mongod, store)
    finally:
        until.set()
        for crowd in crowds:
            crowd.sampling = False
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)
        for serve in collectors:
            serve.close()


async def _kill_one(
    collectors: list[Serve], crowds: list[Crowd], mongod: Mongod, store: str
) -> None:
    """Kill a collector; print after how long the others have summarized what it had."""
    assert collectors[-1].process is not None
    collectors[-1].process.kill()
    crowds[-1].sampling = False
    began = time.monotonic()
    behind = 0
    while (waited := time.monotonic() - began) < _LONGEST_TAKE_OVER:
        await asyncio.sleep(2)
        stale = await asyncio.to_thread(_dirty, mongod, store)
        if waited > 20 and stale < behind / 2:
            print(f"\none was killed: its rooms were taken over after {waited:.0f} s\n")
            return
        behind = max(behind, stale)
    print(f"\none was killed: not taken over after {_LONGEST_TAKE_OVER} s\n")


def _database(mongod: Mongod, store: str) -> Any:
    return mongod.client()[store.rpartition("/")[2].partition("?")[0]]


def _dirty(mongod: Mongod, store: str) -> int:
    return int(_database(mongod, store)["metrics-collector"].count_documents({"d": True}))


async def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--participants", type=int, default=2000)
    parser.add_argument("--seconds", type=float, default=60, help="of each measurement")
    parser.add_argument("--collectors", type=int, nargs="+", default=[1, 2, 4])
    parser.add_argument("--kill", action="store_true", help="kill one at the end")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        mongod = Mongod(folder / "mongod")
        mongod.start()
        try:
            print("| collectors | pushes/s | CPU s per 1,000, each | all | mongod | behind |")
            print("|---|---|---|---|---|---|")
            for count in options.collectors:
                await measure(options, count, mongod, folder)
        finally:
            mongod.stop()


if __name__ == "__main__":
    asyncio.run(main())
