"""The command `jmmc`."""

import asyncio
import sys
from pathlib import Path

import click
from rich.console import Console

from jmmc.cli.alerts import alerts
from jmmc.cli.answers import report, sessions, show
from jmmc.cli.backup import backup
from jmmc.cli.common import fail, tell
from jmmc.cli.data import copy, export, rebuild, simulate
from jmmc.cli.jitsi import doctor, snippet
from jmmc.cli.privacy import forget
from jmmc.cli.setting_options import load, read, setting_options
from jmmc.cli.settings import settings
from jmmc.cli.tokens import token
from jmmc.cli.users import user
from jmmc.core.errors import JmmcError, SettingsError
from jmmc.core.version import __version__
from jmmc.server.preflight import inspect


@click.group(context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__, prog_name="jmmc")
def main() -> None:
    """Collects what browsers know about the quality of Jitsi Meet calls, and keeps it."""


@main.command()
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


@main.command()
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


for _one in (
    alerts,
    backup,
    export,
    copy,
    forget,
    simulate,
    rebuild,
    report,
    sessions,
    settings,
    show,
    token,
    user,
    snippet,
    doctor,
):
    main.add_command(_one)
