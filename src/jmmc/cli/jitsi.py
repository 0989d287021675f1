"""`jmmc snippet` and `jmmc doctor`: install the script in Jitsi Meet, and check the result."""

import re
import sys
from pathlib import Path

import click
from rich.console import Console
from rich.table import Table

from jmmc.cli.common import fail, print_finding
from jmmc.cli.setting_options import load
from jmmc.jitsi.doctor import examine
from jmmc.jitsi.snippets import CHOICES, TARGETS, Target, public_url
from jmmc.jitsi.snippets import snippet as text_of
from jmmc.settings import Settings


@click.command()
@click.option(
    "--target", type=click.Choice(TARGETS), help="Where to paste it. Without it: list the targets."
)
@click.option(
    "--url",
    help="URL at which browsers reach the collector, with its prefix. Default: from public_url.",
)
@click.option(
    "--config", type=click.Path(path_type=Path, dir_okay=False), help="TOML file with settings."
)
def snippet(target: Target | None, url: str | None, config: Path | None) -> None:
    """Print what to paste into Jitsi Meet to load the script."""
    settings = load(config, {})
    if target is None:
        _print_targets()
        return
    try:
        host = settings.public_url or "https://metrics.example.org"
        reached = public_url(url or f"{host}{settings.prefix}")
    except ValueError as error:
        fail(f"--url = {url!r}: expected {error}", 2)
    if not (url or settings.public_url or target == "nginx"):
        click.echo(
            "jmmc: neither --url nor public_url is set: replace the URL by your collector's",
            err=True,
        )
    known = settings if config or settings.public_url else None
    text = text_of(target, url=reached, upstream=_upstream(settings), settings=known)
    click.echo(text, nl=False)


@click.command()
@click.argument("url")
@click.option(
    "--collector", help="URL of the collector, without its prefix: check that sessions arrive too."
)
@click.option("--token", help="API token of the collector, with the scope read.")
def doctor(url: str, collector: str | None, token: str | None) -> None:
    """Check whether the room at URL loads the script and may push."""
    for option, value in (("URL", url), ("--collector", collector)):
        if value is not None and not re.match(r"https?://[^/\s]", value):
            fail(f"{option} = {value!r}: expected an http or https URL", 2)
    console = Console(highlight=False, soft_wrap=True)
    passed = True
    for finding in examine(url, collector=collector, token=token):
        print_finding(console, finding)
        passed = passed and finding.verdict != "fail"
    if not passed:
        sys.exit(1)


def _print_targets() -> None:
    table = Table("target", "use it for", "mobile apps", "note", box=None, header_style="bold")
    for name, choice in CHOICES.items():
        table.add_row(name, choice.when, "yes" if choice.apps else "no", choice.consequence)
    Console(highlight=False).print(table, markup=False)
    click.echo("\njmmc snippet --target NAME --url URL prints what to paste.")


def _upstream(settings: Settings) -> str:
    """The URL at which a web server on the same machine reaches the collector."""
    host = {"0.0.0.0": "127.0.0.1", "::": "[::1]"}.get(settings.host, settings.host)  # noqa: S104
    if ":" in host and not host.startswith("["):
        host = f"[{host}]"
    return f"http://{host}:{settings.port}{settings.prefix}"
