"""Load a collector with many browsers that push on their own clocks (an open loop).

    python bench/open_loop.py               10,000 and 100,000 participants, ten minutes each
    python bench/open_loop.py --overload    three times the capacity of a slow disk, then recovery

Prints a row every ten seconds and a summary at the end, and compares confirmed with stored samples.
"""

import argparse
import asyncio
import os
import resource
import sqlite3
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterable
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

import uvloop

sys.path.insert(0, str(Path(__file__).parent.parent))

from bench.crowd import Crowd, Figures
from jmmc.protocol.identity import session_of
from tests.support.servers import Serve
from tests.support.slow_disk import SlowDisk

_TICKS = os.sysconf("SC_CLK_TCK")


@dataclass
class ProcessState:
    """The server at one time. `cpu` is seconds since its start; `rss`, `wal`, `spool` are in MB.

    `own` is the CPU of this process, which makes the load.
    """

    at: float
    cpu: float
    rss: float
    files: int
    wal: float
    spool: float
    own: float

    @staticmethod
    def read(pid: int, folder: Path) -> "ProcessState":
        """Read the state of a process and of its files in `folder`."""
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
        pages = int(Path(f"/proc/{pid}/statm").read_text().split()[1])
        return ProcessState(
            time.monotonic(),
            (int(fields[11]) + int(fields[12])) / _TICKS,
            pages * os.sysconf("SC_PAGE_SIZE") / 2**20,
            len(list(Path(f"/proc/{pid}/fd").iterdir())),
            _megabytes(folder.glob("*-wal")),
            _megabytes(folder.glob("spool/*")),
            time.process_time(),
        )


@dataclass
class LoadMonitor:
    """Records and prints the state of a server and of its load every `pause` seconds."""

    serve: Serve
    folder: Path
    crowd: Crowd
    pause: float
    states: list[ProcessState] = field(default_factory=list)
    rows: list[Figures] = field(default_factory=list)

    async def run(self, until: asyncio.Event) -> None:
        assert self.serve.process is not None
        print(
            "| s | confirmed/s | p50 / p99 ms | not confirmed | CPU | RSS MB | files | WAL MB"
            " | spool MB | other results |"
        )
        print("|---|---|---|---|---|---|---|---|---|---|")
        began = time.monotonic()
        self.states.append(ProcessState.read(self.serve.process.pid, self.folder))
        while not until.is_set():
            with suppress(TimeoutError):
                await asyncio.wait_for(until.wait(), self.pause)
            self.states.append(ProcessState.read(self.serve.process.pid, self.folder))
            self.rows.append(self.crowd.figures.take())
            self._print_row(time.monotonic() - began)

    def _print_row(self, at: float) -> None:
        before, now = self.states[-2:]
        figures = self.rows[-1]
        seconds = now.at - before.at
        times = ""
        if figures.delays:
            times = f"{figures.percentile(50):.1f} / {figures.percentile(99):.1f}"
        others = {name: n for name, n in figures.outcomes.items() if name != "confirmed"}
        print(
            f"| {at:.0f} | {figures.outcomes['confirmed'] / seconds:,.0f} | {times} | "
            f"{self.crowd.held:,} | {(now.cpu - before.cpu) / seconds:.2f} | {now.rss:.0f} | "
            f"{now.files} | {now.wal:.1f} | {now.spool:.1f} | {others or ''} |",
            flush=True,
        )

    def total(self, first: int = 0) -> Figures:
        """The sum of all rows from row `first` on."""
        total = Figures()
        for row in self.rows[first:]:
            total.outcomes += row.outcomes
            total.delays += row.delays
            total.confirmed += row.confirmed
            total.sampled += row.sampled
        return total


async def run_load(options: argparse.Namespace, size: int) -> None:
    """Run a crowd of `size` browsers for the time given; then push the remaining samples."""
    with tempfile.TemporaryDirectory(dir=options.folder) as name:
        folder = Path(name)
        disk = SlowDisk(folder)
        serve = Serve(
            folder, *options.serve, environ=disk.environ if options.overload else None, fresh=True
        )
        try:
            crowd = Crowd(size, port=serve.port, interval=options.interval, fresh=options.fresh)
            until, monitored = asyncio.Event(), asyncio.Event()
            monitor = LoadMonitor(serve, folder, crowd, min(10, options.seconds / 6))
            print(f"\n### {size:,} participants, {size / options.interval:,.0f} pushes/s\n")
            running = asyncio.gather(crowd.run(until), monitor.run(monitored))
            if options.overload:
                disk.slow(options.slow)
                await asyncio.sleep(options.seconds / 3)
                disk.restore()
                print("| the disk is fast again |")
                await asyncio.sleep(options.seconds * 2 / 3)
            else:
                await asyncio.sleep(options.seconds)
            await asyncio.to_thread(_print_summary_ages, folder / "calls.db", crowd)
            await crowd.drain(120)
            until.set()
            monitored.set()
            await running
            await asyncio.to_thread(serve.stop)
            print_results(monitor)
        finally:
            serve.close()


def print_results(monitor: LoadMonitor) -> None:
    """Print the results, and compare confirmed with stored samples."""
    total = monitor.total()
    stored = _stored(monitor.folder / "calls.db")
    missing = sum(
        max(0, browser.sampled - len(browser.queue) - stored[browser.room, browser.browser_id])
        for browser in monitor.crowd.browsers
    )
    first, last = monitor.states[min(6, len(monitor.states) - 1)], monitor.states[-1]
    start = monitor.states[0]
    doubled = max(0, sum(stored.values()) - total.sampled)
    cores = (last.cpu - start.cpu) / (last.at - start.at)
    load = (last.own - start.own) / (last.at - start.at)
    print(
        f"\ncores in all: {cores:.2f} (those of the load: {load:.2f});"
        f" samples stored twice: {doubled}",
        flush=True,
    )
    print(
        f"\nconfirmed {total.confirmed:,} of {total.sampled:,} samples; "
        f"delay p50 {total.percentile(50):.1f}, p99 {total.percentile(99):.1f}, "
        f"p99.9 {total.percentile(99.9):.1f} ms; {dict(total.outcomes)}\n"
        f"RSS after a minute {first.rss:.0f} MB, at most "
        f"{max(state.rss for state in monitor.states):.0f} MB, at the end {last.rss:.0f} MB\n"
        f"stored {sum(stored.values()):,}; confirmed and missing: {max(0, missing)}; "
        f"still held by browsers: {monitor.crowd.held}",
        flush=True,
    )


def _print_summary_ages(path: Path, crowd: Crowd) -> None:
    """Print how old the summaries are of those who are in a call, and how many have none.

    Also for how long the last push of a session has been stored and is in no summary.
    """
    calls = {session_of(browser.sid.decode()) for browser in crowd.browsers if browser.is_in_call}
    unseen = (
        "SELECT max(ts) FROM dirty JOIN samples ON samples.session = dirty.session"
        " GROUP BY dirty.session"
    )
    with sqlite3.connect(path) as connection:
        now = time.time()
        waiting = [now - pushed for (pushed,) in connection.execute(unseen)]
        rows = connection.execute("SELECT session, last FROM summaries WHERE running").fetchall()
    ages = sorted(now - last for session, last in rows if session in calls)
    if not ages:
        print(f"\nin a call, without a summary: {len(calls):,}", flush=True)
        return
    behind = sorted(waiting + [0.0] * (len(ages) - len(waiting)))
    print(
        f"\nin a call, with a summary: {len(ages):,}; since the last sample in it: median"
        f" {ages[len(ages) // 2]:.0f} s, p99 {ages[len(ages) * 99 // 100]:.0f} s; since the last"
        f" push that is in no summary: p99 {behind[len(behind) * 99 // 100]:.1f} s; without a"
        f" summary: {len(calls) - len(ages):,}",
        flush=True,
    )


def _stored(path: Path) -> Counter[tuple[bytes, bytes]]:
    """Stored samples by room and browser id; the table's key excludes duplicates."""
    query = "SELECT conf, uid, count(*) FROM sessions JOIN samples ON samples.session = sessions.id"
    with sqlite3.connect(path) as connection:
        rows = connection.execute(f"{query} GROUP BY conf, uid").fetchall()
    return Counter({(room.encode(), browser.encode()): count for room, browser, count in rows})


def _megabytes(files: Iterable[Path]) -> float:
    return sum(file.stat().st_size for file in files) / 2**20


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--participants", type=int, nargs="+", help="sizes, one run for each")
    parser.add_argument("--seconds", type=float, default=600, help="of each run")
    parser.add_argument("--interval", type=float, default=30, help="seconds between two pushes")
    parser.add_argument("--fresh", action="store_true", help="open a connection for each push")
    parser.add_argument("--overload", action="store_true", help="slow the disk down for a third")
    # With at most 1,000 pushes in a commit, 1,000 ms is a thousand pushes a second.
    parser.add_argument("--slow", type=int, default=1000, help="ms per commit on the slow disk")
    parser.add_argument("--folder", default=None, help="where to create the store")
    parser.add_argument("serve", nargs="*", help="options of jmmc serve, after --")
    return parser.parse_args()


async def main() -> None:
    options = _options()
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))  # Each push in flight is a connection.
    for size in options.participants or ([90_000] if options.overload else [10_000, 100_000]):
        await run_load(options, size)


if __name__ == "__main__":
    uvloop.run(main())
