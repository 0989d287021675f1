"""How figures, grades and rooms look in the terminal."""

from collections.abc import Iterable
from urllib.parse import unquote

from rich.text import Text

from jmmc.core.text import printable
from jmmc.quality.summary import Summary
from jmmc.web.dashboard.i18n import words

COLOURS = {"good": "green", "fair": "yellow", "poor": "red", "unknown": "bright_black"}
"""The colour of a grade."""

MARKS = {"good": "●", "fair": "◐", "poor": "○", "unknown": "·"}
"""The mark of a grade, for readers without colours."""

_MOST_MOVES = 6  # Values of a dimension of one session.


def minutes_text(seconds: float) -> str:
    """Seconds as minutes, with a place after the point below ten."""
    minutes = seconds / 60
    return f"{minutes:,.{1 if round(minutes, 1) < 10 else 0}f}"


def percent(share: float | None) -> str:
    """A share as a percentage; `?` is unknown."""
    return "?" if share is None else f"{share:.1%}"


def grade_mark(grade: str) -> Text:
    """A grade with its mark and colour."""
    return Text(f"{MARKS[grade]} {grade}", style=COLOURS[grade])


def room_text(room: str) -> str:
    """A room's name as people read it."""
    return printable(unquote(room), keep="")


def reasons_text(reasons: Iterable[str]) -> str:
    """The reasons of problems in words."""
    return ", ".join(words("en")[f"reason {reason}"] for reason in reasons)


def failure_text(failure: str) -> str:
    """In words, why a join failed or a stay was dropped; `?` is unknown."""
    return words("en").get(f"failure {failure}", failure) or "?"


def moved(summary: Summary, dimension: str) -> str:
    """The values of a dimension over time; `?` is unknown."""
    values = [value or "?" for value in summary.values_of(dimension)]
    return " → ".join(values if len(values) <= _MOST_MOVES else [*values[:_MOST_MOVES], "…"])
