"""Values of metric labels, limited in number whatever browsers send."""

from collections.abc import Iterable

from jmmc.core.text import printable

UNKNOWN, OTHER = "unknown", "other"

_MAX_LENGTH = 64
_MAX_CANDIDATES = 1000  # Values that came from one source only.


class LabelValues:
    """The values that one label may have: those in `known`, and new ones up to `limit` in all.

    The first values are kept; when the limit is reached, new ones become `other`. So clients
    cannot fill a monitoring system with invented names. Of the places that are not `known`, the
    second half is for values that come from at least two sources: one client that invents names
    takes no more than the first half.
    """

    def __init__(self, limit: int, known: Iterable[str] = ()) -> None:
        self._limit = limit
        self._taken = dict.fromkeys(known)
        self._open_to_all = limit - max(0, limit - len(self._taken)) // 2
        self._first_sources: dict[str, str] = {}

    def of(self, value: str, source: str | None = None) -> str:
        """Return the value, `other` beyond the limit, or `unknown` for an empty string.

        Characters that are not printable are replaced by their codes. `source` says who sent the
        value; without it every place is open to all.
        """
        if not value:
            return UNKNOWN
        value = printable(value[:_MAX_LENGTH], keep="")[:_MAX_LENGTH]
        if value not in self._taken:
            if len(self._taken) >= self._limit or not self._may_be_added(value, source):
                return OTHER
            self._taken[value] = None
        return value

    def _may_be_added(self, value: str, source: str | None) -> bool:
        if source is None or len(self._taken) < self._open_to_all:
            return True
        if self._first_sources.setdefault(value, source) != source:
            del self._first_sources[value]
            return True
        if len(self._first_sources) > _MAX_CANDIDATES:
            del self._first_sources[next(iter(self._first_sources))]
        return False


def browser_family(browser: str) -> str:
    """Return a browser without its version: `Mobile Safari` for `Mobile Safari 18`."""
    name, _, version = browser.rpartition(" ")
    return name if name and version[:1].isdigit() else browser
