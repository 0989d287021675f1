"""This moment: who is there, how their meetings are, and where it is bad."""

from collections import Counter
from collections.abc import Sequence

from jmmc.answers import Live, Place, Tile
from jmmc.quality import Grade
from jmmc.summary import Summary

_PLACES = 12  # Shown at the most.
_REASONS = 3
_DIMENSIONS = ("region", "network", "provider", "browser")


def live(running: Sequence[Summary], now: int) -> Live:
    """The answer, of the summaries that run."""
    by_began = sorted(running, key=lambda it: (it.began, it.session))
    rooms: dict[str, list[Summary]] = {}
    for it in by_began:
        rooms.setdefault(it.conf, []).append(it)
    tiles = [_tile(conf, its) for conf, its in rooms.items()]
    tiles.sort(key=lambda it: (-it.poor, -it.fair, -it.people, it.conf))
    grades = Counter(it.at_present for it in running)
    return Live(
        now,
        len(running),
        grades[Grade.GOOD],
        grades[Grade.FAIR],
        grades[Grade.POOR],
        grades[Grade.UNKNOWN],
        tuple(tiles),
        tuple(_places(by_began)[:_PLACES]),
    )


def _places(running: Sequence[Summary]) -> list[Place]:
    places: list[Place] = []
    for dimension in _DIMENSIONS:
        by_value: dict[str, list[Summary]] = {}
        for it in running:
            by_value.setdefault(getattr(it, dimension), []).append(it)
        for value, its in by_value.items():
            bad = sum(it.at_present >= Grade.FAIR for it in its)
            if bad and value:
                places.append(Place(dimension, value, len(its), bad))
    return sorted(places, key=lambda it: (-it.bad, -it.bad / it.people, it.dimension, it.value))


def _tile(conf: str, its: Sequence[Summary]) -> Tile:
    grades = Counter(it.at_present for it in its)
    reasons = Counter(
        reason
        for it in its
        if it.spells and it.spells[-1].end == it.ended
        for reason in it.spells[-1].reasons
    )
    return Tile(
        its[0].session,
        conf,
        its[0].began,
        len(its),
        grades[Grade.GOOD],
        grades[Grade.FAIR],
        grades[Grade.POOR],
        grades[Grade.UNKNOWN],
        tuple(reason for reason, _ in reasons.most_common(_REASONS)),
    )
