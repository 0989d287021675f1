"""`jmmc user`: the people who may sign in to the dashboard."""

import sys
from pathlib import Path
from typing import Any

import click
import msgspec
from rich.table import Table

from jmmc.accounts import users
from jmmc.accounts.users import ROLES, UserError
from jmmc.cli.common import (
    PlainConsole,
    collection_option,
    fail,
    json_option,
    print_json,
    store_option,
    with_reports,
)
from jmmc.cli.stored_values import complete_user
from jmmc.core.errors import JmmcError
from jmmc.core.text import printable
from jmmc.settings import without_password
from jmmc.stores import open_store

_password_option = click.option(
    "--password",
    envvar="JMMC_PASSWORD",
    show_envvar=True,
    help="Without it: asked for in a terminal, else the first line of standard input. Other users"
    " of this machine can see what is on a command line.",
)
_force_option = click.option("--force", is_flag=True, help="Also for the last admin.")


@click.group()
def user() -> None:
    """Manage the people who may sign in to the dashboard."""


@user.command()
@click.argument("name")
@click.option(
    "--role",
    type=click.Choice(ROLES),
    default="viewer",
    show_default=True,
    help="Viewers read and export; admins also erase and manage users.",
)
@_password_option
@store_option
@collection_option
def add(name: str, url: str, collection: str, role: Any, password: str | None) -> None:
    """Add a user. A store that does not exist yet is made."""
    try:
        users.check_name(name)
        path = _missing_file(url)
    except JmmcError as error:
        fail(error, 2 if isinstance(error, UserError) else 1)
    if path is None and name in _roles(url, collection):
        fail(
            f"there is already a user {name!r}: jmmc user passwd sets the password,"
            " jmmc user role the role",
            1,
        )
    chosen = chosen_password(password)
    with_reports(
        url, collection, lambda reports: users.add(reports, name, chosen, role), create=True
    )
    if path is not None:
        click.echo(f"{path}: a new store was made")
    click.echo(printable(f"added {name} as {role} to {without_password(url)}"))
    if "admin" not in _roles(url, collection).values():
        click.echo(f"there is no admin yet: jmmc user role {name} admin", err=True)


@user.command("list")
@json_option
@store_option
@collection_option
def list_(url: str, collection: str, as_json: bool) -> None:
    """List the users and their roles."""
    roles = _roles(url, collection)
    if as_json:
        rows = [{"name": name, "role": role} for name, role in roles.items()]
        print_json(msgspec.json.format(msgspec.json.encode(rows)))
        return
    table = Table("user", "role", box=None, header_style="bold")
    for name, role in roles.items():
        table.add_row(name, role)
    PlainConsole().print(table)


@user.command()
@click.argument("name", shell_complete=complete_user)
@_password_option
@store_option
@collection_option
def passwd(name: str, url: str, collection: str, password: str | None) -> None:
    """Set the password of a user, who is signed out everywhere."""
    if name not in _roles(url, collection):
        fail(f"there is no user {name!r}: jmmc user list shows them", 1)
    chosen = chosen_password(password)
    with_reports(url, collection, lambda reports: users.set_password(reports, name, chosen))
    click.echo(printable(f"set the password of {name}, who is signed out everywhere"))


@user.command()
@click.argument("name", shell_complete=complete_user)
@click.argument("role", type=click.Choice(ROLES))
@_force_option
@store_option
@collection_option
def role(name: str, role: Any, url: str, collection: str, force: bool) -> None:
    """Set the role of a user, who stays signed in."""
    with_reports(url, collection, lambda reports: users.set_role(reports, name, role, force=force))
    click.echo(printable(f"{name} is {role}"))


@user.command()
@click.argument("name", shell_complete=complete_user)
@_force_option
@store_option
@collection_option
def remove(name: str, url: str, collection: str, force: bool) -> None:
    """Remove a user, who is signed out everywhere."""
    with_reports(url, collection, lambda reports: users.remove(reports, name, force=force))
    click.echo(printable(f"removed {name}"))


def _roles(url: str, collection: str) -> dict[str, str]:
    """The roles of all users, by name."""
    listed = with_reports(url, collection, users.users, read_only=True)
    return {listed_user.name: listed_user.role for listed_user in listed}


def _missing_file(url: str) -> Path | None:
    """The file that a store will be made in; None when it is there, or not a file."""
    path: Path | None = getattr(open_store(url), "path", None)
    return None if path is None or path.exists() else path


def chosen_password(given: str | None) -> str:
    """The password given, typed or sent over standard input; a bad one ends the command."""
    if given is None and sys.stdin.isatty():
        given = click.prompt("Password", hide_input=True, confirmation_prompt=True, err=True)
    elif given is None:
        given = sys.stdin.readline().rstrip("\r\n")
        if not given:
            fail("no password: give it on standard input, or in JMMC_PASSWORD", 2)
    assert given is not None
    try:
        users.check_password(given)
    except UserError as error:
        fail(error, 1)
    return given
