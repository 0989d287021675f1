"""Results of checks, as `jmmc check` and `jmmc doctor` print them."""

from typing import Literal, NamedTuple


class Finding(NamedTuple):
    """The result of one check: a verdict, what was found, and a hint when something is wrong."""

    verdict: Literal["ok", "warn", "fail"]
    what: str
    hint: str = ""
