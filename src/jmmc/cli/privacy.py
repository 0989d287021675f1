"""`jmmc forget`: erases a person or a conference."""

import asyncio
import sys
import time

import click
from rich.console import Console

from jmmc.answers.serialization import to_builtins
from jmmc.cli.common import (
    collection_option,
    existing_store,
    fail,
    json_option,
    progress_bar,
    pseudonyms,
    store_option,
)
from jmmc.core.errors import JmmcError
from jmmc.core.timestamps import iso
from jmmc.maintenance.erase import forget as erase
from jmmc.maintenance.erase import selection
from jmmc.maintenance.schedule import summarizer_of
from jmmc.privacy.receipts import Erasure, Subject, SubjectKind
from jmmc.quality.summary import SummaryFilter
from jmmc.settings import Settings
from jmmc.stores import Store


@click.command()
@store_option
@collection_option
@click.option("--participant", "browser_id", help="Everything about this browser.")
@click.option("--room", help="Everything about this room, named as Jitsi names it.")
@click.option("--dry-run", is_flag=True, help="Only say what is there.")
@click.option("--yes", is_flag=True, help="Do not ask.")
@json_option
def forget(
    url: str,
    collection: str,
    browser_id: str | None,
    room: str | None,
    dry_run: bool,
    yes: bool,
    as_json: bool,
) -> None:
    """Erase a person or a conference for good, and print a receipt.

    A running collector may go on. What was broken off is finished by the same command.
    """
    if (browser_id is None) == (room is None):
        fail("give --participant or --room", 2)
    names = pseudonyms(url)
    if browser_id is not None:
        subject = Subject(SubjectKind.PARTICIPANT, names.stored_browser_id(browser_id))
    else:
        subject = Subject(SubjectKind.ROOM, names.stored_room(str(room)))
    try:
        sessions, summaries = asyncio.run(_found(existing_store(url, collection), subject))
        click.echo(f"{sessions:,} sessions and {summaries:,} summaries are stored", err=True)
        if dry_run:
            return
        if not yes and not click.confirm("Erase them for good?", err=True):
            sys.exit(1)
        receipt = asyncio.run(_erase(existing_store(url, collection), subject, sessions))
    except JmmcError as error:
        fail(error, 1)
    except KeyboardInterrupt:
        fail("broken off; the same command finishes it", 130)
    if as_json:
        Console(soft_wrap=True).print_json(data=to_builtins(receipt))
        return
    click.echo(
        f"erased {receipt.sessions:,} sessions with {receipt.samples:,} samples,"
        f" {receipt.summaries:,} summaries and {receipt.names:,} names;"
        f" made the sums of {receipt.hours:,} hours anew"
    )
    click.echo(f"receipt {receipt.id}, {iso(receipt.finished or receipt.until)}")


async def _found(store: Store, subject: Subject) -> tuple[int, int]:
    sessions = selection(subject)
    try:
        await store.open()
        summaries = await store.reports.facts(
            ("session",), SummaryFilter(room=sessions.room, browser_id=sessions.browser_id)
        )
        return await store.count(sessions), len(summaries)
    finally:
        await store.close()


async def _erase(store: Store, subject: Subject, sessions: int) -> Erasure:
    try:
        await store.open()
        summarizer = summarizer_of(store, Settings.of(), time.time)
        with progress_bar("sessions") as progress:
            task = progress.add_task("forget", total=sessions)
            async for receipt in erase(store, subject, summarizer, clock=time.time):
                progress.update(task, completed=receipt.sessions)
        return receipt
    finally:
        await store.close()
