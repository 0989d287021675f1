"""What several commands share: options, progress, and how they fail."""

import asyncio
import os
import sys
import time
from collections.abc import Awaitable, Callable
from typing import Any, NoReturn, TypeVar

import click
from rich.console import Console
from rich.markup import escape
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn
from rich.text import Text

from jmmc.accounts.secret import resolve_secret
from jmmc.core.errors import JmmcError, SettingsError, UnusableStore
from jmmc.core.findings import Finding
from jmmc.core.timestamps import moment
from jmmc.privacy.pseudonyms import Pseudonyms
from jmmc.settings import Settings, environment_name, load_settings
from jmmc.stores import Reports, Store, open_store

Command = Callable[..., Any]
_Answer = TypeVar("_Answer")

_MARKS = {"ok": "[green]ok  [/]", "warn": "[yellow]warn[/]", "fail": "[red]FAIL[/]"}

store_option = click.option(
    "--store",
    "url",
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
    help="Collection of a MongoDB database.",
)
since_option = click.option(
    "--since", help="Only sessions from then on: ISO 8601 (else UTC), or 24h, 7d ago."
)
until_option = click.option("--until", help="Only sessions before that.")
json_option = click.option("--json", "as_json", is_flag=True, help="JSON, for scripts.")


class Plain(Console):
    """Prints texts as they are: browsers choose some of them, and a terminal obeys what it reads.

    Nothing in them is markup, and what is not printable (escapes, marks that turn the direction of
    reading) is shown as its code.
    """

    def __init__(self) -> None:
        super().__init__(highlight=False, markup=False, emoji=False)

    def render_str(self, text: str, **more: Any) -> Text:
        """See `Console`."""
        return super().render_str(printable(text), **more)


def printable(text: str) -> str:
    """`text` with what is not printable as its code."""
    return "".join(
        char if char.isprintable() or char == "\n" else char.encode("unicode_escape").decode()
        for char in text
    )


def fail(problem: object, code: int) -> NoReturn:
    """Say what is wrong, in a line, and end."""
    click.echo(f"jmmc: {problem}", err=True)
    sys.exit(code)


def tell(console: Console, finding: Finding) -> None:
    """One finding as a line, and what to do about it below."""
    console.print(_MARKS[finding.verdict], escape(finding.what))
    if finding.hint:
        console.print(f"     {escape(finding.hint)}", style="dim")


def instant(option: str, text: str | None) -> int | None:
    """A time that an option gives; ends the command when it is none."""
    if text is None:
        return None
    try:
        return moment(text, time.time())
    except ValueError as error:
        fail(f"{option} = {error}", 2)


def existing_store(url: str, collection: str) -> Store:
    """A store to read: nothing is made when its file is not there."""
    store = open_store(url, collection=collection)
    path = getattr(store, "path", None)
    if path is not None and not path.exists():
        raise UnusableStore(f"{path}: no such file")
    return store


def pseudonyms(url: str) -> Pseudonyms:
    """What stands for real names in a store, by the environment; ends the command when it fails."""
    names = ("pseudonyms", "pseudonym_key", "secret")
    given = {item: os.environ[item] for item in map(environment_name, names) if item in os.environ}
    try:
        settings = load_settings(flags={"store": url}, environ=given, file=None)
        if settings.pseudonyms == "none":
            return Pseudonyms()
        return Pseudonyms(settings.pseudonyms, settings.pseudonym_key or resolve_secret(settings))
    except SettingsError as error:
        fail(error, 2)


def with_reports(
    url: str, collection: str, work: Callable[[Reports], Awaitable[_Answer]]
) -> _Answer:
    """Do something with what a store keeps beside its sessions; ends the command when it fails."""

    async def run() -> _Answer:
        store = existing_store(url, collection)
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
    """A bar on the terminal, never in what is piped on."""
    console = Console(stderr=True)
    columns = (TextColumn(what), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    return Progress(*columns, console=console, disable=not console.is_terminal)
