"""Simulated calls of a day, and their summaries."""

from jmmc.maintenance.schedule import summarizer_of
from jmmc.settings import Settings
from jmmc.simulation.scenario import Scenario, simulate
from jmmc.stores import Store

START = 1_789_948_800
WINDOW = {"since": "2026-09-21", "until": "2026-09-23"}
LIVES = list(simulate(Scenario(participants=60, rooms=6, minutes=600, seed=5, start=START)))


async def fill(store: Store) -> None:
    """Store the calls and their summaries, as they are long after the day."""
    await store.append([life.session.as_push() for life in LIVES])
    # With the settings of the server that is asked: otherwise it would grade all of them anew.
    summarizer = summarizer_of(store, Settings.of(), lambda: START + 999_999)
    async for _ in summarizer.upgrade():
        pass
