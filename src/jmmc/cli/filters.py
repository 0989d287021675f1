"""The filters of `jmmc report` and `jmmc sessions`, and the ids and rooms that commands take."""

import time
from typing import Any

import click
import msgspec

from jmmc.answers.queries import Queries
from jmmc.cli.asking import ask
from jmmc.cli.common import (
    Command,
    configured_pseudonyms,
    fail,
    parse_time,
)
from jmmc.cli.stored_values import complete_participant, complete_room
from jmmc.cli.times import local_time
from jmmc.privacy.pseudonyms import Pseudonyms, stored_room_name
from jmmc.quality.causes.answer import SIDES
from jmmc.quality.filters import FILTERS, SummaryFilter

_DAY = 86_400
CAUSES = tuple(kind.replace(" ", "-") for kind in SIDES)
"""The kinds of causes, as options take them."""

_COMPLETE = {"room": complete_room, "participant": complete_participant}
_HELP = {
    "room": "Only sessions in this room.",
    "participant": "Only sessions of this participant: an id or its first characters.",
    "name": "Only sessions of participants whose name contains this.",
    "code": "Only the session with this support code.",
    "device": "Only sessions with a microphone, camera or speaker whose name contains this.",
    "rating": "Only sessions that were rated so, from 1 to 5.",
}


def filter_options(command: Command) -> Command:
    """Add --since, --until and an option for each filter of sessions."""
    for row in reversed(FILTERS):
        help_ = _HELP.get(row.name, f"Only sessions with this {row.meaning}.")
        type_ = click.Choice(row.choices) if row.choices else str
        option = click.option(
            f"--{row.name}",
            row.field,
            type=type_,
            help=help_,
            shell_complete=_COMPLETE.get(row.name),
        )
        command = option(command)
    command = click.option("--until", help="End of the period, in the same form. Default: now.")(
        command
    )
    since = (
        "Start of the period: ISO 8601, 24h or 7d ago, or today, yesterday, this-week, last-week,"
        " this-month or last-month. Default: a day before --until."
    )
    return click.option("--since", help=since)(command)


def given_selection(filters: dict[str, str | None]) -> SummaryFilter:
    """The sessions that the options select, with ids and rooms as they were typed."""
    until = parse_time("--until", filters.pop("until")) or int(time.time())
    since = parse_time("--since", filters.pop("since"))
    given: dict[str, Any] = {name: value for name, value in filters.items() if value is not None}
    start = until - _DAY if since is None else since
    if start >= until:
        times = f"{local_time(start)}, {local_time(until)}"
        fail(f"since must be earlier than until (got {times})", 1)
    return SummaryFilter(since=start, until=until, **given)


async def stored_selection(
    queries: Queries, names: Pseudonyms, given: SummaryFilter
) -> SummaryFilter:
    """The same selection, with whole ids and rooms as they are stored."""
    if given.browser_id is not None:
        whole = await queries.browser_id(given.browser_id)
        given = msgspec.structs.replace(given, browser_id=whole)
    if given.room is not None:
        given = msgspec.structs.replace(given, room=stored_room_name(given.room))
    return names.as_stored(given)


def stored_browser_id(url: str, collection: str, text: str) -> str:
    """The whole participant id, as stored, of an id or its first characters.

    A real id gets its pseudonym, if the store has pseudonyms. A mistake ends the command.
    """
    whole = ask(url, collection, lambda queries: queries.browser_id(text))
    return configured_pseudonyms(url).stored_browser_id(whole)


def cause_of(option: str | None) -> str | None:
    """The kind of cause that an option names."""
    return option and option.replace("-", " ")
