"""What an operator is told about one thing that was looked at."""

from typing import Literal, NamedTuple


class Finding(NamedTuple):
    """One thing looked at. `hint` says what to do when it is not fine."""

    verdict: Literal["ok", "warn", "fail"]
    what: str
    hint: str = ""
