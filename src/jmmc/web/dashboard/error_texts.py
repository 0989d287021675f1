"""What pages say about errors, in the reader's language: the sentence, and which field it is of."""

from collections.abc import Callable, Mapping

from jinja2 import pass_context
from jinja2.runtime import Context

from jmmc.core.errors import Worded
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
    values = {
        name: _value(context, name, value) if context["language"] != "en" else value
        for name, value in error.values.items()
    }
    text = translate(error.sentence)
    return text.format(**values) if values else text


@pass_context
def field_name(context: Context, field: str) -> str:
    """The label of a parameter on the page; "" without a parameter."""
    translated: str = context["_"](FIELD_NAMES.get(field, field))
    return translated


def _value(context: Context, name: str, value: object) -> str:
    """A value as a translated sentence has it: with its own digits, and choices by their names."""
    if isinstance(value, int):
        return translated_number(context, f"{value:,}")
    if name == "allowed":
        return ", ".join(map(context["_"], str(value).split(", ")))
    return str(value)
