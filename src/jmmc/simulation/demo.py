"""The demo's own life: a simulated day in a store of its own, then calls that go on."""

import asyncio
import time
from collections.abc import Callable

from msgspec.structs import replace

from jmmc.core.errors import JmmcError
from jmmc.core.logging import logger
from jmmc.core.model import Dialect, Push, SessionFilter
from jmmc.core.tasks import stop
from jmmc.maintenance.schedule import summarizer_of
from jmmc.settings import Settings
from jmmc.simulation.replay import ExpectedResults, through_collector
from jmmc.simulation.scenario import Scenario, simulate
from jmmc.stores import open_store

STORE = "sqlite:///jmmc-demo.db"
"""Where the demo lives when no store is named: real calls are never mixed with simulated ones."""

_log = logger(__name__)

_DAY_MINUTES = 1440
_WAVE_MINUTES = 20
_PEOPLE = 30  # In a wave of calls.


async def remember_a_day(settings: Settings, now: float) -> None:
    """Fill an empty store with the day that ends now."""
    store = open_store(settings.store)
    try:
        await store.open()
        if await store.count(SessionFilter()):
            return
        start = int(now) - _DAY_MINUTES * 60
        pushes: list[Push] = []
        for life in simulate(Scenario(600, 24, _DAY_MINUTES, int(now), start)):
            summary = life.session
            samples = tuple(sample for sample in summary.samples if sample.ts < now)
            if len(samples) < len(summary.samples) and samples:
                samples = (*samples[:-1], replace(samples[-1], bye=True))
            if samples:
                pushes.append(
                    Push(summary.id, summary.room, summary.browser_id, Dialect.V2, samples)
                )
        await store.append(pushes)
        async for _ in summarizer_of(store, settings, time.time).rebuild():
            pass
    finally:
        await store.close()


async def keep_calling(url: str, clock: Callable[[], float] = time.time) -> None:
    """Wave after wave of calls, pushed as browsers would, until cancelled."""
    await asyncio.sleep(1.0)  # The server has to listen.
    waves: set[asyncio.Task[None]] = set()
    try:
        while True:
            start = int(clock())
            past = start - _WAVE_MINUTES * 30  # Half of it has happened: somebody is there at once.
            scenario = Scenario(_PEOPLE, 5, _WAVE_MINUTES, start, past, outage=False)
            wave = asyncio.create_task(_wave(scenario, url))
            waves.add(wave)
            wave.add_done_callback(waves.discard)
            await asyncio.sleep(_WAVE_MINUTES * 60 / 2)
    finally:
        await stop(*waves)


async def _wave(scenario: Scenario, url: str) -> None:
    try:
        async for _ in through_collector(scenario, url, 1.0, ExpectedResults()):
            pass
    except (JmmcError, OSError) as error:
        _log.warning("demo_calls_failed", why=error)
