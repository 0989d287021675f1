"""A possible cause, its score and the parts of the score."""

from collections.abc import Mapping
from typing import NamedTuple

from jmmc.quality.causes.crowd import Set


class Hypothesis(NamedTuple):
    """A cause, its unscaled probability (logarithm), and how much each part of it said."""

    kind: str
    value: str
    score: float
    parts: Mapping[str, float]
    members: Set | None = None
