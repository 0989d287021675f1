"""`jmmc compact`: gives the disk the room that deleted data left in the SQLite file."""

import click
from rich.progress import TaskID

from jmmc.cli.common import fail, progress_bar, store_option
from jmmc.core.errors import JmmcError
from jmmc.stores import open_store
from jmmc.stores.sqlite.compacting import compact as compact_file
from jmmc.stores.sqlite.store import SqliteStore


@click.command()
@store_option
def compact(url: str) -> None:
    """Rewrite the SQLite store without the space of deleted data.

    Stop the collector first: the command refuses while the file is in use. It needs room beside the
    file for all that the file has, and says how much. What an earlier version stored is compressed.
    It can be interrupted at any time: the file is then as before.
    """
    try:
        store = open_store(url)
        if not isinstance(store, SqliteStore):
            fail("only an SQLite store is compacted; MongoDB has a command compact of its own", 2)
        with progress_bar("{task.description}") as bar:
            tasks: dict[str, TaskID] = {}

            def show(step: str, done: int, total: int) -> None:
                if step not in tasks:
                    tasks[step] = bar.add_task(step, total=total)
                bar.update(tasks[step], completed=min(done, total), total=total)

            done = compact_file(store.path, progress=show)
    except (JmmcError, OSError) as error:
        fail(error, 1)
    except KeyboardInterrupt:
        fail("interrupted; the file is as before", 130)
    click.echo(f"{store.path}: {done.before / 2**20:,.1f} MiB, now {done.after / 2**20:,.1f} MiB")
