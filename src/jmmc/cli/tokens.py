"""`jmmc token`: the bearer tokens of the API."""

import time
from typing import Any

import click
from rich.table import Table

from jmmc.accounts import tokens
from jmmc.accounts.tokens import SCOPES
from jmmc.cli.common import PlainConsole, collection_option, store_option, with_reports
from jmmc.cli.times import local_time, utc_option


@click.group()
def token() -> None:
    """Manage the bearer tokens of the API."""


@token.command()
@click.argument("name")
@click.option(
    "--scope",
    "scopes",
    type=click.Choice(SCOPES),
    multiple=True,
    default=["read"],
    show_default=True,
    help="What the token allows. Can be given several times.",
)
@store_option
@collection_option
def create(name: str, url: str, collection: str, scopes: tuple[Any, ...]) -> None:
    """Create a token and print it. It cannot be shown again.

    A store that does not exist yet is made.
    """
    now = int(time.time())
    secret = with_reports(
        url, collection, lambda reports: tokens.create(reports, name, scopes, now), create=True
    )
    click.echo(secret)


@token.command("list")
@utc_option
@store_option
@collection_option
def list_(url: str, collection: str) -> None:
    """List the tokens by name, with their scopes. Their values are not stored."""
    table = Table("token", "scopes", "created", box=None, header_style="bold")
    for listed in with_reports(url, collection, tokens.tokens, read_only=True):
        table.add_row(listed.name, ", ".join(listed.scopes), local_time(listed.created))
    PlainConsole().print(table)


@token.command()
@click.argument("name")
@store_option
@collection_option
def revoke(name: str, url: str, collection: str) -> None:
    """Revoke a token."""
    with_reports(url, collection, lambda reports: tokens.revoke(reports, name))
