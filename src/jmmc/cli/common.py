"""What commands share: options, stores, output, progress and failure."""

import asyncio
import os
import sys
from collections.abc import Awaitable, Callable
from typing import Any, NoReturn, TypeVar

import click
from rich.console import Console
from rich.markup import escape
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn
from rich.text import Text

from jmmc.accounts.secret import resolve_secret
from jmmc.cli.times import typed_time
from jmmc.core.check_findings import Finding
from jmmc.core.errors import JmmcError, SettingsError, UnusableStore
from jmmc.core.text import printable, printable_json
from jmmc.maintenance.schedule import rhythm_of
from jmmc.privacy.pseudonyms import Pseudonyms
from jmmc.quality.timeline import Rhythm
from jmmc.settings import (
    FILE_SUFFIX,
    Settings,
    environment_name,
    given_in_environment,
    load_settings,
)
from jmmc.stores import Reports, Store, open_store

Command = Callable[..., Any]
_Answer = TypeVar("_Answer")

_UNBOUNDED = 1000  # Columns of what is no terminal: nothing is cut off or wrapped.
_MARKS = {"ok": "[green]ok  [/]", "warn": "[yellow]warn[/]", "fail": "[red]FAIL[/]"}


class StoreOption(click.Option):
    """An option whose environment variable may name a file: JMMC_STORE_FILE."""

    def resolve_envvar_value(self, ctx: click.Context) -> str | None:
        """See `click.Option`."""
        try:
            origin = given_in_environment("store", Settings.model_fields["store"], os.environ)
        except SettingsError as error:
            fail(error, 2)
        return None if origin is None else str(origin.value) or None


store_option = click.option(
    "--store",
    "url",
    cls=StoreOption,
    default=Settings.model_fields["store"].default,
    show_default=True,
    envvar="JMMC_STORE",
    show_envvar=True,
    help="URL of the store.",
)
collection_option = click.option(
    "--collection",
    default=Settings.model_fields["collection"].default,
    show_default=True,
    envvar="JMMC_COLLECTION",
    help="Collection of the MongoDB database.",
)
since_option = click.option(
    "--since",
    help="Only sessions that began at this time or later: ISO 8601, or 24h, 7d ago.",
)
until_option = click.option("--until", help="Only sessions that began before this time.")
json_option = click.option("--json", "as_json", is_flag=True, help="Print JSON.")


class PlainConsole(Console):
    """Prints texts literally: browsers choose some of them, and terminals obey escape sequences.

    Nothing is interpreted as markup. Characters that are not printable (escapes, marks that change
    the direction of text) are shown as their code.
    """

    def __init__(self) -> None:
        super().__init__(highlight=False, markup=False, emoji=False)
        if not self.is_terminal and "COLUMNS" not in os.environ:
            self.width = _UNBOUNDED

    def render_str(self, text: str, **more: Any) -> Text:
        """See `Console`."""
        return super().render_str(printable(text), **more)


def print_json(document: bytes) -> None:
    """Print JSON; what is not printable in its texts is escaped, which does not change them."""
    click.echo(printable_json(document))


def fail(problem: object, code: int) -> NoReturn:
    """Print a problem to standard error, each mistake in a line, and exit with `code`."""
    for line in problem.problems if isinstance(problem, SettingsError) else [problem]:
        click.echo(f"jmmc: {printable(str(line))}", err=True)
    sys.exit(code)


def print_finding(console: Console, finding: Finding) -> None:
    """Print a finding in one line, and its hint below."""
    console.print(_MARKS[finding.verdict], escape(printable(finding.what)))
    if finding.hint:
        console.print(f"     {escape(printable(finding.hint))}", style="dim")


def parse_time(option: str, text: str | None) -> int | None:
    """Parse the time that an option gives (Unix seconds); an invalid one ends the command."""
    if text is None:
        return None
    try:
        return typed_time(text)
    except ValueError as error:
        fail(f"{option} = {error}", 2)


def existing_store(url: str, collection: str, *, read_only: bool) -> Store:
    """Return a store, not yet open. Raises `UnusableStore` if its file does not exist.

    With `read_only` nothing is written to it: the role `read` on MongoDB and a file and folder
    without write permission are enough.
    """
    store = open_store(url, collection=collection, read_only=read_only)
    path = getattr(store, "path", None)
    if path is not None and not path.exists():
        raise UnusableStore(
            f"{path}: no such file; --store or JMMC_STORE names the store of the collector"
        )
    return store


def configured_pseudonyms(url: str) -> Pseudonyms:
    """Load the pseudonyms of a store from the environment; a mistake there ends the command."""
    names = ("pseudonyms", "pseudonym_key", "secret")
    variables = [environment_name(name) for name in names]
    variables += [environment_name(name + FILE_SUFFIX) for name in names]
    variables.append("CREDENTIALS_DIRECTORY")
    environ = {name: os.environ[name] for name in variables if name in os.environ}
    try:
        settings = load_settings(flags={"store": url}, environ=environ, file=None)
        if settings.pseudonyms == "none":
            return Pseudonyms()
        key = settings.pseudonym_key or resolve_secret(settings, generate=False)
        return Pseudonyms(settings.pseudonyms, key)
    except SettingsError as error:
        fail(error, 2)


def configured_rhythm() -> Rhythm:
    """Load how often browsers send from the environment; a mistake there ends the command."""
    variables = map(environment_name, ("sample_interval", "push_interval"))
    environ = {name: os.environ[name] for name in variables if name in os.environ}
    try:
        return rhythm_of(load_settings(flags={}, environ=environ, file=None))
    except SettingsError as error:
        fail(error, 2)


def with_reports(
    url: str,
    collection: str,
    work: Callable[[Reports], Awaitable[_Answer]],
    *,
    read_only: bool = False,
    create: bool = False,
) -> _Answer:
    """Run `work` on the reports of a store, and return its answer; an error ends the command.

    With `create` a store that does not exist is made.
    """

    async def run() -> _Answer:
        if create:
            store = open_store(url, collection=collection)
        else:
            store = existing_store(url, collection, read_only=read_only)
        try:
            await store.open()
            return await work(store.reports)
        finally:
            await store.close()

    try:
        return asyncio.run(run())
    except JmmcError as error:
        fail(error, 1)


def progress_bar(what: str) -> Progress:
    """A progress bar on the terminal; nothing when standard error is not a terminal."""
    console = Console(stderr=True)
    columns = (TextColumn(what), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    return Progress(*columns, console=console, disable=not console.is_terminal)
