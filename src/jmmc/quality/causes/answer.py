"""What the model answers: ranked causes, the facts that decided, and what is missing."""

from collections.abc import Sequence
from enum import Enum

from msgspec import Struct

from jmmc.quality.causes.parameters import CLEAR, VERSION

OTHER_END = "other end"
"""The kind of a cause at another participant; its value is that participant's session."""

SIDES = {
    **dict.fromkeys(("line", "machine", "device", "chance"), "participant"),
    **dict.fromkeys((OTHER_END,), "other participant"),
    **dict.fromkeys(("network", "provider", "transport"), "network"),
    **dict.fromkeys(("meeting", "bridge", "region", "service"), "server"),
    **dict.fromkeys(("browser", "os"), "software"),
}
"""Where each kind of cause is."""


class Fact(Struct, frozen=True):
    """One thing that speaks for a cause: the name of its sentence, and the numbers in it."""

    name: str
    numbers: dict[str, float | str]


class Cause(Struct, frozen=True):
    """A possible cause with its probability.

    `value` is the group; of an own line its direction (`up`, `down` or "" for both), of the other
    end the session. `bad` of `known` others who have it in common had problems at the same time,
    and `others_bad` of `others_known` elsewhere.
    """

    kind: str
    value: str
    probability: float
    bad: int
    known: int
    others_bad: int
    others_known: int
    facts: tuple[Fact, ...] = ()


class Verdict(Enum):
    """How sure an answer is."""

    LIKELY = "likely"
    TIE = "tie"
    UNCLEAR = "unclear"
    NOT_ENOUGH = "not enough data"


class Answer(Struct, frozen=True):
    """The likely causes of one problem, the most probable first.

    The first one is named where it has half of the probability and more. All of them have less than
    1 together where it is less sure that the first one is right (`parameters.SURE`). `ties`: the
    places in `causes` that explain as much as the first one, because the same people are in these
    groups: the verdict is a tie where they have half of the probability together. `missing` names
    what would have told more. `sides` has the probability of each of `SIDES`.
    """

    verdict: Verdict
    causes: tuple[Cause, ...]
    ties: tuple[int, ...] = ()
    missing: tuple[str, ...] = ()
    sides: dict[str, float] = {}
    version: int = VERSION

    @property
    def likely(self) -> Cause | None:
        """The cause that is named, if one is."""
        first = self.causes[0] if self.causes else None
        return first if first and first.probability >= CLEAR else None

    @property
    def certainty(self) -> float:
        """The probability of the first cause; in a tie, that it is any of those in it."""
        tied = self.ties if self.verdict is Verdict.TIE else ()
        return min(1.0, sum(self.causes[at].probability for at in (0, *tied)))


def is_tie(causes: Sequence[Cause], ties: Sequence[int]) -> bool:
    """Whether the first cause and those that explain as much are clear, but not which of them."""
    return bool(ties) and sum(causes[at].probability for at in (0, *ties)) >= CLEAR
