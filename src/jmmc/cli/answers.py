"""`jmmc report`, `jmmc sessions` and `jmmc show`: answers in the terminal."""

import time
from bisect import bisect_right
from collections.abc import Mapping, Sequence
from typing import Any

import click
from rich.console import Group
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from jmmc.answers.cause_texts import advice_for, fact_sentences, headline
from jmmc.answers.incidents import IncidentDetail, is_incident_id
from jmmc.answers.model import FEW, Comparison, Grades, JoinRates, Overview, SessionDetail
from jmmc.answers.queries import Page, Queries
from jmmc.answers.serialization import encode
from jmmc.cli.asking import ask, local_time
from jmmc.cli.common import (
    Command,
    PlainConsole,
    collection_option,
    configured_pseudonyms,
    json_option,
    parse_time,
    print_json,
    store_option,
)
from jmmc.cli.incidents import hurt_most, render_incident
from jmmc.core.text import printable
from jmmc.quality.filters import DIMENSIONS, FIELD_OF_FILTER, RATINGS, IncidentFilter, SummaryFilter
from jmmc.quality.grading import Grade
from jmmc.quality.joins import ATTEMPTS, DROPPED, NO_MEDIA, OUTCOMES
from jmmc.quality.losses import Loss
from jmmc.quality.ratings import Ratings
from jmmc.quality.summary import Summary
from jmmc.web.dashboard.i18n import upload_sentence, way_sentence, words

_DAY = 86_400
_MOST_WAYS = 6
_WORST_INCIDENTS = 5  # Of a report.
_COMPARED = 8  # Columns of a comparison without ratings.
_POINTS = 60  # Of a curve in the terminal.
_MOST_MOVES = 6  # Values of a dimension of one session.
_BARS = " ▁▂▃▄▅▆▇█"
_COLOURS = {"good": "green", "fair": "yellow", "poor": "red", "unknown": "bright_black"}
_MARKS = {"good": "●", "fair": "◐", "poor": "○", "unknown": "·"}  # For readers without colours.


_CHOICES = {"outcome": OUTCOMES, "rating": RATINGS}
_HELP = {
    "name": "Only sessions of participants whose name contains this.",
    "code": "Only the session with this support code.",
    "rating": "Only sessions that were rated so, from 1 to 5.",
}


def _filter_options(command: Command) -> Command:
    for name, field in reversed(list(FIELD_OF_FILTER.items())):
        help_ = _HELP.get(name, f"Only sessions with this {name}.")
        type_ = click.Choice(_CHOICES[name]) if name in _CHOICES else str
        command = click.option(f"--{name}", field, type=type_, help=help_)(command)
    command = click.option("--until", help="End of the period, in the same form. Default: now.")(
        command
    )
    since = "Start of the period: ISO 8601 (UTC), or 24h, 7d ago. Default: a day before --until."
    return click.option("--since", help=since)(command)


@click.command()
@store_option
@collection_option
@_filter_options
@click.option("--by", type=click.Choice(DIMENSIONS), help="Compare by this dimension.")
@json_option
def report(url: str, collection: str, by: str | None, as_json: bool, **filters: str | None) -> None:
    """Report the sessions, minutes and quality of a period; with --by compare a dimension."""
    selection = configured_pseudonyms(url).as_stored(_selection(filters))

    async def query(queries: Queries) -> tuple[Overview, list[Comparison], Sequence[Any]]:
        compared = await queries.compare(by, selection) if by else []
        worst: Sequence[Any] = ()
        if selection.only_window:
            window = IncidentFilter(since=selection.since, until=selection.until)
            worst = (await queries.incidents(window, limit=_WORST_INCIDENTS)).items
        return await queries.overview(selection), compared, worst

    overview, compared, incidents = ask(url, collection, query)
    if as_json:
        answer = {"overview": overview, "incidents": list(incidents)}
        print_json(encode({**answer, **({"compare": compared} if by else {})}))
        return
    grades = overview.grades
    lines = [
        f"{local_time(overview.since)} to {local_time(overview.until)}",
        f"{overview.sessions:,} sessions in {overview.rooms:,} rooms,"
        f" {overview.minutes:,} minutes, peak {overview.peak_people:,} people",
    ]
    if overview.ratings.sessions:
        lines.append(f"rating       {_rating(overview.ratings)}")
    quality = Text.assemble("quality      ", *_shares(grades))
    concurrent = Text(f"concurrent   {_spark([point.participants for point in overview.series])}")
    poor_shares = [point.grades.poor_share or 0.0 for point in overview.series]
    poor_time = Text(f"poor time    {_spark(poor_shares, most=1.0)}", style="red")
    PlainConsole().print(
        Group(*lines, quality, concurrent, poor_time, *_joins(overview.joins, overview))
    )
    if incidents:
        PlainConsole().print(hurt_most(incidents))
    if by:
        PlainConsole().print(_render_comparison(by, compared))
        PlainConsole().print(_render_joins(by, compared))


@click.command()
@store_option
@collection_option
@_filter_options
@click.option(
    "--limit",
    type=click.IntRange(1, 500),
    default=30,
    show_default=True,
    help="Maximum number of sessions.",
)
@click.option(
    "--failed", is_flag=True, help="List joins that failed or were refused, in place of sessions."
)
@json_option
def sessions(
    url: str, collection: str, limit: int, failed: bool, as_json: bool, **filters: str | None
) -> None:
    """List sessions, newest first; with --failed list failed joins."""
    selection = configured_pseudonyms(url).as_stored(_selection(filters))
    failed = failed or selection.outcome in ATTEMPTS

    async def query(queries: Queries) -> Page:
        listed = queries.attempts if failed else queries.sessions
        return await listed(selection, limit=limit)

    page = ask(url, collection, query)
    if as_json:
        print_json(encode({"items": list(page.items), "next": page.after}))
        return
    console = PlainConsole()
    wide = console.width >= 120
    if failed:
        console.print(_render_attempts(page.items))
        if page.after:
            click.echo(f"more than {limit} failed joins: raise --limit or add filters")
        return
    table = Table(box=None, header_style="bold")
    for column, width in (("session", 24), ("began", 11), ("min", 3), ("grade", 6), ("poor", 6)):
        table.add_column(column, min_width=width, no_wrap=True)
    table.add_column("room", no_wrap=True, overflow="ellipsis")
    named = any(session.name for session in page.items)
    if named:
        table.add_column("participant", no_wrap=True, overflow="ellipsis")
    for column in ("browser", "region", "reasons") if wide else ():
        table.add_column(column, no_wrap=True, overflow="ellipsis")
    for session in page.items:
        reasons = ", ".join(sorted(session.reasons, key=session.reasons.__getitem__, reverse=True))
        table.add_row(
            session.session,
            local_time(session.began)[5:16],
            f"{(session.ended - session.began) / 60:.0f}",
            _grade(session.grade),
            _percent(session.poor / session.known if session.known else None),
            session.room,
            *([session.who] if named else ()),
            *((session.browser, _moved(session, "region"), reasons) if wide else ()),
        )
    console.print(table)
    if page.after:
        click.echo(f"more than {limit} sessions: raise --limit or add filters")


@click.command()
@click.argument("id")
@store_option
@collection_option
@json_option
def show(id: str, url: str, collection: str, as_json: bool) -> None:  # noqa: A002 - what is shown
    """Show one session or incident: its timeline, its problems and their likely cause.

    ID is the id of a session or of an incident, or a support code.
    """

    async def query(queries: Queries) -> SessionDetail | IncidentDetail:
        if is_incident_id(id.lower()):
            return await queries.incident(id.lower())
        found = await queries.sessions_of_code(id)
        return await queries.session(found[0].session if found else id.lower())

    detail = ask(url, collection, query)
    if as_json:
        print_json(encode(detail))
        return
    shown = render_incident if isinstance(detail, IncidentDetail) else _render_session
    PlainConsole().print(shown(detail))


def _render_session(detail: SessionDetail) -> Group:
    summary = detail.summary
    if summary.outcome in ATTEMPTS:
        return _render_attempt(detail)
    grades = Grades.of(summary.good, summary.fair, summary.poor, summary.unknown)
    ended = "to now" if summary.running else f"to {local_time(summary.ended)}"
    network = ", ".join(
        name for name in (_moved(summary, "network"), summary.provider, summary.country) if name
    )
    parts: list[Any] = [
        Text(printable(f"{summary.session}  {summary.room}"), style="bold"),
        f"{local_time(summary.began)} {ended}, {summary.samples} samples, {summary.gaps} gaps",
        *(_about_person(summary)),
        f"{summary.browser or '?'} on {summary.os or '?'}; region {_moved(summary, 'region')},"
        f"{_bridges(summary)}"
        f" network {network}, {_moved(summary, 'transport')}, {_moved(summary, 'codec')}",
        Text.assemble("quality      ", *_shares(grades)),
        Text.assemble("timeline     ", *_timeline(summary)),
    ]
    if summary.setup.text:
        parts.append(f"join         {_steps(summary)}")
    if summary.outcome in (DROPPED, NO_MEDIA):
        heading = "dropped" if summary.outcome == DROPPED else "no media"
        parts.append(Text(f"{heading:<13}{_failure(summary)}", style="red"))
    for name in ("quality", "rtt_ms", "down_loss_percent", "up_bandwidth_kbps"):
        if values := _by_time(detail, name):
            low, high = min(values), max(values)
            parts.append(f"{name:<18} {_spark(values)}  {low:g} to {high:g}")
    for spell in detail.spells:
        reasons = ", ".join(
            reason + (_losses(spell.losses) if reason == "loss" else "")
            for reason in spell.spell.reasons
        )
        seconds = spell.spell.end - spell.spell.start
        parts.append(
            Text.assemble(
                f"\n{local_time(spell.spell.start)}  {seconds} s  ",
                _grade(spell.spell.grade.name.lower()),
                f"  {reasons}",
            )
        )
        answer = spell.answer
        sentence = printable(headline(answer, "en"))
        parts.append(Padding(Text(sentence, style="bold"), (0, 0, 0, 2), expand=False))
        parts += [f"    {printable(fact)}" for fact in fact_sentences(answer.causes[0], "en")]
        if answer.likely:
            parts.append(f"    {printable(advice_for(answer.likely, 'en'))}")
    translate = _english
    for upload in detail.ways.uploads:
        parts.append(upload_sentence(upload, translate))
    if detail.ways.ways:
        said = [way_sentence(way, translate, _percent) for way in detail.ways.ways[:_MOST_WAYS]]
        parts.append(f"\nways: {'; '.join(said)}".replace("\u00a0", " "))
    return Group(*parts)


def _joins(joins: JoinRates, overview: Overview) -> list[Text]:
    """The lines on joins and drops of a report."""
    if not (joins.joined or joins.failed or joins.refused):
        return [Text("joins        unknown: no script tells how joins went in this period")]
    failed = _rate(
        "failed",
        joins.failed,
        joins.joined + joins.failed,
        joins.failed_share,
        joins.failed_interval,
    )
    dropped = _rate(
        "dropped", joins.dropped, joins.ended, joins.dropped_share, joins.dropped_interval
    )
    reasons = overview.join_reasons
    refused = f"; {joins.refused:,} refused{_reasons(reasons.refused)}" if joins.refused else ""
    lines = [
        f"joins        {failed}{_reasons(reasons.failed)}{refused}",
        f"stays        {dropped}{_reasons(reasons.dropped)}",
    ]
    if joins.setup_ms_p50 is not None:
        lines.append(
            f"time to join {joins.setup_ms_p50:,} ms (median), {joins.setup_ms_p95:,} ms (95 %)"
        )
    return [Text(line) for line in lines]


def _rate(
    what: str, count: int, of: int, share: float | None, interval: tuple[float, float]
) -> str:
    if share is None:
        return f"{count:,} of {of:,} {what}"
    low, high = interval
    return (
        f"{count:,} of {of:,} {what}, {_percent(share)} (95 %: {_percent(low)} to {_percent(high)})"
    )


def _reasons(reasons: Mapping[str, int]) -> str:
    texts = words("en")
    named = [f"{texts[f'failure {reason}']} {count:,}" for reason, count in reasons.items()]
    return f": {', '.join(named)}" if named else ""


def _failure(summary: Summary) -> str:
    return words("en").get(f"failure {summary.failure}", summary.failure)


def _steps(summary: Summary) -> str:
    lengths = zip(
        ("script to asking", "asking to joined", "to ICE", "to first media"),
        summary.setup.steps,
        strict=True,
    )
    return ", ".join(f"{name} {length:,} ms" for name, length in lengths if length is not None)


def _render_attempts(attempts: Sequence[Summary]) -> Table:
    table = Table(box=None, header_style="bold")
    for column, width in (("attempt", 24), ("at", 11), ("outcome", 7)):
        table.add_column(column, min_width=width, no_wrap=True)
    for column in ("reason", "after", "room", "network", "browser"):
        table.add_column(column, no_wrap=True, overflow="ellipsis")
    for attempt in attempts:
        after = attempt.setup.join
        table.add_row(
            attempt.session,
            local_time(attempt.began)[5:16],
            attempt.outcome,
            attempt.failure,
            "?" if after is None else f"{after / 1000:.1f} s",
            attempt.room,
            attempt.network or "?",
            attempt.browser or "?",
        )
    return table


def _render_attempt(detail: SessionDetail) -> Group:
    """What failed, when, after how long, and what to do."""
    attempt = detail.summary
    advice = words("en").get(f"advice {attempt.failure}", "")
    return Group(
        Text(printable(f"{attempt.session}  {attempt.room}"), style="bold"),
        f"{local_time(attempt.began)}, the join {attempt.outcome}; nobody was in the room",
        f"{attempt.browser or '?'} on {attempt.os or '?'}; region {attempt.region or '?'},"
        f" network {attempt.network or '?'}",
        Text(f"reason       {_failure(attempt)}", style="red"),
        f"steps        {_steps(attempt) or 'unknown'}",
        Padding(Text(advice, style="bold"), (0, 0, 0, 2), expand=False),
    )


def _english(key: str) -> str:
    return words("en").get(key, key)


def _losses(losses: Sequence[Loss]) -> str:
    said = [f"{loss.kind} {loss.direction} {loss.percent:g} %".strip() for loss in losses]
    return f" ({', '.join(said)})" if said else ""


def _bridges(summary: Summary) -> str:
    return f" bridge {_moved(summary, 'bridge')}," if any(summary.values_of("bridge")) else ""


def _about_person(summary: Summary) -> list[str]:
    """A line with what is known of the participant and the devices, where anything is."""
    facts = {
        "": summary.name and summary.who,
        "code ": summary.code,
        "microphone ": summary.microphone,
        "camera ": summary.camera,
        "speaker ": summary.speaker,
        "rating ": _own_rating(summary),
    }
    known = [label + text for label, text in facts.items() if text]
    return [", ".join(known)] if known else []


def _own_rating(summary: Summary) -> str:
    if summary.rating is None:
        return ""
    reason = summary.rating_reason and f": {_english(f'why {summary.rating_reason}')}"
    return f"{summary.rating} of 5{reason}"


def _moved(summary: Summary, dimension: str) -> str:
    """The values of a dimension over time; `?` is unknown."""
    values = [value or "?" for value in summary.values_of(dimension)]
    return " → ".join(values if len(values) <= _MOST_MOVES else [*values[:_MOST_MOVES], "…"])


def _by_time(detail: SessionDetail, curve: str) -> list[float]:
    """The known values of a curve at equal distances in time."""
    times, values = detail.times, detail.curves.get(curve, ())
    if not values:
        return []
    moments = (times[0] + (times[-1] - times[0]) * n // _POINTS for n in range(_POINTS))
    found = [values[bisect_right(times, moment) - 1] for moment in moments]
    return [value for value in found if isinstance(value, int | float)]


def _render_comparison(by: str, compared: Sequence[Comparison]) -> Table:
    table = Table(box=None, header_style="bold")
    table.add_column(by)
    for column in (
        "sessions",
        "minutes",
        "good",
        "fair",
        "poor",
        "95 % of poor",
        "of fair or poor",
        *(("rating",) if any(row.ratings.sessions for row in compared) else ()),
    ):
        table.add_column(column, justify="right")
    for comparison in compared:
        low, high = comparison.poor_interval
        low_bad, high_bad = comparison.bad_interval
        few = comparison.sessions < FEW
        table.add_row(
            comparison.value or "unknown",
            f"{comparison.sessions:,}",
            f"{comparison.minutes:,}",
            _percent(comparison.grades.good_share),
            _percent(comparison.grades.fair_share),
            _percent(comparison.grades.poor_share),
            "too few" if few else f"{_percent(low)} to {_percent(high)}",
            "" if few else f"{_percent(low_bad)} to {_percent(high_bad)}",
            *([_rating(comparison.ratings)] if len(table.columns) > _COMPARED else ()),
            style="dim" if few else None,
        )
    return table


def _render_joins(by: str, compared: Sequence[Comparison]) -> Table | str:
    """The joins and drops by a dimension, of the values of which any are known."""
    known = [comparison for comparison in compared if comparison.joins.are_known]
    if not known:
        return "joins: unknown, no script tells how joins went in this period"
    table = Table(box=None, header_style="bold")
    table.add_column(by)
    for column in ("joins", "failed", "95 % of failed", "stays", "dropped", "95 % of dropped"):
        table.add_column(column, justify="right")
    for comparison in known:
        joins = comparison.joins
        attempts = joins.joined + joins.failed
        table.add_row(
            comparison.value or "unknown",
            *_rate_cells(attempts, joins.failed_share, joins.failed_interval),
            *_rate_cells(joins.ended, joins.dropped_share, joins.dropped_interval),
            style="dim" if attempts < FEW else None,
        )
    return table


def _rate_cells(
    count: int, share: float | None, interval: tuple[float, float]
) -> tuple[str, str, str]:
    bounds = f"{_percent(interval[0])} to {_percent(interval[1])}"
    if share is None:
        bounds = ""
    elif count < FEW:
        bounds = "too few"
    return f"{count:,}", _percent(share), bounds


def _rating(ratings: Ratings) -> str:
    if ratings.mean is None:
        return ""
    low, high = ratings.interval or (0.0, 0.0)
    interval = f" ({low:.1f} to {high:.1f})" if ratings.interval else " (too few)"
    return f"{ratings.mean:.1f} of 5 in {ratings.sessions:,}{interval}"


def _selection(filters: dict[str, str | None]) -> SummaryFilter:
    until = parse_time("--until", filters.pop("until")) or int(time.time())
    since = parse_time("--since", filters.pop("since"))
    given: dict[str, Any] = {name: value for name, value in filters.items() if value is not None}
    return SummaryFilter(since=until - _DAY if since is None else since, until=until, **given)


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
    parts = [
        (f"{_MARKS[name]} {_percent(share)} {name}   ", _COLOURS[name]) for name, share in shares
    ]
    return [*parts, (f"{grades.unknown_seconds // 60:,} minutes unknown", _COLOURS["unknown"])]


def _timeline(summary: Summary, width: int = 60) -> list[tuple[str, str]]:
    """Draw the worst grade in each of `width` equal parts of the session."""
    length = max(1, summary.ended - summary.began)
    cells = [Grade.UNKNOWN] * width
    for grade_span in summary.grade_spans:
        first = (grade_span.start - summary.began) * width // length
        last = max(first + 1, -(-(grade_span.end - summary.began) * width // length))
        for cell in range(first, min(last, width)):
            cells[cell] = max(cells[cell], grade_span.grade)
    names = [grade.name.lower() for grade in cells]
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
