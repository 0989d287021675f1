"""Filters of the templates that format numbers and durations."""

import re
from collections.abc import Callable, Sequence
from datetime import UTC, datetime

from jinja2 import pass_context
from jinja2.runtime import Context

from jmmc.answers.model import Point
from jmmc.core.rounding import whole_minutes
from jmmc.web.dashboard.durations import duration

_WEEKDAYS = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")


@pass_context
def percent(context: Context, share: float | None) -> str:
    """Format a share (0..1) as a percentage in the page's language; "?" for None."""
    return "?" if share is None else f"{number(context, share * 100, 1)}\u00a0%"


@pass_context
def number(context: Context, value: float, places: int = 0) -> str:
    """Format a number with the separators of the page's language."""
    return translated_number(context, f"{value:,.{places}f}")


@pass_context
def translated_number(context: Context, text: str) -> str:
    """Write the numbers of an English text with the separators of the page's language."""
    if context["language"] != "fr":
        return text
    text = re.sub(r"(?<=\d),(?=\d{3})", "\u202f", text)
    return re.sub(r"(?<=\d)\.(?=\d)", ",", text)


def minutes(length: int) -> str:
    """Format a length in minutes."""
    return duration(length * 60)


@pass_context
def cell_labels(context: Context) -> Callable[[int, float, int], str]:
    """Return what names a cell of a heat map: by its start, its share and its known seconds.

    Scripts write the start in the reader's zone.
    """

    def label(start: int, share: float, known: int) -> str:
        moment = datetime.fromtimestamp(start, UTC)
        known_minutes = f"{number(context, whole_minutes(known))}\u00a0min"
        return f"{moment:%Y-%m-%d %H:%M} UTC: {percent(context, share)}, {known_minutes}"

    return label


@pass_context
def points(context: Context, difference: float) -> str:
    """Format a difference of shares in percentage points, with its sign."""
    rounded = round(difference * 100, 1)
    sign = "+" if rounded > 0 else "\u2212" if rounded < 0 else "±"
    return sign + number(context, abs(rounded), 1)


def weekday_hour(second: int, translate: Callable[[str], str]) -> str:
    """Format a moment as the weekday and the time of day, in UTC."""
    moment = datetime.fromtimestamp(second, UTC)
    return f"{translate(_WEEKDAYS[moment.weekday()])} {moment:%H:%M}"


def people_values(points: Sequence[Point]) -> list[tuple[int, int, float]]:
    """Return start, end and mean people of each point."""
    return [(point.start, point.start + point.seconds, point.participants) for point in points]


def bad_values(points: Sequence[Point]) -> list[tuple[int, int, float]]:
    """Return start, end and share of fair or poor time of each point, where it is known."""
    return [
        (point.start, point.start + point.seconds, share)
        for point in points
        if (share := point.grades.bad_share) is not None
    ]


def bad_seconds(points: Sequence[Point]) -> float:
    """Return the person-seconds that were fair or poor in all points."""
    return sum((point.grades.bad_share or 0.0) * point.grades.known_seconds for point in points)


@pass_context
def figure(context: Context, value: float) -> str:
    """Format a measured value with about three digits that count."""
    places = 0 if abs(value) >= 100 else 1 if abs(value) >= 10 else 2
    text = f"{value:.{places}f}"
    kept = len(text.rstrip("0").partition(".")[2])
    return number(context, value, min(places, kept))
