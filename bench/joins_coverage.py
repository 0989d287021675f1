"""Measure how often 95 % confidence intervals of the share of failed joins contain the true share.

    python bench/joins_coverage.py

Draws joins from lives in which the share is known, and prints for each life, number of joins and
share the coverage in percent, and in brackets the median width of the interval.
"""

import sys
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from random import Random
from statistics import median

sys.path.insert(0, str(Path(__file__).parent.parent))

from jmmc.quality.intervals import groups_of
from jmmc.quality.joins import JoinOutcome, Joins, JoinSums

SIZES = (40, 200, 1000)
SHARES = (0.02, 0.05, 0.2)
_SAMPLES = 400
_MEETING = 5  # Joins of a meeting that fails as a whole.
_MOST_TRIES = 10

Join = tuple[str, str, bool]
"""Person, room, and whether the join failed."""


def independent(rng: Random, count: int, share: float) -> list[Join]:
    """Everybody tries once, in a meeting of their own."""
    return [(_name(rng), _name(rng), rng.random() < share) for _ in range(count)]


def meetings(rng: Random, count: int, share: float) -> list[Join]:
    """All joins of a meeting fail, or none."""
    joins: list[Join] = []
    while len(joins) < count:
        room, fails = _name(rng), rng.random() < share
        joins += [(_name(rng), room, fails) for _ in range(_MEETING)]
    return joins


def retries(rng: Random, count: int, share: float) -> list[Join]:
    """Those whose join fails try up to ten times."""
    tries = (1 + _MOST_TRIES) / 2
    share_of_people = share / (tries * (1 - share) + share)
    joins: list[Join] = []
    while len(joins) < count:
        person, room = _name(rng), _name(rng)
        if rng.random() < share_of_people:
            joins += [(person, room, True)] * rng.randint(1, _MOST_TRIES)
        else:
            joins.append((person, room, False))
    return joins


LIVES: dict[str, Callable[[Random, int, float], list[Join]]] = {
    "independent joins": independent,
    "whole meetings of five fail": meetings,
    "those who fail try up to ten times": retries,
}


def _name(rng: Random) -> str:
    return f"{rng.getrandbits(60):x}"


def _interval(joins: list[Join]) -> tuple[float, float]:
    outcomes = Counter(
        JoinOutcome(
            Joins(failed=int(fails), joined=int(not fails)), groups_of(who, room, 0), "", None
        )
        for who, room, fails in joins
    )
    return JoinSums.of(outcomes).failed_interval or (0.0, 1.0)


def main() -> None:
    """Print a table in Markdown."""
    rng = Random(3)
    print("| life | joins | " + " | ".join(f"{share:.0%}" for share in SHARES) + " |")
    print("|---|---|" + "---|" * len(SHARES))
    for name, draw in LIVES.items():
        for count in SIZES:
            cells = []
            for share in SHARES:
                found = [_interval(draw(rng, count, share)) for _ in range(_SAMPLES)]
                covered = sum(low <= share <= high for low, high in found) / _SAMPLES
                width = median(high - low for low, high in found)
                cells.append(f"{covered:.1%} ({width:.3f})")
            print(f"| {name} | {count:,} | " + " | ".join(cells) + " |", flush=True)


if __name__ == "__main__":
    main()
