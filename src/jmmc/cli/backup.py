"""`jmmc backup`: copies the SQLite store while it is in use."""

from pathlib import Path

import click

from jmmc.cli.common import fail, progress_bar, store_option
from jmmc.core.errors import JmmcError
from jmmc.stores import open_store
from jmmc.stores.sqlite.backup import back_up
from jmmc.stores.sqlite.store import SqliteStore


@click.command()
@click.argument("target", metavar="DEST", type=click.Path(path_type=Path))
@click.option("--force", is_flag=True, help="Replace DEST if it exists.")
@store_option
def backup(url: str, target: Path, force: bool) -> None:
    """Copy the SQLite store to DEST while collectors keep writing.

    The copy is checked before it gets its name, and can be opened as a store.
    """
    try:
        store = open_store(url)
        if not isinstance(store, SqliteStore):
            fail("only an SQLite store can be copied; for MongoDB use mongodump", 2)
        with progress_bar("pages") as progress:
            copying = progress.add_task("copy", total=None)
            done = back_up(
                store.path,
                target,
                replace=force,
                progress=lambda copied, total: progress.update(
                    copying, completed=copied, total=total
                ),
            )
    except (JmmcError, OSError) as error:
        fail(error, 1)
    except KeyboardInterrupt:
        fail("interrupted; no copy was made", 130)
    click.echo(
        f"{target}: {done.sessions:,} sessions, {done.samples:,} samples,"
        f" {done.size / 2**20:.1f} MiB, checked"
    )
