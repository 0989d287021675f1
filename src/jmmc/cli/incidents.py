"""`jmmc incidents`: what went wrong, the worst first; and one incident in the terminal."""

import time
from collections.abc import Sequence
from typing import Any

import click
from rich.console import Group
from rich.table import Table
from rich.text import Text

from jmmc.answers.cause_texts import advice_of, fact_sentences, headline, title
from jmmc.answers.incidents import IncidentDetail
from jmmc.answers.queries import Page, Queries
from jmmc.answers.serialization import encode
from jmmc.cli.asking import ask
from jmmc.cli.common import (
    PlainConsole,
    collection_option,
    json_option,
    parse_time,
    print_json,
    store_option,
)
from jmmc.cli.filters import CAUSES, cause_of
from jmmc.cli.terminal import minutes_text, room_text
from jmmc.cli.times import local_time, time_column, utc_option
from jmmc.core.text import counted, printable
from jmmc.quality.causes.recorded import RecordedIncident
from jmmc.quality.filters import INCIDENT_ORDERS, IncidentFilter, IncidentOrder

_DAY = 86_400
_MOST_MEETINGS = 10  # Of an incident in the terminal; --json has 50.


@click.command()
@click.option("--since", help="Start of the period: ISO 8601, or 24h, 7d ago. Default: a day ago.")
@click.option("--until", help="End of the period, in the same form. Default: now.")
@click.option("--cause", type=click.Choice(CAUSES), help="Only with this most probable cause.")
@click.option("--value", help="Only with this value of the most probable cause, such as a region.")
@click.option("--running", is_flag=True, help="Only incidents that go on.")
@click.option(
    "--min-people",
    type=click.IntRange(1),
    default=1,
    show_default=True,
    help="Fewest affected people.",
)
@click.option(
    "--order",
    type=click.Choice(INCIDENT_ORDERS),
    default="affected",
    show_default=True,
    help="What comes first: most affected person-minutes, most people, or the newest.",
)
@click.option(
    "--limit",
    type=click.IntRange(1, 500),
    default=20,
    show_default=True,
    help="Maximum number of incidents.",
)
@json_option
@utc_option
@store_option
@collection_option
def incidents(
    url: str,
    collection: str,
    since: str | None,
    until: str | None,
    cause: str | None,
    value: str | None,
    running: bool,
    min_people: int,
    order: IncidentOrder,
    limit: int,
    as_json: bool,
) -> None:
    """List incidents: problems with one cause, over all meetings. What hurt most comes first."""
    end = parse_time("--until", until) or int(time.time())
    start = parse_time("--since", since)
    selection = IncidentFilter(
        since=end - _DAY if start is None else start,
        until=end,
        running=running or None,
        cause=cause_of(cause),
        value=value,
        min_people=min_people,
    )

    async def query(queries: Queries) -> Page:
        return await queries.incidents(selection, limit=limit, order=order)

    page = ask(url, collection, query)
    if as_json:
        print_json(encode({"items": list(page.items), "next": page.after}))
        return
    if not page.items:
        click.echo("no incidents in this period")
        return
    PlainConsole().print(incident_table(page.items))


def hurt_most(incidents: Sequence[RecordedIncident]) -> Group:
    """The section of a report."""
    return Group(Text("\nWhat hurt most", style="bold"), incident_table(incidents))


def incident_table(incidents: Sequence[RecordedIncident]) -> Table:
    """A line for each incident."""
    table = Table(box=None, header_style="bold")
    table.add_column("incident", min_width=17, no_wrap=True)
    began, times = time_column("began", [incident.start for incident in incidents])
    table.add_column(began, min_width=11, no_wrap=True)
    for column in ("min", "people", "meetings", "person-min"):
        table.add_column(column, justify="right", no_wrap=True)
    table.add_column("likely cause", overflow="fold")
    for incident, at in zip(incidents, times, strict=True):
        running = " (running)" if incident.running else ""
        table.add_row(
            incident.id,
            at,
            minutes_text(incident.end - incident.start),
            f"{incident.people:,}",
            f"{incident.meetings:,}",
            minutes_text(incident.seconds),
            printable(title(incident.answer, "en", incident.names)) + running,
        )
    return table


def render_incident(detail: IncidentDetail) -> Group:
    """What happened, why, and to whom."""
    incident = detail.incident
    ended = "to now" if incident.running else f"to {local_time(incident.end)}"
    first = incident.cause
    parts: list[Any] = [
        Text(printable(title(incident.answer, "en", incident.names)), style="bold"),
        f"{incident.id}  {local_time(incident.start)} {ended}",
        f"{counted(incident.people, 'person', 'people')}"
        f" in {counted(incident.meetings, 'meeting')} affected,"
        f" {minutes_text(incident.seconds)} person-minutes",
        Text(printable(headline(incident.answer, "en", incident.names)), style="bold"),
        *(f"  {printable(fact)}" for fact in fact_sentences(first, "en")),
    ]
    advice = advice_of(incident.answer, "en", incident.names)
    parts += [f"  {printable(sentence)}" for sentence in advice]
    if incident.shares:
        table = Table(box=None, header_style="bold")
        for column in ("affected at that time", "of those there", "of everybody else"):
            table.add_column(column, justify="right" if column.startswith("of") else "left")
        for share in incident.shares:
            table.add_row(
                printable(f"{share.kind} {share.value}".strip()),
                f"{share.affected:,} of {share.known:,}",
                f"{share.others_affected:,} of {share.others_known:,}",
            )
        parts += ["", table]
    table = Table(box=None, header_style="bold")
    table.add_column("session", min_width=24, no_wrap=True)
    table.add_column("room", overflow="fold")
    for column in ("people", "person-min"):
        table.add_column(column, justify="right")
    for meeting in incident.worst_meetings[:_MOST_MEETINGS]:
        table.add_row(
            meeting.session,
            room_text(meeting.room),
            f"{meeting.people:,}",
            minutes_text(meeting.seconds),
        )
    more = incident.meetings - min(_MOST_MEETINGS, len(incident.worst_meetings))
    return Group(*parts, "", table, *([f"and {counted(more, 'more meeting')}"] if more > 0 else []))
