"""`jmmc export`: sessions, timelines and summaries as NDJSON, CSV or Parquet."""

import asyncio
import os
import sys
from collections import defaultdict
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any, BinaryIO, get_args

import click

from jmmc.answers.export import (
    COLUMNS_OF,
    What,
    incident_rows,
    session_lines,
    summary_rows,
    timeline_rows,
)
from jmmc.answers.tables import FORMATS, Table, table
from jmmc.answers.timeline_parquet import TimelineParquet
from jmmc.answers.timeline_text import TEXT_FORMATS, TimelineText
from jmmc.cli.common import (
    collection_option,
    configured_pseudonyms,
    configured_rhythm,
    existing_store,
    fail,
    parse_time,
    progress_bar,
    since_option,
    store_option,
    until_option,
)
from jmmc.cli.filters import stored_browser_id
from jmmc.cli.stored_values import complete_participant, complete_room
from jmmc.cli.times import utc_option
from jmmc.core.errors import JmmcError
from jmmc.core.model import SessionFilter
from jmmc.core.timestamps import to_iso
from jmmc.privacy.pseudonyms import stored_room_name
from jmmc.stores import Store

_TWO_DAYS = 2 * 86_400


@click.command()
@click.option(
    "--what",
    type=click.Choice(get_args(What)),
    default="sessions",
    show_default=True,
    help="sessions: as they are stored; timeline: one row per sample with every value filled in;"
    " summaries: one row per session; attempts: one row per join that failed or was refused;"
    " incidents: one row per incident.",
)
@click.option(
    "--format",
    "form",
    type=click.Choice(FORMATS),
    default="ndjson",
    show_default=True,
    help="Format of the output.",
)
@click.option(
    "-o",
    "--output",
    type=click.Path(path_type=Path, allow_dash=True),
    help="File to write. Default: standard output.",
)
@click.option(
    "--partition", type=click.Choice(["day"]), help="Write one file per day into the folder -o."
)
@click.option("--room", shell_complete=complete_room, help="Only sessions in this room.")
@click.option(
    "--participant",
    "browser_id",
    shell_complete=complete_participant,
    help="Only sessions of this participant: an id or its first characters.",
)
@since_option
@until_option
@utc_option
@store_option
@collection_option
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
    """Export stored sessions, oldest first; summaries newest first."""
    if what == "sessions" and form != "ndjson":
        fail(
            "--what sessions is nested and has no rows: use --format ndjson, or --what timeline", 2
        )
    if partition and (what != "timeline" or output is None or str(output) == "-"):
        fail("--partition needs --what timeline and a folder (-o)", 2)
    to_stdout = output is None or str(output) == "-"
    if form == "parquet" and to_stdout and sys.stdout.isatty():
        fail("--format parquet is not for a terminal: give -o FILE", 2)
    selection = SessionFilter(
        stored_room_name(room) if room else None,
        stored_browser_id(url, collection, browser_id) if browser_id else None,
        parse_time("--since", since),
        parse_time("--until", until),
    )
    selection = configured_pseudonyms(url).as_stored(selection)
    try:
        store = existing_store(url, collection, read_only=True)
        if partition and output is not None:
            asyncio.run(_write_days(store, selection, form, output))
        elif output is None or to_stdout:
            asyncio.run(_write(store, selection, what, form, sys.stdout.buffer))
            sys.stdout.flush()
        else:
            _write_file(store, selection, what, form, output)
    except BrokenPipeError:
        # The reader closed the pipe: what Python still buffers for it must not be flushed.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    except (JmmcError, OSError, ValueError) as error:
        fail(error, 1)


def _write_file(store: Store, selection: SessionFilter, what: str, form: str, output: Path) -> None:
    """Write beside `output`, then rename: a failed export leaves no partial file.

    A device or a pipe is written to, not replaced.
    """
    if output.exists() and not output.is_file():
        with output.open("wb") as file:
            asyncio.run(_write(store, selection, what, form, file))
        return
    partial = output.with_name(f".{output.name}.{os.getpid()}.part")
    try:
        with partial.open("xb") as file:
            asyncio.run(_write(store, selection, what, form, file))
        partial.replace(output)
    finally:
        partial.unlink(missing_ok=True)


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
            if what == "timeline" and form in TEXT_FORMATS:
                text = TimelineText(form, for_terminal=file.isatty())
                rhythm = configured_rhythm()
                async for session in store.sessions(selection):
                    file.write(text.content(text.lines(session, rhythm)))
                    progress.advance(task)
                file.write(text.end())
                return
            if what == "timeline":
                await _write_parquet(store, selection, file, lambda: progress.advance(task))
                return
            writer = table(form, COLUMNS_OF[what], for_terminal=file.isatty())
            async for rows in _rows(store, selection, what):
                file.write(writer.add(rows))
                progress.advance(task, len(rows))
            file.write(writer.end())
    finally:
        await store.close()


async def _write_parquet(
    store: Store, selection: SessionFilter, file: BinaryIO, advance: Callable[[], None]
) -> None:
    writer, rhythm = TimelineParquet(), configured_rhythm()
    async for session in store.sessions(selection):
        for _ in writer.add(session, rhythm):
            pass
        file.write(writer.content())
        advance()
    file.write(writer.end())


def _rows(store: Store, selection: SessionFilter, what: str) -> AsyncIterator[list[dict[str, Any]]]:
    if what == "timeline":
        return timeline_rows(store, selection, configured_rhythm())
    if what == "incidents":
        return incident_rows(store, selection)
    return summary_rows(store, selection, attempts=what == "attempts")


async def _write_days(store: Store, selection: SessionFilter, form: str, folder: Path) -> None:
    """Write Hive-style folders: day=2026-11-24/timeline-1.parquet.

    The file of a day is closed when sessions begin two days later; a session that lasts longer
    than that opens another file of the day.
    """
    days: dict[str, tuple[BinaryIO, Table]] = {}
    parts: dict[str, int] = defaultdict(int)

    def file_of(day: str) -> tuple[BinaryIO, Table]:
        if day not in days:
            parts[day] += 1
            path = folder / f"day={day}" / f"timeline-{parts[day]}.{form}"
            path.parent.mkdir(parents=True, exist_ok=True)
            days[day] = path.open("wb"), table(form, COLUMNS_OF["timeline"])
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
            async for rows in _rows(store, selection, "timeline"):
                rows_by_day: dict[str, list[dict[str, Any]]] = {}
                for row in rows:
                    rows_by_day.setdefault(to_iso(row["time"])[:10], []).append(row)
                for day, day_rows in rows_by_day.items():
                    file, writer = file_of(day)
                    file.write(writer.add(day_rows))
                if rows:
                    oldest = to_iso(rows[0]["time"] - _TWO_DAYS)[:10]
                    for day in [day for day in days if day < oldest]:
                        close(day)
                progress.advance(task)
        for day in list(days):
            close(day)
    finally:
        await store.close()
