"""`jmmc serve` and `jmmc check`: the server, and the checks before going live."""

import asyncio
import sys
from pathlib import Path

import click
from rich.console import Console

from jmmc.cli.common import fail, print_finding
from jmmc.cli.setting_options import (
    CommandWithSettings,
    ServingCommand,
    load,
    read,
    setting_options,
)
from jmmc.core.errors import JmmcError, SettingsError
from jmmc.server.preflight import inspect


@click.command(cls=ServingCommand)
@setting_options
def serve(config: Path | None, **flags: object) -> None:
    """Run the collector until SIGTERM or Ctrl-C. SIGHUP reloads the settings."""
    from jmmc.server.serve import run

    try:
        run(lambda: read(config, flags))
    except SettingsError as error:
        fail(error, 2)
    except JmmcError as error:
        fail(error, 1)


@click.command(cls=CommandWithSettings)
@setting_options
@click.option("--url", help="URL of a running collector, with its prefix: check it too.")
def check(config: Path | None, url: str | None, **flags: object) -> None:
    """Check settings, store and browser script before going live."""
    settings = load(config, flags)
    console = Console(highlight=False, soft_wrap=True)

    async def passes() -> bool:
        passed = True
        async for finding in inspect(settings, url=url):
            print_finding(console, finding)
            passed = passed and finding.verdict != "fail"
        return passed

    if not asyncio.run(passes()):
        sys.exit(1)
