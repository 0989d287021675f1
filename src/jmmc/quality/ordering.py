"""The orders in which sessions are listed: by a key of their summary, unknown values last."""

import re
from collections.abc import Callable, Collection, Mapping
from typing import Any, NamedTuple

from jmmc.core.errors import InvalidInput
from jmmc.quality.summary import Summary

_INTEGER = re.compile("-?[0-9]{1,12}")
_SHARE = re.compile(r"-?[0-9]\.[0-9]{1,20}(e-[0-9]{1,2})?")

HIGHEST, LOWEST = "\U0010ffff", "\x01"
"""Stand before or for texts that come after, or before, all others."""


class SortKey(NamedTuple):
    """What sessions may be sorted by.

    `field` is the field of a summary with the value; "" when the key is computed. `falling`:
    readers want the highest values first. `of` gives the value: a number or a text; None or ""
    when it is unknown.
    """

    name: str
    field: str
    falling: bool
    of: Callable[[Summary], Any]

    @property
    def is_text(self) -> bool:
        """Whether values are texts."""
        return not self.falling


def _share(bad: int, summary: Summary) -> float | None:
    return bad / summary.known if summary.known else None


def _field(name: str, field: str = "") -> SortKey:
    field = field or name
    return SortKey(name, field, False, lambda summary: getattr(summary, field))


SORT_KEYS: Mapping[str, SortKey] = {
    key.name: key
    for key in (
        SortKey("began", "began", True, lambda summary: summary.began),
        SortKey("length", "", True, lambda summary: summary.ended - summary.began),
        _field("room"),
        SortKey("person", "", False, lambda summary: summary.name_key),
        _field("region"),
        _field("network"),
        _field("browser"),
        SortKey("poor", "", True, lambda summary: _share(summary.poor, summary)),
        SortKey("bad", "", True, lambda summary: _share(summary.fair + summary.poor, summary)),
    )
}
"""Every key, by its name outside.

`poor` and `bad` are the shares of known time that were poor, and fair or poor; `person` is the
name, and after all names the participant id.
"""


class Order(NamedTuple):
    """The order of a list: by the key of that name, and where keys are equal by id."""

    key: str = "began"
    falling: bool = True

    @staticmethod
    def parse(text: str, keys: Collection[str] = SORT_KEYS) -> "Order":
        """Read a name of `keys`, with a `-` before it for a falling order.

        Raises `ValueError`.
        """
        name = text.removeprefix("-")
        if name not in keys:
            allowed = ", ".join(keys)
            raise InvalidInput(
                "expected {allowed}, with a - before it for falling order",
                field="sort",
                given=text,
                allowed=allowed,
            )
        return Order(name, text.startswith("-"))

    @property
    def text(self) -> str:
        """The inverse of `parse`."""
        return f"-{self.key}" if self.falling else self.key

    @property
    def unknown_share(self) -> float:
        """What stands for a share that is unknown: it comes last."""
        return -1.0 if self.falling else 2.0

    @property
    def last_text(self) -> str:
        """What stands before texts that come after all others."""
        return LOWEST if self.falling else HIGHEST

    def key_of(self, summary: Summary) -> Any:
        """The key of a summary: an integer, a float or a text."""
        key = SORT_KEYS[self.key]
        value = key.of(summary)
        if self.key == "person":
            return value or self.last_text + summary.browser_id
        if key.is_text:
            return value or self.last_text
        return self.unknown_share if value is None else value

    def parse_key(self, text: str) -> Any:
        """The key that a cursor has as a text. Raises `ValueError`."""
        if SORT_KEYS[self.key].is_text:
            return text
        pattern = _SHARE if self.key in ("poor", "bad") else _INTEGER
        if not pattern.fullmatch(text):
            raise ValueError(f"{text[:100]!r}: expected a number")
        return float(text) if pattern is _SHARE else int(text)


NEWEST_FIRST = Order()
