"""`jmmc top`: the running meetings in the terminal, refreshed like `top`."""

import os
import re
import select
import sys
import time
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager, suppress

import click
import msgspec
from rich.live import Live

from jmmc.cli.common import (
    PlainConsole,
    collection_option,
    fail,
    json_option,
    print_json,
    store_option,
)
from jmmc.cli.times import utc_option
from jmmc.cli.top_sources import Document, ServerSource, StoreSource, TopSource
from jmmc.cli.top_view import SORTS, Screen, draw
from jmmc.core.errors import JmmcError
from jmmc.settings import without_password

_TICK = 0.1  # Seconds between two looks at keys, a new document and the size of the terminal.
_WIDEST = 160  # Columns of what is printed once.
_ESCAPE = "\x1b"


@click.command()
@click.option(
    "--url", "server", help="URL of the dashboard of a running server: read it, not the store."
)
@click.option("--token", help="API token of that server, with the scope read.")
@click.option(
    "--interval",
    type=click.FloatRange(1),
    default=5.0,
    show_default=True,
    help="Seconds between two refreshes.",
)
@click.option("--once", is_flag=True, help="Print the present state and exit.")
@json_option
@utc_option
@store_option
@collection_option
def top(
    url: str,
    collection: str,
    server: str | None,
    token: str | None,
    interval: float,
    once: bool,
    as_json: bool,
) -> None:
    """Show running meetings, problems and incidents, live.

    Keys: q quits, s changes the order, p pauses, r refreshes. Without a terminal it prints once.
    """
    if server is not None and not re.match(r"https?://[^/\s]", server):
        fail(f"--url = {server!r}: expected an http or https URL", 2)
    if token and server is None:
        fail("--token is for --url: give the URL of the server too", 2)

    def open_source() -> TopSource:
        if server is not None:
            return ServerSource(server, token)
        return StoreSource(url, collection, without_password(url))

    with _reading(open_source) as (name, read):
        try:
            document = read().result()
        except JmmcError as error:
            fail(error, 1)
        console = PlainConsole()
        if as_json:
            print_json(msgspec.json.format(msgspec.json.encode(document)))
        elif once or not console.is_terminal:
            console.width = min(console.width, _WIDEST)
            console.print(draw(document, name, Screen(console.width, None)))
        else:
            with suppress(KeyboardInterrupt):
                _show(console, document, name, read, interval)


@contextmanager
def _reading(
    open_source: Callable[[], TopSource],
) -> Iterator[tuple[str, Callable[[], "Future[Document]"]]]:
    """The name of a source, and what reads it in a thread of its own: keys need not wait for it."""
    with ThreadPoolExecutor(1, "jmmc-top") as thread:
        try:
            source = thread.submit(open_source).result()
        except JmmcError as error:
            fail(error, 1)
        try:
            yield source.name, lambda: thread.submit(source.read)
        finally:
            thread.submit(source.close).result()


def _show(
    console: PlainConsole,
    document: Document,
    name: str,
    read: Callable[[], "Future[Document]"],
    interval: float,
) -> None:
    """Draw until somebody quits: at a key, at a new document, and when the size changes."""
    reading: Future[Document] | None = None
    read_at = time.monotonic()
    sort, problem, paused = SORTS[0], "", False
    drawn: object = None
    with _keys() as pressed, Live(console=console, screen=True, auto_refresh=False) as live:
        while True:
            state = "paused" if paused else f"every {interval:g} s"
            screen = Screen(*console.size, sort, state, problem, keys=True)
            if drawn != (screen, id(document)):
                live.update(draw(document, name, screen), refresh=True)
                drawn = (screen, id(document))
            key = pressed(_TICK)
            if key in ("q", "Q", _ESCAPE):
                return
            if key == "s":
                sort = SORTS[(SORTS.index(sort) + 1) % len(SORTS)]
            elif key == "p":
                paused = not paused
            due = not paused and time.monotonic() - read_at >= interval
            if reading is None and (due or key == "r"):
                reading, read_at = read(), time.monotonic()
            if reading is not None and reading.done():
                try:
                    document, problem = reading.result(), ""
                except JmmcError as error:
                    problem = str(error)
                reading = None


def _no_key(seconds: float) -> str:
    time.sleep(seconds)
    return ""


@contextmanager
def _keys() -> Iterator[Callable[[float], str]]:
    """A function that waits some seconds for a key, and returns "" when none was pressed."""
    if not sys.stdin.isatty():
        yield _no_key
        return
    import termios
    import tty

    descriptor = sys.stdin.fileno()
    former = termios.tcgetattr(descriptor)

    def pressed(seconds: float) -> str:
        ready, _, _ = select.select([descriptor], [], [], seconds)
        if not ready:
            return ""
        typed = os.read(descriptor, 64)
        if not typed:  # The terminal is gone.
            return "q"
        # Keys such as arrows begin with an escape and have more after it.
        return typed.decode("ascii", "replace") if len(typed) == 1 else ""

    try:
        tty.setcbreak(descriptor)
        yield pressed
    finally:
        termios.tcsetattr(descriptor, termios.TCSADRAIN, former)
