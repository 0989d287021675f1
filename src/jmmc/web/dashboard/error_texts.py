"""What pages say about errors, in the reader's language: the sentence, and which field it is of."""

from collections.abc import Callable, Mapping

from jinja2 import pass_context
from jinja2.runtime import Context

from jmmc.core.errors import Typed, Worded
from jmmc.core.timestamps import WordedMoment
from jmmc.web.dashboard.formatting import translated_number
from jmmc.web.problems import Problem

FIELD_NAMES: Mapping[str, str] = {
    "since": "from",
    "until": "to",
    "at": "before and after",
    "crossed": "cross with",
    "by": "Compare by",
    "tz": "time zone",
    "tz_name": "time zone",
    "sort": "Order",
}
"""What pages call parameters, by their names, where it is another word."""


@pass_context
def sentence(context: Context, error: Worded | Problem) -> str:
    """The sentence of an error, without the name and the value of its field."""
    translate: Callable[[str], str] = context["_"]
    values = {name: _value(context, name, value) for name, value in error.values.items()}
    text = translate(error.sentence)
    return text.format(**values) if values else text


@pass_context
def field_name(context: Context, field: str) -> str:
    """The label of a parameter on the page; "" without a parameter."""
    translated: str = context["_"](FIELD_NAMES.get(field, field))
    return translated


@pass_context
def quoted(context: Context, text: str) -> str:
    """What somebody typed, in the quotes of the page's language."""
    quotes: str = context["_"]("“{text}”")
    return quotes.format(text=str(text))


def _value(context: Context, name: str, value: object) -> object:
    """A value as sentences of pages have it.

    Times are in the reader's zone, and what was typed has the quotes of the language; a translated
    sentence has its own digits, and choices by their names.
    """
    if isinstance(value, WordedMoment):
        return str(context["zone"].wall_time(value)).replace("T", " ")
    if isinstance(value, Typed):
        return quoted(context, value)
    if context["language"] == "en":
        return value
    if isinstance(value, int):
        return translated_number(context, f"{value:,}")
    if name == "allowed":
        return ", ".join(map(context["_"], str(value).split(", ")))
    return str(value)
