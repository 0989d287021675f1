"""Alert rules, as an operator writes them.

Imports nothing that reads a clock or logs: what decides on them (`alerting.decision`) is pure.
"""

from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, model_validator

Group = Literal["all", "region", "bridge", "network"]


class _Rule(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True)

    name: str = Field(
        pattern=r"^[a-z0-9][a-z0-9_-]{0,63}$",
        description="Name in notifications: lower-case letters, digits, - and _.",
    )
    quiet_minutes: float = Field(
        5,
        ge=0,
        le=1440,
        description="How long the condition must be clear before the alert resolves, in minutes.",
    )


class PoorShare(_Rule):
    """Fires when too much of the time was poor."""

    kind: Literal["poor_share"]
    by: Group = Field(
        "all",
        description="Evaluates everybody together, or each region, bridge or network separately.",
    )
    value: str = Field(
        "", description="Evaluates this region, bridge or network only. Empty: each one."
    )
    minutes: int = Field(
        10,
        ge=5,
        le=1440,
        description="Minutes that are evaluated: the last ones before now.",
    )
    above: float = Field(
        0.2,
        ge=0,
        lt=1,
        description="The alert fires when more than this share of the known time was poor.",
    )
    clear: float | None = Field(
        None,
        ge=0,
        lt=1,
        description="The condition is clear at this share or less. Default: half of above.",
    )
    participants: int = Field(
        5,
        ge=1,
        description="Minimum of participants with known time: one poor line raises no alert.",
    )

    @model_validator(mode="after")
    def _fits(self) -> "PoorShare":
        if self.clear is not None and self.clear > self.above:
            raise ValueError(f"clear ({self.clear:g}) to be at most above ({self.above:g})")
        if self.value and self.by == "all":
            raise ValueError('by = "region", "bridge" or "network" beside a value')
        return self

    @property
    def clear_share(self) -> float:
        """The poor share up to which the condition is clear."""
        return self.above / 2 if self.clear is None else self.clear


class StoreDown(_Rule):
    """Fires when the store cannot take a write, or pushes wait in the spool for it."""

    kind: Literal["store_down"]
    minutes: float = Field(
        1,
        ge=0,
        le=1440,
        description="How long the store must be down before the alert fires, in minutes.",
    )


class DiskFull(_Rule):
    """Fires when the disk will soon be full, or has less free space than `min_free_disk`."""

    kind: Literal["disk_full"]
    hours: float = Field(
        24,
        gt=0,
        le=168,
        description="The alert fires when the disk will be full within this time, in hours.",
    )


class NoPushes(_Rule):
    """Fires when nobody pushes, and many fell silent at once without leaving."""

    kind: Literal["no_pushes"]
    minutes: int = Field(
        5, ge=2, le=1440, description="Minutes without any push before the alert fires."
    )
    participants: int = Field(
        5,
        ge=1,
        description="Minimum of participants who fell silent together without leaving.",
    )


Rule = Annotated[PoorShare | StoreDown | DiskFull | NoPushes, Field(discriminator="kind")]
KINDS: tuple[type[_Rule], ...] = (PoorShare, StoreDown, DiskFull, NoPushes)

LOCAL_KINDS = ("store_down", "disk_full")
"""Kinds of rules about one collector and its own disk: each collector evaluates them itself."""
