"""Pushes a second, acknowledged, in one run: a plain ASGI echo, ours on SQLite and on MongoDB,
and ours with one update a push, as the ancestor writes.

Needs wrk; starts a mongod of its own. Each server runs alone; sessions and samples are real, each
push a new (session, seq).
"""

import argparse
import os
import platform
import re
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

HERE = Path(__file__).parent
sys.path.insert(0, str(HERE.parent))

from tests.mongod import Mongod  # noqa: E402 - found when this is run as a script, too

PREFIX = "/jitsi-meet-metrics-collector"
_TICKS = os.sysconf("SC_CLK_TCK")


@dataclass
class Result:
    """One measured server. Times in milliseconds, `cpu` in seconds per 1,000 pushes.

    `database` is the CPU of mongod, 0 where there is none.
    """

    name: str
    rate: float
    p50: float
    p99: float
    p999: float
    cpu: float
    database: float
    rss: float
    failed: int


def main() -> None:
    options = _options()
    with tempfile.TemporaryDirectory(dir=options.folder) as folder:
        mongod = Mongod(Path(folder) / "mongod")
        mongod.start()
        try:
            results = [
                _median(name, command, options, mongod)
                for name, command in _servers(folder, mongod).items()
            ]
            stored = _stored(Path(folder) / "bench.db"), _stored_in(mongod)
        finally:
            mongod.stop()
    _show(results, options, stored)


def _servers(folder: str, mongod: Mongod) -> dict[str, list[str]]:
    ours = [sys.executable, "-m", "jmmc", "serve", "--max-pushes-per-minute", "0", "--secret", "x"]
    ours += ["--log-level", "error", "--spool-dir", f"{folder}/spool"]
    return {
        "ASGI echo": [sys.executable, str(HERE / "echo.py")],
        "jmmc, SQLite FULL": [*ours, "--store", f"sqlite:///{folder}/bench.db", "--port"],
        "jmmc, mongod majority + journal": [*ours, "--store", mongod.url, "--port"],
        "the same, one update a push": [sys.executable, str(HERE / "one_update.py"), mongod.url],
    }


def _median(name: str, command: list[str], options: argparse.Namespace, mongod: Mongod) -> Result:
    rounds = [_measure(name, command, options, mongod) for _ in range(options.rounds)]
    return sorted(rounds, key=lambda it: it.rate)[len(rounds) // 2]


def _measure(name: str, command: list[str], options: argparse.Namespace, mongod: Mongod) -> Result:
    with _serving(command) as (pid, port):
        _load(port, options, seconds=2)
        before = _cpu(pid), mongod.cpu()
        requests, duration, p50, p99, p999, failed = _load(port, options, options.seconds)
        cpu, database = _cpu(pid) - before[0], mongod.cpu() - before[1]
        rss = _rss(pid)
    if "mongod" not in name and "update" not in name:
        database = 0.0
    rate = (requests - failed) / (duration / 1e6)
    each = 1000 / requests
    return Result(name, rate, p50, p99, p999, cpu * each, database * each, rss, int(failed))


def _load(port: int, options: argparse.Namespace, seconds: int) -> list[float]:
    """Run wrk: requests, microseconds, p50, p99, p99.9 in ms, failed."""
    output = subprocess.run(
        [
            *("wrk", "-t", "2", "-c", str(options.connections), "-d", f"{seconds}s"),
            *("-s", str(HERE / "push.lua"), f"http://127.0.0.1:{port}", "--"),
            *(
                f"{PREFIX}/push",
                "2",
                str(options.sessions // 2),
                str(time.time_ns() // 1000 % 2**31),
            ),
        ],
        capture_output=True,
        text=True,
        check=True,
    ).stdout
    found = re.search(r"^RESULT (.*)$", output, re.MULTILINE)
    assert found is not None, output
    return [float(it) for it in found[1].split()]


@contextmanager
def _serving(command: list[str]) -> Iterator[tuple[int, int]]:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    server = subprocess.Popen([*command, str(port)], stdout=subprocess.DEVNULL)
    try:
        _wait_for(port)
        yield server.pid, port
    finally:
        server.terminate()
        server.wait(20)


def _wait_for(port: int) -> None:
    deadline = time.monotonic() + 15
    while time.monotonic() < deadline:
        try:
            socket.create_connection(("127.0.0.1", port), 1).close()
        except OSError:
            time.sleep(0.05)
        else:
            return
    raise SystemExit("the server did not start")


def _cpu(pid: int) -> float:
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / _TICKS


def _rss(pid: int) -> float:
    found = re.search(r"VmRSS:\s+(\d+)", Path(f"/proc/{pid}/status").read_text())
    assert found is not None
    return int(found[1]) / 1024


def _stored(path: Path) -> int:
    import sqlite3

    with sqlite3.connect(path) as connection:
        return int(connection.execute("SELECT count(*) FROM samples").fetchone()[0])


def _stored_in(mongod: Mongod) -> int:
    counted = [{"$group": {"_id": None, "samples": {"$sum": {"$size": "$m"}}}}]
    with mongod.client() as client:
        return int(next(client.jmmc["metrics-collector"].aggregate(counted))["samples"])


def _show(results: list[Result], options: argparse.Namespace, stored: tuple[int, int]) -> None:
    print(f"{platform.processor() or platform.machine()}, {os.cpu_count()} cores, ", end="")
    print(f"Python {platform.python_version()}; {options.connections} connections, ", end="")
    print(f"{options.sessions} sessions, median of {options.rounds} x {options.seconds} s\n")
    print("| | pushes/s | p50 / p99 / p99.9 ms | CPU s per 1,000 | mongod | RSS MB | failed |")
    print("|---|---|---|---|---|---|---|")
    for it in results:
        times = f"{it.p50:.1f} / {it.p99:.1f} / {it.p999:.1f}"
        database = f"{it.database:.3f}" if it.database else ""
        print(f"| {it.name} | {it.rate:,.0f} | {times} | {it.cpu:.3f} | {database} | ", end="")
        print(f"{it.rss:.0f} | {it.failed} |")
    echo, sqlite, mongo, single = results
    print(f"\nSQLite / echo: {sqlite.rate / echo.rate:.2f} in pushes/s, ", end="")
    print(f"{sqlite.cpu / echo.cpu:.2f} in CPU a push; {stored[0]:,} samples stored")
    total, single_total = mongo.cpu + mongo.database, single.cpu + single.database
    print(f"mongod / one update a push: {mongo.rate / single.rate:.2f} in pushes/s, ", end="")
    print(f"{total / single_total:.2f} in all CPU a push; {stored[1]:,} samples stored")


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--connections", type=int, default=64)
    parser.add_argument("--sessions", type=int, default=2000)
    parser.add_argument("--seconds", type=int, default=10)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--folder", default=None, help="where the store is made")
    return parser.parse_args()


if __name__ == "__main__":
    main()
