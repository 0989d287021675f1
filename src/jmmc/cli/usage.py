"""`jmmc usage`: meetings, people and person-minutes by day, week, month or year."""

import asyncio
import time
from collections.abc import Sequence
from zoneinfo import ZoneInfo

import click
from rich.console import Console
from rich.table import Table
from rich.text import Text

from jmmc.answers.column_types import struct_columns, struct_row
from jmmc.answers.model import Usage
from jmmc.answers.period_names import local_date, period_key
from jmmc.answers.queries import Queries
from jmmc.answers.serialization import encode
from jmmc.answers.tables import CsvTable
from jmmc.answers.usage import SHOWN
from jmmc.cli.common import (
    PlainConsole,
    collection_option,
    configured_rhythm,
    existing_store,
    fail,
    json_option,
    print_json,
    store_option,
)
from jmmc.core.calendar import PERIODS, Calendar, Period
from jmmc.core.errors import JmmcError
from jmmc.core.timestamps import parse_moment, zone_of
from jmmc.quality.filters import SummaryFilter
from jmmc.settings import Settings, environment_name


@click.command()
@click.option(
    "--by",
    "period",
    type=click.Choice(PERIODS),
    default="month",
    show_default=True,
    help="Length of a period.",
)
@click.option(
    "--tz",
    default=Settings.model_fields["time_zone"].default,
    show_default=True,
    envvar=environment_name("time_zone"),
    show_envvar=True,
    help="Time zone of the periods, such as Europe/Paris.",
)
@click.option(
    "--since",
    help="Start: ISO 8601 (in the time zone), or 7d, 52w ago. Default: the latest periods.",
)
@click.option("--until", help="End, in the same form. Default: now.")
@json_option
@click.option("--csv", "as_csv", is_flag=True, help="Print CSV.")
@store_option
@collection_option
def usage(
    url: str,
    collection: str,
    period: Period,
    tz: str,
    since: str | None,
    until: str | None,
    as_json: bool,
    as_csv: bool,
) -> None:
    """Show how much the server is used, by calendar periods.

    Usage counts meetings of five minutes and more.
    """
    if as_json and as_csv:
        fail("give --json or --csv, not both", 2)
    try:
        zone = zone_of(tz)
    except ValueError as error:
        fail(f"--tz: {error}", 2)
    window = _window(period, zone, since, until)
    rows, begins = _read(url, collection, period, window, zone)
    if as_json:
        print_json(encode(rows))
    elif as_csv:
        table = CsvTable(struct_columns(Usage))
        click.echo(table.add([struct_row(row) for row in rows]) + table.end(), nl=False)
    elif not rows:
        click.echo("no sessions in this time")
    else:
        _print_table(rows, period, zone, begins)


def _window(
    period: Period, zone: ZoneInfo, since: str | None, until: str | None
) -> tuple[int, int]:
    now = time.time()

    def moment(option: str, text: str) -> int:
        try:
            return parse_moment(text, now, zone)
        except ValueError as error:
            fail(f"{option} = {error}", 2)

    end = int(now) if until is None else moment("--until", until)
    start = (
        Calendar(period, zone).latest(SHOWN[period], end)
        if since is None
        else moment("--since", since)
    )
    if start >= end:
        fail(f"--since must be earlier than --until (got {since}, {until or 'now'})", 2)
    return start, end


def _read(
    url: str, collection: str, period: Period, window: tuple[int, int], zone: ZoneInfo
) -> tuple[list[Usage], int | None]:
    async def run() -> tuple[list[Usage], int | None]:
        store = existing_store(url, collection, read_only=True)
        try:
            await store.open()
            queries = Queries(store, rhythm=configured_rhythm(), clock=time.time)
            selection = SummaryFilter(since=window[0], until=window[1])
            return await queries.usage(period, selection, zone), await queries.usage_begins()
        finally:
            await store.close()

    try:
        with Console(stderr=True).status("counting"):  # Nothing where it is not a terminal.
            return asyncio.run(run())
    except JmmcError as error:
        fail(error, 1)


def _print_table(rows: Sequence[Usage], period: Period, zone: ZoneInfo, begins: int | None) -> None:
    console = PlainConsole()
    table = _table(rows, period, zone, wide=True)
    unbounded = console.options.update(max_width=1_000)
    if console.measure(table, options=unbounded).maximum > console.width:
        table = _table(rows, period, zone, wide=False)
    console.print(table)
    notes = []
    if any(row.partial for row in rows):
        notes.append("* only partly covered")
    if any(map(_is_estimate, rows)):
        notes.append("~ an estimate, 95 % within 3.2 %")
    if begins is not None:
        notes.append(f"figures begin on {local_date(begins, zone)}; days of {zone.key}")
    console.print(Text("; ".join(notes), style="dim"))


def _table(rows: Sequence[Usage], period: Period, zone: ZoneInfo, *, wide: bool) -> Table:
    table = Table(box=None, header_style="bold")
    table.add_column(period, no_wrap=True)
    names = ["meetings", "people", "person-min", "poor", "failed joins", "dropped"]
    more = ["peak people", "peak meetings", "median min", "poor, 95 %"] if wide else []
    for name in (*names, *more):
        table.add_column(name, justify="right", no_wrap=True)
    for row in rows:
        joins, low_high = row.joins, row.poor_interval
        known = row.grades.poor_share is not None
        table.add_row(
            f"{period_key(period, (row.start, row.end), zone)}{' *' if row.partial else ''}",
            f"{row.meetings:,}",
            f"{'~' if _is_estimate(row) else ''}{row.participants:,}",
            f"{row.minutes:,}",
            _percent(row.grades.poor_share),
            _percent(joins.failed_share),
            _percent(joins.dropped_share),
            *(
                (
                    f"{row.peak_people:,}",
                    f"{row.peak_meetings:,}",
                    "?" if row.meeting_minutes_p50 is None else f"{row.meeting_minutes_p50:,}",
                    f"{_percent(low_high[0])} to {_percent(low_high[1])}" if known else "?",
                )
                if wide
                else ()
            ),
        )
    return table


def _is_estimate(row: Usage) -> bool:
    return row.participants_interval != (row.participants, row.participants)


def _percent(share: float | None) -> str:
    return "?" if share is None else f"{share:.1%}"
