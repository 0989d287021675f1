"""Commands that answer: report, sessions, show."""

import asyncio
import time
from collections.abc import Awaitable, Callable, Sequence
from datetime import datetime
from typing import Any

import click
from rich.console import Group
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from jmmc.answers.model import FEW, Comparison, Grades, Overview, SessionDetail
from jmmc.answers.queries import Queries
from jmmc.answers.serialization import encode
from jmmc.cli.common import (
    Command,
    Plain,
    collection_option,
    existing_store,
    fail,
    instant,
    json_option,
    printable,
    pseudonyms,
    store_option,
)
from jmmc.core.errors import JmmcError
from jmmc.quality.grading import Grade
from jmmc.quality.summary import DIMENSIONS, FIELD_OF_FILTER, Summary, SummaryFilter
from jmmc.quality.timeline import SIGNS_OF_LIFE
from jmmc.settings import Settings
from jmmc.web.dashboard.i18n import cause_sentence, words

_DAY = 86_400
_BARS = " ▁▂▃▄▅▆▇█"
_COLOURS = {"good": "green", "fair": "yellow", "poor": "red", "unknown": "bright_black"}
_MARKS = {"good": "●", "fair": "◐", "poor": "○", "unknown": "·"}  # Colour is never the only sign.


def _filters(command: Command) -> Command:
    for name, field in reversed(list(FIELD_OF_FILTER.items())):
        command = click.option(f"--{name}", field, help=f"Only sessions with this {name}.")(command)
    command = click.option("--until", help="The same; now by default.")(command)
    since = "ISO 8601 (else UTC), or 24h, 7d ago; a day before --until by default."
    return click.option("--since", help=since)(command)


@click.command()
@store_option
@collection_option
@_filters
@click.option("--by", type=click.Choice(DIMENSIONS), help="Compare by this.")
@json_option
def report(url: str, collection: str, by: str | None, as_json: bool, **filters: str | None) -> None:
    """How many were there, for how long, and how they fared; compared by a dimension."""
    selection = pseudonyms(url).as_stored(_selection(filters))

    async def ask(queries: Queries) -> tuple[Overview, list[Comparison]]:
        compared = await queries.compare(by, selection) if by else []
        return await queries.overview(selection), compared

    overview, compared = _answer(url, collection, ask)
    if as_json:
        _print_json({"overview": overview, **({"compare": compared} if by else {})})
        return
    grades = overview.grades
    lines = [
        f"{_local(overview.since)} to {_local(overview.until)}",
        f"{overview.sessions:,} sessions in {overview.rooms:,} rooms,"
        f" {overview.minutes:,} minutes, {overview.peak:,.1f} at once at the most",
    ]
    quality = Text.assemble("quality      ", *_shares(grades))
    at_once = Text(f"at once      {_spark([point.participants for point in overview.series])}")
    poor = [point.grades.poor_share or 0.0 for point in overview.series]
    worst = Text(f"poor time    {_spark(poor, most=1.0)}", style="red")
    Plain().print(Group(*lines, quality, at_once, worst))
    if by:
        Plain().print(_comparison(by, compared))


@click.command()
@store_option
@collection_option
@_filters
@click.option("--limit", type=click.IntRange(1, 500), default=30, show_default=True)
@json_option
def sessions(url: str, collection: str, limit: int, as_json: bool, **filters: str | None) -> None:
    """List sessions, the newest first."""
    selection = pseudonyms(url).as_stored(_selection(filters))
    page = _answer(url, collection, lambda value: value.sessions(selection, limit=limit))
    if as_json:
        _print_json({"items": list(page.items), "next": page.after})
        return
    console = Plain()
    wide = console.width >= 120
    table = Table(box=None, header_style="bold")
    for column in ("session", "began", "min", "grade", "poor"):
        table.add_column(column, no_wrap=True)
    table.add_column("room", no_wrap=True, overflow="ellipsis")
    for column in ("browser", "region", "reasons") if wide else ():
        table.add_column(column, no_wrap=True, overflow="ellipsis")
    for item in page.items:
        reasons = ", ".join(sorted(item.reasons, key=lambda reason: -item.reasons[reason]))
        table.add_row(
            item.session,
            _local(item.began)[5:16],
            f"{(item.ended - item.began) / 60:.0f}",
            _grade(item.grade),
            _percent(item.poor / item.known if item.known else None),
            item.room,
            *((item.browser, item.region, reasons) if wide else ()),
        )
    console.print(table)
    if page.after:
        click.echo(f"more than {limit}: raise --limit, or narrow it down")


@click.command()
@click.argument("id")
@store_option
@collection_option
@json_option
def show(id: str, url: str, collection: str, as_json: bool) -> None:  # noqa: A002 - what is shown
    """Show one session: its time line, its bad spells, and who else was bad then."""
    whole = _answer(url, collection, lambda summary: summary.session(id.lower()))
    if as_json:
        _print_json(whole)
        return
    Plain().print(_session(whole))


def _session(whole: SessionDetail) -> Group:
    summary = whole.summary
    known = Grades.of(summary.good, summary.fair, summary.poor, summary.unknown)
    ended = "is there now" if summary.running else f"to {_local(summary.ended)}"
    network = ", ".join(
        name for name in (summary.network or "?", summary.provider, summary.country) if name
    )
    parts: list[Any] = [
        Text(printable(f"{summary.session}  {summary.room}"), style="bold"),
        f"{_local(summary.began)} {ended}, {summary.samples} samples, {summary.holes} holes",
        f"{summary.browser or '?'} on {summary.os or '?'}; region {summary.region or '?'}, network"
        f" {network}, {summary.transport or '?'}, {summary.codec or '?'}",
        Text.assemble("quality      ", *_shares(known)),
        Text.assemble("time line    ", *_lane(summary)),
    ]
    for name in ("quality", "rtt_ms", "down_loss_percent", "up_bandwidth_kbps"):
        values = [value for value in whole.curves.get(name, ()) if isinstance(value, int | float)]
        if values:
            low, high = min(values), max(values)
            parts.append(f"{name:<18} {_spark(values)}  {low:g} to {high:g}")
    for spell in whole.spells:
        reasons = ", ".join(spell.spell.reasons)
        seconds = spell.spell.end - spell.spell.start
        parts.append(
            Text.assemble(
                f"\n{_local(spell.spell.start)}  {seconds} s  ",
                _grade(spell.spell.grade.name.lower()),
                f"  {reasons}",
            )
        )
        sentence = cause_sentence(spell.attribution, words("en").__getitem__)
        parts.append(Padding(Text(sentence, style="bold"), (0, 0, 0, 2), expand=False))
        for scope in spell.attribution.scopes:
            if scope.value:
                parts.append(
                    f"    {scope.kind:<8} {scope.bad} of {scope.known} bad in {scope.value},"
                    f" {scope.others_bad} of {scope.others_known} elsewhere"
                )
    return Group(*parts)


def _comparison(by: str, compared: Sequence[Comparison]) -> Table:
    table = Table(box=None, header_style="bold")
    table.add_column(by)
    for column in ("sessions", "minutes", "good", "fair", "poor", "95 % interval of poor"):
        table.add_column(column, justify="right")
    for comparison in compared:
        low, high = comparison.poor_interval
        few = comparison.sessions < FEW
        table.add_row(
            comparison.value or "unknown",
            f"{comparison.sessions:,}",
            f"{comparison.minutes:,}",
            _percent(comparison.grades.good_share),
            _percent(comparison.grades.fair_share),
            _percent(comparison.grades.poor_share),
            "too few" if few else f"{_percent(low)} to {_percent(high)}",
            style="dim" if few else None,
        )
    return table


def _selection(filters: dict[str, str | None]) -> SummaryFilter:
    until = instant("--until", filters.pop("until")) or int(time.time())
    since = instant("--since", filters.pop("since"))
    given: dict[str, Any] = {name: value for name, value in filters.items() if value is not None}
    return SummaryFilter(since=until - _DAY if since is None else since, until=until, **given)


def _answer(url: str, collection: str, ask: Callable[[Queries], Awaitable[Any]]) -> Any:
    async def run() -> Any:
        store = existing_store(url, collection)
        lifetime = SIGNS_OF_LIFE * Settings.of().push_interval
        try:
            await store.open()
            return await ask(Queries(store, lifetime=lifetime, clock=time.time))
        finally:
            await store.close()

    try:
        return asyncio.run(run())
    except (JmmcError, ValueError) as error:
        fail(error, 1)


def _print_json(answer: Any) -> None:
    click.echo(encode(answer))


def _local(second: int) -> str:
    return datetime.fromtimestamp(second).astimezone().strftime("%Y-%m-%d %H:%M:%S")


def _percent(share: float | None) -> str:
    return "?" if share is None else f"{share:.1%}"


def _grade(grade: str) -> Text:
    return Text(f"{_MARKS[grade]} {grade}", style=_COLOURS[grade])


def _shares(grades: Grades) -> list[tuple[str, str]]:
    shares = zip(
        ("good", "fair", "poor"),
        (grades.good_share, grades.fair_share, grades.poor_share),
        strict=True,
    )
    said = [
        (f"{_MARKS[name]} {_percent(value)} {name}   ", _COLOURS[name]) for name, value in shares
    ]
    return [*said, (f"{grades.unknown_seconds // 60:,} minutes unknown", _COLOURS["unknown"])]


def _lane(summary: Summary, width: int = 60) -> list[tuple[str, str]]:
    """The worst grade of each sixtieth of the stay."""
    length = max(1, summary.ended - summary.began)
    cells = [Grade.UNKNOWN] * width
    for grade_span in summary.grade_spans:
        first = (grade_span.start - summary.began) * width // length
        last = max(first + 1, -(-(grade_span.end - summary.began) * width // length))
        for cell in range(first, min(last, width)):
            cells[cell] = max(cells[cell], grade_span.grade)
    names = [item.name.lower() for item in cells]
    return [(_MARKS[name], _COLOURS[name]) for name in names]


def _spark(values: Sequence[float], *, most: float | None = None, width: int = 60) -> str:
    if not values:
        return "no data"
    size = -(-len(values) // width)
    means = [
        sum(values[at : at + size]) / len(values[at : at + size])
        for at in range(0, len(values), size)
    ]
    top = most or max(means) or 1
    return "".join(_BARS[min(8, max(0, round(mean / top * 8)))] for mean in means)
