"""Data for the demo: one simulated day in a store of its own, then live simulated calls."""

import asyncio
import time
from collections.abc import Callable

from msgspec.structs import replace

from jmmc.core.errors import JmmcError
from jmmc.core.logging import logger
from jmmc.core.model import Push, SessionFilter
from jmmc.core.tasks import stop
from jmmc.maintenance.schedule import summarizer_of
from jmmc.settings import Settings
from jmmc.simulation.delivery import through_collector
from jmmc.simulation.expected import ExpectedResults
from jmmc.simulation.scenario import Scenario, simulate
from jmmc.stores import open_store

STORE = "sqlite:///jmmc-demo.db"
"""The demo's store when none is named, so that simulated calls are never mixed with real ones."""

_log = logger(__name__)

_DAY_MINUTES = 1440
_WAVE_MINUTES = 20
_WAVE_PARTICIPANTS = 30


async def simulate_past_day(settings: Settings, now: float) -> None:
    """Fill the store, if it is empty, with the sessions of the 24 hours before `now`."""
    store = open_store(settings.store)
    try:
        await store.open()
        if await store.count(SessionFilter()):
            return
        start = int(now) - _DAY_MINUTES * 60
        pushes: list[Push] = []
        devices = settings.collect_devices
        scenario = Scenario(600, 24, _DAY_MINUTES, int(now), start, devices=devices)
        for simulated in simulate(scenario):
            for session in simulated.sessions:
                samples = tuple(sample for sample in session.samples if sample.ts < now)
                if len(samples) < len(session.samples) and samples:
                    samples = (*samples[:-1], replace(samples[-1], bye=True))
                if samples:
                    pushes.append(session.as_push(samples))
        await store.append(pushes)
        async for _ in summarizer_of(store, settings, time.time).rebuild():
            pass
    finally:
        await store.close()


async def simulate_live_calls(url: str, clock: Callable[[], float] = time.time) -> None:
    """Push a wave of calls every ten minutes, as browsers would, until cancelled."""
    await asyncio.sleep(1.0)  # Until the server listens.
    waves: set[asyncio.Task[None]] = set()
    try:
        while True:
            start = int(clock())
            past = start - _WAVE_MINUTES * 30  # Half of the wave is over: some calls are under way.
            scenario = Scenario(
                _WAVE_PARTICIPANTS, 5, _WAVE_MINUTES, start, past, outage=False, devices=True
            )
            wave = asyncio.create_task(_push_wave(scenario, url))
            waves.add(wave)
            wave.add_done_callback(waves.discard)
            await asyncio.sleep(_WAVE_MINUTES * 60 / 2)
    finally:
        await stop(*waves)


async def _push_wave(scenario: Scenario, url: str) -> None:
    try:
        async for _ in through_collector(scenario, url, 1.0, ExpectedResults()):
            pass
    except (JmmcError, OSError) as error:
        _log.warning("demo_calls_failed", why=error)
