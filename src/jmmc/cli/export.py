"""`jmmc export`: writes what is stored into files."""

import asyncio
import os
import sys
from collections import defaultdict
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any, BinaryIO

import click

from jmmc.answers.export import session_lines, summary_rows, timeline_rows
from jmmc.answers.tables import FORMATS, Table, table
from jmmc.cli.common import (
    collection_option,
    existing_store,
    fail,
    instant,
    progress_bar,
    pseudonyms,
    since_option,
    store_option,
    until_option,
)
from jmmc.core.errors import JmmcError
from jmmc.core.model import SessionFilter
from jmmc.core.timestamps import iso
from jmmc.stores import Store

_TWO_DAYS = 2 * 86_400


@click.command()
@store_option
@collection_option
@click.option(
    "--what",
    type=click.Choice(["sessions", "timeline", "summaries"]),
    default="sessions",
    show_default=True,
    help="Sessions as they are stored, a row a sample with everything carried forward, or a row"
    " a session.",
)
@click.option("--format", "form", type=click.Choice(FORMATS), default="ndjson", show_default=True)
@click.option("-o", "--output", type=click.Path(path_type=Path, allow_dash=True))
@click.option("--partition", type=click.Choice(["day"]), help="One file a day, in the folder -o.")
@click.option("--room", help="Only this room.")
@click.option("--participant", "browser_id", help="Only this browser.")
@since_option
@until_option
def export(
    url: str,
    collection: str,
    what: str,
    form: str,
    output: Path | None,
    partition: str | None,
    room: str | None,
    browser_id: str | None,
    since: str | None,
    until: str | None,
) -> None:
    """Write what is stored, oldest first (summaries newest first)."""
    if what == "sessions" and form != "ndjson":
        fail("--what sessions is nested: it has no rows; --format ndjson, or --what timeline", 2)
    if partition and (what != "timeline" or output is None or str(output) == "-"):
        fail("--partition needs --what timeline, and a folder: -o", 2)
    selection = SessionFilter(
        room,
        browser_id.lower() if browser_id else None,
        instant("--since", since),
        instant("--until", until),
    )
    selection = pseudonyms(url).as_stored(selection)
    try:
        store = existing_store(url, collection)
        if partition and output is not None:
            asyncio.run(_write_days(store, selection, form, output))
        elif output is None or str(output) == "-":
            asyncio.run(_write(store, selection, what, form, sys.stdout.buffer))
            sys.stdout.flush()
        else:
            _write_whole(store, selection, what, form, output)
    except BrokenPipeError:
        # The reader has seen enough. What Python still holds for it must not be flushed.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    except (JmmcError, OSError) as error:
        fail(error, 1)


def _write_whole(
    store: Store, selection: SessionFilter, what: str, form: str, output: Path
) -> None:
    """Write beside `output` and rename, so that a failed export leaves no half file."""
    half = output.with_name(f".{output.name}.{os.getpid()}.part")
    try:
        with half.open("xb") as file:
            asyncio.run(_write(store, selection, what, form, file))
        half.replace(output)
    finally:
        half.unlink(missing_ok=True)


async def _write(
    store: Store, selection: SessionFilter, what: str, form: str, file: BinaryIO
) -> None:
    try:
        await store.open()
        total = await store.count(selection)
        with progress_bar("sessions") as progress:
            task = progress.add_task("export", total=total)
            if what == "sessions":
                async for line in session_lines(store, selection):
                    file.write(line)
                    progress.advance(task)
                return
            writer = table(form)
            async for rows in _rows(store, selection, what):
                file.write(writer.add(rows))
                progress.advance(task, len(rows) if what == "summaries" else 1)
            file.write(writer.end())
    finally:
        await store.close()


def _rows(store: Store, selection: SessionFilter, what: str) -> AsyncIterator[list[dict[str, Any]]]:
    make = timeline_rows if what == "timeline" else summary_rows
    return make(store, selection)


async def _write_days(store: Store, selection: SessionFilter, form: str, folder: Path) -> None:
    """Hive-style folders: day=2026-11-24/timeline-1.parquet.

    A day is closed when the sessions that come are two days further; a session that is longer
    than that opens one more file of the day.
    """
    days: dict[str, tuple[BinaryIO, Table]] = {}
    parts: dict[str, int] = defaultdict(int)

    def file_of(day: str) -> tuple[BinaryIO, Table]:
        if day not in days:
            parts[day] += 1
            path = folder / f"day={day}" / f"timeline-{parts[day]}.{form}"
            path.parent.mkdir(parents=True, exist_ok=True)
            days[day] = path.open("wb"), table(form)
        return days[day]

    def close(day: str) -> None:
        file, writer = days.pop(day)
        with file:
            file.write(writer.end())

    try:
        await store.open()
        total = await store.count(selection)
        with progress_bar("sessions") as progress:
            task = progress.add_task("export", total=total)
            async for rows in timeline_rows(store, selection):
                its: dict[str, list[dict[str, Any]]] = {}
                for row in rows:
                    its.setdefault(iso(row["time"])[:10], []).append(row)
                for day, found in its.items():
                    file, writer = file_of(day)
                    file.write(writer.add(found))
                if rows:
                    for day in [
                        item for item in days if item < iso(rows[0]["time"] - _TWO_DAYS)[:10]
                    ]:
                        close(day)
                progress.advance(task)
        for day in list(days):
            close(day)
    finally:
        await store.close()
