"""Figures as the readers of a page write them: filters of the templates."""

from jinja2 import pass_context
from jinja2.runtime import Context


@pass_context
def percent(context: Context, share: float | None) -> str:
    """A share as people of this language write it."""
    return "?" if share is None else f"{number(context, share * 100, 1)}\u00a0%"


@pass_context
def number(context: Context, value: float, places: int = 0) -> str:
    """With the separators of this language."""
    text = f"{value:,.{places}f}"
    if context["language"] == "fr":
        text = text.translate({ord(","): "\u202f", ord("."): ","})
    return text


def duration(seconds: int) -> str:
    """In the largest two units: 45 s, 3 min 20 s, 1 h 5 min."""
    if seconds < 60:
        return f"{seconds}\u00a0s"
    if seconds < 3600:
        rest = f" {seconds % 60}\u00a0s" if seconds % 60 and seconds < 600 else ""
        return f"{seconds // 60}\u00a0min{rest}"
    rest = f" {seconds % 3600 // 60}\u00a0min" if seconds % 3600 >= 60 else ""
    return f"{seconds // 3600}\u00a0h{rest}"
