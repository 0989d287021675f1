"""`jmmc token`: who may read over the API."""

import time
from typing import Any

import click
from rich.console import Console
from rich.table import Table

from jmmc.accounts import tokens
from jmmc.accounts.tokens import SCOPES
from jmmc.cli.common import collection_option, store_option, with_reports
from jmmc.core.timestamps import iso


@click.group()
def token() -> None:
    """Bearer tokens for the API."""


@token.command()
@click.argument("name")
@store_option
@collection_option
@click.option(
    "--scope",
    "scopes",
    type=click.Choice(SCOPES),
    multiple=True,
    default=["read"],
    show_default=True,
    help="May be given several times.",
)
def create(name: str, url: str, collection: str, scopes: tuple[Any, ...]) -> None:
    """Make a token and print it: this is the only time that it is shown."""
    click.echo(
        with_reports(
            url, collection, lambda value: tokens.create(value, name, scopes, int(time.time()))
        )
    )


@token.command("list")
@store_option
@collection_option
def list_(url: str, collection: str) -> None:
    """List the tokens: what they may do, not what they are."""
    table = Table("token", "may", "made", box=None, header_style="bold")
    for with_report in with_reports(url, collection, tokens.tokens):
        table.add_row(with_report.name, ", ".join(with_report.scopes), iso(with_report.created))
    Console(highlight=False).print(table)


@token.command()
@click.argument("name")
@store_option
@collection_option
def revoke(name: str, url: str, collection: str) -> None:
    """Delete a token: from now on it opens nothing."""
    with_reports(url, collection, lambda value: tokens.revoke(value, name))
