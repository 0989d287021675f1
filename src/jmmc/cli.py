"""The command `jmmc`."""

import asyncio
import os
import sys
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, BinaryIO, NoReturn

import click
from pydantic.fields import FieldInfo
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn
from rich.table import Table

from jmmc.copy import Copied, Source
from jmmc.copy import copy as copy_sessions
from jmmc.errors import JmmcError, SettingsError, UnusableStore
from jmmc.export import session_lines
from jmmc.model import SessionFilter
from jmmc.preflight import inspect
from jmmc.settings import (
    Settings,
    default_text,
    environment_name,
    gather,
    load_settings,
    without_password,
)
from jmmc.stores import Store, open_store
from jmmc.stores.ndjson import NdjsonFile
from jmmc.version import __version__

_Command = Callable[..., Any]
_MARKS = {"ok": "[green]ok  [/]", "warn": "[yellow]warn[/]", "fail": "[red]FAIL[/]"}


@click.group(context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__, prog_name="jmmc")
def main() -> None:
    """Collects what browsers know about the quality of Jitsi Meet calls, and keeps it."""


def _setting_options(command: _Command) -> _Command:
    """An option for each setting, and --config."""
    for name, field in reversed(Settings.model_fields.items()):
        command = _setting_option(name, field)(command)
    config = click.Path(path_type=Path, dir_okay=False)
    return click.option("--config", type=config, help="TOML file with settings.")(command)


def _setting_option(name: str, field: FieldInfo) -> Callable[[_Command], _Command]:
    flag = "--" + name.replace("_", "-")
    flags = f"{flag}/--no-{flag[2:]}" if field.annotation is bool else flag
    return click.option(
        flags,
        name,
        default=None,
        metavar=None if field.annotation is bool else "VALUE",
        help=f"{field.description} [default: {default_text(field) or 'none'}]",
    )


_collection = click.option(
    "--collection",
    default=Settings.model_fields["collection"].default,
    show_default=True,
    help="Collection of a MongoDB database.",
)


def _load(config: Path | None, flags: dict[str, object]) -> Settings:
    given = {name: value for name, value in flags.items() if value is not None}
    try:
        return load_settings(flags=given, environ=os.environ, file=config)
    except SettingsError as error:
        _fail(error, 2)


@main.command()
@_setting_options
def serve(config: Path | None, **flags: object) -> None:
    """Collect pushes until told to stop (SIGTERM, Ctrl-C)."""
    settings = _load(config, flags)
    from jmmc.serve import run

    try:
        run(settings)
    except SettingsError as error:
        _fail(error, 2)
    except JmmcError as error:
        _fail(error, 1)


@main.command()
@_setting_options
@click.option("--url", help="Where a collector runs, its prefix included: look at it too.")
def check(config: Path | None, url: str | None, **flags: object) -> None:
    """Say whether settings, store and script are fine."""
    settings = _load(config, flags)
    console = Console(highlight=False, soft_wrap=True)

    async def report() -> bool:
        fine = True
        async for finding in inspect(settings, url=url):
            console.print(_MARKS[finding.verdict], finding.what)
            if finding.hint:
                console.print(f"     {finding.hint}", style="dim")
            fine = fine and finding.verdict != "fail"
        return fine

    if not asyncio.run(report()):
        sys.exit(1)


@main.command()
@_setting_options
@click.option("--json", "as_json", is_flag=True, help="One JSON object, for scripts.")
@click.option("--markdown", is_flag=True, help="The page docs/settings.md.")
def settings(config: Path | None, as_json: bool, markdown: bool, **flags: object) -> None:
    """List every setting, its value in force and where that was given."""
    if markdown:
        click.echo(_settings_page(), nl=False)
        return
    loaded = _load(config, flags)
    set_flags = {name: value for name, value in flags.items() if value is not None}
    given = gather(flags=set_flags, environ=os.environ, file=config)
    values = {name: _shown(loaded, name) for name in Settings.model_fields}
    if as_json:
        Console(soft_wrap=True).print_json(data=values)
        return
    table = Table("setting", "value", "from", "what it is", box=None, header_style="bold")
    for name, field in Settings.model_fields.items():
        source = given[name].source if name in given else "default"
        table.add_row(name, str(values[name]), source, field.description)
    Console(highlight=False).print(table, markup=False)


@main.command()
@click.option("--store", "url", required=True, help="URL of the store.")
@_collection
@click.option("--what", type=click.Choice(["sessions"]), default="sessions", show_default=True)
@click.option(
    "--format", "form", type=click.Choice(["ndjson"]), default="ndjson", show_default=True
)
@click.option("-o", "--output", type=click.Path(path_type=Path, dir_okay=False, allow_dash=True))
@click.option("--conf", help="Only this conference.")
@click.option("--uid", help="Only this browser.")
@click.option("--since", help="Only sessions that began then or later (ISO 8601, else UTC).")
@click.option("--until", help="Only sessions that began earlier.")
def export(
    url: str,
    collection: str,
    what: str,
    form: str,
    output: Path | None,
    conf: str | None,
    uid: str | None,
    since: str | None,
    until: str | None,
) -> None:
    """Write the stored sessions, oldest first, one JSON object a line."""
    del what, form  # One choice each so far; the options hold their place.
    wanted = SessionFilter(
        conf, uid.lower() if uid else None, _moment("--since", since), _moment("--until", until)
    )
    try:
        store = _existing_store(url, collection)
        if output is None or str(output) == "-":
            asyncio.run(_write(store, wanted, sys.stdout.buffer))
            sys.stdout.flush()
        else:
            _write_whole(store, wanted, output)
    except BrokenPipeError:
        # The reader has seen enough. What Python still holds for it must not be flushed.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    except (JmmcError, OSError) as error:
        _fail(error, 1)


@main.command()
@click.argument("source", metavar="SRC")
@click.argument("target", metavar="DST")
@_collection
@click.option("--source-collection", help="Collection of SRC, when it is another.")
@click.option("--since", help="Only sessions that began then or later (ISO 8601, else UTC).")
@click.option("--until", help="Only sessions that began earlier.")
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
    wanted = SessionFilter(since=_moment("--since", since), until=_moment("--until", until))
    try:
        if "://" in source:
            origin: Source = _existing_store(source, source_collection or collection)
        else:
            origin = NdjsonFile(source)
        done = asyncio.run(_copy(origin, open_store(target, collection=collection), wanted))
    except JmmcError as error:
        _fail(error, 1)
    except KeyboardInterrupt:
        _fail("broken off; the same command goes on where it was", 130)
    table = Table("", "sessions", "samples", "checksum", box=None, header_style="bold")
    for name, it in (("read", done.source), ("of these in the target", done.target)):
        table.add_row(name, f"{it.sessions:,}", f"{it.samples:,}", f"{it.checksum:016x}")
    console = Console(highlight=False, soft_wrap=True)
    console.print(table)
    console.print(f"{done.written:,} samples written, the others were there")
    if not done.complete:
        _fail("the target holds other samples under some of these numbers; they were kept", 1)


async def _copy(source: Source, target: Store, wanted: SessionFilter) -> Copied:
    done: Copied | None = None
    try:
        await source.open()
        await target.open()
        total = await source.count(wanted)
        with _progress() as progress:
            task = progress.add_task("copy", total=total)
            async for done in copy_sessions(source, target, wanted):
                progress.update(task, completed=done.source.sessions)
    finally:
        await source.close()
        await target.close()
    assert done is not None
    return done


def _existing_store(url: str, collection: str) -> Store:
    """A store to read: nothing is made when its file is not there."""
    store = open_store(url, collection=collection)
    path = getattr(store, "path", None)
    if path is not None and not path.exists():
        raise UnusableStore(f"{path}: no such file")
    return store


def _progress() -> Progress:
    """A bar on the terminal, never in what is piped on."""
    console = Console(stderr=True)
    columns = (
        TextColumn("sessions"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeRemainingColumn(),
    )
    return Progress(*columns, console=console, disable=not console.is_terminal)


def _write_whole(store: Store, wanted: SessionFilter, output: Path) -> None:
    """Write beside `output` and rename, so that a failed export leaves no half file."""
    half = output.with_name(f".{output.name}.{os.getpid()}.part")
    try:
        with half.open("xb") as file:
            asyncio.run(_write(store, wanted, file))
        half.replace(output)
    finally:
        half.unlink(missing_ok=True)


async def _write(store: Store, wanted: SessionFilter, file: BinaryIO) -> None:
    try:
        await store.open()
        total = await store.count(wanted)
        with _progress() as progress:
            task = progress.add_task("export", total=total)
            async for line in session_lines(store, wanted):
                file.write(line)
                progress.advance(task)
    finally:
        await store.close()


def _moment(option: str, text: str | None) -> int | None:
    if text is None:
        return None
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        _fail(f"{option} = {text!r}: expected a date or time such as 2026-11-24T10:00", 2)
    return int((moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp())


def _settings_page() -> str:
    lines = [
        "# Settings",
        "",
        "Each is a flag of `jmmc serve`, an environment variable, or a key of the TOML file",
        "that `--config` names; a flag beats the environment, which beats the file. Lists are",
        "separated by commas; in TOML they are arrays. `jmmc settings` shows what is in force and",
        "where it was given.",
        "",
        "This page is made by `jmmc settings --markdown`.",
        "",
        "| setting | environment | default | what it is |",
        "|---|---|---|---|",
    ]
    for name, field in Settings.model_fields.items():
        default = f"`{default_text(field)}`".replace("|", "\\|") if field.default else "none"
        lines.append(f"| `{name}` | `{environment_name(name)}` | {default} | {field.description} |")
    return "\n".join(lines) + "\n"


def _shown(loaded: Settings, name: str) -> object:
    value = getattr(loaded, name)
    if name == "secret":
        return "(set)" if value else "(made at the first start)"
    if name == "store":
        return without_password(value)
    return list(value) if isinstance(value, tuple) else value


def _fail(problem: object, code: int) -> NoReturn:
    click.echo(f"jmmc: {problem}", err=True)
    sys.exit(code)
