"""`jmmc simulate`: generates simulated calls with known problems."""

import asyncio
import time

import click
from rich.console import Console

from jmmc.cli.common import (
    collection_option,
    fail,
    parse_time,
    progress_bar,
    store_option,
)
from jmmc.cli.times import utc_option
from jmmc.core.errors import JmmcError
from jmmc.simulation.scenario import Scenario
from jmmc.stores import open_store


@click.command()
@click.option(
    "--url", "server", help="URL of a collector, with its prefix: push to it instead of the store."
)
@click.option(
    "--participants",
    type=click.IntRange(1),
    default=1000,
    show_default=True,
    help="Number of participants.",
)
@click.option(
    "--rooms", type=click.IntRange(1), default=60, show_default=True, help="Number of rooms."
)
@click.option(
    "--minutes",
    type=click.IntRange(1),
    default=1440,
    show_default=True,
    help="Length of the simulated period.",
)
@click.option(
    "--seed",
    type=int,
    default=1,
    show_default=True,
    help="The same seed generates the same calls.",
)
@click.option(
    "--devices", is_flag=True, help="Whether the names of microphones, cameras, speakers are known."
)
@click.option(
    "--start", help="Start of the period. Default: it ends now; with --url: it starts now."
)
@utc_option
@click.option(
    "--speed",
    type=click.FloatRange(0.1),
    default=1.0,
    show_default=True,
    help="With --url: times faster than real time.",
)
@store_option
@collection_option
def simulate(
    url: str,
    collection: str,
    server: str | None,
    participants: int,
    rooms: int,
    minutes: int,
    seed: int,
    devices: bool,
    start: str | None,
    speed: float,
) -> None:
    """Generate simulated calls, and print the expected results.

    The calls are written into a store as history, or pushed to a running collector in real time or
    faster.
    """
    from jmmc.simulation.delivery import into_store, through_collector
    from jmmc.simulation.expected import ExpectedResults

    began = parse_time("--start", start)
    if began is None:
        began = int(time.time()) - (0 if server else minutes * 60)
    scenario = Scenario(participants, rooms, minutes, seed, began, devices=devices)
    expected = ExpectedResults()
    try:
        with progress_bar("sessions") as progress:
            task = progress.add_task("simulate", total=participants)

            async def run() -> None:
                if server:
                    counts = through_collector(scenario, server.rstrip("/"), speed, expected)
                else:
                    counts = into_store(scenario, open_store(url, collection=collection), expected)
                async for done in counts:
                    progress.update(task, completed=done)

            asyncio.run(run())
    except (JmmcError, OSError) as error:
        fail(error, 1)
    except KeyboardInterrupt:
        fail("interrupted; the same seed generates the same calls again", 130)
    Console(highlight=False, soft_wrap=True).print(expected.text(scenario))
