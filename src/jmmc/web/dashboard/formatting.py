"""Filters of the templates that format numbers and durations."""

from jinja2 import pass_context
from jinja2.runtime import Context


@pass_context
def percent(context: Context, share: float | None) -> str:
    """Format a share (0..1) as a percentage in the page's language; "?" for None."""
    return "?" if share is None else f"{number(context, share * 100, 1)}\u00a0%"


@pass_context
def number(context: Context, value: float, places: int = 0) -> str:
    """Format a number with the separators of the page's language."""
    text = f"{value:,.{places}f}"
    if context["language"] == "fr":
        text = text.translate({ord(","): "\u202f", ord("."): ","})
    return text
