"""`jmmc sessions`: a list of sessions, or of failed joins."""

from collections.abc import Mapping, Sequence

import click
from rich.table import Table
from rich.text import Text

from jmmc.answers.cause_texts import name_of
from jmmc.answers.list_filters import ListFilter
from jmmc.answers.queries import Page, Queries
from jmmc.answers.serialization import encode
from jmmc.answers.sessions_by_cause import SessionsByCause
from jmmc.cli.asking import ask
from jmmc.cli.common import (
    PlainConsole,
    collection_option,
    configured_pseudonyms,
    fail,
    json_option,
    print_json,
    store_option,
)
from jmmc.cli.filters import CAUSES, cause_of, filter_options, given_selection, stored_selection
from jmmc.cli.terminal import (
    failure_text,
    grade_mark,
    minutes_text,
    moved,
    percent,
    reasons_text,
    room_text,
)
from jmmc.cli.times import time_column, utc_option
from jmmc.core.text import printable
from jmmc.quality.causes import Cause
from jmmc.quality.ordering import NEWEST_FIRST, SORT_KEYS, Order
from jmmc.quality.outcomes import ATTEMPTS
from jmmc.quality.summary import Summary

_SHORT = 8  # Characters of an id: among a million, one in 4,000 is no longer enough.
_WIDE = 110  # Columns from which each value has a column of its own.
_WIDEST = 150  # Columns from which region and reasons are listed too.
_SENTENCES = ("likely cause", "reasons", "reason")  # Columns that wrap before others are cut.


@click.command()
@filter_options
@click.option(
    "--limit",
    type=click.IntRange(1, 500),
    default=30,
    show_default=True,
    help="Maximum number of sessions.",
)
@click.option(
    "--sort",
    metavar="KEY",
    default=NEWEST_FIRST.text,
    show_default=True,
    help=f"Order: {', '.join(SORT_KEYS)}; with a - before it falling.",
)
@click.option(
    "--failed", is_flag=True, help="List joins that failed or were refused, in place of sessions."
)
@click.option("--min-minutes", metavar="N", help="Only sessions of at least so many minutes.")
@click.option("--max-minutes", metavar="N", help="Only sessions of at most so many minutes.")
@click.option(
    "--cause",
    type=click.Choice(CAUSES),
    help="Only sessions in an incident with this likely cause.",
)
@json_option
@utc_option
@store_option
@collection_option
def sessions(
    url: str,
    collection: str,
    limit: int,
    sort: str,
    failed: bool,
    cause: str | None,
    min_minutes: str | None,
    max_minutes: str | None,
    as_json: bool,
    **filters: str | None,
) -> None:
    """List sessions, newest first; with --failed list failed joins.

    The first characters of an id are enough for jmmc show and --participant.
    """
    names = configured_pseudonyms(url)
    given = given_selection(filters)
    failed = failed or given.outcome in ATTEMPTS
    options = {"min_minutes": min_minutes, "max_minutes": max_minutes}
    lengths = {name: value for name, value in options.items() if value is not None}
    if failed and (cause or lengths):
        fail(
            "--cause, --min-minutes and --max-minutes are for sessions; failed joins have none:"
            " leave out --failed, or these",
            2,
        )

    async def query(queries: Queries) -> Page | SessionsByCause:
        selection = await stored_selection(queries, names, given)
        if failed:
            return await queries.attempts(selection, limit=limit)
        order, also = Order.parse(sort), ListFilter.parse(lengths)
        if kind := cause_of(cause):
            return await queries.sessions_by_cause(
                selection, kind, limit=limit, order=order, also=also
            )
        return await queries.sessions(selection, limit=limit, order=order, also=also)

    found = ask(url, collection, query)
    if isinstance(found, SessionsByCause):
        _print_by_cause(found, as_json)
        return
    if as_json:
        print_json(encode({"items": list(found.items), "next": found.after}))
        return
    what = "failed joins" if failed else "sessions"
    if not found.items:
        click.echo(f"no {what} in this period with these filters", err=True)
        return
    console = PlainConsole()
    if failed:
        console.print(_attempts_table(found.items, console.width))
    else:
        console.print(_sessions_table(found.items, {}, console.width))
    if found.after:
        click.echo(f"more than {limit} {what}: raise --limit or add filters")


def _print_by_cause(found: SessionsByCause, as_json: bool) -> None:
    if as_json:
        items = [
            {"session": session, "causes": list(found.causes[session.session])}
            for session in found.sessions
        ]
        print_json(encode({"items": items, "complete": found.is_complete}))
        return
    if not found.sessions:
        click.echo("no sessions in this period with this likely cause", err=True)
        return
    console = PlainConsole()
    console.print(_sessions_table(found.sessions, found.causes, console.width))
    if not found.is_complete:
        click.echo("there are more: raise --limit, add filters or choose a shorter period")


def _sessions_table(
    listed: Sequence[Summary], causes: Mapping[str, Sequence[Cause]], width: int
) -> Table:
    """One row a session; where there is little width, the person and the like are in a second line.

    `causes` are the likely causes to show, by session.
    """
    title, times = time_column("began", [session.began for session in listed])
    table = _table(("session", _SHORT), (title, 11), ("min", 3), ("grade", 6), ("poor", 5))
    more = ["person", "browser", "network", *(["likely cause"] if causes else [])]
    more += ["region", "reasons"] if width >= _WIDEST and not causes else []
    _add_columns(table, more, width)
    for session, began in zip(listed, times, strict=True):
        reasons = sorted(session.reasons, key=session.reasons.__getitem__, reverse=True)
        values = {
            "person": session.who,
            "browser": session.browser or "?",
            "network": moved(session, "network"),
            "likely cause": ", ".join(
                name_of(cause, "en") for cause in causes.get(session.session, ())
            ),
            "region": moved(session, "region"),
            "reasons": reasons_text(reasons),
        }
        table.add_row(
            session.session[:_SHORT],
            began,
            minutes_text(session.ended - session.began),
            grade_mark(session.grade),
            percent(session.poor / session.known if session.known else None),
            *_cells(session, [values[column] for column in more], width),
        )
    return table


def _attempts_table(attempts: Sequence[Summary], width: int) -> Table:
    title, times = time_column("at", [attempt.began for attempt in attempts])
    table = _table(("attempt", _SHORT), (title, 11), ("outcome", 7), ("after", 5))
    more = ["reason", "person", "browser", "network"]
    _add_columns(table, more, width)
    for attempt, at in zip(attempts, times, strict=True):
        after = attempt.setup.join
        values = [
            failure_text(attempt.failure),
            attempt.who,
            attempt.browser or "?",
            attempt.network or "?",
        ]
        table.add_row(
            attempt.session[:_SHORT],
            at,
            attempt.outcome,
            "?" if after is None else f"{after / 1000:.1f} s",
            *_cells(attempt, values, width),
        )
    return table


def _table(*columns: tuple[str, int]) -> Table:
    """A table with columns of a minimum width that are never cut off."""
    table = Table(box=None, header_style="bold", pad_edge=False)
    for column, least in columns:
        table.add_column(column, min_width=least, no_wrap=True)
    return table


def _add_columns(table: Table, more: Sequence[str], width: int) -> None:
    """Add the room and more columns: where there is little width, only that of the room."""
    if width < _WIDE:
        table.add_column("room", overflow="fold")
        return
    for column in ("room", *more):
        table.add_column(column, no_wrap=column not in _SENTENCES, overflow="ellipsis")


def _cells(session: Summary, values: Sequence[str], width: int) -> list[str | Text]:
    """The room and more values: in cells of their own, or in a second line of the room's cell."""
    if width >= _WIDE:
        return [room_text(session.room), *values]
    second = printable(" · ".join(value for value in values if value), keep="")
    return [Text.assemble(room_text(session.room), "\n", (second, "dim"))]
