"""When to alarm: rules as an operator writes them, and what they decide of what is seen.

Nothing here looks or sends. `decide` takes what was decided before and what is seen now; so an
alert begins once, ends once, and does not flap.
"""

from typing import Annotated, Literal

from msgspec import Struct
from msgspec.structs import replace
from pydantic import BaseModel, ConfigDict, Field, model_validator

from jmmc.answers.model import Share, Silence
from jmmc.core.fields import Moment

Group = Literal["all", "region", "network"]
AlertEvent = Literal["firing", "resolved"]
View = Literal["bad", "between", "clear"]


class _Rule(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True)

    name: str = Field(
        pattern=r"^[a-z0-9][a-z0-9_-]{0,63}$",
        description="What the notices call it: small letters, digits, - and _.",
    )
    quiet_minutes: float = Field(
        5, ge=0, le=1440, description="Minutes that it must be well before it counts as over."
    )


class PoorShare(_Rule):
    """Too much of the time was poor."""

    kind: Literal["poor_share"]
    by: Group = Field(
        "all", description="Over everybody together, or each region or network for itself."
    )
    value: str = Field("", description="Only this region or network; empty looks at each.")
    minutes: int = Field(
        10, ge=5, le=1440, description="Minutes that are looked at, back to a whole five minutes."
    )
    above: float = Field(
        0.2, ge=0, lt=1, description="Fires when more than this share of their known time was poor."
    )
    clear: float | None = Field(
        None, ge=0, lt=1, description="Well is at most this share; half of above by default."
    )
    participants: int = Field(
        5, ge=1, description="Needs so many people with known time: one bad line is no alarm."
    )

    @model_validator(mode="after")
    def _fits(self) -> "PoorShare":
        if self.clear is not None and self.clear > self.above:
            raise ValueError(f"clear ({self.clear:g}) to be at most above ({self.above:g})")
        if self.value and self.by == "all":
            raise ValueError('by = "region" or "network" beside a value')
        return self

    @property
    def well(self) -> float:
        """The share up to which it is well again."""
        return self.above / 2 if self.clear is None else self.clear


class StoreDown(_Rule):
    """The store cannot take a write, or pushes wait in the spool for it."""

    kind: Literal["store_down"]
    minutes: float = Field(1, ge=0, le=1440, description="Minutes that it must have been down.")


class NoPushes(_Rule):
    """Nobody pushes, and many fell silent at once without leaving."""

    kind: Literal["no_pushes"]
    minutes: int = Field(5, ge=2, le=1440, description="Minutes without any push.")
    participants: int = Field(
        5, ge=1, description="Needs so many people who fell silent together, without leaving."
    )


Rule = Annotated[PoorShare | StoreDown | NoPushes, Field(discriminator="kind")]
KINDS: tuple[type[_Rule], ...] = (PoorShare, StoreDown, NoPushes)


class Seen(Struct, frozen=True):
    """What a rule makes of one subject at this moment; `since` is when that began."""

    subject: str
    view: View
    since: int
    figures: dict[str, float]


class State(Struct, frozen=True):
    """What was decided of one subject of a rule: it is watched, or it fires.

    `since` is when it began to be bad, `fired` when that was told, `well_since` when it began to be
    well again; `figures` are the latest.
    """

    rule: str
    subject: str
    since: Moment
    fired: Moment | None
    well_since: Moment | None
    figures: dict[str, float]


class Decision(Struct, frozen=True):
    """The state that follows, None when there is nothing to remember, and what is to be told."""

    state: State | None
    event: AlertEvent | None = None


def decide(rule: Rule, state: State | None, seen: Seen | None, now: int) -> Decision:
    """What follows from what was known and what is seen; None is seen when nothing can be."""
    if seen is None:
        return Decision(state)
    if state is None or state.fired is None:
        return _begin(rule, state, seen, now)
    state = replace(state, figures=seen.figures)
    if seen.view != "clear":
        return Decision(replace(state, well_since=None))
    well_since = now if state.well_since is None else state.well_since
    state = replace(state, well_since=well_since)
    if now - well_since >= rule.quiet_minutes * 60:
        return Decision(None, "resolved")
    return Decision(state)


def _begin(rule: Rule, state: State | None, seen: Seen, now: int) -> Decision:
    if seen.view != "bad":
        return Decision(None)
    since = min(seen.since, now) if state is None else state.since
    known = State(rule.name, seen.subject, since, None, None, seen.figures)
    # The other kinds look back over their minutes themselves.
    wait = rule.minutes * 60 if isinstance(rule, StoreDown) else 0
    if now - since < wait:
        return Decision(known)
    return Decision(replace(known, fired=now), "firing")


def see_share(rule: PoorShare, share: Share, now: int) -> Seen:
    """What the figures of one region, network or of all come to. Unknown time is not poor."""
    poor = share.poor / share.known if share.known else 0.0
    view: View = "between"
    if share.participants < rule.participants or poor <= rule.well:
        view = "clear"
    elif poor > rule.above:
        view = "bad"
    figures = {"poor_share": round(poor, 4), "participants": share.participants}
    return Seen(share.value, view, now - rule.minutes * 60, figures)


def see_silence(rule: NoPushes, silence: Silence | None, now: int) -> Seen | None:
    """What the latest samples come to; None when an empty server would look the same."""
    if silence is None:
        return None
    quiet = now - silence.last
    if quiet < rule.minutes * 60:
        return Seen("", "clear", now, {})
    figures: dict[str, float] = {"fell_silent": silence.fell_silent, "seconds": quiet}
    if silence.fell_silent < rule.participants:
        return None
    return Seen("", "bad", silence.last, figures)


def see_store(down: bool, now: int) -> Seen:
    """What the store's own check comes to."""
    return Seen("", "bad" if down else "clear", now, {})
