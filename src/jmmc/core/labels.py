"""Names that stand in labels: few, whatever browsers say."""

from collections.abc import Iterable

UNKNOWN, OTHER = "unknown", "other"

_LONGEST = 64


class Names:
    """The values that one label may have: at most `limit`, and those that are `known` beforehand.

    What comes first stays; what comes when all places are taken is `other`. So nobody can fill a
    monitoring system by making up names.
    """

    def __init__(self, limit: int, known: Iterable[str] = ()) -> None:
        self._limit = limit
        self._taken = dict.fromkeys(known)

    def of(self, value: str) -> str:
        """The value, or what stands for it; nothing is `unknown`."""
        if not value:
            return UNKNOWN
        value = value[:_LONGEST]
        if value not in self._taken:
            if len(self._taken) >= self._limit:
                return OTHER
            self._taken[value] = None
        return value


def family(browser: str) -> str:
    """A browser without its version: `Mobile Safari 18` is `Mobile Safari`."""
    name, _, version = browser.rpartition(" ")
    return name if name and version[:1].isdigit() else browser
