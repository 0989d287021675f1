"""Alert rules, as an operator writes them."""

from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, model_validator

Group = Literal["all", "region", "network"]


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
