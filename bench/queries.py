"""Measure queries on a store with 100,000 sessions in 30 days, and on one a tenth of that size.

Creates the stores with `jmmc simulate` unless they are in --folder (some minutes). For comparison,
also averages the stored deltas without weights by time: how long it takes, and what it returns.

With --long, measures the store of 1,000,000 sessions in 300 days that `bench/large.py` makes, or
any store with --store: the least CPU and the median time of seven rounds. Windows begin and end at
odd seconds. With --mongod, one that was made in the folder of a mongod: also with its CPU.
"""

import argparse
import asyncio
import json
import resource
import sqlite3
import statistics
import subprocess
import sys
import time
import zlib
from collections.abc import Awaitable, Callable
from functools import partial
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parent.parent))

import msgspec

from jmmc.answers.meeting_lists import MEETING_KEYS
from jmmc.answers.queries import Queries
from jmmc.maintenance.column_days import ColumnDays
from jmmc.maintenance.schedule import summarizer_of
from jmmc.quality.filters import SummaryFilter
from jmmc.quality.ordering import Order
from jmmc.quality.summary import Summary
from jmmc.settings import Settings
from jmmc.stores import Store, open_store
from tests.support.builders import RHYTHM, shifted_in_time
from tests.support.mongod import Mongod, started

_DAY = 86_400
_ROUNDS = 7
_EVERY_SAMPLE = (
    "SELECT readings FROM samples UNION ALL"
    " SELECT value ->> '$[3]' FROM packed, json_each(inflated(packed.samples))"
)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--folder", type=Path, default=Path("/tmp/jmmc-bench"))
    parser.add_argument("--sessions", type=int, default=100_000)
    parser.add_argument("--mongod", action="store_true", help="also on MongoDB; with --long, there")
    parser.add_argument("--long", action="store_true", help="the store of bench/large.py")
    parser.add_argument("--store", help="the URL of another one")
    options = parser.parse_args()
    options.folder.mkdir(exist_ok=True)
    if options.long and options.mongod:
        with started(options.folder / "mongod") as mongod:
            asyncio.run(_show_long(mongod.url, mongod))
        return
    if options.long or options.store:
        path = options.folder / f"{10 * options.sessions}.db"
        asyncio.run(_show_long(options.store or f"sqlite:///{path}"))
        return
    # The small store has the newest tenth of the time, as dense as the large one.
    small = created(options.folder, options.sessions // 10, 3)
    large = created(options.folder, options.sessions, 30)
    asyncio.run(_show(small, large))
    _compare_with_naive(large)
    if options.mongod:
        _on_mongod(options.folder, large)


def created(folder: Path, sessions: int, days: int) -> str:
    """The URL of a store of simulated calls, which is made unless it is there."""
    path = folder / f"{sessions}.db"
    url = f"sqlite:///{path}"
    if not path.exists():
        size = ["--participants", str(sessions), "--rooms", str(max(1, sessions // 20))]
        _jmmc("simulate", *size, "--minutes", str(days * 1440), "--store", url)
    return url


def _jmmc(*arguments: str) -> None:
    subprocess.run([sys.executable, "-m", "jmmc", *arguments], check=True)


async def _show(small: str, large: str) -> None:
    print("| query | limit | small store | large store | growth |")
    print("|---|---|---|---|---|")
    figures = [await _measure(open_store(url)) for url in (small, large)]
    for name, limit in _LIMITS.items():
        a, b = (figure[name] for figure in figures)
        print(f"| {name} | < {limit} ms | {a:.1f} ms | {b:.1f} ms | {b / max(a, 0.01):.2f} x |")


_LIMITS = {
    "overview, 30 days": 150,
    "overview, 1 day": 150,
    "compare by browser, 30 days": 150,
    "compare by network, 30 days": 150,
    "compare by network, 1 day": 150,
    "compare by region of one browser, 1 day": 150,
    "outliers of all dimensions, 30 days": 150,
    "changes by browser, 30 days": 150,
    "pairs of browser and os, 1 day": 150,
    "pairs of browser and os, 30 days": 150,
    "overview of all versions of a browser, 30 days": 150,
    "overview's page of one browser, 30 days": 500,
    "usage by day, 30 days": 150,
    "live": 150,
    "meeting": 100,
    "session": 100,
    "sessions of one day, 50": 100,
    "search": 50,
}


async def _measure(store: Store) -> dict[str, float]:
    await store.open()
    async for _ in summarizer_of(store, Settings.of(), time.time).rollups.complete():
        pass
    await ColumnDays(store, lambda: True, clock=time.time).step()
    queries = Queries(store, rhythm=RHYTHM, clock=time.time)
    (newest,) = await store.reports.summaries(SummaryFilter(), limit=1)
    until = newest.began + _DAY - newest.began % _DAY
    month, day = (SummaryFilter(since=until - number * _DAY, until=until) for number in (30, 1))
    one_browser = SummaryFilter(since=until - _DAY, until=until, browser="Chrome 131")
    all_versions = msgspec.structs.replace(month, browser="Chrome")
    browser_of_month = msgspec.structs.replace(month, browser="Chrome 131")
    largest = max(await queries.meetings(day), key=lambda meeting: meeting.sessions)
    calls: list[Callable[[], Awaitable[Any]]] = [
        lambda: queries.overview(month),
        lambda: queries.overview(day),
        lambda: queries.compare("browser", month),
        lambda: queries.compare("network", month),
        lambda: queries.compare("network", day),
        lambda: queries.compare("region", one_browser),
        lambda: queries.outliers(month, limit=30),
        lambda: queries.changes("browser", until - 10 * _DAY, month),
        lambda: queries.crossed("browser", "os", day),
        lambda: queries.crossed("browser", "os", month),
        lambda: queries.overview(all_versions),
        lambda: queries.overview_detail(browser_of_month, "network", worst=10),
        lambda: queries.usage("day", month),
        lambda: queries.live(),
        lambda: queries.meeting(largest.id),
        lambda: queries.session(largest.id),
        lambda: queries.sessions(day, limit=50),
        lambda: queries.search("room-12"),
    ]
    figures = {}
    for name, run_query in zip(_LIMITS, calls, strict=True):
        times = []
        for _ in range(_ROUNDS):
            began = time.perf_counter()
            await run_query()
            times.append((time.perf_counter() - began) * 1000)
        figures[name] = statistics.median(times)
    await store.close()
    return figures


async def _show_long(url: str, mongod: Mongod | None = None) -> None:
    store = open_store(url, timeout=60)
    await store.open()
    queries = Queries(store, rhythm=RHYTHM, clock=time.time)
    times = await store.reports.rollups("", _DAY, 0, int(time.time()) + _DAY)
    (newest,) = await store.reports.summaries(SummaryFilter(), limit=1)
    until = newest.began + 17
    print("| query | limit | CPU ms | median ms | mean CPU of mongod, ms |")
    print("|---|---|---|---|---|", flush=True)
    lengths = {(newest.began - times[0].start) // _DAY, 30, 1}
    for days in sorted(lengths, reverse=True):
        window = SummaryFilter(since=until - days * _DAY + 4321, until=until)
        for name, query in (await _long_queries(queries, store, window)).items():
            cpu, median, other = await _cpu_and_median(query, mongod)
            limit = _LIMITS_OF_LONG.get(name, 20 if days == 1 else 150)
            figures = f"{limit} | {cpu:.0f} | {median:.0f} | {other:.0f}"
            print(f"| {name}, {days} days | {figures} |", flush=True)
    await store.close()
    print(f"\n{_memory():.0f} MB")


async def _cpu_and_median(
    query: Callable[[], Awaitable[Any]], mongod: Mongod | None
) -> tuple[float, float, float]:
    """The least CPU of this process, the median time, and the mean CPU of mongod, in ms."""
    took, cpu = [], []
    before = mongod.cpu() if mongod else 0.0
    while len(took) < _ROUNDS and sum(took) < _LONGEST:
        began, began_cpu = time.perf_counter(), time.process_time()
        await query()
        took.append((time.perf_counter() - began) * 1000)
        cpu.append((time.process_time() - began_cpu) * 1000)
    other = 1000 * (mongod.cpu() - before) / len(took) if mongod else 0.0
    return min(cpu), statistics.median(took), other


_LONGEST = 5000.0  # ms of one query, in all rounds.
_LIMITS_OF_LONG = {"search": 50, "meeting": 100, "session": 100, "50 sessions": 100}


async def _long_queries(
    queries: Queries, store: Store, window: SummaryFilter
) -> dict[str, Callable[[], Awaitable[Any]]]:
    assert window.until is not None
    of_browser, of_region, of_network = [
        msgspec.structs.replace(window, **{field: await _most_frequent(store, field, window.until)})
        for field in ("browser", "region", "network")
    ]
    of_all_versions = msgspec.structs.replace(window, browser="Chrome")
    of_both = msgspec.structs.replace(of_browser, region=of_region.region)
    (meeting,) = (
        await queries.meeting_list(
            msgspec.structs.replace(window, since=window.until - 2 * _DAY),
            limit=1,
            order=Order.parse("-people", MEETING_KEYS),
        )
    ).items
    return {
        "overview": partial(queries.overview, window),
        "overview of one browser": partial(queries.overview, of_browser),
        "overview of one region": partial(queries.overview, of_region),
        "overview of one network": partial(queries.overview, of_network),
        "overview of all versions of a browser": partial(queries.overview, of_all_versions),
        "overview of one browser in one region": partial(queries.overview, of_both),
        "compare by browser": partial(queries.compare, "browser", window),
        "compare by network": partial(queries.compare, "network", window),
        "networks compared, of one browser": partial(queries.compare, "network", of_browser),
        "browser crossed with os": partial(queries.crossed, "browser", "os", window),
        "page of the overview": partial(queries.overview_detail, window, "network", worst=10),
        "page of one browser": partial(queries.overview_detail, of_browser, "network", worst=10),
        "usage by month": partial(queries.usage, "month", window),
        "usage by day": partial(queries.usage, "day", window),
        "50 rooms": partial(queries.rooms, window, limit=50),
        "50 sessions": partial(queries.sessions, window, limit=50),
        "search": partial(queries.search, "room-12"),
        "meeting": partial(queries.meeting, meeting.meeting.id),
        "session": partial(queries.session, meeting.meeting.id),
    }


async def _most_frequent(store: Store, field: str, until: int) -> str:
    """The known value of a dimension that most sessions of the last day have."""
    counts = await store.reports.count_values(field, SummaryFilter(since=until - _DAY, until=until))
    return max((value for value in counts if value), key=lambda value: counts[value])


def shifted_summary(summary: Summary, copy: int, seconds: int) -> Summary:
    id_ = f"{copy:04x}{summary.session[4:]}"
    return msgspec.structs.replace(shifted_in_time(summary, seconds), session=id_)


def _compare_with_naive(url: str) -> None:
    """Average the stored deltas, as one would aggregate raw documents, and compare."""
    path = url.removeprefix("sqlite:///")
    with sqlite3.connect(path) as connection:
        connection.create_function("inflated", 1, lambda value: zlib.decompress(value).decode())
        began = time.perf_counter()
        rows = connection.execute(
            "SELECT avg(readings ->> '$.cq'), avg(readings ->> '$.rtt'),"
            f" avg((readings ->> '$.cq') < 10) FROM ({_EVERY_SAMPLE})"
            " WHERE readings ->> '$.cq' IS NOT NULL"
        ).fetchone()
        took = time.perf_counter() - began
        true = connection.execute(
            "SELECT sum(poor) * 1.0 / sum(good + fair + poor) FROM summaries"
        ).fetchone()[0]
        weights = {"quality": 0.0, "rtt_ms": 0.0}
        seconds = 0
        for whole, known in connection.execute("SELECT whole, good + fair + poor FROM summaries"):
            quantiles = json.loads(whole)["quantiles"]
            if known and all(reading in quantiles for reading in weights):
                seconds += known
                for reading in weights:
                    weights[reading] += quantiles[reading][1] * known
    print(f"\nNaive averages of all deltas of 30 days took {took:.1f} s. Compared:")
    print("| reading | naive | weighted by time |")
    print("|---|---|---|")
    print(f"| quality | {rows[0]:.1f} | {weights['quality'] / seconds:.1f} |")
    print(f"| round-trip time, ms | {rows[1]:.1f} | {weights['rtt_ms'] / seconds:.1f} |")
    print(f"| poor share | {rows[2]:.2%} | {true:.2%} |")
    print(f"\nmaximum RSS of this process: {_memory():.0f} MB")


def _on_mongod(folder: Path, source: str) -> None:
    mongod = Mongod(folder / "mongod")
    mongod.start()
    try:
        _jmmc("copy", source, mongod.url)
        _jmmc("rebuild", "--store", mongod.url)
        figures = asyncio.run(_measure(open_store(mongod.url, timeout=60)))
    finally:
        mongod.stop()
    print("\n| query on mongod | median |")
    print("|---|---|")
    for name, took in figures.items():
        print(f"| {name} | {took:.1f} ms |")


def _memory() -> float:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


if __name__ == "__main__":
    main()
