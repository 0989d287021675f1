"""Alert rules, as an operator writes them.

Imports nothing that reads a clock or logs: what decides on them (`alerting.decision`) is pure.
"""

from typing import Annotated, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, model_validator

Group = Literal["all", "region", "bridge", "network", "browser", "microphone"]


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


class GroupRule(_Rule):
    """A rule on the share of something, of everybody together or of each group."""

    by: Group = Field(
        "all",
        description=(
            "Evaluates everybody together, or each region, bridge, network, browser or microphone"
            " separately."
        ),
    )
    value: str = Field("", description="Evaluates only the one of that name. Empty: each one.")
    minutes: int = Field(
        10,
        ge=5,
        le=1440,
        description="Minutes that are evaluated: the last ones before now.",
    )
    above: float = Field(ge=0, lt=1)
    clear: float | None = Field(
        None,
        ge=0,
        lt=1,
        description="The condition is clear at this share or less. Default: half of above.",
    )

    @model_validator(mode="after")
    def _fits(self) -> Self:
        if self.clear is not None and self.clear > self.above:
            raise ValueError(f"clear ({self.clear:g}) to be at most above ({self.above:g})")
        if self.value and self.by == "all":
            raise ValueError('by = "region", "network" or "browser" beside a value')
        return self

    @property
    def clear_share(self) -> float:
        """The share up to which the condition is clear."""
        return self.above / 2 if self.clear is None else self.clear


class PoorShare(GroupRule):
    """Fires when too much of the time was poor."""

    kind: Literal["poor_share"]
    above: float = Field(
        0.2,
        ge=0,
        lt=1,
        description="The alert fires when more than this share of the known time was poor.",
    )
    participants: int = Field(
        5,
        ge=1,
        description="Minimum of participants with known time: one poor line raises no alert.",
    )


class FailedJoins(GroupRule):
    """Fires when too many joins fail for a technical reason."""

    kind: Literal["failed_joins"]
    above: float = Field(
        0.05,
        ge=0,
        lt=1,
        description="The alert fires when more than this share of the joins failed.",
    )
    least: int = Field(20, ge=1, description="Minimum of joins, whether they failed or not.")
    participants: int = Field(
        3,
        ge=1,
        description="Minimum of participants whose joins failed: one who tries again and again"
        " raises no alert.",
    )


class Drops(GroupRule):
    """Fires when failures end too many stays."""

    kind: Literal["drops"]
    above: float = Field(
        0.05,
        ge=0,
        lt=1,
        description="The alert fires when failures ended more than this share of the stays.",
    )
    least: int = Field(20, ge=1, description="Minimum of stays that ended, in whatever way.")
    participants: int = Field(
        3, ge=1, description="Minimum of participants who were dropped: one line raises no alert."
    )


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


class IncidentBegun(_Rule):
    """Fires when an incident has begun that affects enough people; each incident on its own."""

    kind: Literal["incident"]
    participants: int = Field(
        5, ge=1, description="Minimum of affected people, in all meetings together."
    )
    probability: float = Field(
        0,
        ge=0,
        le=1,
        description="Minimum probability of its most probable cause, or of all causes of a tie"
        " together; 0: whatever the cause.",
    )


Rule = Annotated[
    PoorShare | FailedJoins | Drops | StoreDown | DiskFull | NoPushes | IncidentBegun,
    Field(discriminator="kind"),
]
KINDS: tuple[type[_Rule], ...] = (
    *(PoorShare, FailedJoins, Drops),
    *(StoreDown, DiskFull, NoPushes, IncidentBegun),
)

LOCAL_KINDS = ("store_down", "disk_full")
"""Kinds of rules about one collector and its own disk: each collector evaluates them itself."""
