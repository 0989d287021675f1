"""The page of usage: meetings, people, minutes, quality and failures by calendar periods."""

import re
import time
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple
from urllib.parse import urlencode
from zoneinfo import ZoneInfo

from markupsafe import Markup
from starlette.requests import Request
from starlette.responses import Response

from jmmc.answers.model import Usage
from jmmc.answers.period_names import date_name, local_date, period_name, short_name
from jmmc.answers.queries import Queries
from jmmc.answers.threads import in_background
from jmmc.answers.usage import LENGTHS, SHOWN
from jmmc.core.calendar import PERIODS, Calendar, Period
from jmmc.core.errors import InvalidInput
from jmmc.core.timestamps import check_order, parse_moment, to_iso
from jmmc.quality.filters import SummaryFilter
from jmmc.settings import Settings
from jmmc.web.dashboard.layout import Layout
from jmmc.web.security.access import Caller

_DATE = re.compile(r"\d{4}-\d\d-\d\d")
_MOST_PERIODS = 400  # Rows of the page; the API has no limit.
_MOST_LABELS = 8  # Of a chart's axis.
_PERIOD_TEXTS = {"day": "days", "week": "weeks", "month": "months", "year": "years"}
_TALL = 100  # Units of a column of full height.
_INTERVALS = 3  # Times the largest share: the chart ends there, whatever its intervals.
_STEPS = (1, 2, 2.5, 5, 10)


class _Asked(NamedTuple):
    """What a request asks for."""

    period: Period
    zone: ZoneInfo
    since: int
    until: int


class Column(NamedTuple):
    """One period in a chart: its drawing, what it says, and its label on the axis ("" for none)."""

    drawing: Markup
    text: str
    label: str


class Chart(NamedTuple):
    """Columns on an axis that ends at `top`, in the form in which it is written."""

    title: str
    top: str
    columns: Sequence[Column]


class UsagePage:
    """The handler of the page. `settings` gives those in force, `clock` Unix seconds."""

    def __init__(
        self,
        queries: Queries,
        settings: Callable[[], Settings],
        layout: Layout,
        *,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._queries = queries
        self._settings = settings
        self._layout = layout
        self._clock = clock

    async def usage(self, request: Request, caller: Caller) -> Response:
        """Show the usage of calendar periods. Raises `ValueError` for an invalid query."""
        asked = self._asked(request)
        selection = SummaryFilter(since=asked.since, until=asked.until)
        rows = await self._queries.usage(asked.period, selection, asked.zone)
        begins = await self._queries.usage_begins()
        language = str(self._layout.context(request, caller)["language"])
        window = (asked.since, asked.until)
        notes = await self._queries.notes(*window)
        context = _context(asked, rows, language, begins)
        return await in_background(
            lambda: self._layout.page(
                request, caller, "usage.html", notes=notes, window=window, **context
            )
        )

    def _asked(self, request: Request) -> _Asked:
        params = request.query_params
        period = next((name for name in PERIODS if name == params.get("by", "month")), None)
        if period is None:
            raise InvalidInput(
                "expected {allowed}", field="by", given=params["by"], allowed=", ".join(PERIODS)
            )
        zone = self._layout.zone(request).zone
        now = int(self._clock())
        until = now
        if given := params.get("until"):
            until = _moment("until", given, now, zone)
            if _DATE.fullmatch(given):
                until = Calendar("day", zone).at(until)[1]  # The day that is named is included.
        calendar = Calendar(period, zone)
        since = calendar.latest(SHOWN[period], until)
        if given := params.get("since"):
            since = _moment("since", given, now, zone)
        check_order(since, until)
        if since < calendar.latest(_MOST_PERIODS, until):
            raise InvalidInput(
                "this page has at most {most} periods: ask for longer ones",
                field="since",
                most=_MOST_PERIODS,
            )
        return _Asked(period, zone, since, until)


def _moment(name: str, given: str, now: int, zone: ZoneInfo) -> int:
    try:
        return parse_moment(given, now, zone)
    except InvalidInput as error:
        raise error.of(name) from None


def _context(
    asked: _Asked, rows: Sequence[Usage], language: str, begins: int | None
) -> dict[str, Any]:
    """The variables of the template."""
    zone, period = asked.zone, asked.period

    def name(row: Usage) -> str:
        return period_name(period, (row.start, row.end), zone, language)

    whole = [number for number, row in enumerate(rows) if not row.partial]
    place = whole[-1] if whole else len(rows) - 1
    latest = rows[place] if rows else None
    before = rows[place - 1] if place > 0 and not rows[place - 1].partial else None
    query = {
        "period": period,
        "tz": zone.key,
        "since": to_iso(asked.since),
        "until": to_iso(asked.until),
    }
    labels = [short_name(period, (row.start, row.end), zone, language) for row in rows]
    step = -(-len(rows) // _MOST_LABELS)
    shown = [label if number % step == 0 else "" for number, label in enumerate(labels)]
    return {
        "rows": list(zip(map(name, rows), rows, strict=True)),
        "latest": latest,
        "latest_name": name(latest) if latest else "",
        "before": before,
        "before_name": name(before) if before else "",
        "charts": [
            _chart("chart meetings", [row.meetings for row in rows], rows, shown, name),
            _chart("chart participants", [row.participants for row in rows], rows, shown, name),
            _chart("chart person-minutes", [row.minutes for row in rows], rows, shown, name),
            _share_chart(rows, shown, name),
        ],
        "lengths": _length_names(),
        "period": period,
        "periods": _PERIOD_TEXTS,
        "zone_name": zone.key,
        "begins": date_name(local_date(begins, zone), language) if begins is not None else "",
        "first_day": local_date(asked.since, zone).isoformat(),
        "last_day": local_date(asked.until - 1, zone).isoformat(),
        "api": "usage",
        "api_query": lambda **more: "?" + urlencode({**query, **more}),
    }


def _chart(
    title: str,
    values: Sequence[int],
    rows: Sequence[Usage],
    labels: Sequence[str],
    name: Callable[[Usage], str],
) -> Chart:
    top = _rounded_up(max(values, default=0))
    columns = [
        Column(_column(value / top, partial=row.partial), f"{name(row)}: {value:,}", label)
        for value, row, label in zip(values, rows, labels, strict=True)
    ]
    return Chart(title, f"{top:,.0f}", columns)


def _share_chart(
    rows: Sequence[Usage], labels: Sequence[str], name: Callable[[Usage], str]
) -> Chart:
    """The shares of poor time, with their intervals; nothing where no time is known."""
    known = [row for row in rows if row.grades.poor_share is not None]
    largest = max([row.grades.poor_share or 0.0 for row in known], default=0.0)
    highest = max([row.poor_interval[1] for row in known], default=0.0)
    # Intervals of few calls reach far: they may end at the top of the chart.
    highest = max(min(highest, _INTERVALS * largest), largest, 0.01)
    top = min(_rounded_up(highest * 100), 100)
    columns = []
    for row, label in zip(rows, labels, strict=True):
        share = row.grades.poor_share
        low, high = (min(bound * 100 / top, 1.0) for bound in row.poor_interval)
        drawing = _column(0.0, partial=row.partial)
        text = f"{name(row)}: ?"
        if share is not None:
            drawing = _column(share * 100 / top, partial=row.partial, interval=(low, high))
            text = f"{name(row)}: {share:.1%}"
        columns.append(Column(drawing, text, label))
    return Chart("chart poor time", f"{top:g} %", columns)


def _column(share: float, *, partial: bool, interval: tuple[float, float] | None = None) -> Markup:
    """Draw one column whose height is `share` (0..1); hatched where a period is partial."""
    height = share * _TALL
    drawn = Markup('<rect class="{}" x="14" y="{:.2f}" width="72" height="{:.2f}"/>').format(
        "part" if partial else "whole", _TALL - height, height
    )
    if interval is not None:
        low, high = interval
        drawn += Markup(
            '<rect class="bounds" x="44" y="{:.2f}" width="12" height="{:.2f}"/>'
        ).format(_TALL - high * _TALL, (high - low) * _TALL)
    return Markup(
        '<svg viewBox="0 0 100 {}" preserveAspectRatio="none" aria-hidden="true">{}</svg>'
    ).format(_TALL, drawn)


def _rounded_up(value: float) -> float:
    """The end of an axis that has a value: 1, 2, 2.5 or 5 times a power of ten."""
    power = 1.0
    while value > 10 * power:
        power *= 10
    return next(step * power for step in _STEPS if value <= step * power)


def _length_names() -> list[tuple[int, int | None]]:
    """The bounds in minutes of each length that is counted; the last one is open."""
    return list(zip((0, *LENGTHS), (*LENGTHS, None), strict=True))
