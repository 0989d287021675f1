"""Simulated calls of a day, and their summaries."""

from jmmc.maintenance.summarizer import Summarizer
from jmmc.quality.thresholds import preset
from jmmc.simulation.scenario import Scenario, simulate
from jmmc.stores import Store

START = 1_789_948_800
WINDOW = {"since": "2026-09-21", "until": "2026-09-23"}
LIVES = list(simulate(Scenario(participants=60, rooms=6, minutes=600, seed=5, start=START)))


async def fill(store: Store) -> None:
    """Store the calls and their summaries, as they are long after the day."""
    await store.append([life.session.as_push() for life in LIVES])
    summarizer = Summarizer(
        store, preset=preset("jitsi"), lifetime=75, clock=lambda: START + 999_999, holder="x"
    )
    async for _ in summarizer.rebuild():
        pass
