"""`jmmc report` and `jmmc show`: answers in the terminal."""

from bisect import bisect_right
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import click
from rich.console import Group
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from jmmc.answers.cause_texts import advice_of, fact_sentences, headline
from jmmc.answers.incidents import IncidentDetail, is_incident_id
from jmmc.answers.model import FEW, Comparison, Grades, JoinRates, Overview, SessionDetail
from jmmc.answers.queries import Queries
from jmmc.answers.serialization import encode
from jmmc.cli.asking import ask
from jmmc.cli.common import (
    PlainConsole,
    collection_option,
    configured_pseudonyms,
    json_option,
    print_json,
    store_option,
)
from jmmc.cli.filters import filter_options, given_selection, stored_selection
from jmmc.cli.incidents import hurt_most, render_incident
from jmmc.cli.report_email import email_options, email_report
from jmmc.cli.stored_values import complete_session
from jmmc.cli.terminal import (
    COLOURS,
    MARKS,
    failure_text,
    grade_mark,
    moved,
    percent,
    reasons_text,
    room_text,
)
from jmmc.cli.times import local_time, utc_option
from jmmc.core.calendar import Period
from jmmc.core.parts import parts_of
from jmmc.core.text import counted, printable
from jmmc.quality.differences import Difference, Mark
from jmmc.quality.filters import DIMENSIONS, IncidentFilter
from jmmc.quality.grading import Grade
from jmmc.quality.losses import Loss
from jmmc.quality.outcomes import ATTEMPTS, DROPPED, NO_MEDIA
from jmmc.quality.ratings import Ratings
from jmmc.quality.summary import Summary
from jmmc.web.dashboard.durations import duration
from jmmc.web.dashboard.i18n import upload_sentence, way_sentence, words

_MOST_WAYS = 6
_WORST_INCIDENTS = 5  # Of a report.
_POINTS = 60  # Of a curve in the terminal.
_BARS = " ▁▂▃▄▅▆▇█"
_DIFFERENCES = {
    Mark.WORSE: ("▲", "red"),
    Mark.BETTER: ("▼", "green"),
    Mark.UNCLEAR: ("", ""),
    Mark.FEW: ("", ""),
}


@click.command()
@filter_options
@click.option("--by", type=click.Choice(DIMENSIONS), help="Compare by this dimension.")
@json_option
@utc_option
@email_options
@store_option
@collection_option
def report(
    url: str,
    collection: str,
    by: str | None,
    as_json: bool,
    send: bool,
    preview: Path | None,
    period: Period | None,
    config: Path | None,
    **filters: str | None,
) -> None:
    """Report sessions, minutes and quality; --by compares values.

    With --send or --preview: the weekly or monthly report by e-mail.
    """
    if send or preview is not None:
        email_report(send=send, preview=preview, period=period, config=config)
        return
    names = configured_pseudonyms(url)
    given = given_selection(filters)

    async def query(queries: Queries) -> tuple[Overview, list[Comparison], Sequence[Any]]:
        selection = await stored_selection(queries, names, given)
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
        f"{counted(overview.sessions, 'session')} in {counted(overview.rooms, 'room')},"
        f" {counted(overview.minutes, 'minute')},"
        f" peak {counted(overview.peak_people, 'person', 'people')}",
    ]
    if overview.ratings.sessions:
        lines.append(f"rating       {_rating(overview.ratings)}")
    quality = Text.assemble("quality      ", *_shares(grades))
    people, poor_shares = _curves(overview)
    concurrent = Text(f"concurrent   {_spark(people)}")
    poor_time = Text(f"poor time    {_spark(poor_shares, most=1.0)}", style="red")
    PlainConsole().print(
        Group(*lines, quality, concurrent, poor_time, *_joins(overview.joins, overview))
    )
    if incidents:
        PlainConsole().print(hurt_most(incidents))
    if by:
        PlainConsole().print(_render_comparison(by, compared))
        PlainConsole().print("▲ worse, ▼ better than the rest beyond chance; from it in points")
        PlainConsole().print(_render_joins(by, compared))


@click.command()
@click.argument("id", shell_complete=complete_session)
@json_option
@utc_option
@store_option
@collection_option
def show(id: str, url: str, collection: str, as_json: bool) -> None:  # noqa: A002 - what is shown
    """Show one session or incident: its problems and likely causes.

    ID is the id of a session or its first characters, a support code, or the id of an incident.
    """

    async def query(queries: Queries) -> SessionDetail | IncidentDetail:
        if is_incident_id(id.lower()):
            return await queries.incident(id.lower())
        found = await queries.sessions_of_code(id)
        return await queries.session(found[0].session if found else await queries.session_id(id))

    detail = ask(url, collection, query)
    if as_json:
        print_json(encode(detail))
        return
    if isinstance(detail, IncidentDetail):
        PlainConsole().print(render_incident(detail))
    else:
        PlainConsole().print(_render_session(detail))


def _render_session(detail: SessionDetail) -> Group:
    summary = detail.summary
    if summary.outcome in ATTEMPTS:
        return _render_attempt(detail)
    grades = Grades.of(summary.good, summary.fair, summary.poor, summary.unknown)
    ended = "to now" if summary.running else f"to {local_time(summary.ended)}"
    network = ", ".join(
        name for name in (moved(summary, "network"), summary.provider, summary.country) if name
    )
    parts: list[Any] = [
        Text(printable(f"{summary.session}  {room_text(summary.room)}"), style="bold"),
        f"{local_time(summary.began)} {ended},"
        f" {counted(summary.samples, 'sample')}, {counted(summary.gaps, 'gap')}",
        *(_about_person(summary)),
        f"{summary.browser or '?'} on {summary.os or '?'}; region {moved(summary, 'region')},"
        f"{_bridges(summary)}"
        f" network {network}, {moved(summary, 'transport')}, {moved(summary, 'codec')}",
        Text.assemble("quality      ", *_shares(grades)),
        Text.assemble("timeline     ", *_timeline(summary)),
    ]
    if summary.setup.text:
        parts.append(f"join         {_steps(summary)}")
    if summary.outcome in (DROPPED, NO_MEDIA):
        heading = "dropped" if summary.outcome == DROPPED else "no media"
        parts.append(Text(f"{heading:<13}{failure_text(summary.failure)}", style="red"))
    for name in ("quality", "rtt_ms", "down_loss_percent", "up_bandwidth_kbps"):
        values = _by_time(detail, name)
        if known := [value for value in values if value is not None]:
            line = _spark([(value, 1) for value in values])
            parts.append(f"{name:<18} {line}  {min(known):g} to {max(known):g}")
    for spell in detail.spells:
        reasons = ", ".join(
            reasons_text([reason]) + (_losses(spell.losses) if reason == "loss" else "")
            for reason in spell.spell.reasons
        )
        seconds = spell.spell.end - spell.spell.start
        parts.append(
            Text.assemble(
                f"\n{local_time(spell.spell.start)}  {seconds} s  ",
                grade_mark(spell.spell.grade.name.lower()),
                f"  {reasons}",
            )
        )
        answer = spell.answer
        sentence = printable(headline(answer, "en"))
        parts.append(Padding(Text(sentence, style="bold"), (0, 0, 0, 2), expand=False))
        parts += [f"    {printable(fact)}" for fact in fact_sentences(answer.causes[0], "en")]
        parts += [f"    {printable(advice)}" for advice in advice_of(answer, "en")]
        if spell.incident:
            parts.append(f"    part of incident {spell.incident}")
    translate = _english
    for upload in detail.ways.uploads:
        parts.append(upload_sentence(upload, translate))
    if detail.ways.ways:
        said = [way_sentence(way, translate, percent) for way in detail.ways.ways[:_MOST_WAYS]]
        parts.append(f"\nways: {'; '.join(said)}".replace("\u00a0", " "))
    return Group(*parts)


def _joins(joins: JoinRates, overview: Overview) -> list[Text]:
    """The lines on joins and drops of a report."""
    if not (joins.joined or joins.failed or joins.refused):
        if not overview.sessions:
            return [Text("joins        nobody joined in this period")]
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
    return f"{count:,} of {of:,} {what}, {percent(share)} (95 %: {percent(low)} to {percent(high)})"


def _reasons(reasons: Mapping[str, int]) -> str:
    named = [f"{failure_text(reason)} {count:,}" for reason, count in reasons.items()]
    return f": {', '.join(named)}" if named else ""


def _steps(summary: Summary) -> str:
    lengths = zip(
        ("script to asking", "asking to joined", "to ICE", "to first media"),
        summary.setup.steps,
        strict=True,
    )
    return ", ".join(f"{name} {length:,} ms" for name, length in lengths if length is not None)


def _render_attempt(detail: SessionDetail) -> Group:
    """What failed, when, after how long, and what to do."""
    attempt = detail.summary
    advice = words("en").get(f"advice {attempt.failure}", "")
    return Group(
        Text(printable(f"{attempt.session}  {room_text(attempt.room)}"), style="bold"),
        f"{local_time(attempt.began)}, the join {attempt.outcome}; nobody was in the room",
        f"{attempt.browser or '?'} on {attempt.os or '?'}; region {attempt.region or '?'},"
        f" network {attempt.network or '?'}",
        Text(f"reason       {failure_text(attempt.failure)}", style="red"),
        f"steps        {_steps(attempt) or 'unknown'}",
        Padding(Text(advice, style="bold"), (0, 0, 0, 2), expand=False),
    )


def _english(key: str) -> str:
    return words("en").get(key, key)


def _losses(losses: Sequence[Loss]) -> str:
    said = [f"{loss.kind} {loss.direction} {loss.percent:g} %".strip() for loss in losses]
    return f" ({', '.join(said)})" if said else ""


def _bridges(summary: Summary) -> str:
    return f" bridge {moved(summary, 'bridge')}," if any(summary.values_of("bridge")) else ""


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


def _by_time(detail: SessionDetail, curve: str) -> list[float | None]:
    """The values of a curve at equal distances in time; None where it is unknown."""
    times, values = detail.times, detail.curves.get(curve, ())
    if not values:
        return []
    moments = (times[0] + (times[-1] - times[0]) * n // _POINTS for n in range(_POINTS))
    found = [values[bisect_right(times, moment) - 1] for moment in moments]
    return [value if isinstance(value, int | float) else None for value in found]


def _render_comparison(by: str, compared: Sequence[Comparison]) -> Table:
    table = Table(box=None, header_style="bold")
    table.add_column(by)
    rated = any(row.ratings.sessions for row in compared)
    for column in (
        "fair or poor",
        "from the rest",
        "95 %",
        "poor",
        "95 % of poor",
        "sessions",
        *(("rating",) if rated else ()),
    ):
        table.add_column(column, justify="right")
    for comparison in compared:
        few = comparison.sessions < FEW
        table.add_row(
            comparison.value or "unknown",
            percent(comparison.grades.bad_share),
            _difference(comparison.bad_difference),
            _points(comparison.bad_difference),
            percent(comparison.grades.poor_share),
            "too few" if few else _bounds(comparison.poor_interval),
            f"{comparison.sessions:,}",
            *([_rating(comparison.ratings)] if rated else ()),
            style="dim" if few else None,
        )
    return table


def _bounds(interval: tuple[float, float]) -> str:
    return f"{percent(interval[0])} to {percent(interval[1])}"


def _points(difference: Difference) -> str:
    """The interval of a difference, in percentage points."""
    if difference.share is None:
        return ""
    low, high = difference.interval
    return f"{low * 100:+.1f} to {high * 100:+.1f}"


def _difference(difference: Difference) -> Text:
    """The difference from the rest in percentage points, marked where it is beyond chance."""
    if difference.share is None:
        return Text("too few")
    sign, style = _DIFFERENCES[difference.mark]
    return Text(f"{sign} {difference.share * 100:+.1f}".lstrip(), style=style)


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
    bounds = _bounds(interval)
    if share is None:
        bounds = ""
    elif count < FEW:
        bounds = "too few"
    return f"{count:,}", percent(share), bounds


def _rating(ratings: Ratings) -> str:
    if ratings.mean is None:
        return ""
    low, high = ratings.interval or (0.0, 0.0)
    interval = f" ({low:.1f} to {high:.1f})" if ratings.interval else " (too few)"
    return f"{ratings.mean:.1f} of 5 in {ratings.sessions:,}{interval}"


def _shares(grades: Grades) -> list[tuple[str, str]]:
    shares = zip(
        ("good", "fair", "poor"),
        (grades.good_share, grades.fair_share, grades.poor_share),
        strict=True,
    )
    parts = [(f"{MARKS[name]} {percent(share)} {name}   ", COLOURS[name]) for name, share in shares]
    return [*parts, (printable(f"{duration(grades.unknown_seconds)} unknown"), COLOURS["unknown"])]


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
    return [(MARKS[name], COLOURS[name]) for name in names]


def _curves(
    overview: Overview,
) -> tuple[list[tuple[float | None, int]], list[tuple[float | None, int]]]:
    """The people and the shares of poor time of all steps, weighed by their seconds.

    A step without a point had nobody: 0 people, and an unknown share.
    """
    if not overview.series:
        return [], []
    since, step = overview.since, overview.step
    points = {-(-(point.start - since) // step): point for point in overview.series}
    steps = max(-(-(overview.until - since) // step), max(points) + 1)
    people: list[tuple[float | None, int]] = [(0.0, step)] * steps
    poor_shares: list[tuple[float | None, int]] = [(None, 0)] * steps
    for number, point in points.items():
        people[number] = (point.participants, point.seconds)
        poor_shares[number] = (point.grades.poor_share, point.grades.known_seconds)
    return people, poor_shares


def _spark(
    values: Sequence[tuple[float | None, float]], *, most: float | None = None, width: int = 60
) -> str:
    """Draw values with their weights, some together where there are many; `·` is unknown.

    The highest bar is `most`, or the highest of the values.
    """
    if not values:
        return "no data"
    means = [_mean(part) for part in parts_of(values, -(-len(values) // width))]
    top = most or max((mean for mean in means if mean is not None), default=0) or 1
    return "".join(
        MARKS["unknown"] if mean is None else _BARS[min(8, max(0, round(mean / top * 8)))]
        for mean in means
    )


def _mean(values: Sequence[tuple[float | None, float]]) -> float | None:
    known = [(value, weight) for value, weight in values if value is not None and weight]
    weights = sum(weight for _, weight in known)
    return sum(value * weight for value, weight in known) / weights if weights else None
