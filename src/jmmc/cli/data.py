"""Commands that move data: export, copy, simulate, rebuild."""

import asyncio
import os
import sys
import time
from collections import defaultdict
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any, BinaryIO

import click
from rich.console import Console
from rich.table import Table as Grid

from jmmc.answers.export import session_lines, summary_rows, timeline_rows
from jmmc.answers.tables import FORMATS, Table, table
from jmmc.cli.common import (
    collection_option,
    existing_store,
    fail,
    instant,
    progress_bar,
    pseudonyms,
    store_option,
)
from jmmc.core.errors import JmmcError
from jmmc.core.model import SessionFilter
from jmmc.core.timestamps import iso
from jmmc.maintenance.schedule import summarizer_of
from jmmc.settings import Settings
from jmmc.simulation.scenario import Scenario
from jmmc.stores import Store, open_store
from jmmc.stores.copy import Copied, Source
from jmmc.stores.copy import copy as copy_sessions
from jmmc.stores.ndjson import NdjsonFile

_TWO_DAYS = 2 * 86_400

_since = click.option(
    "--since", help="Only sessions from then on: ISO 8601 (else UTC), or 24h, 7d ago."
)
_until = click.option("--until", help="Only sessions before that.")


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
@_since
@_until
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


@click.command()
@click.argument("source", metavar="SRC")
@click.argument("target", metavar="DST")
@collection_option
@click.option("--source-collection", help="Collection of SRC, when it is another.")
@_since
@_until
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


@click.command()
@store_option
@collection_option
@click.option("--url", "server", help="A collector, its prefix included: push to it instead.")
@click.option("--participants", type=click.IntRange(1), default=1000, show_default=True)
@click.option("--rooms", type=click.IntRange(1), default=60, show_default=True)
@click.option("--minutes", type=click.IntRange(1), default=1440, show_default=True)
@click.option("--seed", type=int, default=1, show_default=True)
@click.option("--start", help="When it begins; by default so that it ends now, with --url now.")
@click.option(
    "--speed", type=click.FloatRange(0.1), default=1.0, show_default=True, help="With --url."
)
def simulate(
    url: str,
    collection: str,
    server: str | None,
    participants: int,
    rooms: int,
    minutes: int,
    seed: int,
    start: str | None,
    speed: float,
) -> None:
    """Make realistic life from a seed, and say what a right answer must show.

    Into a store as history; or through a collector, in its time or faster.
    """
    from jmmc.simulation.replay import ExpectedResults, into_store, through_collector

    began = instant("--start", start)
    if began is None:
        began = int(time.time()) - (0 if server else minutes * 60)
    scenario = Scenario(participants, rooms, minutes, seed, began)
    truth = ExpectedResults()
    try:
        with progress_bar("sessions") as progress:
            task = progress.add_task("simulate", total=participants)

            async def run() -> None:
                if server:
                    lives = through_collector(scenario, server.rstrip("/"), speed, truth)
                else:
                    lives = into_store(scenario, open_store(url, collection=collection), truth)
                async for done in lives:
                    progress.update(task, completed=done)

            asyncio.run(run())
    except (JmmcError, OSError) as error:
        fail(error, 1)
    except KeyboardInterrupt:
        fail("broken off; the same seed makes the same life again", 130)
    Console(highlight=False, soft_wrap=True).print(truth.text(scenario))


@click.command()
@store_option
@collection_option
@click.option(
    "--quality-preset",
    type=click.Choice(["jitsi", "teams", "twilio", "pexip"]),
    default=Settings.model_fields["quality_preset"].default,
    show_default=True,
    envvar="JMMC_QUALITY_PRESET",
)
@click.option(
    "--push-interval", type=int, default=30, show_default=True, envvar="JMMC_PUSH_INTERVAL"
)
def rebuild(url: str, collection: str, quality_preset: str, push_interval: int) -> None:
    """Make all summaries and rollups anew from the samples; may be broken off and called again."""
    settings = Settings.of(quality_preset=quality_preset, push_interval=push_interval)

    async def run() -> int:
        store = existing_store(url, collection)
        done = 0
        try:
            await store.open()
            total = await store.count(SessionFilter())
            with progress_bar("sessions") as progress:
                task = progress.add_task("rebuild", total=total)
                async for done in summarizer_of(store, settings, time.time).rebuild():
                    progress.update(task, completed=done)
        finally:
            await store.close()
        return done

    try:
        done = asyncio.run(run())
    except JmmcError as error:
        fail(error, 1)
    except KeyboardInterrupt:
        fail("broken off; the same command goes on where it was", 130)
    click.echo(f"{done:,} sessions judged by {quality_preset}")


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
