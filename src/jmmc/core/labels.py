"""Values of metric labels, limited in number whatever browsers send."""

from collections.abc import Iterable

UNKNOWN, OTHER = "unknown", "other"

_MAX_LENGTH = 64


class LabelValues:
    """The values that one label may have: those in `known`, and new ones up to `limit` in all.

    The first values are kept; when the limit is reached, new ones become `other`. So clients
    cannot fill a monitoring system with invented names.
    """

    def __init__(self, limit: int, known: Iterable[str] = ()) -> None:
        self._limit = limit
        self._taken = dict.fromkeys(known)

    def of(self, value: str) -> str:
        """Return the value, `other` beyond the limit, or `unknown` for an empty string."""
        if not value:
            return UNKNOWN
        value = value[:_MAX_LENGTH]
        if value not in self._taken:
            if len(self._taken) >= self._limit:
                return OTHER
            self._taken[value] = None
        return value


def browser_family(browser: str) -> str:
    """Return a browser without its version: `Mobile Safari` for `Mobile Safari 18`."""
    name, _, version = browser.rpartition(" ")
    return name if name and version[:1].isdigit() else browser
