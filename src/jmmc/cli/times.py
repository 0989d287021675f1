"""Times in the terminal: in the time zone of this machine, or in UTC with --utc."""

import time
from collections.abc import Iterable
from datetime import UTC, datetime

import click

from jmmc.core.timestamps import parse_moment

_KEY = "jmmc.utc"


def _choose_utc(context: click.Context, _: click.Parameter, chosen: bool) -> None:
    context.meta[_KEY] = chosen


utc_option = click.option(
    "--utc",
    is_flag=True,
    is_eager=True,
    expose_value=False,
    callback=_choose_utc,
    help="Show and read times in UTC. Default: the time zone of this machine.",
)


def local_time(second: int) -> str:
    """A time with its zone, such as `2026-11-24 10:00:00 CET`."""
    return f"{_moment(second):%Y-%m-%d %H:%M:%S %Z}"


def local_clock(second: int) -> str:
    """The time of day, such as `10:00:00`."""
    return f"{_moment(second):%H:%M:%S}"


def time_column(title: str, seconds: Iterable[int]) -> tuple[str, list[str]]:
    """The head and the cells of a column of times without year and seconds.

    The zone is in the head; where summer time begins or ends between them, in every cell.
    """
    moments = [_moment(second) for second in seconds]
    zones = {f"{moment:%Z}" for moment in moments}
    if len(zones) > 1:
        return title, [f"{moment:%m-%d %H:%M %Z}" for moment in moments]
    return " ".join([title, *zones]), [f"{moment:%m-%d %H:%M}" for moment in moments]


def typed_time(text: str) -> int:
    """Unix seconds of a time that a user typed; without an offset it is local, or in UTC."""
    return parse_moment(text, time.time(), UTC if _in_utc() else None)


def _moment(second: int) -> datetime:
    moment = datetime.fromtimestamp(second, UTC)
    return moment if _in_utc() else moment.astimezone()


def _in_utc() -> bool:
    context = click.get_current_context(silent=True)
    return context is not None and bool(context.meta.get(_KEY))
