"""`jmmc user`: the people who may sign in to the dashboard."""

from typing import Any

import click
from rich.table import Table

from jmmc.accounts import users
from jmmc.accounts.users import ROLES
from jmmc.cli.common import PlainConsole, collection_option, store_option, with_reports


@click.group()
def user() -> None:
    """Manage the people who may sign in to the dashboard."""


@user.command()
@click.argument("name")
@store_option
@collection_option
@click.option(
    "--role",
    type=click.Choice(ROLES),
    default="viewer",
    show_default=True,
    help="Viewers read and export; admins may also erase.",
)
@click.password_option(help="Prompted for if it is not given.", envvar="JMMC_PASSWORD")
def add(name: str, url: str, collection: str, role: Any, password: str) -> None:
    """Add a user, or set the password and role of an existing one."""
    with_reports(url, collection, lambda reports: users.add(reports, name, password, role))


@user.command("list")
@store_option
@collection_option
def list_(url: str, collection: str) -> None:
    """List the users."""
    table = Table("user", "role", box=None, header_style="bold")
    for listed in with_reports(url, collection, users.users, read_only=True):
        table.add_row(listed.name, listed.role)
    PlainConsole().print(table)


@user.command()
@click.argument("name")
@store_option
@collection_option
def remove(name: str, url: str, collection: str) -> None:
    """Remove a user, who is signed out at once."""
    with_reports(url, collection, lambda reports: users.remove(reports, name))
