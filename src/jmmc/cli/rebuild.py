"""`jmmc rebuild`: recomputes summaries and rollups from the samples."""

import asyncio
import time

import click

from jmmc.cli.common import (
    collection_option,
    existing_store,
    fail,
    progress_bar,
    store_option,
)
from jmmc.core.errors import JmmcError
from jmmc.core.model import SessionFilter
from jmmc.maintenance.schedule import summarizer_of
from jmmc.quality.thresholds import PRESETS
from jmmc.settings import Settings


@click.command()
@click.option(
    "--quality-preset",
    type=click.Choice(list(PRESETS)),
    default=Settings.model_fields["quality_preset"].default,
    show_default=True,
    envvar="JMMC_QUALITY_PRESET",
    help="Thresholds of the grades.",
)
@click.option(
    "--push-interval",
    type=int,
    default=30,
    show_default=True,
    envvar="JMMC_PUSH_INTERVAL",
    help="Seconds between two pushes of a browser.",
)
@store_option
@collection_option
def rebuild(url: str, collection: str, quality_preset: str, push_interval: int) -> None:
    """Recompute all summaries and rollups from the samples. Can be interrupted and run again."""
    settings = Settings.of(quality_preset=quality_preset, push_interval=push_interval)

    async def run() -> int:
        store = existing_store(url, collection, read_only=False)
        done = 0
        try:
            await store.open()
            total = await store.count(SessionFilter())
            with progress_bar("sessions") as progress:
                task = progress.add_task("rebuild", total=total)
                async for done in summarizer_of(store, settings, time.time).rebuild():
                    progress.update(task, completed=done)
        finally:
            await store.close()
        return done

    try:
        done = asyncio.run(run())
    except JmmcError as error:
        fail(error, 1)
    except KeyboardInterrupt:
        fail("interrupted; run the same command to continue", 130)
    click.echo(f"{done:,} sessions graded by {quality_preset}")
