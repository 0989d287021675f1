"""Participants' rhythm, as an open loop: does the collector keep up, and what does overload do?

    python bench/open_loop.py               10,000 and 100,000 participants, ten minutes each
    python bench/open_loop.py --overload    three times what a slow disk takes, then a good one

Prints a line every ten seconds, and a table at the end. What was confirmed is compared with what
is stored: each sample once.
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

sys.path.insert(0, str(Path(__file__).parent.parent))

from bench.crowd import Crowd, Figures
from tests.support.servers import Serve
from tests.support.slow_disk import SlowDisk

_TICKS = os.sysconf("SC_CLK_TCK")


@dataclass
class Look:
    """The server at one moment. `cpu` is seconds since it began, `rss` and `wal` are in MB."""

    at: float
    cpu: float
    rss: float
    files: int
    wal: float
    spool: float

    @staticmethod
    def at_process(pid: int, folder: Path) -> "Look":
        """Look at a process of ours and its files."""
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
        pages = int(Path(f"/proc/{pid}/statm").read_text().split()[1])
        return Look(
            time.monotonic(),
            (int(fields[11]) + int(fields[12])) / _TICKS,
            pages * os.sysconf("SC_PAGE_SIZE") / 2**20,
            len(list(Path(f"/proc/{pid}/fd").iterdir())),
            _megabytes(folder.glob("*-wal")),
            _megabytes(folder.glob("spool/*")),
        )


@dataclass
class AlertEvaluator:
    """Looks at a server and a crowd every `pause` seconds, and says what it sees."""

    serve: Serve
    folder: Path
    crowd: Crowd
    pause: float
    looks: list[Look] = field(default_factory=list)
    rows: list[Figures] = field(default_factory=list)

    async def run(self, until: asyncio.Event) -> None:
        assert self.serve.process is not None
        print(
            "| s | confirmed/s | p50 / p99 ms | not confirmed | CPU | RSS MB | files | WAL MB"
            " | spool MB | else |"
        )
        print("|---|---|---|---|---|---|---|---|---|---|")
        began = time.monotonic()
        self.looks.append(Look.at_process(self.serve.process.pid, self.folder))
        while not until.is_set():
            with suppress(TimeoutError):
                await asyncio.wait_for(until.wait(), self.pause)
            self.looks.append(Look.at_process(self.serve.process.pid, self.folder))
            self.rows.append(self.crowd.figures.take())
            self._say(time.monotonic() - began)

    def _say(self, at: float) -> None:
        before, now = self.looks[-2:]
        figures = self.rows[-1]
        seconds = now.at - before.at
        times = ""
        if figures.delays:
            times = f"{figures.percentile(50):.1f} / {figures.percentile(99):.1f}"
        others = {value: n for value, n in figures.outcomes.items() if value != "confirmed"}
        print(
            f"| {at:.0f} | {figures.outcomes['confirmed'] / seconds:,.0f} | {times} | "
            f"{self.crowd.held:,} | {(now.cpu - before.cpu) / seconds:.2f} | {now.rss:.0f} | "
            f"{now.files} | {now.wal:.1f} | {now.spool:.1f} | {others or ''} |",
            flush=True,
        )

    def whole(self, first: int = 0) -> Figures:
        """All rows from the first one on, in one."""
        whole = Figures()
        for row in self.rows[first:]:
            whole.outcomes += row.outcomes
            whole.delays += row.delays
            whole.confirmed += row.confirmed
            whole.sampled += row.sampled
        return whole


async def play(options: argparse.Namespace, size: int) -> None:
    """A crowd of this size, for as long as is wanted; then all that is left is pushed."""
    with tempfile.TemporaryDirectory(dir=options.folder) as name:
        folder = Path(name)
        disk = SlowDisk(folder)
        serve = Serve(folder, *options.serve, environ=disk.environ if options.overload else None)
        try:
            crowd = Crowd(size, port=serve.port, interval=options.interval, fresh=options.fresh)
            until, told = asyncio.Event(), asyncio.Event()
            watch = AlertEvaluator(serve, folder, crowd, min(10, options.seconds / 6))
            print(f"\n### {size:,} participants, {size / options.interval:,.0f} pushes/s\n")
            running = asyncio.gather(crowd.run(until), watch.run(told))
            if options.overload:
                disk.slow(options.slow)
                await asyncio.sleep(options.seconds / 3)
                disk.quick()
                print("| the disk is quick again |")
                await asyncio.sleep(options.seconds * 2 / 3)
            else:
                await asyncio.sleep(options.seconds)
            await asyncio.to_thread(_say_ages, folder / "calls.db")
            await crowd.drain(120)
            until.set()
            told.set()
            await running
            await asyncio.to_thread(serve.stop)
            conclude(watch)
        finally:
            serve.close()


def conclude(watch: AlertEvaluator) -> None:
    """Say how it went, and compare what was confirmed with what is stored."""
    whole = watch.whole()
    stored = _stored(watch.folder / "calls.db")
    missing = sum(
        max(0, browser.sampled - len(browser.queue) - stored[browser.room, browser.browser_id])
        for browser in watch.crowd.browsers
    )
    first, last = watch.looks[min(6, len(watch.looks) - 1)], watch.looks[-1]
    print(
        f"\nconfirmed {whole.confirmed:,} of {whole.sampled:,} samples; "
        f"delay p50 {whole.percentile(50):.1f}, p99 {whole.percentile(99):.1f}, "
        f"p99.9 {whole.percentile(99.9):.1f} ms; {dict(whole.outcomes)}\n"
        f"RSS after a minute {first.rss:.0f} MB, at most "
        f"{max(look.rss for look in watch.looks):.0f} MB, at the end {last.rss:.0f} MB\n"
        f"stored {sum(stored.values()):,}; confirmed and missing: {max(0, missing)}; "
        f"still held by browsers: {watch.crowd.held}",
        flush=True,
    )


def _say_ages(path: Path) -> None:
    """How old the summaries of those are who are there, and how many have none yet."""
    lacking = "SELECT count(*) FROM sessions WHERE session NOT IN (SELECT session FROM summaries)"
    with sqlite3.connect(path) as connection:
        rows = connection.execute("SELECT ended FROM summaries WHERE running").fetchall()
        ((without,),) = connection.execute(lacking)
    ages = sorted(time.time() - made for (made,) in rows) or [0.0]
    half, most = ages[len(ages) // 2], ages[len(ages) * 99 // 100]
    print(
        f"\nof those who are there {len(rows):,} have a summary, made {half:.0f} s ago in the"
        f" median, {most:.0f} s at 99 %; sessions without one: {without:,}",
        flush=True,
    )


def _stored(path: Path) -> Counter[tuple[bytes, bytes]]:
    """Samples by conf and uid. That none is stored twice, the key of the table says."""
    query = "SELECT conf, uid, count(*) FROM sessions JOIN samples ON samples.session = sessions.id"
    with sqlite3.connect(path) as connection:
        rows = connection.execute(f"{query} GROUP BY conf, uid").fetchall()
    return Counter({(conf.encode(), uid.encode()): count for conf, uid, count in rows})


def _megabytes(files: Iterable[Path]) -> float:
    return sum(file.stat().st_size for file in files) / 2**20


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--participants", type=int, nargs="+")
    parser.add_argument("--seconds", type=float, default=600)
    parser.add_argument("--interval", type=float, default=30, help="seconds between two pushes")
    parser.add_argument("--fresh", action="store_true", help="a new connection for each push")
    parser.add_argument("--overload", action="store_true")
    # With at most 1,000 pushes in a commit, 1,000 ms is a thousand pushes a second.
    parser.add_argument("--slow", type=int, default=1000, help="ms a commit on the slow disk")
    parser.add_argument("--folder", default=None, help="where the store is made")
    parser.add_argument("serve", nargs="*", help="options of jmmc serve, after --")
    return parser.parse_args()


async def main() -> None:
    options = _options()
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))  # Each push under way is a connection.
    for size in options.participants or ([90_000] if options.overload else [10_000, 100_000]):
        await play(options, size)


if __name__ == "__main__":
    asyncio.run(main())
