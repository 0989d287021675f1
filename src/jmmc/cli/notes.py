"""`jmmc note`: notes to moments and spans of time, which the charts show."""

import time

import click
import msgspec
from rich.table import Table

from jmmc.answers.notes import Note, add_note, notes, remove_note
from jmmc.answers.serialization import encode
from jmmc.cli.common import (
    PlainConsole,
    collection_option,
    json_option,
    parse_time,
    print_json,
    store_option,
    with_reports,
)
from jmmc.cli.times import local_time, utc_option


@click.group()
def note() -> None:
    """Write notes, such as "upgraded bridge 2", into all charts."""


@note.command()
@click.argument("text")
@click.option("--at", help="The moment, or the start of a span: ISO 8601, or 2h ago. Default: now.")
@click.option("--until", help="The end of a span.")
@utc_option
@store_option
@collection_option
def add(text: str, url: str, collection: str, at: str | None, until: str | None) -> None:
    """Add a note and print its id."""
    start, end = parse_time("--at", at), parse_time("--until", until)
    start = int(time.time()) if start is None else start
    added = with_reports(url, collection, lambda reports: add_note(reports, text, start, end))
    click.echo(added.id)


@note.command("list")
@click.option("--since", help="Only notes that touch the time from here on.")
@click.option("--until", help="Only notes that touch the time up to here.")
@json_option
@utc_option
@store_option
@collection_option
def list_(url: str, collection: str, since: str | None, until: str | None, as_json: bool) -> None:
    """List the notes, the earliest first."""
    start, end = parse_time("--since", since), parse_time("--until", until)
    listed = with_reports(
        url, collection, lambda reports: notes(reports, start, end), read_only=True
    )
    if as_json:
        print_json(msgspec.json.format(encode(listed)))
        return
    table = Table("note", "from", "to", "text", "by", box=None, header_style="bold")
    for row in listed:
        table.add_row(row.id, local_time(row.at), _end(row), row.text, row.by)
    PlainConsole().print(table)


@note.command()
@click.argument("id_", metavar="ID")
@store_option
@collection_option
def remove(id_: str, url: str, collection: str) -> None:
    """Remove a note."""
    with_reports(url, collection, lambda reports: remove_note(reports, id_))


def _end(row: Note) -> str:
    return "" if row.until is None else local_time(row.until)
