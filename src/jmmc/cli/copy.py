"""`jmmc copy`: copies sessions, notes and views from a store or a file to a store."""

import asyncio

import click
from rich.console import Console
from rich.table import Table as Grid

from jmmc.cli.common import (
    collection_option,
    existing_store,
    fail,
    parse_time,
    progress_bar,
    since_option,
    until_option,
)
from jmmc.cli.times import utc_option
from jmmc.core.errors import JmmcError
from jmmc.core.model import SessionFilter
from jmmc.settings import without_password
from jmmc.stores import Store, open_store
from jmmc.stores.copy import Copied, copy_records
from jmmc.stores.copy import copy as copy_sessions
from jmmc.stores.ndjson import NdjsonFile


@click.command()
@click.argument("source", metavar="SRC")
@click.argument("target", metavar="DST")
@click.option("--source-collection", help="Collection of SRC, if it differs.")
@since_option
@until_option
@utc_option
@collection_option
def copy(
    source: str,
    target: str,
    collection: str,
    source_collection: str | None,
    since: str | None,
    until: str | None,
) -> None:
    """Copy sessions from SRC to the store DST.

    From a store, notes and saved views are copied too.

    SRC is the URL of a store, or a file with one session per line. The command can be interrupted
    and run again: what DST has is not written twice. At the end both sides are counted and
    compared.
    """
    selection = SessionFilter(
        since=parse_time("--since", since), until=parse_time("--until", until)
    )
    try:
        if "://" in source:
            origin: Store | NdjsonFile = existing_store(
                source, source_collection or collection, read_only=True
            )
        else:
            origin = NdjsonFile(source)
        done, records = asyncio.run(
            _copy(origin, open_store(target, collection=collection), selection)
        )
    except JmmcError as error:
        fail(error, 1)
    except KeyboardInterrupt:
        fail("interrupted; run the same command to continue", 130)
    grid = Grid("", "sessions", "samples", "checksum", box=None, header_style="bold")
    for side, count in (("read", done.source), ("of these in the target", done.target)):
        grid.add_row(side, f"{count.sessions:,}", f"{count.samples:,}", f"{count.checksum:016x}")
    console = Console(highlight=False, soft_wrap=True)
    console.print(grid)
    console.print(f"{done.written:,} samples written; the others were already there")
    if done.written:
        console.print(
            "Pages and reports show them when a collector on that store has summarized them;"
            f" at once: jmmc rebuild --store {without_password(target)}",
            markup=False,
        )
    if records:
        console.print(f"{records:,} notes and saved views copied")
    if not done.complete:
        fail("the target has different samples with the same numbers; they were kept", 1)


async def _copy(
    source: Store | NdjsonFile, target: Store, selection: SessionFilter
) -> tuple[Copied, int]:
    """Copy sessions, then notes and views; how many of these there were."""
    done: Copied | None = None
    try:
        await source.open()
        await target.open()
        total = await source.count(selection)
        with progress_bar("sessions") as progress:
            task = progress.add_task("copy", total=total)
            async for done in copy_sessions(source, target, selection):
                progress.update(task, completed=done.source.sessions)
        records = 0
        if not isinstance(source, NdjsonFile):
            records = await copy_records(source.reports, target.reports)
    finally:
        await source.close()
        await target.close()
    assert done is not None
    return done, records
