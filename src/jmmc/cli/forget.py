"""`jmmc forget`: erases a participant or a room."""

import asyncio
import sys
import time
from urllib.parse import unquote

import click
import msgspec

from jmmc.answers.serialization import encode
from jmmc.cli.common import (
    collection_option,
    configured_pseudonyms,
    existing_store,
    fail,
    json_option,
    print_json,
    progress_bar,
    store_option,
)
from jmmc.cli.filters import stored_browser_id
from jmmc.cli.stored_values import complete_participant, complete_room
from jmmc.cli.times import local_time, utc_option
from jmmc.core.errors import JmmcError
from jmmc.core.text import printable
from jmmc.maintenance.erase import count_stored
from jmmc.maintenance.erase import forget as erase
from jmmc.maintenance.schedule import summarizer_of
from jmmc.privacy.pseudonyms import stored_room_name
from jmmc.privacy.receipts import Erasure, Subject, SubjectKind
from jmmc.settings import Settings
from jmmc.stores import Store


@click.command()
@click.option(
    "--participant",
    "browser_id",
    shell_complete=complete_participant,
    help="Erase everything about this participant: an id or its first characters.",
)
@click.option("--room", shell_complete=complete_room, help="Erase everything about this room.")
@click.option("--dry-run", is_flag=True, help="Only count what is stored.")
@click.option("--yes", is_flag=True, help="Do not ask for confirmation.")
@json_option
@utc_option
@store_option
@collection_option
def forget(
    url: str,
    collection: str,
    browser_id: str | None,
    room: str | None,
    dry_run: bool,
    yes: bool,
    as_json: bool,
) -> None:
    """Erase a participant or a room for good, and print a receipt.

    Collectors may keep running. If the command is interrupted, run it again to finish.
    """
    if (browser_id is None) == (room is None):
        fail("give --participant or --room", 2)
    names = configured_pseudonyms(url)
    if browser_id is not None:
        subject = Subject(SubjectKind.PARTICIPANT, stored_browser_id(url, collection, browser_id))
    else:
        subject = Subject(SubjectKind.ROOM, names.stored_room(stored_room_name(str(room))))
    try:
        sessions, summaries = asyncio.run(
            _count(existing_store(url, collection, read_only=True), subject)
        )
        kind = "participant" if browser_id is not None else "room"
        named = printable(unquote(subject.name), keep="")
        click.echo(
            f"{kind} {named}: {sessions:,} sessions and {summaries:,} summaries are stored",
            err=True,
        )
        if dry_run:
            return
        if not yes and not click.confirm("Erase them for good?", err=True):
            sys.exit(1)
        receipt = asyncio.run(
            _erase(existing_store(url, collection, read_only=False), subject, sessions)
        )
    except JmmcError as error:
        fail(error, 1)
    except KeyboardInterrupt:
        fail("interrupted; run the same command to finish", 130)
    if as_json:
        print_json(msgspec.json.format(encode(receipt)))
        return
    click.echo(
        f"erased {receipt.sessions:,} sessions with {receipt.samples:,} samples,"
        f" {receipt.summaries:,} summaries and {receipt.names:,} names;"
        f" recomputed the rollups of {receipt.hours:,} hours"
    )
    click.echo(f"receipt {receipt.id}, {local_time(receipt.finished or receipt.until)}")


async def _count(store: Store, subject: Subject) -> tuple[int, int]:
    try:
        await store.open()
        return await count_stored(store, subject)
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
