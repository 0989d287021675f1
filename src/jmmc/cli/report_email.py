"""`jmmc report --send` and `--preview`: the report by e-mail, now or as a file."""

import asyncio
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING

import click
from click.core import ParameterSource
from rich.console import Console
from rich.markup import escape

from jmmc.answers.queries import Queries
from jmmc.cli.common import Command, existing_store, fail
from jmmc.cli.setting_options import load
from jmmc.core.calendar import Bounds, Calendar, Period
from jmmc.core.errors import JmmcError
from jmmc.core.text import printable
from jmmc.core.timestamps import to_iso, zone_of
from jmmc.maintenance.schedule import rhythm_of
from jmmc.reporting.schedule import PERIOD_OF
from jmmc.settings import Settings

# The template engine and the HTTP client are imported where they are used: most calls of
# `jmmc report` need neither.
if TYPE_CHECKING:
    from jmmc.reporting.message import Report


def email_options(command: Command) -> Command:
    """Add the options of the report by e-mail."""
    period = click.option(
        "--period",
        type=click.Choice(("week", "month")),
        help="With --send or --preview: the latest whole week or month. Default: as in the"
        " settings, else a week.",
    )
    config = click.option(
        "--config",
        type=click.Path(path_type=Path, dir_okay=False),
        help="With --send or --preview: TOML file with settings.",
    )
    preview = click.option(
        "--preview",
        type=click.Path(path_type=Path, dir_okay=False),
        metavar="FILE.html",
        help="Write the report by e-mail to a file, and send nothing.",
    )
    send = click.option(
        "--send", is_flag=True, help="Send the report by e-mail to report_emails now."
    )
    return send(preview(period(config(command))))


def email_report(
    *, send: bool, preview: Path | None, period: Period | None, config: Path | None
) -> None:
    """Send the report, or write it to a file; an error ends the command."""
    from jmmc.reporting.message import as_html

    settings = load(config, _given("url", "store") | _given("collection", "collection"))
    if send and not settings.report_emails:
        fail("report_emails is empty: there is nobody to send the report to", 2)
    every = settings.report_email_every
    period = period or (PERIOD_OF[every] if every != "off" else "week")
    now = time.time()
    calendar = Calendar(period, zone_of(settings.time_zone))
    bounds = calendar.at(calendar.at(int(now))[0] - 1)
    try:
        report = asyncio.run(_make(settings, period, bounds))
    except JmmcError as error:
        fail(error, 1)
    if preview is not None:
        try:
            preview.write_text(as_html(report), encoding="utf-8")
        except OSError as error:
            fail(f"{preview}: {error.strerror}", 1)
        click.echo(f"{preview}: {report.subject}")
    if send:
        _send(report, settings, f"{period} {to_iso(bounds[0])} {now}", now)


def _given(parameter: str, setting: str) -> dict[str, object]:
    """The setting that an option gives, if it was given."""
    context = click.get_current_context()
    if context.get_parameter_source(parameter) is not ParameterSource.COMMANDLINE:
        return {}
    return {setting: context.params[parameter]}


async def _make(settings: Settings, period: Period, bounds: Bounds) -> "Report":
    from jmmc.reporting.sending import make_report

    store = existing_store(settings.store, settings.collection, read_only=True)
    try:
        await store.open()
        queries = Queries(store, rhythm=rhythm_of(settings), clock=time.time)
        return await make_report(queries, settings, period, bounds)
    finally:
        await store.close()


def _send(report: "Report", settings: Settings, key: str, now: float) -> None:
    from jmmc.alerting.posting import NotDelivered
    from jmmc.reporting.sending import deliver

    console = Console(highlight=False, soft_wrap=True)
    label = f"e-mail to {len(settings.report_emails)} addresses"
    try:
        how = asyncio.run(deliver(report, settings, key, now))
    except NotDelivered as error:
        console.print("[red]FAIL[/]", escape(printable(f"{label}: {error}")))
        sys.exit(1)
    console.print("[green]ok  [/]", escape(printable(f"{label}: {how}")))
