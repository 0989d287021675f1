"""Measure usage of a year with 100,000 sessions: from stored days, and from sessions.

Stores the summaries of four simulated days again and again, over 366 days, without their samples.
"""

import argparse
import asyncio
import statistics
import sys
import tempfile
import time
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

sys.path.insert(0, str(Path(__file__).parent.parent))

import msgspec

from bench.queries import shifted_summary
from jmmc.answers.queries import Queries
from jmmc.core.calendar import PERIODS
from jmmc.core.timestamps import parse_moment
from jmmc.maintenance.schedule import summarizer_of
from jmmc.maintenance.usage_days import UsageDays
from jmmc.quality.filters import SummaryFilter
from jmmc.quality.rollup_hours import hours_of
from jmmc.quality.summarize import summarize
from jmmc.quality.thresholds import preset
from jmmc.settings import Settings
from jmmc.simulation.scenario import Scenario, simulate
from jmmc.stores import Store, open_store
from tests.support.builders import RHYTHM, push, sample
from tests.support.mongod import Mongod

_DAY = 86_400
_START, _END = parse_moment("2024-01-01", 0), parse_moment("2025-01-01", 0)
_DAYS_OF_COPY = 4
_ZONE = "Europe/Paris"
_ROUNDS = 5
_NOW = _END + 3 * _DAY


async def _fill(store: Store, sessions: int) -> None:
    opening = sample(0, ts=_START)
    await store.append([push(samples=(opening,))])
    copies = (_END - _START) // (_DAYS_OF_COPY * _DAY)
    people = sessions // copies
    scenario = Scenario(people, people // 12, _DAYS_OF_COPY * 1440, seed=1, start=_START)
    made = [
        summarize(life.session, preset=preset("experience"), rhythm=RHYTHM)
        for life in simulate(scenario)
    ]
    summarizer = summarizer_of(store, Settings.of(), lambda: float(_NOW))
    for copy in range(copies):
        shifted = [shifted_summary(summary, copy, copy * _DAYS_OF_COPY * _DAY) for summary in made]
        # One person of four comes again in the next copy.
        shifted = [
            msgspec.structs.replace(summary, browser_id=f"{copy + number % 4:04x}{number:08x}")
            for number, summary in enumerate(shifted)
        ]
        await store.reports.put_summaries(shifted)
        if not copy:  # Days are counted from the first rollup on.
            await summarizer.rollups.note(
                {hour for summary in shifted for hour in hours_of(summary)}
            )
            await summarizer.rollups.roll_up()


async def _median(query: Callable[[], Awaitable[Any]]) -> float:
    times = []
    for _ in range(_ROUNDS):
        began = time.perf_counter()
        await query()
        times.append((time.perf_counter() - began) * 1000)
    return statistics.median(times)


async def _measure(store: Store, sessions: int) -> None:
    await store.open()
    await _fill(store, sessions)
    queries = Queries(store, rhythm=RHYTHM, clock=lambda: float(_NOW))
    window = SummaryFilter(since=_START, until=_END)

    async def show(what: str, zone: str) -> None:
        for period in PERIODS:
            took = await _median(lambda p=period: queries.usage(p, window, ZoneInfo(zone)))
            print(f"| year by {period}, {what} | {took:.0f} ms |", flush=True)

    await show("from sessions", _ZONE)
    settings = Settings.of(time_zone=_ZONE)
    days = UsageDays(store, lambda: settings, clock=lambda: float(_NOW + 600), holder="bench")
    began = time.perf_counter()
    counted = await days.step()
    print(f"| counting {counted} days, once | {time.perf_counter() - began:.1f} s |")
    await show("from stored days", _ZONE)
    stored = await store.reports.usage(0, _NOW)
    size = sum(len(msgspec.json.encode(day)) for day in stored)
    print(f"| size of a stored day | {size / len(stored) / 1000:.1f} kB |")
    await store.close()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--sessions", type=int, default=100_000)
    parser.add_argument("--mongod", action="store_true", help="on MongoDB, not on SQLite")
    options = parser.parse_args()
    print("| query | median |\n|---|---|")
    with tempfile.TemporaryDirectory() as folder:
        if not options.mongod:
            asyncio.run(_measure(open_store(f"sqlite:///{folder}/usage.db"), options.sessions))
            return
        mongod = Mongod(Path(folder))
        mongod.start()
        try:
            asyncio.run(_measure(open_store(mongod.url, timeout=60), options.sessions))
        finally:
            mongod.stop()


if __name__ == "__main__":
    main()
