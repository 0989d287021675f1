"""`jmmc serve` and `jmmc check`: the server, and whether it is ready to go live."""

import asyncio
import sys
from pathlib import Path

import click
from rich.console import Console

from jmmc.cli.common import fail, tell
from jmmc.cli.setting_options import load, read, setting_options
from jmmc.core.errors import JmmcError, SettingsError
from jmmc.server.preflight import inspect


@click.command()
@setting_options
def serve(config: Path | None, **flags: object) -> None:
    """Collect pushes until told to stop (SIGTERM, Ctrl-C). SIGHUP reads the settings again."""
    from jmmc.server.serve import run

    try:
        run(lambda: read(config, flags))
    except SettingsError as error:
        fail(error, 2)
    except JmmcError as error:
        fail(error, 1)


@click.command()
@setting_options
@click.option("--url", help="Where a collector runs, its prefix included: look at it too.")
def check(config: Path | None, url: str | None, **flags: object) -> None:
    """Say whether settings, store and script are fine."""
    settings = load(config, flags)
    console = Console(highlight=False, soft_wrap=True)

    async def report() -> bool:
        fine = True
        async for finding in inspect(settings, url=url):
            tell(console, finding)
            fine = fine and finding.verdict != "fail"
        return fine

    if not asyncio.run(report()):
        sys.exit(1)
