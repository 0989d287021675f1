"""Filters of the templates that format numbers and durations."""

import re

from jinja2 import pass_context
from jinja2.runtime import Context

from jmmc.web.dashboard.durations import duration


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
