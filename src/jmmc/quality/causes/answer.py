"""What the model answers: ranked causes, the facts that decided, and what is missing."""

from collections.abc import Mapping, Sequence
from enum import Enum

from msgspec import Struct

from jmmc.quality.causes.parameters import CLEAR, SURE, VERSION

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

    `verdict` says whether the first one is named: see `is_clear`. `ties`: the places in `causes`
    that explain as much as the first one, because the same people are in these groups. `missing`
    names what would have told more. `sides` has the probability of each of `SIDES`.
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
        return self.causes[0] if is_clear(self.causes, self.ties, self.sides) else None


def is_clear(causes: Sequence[Cause], ties: Sequence[int], sides: Mapping[str, float]) -> bool:
    """Whether the first cause is named: it is probable, and hardly anybody else is the cause.

    Which of a participant's own causes it is may be less sure than that it is one of these, and
    which of the groups with the same people less than that it is one of them.
    """
    if not causes or causes[0].probability < CLEAR:
        return False
    first = causes[0]
    sure = first.probability + sum(causes[place].probability for place in ties)
    if SIDES[first.kind] == "participant":
        sure = max(sure, sides.get("participant", 0.0))
    return sure >= SURE
