"""`jmmc copy`: sessions from one store to another."""

import asyncio

import click
from rich.console import Console
from rich.table import Table as Grid

from jmmc.cli.common import (
    collection_option,
    existing_store,
    fail,
    instant,
    progress_bar,
    since_option,
    until_option,
)
from jmmc.core.errors import JmmcError
from jmmc.core.model import SessionFilter
from jmmc.stores import Store, open_store
from jmmc.stores.copy import Copied, Source
from jmmc.stores.copy import copy as copy_sessions
from jmmc.stores.ndjson import NdjsonFile


@click.command()
@click.argument("source", metavar="SRC")
@click.argument("target", metavar="DST")
@collection_option
@click.option("--source-collection", help="Collection of SRC, when it is another.")
@since_option
@until_option
def copy(
    source: str,
    target: str,
    collection: str,
    source_collection: str | None,
    since: str | None,
    until: str | None,
) -> None:
    """Copy sessions from SRC, a store's URL or a file with one session a line, to the store DST.

    May be broken off and called again: what is there is not written twice. At the end both sides
    are counted and compared.
    """
    selection = SessionFilter(since=instant("--since", since), until=instant("--until", until))
    try:
        if "://" in source:
            origin: Source = existing_store(source, source_collection or collection)
        else:
            origin = NdjsonFile(source)
        done = asyncio.run(_copy(origin, open_store(target, collection=collection), selection))
    except JmmcError as error:
        fail(error, 1)
    except KeyboardInterrupt:
        fail("broken off; the same command goes on where it was", 130)
    grid = Grid("", "sessions", "samples", "checksum", box=None, header_style="bold")
    for name, value in (("read", done.source), ("of these in the target", done.target)):
        grid.add_row(name, f"{value.sessions:,}", f"{value.samples:,}", f"{value.checksum:016x}")
    console = Console(highlight=False, soft_wrap=True)
    console.print(grid)
    console.print(f"{done.written:,} samples written, the others were there")
    if not done.complete:
        fail("the target holds other samples under some of these numbers; they were kept", 1)


async def _copy(source: Source, target: Store, selection: SessionFilter) -> Copied:
    done: Copied | None = None
    try:
        await source.open()
        await target.open()
        total = await source.count(selection)
        with progress_bar("sessions") as progress:
            task = progress.add_task("copy", total=total)
            async for done in copy_sessions(source, target, selection):
                progress.update(task, completed=done.source.sessions)
    finally:
        await source.close()
        await target.close()
    assert done is not None
    return done
