"""`jmmc user`: who may look at the pages."""

from typing import Any

import click
from rich.console import Console
from rich.table import Table

from jmmc.accounts import users
from jmmc.accounts.users import ROLES
from jmmc.cli.common import collection_option, store_option, with_reports


@click.group()
def user() -> None:
    """People who may sign in to the pages."""


@user.command()
@click.argument("name")
@store_option
@collection_option
@click.option("--role", type=click.Choice(ROLES), default="viewer", show_default=True)
@click.password_option(help="Asked for when it is not given.", envvar="JMMC_PASSWORD")
def add(name: str, url: str, collection: str, role: Any, password: str) -> None:
    """Add somebody, or give them a new password."""
    with_reports(url, collection, lambda value: users.add(value, name, password, role))


@user.command("list")
@store_option
@collection_option
def list_(url: str, collection: str) -> None:
    """List who may sign in."""
    table = Table("user", "role", box=None, header_style="bold")
    for with_report in with_reports(url, collection, users.users):
        table.add_row(with_report.name, with_report.role)
    Console(highlight=False).print(table)


@user.command()
@click.argument("name")
@store_option
@collection_option
def remove(name: str, url: str, collection: str) -> None:
    """Remove somebody: their sign-in ends at once."""
    with_reports(url, collection, lambda value: users.remove(value, name))
