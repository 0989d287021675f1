"""The command `jmmc`."""

import asyncio
import os
import sys
from pathlib import Path

import click
from rich.console import Console
from rich.table import Table

from jmmc.cli.alerts import alerts
from jmmc.cli.answers import report, sessions, show
from jmmc.cli.backup import backup
from jmmc.cli.common import fail, tell
from jmmc.cli.data import copy, export, rebuild, simulate
from jmmc.cli.jitsi import doctor, snippet
from jmmc.cli.privacy import forget
from jmmc.cli.settings import load, read, setting_options
from jmmc.cli.tokens import token
from jmmc.cli.users import user
from jmmc.core.errors import JmmcError, SettingsError
from jmmc.core.version import __version__
from jmmc.server.preflight import inspect
from jmmc.settings import (
    SECRETS,
    Mark,
    Settings,
    default_text,
    environment_name,
    gather,
    marked,
    without_password,
)


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


@main.command()
@setting_options
@click.option("--json", "as_json", is_flag=True, help="One JSON object, for scripts.")
@click.option("--markdown", is_flag=True, help="The page docs/settings.md.")
def settings(config: Path | None, as_json: bool, markdown: bool, **flags: object) -> None:
    """List every setting, its value in force and where that was given."""
    if markdown:
        click.echo(_settings_page(), nl=False)
        return
    loaded = load(config, flags)
    set_flags = {name: value for name, value in flags.items() if value is not None}
    given = gather(Settings.model_fields, flags=set_flags, environ=os.environ, file=config)
    values = {name: _shown(loaded, name) for name in Settings.model_fields}
    if as_json:
        Console(soft_wrap=True).print_json(data=values)
        return
    table = Table("setting", "value", "from", "what it is", box=None, header_style="bold")
    for name, field in Settings.model_fields.items():
        source = given[name].source if name in given else "default"
        table.add_row(name, str(values[name]), source, field.description)
    Console(highlight=False).print(table, markup=False)


def _settings_page() -> str:
    lines = [
        "# Settings",
        "",
        "Each is a flag of `jmmc serve`, an environment variable, or a key of the TOML file",
        "that `--config` names; a flag beats the environment, which beats the file. Lists are",
        "separated by commas; in TOML they are arrays. `jmmc settings` shows what is in force and",
        "where it was given.",
        "",
        "On SIGHUP a running server reads the file again. What is marked as live changes at once,",
        "between two pushes; the log says what changed and what else needs a restart. A file with",
        "a mistake in it is refused with one line in the log, and changes nothing.",
        "",
        "This page is made by `jmmc settings --markdown`.",
        "",
        "| setting | environment | default | live | what it is |",
        "|---|---|---|---|---|",
    ]
    for name, field in Settings.model_fields.items():
        default = f"`{default_text(field)}`".replace("|", "\\|") if field.default else "none"
        cells = (
            f"`{name}`",
            f"`{environment_name(name)}`",
            default,
            "live" if marked(name, Mark.LIVE) else "",
            str(field.description),
        )
        lines.append(f"| {' | '.join(cells)} |")
    return "\n".join(lines) + "\n"


def _shown(loaded: Settings, name: str) -> object:
    value = getattr(loaded, name)
    if name == "secret":
        return "(set)" if value else "(made at the first start)"
    if name in SECRETS:
        return "(set)" if value else ""
    if name == "store":
        return without_password(value)
    if name == "alerts":
        return [item.model_dump(mode="json") for item in value]
    return list(value) if isinstance(value, tuple) else value


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
    show,
    token,
    user,
    snippet,
    doctor,
):
    main.add_command(_one)
