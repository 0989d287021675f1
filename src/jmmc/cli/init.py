"""`jmmc init`: from nothing to a configured collector with its first user."""

import asyncio
import os
import re
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import urlsplit

import click
import msgspec
from rich.console import Console

from jmmc.accounts import users
from jmmc.accounts.users import UserError
from jmmc.cli.common import collection_option, fail, print_finding, with_reports
from jmmc.cli.users import chosen_password
from jmmc.core.errors import JmmcError, SettingsError
from jmmc.core.timestamps import zone_of
from jmmc.jitsi.doctor import examine
from jmmc.jitsi.snippets import Target, snippet
from jmmc.jitsi.snippets import public_url as check_url
from jmmc.server.preflight import inspect
from jmmc.settings import NewFile, Settings, load_settings, new_secret, without_password

_SYSTEM = Path("/etc/jmmc")
_NAME = "jmmc.toml"


@click.command()
@click.argument("folder", required=False, type=click.Path(path_type=Path, file_okay=False))
@click.option("--public-url", help="URL at which people and browsers will reach the collector.")
@click.option("--jitsi-url", help="URL of your Jitsi Meet, such as https://meet.example.org.")
@click.option("--store", help="URL of the store. Default: an SQLite file.")
@click.option(
    "--retention-days",
    type=click.IntRange(min=0),
    help="Days after which samples are deleted; 0 keeps them.  [default: 90]",
)
@click.option("--time-zone", help="Time zone of calendar days. Default: this machine's.")
@click.option("--admin", metavar="NAME", help="First user of the pages, an admin.")
@click.option(
    "--password",
    envvar="JMMC_PASSWORD",
    show_envvar=True,
    help="Of that user. Without it: asked for in a terminal, else the first line of standard"
    " input. Other users of this machine can see what is on a command line.",
)
@click.option("--force", is_flag=True, help="Replace a file; the old one is kept as .bak.")
@collection_option
def init(
    folder: Path | None,
    public_url: str | None,
    jitsi_url: str | None,
    store: str | None,
    collection: str,
    retention_days: int | None,
    time_zone: str | None,
    admin: str | None,
    password: str | None,
    force: bool,
) -> None:
    """Write a configuration into FOLDER, and add the first user.

    FOLDER is /etc/jmmc where that exists, else the current one. In a terminal, asks for what no
    option says; elsewhere that has its default, and without --admin no user is added. At the end
    checks settings and store, and prints what to paste into Jitsi Meet.
    """
    folder = (folder or (_SYSTEM if _SYSTEM.is_dir() else Path())).resolve()
    path = folder / _NAME
    if path.exists() and not force and path.read_text("utf-8") != NewFile().text():
        fail(f"{path}: exists; --force replaces it, and keeps the old one as {_NAME}.bak", 1)
    system = folder == _SYSTEM
    state = Path(NewFile().folder) if system else folder
    new = NewFile(
        public_url=_answer(public_url, "Public URL of the collector (empty: not yet known)", ""),
        jitsi_url=_answer(jitsi_url, "URL of your Jitsi Meet (empty: any page may push)", ""),
        store=_answer(store, "Store", f"sqlite:///{state / 'jmmc.db'}"),
        collection=collection,
        folder=str(state),
        retention_days=_days(retention_days),
        time_zone=_answer(time_zone, "Time zone", _zone_of_machine()),
    )
    name = _answer(admin, "Name of the first user (empty: none)", "")
    new, settings = _checked(new, name)
    word = chosen_password(password) if name else ""
    owner = state if system else None
    _make_folder(folder)
    with _as_owner(owner):
        if name:
            _add_user(settings, name, word)
    _write(path, new.text(), owner)
    with _as_owner(owner):
        passed = _print_checks(settings)
    _print_snippet(settings, new.jitsi_url)
    if new.jitsi_url:
        _print_page(f"{new.jitsi_url}/jmmc-test")
    _print_next(path, settings, new.jitsi_url, system=system)
    if not passed:
        sys.exit(1)


def _answer(given: str | None, question: str, default: str) -> str:
    """What an option gave, or what is typed in a terminal; else the default."""
    if given is None and sys.stdin.isatty():
        given = click.prompt(question, default=default, show_default=bool(default), err=True)
    return default if given is None else given


def _days(given: int | None) -> int:
    if given is not None or not sys.stdin.isatty():
        return NewFile().retention_days if given is None else given
    question, number = "Keep samples for how many days (0: for ever)", click.IntRange(min=0)
    days: int = click.prompt(question, default=NewFile().retention_days, type=number, err=True)
    return days


def _checked(new: NewFile, admin: str) -> tuple[NewFile, Settings]:
    """The decisions without slashes at the ends of URLs, and their settings.

    A mistake ends the command, before anything is written.
    """
    _check_public_url(new.public_url)
    if new.jitsi_url and not re.match(r"https?://[^/\s]", new.jitsi_url):
        fail(f"--jitsi-url = {new.jitsi_url!r}: expected an http or https URL", 2)
    new = msgspec.structs.replace(
        new,
        public_url=new.public_url.rstrip("/"),
        jitsi_url=new.jitsi_url.rstrip("/"),
        secret="" if new.store.startswith("sqlite") else new_secret(),
    )
    try:
        if admin:
            users.check_name(admin)
        return new, load_settings(flags=new.settings(), environ={}, file=None)
    except (SettingsError, UserError) as error:
        fail(error, 2)


def _check_public_url(text: str) -> None:
    """End the command for a URL that no snippet can have."""
    try:
        if text:
            check_url(text)
    except ValueError:
        fail(f"--public-url = {text!r}: expected a URL such as https://metrics.example.org", 2)


def _zone_of_machine() -> str:
    """The name of this machine's time zone; UTC where it has none."""
    link = str(Path("/etc/localtime").resolve())
    name = os.environ.get("TZ", "").lstrip(":") or link.partition("zoneinfo/")[2]
    try:
        zone_of(name)
    except ValueError:
        return "UTC"
    return name


def _make_folder(folder: Path) -> None:
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        fail(f"{folder}: {error.strerror}", 1)


def _write(path: Path, text: str, state: Path | None) -> None:
    """Write the file. Its group is that of the service's folder, which has to read it."""
    try:
        if path.exists() and path.read_text("utf-8") == NewFile().text():
            path.unlink()  # As a package installs it: there is nothing to keep.
        elif path.exists():
            path.replace(path.with_name(f"{_NAME}.bak"))
        with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o640), "w") as file:
            if state is not None and state.is_dir() and os.geteuid() == 0:
                os.chown(path, 0, state.stat().st_gid)
            file.write(text)
    except OSError as error:
        fail(f"{path}: {error.strerror}", 1)
    click.echo(f"wrote {path}")


@contextmanager
def _as_owner(state: Path | None) -> Iterator[None]:
    """Run as the user who owns the service's folder: what root makes there, it could not write."""
    if state is None or not state.is_dir() or os.geteuid() != 0:
        yield
        return
    owner = state.stat()
    group = os.getegid()
    os.setegid(owner.st_gid)
    os.seteuid(owner.st_uid)
    mask = os.umask(0o077)
    try:
        yield
    finally:
        os.umask(mask)
        os.seteuid(0)
        os.setegid(group)


def _add_user(settings: Settings, name: str, password: str) -> None:
    listed = with_reports(settings.store, settings.collection, users.users, create=True)
    if any(user.name == name for user in listed):
        click.echo(f"kept {name}, who is a user already, with the password as it was")
        return
    with_reports(
        settings.store,
        settings.collection,
        lambda reports: users.add(reports, name, password, "admin"),
    )
    click.echo(f"added {name} as admin to {without_password(settings.store)}")


def _print_checks(settings: Settings) -> bool:
    """Print what `jmmc check` finds; whether nothing failed."""
    console = Console(highlight=False, soft_wrap=True)
    console.print("\n[bold]Checks[/]")

    async def passes() -> bool:
        passed = True
        async for finding in inspect(settings):
            print_finding(console, finding)
            passed = passed and finding.verdict != "fail"
        return passed

    try:
        return asyncio.run(passes())
    except JmmcError as error:
        fail(error, 1)


def _print_snippet(settings: Settings, jitsi: str) -> None:
    console = Console(highlight=False, soft_wrap=True)
    host = settings.public_url or "https://metrics.example.org"
    target: Target = "config.js"
    if jitsi and urlsplit(jitsi).netloc == urlsplit(host).netloc:
        target = "nginx"
    console.print(f"\n[bold]For Jitsi Meet[/] ({target}; other ways: jmmc snippet)")
    if not settings.public_url:
        console.print("Replace the URL by your collector's: no public URL was given.")
    url = check_url(f"{host}{settings.prefix}")
    upstream = f"http://{settings.host}:{settings.port}{settings.prefix}"
    click.echo(snippet(target, url=url, upstream=upstream, settings=settings), nl=False)


def _print_page(room: str) -> None:
    """Print what `jmmc doctor` finds; the script fails as long as it is not pasted."""
    console = Console(highlight=False, soft_wrap=True)
    console.print(f"\n[bold]{room} now[/], before you paste it")
    for finding in examine(room):
        print_finding(console, finding)


def _print_next(path: Path, settings: Settings, jitsi: str, *, system: bool) -> None:
    console = Console(highlight=False, soft_wrap=True)
    console.print("\n[bold]Next[/]")
    start = "systemctl restart jmmc" if system else f"jmmc serve --config {path}"
    lines = [
        start,
        f"jmmc check --config {path} --url http://{settings.host}:{settings.port}{settings.prefix}",
    ]
    if jitsi:
        collector = f" --collector {settings.public_url}" if settings.public_url else ""
        lines.append(f"jmmc doctor {jitsi}/jmmc-test{collector}")
    for line in lines:
        click.echo(f"  {line}")
    pages = settings.public_url or f"http://{settings.host}:{settings.port}"
    console.print(f"Then open the pages: {pages}/")
