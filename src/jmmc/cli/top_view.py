"""What `jmmc top` shows: one document, drawn for a width and a height. No I/O."""

from collections.abc import Callable, Sequence
from datetime import datetime
from typing import Any, NamedTuple

import msgspec
from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from jmmc.answers.cause_texts import title
from jmmc.cli.terminal import (
    COLOURS,
    MARKS,
    failure_text,
    grade_mark,
    percent,
    reasons_text,
    room_text,
)
from jmmc.cli.times import local_clock, local_time
from jmmc.cli.top_sources import Document
from jmmc.core.rounding import whole_minutes
from jmmc.core.text import printable
from jmmc.quality.causes import Answer
from jmmc.quality.causes.answer import Verdict

SORTS = ("problems", "people", "longest", "name")
"""The orders of meetings and participants; a key goes to the next one."""

_GRADES = ("poor", "fair", "good", "unknown")
_WIDE, _WIDER = 100, 130  # Columns from which networks and browsers, and regions, are shown.
_ALL = 20  # Rows of a table when the height is not limited.
_LONGEST = 28  # Characters of a cell, such as the name of a room.
_STALE = 120  # Seconds without a sample; browsers push every half minute.
_MOST = 4  # Incidents and failed joins that are shown.
_KEYS = "q quit   s sort   p pause   r refresh"


class Screen(NamedTuple):
    """How to draw: size in characters (`height` None: all of it), order, and what to say of it.

    `state` is the right end of the first line, `problem` why there is no newer document.
    """

    width: int
    height: int | None
    sort: str = SORTS[0]
    state: str = ""
    problem: str = ""
    keys: bool = False


def draw(document: Document, name: str, screen: Screen) -> RenderableType:
    """Draw a document of the source of that name."""
    live = document["live"]
    head = [
        _title(live, name, screen),
        *_stale(document),
        _people(live, screen.width),
        _bar(live, screen.width),
        _joins(live),
        *_incidents(document["incidents"]),
        *([_alerts(document["alerts"])] if document["alerts"] else []),
    ]
    failed = live["joins"]["latest"][:_MOST]
    foot = [*_failed(failed), *([Text(_KEYS, style="reverse")] if screen.keys else [])]
    meetings, people = _rows(
        screen, len(live["meetings"]), len(document["participants"]), len(head) + len(foot)
    )
    body: list[RenderableType] = []
    if not live["meetings"]:
        body.append(Text("no running meetings", style="bright_black"))
    if meetings:
        body.append(_meetings(live, meetings, screen))
    if people:
        body.append(_participants(document, people, screen))
    used = len(head) + bool(meetings) + meetings + bool(people) + people + len(foot)
    used += not live["meetings"]
    below = [Text("")] * max(0, (screen.height or 0) - used)
    return Group(*(_cut(line) for line in head), *body, *below, *(_cut(line) for line in foot))


def _cut(line: Text) -> Text:
    line.no_wrap, line.overflow = True, "ellipsis"
    return line


def _rows(screen: Screen, meetings: int, people: int, used: int) -> tuple[int, int]:
    """How many meetings and participants fit; each table has a line of heads."""
    if screen.height is None:
        return min(meetings, _ALL), min(people, _ALL)
    free = max(0, screen.height - used - 2)
    of_meetings = min(meetings, max(free // 2, free - people))
    return of_meetings, min(people, free - of_meetings)


def _title(live: Any, name: str, screen: Screen) -> Text:
    at = local_time(_second(live["at"])).partition(" ")[2]
    text = Text.assemble(("jmmc top", "bold"), f"  {at}  {printable(name, keep='')}")
    text.append(f"  by {screen.sort}  {screen.state}".rstrip(), "bright_black")
    if screen.problem:
        text.append(f"  {printable(screen.problem, keep='')}", "bold red")
    return text


def _stale(document: Document) -> list[Text]:
    """A warning when nothing has arrived for a while: what is shown may be over."""
    last = document["last_sample"]
    age = 0 if last is None else _second(document["live"]["at"]) - _second(last)
    if age < _STALE:
        return []
    return [
        Text(
            f"the newest sample is {whole_minutes(age)} minutes old: does the collector run?",
            "bold red",
        )
    ]


def _people(live: Any, width: int) -> Text:
    connections = f", {live['connections']:,} connections"
    if live["connections"] == live["people"]:
        connections = ""
    whole = _people_and(live, width, connections)
    return whole if whole.cell_len <= width else _people_and(live, width, "")


def _people_and(live: Any, width: int, connections: str) -> Text:
    text = Text(f"{live['people']:,} people in {len(live['meetings']):,} meetings{connections}   ")
    known = sum(live[grade] for grade in _GRADES if grade != "unknown")
    affected = live["poor"] + live["fair"]
    text.append(f"{percent(affected / known if known else None)} affected", "bold")
    text.append(f" of {known:,}   ")
    marks = [
        (f"{MARKS[grade]} {live[grade]:,}{f' {grade}' if width >= _WIDE else ''}", COLOURS[grade])
        for grade in _GRADES
    ]
    for number, (mark, colour) in enumerate(marks):
        text.append(("  " if number else "") + mark, colour)
    return text


def _bar(live: Any, width: int) -> Text:
    """The people by grade, as a bar over the whole width."""
    text = Text()
    total, before = live["people"], 0
    for grade in _GRADES:
        end = before + live[grade]
        cells = (-(-end * width // total) + -before * width // total) if total else 0
        text.append("━" * cells, COLOURS[grade])
        before = end
    return text


def _joins(live: Any) -> Text:
    joins = live["joins"]
    rates = joins["rates"]
    text = f"joins of the last {joins['seconds'] // 60} min: "
    if not (rates["joined"] or rates["failed"] or rates["refused"] or rates["ended"]):
        return Text(f"{text}none known", style="bright_black")
    attempts = rates["joined"] + rates["failed"]
    share = percent(rates["failed"] / attempts if attempts else None)
    failed = f"{rates['failed']:,} of {attempts:,} failed ({share})" if attempts else "no joins"
    dropped = f"{rates['dropped']:,} of {rates['ended']:,} stays dropped"
    refused = f", {rates['refused']:,} refused" if rates["refused"] else ""
    return Text(
        f"{text}{failed}{refused}, {dropped}",
        style="red" if rates["failed"] or rates["dropped"] else "",
    )


def _incidents(incidents: Sequence[Any]) -> list[Text]:
    """A line for each of the running incidents that affect most."""
    lines = []
    for incident in incidents[:_MOST]:
        answer = incident["answer"]
        verdict = Verdict[answer["verdict"].upper()].value
        cause = title(
            msgspec.convert({**answer, "verdict": verdict}, Answer), "en", incident["names"]
        )
        affected = f"{incident['people']:,} people in {incident['meetings']:,} meetings"
        since = local_clock(_second(incident["start"]))
        lines.append(
            Text.assemble(
                ("incident ", "bold"),
                (printable(f"{cause}: ", keep=""), COLOURS[incident["grade"]]),
                f"{affected}, since {since}",
            )
        )
    more = len(incidents) - _MOST
    return [*lines, *([Text(f"and {more} more running incidents")] if more > 0 else [])]


def _alerts(alerts: Sequence[Any]) -> Text:
    named = [f"{alert['rule']} {alert['subject']}".strip() for alert in alerts]
    return Text(printable(f"alerts firing: {', '.join(named)}", keep=""), style="bold red")


def _meetings(live: Any, most: int, screen: Screen) -> Table:
    table = _table(
        ("meeting", "left"), ("min", "right"), ("people", "right"), ("affected", "right")
    )
    table.add_column("", no_wrap=True)
    table.add_column("problems", no_wrap=True, overflow="ellipsis", ratio=1)
    keys: dict[str, Callable[[Any], Any]] = {
        "problems": lambda _: 0,  # As the API has them.
        "people": lambda meeting: -meeting["people"],
        "longest": lambda meeting: meeting["began"],
        "name": lambda meeting: meeting["room"],
    }
    now = _second(live["at"])
    for meeting in sorted(live["meetings"], key=keys[screen.sort])[:most]:
        affected = meeting["poor"] + meeting["fair"]
        known = affected + meeting["good"]
        table.add_row(
            room_text(meeting["room"]),
            _minutes(now, meeting["began"]),
            f"{meeting['people']:,}",
            f"{affected} of {known}" if known else "?",
            _blocks(meeting),
            reasons_text(meeting["reasons"]),
        )
    return table


def _blocks(meeting: Any) -> Text:
    """The people of a meeting by grade, in ten cells."""
    text, before = Text(), 0
    for grade in _GRADES:
        end = before + meeting[grade]
        # Rounded up: one of many with problems is seen.
        cells = -(-end * 10 // meeting["people"]) + -before * 10 // meeting["people"]
        text.append(MARKS[grade] * cells, COLOURS[grade])
        before = end
    return text


def _participants(document: Document, most: int, screen: Screen) -> Table:
    table = _table(
        ("participant", "left"), ("grade", "left"), ("affected", "right"), ("min", "right")
    )
    more = ["room"]
    more += ["network", "browser"] if screen.width >= _WIDE else []
    more += ["region"] if screen.width >= _WIDER else []
    for column in more:
        table.add_column(column, no_wrap=True, overflow="ellipsis", max_width=_LONGEST)
    table.add_column("problems", no_wrap=True, overflow="ellipsis", ratio=1)
    keys: dict[str, Callable[[Any], Any]] = {
        "longest": lambda session: session["began"],
        "name": _who,
    }
    now = _second(document["live"]["at"])
    listed = sorted(document["participants"], key=keys.get(screen.sort, lambda _: 0))
    for session in listed[:most]:
        spells = session["spells"]
        troubled = session["grade_now"] in ("fair", "poor") and bool(spells)
        reasons = spells[-1]["reasons"] if troubled else {}
        table.add_row(
            _who(session),
            grade_mark(session["grade_now"]),
            percent(session["affected_share"]),
            _minutes(now, session["began"]),
            room_text(session["room"]),
            *(session[column] or "?" for column in more[1:]),
            reasons_text(reasons),
        )
    return table


def _failed(attempts: Sequence[Any]) -> list[Text]:
    lines = []
    for attempt in attempts:
        where = f"{room_text(attempt['room'])}  {attempt['network'] or '?'}"
        lines.append(
            Text.assemble(
                ("join ", "bold"),
                f"{local_clock(_second(attempt['began']))}  {_who(attempt)}  ",
                (f"{attempt['outcome']}: {failure_text(attempt['failure'])}", "red"),
                f"  {printable(where, keep='')}",
            )
        )
    return lines


def _table(*columns: tuple[str, Any]) -> Table:
    table = Table(box=None, header_style="reverse", pad_edge=False, expand=True)
    for name, justify in columns:
        table.add_column(
            name, justify=justify, no_wrap=True, overflow="ellipsis", max_width=_LONGEST
        )
    return table


def _who(session: Any) -> str:
    short = session["endpoint_id"] or session["participant_id"][:8]
    return printable(f"{session['name']} ({short})" if session["name"] else short, keep="")


def _minutes(now: int, began: str) -> str:
    return f"{whole_minutes(max(0, now - _second(began))):,}"


def _second(moment: str) -> int:
    return int(datetime.fromisoformat(moment).timestamp())
