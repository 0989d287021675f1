"""The signs of a whole spell, and how probable they are."""

from collections.abc import Mapping
from functools import lru_cache
from math import log

from jmmc.quality.causes.parameters import BACKGROUND, RARE_SIGN
from jmmc.quality.grading import Spell
from jmmc.quality.signs import SIGNS

_MAIN = 0.35  # Share of a spell for which a sign must hold.

_OF_REASONS: Mapping[str, tuple[str, ...]] = {
    "interrupted": ("cut",),
    "loss": ("up", "down"),
    "rtt": ("delay",),
    "jitter": ("delay",),
    "bandwidth": ("narrow",),
    "cpu": ("machine",),
    "concealed": ("media",),
    "frozen": ("media",),
}
_RARE = frozenset(sign for sign, share in zip(SIGNS, BACKGROUND, strict=True) if share <= RARE_SIGN)
_MOSTLY = 0.6
_HIDES_MEDIA = frozenset(("cut", "down"))
"""Sound and pictures that break off follow from these, where they hold as long."""


def signs_of(spell: Spell) -> frozenset[str]:
    """The signs that held for a good part of a spell; none where only an estimate was low."""
    seconds = spell.signs or _by_reasons(spell.reasons)
    least = _MAIN * (spell.end - spell.start)
    signs = frozenset(sign for sign, held in seconds.items() if held >= least)
    if not signs and seconds:
        signs = frozenset((max(seconds, key=lambda sign: (seconds[sign], sign)),))
    hiding = sum(seconds.get(sign, 0) for sign in _HIDES_MEDIA)
    return signs - {"media"} if hiding >= _MOSTLY * seconds.get("media", 0) else signs


def _by_reasons(reasons: Mapping[str, int]) -> dict[str, int]:
    """What the reasons say of the signs; not in which direction packets were lost."""
    seconds: dict[str, int] = {}
    for reason, held in reasons.items():
        for sign in _OF_REASONS.get(reason, ()):
            seconds[sign] = seconds.get(sign, 0) + held
    return seconds


@lru_cache(maxsize=4096)
def log_probability(signs: frozenset[str], of_each: tuple[float, ...]) -> float:
    """The logarithm of the probability of exactly these signs."""
    if not signs:
        return 0.0
    return sum(
        log(share if sign in signs else 1 - share)
        for sign, share in zip(SIGNS, of_each, strict=True)
    )


def share_with(signs: frozenset[str]) -> float:
    """The share of independent problems that have one of these signs."""
    without = 1.0
    for sign, share in zip(SIGNS, BACKGROUND, strict=True):
        if sign in signs:
            without *= 1 - share
    return 1 - without if signs else 1.0


def telling(signs: frozenset[str]) -> frozenset[str]:
    """The rare ones of some signs, which say most of who has the same; all where none is rare."""
    return signs & _RARE or signs
