"""`jmmc simulate`: calls with known problems."""

import asyncio
import time

import click
from rich.console import Console

from jmmc.cli.common import (
    collection_option,
    fail,
    instant,
    progress_bar,
    store_option,
)
from jmmc.core.errors import JmmcError
from jmmc.simulation.scenario import Scenario
from jmmc.stores import open_store


@click.command()
@store_option
@collection_option
@click.option("--url", "server", help="A collector, its prefix included: push to it instead.")
@click.option("--participants", type=click.IntRange(1), default=1000, show_default=True)
@click.option("--rooms", type=click.IntRange(1), default=60, show_default=True)
@click.option("--minutes", type=click.IntRange(1), default=1440, show_default=True)
@click.option("--seed", type=int, default=1, show_default=True)
@click.option("--start", help="When it begins; by default so that it ends now, with --url now.")
@click.option(
    "--speed", type=click.FloatRange(0.1), default=1.0, show_default=True, help="With --url."
)
def simulate(
    url: str,
    collection: str,
    server: str | None,
    participants: int,
    rooms: int,
    minutes: int,
    seed: int,
    start: str | None,
    speed: float,
) -> None:
    """Make realistic life from a seed, and say what a right answer must show.

    Into a store as history; or through a collector, in its time or faster.
    """
    from jmmc.simulation.replay import ExpectedResults, into_store, through_collector

    began = instant("--start", start)
    if began is None:
        began = int(time.time()) - (0 if server else minutes * 60)
    scenario = Scenario(participants, rooms, minutes, seed, began)
    truth = ExpectedResults()
    try:
        with progress_bar("sessions") as progress:
            task = progress.add_task("simulate", total=participants)

            async def run() -> None:
                if server:
                    lives = through_collector(scenario, server.rstrip("/"), speed, truth)
                else:
                    lives = into_store(scenario, open_store(url, collection=collection), truth)
                async for done in lives:
                    progress.update(task, completed=done)

            asyncio.run(run())
    except (JmmcError, OSError) as error:
        fail(error, 1)
    except KeyboardInterrupt:
        fail("broken off; the same seed makes the same life again", 130)
    Console(highlight=False, soft_wrap=True).print(truth.text(scenario))
